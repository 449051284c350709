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

mod plan;
mod scaling;

pub use scaling::{Scale, Scaling};

use super::bits::{BitReader, BitWriter, mask, word_bytes, word_of};
use super::{Filter, FilterContext};
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

/// Filter 6.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScaleOffset;

/// Bytes of the payload before the codes.
const HEAD: usize = 21;

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
        let mut out = context.buffer(self.encoded_limit(len, &[]))?;
        out.clear();
        let pack = match (scaling.size, scaling.big_endian) {
            (1, _) => pack::<1, false>,
            (2, false) => pack::<2, false>,
            (2, true) => pack::<2, true>,
            (4, false) => pack::<4, false>,
            (4, true) => pack::<4, true>,
            (_, false) => pack::<8, false>,
            (_, true) => pack::<8, true>,
        };
        Ok(Some(pack(&scaling, input, out)))
    }

    fn encoded_limit(&self, plain: usize, _: &[u32]) -> usize {
        // Writers may add a byte after the last code.
        plain.saturating_add(HEAD).saturating_add(8)
    }
}

/// Encodes a chunk of elements of `N` bytes into `out`.
#[inline(never)]
fn pack<const N: usize, const BIG: bool>(scaling: &Scaling, input: &[u8], out: Vec<u8>) -> Vec<u8> {
    let words = || input.as_chunks::<N>().0.iter().map(word_of::<N, BIG>);
    let plan = scaling.plan(words);
    let width = plan.head.width;
    let out = plan.head.append_to(out);
    if width == 0 {
        return out;
    }
    let mut writer = BitWriter::new(out);
    if width == scaling.width() {
        // Little-endian bytes, most significant bit first: the bytes in turn.
        let unused = 64u32.wrapping_sub(width);
        writer.write_all(words().map(|word| word.swap_bytes().wrapping_shr(unused)), width);
    } else {
        scaling.write_codes(words(), &plan, &mut writer);
    }
    writer.finish()
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

    /// Fills `out`, which is empty.
    fn append_to(self, mut out: Vec<u8>) -> Vec<u8> {
        out.extend_from_slice(&self.width.to_le_bytes());
        out.push(8);
        out.extend_from_slice(&self.minimum.to_le_bytes());
        out.resize(HEAD, 0);
        out
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

#[cfg(test)]
mod tests;
