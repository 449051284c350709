//! Rust types whose values elements are.
//!
//! | Rust | stored as | read from |
//! | --- | --- | --- |
//! | `u8` … `i128`, `usize`, `isize` | integers of the machine's order | integers, bit fields, enumerations and floats that fit |
//! | `f32`, `f64`, [`half::f16`], [`half::bf16`] | floats | the same |
//! | `bool` | h5py's enumeration of `FALSE` and `TRUE` | that, and 0 and 1 |
//! | [`Complex`](num_complex::Complex) | h5py's compound of `r` and `i` | that, other pairs of parts, class 11 |
//! | [`NativeComplex`] | complex numbers of class 11 | the same |
//! | `String`, `&str` | UTF-8 of variable length | strings of every kind |
//! | [`VarLenAscii`], [`FixedAscii`], [`FixedUnicode`] | ASCII or UTF-8, of variable or fixed length | strings of every kind |
//! | `Vec<T>` | sequences of variable length | these; `Vec<u8>` strings and opaque bytes too |
//! | `[T; N]` | an array type | array types and compounds of as many elements |
//! | [`Opaque`] | opaque bytes | opaque bytes of that length |
//! | [`Reference`], [`RegionReference`] | references to objects, to regions | references of every kind |
//! | tuples | a compound of `0`, `1`, … | compounds, by these names |
//! | structs, enums | `#[derive(H5Type)]` | compounds and enumerations, by name |

mod collections;
mod complex;
mod data;
mod memory;
mod number;
mod plain;
mod record;
mod reference;
mod text;

pub use crate::datatype::number::Conversion;
pub use complex::NativeComplex;
pub use data::{Data, Scalar, Single, Stored};
pub use memory::{decode_elements, encode_elements};
#[cfg(feature = "parallel")]
pub(crate) use plain::Take;
pub(crate) use plain::hand_over;
pub use plain::{Plain, PlainField, PlainItems, PlainLayout, PlainNumber, load_plain};
pub use record::{Enumeration, Field, Record, RecordBuilder};
pub use reference::RegionReference;
pub use text::{FixedAscii, FixedUnicode, Opaque, VarLenAscii};

use super::encode::Heap;
use super::value::Reference;
use crate::codec::{Address, Sizes, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{Class, Datatype};
use crate::graph::FileContext;
use crate::graph::global_heap::HeapReader;
use alloc::format;
use alloc::vec::Vec;

/// A Rust type that stored elements can be read as.
///
/// What a datatype means for the type is found out once, by [`plan`](Load::plan); each element is then loaded by the
/// plan. `#[derive(H5Type)]` writes both for structs and enums.
pub trait Load: Sized + Send {
    /// What the type accepts, for errors.
    const EXPECTED: &'static str;

    /// How elements of one datatype become values.
    type Plan: Send + Sync;

    /// Loads elements that are the machine's values byte for byte; `Infallible` for types of which none are.
    type Plain: Plain<Self>;

    /// Finds out how elements of a datatype become values.
    ///
    /// # Errors
    /// The datatype is of another kind.
    fn plan(datatype: &Datatype, how: Conversion) -> Result<Self::Plan>;

    /// One stored element's value.
    ///
    /// # Errors
    /// The value does not fit, or a heap is damaged.
    fn load(plan: &Self::Plan, element: &[u8], source: &mut Source<'_>) -> Result<Self>;

    /// What loads elements, if they are the machine's values byte for byte.
    fn plain(plan: &Self::Plan) -> Option<Self::Plain> {
        let _ = plan;
        None
    }

    /// The values of whole stored elements of `size` bytes.
    ///
    /// # Errors
    /// As [`load`](Load::load).
    fn load_all(plan: &Self::Plan, size: usize, bytes: &[u8], source: &mut Source<'_>) -> Result<Vec<Self>> {
        let mut values = Vec::new();
        Self::load_into(plan, size, bytes, source, &mut values)?;
        Ok(values)
    }

    /// Appends the values of whole stored elements of `size` bytes.
    ///
    /// # Errors
    /// As [`load`](Load::load).
    fn load_into(
        plan: &Self::Plan,
        size: usize,
        bytes: &[u8],
        source: &mut Source<'_>,
        values: &mut Vec<Self>,
    ) -> Result<()> {
        if let Some(plain) = Self::plain(plan) {
            load_plain(&plain, size, bytes, values);
            return Ok(());
        }
        let elements = bytes.chunks_exact(size.max(1));
        values.reserve(elements.len());
        for element in elements {
            values.push(Self::load(plan, element, source)?);
        }
        Ok(())
    }

    /// Reads `count` elements that `fill` puts into zeroed memory, if stored elements are values of this type as they
    /// are; `None` if they must be converted.
    fn load_direct(
        plan: &Self::Plan,
        count: usize,
        fill: &mut dyn FnMut(&mut [u8]) -> Result<()>,
    ) -> Option<Result<Vec<Self>>> {
        let _ = (plan, count, fill);
        None
    }

    /// The bytes of values, if stored elements are values of this type as they are.
    fn bytes_mut<'a>(plan: &Self::Plan, values: &'a mut [Self]) -> Option<&'a mut [u8]> {
        let _ = (plan, values);
        None
    }

    /// A sequence of bytes as values: only bytes are.
    #[doc(hidden)]
    fn from_bytes(bytes: &[u8]) -> Option<Vec<Self>> {
        let _ = bytes;
        None
    }
}

/// A Rust type whose values can be stored.
pub trait Store {
    /// The datatype that the values have by themselves, in a file of these widths.
    fn datatype(sizes: Sizes) -> Datatype;

    /// How values become elements of one datatype.
    type Plan: Send + Sync;

    /// Finds out how values become elements of a datatype.
    ///
    /// # Errors
    /// The datatype is of another kind.
    fn plan(datatype: &Datatype, how: Conversion) -> Result<Self::Plan>;

    /// Stores a value as an element; `out` holds zeros.
    ///
    /// # Errors
    /// The value does not fit, or the heap is full.
    fn store(&self, plan: &Self::Plan, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()>;

    /// Stores values as elements of `size` bytes; `out` holds zeros.
    ///
    /// # Errors
    /// As [`store`](Store::store).
    fn store_all(values: &[Self], plan: &Self::Plan, size: usize, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()>
    where
        Self: Sized,
    {
        let mut elements = out.chunks_exact_mut(size.max(1));
        for value in values {
            let Some(element) = elements.next() else { break };
            value.store(plan, element, sink)?;
        }
        Ok(())
    }

    /// The bytes of values, if they are stored elements as they are.
    fn bytes<'a>(values: &'a [Self], plan: &Self::Plan) -> Option<&'a [u8]>
    where
        Self: Sized,
    {
        let _ = (values, plan);
        None
    }

    /// A sequence of values as bytes: only bytes are.
    #[doc(hidden)]
    fn as_bytes(values: &[Self]) -> Option<&[u8]>
    where
        Self: Sized,
    {
        let _ = values;
        None
    }
}

/// A Rust type that elements are read as and written from.
pub trait Element: Load + Store {}

impl<T: Load + Store> Element for T {}

/// Where elements that are being loaded keep what is not in them: the global heap.
pub struct Source<'a>(Option<(&'a FileContext, HeapReader<'a>)>);

impl<'a> Source<'a> {
    pub(super) fn new(ctx: &'a FileContext) -> Self {
        Source(Some((ctx, HeapReader::new(ctx))))
    }

    /// For elements that are in no file.
    pub(super) fn detached() -> Self {
        Source(None)
    }

    fn parts(&mut self) -> Result<(&'a FileContext, &mut HeapReader<'a>)> {
        let (ctx, heap) =
            self.0.as_mut().ok_or_else(|| Error::new(ErrorKind::Unsupported, "no file has a heap here"))?;
        Ok((ctx, heap))
    }

    /// The elements of a variable-length value, of `size` bytes each.
    ///
    /// # Errors
    /// The heap is damaged.
    pub fn vlen(&mut self, element: &[u8], size: usize) -> Result<&[u8]> {
        self.parts()?.1.vlen(element, size)
    }

    /// What a stored reference points at.
    ///
    /// # Errors
    /// The reference is damaged.
    pub fn reference(&mut self, datatype: &Datatype, element: &[u8]) -> Result<Reference> {
        let (ctx, heap) = self.parts()?;
        super::reference::load(ctx, heap, datatype, element)
    }
}

/// Where elements that are being stored put what is not in them: the global heap.
pub struct Sink<'a> {
    sizes: Sizes,
    insert: Heap<'a>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(sizes: Sizes, insert: Heap<'a>) -> Self {
        Sink { sizes, insert }
    }

    /// Bytes of an address in the file.
    pub(super) fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Puts an object into the heap: collection and index.
    pub(super) fn insert(&mut self, object: &[u8]) -> Result<(Address, u32)> {
        (self.insert)(object)
    }

    /// Puts the `count` elements of a variable-length value into the heap, and where they are into `out`.
    ///
    /// # Errors
    /// There are more than 4294967295, or the heap is full.
    pub fn vlen(&mut self, count: usize, elements: &[u8], out: &mut [u8]) -> Result<()> {
        let length = u32::try_from(count)
            .map_err(|_| Error::new(ErrorKind::Limit, "a variable-length value of more than 4294967295 elements"))?;
        let (address, index) = if count == 0 { (Address(0), 0) } else { self.insert(elements)? };
        put(out, 0, &length.to_le_bytes())?;
        self.put_address(out, 4, address)?;
        put(out, self.sizes.o().saturating_add(4), &index.to_le_bytes())
    }

    /// Puts an address into an element.
    pub(super) fn put_address(&self, out: &mut [u8], at: usize, address: Address) -> Result<()> {
        let bytes = address.0.to_le_bytes();
        put(out, at, bytes.get(..self.sizes.o()).unwrap_or(&bytes))
    }
}

/// A member of a compound, by its name, or by names with dots between: where it is, and its type.
pub(super) fn member<'a>(datatype: &'a Datatype, name: &str) -> Result<(usize, &'a Datatype)> {
    let Class::Compound { members } = &datatype.class else { return Err(mismatch("a compound", datatype)) };
    // A name may itself have dots.
    if let Some(member) = members.iter().find(|m| m.name == name.as_bytes()) {
        return Ok((to_usize(member.offset.into())?, &member.datatype));
    }
    for (i, _) in name.match_indices('.') {
        let (outer, inner) = name.split_at_checked(i).unwrap_or((name, ""));
        if let Some(outer) = members.iter().find(|m| m.name == outer.as_bytes()) {
            let (at, datatype) = member(&outer.datatype, inner.get(1..).unwrap_or(""))?;
            return Ok((at.saturating_add(to_usize(outer.offset.into())?), datatype));
        }
    }
    Err(Error::new(ErrorKind::NotFound, format!("no member named {name:?} in {datatype}")))
}

/// Appends the bytes `at..at + size` of each row.
pub(super) fn gather(rows: &[u8], row: usize, at: usize, size: usize, out: &mut Vec<u8>) {
    let rows = rows.chunks_exact(row.max(1));
    out.reserve(rows.len().saturating_mul(size));
    match size {
        4 => rows.for_each(|row| out.extend_from_slice(&part::<4>(row, at))),
        8 => rows.for_each(|row| out.extend_from_slice(&part::<8>(row, at))),
        _ => rows.for_each(|row| out.extend_from_slice(row.get(at..).and_then(|r| r.get(..size)).unwrap_or(&[]))),
    }
}

fn part<const N: usize>(row: &[u8], at: usize) -> [u8; N] {
    row.get(at..).and_then(|r| r.first_chunk()).copied().unwrap_or([0; N])
}

/// Puts bytes into an element.
pub(super) fn put(out: &mut [u8], at: usize, bytes: &[u8]) -> Result<()> {
    let place = out.get_mut(at..).and_then(|out| out.get_mut(..bytes.len())).ok_or_else(short)?;
    place.copy_from_slice(bytes);
    Ok(())
}

/// The datatype is of another kind than the Rust type.
fn mismatch(expected: &str, datatype: &Datatype) -> Error {
    Error::new(ErrorKind::TypeMismatch, format!("expected {expected}, found {datatype}"))
}

/// An element of fewer bytes than its datatype has: callers hand over whole ones.
fn short() -> Error {
    Error::new(ErrorKind::Corrupt, "an element that is shorter than its type")
}

#[cfg(test)]
mod tests;
