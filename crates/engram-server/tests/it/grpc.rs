//! The gRPC door: the same answers as REST, its own errors, deadlines, streams, health and reflection.

use engram_api::{
    ChangesRequest, ChangesResponse, ConsolidateRequest, ConsolidateResponse, ExportRequest,
    GetRequest, ImportRequest, ImportResponse, ListSpacesResponse, MemoryView, OPERATIONS, Problem,
    RememberManyRequest, RememberManyResponse, RememberRequest, RememberResponse, RememberResult,
    Scope, TransferRecord, decode, decode_proto, encode_proto,
};
use expect_test::{Expect, expect};
use futures_util::StreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::harness::Fixture;

/// Messages as bytes.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(out, &message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let length = bytes::Buf::remaining(message);
        Ok(Some(bytes::Buf::copy_to_bytes(message, length).to_vec()))
    }
}

/// A client that sends messages as bytes.
pub(crate) struct GrpcClient {
    runtime: Runtime,
    grpc: Grpc<Channel>,
}

impl GrpcClient {
    pub(crate) fn of(server: &Fixture) -> GrpcClient {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let addr = server.server().grpc_addr().unwrap();
        let endpoint = Channel::from_shared(format!("http://{addr}")).unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        GrpcClient { runtime, grpc: Grpc::new(channel) }
    }

    fn raw(&mut self, path: &str, request: Request<Vec<u8>>) -> Result<Vec<u8>, Status> {
        let path = path.parse().unwrap();
        let grpc = &mut self.grpc;
        let answered = self.runtime.block_on(async {
            grpc.ready().await.unwrap();
            grpc.unary(request, path, Raw).await
        });
        answered.map(tonic::Response::into_inner)
    }

    /// A call with this value of `authorization`, if any.
    pub(crate) fn with_credential(
        &mut self,
        path: &str,
        credential: Option<&str>,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, Status> {
        let mut request = Request::new(message);
        if let Some(credential) = credential {
            request.metadata_mut().insert("authorization", credential.parse().unwrap());
        }
        self.raw(path, request)
    }

    fn call<Q: Serialize, A: DeserializeOwned>(
        &mut self,
        (method, space): (&str, &str),
        request: &Q,
        response: &str,
    ) -> Result<A, Status> {
        let bytes = encode_proto(&format!("{method}Request"), space, request).unwrap();
        let answer = self.raw(&format!("/engram.v1.Engram/{method}"), Request::new(bytes))?;
        Ok(decode_proto(response, &answer).unwrap())
    }

    pub(crate) fn remember(
        &mut self,
        space: &str,
        request: &Value,
    ) -> Result<RememberResponse, Status> {
        let request: RememberRequest = decode(request.to_string().as_bytes()).unwrap();
        self.call(("Remember", space), &request, "RememberResponse")
    }
}

fn check(status: &Status, expected: &Expect) {
    let details = status.get_error_details();
    let reason =
        details.error_info().map(|info| (info.reason.clone(), info.metadata["errno"].clone()));
    let fields: Vec<String> = details.bad_request().map_or_else(Vec::new, |bad| {
        bad.field_violations.iter().map(|one| one.field.clone()).collect()
    });
    expected.assert_eq(&format!(
        "{:?} | {} | {reason:?} | {fields:?}",
        status.code(),
        status.message()
    ));
}

#[test]
fn what_one_door_stores_the_other_shows() {
    let server = Fixture::start();
    let mut client = GrpcClient::of(&server);
    let memory = json!({
        "id": "m1", "text": "Ada moved to Zurich.", "people": ["Ada"], "importance": 0.5,
        "occurred_at": "2026-01-05T11:00:00.123456789Z", "metadata": {"ticket": {"priority": 2, "tags": ["a", null]}},
    });
    let stored = client.remember("default", &memory).unwrap();
    assert!(stored.created);
    let again = client.remember("default", &memory).unwrap();
    assert!(!again.created && again.lsn == stored.lsn, "{again:?}");
    let over_rest = server.get("/api/v1/spaces/default/memories/m1").json(200);
    let over_rest: MemoryView = decode(over_rest.to_string().as_bytes()).unwrap();
    let get = GetRequest { id: "m1".to_owned(), ..GetRequest::default() };
    let mut over_grpc: MemoryView = client.call(("Get", "default"), &get, "MemoryView").unwrap();
    // Strength is a function of the moment.
    over_grpc.strength = over_rest.strength.clone();
    assert_eq!(over_grpc, over_rest);
    let spaces: ListSpacesResponse =
        client.call(("ListSpaces", ""), &json!({}), "ListSpacesResponse").unwrap();
    assert_eq!(spaces.spaces[0].name, "default");
}

#[test]
fn refusals_say_what_to_do() {
    let server = Fixture::start();
    let mut client = GrpcClient::of(&server);
    let absent = client.remember("nowhere", &json!({"text": "a"})).unwrap_err();
    check(
        &absent,
        &expect![[
            r#"NotFound | space "nowhere" does not exist | Some(("space_not_found", "ERR-2001")) | []"#
        ]],
    );
    let unnamed = client.remember("", &json!({"text": "a"})).unwrap_err();
    check(
        &unnamed,
        &expect![[
            r#"InvalidArgument | the name of a space is 1 to 64 of a-z 0-9 - _, starting with a letter or digit | Some(("bad_space_name", "ERR-1015")) | []"#
        ]],
    );
    let late = client.remember("default", &json!({"text": "a", "importance": 2.0})).unwrap_err();
    check(
        &late,
        &expect![[
            r#"InvalidArgument | importance: is 2, must lie in [0, 1] | Some(("out_of_range", "ERR-1007")) | ["importance"]"#
        ]],
    );
    let broken = client.raw("/engram.v1.Engram/Remember", Request::new(vec![0xff])).unwrap_err();
    check(
        &broken,
        &expect![[
            r#"InvalidArgument | failed to decode Protobuf message: invalid varint | Some(("invalid_protobuf", "ERR-1034")) | ["space"]"#
        ]],
    );
    let unknown = client.raw("/engram.v1.Engram/Remembr", Request::new(vec![])).unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
    let elsewhere = client.raw("/engram.v2.Engram/Remember", Request::new(vec![])).unwrap_err();
    assert_eq!(elsewhere.code(), Code::Unimplemented);
}

#[test]
fn a_deadline_and_a_key_beside_the_message_count() {
    let server = Fixture::start();
    let mut client = GrpcClient::of(&server);
    let request = |text: &str, name: &'static str, value: &'static str| {
        let request: RememberRequest =
            decode(json!({"text": text}).to_string().as_bytes()).unwrap();
        let bytes = encode_proto("RememberRequest", "default", &request).unwrap();
        let mut request = Request::new(bytes);
        request.metadata_mut().insert(name, value.parse().unwrap());
        request
    };
    let path = "/engram.v1.Engram/Remember";
    let late = client.raw(path, request("a", "grpc-timeout", "1n")).unwrap_err();
    assert!(matches!(late.code(), Code::DeadlineExceeded | Code::Cancelled), "{late:?}");
    let first = client.raw(path, request("b", "idempotency-key", "k1")).unwrap();
    let second = client.raw(path, request("b", "idempotency-key", "k1")).unwrap();
    let id = |bytes: &[u8]| decode_proto::<RememberResponse>("RememberResponse", bytes).unwrap().id;
    assert_eq!(id(&first), id(&second));
}

#[test]
fn each_step_of_a_consolidation_is_a_message() {
    let server = Fixture::start();
    let mut client = GrpcClient::of(&server);
    for (index, text) in
        ["The shop opens at nine.", "The shop opens at nine!"].into_iter().enumerate()
    {
        let memory = json!({"id": format!("m{index}"), "text": text, "wait": "links"});
        client.remember("default", &memory).unwrap();
    }
    let bytes =
        encode_proto("ConsolidateRequest", "default", &ConsolidateRequest::default()).unwrap();
    let grpc = &mut client.grpc;
    let steps = client.runtime.block_on(async {
        grpc.ready().await.unwrap();
        let path = "/engram.v1.Engram/ConsolidateSteps".parse().unwrap();
        let mut told =
            grpc.server_streaming(Request::new(bytes), path, Raw).await.unwrap().into_inner();
        let mut steps: Vec<ConsolidateResponse> = Vec::new();
        while let Some(message) = told.message().await.unwrap() {
            steps.push(decode_proto("ConsolidateResponse", &message).unwrap());
        }
        steps
    });
    assert!(steps.last().is_some_and(|step| step.remaining == 0), "{steps:?}");
}

#[test]
fn a_stream_of_writes_is_answered_in_order_and_goes_on_behind_a_refusal() {
    let server = Fixture::start();
    let mut client = GrpcClient::of(&server);
    let message = |n: usize| {
        let text = if n == 7 { "" } else { "said" };
        let json = json!({"memories": [{"id": format!("m{n}"), "text": text}]}).to_string();
        let request: RememberManyRequest = decode(json.as_bytes()).unwrap();
        encode_proto("RememberManyRequest", "default", &request).unwrap()
    };
    let messages: Vec<Vec<u8>> = (0..100).map(message).collect();
    let grpc = &mut client.grpc;
    let answers = client.runtime.block_on(async {
        grpc.ready().await.unwrap();
        let path = "/engram.v1.Engram/Ingest".parse().unwrap();
        let request = Request::new(futures_util::stream::iter(messages));
        let mut told = grpc.streaming(request, path, Raw).await.unwrap().into_inner();
        let mut answers = Vec::new();
        while let Some(message) = told.message().await.unwrap() {
            answers.push(message);
        }
        answers
    });
    assert_eq!(answers.len(), 100);
    for (n, answer) in answers.iter().enumerate() {
        // A field with its tag and its length, of one or two bytes.
        let inner = &answer[if answer[1] < 0x80 { 2 } else { 3 }..];
        match n {
            7 => {
                let problem: Problem = decode_proto("Problem", inner).unwrap();
                assert_eq!((answer[0] >> 3, problem.code.as_str()), (2, "no_content"));
            }
            n => {
                let stored: RememberManyResponse =
                    decode_proto("RememberManyResponse", inner).unwrap();
                let RememberResult::Stored(stored) = &stored.results[0] else { panic!() };
                assert_eq!((answer[0] >> 3, &stored.id), (1, &format!("m{n}")));
            }
        }
    }
    assert_eq!(server.count(), 99);
}

/// Small messages come faster than the log takes them: the connection holds them back and does not end.
#[test]
fn a_fast_stream_of_small_writes_is_held_back() {
    const COUNT: usize = 12_000;
    let server = Fixture::start();
    let space = json!({"name": "small", "embedder": "none", "dimension": 2});
    server.post("/api/v1/spaces", &space).json(201);
    let mut client = GrpcClient::of(&server);
    let message = |n: usize| {
        let json = json!({"memories": [{"id": n.to_string(), "text": "a"}]}).to_string();
        let request: RememberManyRequest = decode(json.as_bytes()).unwrap();
        encode_proto("RememberManyRequest", "small", &request).unwrap()
    };
    let messages: Vec<Vec<u8>> = (0..COUNT).map(message).collect();
    let grpc = &mut client.grpc;
    let answered = client.runtime.block_on(async {
        grpc.ready().await.unwrap();
        let path = "/engram.v1.Engram/Ingest".parse().unwrap();
        // A frame of its own for each.
        let one = async |message| {
            tokio::task::yield_now().await;
            message
        };
        let request = Request::new(futures_util::stream::iter(messages).then(one));
        let mut told = grpc.streaming(request, path, Raw).await.unwrap().into_inner();
        let mut answered = 0;
        while told.message().await.unwrap().is_some() {
            answered += 1;
        }
        answered
    });
    assert_eq!(answered, COUNT);
    let stats = server.get("/api/v1/spaces/small/stats").json(200);
    assert_eq!(stats["memories"], COUNT);
}

/// The records of an export of a space, page after page of two.
fn exported(client: &mut GrpcClient, space: &str) -> Vec<TransferRecord> {
    let request = ExportRequest { limit: Some(2), ..ExportRequest::default() };
    let bytes = encode_proto("ExportRequest", space, &request).unwrap();
    let grpc = &mut client.grpc;
    client.runtime.block_on(async {
        grpc.ready().await.unwrap();
        let path = "/engram.v1.Engram/ExportStream".parse().unwrap();
        let mut told =
            grpc.server_streaming(Request::new(bytes), path, Raw).await.unwrap().into_inner();
        let mut records = Vec::new();
        while let Some(message) = told.message().await.unwrap() {
            records.push(decode_proto("TransferRecord", &message).unwrap());
        }
        records
    })
}

fn imported(
    client: &mut GrpcClient,
    space: &str,
    requests: &[ImportRequest],
) -> Result<ImportResponse, Status> {
    let message = |request| encode_proto("ImportRequest", space, request).unwrap();
    let messages: Vec<Vec<u8>> = requests.iter().map(message).collect();
    let grpc = &mut client.grpc;
    client.runtime.block_on(async {
        grpc.ready().await.unwrap();
        let path = "/engram.v1.Engram/ImportStream".parse().unwrap();
        let request = Request::new(futures_util::stream::iter(messages));
        let answer = grpc.client_streaming(request, path, Raw).await?.into_inner();
        Ok(decode_proto("ImportResponse", &answer).unwrap())
    })
}

#[test]
fn a_space_moves_over_two_streams() {
    let server = Fixture::start();
    let mut client = GrpcClient::of(&server);
    for id in ["a", "b", "c", "d", "e"] {
        server.remember(id, &format!("Ada said {id}."));
    }
    let tie = json!({"from": "a", "to": "e", "relation": "caused"});
    server.post("/api/v1/spaces/default/associate", &tie).json(200);
    let records = exported(&mut client, "default");
    assert_eq!(records.len(), 6);
    server.post("/api/v1/spaces", &json!({"name": "copy"})).json(201);
    let one = |record: &TransferRecord| ImportRequest {
        records: vec![record.clone()],
        ..ImportRequest::default()
    };
    let requests: Vec<ImportRequest> = records.iter().map(one).collect();
    let answer = imported(&mut client, "copy", &requests).unwrap();
    assert_eq!((answer.created.memories, answer.created.associations), (5, 1));
    assert_eq!(exported(&mut client, "copy"), records);

    // Places count from the first record of the stream, over all batches.
    let bad = |n: usize| {
        let json = json!({"records": [{"memory": {"content": {"id": format!("x{n}"), "text": if n == 1_500 { "" } else { "said" }}}}], "partial": true});
        decode::<ImportRequest>(json.to_string().as_bytes()).unwrap()
    };
    let many: Vec<ImportRequest> = (0..1_600).map(bad).collect();
    let answer = imported(&mut client, "copy", &many).unwrap();
    assert_eq!(answer.created.memories, 1_599);
    let places: Vec<u64> = answer.refused.iter().map(|refused| refused.index).collect();
    assert_eq!(places, [1_500]);
    let strict: Vec<ImportRequest> =
        many.into_iter().map(|request| ImportRequest { partial: false, ..request }).collect();
    let refused = imported(&mut client, "copy", &strict).unwrap_err();
    let field = &refused.get_details_bad_request().unwrap().field_violations[0].field;
    assert_eq!(field, "records[1500].memory.content.text");
    let empty = imported(&mut client, "copy", &[]).unwrap_err();
    assert_eq!(empty.code(), Code::InvalidArgument);
}

#[test]
fn changes_are_messages_without_an_end() {
    let server = Fixture::start();
    let mut client = GrpcClient::of(&server);
    let request = ChangesRequest { after: Some(1), ..ChangesRequest::default() };
    let bytes = encode_proto("ChangesRequest", "default", &request).unwrap();
    server.remember("a", "Ada lives in Zurich.");
    let grpc = &mut client.grpc;
    let page = client.runtime.block_on(async {
        grpc.ready().await.unwrap();
        let path = "/engram.v1.Engram/Subscribe".parse().unwrap();
        let mut told =
            grpc.server_streaming(Request::new(bytes), path, Raw).await.unwrap().into_inner();
        let message = told.message().await.unwrap().unwrap();
        decode_proto::<ChangesResponse>("ChangesResponse", &message).unwrap()
    });
    assert_eq!(page.commits[0].changes[0].id, "a");
}

#[test]
fn health_and_reflection_answer() {
    let server = Fixture::start();
    let mut client = GrpcClient::of(&server);
    let serving = client.raw("/grpc.health.v1.Health/Check", Request::new(vec![])).unwrap();
    assert_eq!(serving, [8, 1], "status: SERVING");
    // A field with tag 7 asks for the list of services.
    let request = Request::new(futures_util::stream::iter([vec![7 << 3 | 2, 0]]));
    let grpc = &mut client.grpc;
    let names = client.runtime.block_on(async {
        grpc.ready().await.unwrap();
        let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo".parse().unwrap();
        let mut told = grpc.streaming(request, path, Raw).await.unwrap().into_inner();
        String::from_utf8_lossy(&told.message().await.unwrap().unwrap()).into_owned()
    });
    assert!(
        names.contains("engram.v1.Engram") && names.contains("grpc.health.v1.Health"),
        "{names}"
    );
}

/// An empty request is refused or answered by each operation, and never fails.
#[test]
fn every_operation_is_there() {
    let server = Fixture::start();
    let mut client = GrpcClient::of(&server);
    for operation in OPERATIONS.iter().filter(|operation| operation.name != "delete_space") {
        let camel: String =
            operation.name.split('_').map(|part| part[..1].to_uppercase() + &part[1..]).collect();
        let space = if operation.scope == Scope::Space { "default" } else { "" };
        let name = operation.request.map_or_else(|| format!("{camel}Request"), str::to_owned);
        let bytes = encode_proto(&name, space, &json!({})).unwrap();
        let answered = client.raw(&format!("/engram.v1.Engram/{camel}"), Request::new(bytes));
        if let Err(status) = answered {
            // Where nobody is asked who they are, there are no keys.
            let is_closed = operation.name == "list_keys";
            assert!(
                matches!(status.code(), Code::InvalidArgument | Code::NotFound)
                    || (is_closed && status.code() == Code::PermissionDenied),
                "{}: {status:?}",
                operation.name
            );
        }
    }
}
