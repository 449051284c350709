//! Between values and what HDF5 has for them: h5py's forms of scalars.

use super::array::same_type;
use super::{Array, Elements, Node, Value};
use hdf5_format::datatype::conventions;
use hdf5_format::format::message::datatype::{ByteOrder, CharacterSet, Class, Datatype, VlenKind};
use hdf5_format::{Error, ErrorKind, Result, Sizes};
use num_complex::Complex64;

impl Array {
    /// A value without parts in the form that h5py gives it: numbers of 64 bits, its enumeration for booleans, UTF-8 of
    /// variable length, an empty dataspace for nothing. `None` for values of other kinds, and integers that 64 bits do
    /// not hold.
    pub fn of_scalar(value: &Value) -> Option<Array> {
        match value {
            Value::Null => Some(Array::null(Datatype::double(ByteOrder::LittleEndian))),
            Value::Bool(truth) => Array::scalar(*truth).ok(),
            Value::Int(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => Array::scalar(number).ok(),
                (_, Ok(number)) => Array::scalar(number).ok(),
                _ => None,
            },
            Value::Float(number) => Array::scalar(*number).ok(),
            Value::Complex(number) => Array::scalar(*number).ok(),
            Value::Text(text) => Some(Array::texts([], [text])),
            Value::Array(array) => Some(array.clone()),
            _ => None,
        }
    }

    /// The value of which this is the form: `None` where the elements are more than one, or of another type than
    /// [`of_scalar`](Array::of_scalar) gives them.
    pub fn to_scalar(&self) -> Option<Value> {
        let datatype = self.dtype();
        if self.is_null() {
            return same_type(datatype, &double()).then_some(Value::Null);
        }
        if !self.shape().is_empty() {
            return None;
        }
        match &datatype.class {
            Class::FixedPoint { signed, .. } if same_type(datatype, &integer(*signed)) => {
                let number: i128 = *self.to_vec().ok()?.first()?;
                // An unsigned number that a signed one holds has a type of its own.
                (*signed || number > i128::from(i64::MAX)).then_some(Value::Int(number))
            }
            Class::FloatingPoint(_) if same_type(datatype, &double()) => {
                Some(Value::Float(*self.to_vec().ok()?.first()?))
            }
            Class::Enum { .. } if conventions::is_bool(datatype) => Some(Value::Bool(*self.to_vec().ok()?.first()?)),
            Class::Compound { .. } if datatype.size == 16 && conventions::is_complex(datatype) => {
                Some(Value::Complex(*self.to_vec::<Complex64>().ok()?.first()?))
            }
            Class::Vlen { kind: VlenKind::String, charset: CharacterSet::Utf8, .. } => {
                Some(Value::Text(self.to_texts().ok()?.into_iter().next()?))
            }
            _ => None,
        }
    }
}

impl Array {
    /// The one element of an array without dimensions.
    fn simplified(&self) -> Option<Value> {
        self.shape().is_empty().then(|| self.to_scalar().or_else(|| narrow(self))).flatten()
    }
}

fn double() -> Datatype {
    Datatype::double(ByteOrder::LittleEndian)
}

fn integer(signed: bool) -> Datatype {
    Datatype::integer(8, signed, ByteOrder::LittleEndian)
}

impl Value {
    /// The elements of a value, for a dataset: those of an array, or of a scalar.
    ///
    /// # Errors
    /// The value is of another kind.
    pub fn into_array(self) -> Result<Array> {
        match self {
            Value::Array(array) => Ok(array),
            Value::Node(node) => match *node {
                Node::Dataset(dataset) => Ok(dataset.data),
                Node::Group(_) => Err(expected("an array", "a group")),
            },
            Value::Shared(_, value) => value.into_array(),
            other => Array::of_scalar(&other).ok_or_else(|| expected("an array", &other.describe())),
        }
    }

    /// A group without a tag.
    ///
    /// # Errors
    /// The value is of another kind.
    pub fn into_group(self) -> Result<super::GroupNode> {
        match self {
            Value::Node(node) => node.into_group(),
            Value::Shared(_, value) => value.into_group(),
            other => Err(expected("a group", &other.describe())),
        }
    }

    /// A group or dataset with a tag.
    ///
    /// # Errors
    /// The value is of another kind.
    pub fn into_object(self) -> Result<super::Object> {
        match self {
            Value::Object(object) => Ok(*object),
            Value::Shared(_, value) => value.into_object(),
            other => Err(expected("an object", &other.describe())),
        }
    }

    /// A scalar in its own kind: what is an array of one element as that element, exactly.
    #[must_use]
    pub fn simplified(self) -> Value {
        match &self {
            Value::Array(array) => array.simplified().unwrap_or(self),
            Value::Node(node) => match node.as_ref() {
                Node::Dataset(dataset) => dataset.data.simplified().unwrap_or(self),
                Node::Group(_) => self,
            },
            _ => self,
        }
    }
}

/// A single number of any width, or text of any kind.
fn narrow(array: &Array) -> Option<Value> {
    if array.is_null() {
        return Some(Value::Null);
    }
    match &array.dtype().class {
        Class::FixedPoint { .. } => Some(Value::Int(*array.to_vec().ok()?.first()?)),
        Class::FloatingPoint(_) => Some(Value::Float(*array.to_vec().ok()?.first()?)),
        Class::String { .. } | Class::Vlen { kind: VlenKind::String, .. } => {
            Some(Value::Text(array.to_texts().ok()?.into_iter().next()?))
        }
        Class::Enum { .. } if array.dtype().size == 1 => Some(Value::Bool(*array.to_vec().ok()?.first()?)),
        Class::Compound { .. } => Some(Value::Complex(*array.to_vec::<Complex64>().ok()?.first()?)),
        _ => None,
    }
}

pub(crate) fn expected(wanted: &str, found: &str) -> Error {
    Error::new(ErrorKind::TypeMismatch, format!("expected {wanted}, found {found}"))
}

/// The elements of an array of one dimension, each as a value.
pub(crate) fn items(array: &Array) -> Result<Vec<Value>> {
    let loaded = array.load()?;
    let shape = loaded.shape().to_vec();
    let (Some(&length), Elements::Stored(bytes)) = (shape.first(), loaded.elements()) else {
        return match loaded.elements() {
            Elements::Values(values) if shape.len() == 1 => {
                let one = |v: &hdf5_format::Value| Array::values(loaded.dtype().clone(), Some(vec![]), vec![v.clone()]);
                Ok(values.iter().map(|v| Value::Array(one(v)).simplified()).collect())
            }
            _ => Err(expected("a list", &Value::Array(loaded).describe())),
        };
    };
    let inner: Vec<u64> = shape.iter().skip(1).copied().collect();
    let count = usize::try_from(length).unwrap_or(0);
    let size = bytes.len().checked_div(count).unwrap_or(0);
    let row = |at: usize| {
        let start = at.saturating_mul(size);
        let part = bytes.get(start..start.saturating_add(size)).unwrap_or(&[]).to_vec();
        Ok(Value::Array(Array::stored(loaded.dtype().clone(), inner.clone(), part)?).simplified())
    };
    (0..count).map(row).collect()
}

/// Texts by variable-length UTF-8; what a type of its own would be for.
pub(crate) fn text_type() -> Datatype {
    Datatype::vlen_string(CharacterSet::Utf8, Sizes::EIGHT)
}

macro_rules! from {
    ($($type:ty => $variant:ident ($($convert:tt)*);)+) => { $(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Value::$variant($($convert)*(value))
            }
        }
    )+ };
}

from! {
    bool => Bool();
    i8 => Int(i128::from);
    i16 => Int(i128::from);
    i32 => Int(i128::from);
    i64 => Int(i128::from);
    u8 => Int(i128::from);
    u16 => Int(i128::from);
    u32 => Int(i128::from);
    u64 => Int(i128::from);
    f32 => Float(f64::from);
    f64 => Float();
    Complex64 => Complex();
    &str => Text(String::from);
    String => Text();
    Vec<u8> => Bytes();
    super::Timestamp => Time();
    super::TimeIndex => TimeIndex();
    Array => Array();
    Vec<Value> => Seq();
    super::Link => Link();
    crate::access::Slot => Delayed();
    super::Object => Object(Box::new);
}
