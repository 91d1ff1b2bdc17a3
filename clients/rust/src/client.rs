//! The operations as methods.

use engram_api::{
    AssociateRequest, AssociateResponse, AssociationsRequest, AssociationsResponse, BackupJobView,
    BackupStatusView, BeliefsRequest, BeliefsResponse, CallerView, ChangesRequest, ChangesResponse,
    CompleteRequest, CompleteResponse, ConsolidateRequest, ConsolidateResponse,
    CreateBackupRequest, CreateKeyRequest, CreateRestorePointRequest, CreateSpaceRequest,
    DeleteSpaceResponse, DissociateRequest, DissociateResponse, ExportRequest, ExportResponse,
    FadingRequest, FadingResponse, FeedbackRequest, FeedbackResponse, ForgetReceiptRequest,
    ForgetReceiptResponse, ForgetRequest, ForgetResponse, GetRequest, HistoryRequest,
    HistoryResponse, ImagineRequest, ImagineResponse, ImportRequest, ImportResponse, IssuedKeyView,
    KeyView, ListKeysResponse, ListRequest, ListResponse, ListSpacesResponse, MarksRequest,
    MarksResponse, MemoryView, Method, Operation, Permission, PredictRequest, PredictResponse,
    QueryRequest, QueryResponse, RecallRequest, RecallResponse, RecognizeRequest,
    RecognizeResponse, RememberManyRequest, RememberManyResponse, RememberRequest,
    RememberResponse, RestoreRequest, RestoreResponse, RestoreSpaceRequest, RetentionRequest,
    RetentionResponse, RevokeKeyRequest, RotateKeyRequest, Scope, SpaceStatsView, SpaceView,
    SpreadRequest, SpreadResponse, StatusView, TakeOverRepositoryRequest, UndoConsolidationRequest,
    UndoConsolidationResponse, UpdateRequest, UpdateResponse, VersionView,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::{Call, KnownBy, Repeat, json, write};
use crate::error::ClientError;
use crate::options::ClientOptions;
use crate::transport::Transport;

/// A client of one server. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Transport,
}

impl Client {
    /// A client with default settings. It opens no connection yet.
    ///
    /// # Errors
    /// [`ClientError::BaseUrl`].
    pub fn new(base_url: &str) -> Result<Client, ClientError> {
        Client::with_options(ClientOptions::new(base_url))
    }

    /// A client with these settings. It opens no connection yet.
    ///
    /// # Errors
    /// [`ClientError::BaseUrl`].
    pub fn with_options(options: ClientOptions) -> Result<Client, ClientError> {
        Ok(Client { transport: Transport::new(options)? })
    }

    /// Address of the server.
    pub fn base_url(&self) -> &str {
        self.transport.base_url()
    }

    /// The operations of one space.
    pub fn space(&self, name: impl Into<String>) -> SpaceClient {
        SpaceClient { client: self.clone(), name: name.into() }
    }

    /// Creates a space.
    ///
    /// # Errors
    /// Any [`ClientError`]; so for all operations.
    pub fn create_space(&self, request: &CreateSpaceRequest) -> Result<SpaceView, ClientError> {
        self.run("create_space", None, Some(json(request)), Repeat::Never)
    }

    /// All spaces, by name.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list_spaces(&self) -> Result<ListSpacesResponse, ClientError> {
        self.run("list_spaces", None, None, Repeat::IfRefused)
    }

    /// Shows a space and its settings.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn get_space(&self, name: &str) -> Result<SpaceView, ClientError> {
        self.run("get_space", Some(name), None, Repeat::IfRefused)
    }

    /// Deletes a space with all its memories, for good.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn delete_space(&self, name: &str) -> Result<DeleteSpaceResponse, ClientError> {
        self.run("delete_space", Some(name), None, Repeat::Never)
    }

    /// Shows whether the node can serve, and what it holds.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn status(&self) -> Result<StatusView, ClientError> {
        self.run("status", None, None, Repeat::IfRefused)
    }

    /// Shows what the server is.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn version(&self) -> Result<VersionView, ClientError> {
        self.run("version", None, None, Repeat::IfRefused)
    }

    /// Asks for a backup: the job, whose end [`Client::backup_status`] shows.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn create_backup(
        &self,
        request: &CreateBackupRequest,
    ) -> Result<BackupJobView, ClientError> {
        self.run("create_backup", None, Some(json(request)), Repeat::Never)
    }

    /// Asks for a name for this moment.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn create_restore_point(
        &self,
        request: &CreateRestorePointRequest,
    ) -> Result<BackupJobView, ClientError> {
        self.run("create_restore_point", None, Some(json(request)), Repeat::Never)
    }

    /// Asks for a space as it was, beside the live ones.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn restore_space(
        &self,
        request: &RestoreSpaceRequest,
    ) -> Result<BackupJobView, ClientError> {
        self.run("restore_space", None, Some(json(request)), Repeat::Never)
    }

    /// Makes a repository the one of the server's data directory.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn take_over_repository(
        &self,
        request: &TakeOverRepositoryRequest,
    ) -> Result<BackupJobView, ClientError> {
        self.run("take_over_repository", None, Some(json(request)), Repeat::Never)
    }

    /// How the repositories stand, and what was asked of them.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn backup_status(&self) -> Result<BackupStatusView, ClientError> {
        self.run("backup_status", None, None, Repeat::IfRefused)
    }

    /// Creates a key; the answer holds its secret, which is shown this once.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn create_key(&self, request: &CreateKeyRequest) -> Result<IssuedKeyView, ClientError> {
        self.run("create_key", None, Some(json(request)), Repeat::Never)
    }

    /// All keys, without their secrets.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list_keys(&self) -> Result<ListKeysResponse, ClientError> {
        self.run("list_keys", None, None, Repeat::IfRefused)
    }

    /// Gives a key another secret, which is shown this once.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn rotate_key(&self, request: &RotateKeyRequest) -> Result<IssuedKeyView, ClientError> {
        self.run("rotate_key", None, Some(json(request)), Repeat::Never)
    }

    /// Ends a key at once.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn revoke_key(&self, request: &RevokeKeyRequest) -> Result<KeyView, ClientError> {
        self.run("revoke_key", None, Some(json(request)), Repeat::IfRefused)
    }

    /// Who this client is to the server, and what it may do.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn whoami(&self) -> Result<CallerView, ClientError> {
        self.run("whoami", None, None, Repeat::IfRefused)
    }

    /// Whether the server is ready to serve: asks `/readyz` once.
    ///
    /// # Errors
    /// Any [`ClientError`]; a server that is there but not ready gives [`ClientError::Api`] or
    /// [`ClientError::Decode`] with its status.
    pub fn ready(&self) -> Result<(), ClientError> {
        self.transport.probe("/readyz")
    }

    /// Calls any operation by its entry in the table, with its request and answer as JSON. The request goes out as it is, without a
    /// key of the client's, and is sent again, after a retryable problem, only if the operation just reads.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn call(
        &self,
        operation: &'static Operation,
        space: &str,
        request: &[u8],
    ) -> Result<Value, ClientError> {
        let body = operation.request.map(|_| request.to_vec());
        let space = (operation.scope == Scope::Space).then_some(space);
        // A few reads need another permission than to read, and are told by their method.
        let reads = operation.routes[0].method == Method::Get
            || (operation.permission == Permission::Read && operation.idempotent);
        self.transport.run(&Call::new(operation, space, body, Repeat::if_safe(reads)))
    }

    fn run<T: DeserializeOwned>(
        &self,
        name: &str,
        space: Option<&str>,
        body: Option<Vec<u8>>,
        repeat: Repeat,
    ) -> Result<T, ClientError> {
        self.transport.run(&call(name, space, body, repeat))
    }
}

fn call(name: &str, space: Option<&str>, body: Option<Vec<u8>>, repeat: Repeat) -> Call {
    let operation = Operation::by_name(name).expect("the names in this file are in the table");
    Call::new(operation, space, body, repeat)
}

/// The operations of one space.
#[derive(Clone, Debug)]
pub struct SpaceClient {
    client: Client,
    name: String,
}

impl SpaceClient {
    /// Name of the space.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.client.transport
    }

    /// Stores one memory. Without an id or an idempotency key it gets a key, so that a retry stores nothing twice.
    ///
    /// # Errors
    /// Any [`ClientError`]; so for all operations.
    pub fn remember(&self, request: &RememberRequest) -> Result<RememberResponse, ClientError> {
        let named = request.memory.id.is_some();
        self.write("remember", request, known_by(request.idempotency_key.as_deref(), named))
    }

    /// Stores up to 1,000 memories in one commit. Where not all have ids and the request has no idempotency key it gets one.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn remember_many(
        &self,
        request: &RememberManyRequest,
    ) -> Result<RememberManyResponse, ClientError> {
        let named = request.memories.iter().all(|memory| memory.id.is_some());
        self.write("remember_many", request, known_by(request.idempotency_key.as_deref(), named))
    }

    /// Stores a newer version of a memory. Without an idempotency key it gets one, so that a retry does not overwrite what others
    /// did in between.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn update(&self, request: &UpdateRequest) -> Result<UpdateResponse, ClientError> {
        self.write("update", request, known_by(request.idempotency_key.as_deref(), false))
    }

    /// Reads all versions of a memory, newest first.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn history(&self, request: &HistoryRequest) -> Result<HistoryResponse, ClientError> {
        self.run("history", json(request), Repeat::IfRefused)
    }

    /// Reads one memory.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn get(&self, request: &GetRequest) -> Result<MemoryView, ClientError> {
        self.run("get", json(request), Repeat::IfRefused)
    }

    /// Reads one page of memories.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list(&self, request: &ListRequest) -> Result<ListResponse, ClientError> {
        self.run("list", json(request), Repeat::IfRefused)
    }

    /// Recalls memories by a cue.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn recall(&self, request: &RecallRequest) -> Result<RecallResponse, ClientError> {
        self.run("recall", json(request), Repeat::IfRefused)
    }

    /// Reads what changed behind a commit, and waits for it where the request says so: `request_timeout` must be longer than that.
    /// [`SpaceClient::follow_changes`] gives them one by one as they come.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn changes(&self, request: &ChangesRequest) -> Result<ChangesResponse, ClientError> {
        self.run("changes", json(request), Repeat::IfRefused)
    }

    /// Runs a statement of the query language. Sent once: what it stands for may write.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ClientError> {
        self.run("query", json(request), Repeat::Never)
    }

    /// Says that a memory was useful, not useful, or wrong. Sent once: a repetition would count again.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn feedback(&self, request: &FeedbackRequest) -> Result<FeedbackResponse, ClientError> {
        self.run("feedback", json(request), Repeat::Never)
    }

    /// The memories that soonest fall below a retrievability, if nobody uses them.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn fading(&self, request: &FadingRequest) -> Result<FadingResponse, ClientError> {
        self.run("fading", json(request), Repeat::IfRefused)
    }

    /// Shows how a memory came to be as strong and as sure as it is, and how it will fade.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn retention(&self, request: &RetentionRequest) -> Result<RetentionResponse, ClientError> {
        self.run("retention", json(request), Repeat::IfRefused)
    }

    /// Makes beliefs of what memories have in common.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn consolidate(
        &self,
        request: &ConsolidateRequest,
    ) -> Result<ConsolidateResponse, ClientError> {
        self.run("consolidate", json(request), Repeat::IfRefused)
    }

    /// The same, and hands over what each step did as soon as it is durable.
    ///
    /// # Errors
    /// Any [`ClientError`]. What was told before stays done.
    pub fn consolidate_told(
        &self,
        request: &ConsolidateRequest,
        told: &mut dyn FnMut(ConsolidateResponse),
    ) -> Result<ConsolidateResponse, ClientError> {
        let call = call("consolidate", Some(&self.name), Some(json(request)), Repeat::IfRefused);
        self.client.transport.follow(&call, told)
    }

    /// Takes beliefs back, or all that consolidation did from a commit on.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn undo_consolidation(
        &self,
        request: &UndoConsolidationRequest,
    ) -> Result<UndoConsolidationResponse, ClientError> {
        self.run("undo_consolidation", json(request), Repeat::Never)
    }

    /// Reads beliefs and why they exist.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn beliefs(&self, request: &BeliefsRequest) -> Result<BeliefsResponse, ClientError> {
        self.run("beliefs", json(request), Repeat::IfRefused)
    }

    /// Says whether a text or vector has been seen before.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn recognize(&self, request: &RecognizeRequest) -> Result<RecognizeResponse, ClientError> {
        self.run("recognize", json(request), Repeat::IfRefused)
    }

    /// Lets activation spread from memories over their associations.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn spread(&self, request: &SpreadRequest) -> Result<SpreadResponse, ClientError> {
        self.run("spread", json(request), Repeat::IfRefused)
    }

    /// Says what the missing fields of a partial memory probably are.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn complete(&self, request: &CompleteRequest) -> Result<CompleteResponse, ClientError> {
        self.run("complete", json(request), Repeat::IfRefused)
    }

    /// Says what tends to follow.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn predict(&self, request: &PredictRequest) -> Result<PredictResponse, ClientError> {
        self.run("predict", json(request), Repeat::IfRefused)
    }

    /// Makes up a memory around a partial one. It is not stored.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn imagine(&self, request: &ImagineRequest) -> Result<ImagineResponse, ClientError> {
        self.run("imagine", json(request), Repeat::IfRefused)
    }

    /// Associates one memory with another.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn associate(&self, request: &AssociateRequest) -> Result<AssociateResponse, ClientError> {
        self.run("associate", json(request), Repeat::IfRefused)
    }

    /// Takes the associations from one memory to another away. Never sent again: the repeated call would find nothing.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn dissociate(
        &self,
        request: &DissociateRequest,
    ) -> Result<DissociateResponse, ClientError> {
        self.run("dissociate", json(request), Repeat::Never)
    }

    /// Reads one page of the associations of a memory.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn associations(
        &self,
        request: &AssociationsRequest,
    ) -> Result<AssociationsResponse, ClientError> {
        self.run("associations", json(request), Repeat::IfRefused)
    }

    /// Reads one page of the pairs of memories of which one may change or deny the other.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn marks(&self, request: &MarksRequest) -> Result<MarksResponse, ClientError> {
        self.run("marks", json(request), Repeat::IfRefused)
    }

    /// Forgets memories. Sent again only as a dry run: a repeated deletion would find nothing and lose its receipt.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn forget(&self, request: &ForgetRequest) -> Result<ForgetResponse, ClientError> {
        self.run("forget", json(request), Repeat::if_safe(request.dry_run))
    }

    /// Shows what is left of what a forget deleted.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn forget_receipt(
        &self,
        request: &ForgetReceiptRequest,
    ) -> Result<ForgetReceiptResponse, ClientError> {
        self.run("forget_receipt", json(request), Repeat::IfRefused)
    }

    /// Brings suppressed memories back.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn restore(&self, request: &RestoreRequest) -> Result<RestoreResponse, ClientError> {
        self.run("restore", json(request), Repeat::Never)
    }

    /// Reads one page of an export.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn export(&self, request: &ExportRequest) -> Result<ExportResponse, ClientError> {
        self.run("export", json(request), Repeat::IfRefused)
    }

    /// Stores up to 1,000 records of an export in one commit.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn import(&self, request: &ImportRequest) -> Result<ImportResponse, ClientError> {
        self.run("import", json(request), Repeat::IfRefused)
    }

    /// Counts what the space holds.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn stats(&self) -> Result<SpaceStatsView, ClientError> {
        self.client.run("space_stats", Some(&self.name), None, Repeat::IfRefused)
    }

    fn write<T: DeserializeOwned>(
        &self,
        name: &str,
        request: &impl Serialize,
        known_by: KnownBy,
    ) -> Result<T, ClientError> {
        let (body, repeat) = write(request, known_by);
        self.run(name, body, repeat)
    }

    fn run<T: DeserializeOwned>(
        &self,
        name: &str,
        body: Vec<u8>,
        repeat: Repeat,
    ) -> Result<T, ClientError> {
        self.client.run(name, Some(&self.name), Some(body), repeat)
    }
}

fn known_by(key: Option<&str>, named: bool) -> KnownBy {
    match key {
        Some(_) => KnownBy::Key,
        None if named => KnownBy::Ids,
        None => KnownBy::Nothing,
    }
}
