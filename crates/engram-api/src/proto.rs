//! Protocol Buffers (proto3) for gRPC: the same types as in JSON, from the same schemas.
//!
//! Messages are derived from the schemas, their numbers stand in `proto/numbers.txt`, and serde reads and writes the wire format
//! through them: no type is stated twice and nothing is generated but the `.proto` file that other languages compile.

mod numbers;
mod model;
mod text;
mod wire;
mod known;
mod decode;
mod encode;

pub use decode::{decode_proto, space_of};
pub use encode::{encode_proto, wrap_proto};
pub use model::{
    PACKAGE, ProtoEnum, ProtoField, ProtoFile, ProtoKind, ProtoLabel, ProtoMessage, ProtoRpc,
    SERVICE,
};

pub(crate) use numbers::NUMBERS_PATH;
pub(crate) use text::{PROTO_PATH, numbers_page, proto_page};
