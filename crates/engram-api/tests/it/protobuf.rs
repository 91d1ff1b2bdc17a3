//! Messages that are wrong, and the meaning of what proto3 leaves out.

use engram_api::{
    ForgetReceiptRequest, GetRequest, ListRequest, OPERATIONS, ProtoFile, ProtoLabel,
    RecallRequest, RememberRequest, UpdateRequest, decode, decode_proto, encode_proto, space_of,
};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use serde::de::DeserializeOwned;

/// A field of a message: its key, then the content as it stands.
fn field(message: &str, name: &str, (wire_type, content): (WireType, &[u8])) -> Vec<u8> {
    let message = ProtoFile::current().message(message).unwrap();
    let field = message.fields.iter().find(|field| field.name == name).unwrap();
    let mut out = Vec::new();
    encode_key(field.number, wire_type, &mut out);
    if wire_type == WireType::LengthDelimited {
        encode_varint(content.len() as u64, &mut out);
    }
    out.extend_from_slice(content);
    out
}

const BYTES: WireType = WireType::LengthDelimited;

fn check<T: DeserializeOwned + std::fmt::Debug>(message: &str, bytes: &[u8], expected: &Expect) {
    let problem = decode_proto::<T>(message, bytes).unwrap_err();
    expected.assert_eq(&format!("{} | {} | {:?}", problem.code, problem.detail, problem.field));
}

#[test]
fn wrong_messages_say_where() {
    let remember = |name, content, expected: &Expect| {
        let bytes = field("RememberRequest", name, content);
        check::<RememberRequest>("RememberRequest", &bytes, expected);
    };
    remember(
        "text",
        (BYTES, b"a\xff"),
        &expect![[r#"invalid_utf8 | a string is not UTF-8 | Some("text")"#]],
    );
    remember(
        "text",
        (WireType::Varint, b"\x01"),
        &expect![[
            r#"invalid_protobuf | a field has not the wire type of a string | Some("text")"#
        ]],
    );
    remember(
        "vector",
        (BYTES, b"\x00\x00\xc0\x7f"),
        &expect![[r#"not_finite | a number is not finite | Some("vector[0]")"#]],
    );
    remember(
        "vector",
        (BYTES, b"\x00\x00\xc0"),
        &expect![[
            r#"invalid_protobuf | a packed list ends before its last number does | Some("vector")"#
        ]],
    );
    remember(
        "text",
        (WireType::StartGroup, b""),
        &expect!["invalid_protobuf | groups are not of proto3 | None"],
    );
    let mut half = field("RememberRequest", "text", (BYTES, b"half"));
    half.truncate(half.len() - 1);
    check::<RememberRequest>(
        "RememberRequest",
        &half,
        &expect!["invalid_protobuf | the message ends before a field does | None"],
    );
    check::<RememberRequest>(
        "RememberRequest",
        b"\xfa\x7f\x00",
        &expect!["unknown_field | no field has number 2047 | None"],
    );
    check::<GetRequest>(
        "GetRequest",
        b"",
        &expect![[r#"missing_field | missing field `id` | Some("id")"#]],
    );
    let mode = field("RecallRequest", "mode", (WireType::Varint, &[99]));
    check::<RecallRequest>(
        "RecallRequest",
        &mode,
        &expect![[r#"invalid_value | ModeName has no value 99 | Some("mode")"#]],
    );
    let late = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }.encode_to_vec();
    remember(
        "occurred_at",
        (BYTES, &late),
        &expect![[
            r#"bad_time | bad time: a Timestamp is outside the years that can be kept | Some("occurred_at")"#
        ]],
    );
}

#[test]
fn filters_too_deep_are_refused() {
    let mut filter = Vec::new();
    for _ in 0..200 {
        filter = field("FilterInput", "not", (BYTES, &filter));
    }
    let request = field("ListRequest", "filter", (BYTES, &filter));
    let problem = decode_proto::<ListRequest>("ListRequest", &request).unwrap_err();
    assert_eq!(problem.code, "too_deep");
}

#[test]
fn a_request_names_its_space_and_zero_is_a_number() {
    let request: ForgetReceiptRequest = decode(br#"{"lsn": 0}"#).unwrap();
    let bytes = encode_proto("ForgetReceiptRequest", "notes", &request).unwrap();
    assert_eq!(space_of("ForgetReceiptRequest", &bytes).unwrap(), "notes");
    assert_eq!(
        decode_proto::<ForgetReceiptRequest>("ForgetReceiptRequest", &bytes).unwrap(),
        request
    );
    let absent = decode_proto::<ForgetReceiptRequest>("ForgetReceiptRequest", b"").unwrap();
    assert_eq!(absent.lsn, 0, "generated code leaves a zero out");
    assert_eq!(space_of("VersionRequest", b"").unwrap(), "");
}

#[test]
fn a_double_beyond_a_float_is_out_of_range() {
    for beyond in [1e39_f64, -1e39, f64::MAX, f64::from(f32::MAX) * 1.1] {
        let bytes = beyond.to_le_bytes();
        let importance = field("RememberRequest", "importance", (WireType::SixtyFourBit, &bytes));
        check::<RememberRequest>(
            "RememberRequest",
            &importance,
            &expect![[r#"out_of_range | no float holds this number | Some("importance")"#]],
        );
    }
    let largest = f64::from(f32::MAX).to_le_bytes();
    let bytes = field("RememberRequest", "importance", (WireType::SixtyFourBit, &largest));
    let request = decode_proto::<RememberRequest>("RememberRequest", &bytes).unwrap();
    assert_eq!(request.memory.importance, Some(f32::MAX));
}

#[test]
fn an_empty_packed_list_says_what_an_absent_one_does() {
    let text = field("RememberRequest", "text", (BYTES, b"a"));
    let empty = field("RememberRequest", "vector", (BYTES, b""));
    let read = |bytes: &[u8]| decode_proto::<RememberRequest>("RememberRequest", bytes).unwrap();
    assert_eq!(read(&[&text[..], &empty].concat()), read(&text));
    // Elements beside an empty part count.
    let one = field("RememberRequest", "vector", (BYTES, &1_f32.to_le_bytes()));
    for parts in [[&empty[..], &one], [&one[..], &empty]] {
        assert_eq!(read(&parts.concat()), read(&one));
    }
    let kinds = field("FilterInput", "kinds", (BYTES, b""));
    let filter = field("ListRequest", "filter", (BYTES, &kinds));
    let none = field("ListRequest", "filter", (BYTES, b""));
    let list = |bytes: &[u8]| decode_proto::<ListRequest>("ListRequest", bytes).unwrap();
    assert_eq!(list(&filter), list(&none));
}

#[test]
fn what_is_null_in_json_is_named_in_clear() {
    let request: UpdateRequest =
        decode(br#"{"id": "a", "set": {"place": null, "title": "b", "tags": null}}"#).unwrap();
    let bytes = encode_proto("UpdateRequest", "notes", &request).unwrap();
    assert_eq!(decode_proto::<UpdateRequest>("UpdateRequest", &bytes).unwrap(), request);
    let patch = field("MemoryPatch", "clear", (BYTES, b"pla"));
    let bad = [
        field("UpdateRequest", "id", (BYTES, b"a")),
        field("UpdateRequest", "set", (BYTES, &patch)),
    ];
    check::<UpdateRequest>(
        "UpdateRequest",
        &bad.concat(),
        &expect![[r#"invalid_value | `pla` in `clear` is no field | Some("set")"#]],
    );
}

#[test]
fn every_operation_can_be_called_and_no_field_shadows_another() {
    let file = ProtoFile::current();
    for operation in OPERATIONS {
        let rpcs = file.rpcs.iter().filter(|rpc| rpc.operation.name == operation.name).count();
        assert_eq!(rpcs, 1 + usize::from(operation.streaming().is_some()), "{}", operation.name);
    }
    for rpc in &file.rpcs {
        assert!(file.message(&rpc.request).is_some(), "{}", rpc.request);
        assert!(file.message(rpc.response).is_some(), "{}", rpc.response);
    }
    for message in &file.messages {
        let one_of = message.fields.iter().filter(|field| field.label == ProtoLabel::OneOf).count();
        assert!(one_of == 0 || one_of == message.fields.len(), "{}", message.name);
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_proto::<RememberRequest>("RememberRequest", &bytes);
        let _ = decode_proto::<RecallRequest>("RecallRequest", &bytes);
        let _ = decode_proto::<UpdateRequest>("UpdateRequest", &bytes);
        let _ = space_of("RecallRequest", &bytes);
    }

    /// Bytes that are a message nearly always: one bit of a good one is another.
    #[test]
    fn no_flipped_bit_panics(place in any::<proptest::sample::Index>(), bit in 0..8u8) {
        let recall = OPERATIONS.iter().find(|operation| operation.name == "recall").unwrap();
        let request: RecallRequest = decode(recall.request_example.as_bytes()).unwrap();
        let mut bytes = encode_proto("RecallRequest", "notes", &request).unwrap();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let _ = decode_proto::<RecallRequest>("RecallRequest", &bytes);
    }
}
