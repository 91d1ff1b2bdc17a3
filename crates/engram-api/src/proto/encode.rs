//! Types of this crate written by serde as messages, as they are written as JSON.

use std::fmt::Display;

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use serde::Serialize;
use serde::ser::{Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStruct, Serializer};
use serde_json::Value;

use super::known;
use super::model::{CLEAR, ProtoField, ProtoFile, ProtoKind, ProtoLabel, ProtoMessage, SPACE};
use super::wire::{WireError, put_bytes, put_length, put_nested};
use crate::error::ErrorCode;
use crate::problem::Problem;
use crate::time::Timestamp;

type Result<T = ()> = std::result::Result<T, WireError>;

/// Writes a message of that name; `space` is named in it where the message is a request in a space.
///
/// # Errors
/// `internal`: type and schema disagree, which the tests of this crate rule out.
pub fn encode_proto<T: Serialize>(
    message: &str,
    space: &str,
    value: &T,
) -> std::result::Result<Vec<u8>, Box<Problem>> {
    let name = message;
    let message = ProtoFile::current().message(name).expect("the message is of this file");
    let mut out = Vec::new();
    if let Some(field) = message.named(SPACE).filter(|_| !space.is_empty()) {
        put_bytes(&mut out, field.number, space.as_bytes());
    }
    value.serialize(MessageWriter { message, out: &mut out }).map_err(|error| {
        Problem::new(ErrorCode::Internal, format!("{name} could not be written: {error}"))
    })?;
    Ok(out)
}

/// A message of that name with a message that is written already as its only field.
pub fn wrap_proto(message: &str, field: &str, inner: &[u8]) -> Vec<u8> {
    let message = ProtoFile::current().message(message).expect("the message is of this file");
    let field = message.named(field).expect("the field is of this message");
    let mut out = Vec::with_capacity(inner.len() + 8);
    put_bytes(&mut out, field.number, inner);
    out
}

/// The methods of a serializer that a writer has no use for.
macro_rules! refuses {
    ($($method:ident($($kind:ty),*) -> $given:ty;)*) => {
        $(fn $method(self $(, _: $kind)*) -> std::result::Result<$given, WireError> {
            Err(unfit(stringify!($method)))
        })*
    };
}

fn unfit(what: &str) -> WireError {
    WireError::custom(format!("a value of another type than its schema says ({what})"))
}

/// Writes the fields of a message.
struct MessageWriter<'o> {
    message: &'static ProtoMessage,
    out: &'o mut Vec<u8>,
}

impl MessageWriter<'_> {
    fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result {
        let field = self.message.named(name);
        let field =
            field.ok_or_else(|| WireError::custom(format!("no field is named `{name}`")))?;
        let before = self.out.len();
        let mut nothing = false;
        put_field(field, value, self.out, &mut nothing)?;
        if let (true, Some(clear)) =
            (nothing && before == self.out.len(), self.message.named(CLEAR))
        {
            put_bytes(self.out, clear.number, name.as_bytes());
        }
        Ok(())
    }
}

/// Writes a field. `nothing` tells that the value was none.
fn put_field<T: Serialize + ?Sized>(
    field: &'static ProtoField,
    value: &T,
    out: &mut Vec<u8>,
    nothing: &mut bool,
) -> Result {
    match (field.kind, field.label) {
        (ProtoKind::Json | ProtoKind::Object | ProtoKind::AsOf, _) | (_, ProtoLabel::Map) => {
            let value = serde_json::to_value(value).map_err(WireError::custom)?;
            put_json(field, &value, out)
        }
        _ => value.serialize(FieldWriter { field, is_packed: false, out, nothing }),
    }
}

fn put_json(field: &ProtoField, value: &Value, out: &mut Vec<u8>) -> Result {
    match (field.label, value) {
        (ProtoLabel::Repeated, Value::Array(list)) => {
            list.iter().try_for_each(|value| put_one_json(field.kind, field.number, value, out))
        }
        (ProtoLabel::Map, Value::Object(entries)) => entries.iter().try_for_each(|(key, value)| {
            put_nested(out, field.number, |out| {
                put_bytes(out, 1, key.as_bytes());
                put_one_json(field.kind, 2, value, out)
            })
        }),
        (ProtoLabel::Repeated | ProtoLabel::Map, _) => Err(unfit("not a list or map")),
        _ => put_one_json(field.kind, field.number, value, out),
    }
}

fn put_one_json(kind: ProtoKind, number: u32, value: &Value, out: &mut Vec<u8>) -> Result {
    match (kind, value) {
        (ProtoKind::Json, value) => {
            put_bytes(out, number, &known::from_json(value).encode_to_vec());
            Ok(())
        }
        (ProtoKind::Object, Value::Object(object)) => {
            put_bytes(out, number, &known::from_object(object).encode_to_vec());
            Ok(())
        }
        (ProtoKind::Object | ProtoKind::AsOf, Value::Null) => Ok(()),
        (ProtoKind::AsOf, Value::Number(lsn)) => put_nested(out, number, |out| {
            encode_key(1, WireType::Varint, out);
            encode_varint(lsn.as_u64().ok_or_else(|| unfit("an LSN"))?, out);
            Ok(())
        }),
        (ProtoKind::AsOf, Value::String(time)) => {
            put_nested(out, number, |out| put_time(2, time, out))
        }
        _ => Err(unfit("JSON of another form")),
    }
}

fn put_time(number: u32, time: &str, out: &mut Vec<u8>) -> Result {
    let time = Timestamp::parse(time).map_err(WireError::custom)?;
    put_bytes(out, number, &known::from_time(time).encode_to_vec());
    Ok(())
}

impl<'o> Serializer for MessageWriter<'o> {
    type Ok = ();
    type Error = WireError;
    type SerializeSeq = Impossible<(), WireError>;
    type SerializeTuple = Impossible<(), WireError>;
    type SerializeTupleStruct = Impossible<(), WireError>;
    type SerializeTupleVariant = Impossible<(), WireError>;
    type SerializeMap = MapFields<'o>;
    type SerializeStruct = StructFields<'o>;
    type SerializeStructVariant = Impossible<(), WireError>;

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<StructFields<'o>> {
        Ok(StructFields(self))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<MapFields<'o>> {
        Ok(MapFields { writer: self, key: String::new() })
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        self.put(variant, value)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        value.serialize(self)
    }

    refuses! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> Impossible<(), WireError>;
        serialize_tuple(usize) -> Impossible<(), WireError>;
        serialize_tuple_struct(&'static str, usize) -> Impossible<(), WireError>;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Impossible<(), WireError>;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Impossible<(), WireError>;
    }
}

/// The fields of a message, written from a struct.
struct StructFields<'o>(MessageWriter<'o>);

impl SerializeStruct for StructFields<'_> {
    type Ok = ();
    type Error = WireError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result {
        self.0.put(key, value)
    }

    fn end(self) -> Result {
        Ok(())
    }
}

/// The fields of a message, written from a struct with another one inside, which serde takes for a map.
struct MapFields<'o> {
    writer: MessageWriter<'o>,
    key: String,
}

impl SerializeMap for MapFields<'_> {
    type Ok = ();
    type Error = WireError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        match serde_json::to_value(key).map_err(WireError::custom)? {
            Value::String(key) => self.key = key,
            _ => return Err(unfit("a key")),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.writer.put(&self.key, value)
    }

    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result {
        self.serialize_key(key)?;
        self.serialize_value(value)
    }

    fn end(self) -> Result {
        Ok(())
    }
}

/// Writes one value of a field.
struct FieldWriter<'o> {
    field: &'static ProtoField,
    /// Whether it is a number of a packed list, which has no key.
    is_packed: bool,
    out: &'o mut Vec<u8>,
    nothing: &'o mut bool,
}

impl FieldWriter<'_> {
    fn key(&mut self, wire_type: WireType) {
        if !self.is_packed {
            encode_key(self.field.number, wire_type, self.out);
        }
    }

    fn varint(mut self, value: u64) -> Result {
        self.key(WireType::Varint);
        encode_varint(value, self.out);
        Ok(())
    }

    fn whole(self, value: i128) -> Result {
        match self.field.kind {
            ProtoKind::Unsigned => {
                self.varint(u64::try_from(value).map_err(|_| unfit("a negative number"))?)
            }
            ProtoKind::Signed => {
                let value = i64::try_from(value).map_err(|_| unfit("a number beyond int64"))?;
                self.varint(value.cast_unsigned())
            }
            ProtoKind::Double => self.serialize_f64(value as f64),
            _ => Err(unfit("a whole number")),
        }
    }
}

impl<'o> Serializer for FieldWriter<'o> {
    type Ok = ();
    type Error = WireError;
    type SerializeSeq = Elements<'o>;
    type SerializeTuple = Impossible<(), WireError>;
    type SerializeTupleStruct = Impossible<(), WireError>;
    type SerializeTupleVariant = Impossible<(), WireError>;
    type SerializeMap = Impossible<(), WireError>;
    type SerializeStruct = Nested<'o>;
    type SerializeStructVariant = Impossible<(), WireError>;

    fn serialize_bool(self, value: bool) -> Result {
        match self.field.kind {
            ProtoKind::Bool => self.varint(value.into()),
            _ => Err(unfit("a bool")),
        }
    }

    fn serialize_i8(self, value: i8) -> Result {
        self.whole(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result {
        self.whole(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result {
        self.whole(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result {
        self.whole(value.into())
    }

    fn serialize_u8(self, value: u8) -> Result {
        self.whole(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result {
        self.whole(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result {
        self.whole(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result {
        self.whole(value.into())
    }

    fn serialize_f32(mut self, value: f32) -> Result {
        match self.field.kind {
            ProtoKind::Float => {
                self.key(WireType::ThirtyTwoBit);
                self.out.extend_from_slice(&value.to_le_bytes());
                Ok(())
            }
            _ => self.serialize_f64(value.into()),
        }
    }

    fn serialize_f64(mut self, value: f64) -> Result {
        match self.field.kind {
            ProtoKind::Double => {
                self.key(WireType::SixtyFourBit);
                self.out.extend_from_slice(&value.to_le_bytes());
                Ok(())
            }
            _ => Err(unfit("a number")),
        }
    }

    fn serialize_str(self, value: &str) -> Result {
        match self.field.kind {
            ProtoKind::Text => {
                put_bytes(self.out, self.field.number, value.as_bytes());
                Ok(())
            }
            ProtoKind::Time => put_time(self.field.number, value, self.out),
            ProtoKind::Enumeration(place) => {
                let enumeration = &ProtoFile::current().enumerations[place];
                let found = enumeration.values.iter().find(|(_, name)| name == value);
                let number = found.map(|(number, _)| *number).ok_or_else(|| unfit(value))?;
                self.varint(number.into())
            }
            _ => Err(unfit("a string")),
        }
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result {
        self.serialize_str(&value.to_string())
    }

    fn serialize_none(self) -> Result {
        *self.nothing = true;
        Ok(())
    }

    fn serialize_unit(self) -> Result {
        self.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        let ProtoKind::Message(place) = self.field.kind else { return Err(unfit(variant)) };
        let message = &ProtoFile::current().messages[place];
        put_nested(self.out, self.field.number, |out| {
            MessageWriter { message, out }.put(variant, value)
        })
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'o>> {
        let is_vector = self.field.kind == ProtoKind::Vector;
        if self.field.label != ProtoLabel::Repeated && !is_vector {
            return Err(unfit("a list"));
        }
        Ok(Elements::begin(self.field, self.out))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Nested<'o>> {
        let ProtoKind::Message(place) = self.field.kind else { return Err(unfit("a struct")) };
        encode_key(self.field.number, WireType::LengthDelimited, self.out);
        let start = self.out.len();
        let message = &ProtoFile::current().messages[place];
        Ok(Nested { writer: MessageWriter { message, out: self.out }, start })
    }

    refuses! {
        serialize_char(char) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_tuple(usize) -> Impossible<(), WireError>;
        serialize_tuple_struct(&'static str, usize) -> Impossible<(), WireError>;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Impossible<(), WireError>;
        serialize_map(Option<usize>) -> Impossible<(), WireError>;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Impossible<(), WireError>;
    }
}

/// A message inside a message, written from a struct.
struct Nested<'o> {
    writer: MessageWriter<'o>,
    /// Where its content begins.
    start: usize,
}

impl SerializeStruct for Nested<'_> {
    type Ok = ();
    type Error = WireError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result {
        self.writer.put(key, value)
    }

    fn end(self) -> Result {
        put_length(self.writer.out, self.start);
        Ok(())
    }
}

/// The elements of a list; numbers are packed.
struct Elements<'o> {
    field: &'static ProtoField,
    out: &'o mut Vec<u8>,
    /// Where the packed numbers begin.
    packed: Option<usize>,
}

impl<'o> Elements<'o> {
    fn begin(field: &'static ProtoField, out: &'o mut Vec<u8>) -> Elements<'o> {
        use ProtoKind::{Bool, Double, Enumeration, Float, Signed, Unsigned};
        let numbers =
            matches!(field.kind, Bool | Unsigned | Signed | Double | Float | Enumeration(_));
        let packed = numbers.then(|| {
            encode_key(field.number, WireType::LengthDelimited, out);
            out.len()
        });
        Elements { field, out, packed }
    }
}

impl SerializeSeq for Elements<'_> {
    type Ok = ();
    type Error = WireError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        if self.field.kind == ProtoKind::Vector {
            return put_nested(self.out, self.field.number, |out| {
                put_field(&VALUES, value, out, &mut false)
            });
        }
        let (field, is_packed) = (self.field, self.packed.is_some());
        value.serialize(FieldWriter { field, is_packed, out: self.out, nothing: &mut false })
    }

    fn end(self) -> Result {
        if let Some(start) = self.packed {
            put_length(self.out, start);
        }
        Ok(())
    }
}

/// The numbers of the message `Vector`.
static VALUES: ProtoField = ProtoField {
    name: String::new(),
    number: 1,
    kind: ProtoKind::Float,
    label: ProtoLabel::Repeated,
    has_zero: false,
    doc: String::new(),
};
