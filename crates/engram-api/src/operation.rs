//! The operations: what can be asked of a server, in one table.
//!
//! Routing, permissions, clients, OpenAPI and the reference page are derived from [`OPERATIONS`]. An
//! operation of a space names the space in its path and nowhere else.

mod errors;
mod table;

pub use table::OPERATIONS;

use crate::error::ErrorCode;

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One space, named in the path.
    Space,
    /// The node.
    Node,
}

/// What a caller must be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See memories.
    Read,
    /// Store memories.
    Write,
    /// Strengthen and judge memories.
    Train,
    /// Hide, delete and restore memories.
    Forget,
    /// Create, delete and import spaces.
    Admin,
    /// Run the node: backups and keys.
    Operate,
    /// Nothing more than to be known.
    Any,
}

impl Permission {
    /// The name as it stands in the reference.
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::Read => "read",
            Permission::Write => "write",
            Permission::Train => "train",
            Permission::Forget => "forget",
            Permission::Admin => "admin",
            Permission::Operate => "operate",
            Permission::Any => "any",
        }
    }
}

/// What an operation gives as a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Streaming {
    /// What each step of its work did, until it is done.
    Steps,
    /// What happens from now on, without an end.
    Changes,
    /// An answer to each of many requests, over gRPC alone.
    Requests,
    /// What all its pages hold, over gRPC alone.
    Pages,
    /// One answer to many requests, over gRPC alone.
    Parts,
}

impl Streaming {
    /// Whether it is given as server-sent events.
    pub fn has_events(self) -> bool {
        matches!(self, Streaming::Steps | Streaming::Changes)
    }
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Carries a JSON body.
    Post,
    /// Deletes what the path names.
    Delete,
}

impl Method {
    /// The name as it stands in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// A way to call an operation over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{space}` and `{id}` for percent-encoded names.
    pub path: &'static str,
    /// Fields of the request that may stand in the query.
    pub query: &'static [&'static str],
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name, snake_case.
    pub name: &'static str,
    /// What it is about.
    pub scope: Scope,
    /// What the caller must be allowed to do.
    pub permission: Permission,
    /// How it is called over HTTP; the first is the one that clients use.
    pub routes: &'static [Route],
    /// Name of the request's type, if it has a body.
    pub request: Option<&'static str>,
    /// Name of the answer's type.
    pub response: &'static str,
    /// HTTP status of success.
    pub status: u16,
    /// Whether the same request twice leaves the same state as once. A `remember` without id or key does not count.
    pub idempotent: bool,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// What else a caller should know; may be empty.
    pub note: &'static str,
    /// A request as JSON; empty if it has no body.
    pub request_example: &'static str,
    /// An answer as JSON.
    pub response_example: &'static str,
    /// Errors beyond those of every operation.
    pub own_errors: &'static [ErrorCode],
}

/// Errors that every operation can give.
const COMMON_ERRORS: &[ErrorCode] = &[
    ErrorCode::UnsafeRequest,
    ErrorCode::HostRefused,
    ErrorCode::OriginRefused,
    ErrorCode::Unauthenticated,
    ErrorCode::Forbidden,
    ErrorCode::RateLimited,
    ErrorCode::MethodNotAllowed,
    ErrorCode::RequestTimeout,
    ErrorCode::Overloaded,
    ErrorCode::NotReady,
    ErrorCode::ShuttingDown,
    ErrorCode::Internal,
];

/// Errors that every operation with a body can give.
const BODY_ERRORS: &[ErrorCode] = &[
    ErrorCode::InvalidJson,
    ErrorCode::InvalidUtf8,
    ErrorCode::TooDeep,
    ErrorCode::UnknownField,
    ErrorCode::MissingField,
    ErrorCode::InvalidValue,
    ErrorCode::PayloadTooLarge,
    ErrorCode::MediaTypeUnsupported,
];

impl Operation {
    /// The operation of that name.
    pub fn by_name(name: &str) -> Option<&'static Operation> {
        OPERATIONS.iter().find(|operation| operation.name == name)
    }

    /// What it gives as a stream, if it can: over HTTP to who asks for `text/event-stream`, over gRPC by a call of its own.
    pub fn streaming(&self) -> Option<Streaming> {
        match self.name {
            "consolidate" => Some(Streaming::Steps),
            "changes" => Some(Streaming::Changes),
            "remember_many" => Some(Streaming::Requests),
            "export" => Some(Streaming::Pages),
            "import" => Some(Streaming::Parts),
            _ => None,
        }
    }

    /// Whether it stands for another operation of its scope, whose errors it gives.
    pub fn runs_others(&self) -> bool {
        self.name == "query"
    }

    /// Whether it shows or changes what belongs to all spaces, so that who may touch some of them only may not call it.
    pub fn is_about_all_spaces(&self) -> bool {
        self.permission == Permission::Operate || self.name == "backup_status"
    }

    /// All errors that it can give, by number, each once.
    pub fn errors(&self) -> Vec<ErrorCode> {
        let mut codes = COMMON_ERRORS.to_vec();
        codes.extend_from_slice(self.own_errors);
        if self.request.is_some() {
            codes.extend_from_slice(BODY_ERRORS);
        }
        if self.runs_others() {
            let others = OPERATIONS.iter().filter(|other| other.scope == self.scope);
            codes.extend(others.flat_map(|other| other.own_errors));
        }
        if self.scope == Scope::Space {
            codes.extend([ErrorCode::SpaceNotFound, ErrorCode::BadSpaceName]);
        }
        codes.sort_by_key(|code| code.entry().number);
        codes.dedup();
        codes
    }
}
