//! Arrays whose type is known at run time only.

mod file;
mod heap;
mod show;

#[cfg(feature = "serde")]
pub(super) use show::hex;

use super::canonical::{Canonical, ObjectNames};
use super::element::{Conversion, Data, Load, Sink, Source, Stored};
use super::value::Value;
use super::{decode, encode};
use crate::codec::{Address, Sizes, to_usize};
use crate::dataset::axes::box_bytes;
use crate::datatype::contains_address;
use crate::datatype::convert::Converter;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::Datatype;
use crate::graph::FileContext;
use alloc::format;
use alloc::vec::Vec;
use heap::MemoryHeap;

/// Elements of any datatype and their shape, without loss: what a dataset or an attribute holds.
///
/// It needs no file: values of variable length are in it. References keep their addresses, which mean something in the
/// file only that they are of.
///
/// ```
/// use hdf5_format::{CreateOptions, Value, io::MemoryFile};
/// # fn main() -> hdf5_format::Result<()> {
/// let file = CreateOptions::new().create_in(MemoryFile::new(Vec::new()))?;
/// file.create_dataset("people", vec![(String::from("Ann"), 41u8), (String::from("Bo"), 7)])?;
/// let people = file.dataset("people")?.read_dyn(..)?;
/// assert_eq!(people.datatype().to_string(), "{0: str utf8, 1: u8}");
/// assert_eq!(people.get(&[1])?, Value::Compound(vec![
///     ("0".into(), Value::String(b"Bo".to_vec())),
///     ("1".into(), Value::Uint(7)),
/// ]));
/// assert_eq!(people.to_vec::<(String, u32)>()?[0].1, 41);
/// let copy = file.create_dataset("copy", &people)?;
/// assert_eq!(copy.read_dyn(..)?, people);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct DynArray {
    datatype: Datatype,
    /// `None` is the null space.
    shape: Option<Vec<u64>>,
    /// As they are stored, pointing into `heap`.
    elements: Vec<u8>,
    heap: FileContext,
}

impl DynArray {
    /// Elements as they are stored, whose heap is that of `ctx`.
    fn of_stored(ctx: &FileContext, datatype: &Datatype, shape: Option<Vec<u64>>, elements: Vec<u8>) -> Result<Self> {
        let mut elements = elements;
        let mut heap = MemoryHeap::new(ctx.sizes());
        heap::relocate(ctx, datatype, &mut elements, ctx.sizes(), &mut |object| heap.insert(object))?;
        Ok(DynArray { datatype: datatype.clone(), shape, elements, heap: heap.finish()? })
    }

    /// Values of a datatype, in C order; `shape` is empty for one value.
    ///
    /// # Errors
    /// There are more or fewer values than the shape has, or one is of another kind than the type or does not fit it.
    pub fn from_values(datatype: &Datatype, shape: &[u64], values: &[Value]) -> Result<Self> {
        let store = |out: &mut [u8], sink: &mut Sink<'_>| encode::store_all(datatype, values, out, sink);
        Self::of_values(datatype, shape, &Stored::new(values.len(), &store))
    }

    /// Rust values with their type and shape.
    ///
    /// # Errors
    /// A value can not be stored.
    pub fn new(data: impl Data) -> Result<Self> {
        let datatype = data.datatype(Sizes::EIGHT);
        data.with(&datatype, Conversion::Exact, |values| Self::of_values(&datatype, &data.shape(), &values))?
    }

    /// No elements: the null space.
    pub fn null(datatype: &Datatype) -> Result<Self> {
        let heap = MemoryHeap::new(Sizes::EIGHT).finish()?;
        Ok(DynArray { datatype: datatype.clone(), shape: None, elements: Vec::new(), heap })
    }

    fn of_values(datatype: &Datatype, shape: &[u64], values: &Stored<'_>) -> Result<Self> {
        let count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
        if count != Some(values.count as u64) {
            let message = format!("{} values for a shape of {shape:?}", values.count);
            return Err(Error::new(ErrorKind::Shape, message));
        }
        let bytes = box_bytes([values.count as u64], datatype.size() as u64).unwrap_or(u64::MAX);
        let mut elements = alloc::vec![0; to_usize(bytes)?];
        let mut heap = MemoryHeap::new(Sizes::EIGHT);
        values.store(&mut elements, &mut Sink::new(Sizes::EIGHT, &mut |object| heap.insert(object)))?;
        Ok(DynArray { datatype: datatype.clone(), shape: Some(shape.to_vec()), elements, heap: heap.finish()? })
    }

    /// Type of the elements.
    pub fn datatype(&self) -> &Datatype {
        &self.datatype
    }

    /// Length of each dimension; empty for a scalar, and for the null space.
    pub fn shape(&self) -> &[u64] {
        self.shape.as_deref().unwrap_or(&[])
    }

    /// True for the null space, which has no elements.
    pub fn is_null(&self) -> bool {
        self.shape.is_none()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.elements.len().checked_div(self.datatype.size()).unwrap_or(0)
    }

    /// True if there are no elements.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The element at a place: a coordinate for each dimension, none for a scalar.
    ///
    /// # Errors
    /// There is no such place.
    pub fn get(&self, at: &[u64]) -> Result<Value> {
        let dims = self.shape();
        let inside = !self.is_null() && at.len() == dims.len() && at.iter().zip(dims).all(|(x, d)| x < d);
        let place = at.iter().zip(dims).fold(0u64, |n, (&x, &d)| n.saturating_mul(d).saturating_add(x));
        match self.elements.chunks_exact(self.datatype.size().max(1)).nth(to_usize(place)?) {
            Some(element) if inside => self.value(element),
            _ => Err(Error::new(ErrorKind::Shape, format!("{at:?} is not in a shape of {dims:?}"))),
        }
    }

    /// The elements in C order.
    pub fn iter(&self) -> impl Iterator<Item = Result<Value>> + '_ {
        self.elements.chunks_exact(self.datatype.size().max(1)).map(|element| self.value(element))
    }

    fn value(&self, element: &[u8]) -> Result<Value> {
        let value = decode::decode_all(&self.heap, &self.datatype, element)?.pop();
        value.ok_or_else(|| Error::new(ErrorKind::Shape, "no element"))
    }

    /// All elements in C order.
    ///
    /// # Errors
    /// A value was damaged where it was read from.
    pub fn values(&self) -> Result<Vec<Value>> {
        decode::decode_all(&self.heap, &self.datatype, &self.elements)
    }

    /// All elements in C order, as values of a Rust type.
    ///
    /// # Errors
    /// The type is of another kind, or a value does not fit.
    pub fn to_vec<T: Load>(&self) -> Result<Vec<T>> {
        let plan = T::plan(&self.datatype, Conversion::Exact)?;
        T::load_all(&plan, self.datatype.size(), &self.elements, &mut Source::new(&self.heap))
    }

    /// All elements as an array of a Rust type.
    ///
    /// # Errors
    /// As for [`to_vec`](Self::to_vec).
    #[cfg(feature = "ndarray")]
    pub fn to_ndarray<T: Load>(&self) -> Result<ndarray::ArrayD<T>> {
        let shape = match &self.shape {
            Some(dims) => dims.iter().map(|&n| to_usize(n)).collect::<Result<Vec<_>>>()?,
            None => alloc::vec![0],
        };
        let array = ndarray::ArrayD::from_shape_vec(shape, self.to_vec()?);
        array.map_err(|e| Error::new(ErrorKind::Shape, format!("{e}")))
    }

    /// The elements as [`canonical`](super::canonical) bytes; objects go by their addresses.
    fn canonical(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        Canonical::new(&self.heap, &self.datatype, &Addresses)?.encode(&self.elements, &mut out)?;
        Ok(out)
    }
}

/// Names of objects that are their addresses.
struct Addresses;

impl ObjectNames for Addresses {
    fn name(&self, address: Address) -> Option<Vec<u8>> {
        Some(address.0.to_le_bytes().to_vec())
    }

    fn extent(&self, _: Address) -> Option<Vec<u64>> {
        None
    }
}

/// Arrays are equal if their types are, their shapes, and their values: bytes that are no part of a value do not count.
/// Floats are equal if their bits are.
impl PartialEq for DynArray {
    fn eq(&self, other: &Self) -> bool {
        let same = self.shape == other.shape && self.datatype.is_same(&other.datatype);
        same && match (self.canonical(), other.canonical()) {
            (Ok(ours), Ok(others)) => ours == others,
            _ => self.elements == other.elements,
        }
    }
}

impl Data for &DynArray {
    fn shape(&self) -> Vec<u64> {
        DynArray::shape(self).to_vec()
    }

    fn is_null(&self) -> bool {
        DynArray::is_null(self)
    }

    fn datatype(&self, _: Sizes) -> Datatype {
        self.datatype.clone()
    }

    fn with<R>(&self, datatype: &Datatype, how: Conversion, use_values: impl FnOnce(Stored<'_>) -> R) -> Result<R> {
        let (from, count) = (&self.datatype, self.len());
        if contains_address(from) || contains_address(datatype) {
            if from.is_same(datatype) {
                let store = |out: &mut [u8], sink: &mut Sink<'_>| self.put(out, sink);
                return Ok(use_values(Stored::new(count, &store)));
            }
            let values = self.values()?;
            let store = |out: &mut [u8], sink: &mut Sink<'_>| encode::store_all(datatype, &values, out, sink);
            return Ok(use_values(Stored::new(count, &store)));
        }
        let converter = Converter::new(from, datatype, how)?;
        let store = |out: &mut [u8], _: &mut Sink<'_>| converter.run(&self.elements, out);
        Ok(use_values(Stored::new(count, &store)))
    }
}

impl DynArray {
    /// Puts the elements into others of their type, and what they point at into another heap.
    fn put(&self, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
        super::element::put(out, 0, &self.elements)?;
        let sizes = sink.sizes();
        heap::relocate(&self.heap, &self.datatype, out, sizes, &mut |object| sink.insert(object))
    }
}

#[cfg(test)]
mod tests;
