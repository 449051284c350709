//! The model: what a file can hold, whatever wrote it.

mod array;
mod convert;
mod node;
mod time;
mod walk;

pub use array::{Array, Elements};
pub use node::{Attrs, DatasetNode, GroupNode, Link, Members, Node, Object, Storage, Tag};
pub use time::{TimeIndex, Timestamp};

pub(crate) use convert::{expected, items, text_type};

use crate::access::Slot;
use num_bigint::BigInt;
use num_complex::Complex64;

/// Anything that is persisted, as a tree.
///
/// Two values are equal if they say the same: floats by their bits, so that NaN equals NaN, and sets in any order.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Value {
    /// Nothing: Python's `None`.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i128),
    /// An integer that 128 bits do not hold.
    BigInt(BigInt),
    /// A number of double precision.
    Float(f64),
    /// A complex number of double precision.
    Complex(Complex64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A path of a file system.
    Path(String),
    /// A point in time.
    Time(Timestamp),
    /// Many points in time, of one zone.
    TimeIndex(TimeIndex),
    /// A list.
    Seq(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A set: no two are equal.
    Set(Vec<Value>),
    /// A dictionary, in its order.
    Map(Vec<(Value, Value)>),
    /// An array of any datatype, read or still in its file.
    Array(Array),
    /// A group or dataset without a tag.
    Node(Box<Node>),
    /// A group or dataset with a tag that says what it is.
    Object(Box<Object>),
    /// A link to something that has another place.
    Link(Link),
    /// Something that is filled in later.
    Delayed(Slot),
    /// Something in its store that has not been read.
    Unread(Slot),
    /// A value that others are the [`Same`](Value::Same) as.
    Shared(Identity, Box<Value>),
    /// The shared value of this identity.
    Same(Identity),
}

/// What tells shared values of one tree apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(pub u64);

impl Value {
    /// What it is, for errors: `a list`, `an array of f64le, shape [3]`.
    pub fn describe(&self) -> String {
        match self {
            Value::Null => "nothing".into(),
            Value::Bool(_) => "a boolean".into(),
            Value::Int(_) | Value::BigInt(_) => "an integer".into(),
            Value::Float(_) => "a float".into(),
            Value::Complex(_) => "a complex number".into(),
            Value::Text(_) => "text".into(),
            Value::Bytes(_) => "bytes".into(),
            Value::Path(_) => "a path".into(),
            Value::Time(_) => "a time".into(),
            Value::TimeIndex(_) => "an index of times".into(),
            Value::Seq(_) => "a list".into(),
            Value::Tuple(_) => "a tuple".into(),
            Value::Set(_) => "a set".into(),
            Value::Map(_) => "a map".into(),
            Value::Array(array) => format!("an array of {}, shape {:?}", array.dtype(), array.shape()),
            Value::Node(node) => format!("a {}", node.kind()),
            Value::Object(object) => format!("an object {}", object.tag),
            Value::Link(_) => "a link".into(),
            Value::Delayed(_) => "something delayed".into(),
            Value::Unread(_) => "something that was not read".into(),
            Value::Shared(_, value) => value.describe(),
            Value::Same(_) => "a value that is shared".into(),
        }
    }

    /// The value itself, where it is marked as shared.
    pub fn unshared(&self) -> &Value {
        match self {
            Value::Shared(_, value) => value.unshared(),
            other => other,
        }
    }

    /// The values that it consists of, one level down, of attributes too.
    pub fn children(&self) -> Vec<&Value> {
        match self {
            Value::Seq(items) | Value::Tuple(items) | Value::Set(items) => items.iter().collect(),
            Value::Map(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
            Value::Node(node) => node.children(),
            Value::Object(object) => object.node.children(),
            Value::Shared(_, value) => vec![value],
            _ => Vec::new(),
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        use Value::*;
        match (self, other) {
            (Null, Null) => true,
            (Bool(a), Bool(b)) => a == b,
            (Int(a), Int(b)) => a == b,
            (BigInt(a), BigInt(b)) => a == b,
            (Float(a), Float(b)) => a.to_bits() == b.to_bits(),
            (Complex(a), Complex(b)) => (a.re.to_bits(), a.im.to_bits()) == (b.re.to_bits(), b.im.to_bits()),
            (Text(a), Text(b)) | (Path(a), Path(b)) => a == b,
            (Bytes(a), Bytes(b)) => a == b,
            (Time(a), Time(b)) => a == b,
            (TimeIndex(a), TimeIndex(b)) => a == b,
            (Seq(a), Seq(b)) | (Tuple(a), Tuple(b)) => a == b,
            (Set(a), Set(b)) => a.len() == b.len() && a.iter().all(|item| b.contains(item)),
            (Map(a), Map(b)) => a == b,
            (Array(a), Array(b)) => a == b,
            (Node(a), Node(b)) => a == b,
            (Object(a), Object(b)) => a == b,
            (Link(a), Link(b)) => a == b,
            (Delayed(a), Delayed(b)) | (Unread(a), Unread(b)) => a == b,
            (Shared(a, x), Shared(b, y)) => a == b && x == y,
            (Same(a), Same(b)) => a == b,
            _ => false,
        }
    }
}
