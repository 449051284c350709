//! Scale-offset: integers as small differences from their minimum; floats rounded to decimal digits first.
//!
//! | | |
//! |---|---|
//! | id | 6 |
//! | name | `scaleoffset` |
//! | client data | 20 values, see below |
//! | payload | `minbits` u32, 8 u8, minimum u64, 8 zero bytes, then one code of `minbits` bits for each element |
//! | reference | File Format Specification, "Scale-Offset Filter"; HDF5 Reference Manual, H5Pset_scaleoffset |
//! | done by | this file |
//!
//! ```text
//! [0] 0 float by decimal digits, 1 float by binary exponent (in no version of libhdf5), 2 integer
//! [1] digits after the point (signed); bits of a code (0: as many as needed)
//! [2] elements    [3] 0 integer, 1 float    [4] bytes    [5] 1 if signed    [6] 0 little-endian, 1 big-endian
//! [7] 1 if there is a fill value    [8], [9] its low and high 32 bits    rest 0
//! ```
//! All of the payload is little-endian, and the codes are packed most significant bit first. Element = minimum + code
//! for integers, minimum + code / 10^digits for floats. Where there is a fill value, the code of all ones stands for
//! it. `minbits` of all bits of an element: the elements follow as they are, little-endian. Integers with `[1]` of all
//! bits: the payload is the chunk itself.

use super::bits::{BitReader, BitWriter, mask};
use super::nbit::word_bytes;
use super::{Filter, FilterContext};
use crate::codec::to_usize;
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

/// Filter 6.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScaleOffset;

/// Bytes of the payload before the codes.
const HEAD: usize = 21;
/// Values of the client data.
const VALUES: usize = 20;

impl Filter for ScaleOffset {
    fn id(&self) -> u16 {
        6
    }

    fn name(&self) -> &str {
        "scaleoffset"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let scaling = Scaling::parse(context)?;
        if scaling.is_raw() {
            return Ok(input);
        }
        let (head, codes) = Head::parse(&input, &scaling, context)?;
        let mut out = context.buffer(scaling.chunk_bytes(context)?)?;
        match (scaling.size, scaling.big_endian) {
            (1, _) => restore::<1, false>(&scaling, head, codes, &mut out),
            (2, false) => restore::<2, false>(&scaling, head, codes, &mut out),
            (2, true) => restore::<2, true>(&scaling, head, codes, &mut out),
            (4, false) => restore::<4, false>(&scaling, head, codes, &mut out),
            (4, true) => restore::<4, true>(&scaling, head, codes, &mut out),
            (_, false) => restore::<8, false>(&scaling, head, codes, &mut out),
            (_, true) => restore::<8, true>(&scaling, head, codes, &mut out),
        }
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let scaling = Scaling::parse(context)?;
        if scaling.is_raw() {
            return Ok(Some(input.to_vec()));
        }
        let len = scaling.chunk_bytes(context)?;
        if len != input.len() {
            return Err(context.invalid(format_args!("expected a chunk of {len} bytes, found {}", input.len())));
        }
        let mut out = context.buffer(HEAD)?;
        let plan = scaling.plan(input);
        plan.head.append_to(&mut out);
        let full = plan.head.width == scaling.width();
        let mut writer = BitWriter::new(out);
        for word in scaling.words(input) {
            match plan.head.width {
                0 => break,
                // Little-endian bytes, most significant bit first: the bytes in turn.
                width if full => writer.write(word.swap_bytes().wrapping_shr(64u32.wrapping_sub(width)), width),
                width => writer.write(scaling.code(word, &plan), width),
            }
        }
        Ok(Some(writer.finish()))
    }

    fn encoded_limit(&self, plain: usize, _: &[u32]) -> usize {
        // Writers may add a byte after the last code.
        plain.saturating_add(HEAD).saturating_add(8)
    }
}

/// What scale-offset knows of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// How elements become codes.
    pub scale: Scale,
    /// Elements of a chunk.
    pub elements: u32,
    /// Bytes of an element: 1, 2, 4 or 8; 4 or 8 for floats.
    pub size: u32,
    /// True for signed integers.
    pub signed: bool,
    /// True for big-endian elements.
    pub big_endian: bool,
    /// The bits of the fill value, if one is defined.
    pub fill: Option<u64>,
}

/// How elements become codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Floats, rounded to this many digits after the decimal point; negative for digits before it.
    Decimal(i32),
    /// Integers, with at least this many bits of a code.
    Integer(u32),
}

impl Scaling {
    /// The client data of such a dataset.
    pub fn client_data(&self) -> Vec<u32> {
        let (kind, factor, class) = match self.scale {
            Scale::Decimal(digits) => (0, digits.cast_unsigned(), 1),
            Scale::Integer(bits) => (2, bits, 0),
        };
        let mut out = alloc::vec![kind, factor, self.elements, class, self.size];
        out.extend([u32::from(self.signed), u32::from(self.big_endian), u32::from(self.fill.is_some())]);
        let [a, b, c, d, e, f, g, h] = self.fill.unwrap_or(0).to_le_bytes();
        out.extend([u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]);
        out.resize(VALUES, 0);
        out
    }

    fn parse(context: &FilterContext<'_>) -> Result<Self> {
        let error = |what: &str, found: u32| Err(context.corrupt(format_args!("client data: {what}, found {found}")));
        let &[kind, factor, elements, class, size, sign, order, has_fill, ref fill @ ..] = context.client_data else {
            let found = context.client_data.len();
            return Err(context.corrupt(format_args!("client data: expected {VALUES} values, found {found}")));
        };
        let scale = match (kind, class) {
            (0, 1) => Scale::Decimal(factor.cast_signed()),
            (2, 0) => Scale::Integer(factor),
            (1, 1) => return Err(context.unsupported("scaling by binary exponent, which no writer implements")),
            (0..=2, _) => return error("expected class 0 for integers and 1 for floats", class),
            _ => return error("expected scale type 0 or 2", kind),
        };
        match (scale, size) {
            (Scale::Integer(_), 1 | 2 | 4 | 8) | (Scale::Decimal(_), 4 | 8) => {}
            (Scale::Integer(_), _) => return error("expected integers of 1, 2, 4 or 8 bytes", size),
            (Scale::Decimal(_), _) => return error("expected floats of 4 or 8 bytes", size),
        }
        if let Scale::Integer(bits) = scale
            && bits > size.saturating_mul(8)
        {
            return error("expected no more bits of a code than an element has", bits);
        }
        if sign > 1 || order > 1 || has_fill > 1 {
            return error("expected 0 or 1 for sign, order and fill value", sign.max(order).max(has_fill));
        }
        let word = |index: usize| fill.get(index).copied().unwrap_or(0);
        let fill = u64::from(word(0)) | u64::from(word(1)) << 32;
        let fill = (has_fill == 1).then_some(fill & mask(size.saturating_mul(8)));
        Ok(Scaling { scale, elements, size, signed: sign == 1, big_endian: order == 1, fill })
    }

    /// True if the payload is the chunk itself.
    fn is_raw(&self) -> bool {
        self.scale == Scale::Integer(self.width())
    }

    /// Bits of an element.
    fn width(&self) -> u32 {
        self.size.saturating_mul(8)
    }

    fn chunk_bytes(&self, context: &FilterContext<'_>) -> Result<usize> {
        let bytes = u64::from(self.elements).saturating_mul(self.size.into());
        to_usize(bytes).ok().filter(|&len| len <= context.output_limit).ok_or_else(|| {
            context.corrupt(format_args!(
                "client data: {} elements of {} bytes, expected at most {} bytes",
                self.elements, self.size, context.output_limit
            ))
        })
    }

    /// The elements of a chunk as unsigned numbers.
    fn words<'a>(&self, input: &'a [u8]) -> impl Iterator<Item = u64> + use<'a> {
        let big_endian = self.big_endian;
        input.chunks_exact(to_usize(self.size.into()).unwrap_or(1).max(1)).map(move |bytes| {
            let add = |sum: u64, &byte: &u8| sum << 8 | u64::from(byte);
            if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
        })
    }
}

/// The part of the payload before the codes.
#[derive(Clone, Copy)]
struct Head {
    /// Bits of a code.
    width: u32,
    /// Bits of the smallest element.
    minimum: u64,
}

impl Head {
    fn parse<'a>(input: &'a [u8], scaling: &Scaling, context: &FilterContext<'_>) -> Result<(Head, &'a [u8])> {
        let Some((head, codes)) = input.split_first_chunk::<HEAD>() else {
            return Err(context.corrupt(format_args!("expected at least {HEAD} bytes, found {}", input.len())));
        };
        let [w0, w1, w2, w3, len, minimum @ ..] = *head;
        let (width, full) = (u32::from_le_bytes([w0, w1, w2, w3]), scaling.width());
        if width > full {
            return Err(context.corrupt(format_args!("expected codes of at most {full} bits, found {width}")));
        }
        let have = (codes.len() as u64).saturating_mul(8);
        let need = u64::from(width).saturating_mul(scaling.elements.into());
        if need > have {
            return Err(context.corrupt(format_args!("expected {need} bits of codes, found {have}")));
        }
        let bytes = minimum.iter().take(len.min(8).into()).rev();
        Ok((Head { width, minimum: bytes.fold(0, |sum, &byte| sum << 8 | u64::from(byte)) }, codes))
    }

    /// Fills `out`, which has [`HEAD`] bytes.
    fn append_to(self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.width.to_le_bytes());
        out.push(8);
        out.extend_from_slice(&self.minimum.to_le_bytes());
        out.resize(HEAD, 0);
    }
}

/// Fills `out` with elements of `N` bytes. `codes` has a code for each.
#[inline(always)]
fn restore<const N: usize, const BIG: bool>(scaling: &Scaling, head: Head, codes: &[u8], out: &mut [u8]) {
    let Head { width, minimum } = head;
    let out = out.as_chunks_mut::<N>().0;
    if width == scaling.width() {
        for (out, stored) in out.iter_mut().zip(codes.as_chunks::<N>().0) {
            *out = *stored;
            if BIG {
                out.reverse();
            }
        }
        return;
    }
    match (scaling.scale, N) {
        (Scale::Integer(_), _) => {
            fill_words(scaling, width, codes, out, word_bytes::<N, BIG>, |code| minimum.wrapping_add(code))
        }
        (Scale::Decimal(digits), 4) => {
            let (minimum, unit) = (f32::from_bits(low_word(minimum)), power_of_ten_single(digits));
            fill_words(scaling, width, codes, out, word_bytes::<N, BIG>, |code| {
                // libhdf5 divides in the precision of the type: so do we, to the same bits.
                (low_word(code).cast_signed() as f32 / unit + minimum).to_bits().into()
            });
        }
        (Scale::Decimal(digits), _) => {
            let (minimum, unit) = (f64::from_bits(minimum), power_of_ten(digits));
            fill_words(scaling, width, codes, out, word_bytes::<N, BIG>, |code| {
                (code.cast_signed() as f64 / unit + minimum).to_bits()
            });
        }
    }
}

/// Turns each code into an element: the fill value for the code of all ones, if there is one.
#[inline(always)]
fn fill_words<const N: usize>(
    scaling: &Scaling,
    width: u32,
    codes: &[u8],
    out: &mut [[u8; N]],
    bytes: impl Fn(u64) -> [u8; N],
    element: impl Fn(u64) -> u64,
) {
    let ones = mask(width);
    if width == 0 {
        out.fill(bytes(scaling.fill.unwrap_or_else(|| element(0))));
        return;
    }
    let mut reader = BitReader::new(codes);
    match scaling.fill {
        Some(fill) => {
            for out in out {
                let code = reader.read(width);
                *out = bytes(if code == ones { fill } else { element(code) });
            }
        }
        None => out.iter_mut().for_each(|out| *out = bytes(element(reader.read(width)))),
    }
}

fn low_word(word: u64) -> u32 {
    let [a, b, c, d, ..] = word.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// 10 to the power of `digits`, correctly rounded.
fn power_of_ten(digits: i32) -> f64 {
    format!("1e{digits}").parse().unwrap_or(f64::NAN)
}

fn power_of_ten_single(digits: i32) -> f32 {
    format!("1e{digits}").parse().unwrap_or(f32::NAN)
}

/// What encoding found out about a chunk.
struct Plan {
    head: Head,
    /// Smallest element: its place in order for integers, 10^digits times itself for floats.
    base: Base,
}

enum Base {
    /// Integers in order: the bits, with the sign bit flipped for signed ones.
    Ordered(u64),
    Decimal {
        unit: f64,
        minimum: f64,
    },
}

impl Scaling {
    /// The smallest element and the bits that all codes need. Chunks for which codes of fewer bits than an element do
    /// not do, among them floats that are not finite, are stored as they are.
    fn plan(&self, input: &[u8]) -> Plan {
        match self.scale {
            Scale::Integer(least) => self.plan_integers(input, least),
            Scale::Decimal(digits) => self.plan_decimals(input, digits),
        }
    }

    fn plan_integers(&self, input: &[u8], least: u32) -> Plan {
        let ordered = self.words(input).filter(|&word| Some(word) != self.fill).map(|word| self.order(word));
        let (low, high) = ordered.fold((u64::MAX, 0), |(low, high), word| (word.min(low), word.max(high)));
        let low = low.min(high);
        let codes = u128::from(high.saturating_sub(low)).wrapping_add(1).wrapping_add(u128::from(self.fill.is_some()));
        let width = bits_for(codes).max(least).min(self.width());
        Plan { head: Head { width, minimum: sign_extended(self.order(low), self) }, base: Base::Ordered(low) }
    }

    #[allow(clippy::cast_possible_truncation, reason = "an f32 that was widened narrows to itself")]
    fn plan_decimals(&self, input: &[u8], digits: i32) -> Plan {
        let unit = power_of_ten(digits);
        let fill = self.fill.map(|fill| self.float(fill));
        let (mut low, mut high, mut finite) = (f64::INFINITY, f64::NEG_INFINITY, true);
        for value in self.words(input).map(|word| self.float(word)) {
            if fill.is_some_and(|fill| is_fill(value, fill, unit)) {
                continue;
            }
            finite &= value.is_finite();
            (low, high) = (low.min(value), high.max(value));
        }
        let minimum = if low <= high { low } else { 0.0 };
        let span = if low <= high { high * unit - low * unit } else { 0.0 };
        let room = (1u64 << (self.width().saturating_sub(2)).min(62)) as f64;
        let width = if finite && span.is_finite() && span < room {
            bits_for(u128::from(rounded(span)).wrapping_add(1).wrapping_add(u128::from(fill.is_some())))
        } else {
            self.width()
        };
        let bits = if self.size == 4 { u64::from((minimum as f32).to_bits()) } else { minimum.to_bits() };
        Plan { head: Head { width, minimum: bits }, base: Base::Decimal { unit, minimum } }
    }

    /// The code of an element, for a plan with fewer bits than the element has.
    fn code(&self, word: u64, plan: &Plan) -> u64 {
        match (&plan.base, self.fill) {
            (Base::Ordered(_), Some(fill)) if fill == word => mask(plan.head.width),
            (Base::Ordered(low), _) => self.order(word).wrapping_sub(*low),
            (Base::Decimal { unit, minimum }, fill) => {
                let value = self.float(word);
                match fill {
                    Some(fill) if is_fill(value, self.float(fill), *unit) => mask(plan.head.width),
                    _ => rounded(value * unit - minimum * unit),
                }
            }
        }
    }

    /// Flips the sign bit of signed integers, which puts them in order; flips it back as well.
    fn order(&self, word: u64) -> u64 {
        let sign = 1u64.wrapping_shl(self.width().wrapping_sub(1));
        if self.signed { word ^ sign } else { word }
    }

    fn float(&self, word: u64) -> f64 {
        if self.size == 4 { f32::from_bits(low_word(word)).into() } else { f64::from_bits(word) }
    }
}

/// A signed minimum is stored in 64 bits with its sign.
fn sign_extended(word: u64, scaling: &Scaling) -> u64 {
    let unused = 64u32.wrapping_sub(scaling.width());
    if scaling.signed { word.wrapping_shl(unused).cast_signed().wrapping_shr(unused).cast_unsigned() } else { word }
}

/// Bits that distinguish this many codes.
fn bits_for(codes: u128) -> u32 {
    u128::BITS.wrapping_sub(codes.saturating_sub(1).leading_zeros())
}

/// As libhdf5 has it: what is within one unit of the last digit counts as the fill value.
fn is_fill(value: f64, fill: f64, unit: f64) -> bool {
    value == fill || (value - fill).abs() * unit < 1.0
}

/// To the nearest whole number; not for negative ones.
#[allow(clippy::cast_possible_truncation, reason = "the cast saturates, and callers bound the value")]
fn rounded(value: f64) -> u64 {
    (value + 0.5) as u64
}

#[cfg(test)]
mod tests;
