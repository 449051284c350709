//! One element of any type.

use alloc::string::String;
use alloc::vec::Vec;

/// One element of any HDF5 type, without loss.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Integers and bit fields up to 64 bits, signed.
    Int(i64),
    /// Integers and bit fields up to 64 bits, unsigned.
    Uint(u64),
    /// Integers wider than 64 bits: two's complement, little-endian.
    Wide {
        /// Little-endian bytes.
        bytes: Vec<u8>,
        /// True if the highest bit is a sign.
        signed: bool,
    },
    /// Floating point up to 64 bits, exact.
    Float(f64),
    /// A floating-point format that `f64` cannot hold: the bytes, little-endian.
    FloatBytes(Vec<u8>),
    /// A complex number (class 11, or h5py's compound of `r` and `i`).
    Complex(f64, f64),
    /// h5py's boolean: an enumeration of FALSE and TRUE.
    Bool(bool),
    /// Text: the bytes as stored, without padding. Usually UTF-8.
    String(Vec<u8>),
    /// Opaque bytes.
    Opaque(Vec<u8>),
    /// A time: its bits, unsigned.
    Time(u64),
    /// An enumeration: the number, and the name if it has one.
    Enum {
        /// The number.
        value: i128,
        /// The first member with this number.
        name: Option<String>,
    },
    /// A compound: names and values in member order.
    Compound(Vec<(String, Value)>),
    /// An array type: its elements in C order.
    Array(Vec<Value>),
    /// A variable-length sequence.
    Sequence(Vec<Value>),
    /// A reference.
    Reference(Reference),
}

/// A reference, as far as the file itself resolves it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reference {
    /// Points nowhere.
    Null,
    /// An object of this file, by the address of its header.
    Object(crate::codec::Address),
    /// Elements of a dataset of this file.
    Region {
        /// Header of the dataset.
        dataset: crate::codec::Address,
        /// The elements.
        selection: crate::format::selection::Selection,
    },
    /// An attribute of an object of this file.
    Attribute {
        /// Header of the object.
        object: crate::codec::Address,
        /// Name of the attribute.
        name: Vec<u8>,
    },
    /// Something in another file.
    External {
        /// Name of the file, as stored.
        file: Vec<u8>,
        /// What is pointed at, were it in this file.
        target: alloc::boxed::Box<Reference>,
    },
    /// Cannot be understood; the reason.
    Broken(String),
}

impl Value {
    /// The number, if this is an integer that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Value::Int(v) => Some(v),
            Value::Uint(v) => i64::try_from(v).ok(),
            Value::Enum { value, .. } => i64::try_from(value).ok(),
            Value::Bool(v) => Some(i64::from(v)),
            _ => None,
        }
    }

    /// The number as floating point, rounded where it must be.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Value::Float(v) => Some(v),
            Value::Int(v) => Some(v as f64),
            Value::Uint(v) => Some(v as f64),
            _ => None,
        }
    }

    /// The text, if this is a string of valid UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(bytes) => core::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}
