//! Between the wire and the engine: requests in, views out. No other module knows both sides.

mod mark;
mod mode;

mod learning;

mod request;

mod consolidation;

mod view;

mod association;

mod completion;

mod update;

mod recall;

mod backup;

mod changes;

mod fading;

mod transfer;

pub(crate) use association::{
    associate, associate_response, association_query, associations_response, associations_scope,
    dissociate, dissociate_response, spread, spread_response,
};
pub(crate) use backup::{backup_job, backup_kind, backup_status, restore_target};
pub(crate) use changes::changes_response;
pub(crate) use completion::{
    complete, complete_response, imagine, imagine_response, predict, predict_response,
};
pub(crate) use consolidation::{beliefs_response, step_view, undo, undo_response};
pub(crate) use fading::{fading, fading_response};
pub(crate) use learning::{feedback, feedback_response, retention_response};
pub(crate) use mark::{marks_query, marks_response, marks_scope};
pub(crate) use mode::mode_name;
pub(crate) use recall::{
    Presentation, cue, outcome_name, recall_response, recall_scope, recognize, recognize_response,
};
pub(crate) use request::{
    filter, forget, list_scope, new_memory, new_space, remember_options, restore, visibility,
};
pub(crate) use transfer::{export_query, export_response, export_scope, import_response, portable};
pub(crate) use update::{as_of, history_response, update, update_response};
pub(crate) use view::{
    forget_receipt_response, forget_response, list_response, memory_view, remember_many_response,
    remember_response, restore_response, space_view, stats_view, uuid_text,
};
