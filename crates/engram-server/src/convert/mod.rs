//! Between the wire and the engine: requests in, views out. No other module knows both sides.

mod request;

mod view;

pub(crate) use request::{
    cue, filter, forget, list_scope, new_memory, new_space, remember_options, restore, visibility,
};
pub(crate) use view::{
    RecallDetail, Vectors, forget_response, list_response, memory_view, recall_response,
    remember_many_response, remember_response, restore_response, space_view, stats_view, uuid_text,
};
