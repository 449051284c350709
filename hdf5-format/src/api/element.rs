//! Rust types that elements can be read as.

use crate::datatype::bits;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{ByteOrder, Class, Datatype, VlenKind};
use crate::graph::global_heap::HeapReader;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use half::f16;

/// A Rust type that stored elements can be read as.
///
/// Numbers convert exactly or not at all: a value that the Rust type can not hold is an error that names it.
pub trait Element: Sized + Clone {
    /// What the type accepts, for errors.
    const EXPECTED: &'static str;

    /// Converts whole stored elements of `datatype`.
    ///
    /// # Errors
    /// The datatype is of another kind, a value does not fit, or a heap is damaged.
    fn convert(datatype: &Datatype, bytes: &[u8], heap: &mut HeapReader<'_>) -> Result<Vec<Self>>;

    /// Reads `count` elements that `fill` puts into zeroed memory, if stored elements of `datatype` are values of this
    /// type as they are; `None` if they must be converted.
    fn read_native(
        datatype: &Datatype,
        count: usize,
        fill: &mut dyn FnMut(&mut [u8]) -> Result<()>,
    ) -> Option<Result<Vec<Self>>> {
        let _ = (datatype, count, fill);
        None
    }
}

fn mismatch<T: Element>(datatype: &Datatype) -> Error {
    Error::new(ErrorKind::TypeMismatch, format!("expected {}, found {datatype}", T::EXPECTED))
}

/// A number format that the machine can load.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

/// The machine format of a stored number and whether it is big-endian; `None` for odd ones.
fn number(datatype: &Datatype) -> Option<(Number, bool)> {
    let big = |order: ByteOrder| order == ByteOrder::BigEndian;
    match &datatype.class {
        Class::Enum { base, .. } => number(base),
        Class::FixedPoint { signed, .. } => {
            let order = bits::whole_bytes(datatype)?;
            let number = match (datatype.size(), signed) {
                (1, false) => Number::U8,
                (1, true) => Number::I8,
                (2, false) => Number::U16,
                (2, true) => Number::I16,
                (4, false) => Number::U32,
                (4, true) => Number::I32,
                (8, false) => Number::U64,
                (8, true) => Number::I64,
                _ => return None,
            };
            Some((number, big(order)))
        }
        Class::BitField { .. } => {
            let order = bits::whole_bytes(datatype)?;
            let number = match datatype.size() {
                1 => Number::U8,
                2 => Number::U16,
                4 => Number::U32,
                8 => Number::U64,
                _ => return None,
            };
            Some((number, big(order)))
        }
        Class::FloatingPoint(format) => {
            let number = match datatype.ieee_bits()? {
                16 => Number::F16,
                32 => Number::F32,
                64 => Number::F64,
                _ => return None,
            };
            Some((number, big(format.order)))
        }
        _ => None,
    }
}

/// Exact conversion from a number as stored.
trait Exact<S>: Sized {
    fn exact(source: S) -> Option<Self>;
}

macro_rules! exact_from_integers {
    ($($from:ty),+ => $($to:ty),+) => { exact_from_integers!(@ [$($from),+] $($to),+); };
    (@ $from:tt $($to:ty),+) => { $( exact_from_integers!(# $from $to); )+ };
    (# [$($from:ty),+] $to:ty) => { $(
        impl Exact<$from> for $to {
            fn exact(source: $from) -> Option<Self> { source.try_into().ok() }
        }
    )+ };
}

exact_from_integers!(u8, i8, u16, i16, u32, i32, u64, i64, i128 => u8, i8, u16, i16, u32, i32, u64, i64);

macro_rules! floats_from_integers {
    ($($from:ty),+) => { $(
        #[allow(clippy::cast_possible_truncation)] // The way back shows whether anything was lost.
        impl Exact<$from> for f64 {
            fn exact(source: $from) -> Option<Self> {
                let value = source as f64;
                (value as i128 == i128::from(source)).then_some(value)
            }
        }
        #[allow(clippy::cast_possible_truncation)] // The way back shows whether anything was lost.
        impl Exact<$from> for f32 {
            fn exact(source: $from) -> Option<Self> {
                let value = source as f32;
                (value as i128 == i128::from(source)).then_some(value)
            }
        }
    )+ };
}

floats_from_integers!(u8, i8, u16, i16, u32, i32, u64, i64, i128);

macro_rules! integers_from_floats {
    ($($to:ty),+) => { $(
        #[allow(clippy::cast_possible_truncation)] // The way back shows whether anything was lost.
        impl Exact<f64> for $to {
            fn exact(source: f64) -> Option<Self> {
                // 2^63 and 2^64 saturate to the largest integer, which would convert back to the same float.
                let value = source as i128;
                (value as f64 == source).then_some(value).and_then(|v| v.try_into().ok())
            }
        }
    )+ };
}

integers_from_floats!(u8, i8, u16, i16, u32, i32, u64, i64);

impl Exact<f64> for f64 {
    fn exact(source: f64) -> Option<Self> {
        Some(source)
    }
}

impl Exact<f64> for f32 {
    #[allow(clippy::cast_possible_truncation)] // The way back shows whether anything was lost.
    fn exact(source: f64) -> Option<Self> {
        let value = source as f32;
        (f64::from(value) == source || source.is_nan()).then_some(value)
    }
}

macro_rules! through_f64 {
    ($from:ty => $($to:ty),+) => { $(
        impl Exact<$from> for $to {
            fn exact(source: $from) -> Option<Self> { Exact::<f64>::exact(f64::from(source)) }
        }
    )+ };
}

through_f64!(f32 => u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);
through_f64!(f16 => u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

/// Everything that a machine number converts from.
trait FromNumber:
    Exact<u8>
    + Exact<i8>
    + Exact<u16>
    + Exact<i16>
    + Exact<u32>
    + Exact<i32>
    + Exact<u64>
    + Exact<i64>
    + Exact<i128>
    + Exact<f16>
    + Exact<f32>
    + Exact<f64>
    + Element
    + bytemuck::Pod
{
    /// The stored format that is this type's own.
    const NUMBER: Number;
}

/// Converts a run of stored numbers; the loop is specialised for each pair of formats.
macro_rules! run {
    ($bytes:expr, $big:expr, $from:ty, $to:ty) => {{
        const N: usize = size_of::<$from>();
        let load = |c: &[u8]| -> [u8; N] { c.first_chunk::<N>().copied().unwrap_or([0; N]) };
        let chunks = $bytes.chunks_exact(N);
        if $big {
            collect::<$from, $to>(chunks.map(|c| <$from>::from_be_bytes(load(c))))
        } else {
            collect::<$from, $to>(chunks.map(|c| <$from>::from_le_bytes(load(c))))
        }
    }};
}

fn collect<S: Copy + core::fmt::Display, T: Exact<S> + Element>(
    values: impl ExactSizeIterator<Item = S>,
) -> Result<Vec<T>> {
    let mut out = Vec::with_capacity(values.len());
    for (i, value) in values.enumerate() {
        match T::exact(value) {
            Some(value) => out.push(value),
            None => {
                let message = format!("element {i} of the selection, {value}, does not fit {}", T::EXPECTED);
                return Err(Error::new(ErrorKind::TypeMismatch, message).hint("read it as a wider type"));
            }
        }
    }
    Ok(out)
}

/// True if stored elements are values of the type as they are.
fn is_native<T: FromNumber>(datatype: &Datatype) -> bool {
    number(datatype).is_some_and(|(number, big)| number == T::NUMBER && big == cfg!(target_endian = "big"))
}

fn numbers<T: FromNumber>(datatype: &Datatype, bytes: &[u8]) -> Result<Vec<T>> {
    let Some((number, big)) = number(datatype) else { return odd_numbers(datatype, bytes) };
    if number == T::NUMBER && big == cfg!(target_endian = "big") {
        return Ok(bytemuck::pod_collect_to_vec(bytes));
    }
    match number {
        Number::U8 => run!(bytes, big, u8, T),
        Number::I8 => run!(bytes, big, i8, T),
        Number::U16 => run!(bytes, big, u16, T),
        Number::I16 => run!(bytes, big, i16, T),
        Number::U32 => run!(bytes, big, u32, T),
        Number::I32 => run!(bytes, big, i32, T),
        Number::U64 => run!(bytes, big, u64, T),
        Number::I64 => run!(bytes, big, i64, T),
        Number::F16 => run!(bytes, big, f16, T),
        Number::F32 => run!(bytes, big, f32, T),
        Number::F64 => run!(bytes, big, f64, T),
    }
}

/// Numbers of odd widths, precisions and formats, one by one.
fn odd_numbers<T: FromNumber>(datatype: &Datatype, bytes: &[u8]) -> Result<Vec<T>> {
    let elements = bytes.chunks_exact(datatype.size().max(1));
    match &datatype.class {
        Class::Enum { base, .. } => odd_numbers(base, bytes),
        Class::FixedPoint { .. } | Class::BitField { .. } => {
            let values: Option<Vec<i128>> = elements.map(|e| bits::integer(datatype, e)).collect();
            collect(values.ok_or_else(|| mismatch::<T>(datatype))?.into_iter())
        }
        Class::FloatingPoint { .. } => {
            let values: Option<Vec<f64>> = elements.map(|e| bits::float(datatype, e)).collect();
            collect(values.ok_or_else(|| mismatch::<T>(datatype))?.into_iter())
        }
        _ => Err(mismatch::<T>(datatype)),
    }
}

macro_rules! number_elements {
    ($($type:ty: $number:ident),+) => { $(
        impl FromNumber for $type {
            const NUMBER: Number = Number::$number;
        }

        impl Element for $type {
            const EXPECTED: &'static str = concat!("numbers that ", stringify!($type), " can hold");

            fn convert(datatype: &Datatype, bytes: &[u8], _: &mut HeapReader<'_>) -> Result<Vec<Self>> {
                numbers(datatype, bytes)
            }

            fn read_native(
                datatype: &Datatype,
                count: usize,
                fill: &mut dyn FnMut(&mut [u8]) -> Result<()>,
            ) -> Option<Result<Vec<Self>>> {
                is_native::<Self>(datatype).then(|| {
                    let mut values = alloc::vec![<$type>::default(); count];
                    fill(bytemuck::cast_slice_mut(&mut values))?;
                    Ok(values)
                })
            }
        }
    )+ };
}

number_elements!(u8: U8, i8: I8, u16: U16, i16: I16, u32: U32, i32: I32, u64: U64, i64: I64, f32: F32, f64: F64);

impl Element for bool {
    const EXPECTED: &'static str = "booleans (0 or 1)";

    fn convert(datatype: &Datatype, bytes: &[u8], _: &mut HeapReader<'_>) -> Result<Vec<Self>> {
        let numbers: Vec<u8> = numbers(datatype, bytes).map_err(|_| mismatch::<bool>(datatype))?;
        if let Some(other) = numbers.iter().find(|&&n| n > 1) {
            return Err(Error::new(ErrorKind::TypeMismatch, format!("expected {}, found {other}", Self::EXPECTED)));
        }
        Ok(numbers.into_iter().map(|n| n == 1).collect())
    }
}

impl Element for String {
    const EXPECTED: &'static str = "UTF-8 or ASCII strings";

    fn convert(datatype: &Datatype, bytes: &[u8], heap: &mut HeapReader<'_>) -> Result<Vec<Self>> {
        let decode = |text: &[u8]| {
            core::str::from_utf8(text).map(String::from).map_err(|_| {
                Error::new(ErrorKind::TypeMismatch, format!("string \"{}\" is not UTF-8", text.escape_ascii()))
                    .hint("read it as Vec<u8>")
            })
        };
        texts::<String>(datatype, bytes, heap, decode)
    }
}

impl Element for Vec<u8> {
    const EXPECTED: &'static str = "strings, opaque values or sequences of bytes";

    fn convert(datatype: &Datatype, bytes: &[u8], heap: &mut HeapReader<'_>) -> Result<Vec<Self>> {
        texts::<Vec<u8>>(datatype, bytes, heap, |text| Ok(text.to_vec()))
    }
}

/// Byte strings of every kind, handed to `decode` without padding.
fn texts<T: Element>(
    datatype: &Datatype,
    bytes: &[u8],
    heap: &mut HeapReader<'_>,
    decode: impl Fn(&[u8]) -> Result<T>,
) -> Result<Vec<T>> {
    let elements = bytes.chunks_exact(datatype.size().max(1));
    match &datatype.class {
        Class::String { padding, .. } => elements.map(|e| decode(padding.trim(e))).collect(),
        Class::Opaque { .. } => elements.map(&decode).collect(),
        Class::Vlen { kind, base, .. } if *kind == VlenKind::String || base.size() == 1 => elements
            .map(|e| {
                let text = heap.vlen(e, 1)?;
                let end = if *kind == VlenKind::String { text.iter().position(|&b| b == 0) } else { None };
                decode(text.get(..end.unwrap_or(text.len())).unwrap_or(&[]))
            })
            .collect(),
        _ => Err(mismatch::<T>(datatype)),
    }
}
