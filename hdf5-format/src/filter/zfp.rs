//! ZFP: arrays of numbers in blocks of 4, 16, 64 or 256, with or without loss.
//!
//! | | |
//! |---|---|
//! | id | 32013 |
//! | name | `zfp` |
//! | client data | `[0]` zfp version << 16, codec version << 12, plugin version; `[1..]` a zfp header, see below |
//! | payload | the zfp stream that follows this header |
//! | reference | zfp.readthedocs.io (algorithm, `zfp_write_header`); H5Z-ZFP for the client data |
//! | done by | crate `zfp-rs`, which has `unsafe` where it gathers and scatters blocks |
//! | feature | `zfp` |
//!
//! The header is a stream of bits, the lowest bit of the first byte first, in 32-bit words:
//!
//! ```text
//! 32 bits   "zfp" and the codec's version, 5
//! 52 bits   2: int32, int64, float, double; 2: dimensions less 1; 48: lengths less 1, the fastest first
//! 12 bits   mode; 0xfff: an expert's mode, in 52 more bits
//! ```
//!
//! Dimensions of length 1 are left out of it. Unsigned integers are compressed as signed ones. A machine writes the
//! header in its own byte order, and its numbers too: where the words of the header are swapped, the chunk holds
//! big-endian numbers. Where they are not, it is taken as little-endian numbers, whatever the datatype says.
//!
//! A dataset that zfp does not suit keeps the parameters that the plugin got, beginning with the mode's number, 1 to 5,
//! and its chunks are stored without the filter.

use super::{Filter, FilterContext, Scratch};
use crate::error::{Error, ErrorKind, Result};
use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;
use zfp_rs::{ZfpBitStreamRef, ZfpBitStreamRefMut, ZfpField, ZfpFieldMut, ZfpScalar, ZfpScalarType};

mod header;

use header::Header;
pub use header::client_data;

/// Filter 32013.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zfp;

/// What bounds the size of the stored values or their error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// No loss.
    Reversible,
    /// Bits of each stored value, on average.
    Rate(f64),
    /// Bit planes of each block that are kept.
    Precision(u32),
    /// Absolute error of each value.
    Accuracy(f64),
    /// Each bound that zfp has.
    Expert {
        /// Fewest bits of a block.
        min_bits: u32,
        /// Most bits of a block; 9 at least for floats, 12 for doubles.
        max_bits: u32,
        /// Most bit planes of a block.
        max_prec: u32,
        /// Exponent of the lowest bit plane kept.
        min_exp: i32,
    },
}

impl Filter for Zfp {
    fn id(&self) -> u16 {
        32013
    }

    fn name(&self) -> &str {
        "zfp"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let header = Header::parse(context)?;
        if header.bytes > context.output_limit {
            return Err(context.too_long(header.bytes));
        }
        if header.blocks > input.len().saturating_mul(8) {
            let (blocks, found) = (header.blocks, input.len());
            return Err(context.corrupt(format_args!("{blocks} blocks of at least a bit each in {found} bytes")));
        }
        let mut words = context.state::<Words>();
        words.load(&input)?;
        let mut out = context.buffer(header.bytes)?;
        match header.scalar {
            ZfpScalarType::I32 => decompress::<i32>(&words.0, &header, &mut out, context),
            ZfpScalarType::I64 => decompress::<i64>(&words.0, &header, &mut out, context),
            ZfpScalarType::F32 => decompress::<f32>(&words.0, &header, &mut out, context),
            ZfpScalarType::F64 => decompress::<f64>(&words.0, &header, &mut out, context),
        }?;
        if header.foreign() {
            swap(&mut out, header.scalar.size());
        }
        context.keep(words);
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        if header::is_unset(context.client_data) {
            return Ok(None);
        }
        let header = Header::parse(context)?;
        if header.bytes != input.len() {
            let (expected, found) = (header.bytes, input.len());
            return Err(context.invalid(format_args!("client data: for chunks of {expected} bytes, found {found}")));
        }
        let mut native = Cow::Borrowed(input);
        if header.foreign() {
            swap(native.to_mut(), header.scalar.size());
        }
        let mut words = context.state::<Words>();
        let len = match header.scalar {
            ZfpScalarType::I32 => compress::<i32>(&native, &header, &mut words, context),
            ZfpScalarType::I64 => compress::<i64>(&native, &header, &mut words, context),
            ZfpScalarType::F32 => compress::<f32>(&native, &header, &mut words, context),
            ZfpScalarType::F64 => compress::<f64>(&native, &header, &mut words, context),
        }?;
        let mut out = context.buffer(len)?;
        for (to, word) in out.chunks_mut(8).zip(&words.0) {
            to.copy_from_slice(word.to_le_bytes().get(..to.len()).unwrap_or(&[]));
        }
        context.keep(words);
        Ok(Some(out))
    }

    fn encoded_limit(&self, plain: usize, client_data: &[u32]) -> usize {
        let (id, name) = (self.id(), self.name());
        let header = Header::parse(&FilterContext::new(id, name, client_data, plain, &mut Scratch::new()));
        let limit = header.ok().filter(|header| header.bytes == plain).and_then(|header| header.stored_limit());
        limit.unwrap_or_else(|| plain.saturating_mul(2).saturating_add(1 << 16))
    }
}

/// A stream as zfp reads and writes it.
#[derive(Default)]
struct Words(Vec<u64>);

impl Words {
    /// The words of a payload, the last one padded with zeros.
    fn load(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.clear();
        self.reserve(bytes.len().div_ceil(8))?;
        let (words, rest) = bytes.as_chunks();
        self.0.extend(words.iter().map(|word| u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            self.0.push(rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)));
        }
        Ok(())
    }

    fn reserve(&mut self, len: usize) -> Result<()> {
        let more = len.saturating_sub(self.0.len());
        self.0.try_reserve_exact(more).map_err(|_| {
            Error::new(
                ErrorKind::Limit,
                format!("filter 32013 (zfp): no memory for a stream of {len} words of 8 bytes"),
            )
        })
    }
}

/// Fills `out`, of the bytes that the header says, with values in the machine's byte order.
fn decompress<T: ZfpScalar>(words: &[u64], header: &Header, out: &mut [u8], context: &FilterContext<'_>) -> Result<()> {
    let run = |values: &mut [T]| {
        let mut field = ZfpFieldMut::new(values, header.dims).map_err(|error| context.corrupt(error))?;
        let done = ZfpBitStreamRef::from_words(words).decompress(&header.config, &mut field);
        done.map(drop).map_err(|error| context.corrupt(error))
    };
    if let Ok(values) = bytemuck::try_cast_slice_mut(out) {
        return run(values);
    }
    // The bytes lie at an odd address, which the allocator of a target may well give.
    let mut values = bytemuck::pod_collect_to_vec(out);
    run(&mut values)?;
    out.copy_from_slice(bytemuck::cast_slice(&values));
    Ok(())
}

/// Compresses values in the machine's byte order into `words`; the bytes of the stream.
fn compress<T: ZfpScalar>(
    input: &[u8],
    header: &Header,
    words: &mut Words,
    context: &FilterContext<'_>,
) -> Result<usize> {
    let most = header.stored_limit().ok_or_else(|| context.invalid("the chunk is too large"))?.div_ceil(8);
    words.reserve(most)?;
    if words.0.len() < most {
        words.0.resize(most, 0);
    }
    let values = match bytemuck::try_cast_slice(input) {
        Ok(values) => Cow::Borrowed(values),
        Err(_) => Cow::Owned(bytemuck::pod_collect_to_vec::<u8, T>(input)),
    };
    let field = ZfpField::new(&values, header.dims).map_err(|error| context.invalid(error))?;
    let stream = ZfpBitStreamRefMut::from_words(&mut words.0).compress(&header.config, &field);
    stream.map_err(|error| context.invalid(error))
}

impl Header {
    /// True if the chunks hold values in the other byte order than the machine's.
    fn foreign(&self) -> bool {
        self.big_endian != cfg!(target_endian = "big")
    }
}

/// Reverses the bytes of each value of 4 or 8 bytes.
fn swap(bytes: &mut [u8], size: usize) {
    if size == 8 {
        bytes.as_chunks_mut().0.iter_mut().for_each(|value: &mut [u8; 8]| value.reverse());
    } else {
        bytes.as_chunks_mut().0.iter_mut().for_each(|value: &mut [u8; 4]| value.reverse());
    }
}

#[cfg(test)]
mod tests;
