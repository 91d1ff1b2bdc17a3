//! The typed method of the client for each operation, with JSON on both sides.

use engram_api::{ConsolidateRequest, decode};
use engram_client::{Client, ClientError, SpaceClient};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Calls the method of an operation with the name of a space and a request.
pub(super) type Typed = Box<dyn Fn(&Client, &str, &[u8]) -> Result<Called, NotOfType>>;

/// What the method returned.
pub(super) type Called = Result<Value, ClientError>;

/// The request cannot be said with the type of the operation.
#[derive(Debug)]
pub(super) struct NotOfType(pub(super) String);

/// The method for this operation, if the client has one.
pub(super) fn typed(operation: &str) -> Option<Typed> {
    Some(match operation {
        "remember" => of_space(SpaceClient::remember),
        "remember_many" => of_space(SpaceClient::remember_many),
        "update" => of_space(SpaceClient::update),
        "history" => of_space(SpaceClient::history),
        "get" => of_space(SpaceClient::get),
        "list" => of_space(SpaceClient::list),
        "recall" => of_space(SpaceClient::recall),
        "recognize" => of_space(SpaceClient::recognize),
        "spread" => of_space(SpaceClient::spread),
        "complete" => of_space(SpaceClient::complete),
        "predict" => of_space(SpaceClient::predict),
        "imagine" => of_space(SpaceClient::imagine),
        "associate" => of_space(SpaceClient::associate),
        "dissociate" => of_space(SpaceClient::dissociate),
        "associations" => of_space(SpaceClient::associations),
        "marks" => of_space(SpaceClient::marks),
        "forget" => of_space(SpaceClient::forget),
        "forget_receipt" => of_space(SpaceClient::forget_receipt),
        "restore" => of_space(SpaceClient::restore),
        "feedback" => of_space(SpaceClient::feedback),
        "retention" => of_space(SpaceClient::retention),
        "consolidate" => of_space(SpaceClient::consolidate),
        "undo_consolidation" => of_space(SpaceClient::undo_consolidation),
        "beliefs" => of_space(SpaceClient::beliefs),
        "fading" => of_space(SpaceClient::fading),
        "changes" => of_space(SpaceClient::changes),
        "query" => of_space(SpaceClient::query),
        "export" => of_space(SpaceClient::export),
        "import" => of_space(SpaceClient::import),
        "space_stats" => plain(|client, space| client.space(space).stats()),
        "get_space" => plain(|client, space| client.get_space(space)),
        "delete_space" => plain(|client, space| client.delete_space(space)),
        "list_spaces" => plain(|client, _| client.list_spaces()),
        "status" => plain(|client, _| client.status()),
        "version" => plain(|client, _| client.version()),
        "create_space" => of_node(Client::create_space),
        "create_backup" => of_node(Client::create_backup),
        "create_restore_point" => of_node(Client::create_restore_point),
        "restore_space" => of_node(Client::restore_space),
        "take_over_repository" => of_node(Client::take_over_repository),
        "create_key" => of_node(Client::create_key),
        "list_keys" => plain(|client, _| client.list_keys()),
        "rotate_key" => of_node(Client::rotate_key),
        "revoke_key" => of_node(Client::revoke_key),
        "whoami" => plain(|client, _| client.whoami()),
        "backup_status" => plain(|client, _| client.backup_status()),
        _ => return None,
    })
}

/// `consolidate` in the form that tells of each step.
pub(super) fn told(
    client: &Client,
    space: &str,
    request: &[u8],
) -> Result<(Called, Vec<Value>), NotOfType> {
    let request: ConsolidateRequest = of_type(request)?;
    let mut told = Vec::new();
    let called =
        client.space(space).consolidate_told(&request, &mut |step| told.push(as_json(&step)));
    Ok((called.map(|answer| as_json(&answer)), told))
}

fn of_node<Q, A>(method: fn(&Client, &Q) -> Result<A, ClientError>) -> Typed
where
    Q: DeserializeOwned + 'static,
    A: Serialize + 'static,
{
    Box::new(move |client, _, request| {
        let request = of_type(request)?;
        Ok(method(client, &request).map(|answer| as_json(&answer)))
    })
}

fn of_space<Q, A>(method: fn(&SpaceClient, &Q) -> Result<A, ClientError>) -> Typed
where
    Q: DeserializeOwned + 'static,
    A: Serialize + 'static,
{
    Box::new(move |client, space, request| {
        let request = of_type(request)?;
        Ok(method(&client.space(space), &request).map(|answer| as_json(&answer)))
    })
}

fn plain<A: Serialize + 'static>(method: fn(&Client, &str) -> Result<A, ClientError>) -> Typed {
    Box::new(move |client, space, request| {
        assert_eq!(request, b"{}", "the operation takes no request");
        Ok(method(client, space).map(|answer| as_json(&answer)))
    })
}

fn of_type<Q: DeserializeOwned>(request: &[u8]) -> Result<Q, NotOfType> {
    decode(request).map_err(|problem| NotOfType(problem.detail))
}

/// As it would be written: numbers have the digits of their own precision.
fn as_json<A: Serialize>(answer: &A) -> Value {
    serde_json::from_str(&serde_json::to_string(answer).unwrap()).unwrap()
}
