//! Values and arrays as text.

use super::DynArray;
use crate::api::selection::Select;
use crate::api::value::{Reference, Value};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Display, Formatter, Write};

/// Elements that are shown of an array.
const SHOWN: usize = 1000;

/// Numbers, `"text"`, `x0a1b` for bytes, `[1, 2]`, `{name: value}`, `1+2i`.
impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(number) => write!(f, "{number}"),
            Value::Uint(number) | Value::Time(number) => write!(f, "{number}"),
            Value::Wide { .. } => match self.wide() {
                Some(text) => f.write_str(&text),
                None => f.write_str("a wide integer"),
            },
            Value::Float(number) => write!(f, "{number:?}"),
            Value::FloatBytes(bytes) | Value::Opaque(bytes) => write!(f, "x{}", hex(bytes)),
            Value::Complex(real, imaginary) => write!(f, "{real:?}{imaginary:+?}i"),
            Value::Bool(truth) => write!(f, "{truth}"),
            Value::String(text) => match core::str::from_utf8(text) {
                Ok(text) => write!(f, "{text:?}"),
                Err(_) => write!(f, "\"{}\"", text.escape_ascii()),
            },
            Value::Enum { name: Some(name), .. } => f.write_str(name),
            Value::Enum { value, name: None } => write!(f, "{value}"),
            Value::Compound(members) => {
                f.write_str("{")?;
                for (i, (name, value)) in members.iter().enumerate() {
                    write!(f, "{}{name}: {value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            Value::Array(values) | Value::Sequence(values) => list(f, values),
            Value::Reference(reference) => write!(f, "{reference}"),
        }
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, values: &[T]) -> fmt::Result {
    f.write_str("[")?;
    for (i, value) in values.iter().enumerate() {
        write!(f, "{}{value}", if i == 0 { "" } else { ", " })?;
    }
    f.write_str("]")
}

/// Two digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Value {
    /// A wide integer as a number, or its bytes from the highest to the lowest where there is no such Rust type.
    fn wide(&self) -> Option<String> {
        let Value::Wide { bytes, signed } = self else { return None };
        let mut wide = [if *signed && bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 }; 16];
        match wide.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                let number = i128::from_le_bytes(wide);
                Some(if *signed { alloc::format!("{number}") } else { alloc::format!("{}", number.cast_unsigned()) })
            }
            None => {
                let high_first: Vec<u8> = bytes.iter().rev().copied().collect();
                Some(alloc::format!("x{}", hex(&high_first)))
            }
        }
    }
}

/// `null`, `object 800`, `region 800 [0:2, 3]`, `attribute 800 "units"`, `"file": ...`.
impl Display for Reference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Null => f.write_str("null"),
            Reference::Object(address) => write!(f, "object {}", address.0),
            Reference::Region { dataset, selection } => {
                write!(f, "region {} [{}]", dataset.0, Select::from(selection))
            }
            Reference::Attribute { object, name } => write!(f, "attribute {} \"{}\"", object.0, name.escape_ascii()),
            Reference::External { file, target } => write!(f, "\"{}\": {target}", file.escape_ascii()),
            Reference::Broken(why) => write!(f, "broken: {why}"),
        }
    }
}

/// `i32le [[1, 2], [3, 4]]`; of long arrays the beginning.
impl Display for DynArray {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.datatype)?;
        if self.is_null() {
            return f.write_str("null");
        }
        let mut left = SHOWN;
        let mut values = self.iter();
        nested(f, self.shape(), &mut left, &mut values)
    }
}

fn nested(
    f: &mut Formatter<'_>,
    dims: &[u64],
    left: &mut usize,
    values: &mut dyn Iterator<Item = crate::error::Result<Value>>,
) -> fmt::Result {
    let Some((&len, rest)) = dims.split_first() else {
        *left = left.saturating_sub(1);
        return match values.next() {
            Some(Ok(value)) => write!(f, "{value}"),
            Some(Err(error)) => write!(f, "({error})"),
            None => Ok(()),
        };
    };
    f.write_str("[")?;
    for i in 0..len {
        f.write_str(if i == 0 { "" } else { ", " })?;
        if *left == 0 {
            f.write_str("…")?;
            break;
        }
        nested(f, rest, left, values)?;
    }
    f.write_str("]")
}

impl fmt::Debug for DynArray {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "DynArray({self})")
    }
}
