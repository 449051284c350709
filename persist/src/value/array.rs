//! Arrays of any datatype.

use crate::access::ArrayView;
use hdf5_format::datatype::contains_address;
use hdf5_format::format::message::datatype::{CharacterSet, Class, Datatype, Member};
use hdf5_format::{Conversion, Error, ErrorKind, Load, Result, Sizes, Store, decode_elements, encode_elements};
use std::borrow::Cow;

/// An array: a datatype, a shape, and elements in C order.
#[derive(Clone, Debug)]
pub struct Array {
    datatype: Datatype,
    shape: Option<Vec<u64>>,
    elements: Elements,
}

/// The elements of an [`Array`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Elements {
    /// As they are stored.
    Stored(Vec<u8>),
    /// Of types that keep something elsewhere in the file: text and sequences of variable length, references.
    Values(Vec<hdf5_format::Value>),
    /// Still in their file.
    InFile(ArrayView),
    /// None are written: all are the fill value.
    Unwritten,
}

impl Array {
    /// An array of numbers or other values that are stored in place.
    ///
    /// # Errors
    /// The values are not as many as the shape says, or their type keeps something elsewhere in a file.
    pub fn new<T: Store>(shape: impl Into<Vec<u64>>, values: &[T]) -> Result<Self> {
        let datatype = T::datatype(Sizes::EIGHT);
        let mut stored = Vec::new();
        encode_elements(&datatype, Conversion::Exact, values, &mut stored)?;
        Array::stored(datatype, shape, stored)
    }

    /// One value as an array without dimensions.
    pub(crate) fn scalar<T: Store>(value: T) -> Result<Self> {
        Array::new([], &[value])
    }

    /// An array of elements as they are stored.
    ///
    /// # Errors
    /// The bytes are not as many as the shape says.
    pub fn stored(datatype: Datatype, shape: impl Into<Vec<u64>>, bytes: Vec<u8>) -> Result<Self> {
        let shape = shape.into();
        let expected = count(&shape).and_then(|n| n.checked_mul(datatype.size().try_into().ok()?));
        if expected != Some(bytes.len().try_into().unwrap_or(u64::MAX)) {
            let text = format!("{} bytes for an array of {datatype}, shape {shape:?}", bytes.len());
            return Err(Error::new(ErrorKind::Shape, text));
        }
        Ok(Array { datatype, shape: Some(shape), elements: Elements::Stored(bytes) })
    }

    /// An array of dynamic elements; `None` for the shape of no elements at all.
    pub fn values(datatype: Datatype, shape: Option<Vec<u64>>, values: Vec<hdf5_format::Value>) -> Self {
        Array { datatype, shape, elements: Elements::Values(values) }
    }

    /// An array of texts.
    pub fn texts<S: AsRef<str>>(shape: impl Into<Vec<u64>>, texts: impl IntoIterator<Item = S>) -> Self {
        let datatype = Datatype::vlen_string(CharacterSet::Utf8, Sizes::EIGHT);
        let values = texts.into_iter().map(|t| hdf5_format::Value::String(t.as_ref().as_bytes().to_vec())).collect();
        Array { datatype, shape: Some(shape.into()), elements: Elements::Values(values) }
    }

    /// No element, and no shape: h5py's `Empty`.
    pub fn null(datatype: Datatype) -> Self {
        Array { datatype, shape: None, elements: Elements::Unwritten }
    }

    /// An array of which nothing is written.
    pub fn unwritten(datatype: Datatype, shape: impl Into<Vec<u64>>) -> Self {
        Array { datatype, shape: Some(shape.into()), elements: Elements::Unwritten }
    }

    /// An array that stays in its file.
    pub fn in_file(view: ArrayView) -> Self {
        let (datatype, shape) = (view.dtype().clone(), view.shape());
        Array { datatype, shape: Some(shape), elements: Elements::InFile(view) }
    }

    /// Type of the elements.
    pub fn dtype(&self) -> &Datatype {
        &self.datatype
    }

    /// Lengths of the dimensions; none for a scalar, and for no elements at all.
    pub fn shape(&self) -> &[u64] {
        self.shape.as_deref().unwrap_or(&[])
    }

    /// True where there are no elements and no shape.
    pub fn is_null(&self) -> bool {
        self.shape.is_none()
    }

    /// The elements.
    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// The number of elements.
    pub fn len(&self) -> u64 {
        self.shape.as_ref().map_or(0, |shape| count(shape).unwrap_or(u64::MAX))
    }

    /// True if there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in memory, whatever they were.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn load(&self) -> Result<Array> {
        self.loaded().map(Cow::into_owned)
    }

    /// The array itself, if its elements are in memory.
    pub(crate) fn loaded(&self) -> Result<Cow<'_, Array>> {
        match &self.elements {
            Elements::InFile(view) => view.read_array().map(Cow::Owned),
            _ => Ok(Cow::Borrowed(self)),
        }
    }

    /// The elements as Rust values, in C order.
    ///
    /// # Errors
    /// The type is of another kind, a value does not fit, or the elements cannot be read.
    pub fn to_vec<T: Load>(&self) -> Result<Vec<T>> {
        match &self.elements {
            Elements::Stored(bytes) => decode_elements(&self.datatype, Conversion::Exact, bytes),
            Elements::InFile(view) => view.read_vec(),
            Elements::Values(_) => {
                let text = format!("expected elements that are stored in place, found {}", self.datatype);
                Err(Error::new(ErrorKind::TypeMismatch, text).with_hint("to_texts reads texts, elements() everything"))
            }
            Elements::Unwritten => {
                let size = usize::try_from(self.len()).ok().and_then(|n| n.checked_mul(self.datatype.size()));
                decode_elements(&self.datatype, Conversion::Exact, &vec![0; size.unwrap_or(0)])
            }
        }
    }

    /// The texts of an array of strings, in C order.
    ///
    /// # Errors
    /// The elements are no strings of UTF-8, or cannot be read.
    pub fn to_texts(&self) -> Result<Vec<String>> {
        let text = |value: &hdf5_format::Value| {
            let found = || Error::new(ErrorKind::TypeMismatch, format!("expected text, found {value:?}"));
            value.as_str().map(String::from).ok_or_else(found)
        };
        match &self.elements {
            Elements::Values(values) => values.iter().map(text).collect(),
            _ => self.to_vec(),
        }
    }

    /// True if elements mean nothing outside their file.
    pub fn points_into_file(&self) -> bool {
        contains_address(&self.datatype)
    }
}

impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &Array, b: &Array| match (&a.elements, &b.elements) {
            (Elements::Stored(x), Elements::Stored(y)) => x == y,
            (Elements::Values(x), Elements::Values(y)) => x == y,
            (Elements::Unwritten, Elements::Unwritten) => true,
            _ => false,
        };
        self.shape == other.shape
            && same_type(&self.datatype, &other.datatype)
            && match (self.load(), other.load()) {
                (Ok(a), Ok(b)) => same(&a, &b),
                _ => false,
            }
    }
}

/// True for datatypes that say the same, whatever versions of their messages say it.
pub(super) fn same_type(a: &Datatype, b: &Datatype) -> bool {
    fn plain(datatype: &Datatype) -> Datatype {
        let inner = |base: &Datatype| Box::new(plain(base));
        let class = match &datatype.class {
            Class::Compound { members } => Class::Compound {
                members: members.iter().map(|m| Member { datatype: plain(&m.datatype), ..m.clone() }).collect(),
            },
            Class::Enum { base, members } => Class::Enum { base: inner(base), members: members.clone() },
            Class::Vlen { kind, padding, charset, base } => {
                Class::Vlen { kind: *kind, padding: *padding, charset: *charset, base: inner(base) }
            }
            Class::Array { dims, base } => Class::Array { dims: dims.clone(), base: inner(base) },
            Class::Complex { base } => Class::Complex { base: inner(base) },
            other => other.clone(),
        };
        Datatype { version: 0, size: datatype.size, class }
    }
    a == b || plain(a) == plain(b)
}

fn count(shape: &[u64]) -> Option<u64> {
    shape.iter().try_fold(1u64, |n, &length| n.checked_mul(length))
}
