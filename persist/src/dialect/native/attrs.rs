//! Values as attributes.

use super::super::raw;
use super::{ATTRIBUTE_LIMIT, PREFIX};
use crate::value::{Array, Elements, Timestamp, Value, expected};
use hdf5_format::format::message::datatype::{ByteOrder, Class, Datatype};
use hdf5_format::{Attribute, Error, ErrorKind, ObjectInfo, Result};
use num_bigint::BigInt;

/// True if a value goes into an attribute where nothing else is asked for.
pub(super) fn fits(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::Complex(_) => true,
        Value::Int(_) => form(value).is_some(),
        Value::Text(text) => text.len() < 60_000 && !text.contains('\0'),
        _ => false,
    }
}

pub(super) fn check(name: &str, value: &Value) -> Result<()> {
    if name.starts_with(PREFIX) {
        return Err(Error::new(ErrorKind::Invalid, format!("{name:?}: names that start with {PREFIX} are kept")));
    }
    let array = form(value).ok_or_else(|| {
        expected("a value without parts, as an attribute", &value.describe()).with_hint("make it a member")
    })?;
    raw::check_attr(name, &array, ATTRIBUTE_LIMIT).map_err(|e| e.on(format!("@{name}")))
}

/// The form of a value as an attribute.
fn form(value: &Value) -> Option<Array> {
    if let Some(array) = Array::of_scalar(value) {
        let ends = matches!(value, Value::Text(text) if text.contains('\0'));
        return if ends { opaque("str", value) } else { Some(array) };
    }
    match value {
        Value::Int(_) | Value::BigInt(_) => opaque("int", value),
        Value::Bytes(_) => opaque("bytes", value),
        Value::Path(_) => opaque("path", value),
        Value::Time(time) => Some(Array::values(time_type(), Some(Vec::new()), vec![time_value(time)])),
        _ => None,
    }
}

/// Bytes that say what they are.
fn opaque(tag: &str, value: &Value) -> Option<Array> {
    let bytes = match value {
        Value::Int(number) => BigInt::from(*number).to_signed_bytes_le(),
        Value::BigInt(number) => number.to_signed_bytes_le(),
        Value::Bytes(bytes) => bytes.clone(),
        Value::Path(text) | Value::Text(text) => text.as_bytes().to_vec(),
        _ => return None,
    };
    if bytes.is_empty() {
        return Some(Array::null(Datatype::opaque(1, tag)));
    }
    Array::stored(Datatype::opaque(u32::try_from(bytes.len()).ok()?, tag), [], bytes).ok()
}

fn time_type() -> Datatype {
    let nanoseconds = Datatype::integer(8, true, ByteOrder::LittleEndian);
    Datatype::compound([("nanoseconds", nanoseconds), ("zone", crate::value::text_type())])
}

fn time_value(time: &Timestamp) -> hdf5_format::Value {
    let zone = time.zone.clone().unwrap_or_default().into_bytes();
    hdf5_format::Value::Compound(vec![
        ("nanoseconds".into(), hdf5_format::Value::Int(time.nanoseconds)),
        ("zone".into(), hdf5_format::Value::String(zone)),
    ])
}

pub(super) fn write(object: &ObjectInfo, name: &str, value: &Value) -> Result<()> {
    raw::write_attr(object, name, &form_of(value)?)
}

/// The form of a checked value as an attribute.
pub(super) fn form_of(value: &Value) -> Result<Array> {
    form(value).ok_or_else(|| expected("a value without parts", &value.describe()))
}

pub(super) fn read(attribute: &Attribute) -> Result<Value> {
    let array = raw::read_attr(attribute)?;
    if let Some(value) = array.to_scalar() {
        return Ok(value);
    }
    Ok(special(&array).unwrap_or(Value::Array(array)))
}

/// The value of an attribute in a form of our own.
fn special(array: &Array) -> Option<Value> {
    if let Class::Opaque { tag } = &array.dtype().class {
        let bytes = match array.elements() {
            Elements::Stored(bytes) if array.shape().is_empty() => bytes.clone(),
            _ if array.is_null() => Vec::new(),
            _ => return None,
        };
        return match tag.as_slice() {
            b"bytes" => Some(Value::Bytes(bytes)),
            b"path" => String::from_utf8(bytes).ok().map(Value::Path),
            b"str" => String::from_utf8(bytes).ok().map(Value::Text),
            b"int" => {
                let number = BigInt::from_signed_bytes_le(&bytes);
                Some(i128::try_from(&number).map_or(Value::BigInt(number), Value::Int))
            }
            _ => None,
        };
    }
    let Elements::Values(values) = array.elements() else { return None };
    let [hdf5_format::Value::Compound(parts)] = values.as_slice() else { return None };
    match parts.as_slice() {
        [(n, hdf5_format::Value::Int(nanoseconds)), (z, zone)] if n == "nanoseconds" && z == "zone" => {
            let zone = Some(zone.as_str()?.to_owned()).filter(|zone| !zone.is_empty());
            Some(Value::Time(Timestamp { nanoseconds: *nanoseconds, zone }))
        }
        _ => None,
    }
}
