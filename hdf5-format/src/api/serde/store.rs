//! To `serde`.

use crate::api::dynamic::{DynArray, hex};
use crate::api::selection::Select;
use crate::api::value::{Reference, Value};
use crate::codec::{Sizes, Writer};
use crate::format::message::datatype::Datatype;
use alloc::format;
use alloc::string::{String, ToString};
use core::cell::RefCell;
use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

/// Bytes as text.
fn bytes_text(bytes: &[u8]) -> String {
    format!("x{}", hex(bytes))
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Int(number) => out.serialize_i64(*number),
            Value::Uint(number) | Value::Time(number) => out.serialize_u64(*number),
            Value::Wide { .. } => wide(&self.to_string(), out),
            Value::Float(number) => Float(*number).serialize(out),
            Value::FloatBytes(bytes) | Value::Opaque(bytes) => out.serialize_str(&bytes_text(bytes)),
            Value::Complex(real, imaginary) => {
                let mut pair = out.serialize_struct("Complex", 2)?;
                pair.serialize_field("re", &Float(*real))?;
                pair.serialize_field("im", &Float(*imaginary))?;
                pair.end()
            }
            Value::Bool(truth) => out.serialize_bool(*truth),
            Value::String(text) => Text(text).serialize(out),
            Value::Enum { name: Some(name), .. } => out.serialize_str(name),
            Value::Enum { value, name: None } => wide(&value.to_string(), out),
            Value::Compound(members) => {
                let mut map = out.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
            Value::Array(values) | Value::Sequence(values) => out.collect_seq(values),
            Value::Reference(reference) => reference.serialize(out),
        }
    }
}

/// An integer of any width, in the narrowest type of the data model that has it.
fn wide<S: Serializer>(text: &str, out: S) -> Result<S::Ok, S::Error> {
    if let Ok(number) = text.parse() {
        return out.serialize_i64(number);
    }
    match (text.parse::<u64>(), text.parse::<i128>(), text.parse::<u128>()) {
        (Ok(number), ..) => out.serialize_u64(number),
        (_, Ok(number), _) => out.serialize_i128(number),
        (.., Ok(number)) => out.serialize_u128(number),
        _ => out.serialize_str(text),
    }
}

struct Float(f64);

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_nan() => out.serialize_str("NaN"),
            f64::INFINITY => out.serialize_str("Infinity"),
            f64::NEG_INFINITY => out.serialize_str("-Infinity"),
            number => out.serialize_f64(number),
        }
    }
}

/// Text that is UTF-8 in nearly every file.
struct Text<'a>(&'a [u8]);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match core::str::from_utf8(self.0) {
            Ok(text) => out.serialize_str(text),
            Err(_) => {
                let mut map = out.serialize_map(Some(1))?;
                map.serialize_entry("bytes", &bytes_text(self.0))?;
                map.end()
            }
        }
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        if *self == Reference::Null {
            return out.serialize_none();
        }
        let mut map = out.serialize_map(None)?;
        match self {
            Reference::Null => {}
            Reference::Object(address) => map.serialize_entry("object", &address.0)?,
            Reference::Region { dataset, selection } => {
                map.serialize_entry("region", &dataset.0)?;
                map.serialize_entry("selection", &Select::from(selection).to_string())?;
            }
            Reference::Attribute { object, name } => {
                map.serialize_entry("attribute", &Text(name))?;
                map.serialize_entry("object", &object.0)?;
            }
            Reference::External { file, target } => {
                map.serialize_entry("file", &Text(file))?;
                map.serialize_entry("target", target)?;
            }
            Reference::Broken(why) => map.serialize_entry("broken", why)?,
        }
        map.end()
    }
}

impl Serialize for Datatype {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let notation = self.to_string();
        if notation.parse::<Datatype>().is_ok_and(|parsed| parsed.is_same(self)) {
            return out.serialize_str(&notation);
        }
        let mut writer = Writer::new(Sizes::EIGHT);
        self.encode(&mut writer).map_err(S::Error::custom)?;
        let mut map = out.serialize_map(Some(2))?;
        map.serialize_entry("notation", &notation)?;
        map.serialize_entry("message", &bytes_text(writer.as_slice()))?;
        map.end()
    }
}

impl Serialize for DynArray {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut array = out.serialize_struct("DynArray", 3)?;
        array.serialize_field("datatype", self.datatype())?;
        if self.is_null() {
            array.serialize_field("shape", &())?;
            array.serialize_field("values", &())?;
        } else {
            array.serialize_field("shape", self.shape())?;
            let values = RefCell::new(self.iter());
            array.serialize_field("values", &Nested { dims: self.shape(), values: &values })?;
        }
        array.end()
    }
}

/// Values that are left, as arrays in arrays.
struct Nested<'a, I> {
    dims: &'a [u64],
    values: &'a RefCell<I>,
}

impl<I: Iterator<Item = crate::Result<Value>>> Serialize for Nested<'_, I> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let Some((&len, dims)) = self.dims.split_first() else {
            let value = self.values.borrow_mut().next();
            let value = value.ok_or_else(|| S::Error::custom("fewer values than the shape has"))?;
            return value.map_err(S::Error::custom)?.serialize(out);
        };
        let mut list = out.serialize_seq(usize::try_from(len).ok())?;
        (0..len).try_for_each(|_| list.serialize_element(&Nested { dims, values: self.values }))?;
        list.end()
    }
}
