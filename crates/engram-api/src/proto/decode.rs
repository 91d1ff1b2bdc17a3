//! Messages read by serde into the types of this crate, as JSON is.

use prost::Message as _;
use prost::encoding::decode_varint;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::known;
use super::model::{CLEAR, ProtoField, ProtoFile, ProtoKind, ProtoLabel, ProtoMessage, SPACE};
use super::wire::{Raw, WireError, finite, float, next, text, varint, wrong};
use crate::error::ErrorCode;
use crate::problem::{Problem, explain_content};

/// Messages that may stand in each other.
const DEPTH_MAX: u32 = 100;

type Result<T> = std::result::Result<T, WireError>;

/// Reads a message of that name.
///
/// # Errors
/// A [`Problem`] of a code `invalid_protobuf`, `invalid_utf8`, `not_finite`, `out_of_range`, `too_deep`, `unknown_field`, `missing_field`,
/// `bad_time` or `invalid_value`, with the path of the field where there is one.
pub fn decode_proto<T: DeserializeOwned>(
    message: &str,
    bytes: &[u8],
) -> std::result::Result<T, Box<Problem>> {
    let message = ProtoFile::current().message(message).expect("the message is of this file");
    let reader = MessageReader { message, bytes, depth: 0 };
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let path = error.path().to_string();
        Box::new(explain(&path, error.into_inner()))
    })
}

/// The space that a request names; empty when it names none.
///
/// # Errors
/// `invalid_protobuf` or `invalid_utf8`.
pub fn space_of(message: &str, bytes: &[u8]) -> std::result::Result<String, Box<Problem>> {
    let message = ProtoFile::current().message(message).expect("the message is of this file");
    let Some(field) = message.named(SPACE) else { return Ok(String::new()) };
    let mut space = String::new();
    let mut rest = bytes;
    let read = |rest: &mut &[u8], space: &mut String| -> Result<bool> {
        let Some((number, raw)) = next(rest)? else { return Ok(false) };
        if number == field.number {
            text(raw)?.clone_into(space);
        }
        Ok(true)
    };
    while read(&mut rest, &mut space).map_err(|error| Box::new(explain(SPACE, error)))? {}
    Ok(space)
}

fn explain(path: &str, error: WireError) -> Problem {
    let code = match &error {
        WireError::Content(message) => return explain_content(path, message),
        WireError::Broken(_) => ErrorCode::InvalidProtobuf,
        WireError::NotUtf8 => ErrorCode::InvalidUtf8,
        WireError::NotFinite => ErrorCode::NotFinite,
        WireError::TooLarge => ErrorCode::OutOfRange,
        WireError::TooDeep => ErrorCode::TooDeep,
        WireError::Unknown(_) => ErrorCode::UnknownField,
    };
    let problem = Problem::new(code, error.to_string());
    if path == "." { problem } else { problem.with_field(path) }
}

/// A message.
#[derive(Clone, Copy)]
struct MessageReader<'de> {
    message: &'static ProtoMessage,
    bytes: &'de [u8],
    depth: u32,
}

impl<'de> MessageReader<'de> {
    /// What it holds, by field. What stands twice keeps its order.
    fn fields(self) -> Result<Vec<(usize, Raw<'de>)>> {
        if self.depth > DEPTH_MAX {
            return Err(WireError::TooDeep);
        }
        let mut found = Vec::with_capacity(self.message.fields.len());
        let mut bytes = self.bytes;
        while let Some((number, raw)) = next(&mut bytes)? {
            let place = self.message.numbered(number).ok_or(WireError::Unknown(number))?;
            // An empty packed list says what an absent one does.
            if !is_empty_list(&self.message.fields[place], raw) {
                found.push((place, raw));
            }
        }
        found.sort_by_key(|(place, _)| *place);
        Ok(found)
    }
}

impl<'de> Deserializer<'de> for MessageReader<'de> {
    type Error = WireError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.message.is_one_of() {
            return self.deserialize_enum("", &[], visitor);
        }
        visitor.visit_map(Fields::of(self)?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let (place, raw) = self
            .fields()?
            .pop()
            .ok_or_else(|| WireError::Content(format!("{} says nothing", self.message.name)))?;
        let field = &self.message.fields[place];
        visitor.visit_enum(Variant { field, raw, depth: self.depth })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

/// The fields of a message, as a map.
struct Fields<'de> {
    message: &'static ProtoMessage,
    found: Vec<(usize, Raw<'de>)>,
    /// Values that were handed out.
    taken: usize,
    /// Fields that are not there because they are zero.
    zeros: Vec<&'static ProtoField>,
    /// Fields that are to be cleared.
    cleared: Vec<&'de str>,
    depth: u32,
}

impl<'de> Fields<'de> {
    fn of(reader: MessageReader<'de>) -> Result<Fields<'de>> {
        let message = reader.message;
        let mut found = reader.fields()?;
        let mut cleared = Vec::new();
        for (place, raw) in &found {
            if message.fields[*place].name == CLEAR {
                let name = text(*raw)?;
                if message.named(name).is_none() || name == CLEAR {
                    let message = format!("`{name}` in `clear` is no field");
                    return Err(WireError::Content(message));
                }
                cleared.push(name);
            }
        }
        found.retain(|(place, _)| ![SPACE, CLEAR].contains(&message.fields[*place].name.as_str()));
        let absent =
            |place: &usize| found.binary_search_by_key(place, |(place, _)| *place).is_err();
        let places = (0..message.fields.len()).filter(absent);
        let zeros = places.map(|place| &message.fields[place]).filter(|field| field.has_zero);
        let zeros = zeros.collect();
        Ok(Fields { message, found, taken: 0, zeros, cleared, depth: reader.depth })
    }

    /// The values of the field whose turn it is.
    fn current(&self) -> &[(usize, Raw<'de>)] {
        let rest = &self.found[self.taken..];
        let same = rest.iter().take_while(|(place, _)| *place == rest[0].0).count();
        &rest[..same]
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = WireError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let found = self.found.get(self.taken).map(|(place, _)| &self.message.fields[*place]);
        let name = match (found.or(self.zeros.last().copied()), self.cleared.last()) {
            (Some(field), _) => &field.name,
            (None, Some(name)) => *name,
            (None, None) => return Ok(None),
        };
        let name: StrDeserializer<'_, WireError> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        if self.taken == self.found.len() {
            let Some(field) = self.zeros.pop() else {
                self.cleared.pop();
                return seed.deserialize(().into_deserializer());
            };
            return seed.deserialize(FieldReader { field, raws: &[], depth: self.depth });
        }
        let raws = self.current();
        let (count, field) = (raws.len(), &self.message.fields[raws[0].0]);
        let value = seed.deserialize(FieldReader { field, raws, depth: self.depth })?;
        self.taken += count;
        Ok(value)
    }
}

/// A field with all that stands under its number.
#[derive(Clone, Copy)]
struct FieldReader<'de, 'r> {
    field: &'static ProtoField,
    raws: &'r [(usize, Raw<'de>)],
    depth: u32,
}

impl<'de> FieldReader<'de, '_> {
    /// The last one counts where one is meant; none is zero.
    fn one(&self) -> OneReader<'de> {
        let kind = self.field.kind;
        let raw = match (self.raws.last(), kind) {
            (Some((_, raw)), _) => *raw,
            (None, ProtoKind::Double) => Raw::Fixed64([0; 8]),
            (None, ProtoKind::Text) => Raw::Bytes(&[]),
            (None, _) => Raw::Varint(0),
        };
        OneReader { kind, raw, depth: self.depth }
    }
}

impl<'de> Deserializer<'de> for FieldReader<'de, '_> {
    type Error = WireError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.field.label {
            ProtoLabel::Repeated => {
                visitor.visit_seq(Elements { reader: self, taken: 0, packed: &[] })
            }
            ProtoLabel::Map => visitor.visit_map(Entries { reader: self, value: None }),
            ProtoLabel::Required | ProtoLabel::Optional | ProtoLabel::OneOf => {
                self.one().deserialize_any(visitor)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.one().deserialize_f32(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.one().deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct identifier ignored_any
    }
}

/// The elements of a list, of which numbers may be packed.
struct Elements<'de, 'r> {
    reader: FieldReader<'de, 'r>,
    /// Values that were begun.
    taken: usize,
    /// What is left of a packed one.
    packed: &'de [u8],
}

impl<'de> Elements<'de, '_> {
    fn next_raw(&mut self) -> Result<Option<Raw<'de>>> {
        let kind = self.reader.field.kind;
        loop {
            if !self.packed.is_empty() {
                return unpacked(kind, &mut self.packed).map(Some);
            }
            let Some((_, raw)) = self.reader.raws.get(self.taken) else { return Ok(None) };
            self.taken += 1;
            match raw {
                Raw::Bytes(bytes) if is_packable(kind) => self.packed = bytes,
                raw => return Ok(Some(*raw)),
            }
        }
    }
}

impl<'de> SeqAccess<'de> for Elements<'de, '_> {
    type Error = WireError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(raw) = self.next_raw()? else { return Ok(None) };
        let (kind, depth) = (self.reader.field.kind, self.reader.depth);
        seed.deserialize(OneReader { kind, raw, depth }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        match (self.reader.field.kind, self.reader.raws) {
            (ProtoKind::Float, [(_, Raw::Bytes(bytes))]) => Some(bytes.len() / 4),
            (_, raws) => Some(raws.len()),
        }
    }
}

fn is_empty_list(field: &ProtoField, raw: Raw<'_>) -> bool {
    let is_list = field.label == ProtoLabel::Repeated && is_packable(field.kind);
    is_list && matches!(raw, Raw::Bytes([]))
}

fn is_packable(kind: ProtoKind) -> bool {
    use ProtoKind::{Bool, Double, Enumeration, Float, Signed, Unsigned};
    matches!(kind, Bool | Unsigned | Signed | Double | Float | Enumeration(_))
}

fn unpacked<'de>(kind: ProtoKind, bytes: &mut &'de [u8]) -> Result<Raw<'de>> {
    let short = || WireError::broken("a packed list ends before its last number does");
    match kind {
        ProtoKind::Float => {
            let (first, rest) = bytes.split_first_chunk().ok_or_else(short)?;
            *bytes = rest;
            Ok(Raw::Fixed32(*first))
        }
        ProtoKind::Double => {
            let (first, rest) = bytes.split_first_chunk().ok_or_else(short)?;
            *bytes = rest;
            Ok(Raw::Fixed64(*first))
        }
        _ => decode_varint(bytes).map(Raw::Varint).map_err(WireError::broken),
    }
}

/// The entries of a map: messages with a key and a value.
struct Entries<'de, 'r> {
    reader: FieldReader<'de, 'r>,
    value: Option<Raw<'de>>,
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = WireError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some(((_, raw), rest)) = self.reader.raws.split_first() else { return Ok(None) };
        self.reader.raws = rest;
        let Raw::Bytes(mut bytes) = *raw else { return Err(wrong("an entry of a map")) };
        let mut key = "";
        self.value = None;
        while let Some((number, raw)) = next(&mut bytes)? {
            match number {
                1 => key = text(raw)?,
                2 => self.value = Some(raw),
                other => return Err(WireError::Unknown(other)),
            }
        }
        let key: StrDeserializer<'_, WireError> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        let (kind, depth) = (self.reader.field.kind, self.reader.depth);
        let raw = self.value.take().unwrap_or(Raw::Bytes(&[]));
        seed.deserialize(OneReader { kind, raw, depth })
    }
}

/// One value.
#[derive(Clone, Copy)]
struct OneReader<'de> {
    kind: ProtoKind,
    raw: Raw<'de>,
    depth: u32,
}

impl<'de> OneReader<'de> {
    fn message(self, place: usize) -> Result<MessageReader<'de>> {
        let message = &ProtoFile::current().messages[place];
        let Raw::Bytes(bytes) = self.raw else { return Err(wrong("a message")) };
        Ok(MessageReader { message, bytes, depth: self.depth + 1 })
    }

    fn enumerated(self, place: usize) -> Result<&'static str> {
        let enumeration = &ProtoFile::current().enumerations[place];
        let Raw::Varint(number) = self.raw else { return Err(wrong("an enumeration")) };
        let found = enumeration.values.iter().find(|(known, _)| u64::from(*known) == number);
        let (_, name) = found.ok_or_else(|| {
            WireError::Content(format!("{} has no value {number}", enumeration.name))
        })?;
        Ok(name)
    }

    /// Any JSON.
    fn json(self) -> Result<Value> {
        let Raw::Bytes(bytes) = self.raw else { return Err(wrong("a message")) };
        let value = match self.kind {
            ProtoKind::Object => {
                let object = prost_types::Struct::decode(bytes).map_err(WireError::broken)?;
                known::to_object(object).map(Value::Object)
            }
            _ => {
                let value = prost_types::Value::decode(bytes).map_err(WireError::broken)?;
                known::to_json(value)
            }
        };
        value.ok_or(WireError::NotFinite)
    }

    fn time(self) -> Result<String> {
        let Raw::Bytes(bytes) = self.raw else { return Err(wrong("a Timestamp")) };
        let time = prost_types::Timestamp::decode(bytes).map_err(WireError::broken)?;
        let time = known::to_time(time).ok_or_else(|| {
            WireError::Content(
                "bad time: a Timestamp is outside the years that can be kept".to_owned(),
            )
        })?;
        Ok(time.to_string())
    }

    fn as_of<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Raw::Bytes(mut bytes) = self.raw else { return Err(wrong("a message")) };
        match next(&mut bytes)? {
            Some((1, Raw::Varint(lsn))) => visitor.visit_u64(lsn),
            Some((2, raw)) => {
                visitor.visit_string(OneReader { kind: ProtoKind::Time, raw, ..self }.time()?)
            }
            _ => Err(WireError::Content("AsOf names an lsn or a time".to_owned())),
        }
    }

    fn vector<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Raw::Bytes(mut bytes) = self.raw else { return Err(wrong("a Vector")) };
        let mut floats = Vec::new();
        while let Some((number, raw)) = next(&mut bytes)? {
            match (number, raw) {
                (1, raw @ Raw::Fixed32(_)) => floats.push(float(raw)?),
                (1, Raw::Bytes(mut packed)) => {
                    while !packed.is_empty() {
                        let raw = unpacked(ProtoKind::Float, &mut packed)?;
                        floats.push(float(raw)?);
                    }
                }
                (other, _) => return Err(WireError::Unknown(other)),
            }
        }
        let values: serde::de::value::SeqDeserializer<_, WireError> =
            serde::de::value::SeqDeserializer::new(floats.into_iter());
        visitor.visit_seq(values)
    }
}

impl<'de> Deserializer<'de> for OneReader<'de> {
    type Error = WireError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.kind {
            ProtoKind::Bool => visitor.visit_bool(varint(self.raw)? != 0),
            ProtoKind::Unsigned => visitor.visit_u64(varint(self.raw)?),
            ProtoKind::Signed => visitor.visit_i64(varint(self.raw)?.cast_signed()),
            ProtoKind::Double => {
                let Raw::Fixed64(bytes) = self.raw else { return Err(wrong("a double")) };
                visitor.visit_f64(finite(f64::from_le_bytes(bytes))?)
            }
            ProtoKind::Float => visitor.visit_f32(float(self.raw)?),
            ProtoKind::Text => visitor.visit_borrowed_str(text(self.raw)?),
            ProtoKind::Time => visitor.visit_string(self.time()?),
            ProtoKind::Json | ProtoKind::Object => {
                let value = self.json()?;
                value_in(value, visitor)
            }
            ProtoKind::Vector => self.vector(visitor),
            ProtoKind::AsOf => self.as_of(visitor),
            ProtoKind::Enumeration(place) => visitor.visit_str(self.enumerated(place)?),
            ProtoKind::Message(place) => self.message(place)?.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    /// A double beyond what a float holds would be infinite as one.
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if let (ProtoKind::Double, Raw::Fixed64(bytes)) = (self.kind, self.raw)
            && (finite(f64::from_le_bytes(bytes))? as f32).is_infinite()
        {
            return Err(WireError::TooLarge);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.kind {
            ProtoKind::Enumeration(place) => {
                let name: StrDeserializer<'_, WireError> =
                    self.enumerated(place)?.into_deserializer();
                visitor.visit_enum(name)
            }
            ProtoKind::Message(place) => {
                self.message(place)?.deserialize_enum(name, variants, visitor)
            }
            _ => Err(serde::de::Error::invalid_type(Unexpected::Other("a plain value"), &visitor)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct identifier ignored_any
    }
}

/// JSON inside a message, with its errors as those of the message.
fn value_in<'de, V: Visitor<'de>>(value: Value, visitor: V) -> Result<V::Value> {
    let read = value.deserialize_any(visitor);
    read.map_err(|error| WireError::Content(error.to_string()))
}

/// The one field of a message that stands for a variant of an enum.
struct Variant<'de> {
    field: &'static ProtoField,
    raw: Raw<'de>,
    depth: u32,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = WireError;
    type Variant = Variant<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Variant<'de>)> {
        let name: StrDeserializer<'_, WireError> = self.field.name.as_str().into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = WireError;

    fn unit_variant(self) -> Result<()> {
        Err(WireError::Content(format!("`{}` holds something", self.field.name)))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(OneReader { kind: self.field.kind, raw: self.raw, depth: self.depth })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value> {
        self.unit_variant().and(Err(WireError::broken("no type of the contract is a tuple")))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let one = OneReader { kind: self.field.kind, raw: self.raw, depth: self.depth };
        one.deserialize_any(visitor)
    }
}
