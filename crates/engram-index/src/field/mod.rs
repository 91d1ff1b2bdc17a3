//! Columns of a chunk's fields, which answer conditions with sets of ordinals.

mod part;
mod packed;
mod keyword;
mod range;
mod value;
mod like;
mod path;
mod metadata;

pub use keyword::KeywordColumn;
pub use like::LikePattern;
pub use metadata::{FieldTest, MetadataColumn, MetadataWriter};
pub use part::ColumnPart;
pub use range::RangeColumn;
pub use value::{FieldValue, order_int_float};
