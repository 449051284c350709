//! Client data of szip.

use crate::codec::to_usize;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::FilterContext;
use crate::format::message::datatype::{ByteOrder, Class, Datatype};
use alloc::format;
use alloc::vec::Vec;

/// Samples of the longest block.
pub(super) const MAX_BLOCK: usize = 32;
/// Blocks of the longest line that libaec decodes.
const MAX_LINE_BLOCKS: usize = 4096;
/// Blocks of the longest line that is written.
const LINE_BLOCKS: u64 = 128;

const ENTROPY: u32 = 4;
const LITTLE: u32 = 8;
const BIG: u32 = 16;
const NEAREST: u32 = 32;
/// Set by every writer, of no effect: numbers of lower bits from 13 on are allowed; no header in the stream.
const ALWAYS: u32 = 1 | 128;

/// What is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// The samples, as small numbers are likelier than large ones.
    EntropyCoding,
    /// Differences between neighbours.
    NearestNeighbour,
}

/// How a chunk is cut into samples, lines and blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Differences are coded.
    pub(super) nearest: bool,
    /// The most significant byte of a sample comes first.
    pub(super) big_endian: bool,
    /// Bits of a sample, 1 to 31.
    pub(super) bits: u32,
    /// Bytes of a sample: 1, 2 or 4.
    pub(super) size: usize,
    /// The samples are planes of elements of 4 or 8 bytes.
    pub(super) planes: Option<usize>,
    /// Samples of a block: an even number up to [`MAX_BLOCK`].
    pub(super) block: usize,
    /// Samples of a line.
    pub(super) line: usize,
}

impl Layout {
    /// The layout of a call's client data.
    pub(super) fn parse(context: &FilterContext<'_>) -> Result<Self> {
        let &[options, block, bits, line, ..] = context.client_data else {
            let found = context.client_data.len();
            return Err(context.corrupt(format_args!("client data: expected 4 values, found {found}")));
        };
        let (block, line) = (to_usize(block.into())?, to_usize(line.into())?);
        if !(2..=MAX_BLOCK).contains(&block) || block & 1 != 0 {
            let expected = "an even number up to 32 of samples in a block";
            return Err(context.corrupt(format_args!("client data: expected {expected}, found {block}")));
        }
        if line == 0 || line.div_ceil(block) > MAX_LINE_BLOCKS {
            let expected = "a line of 1 to 4096 blocks";
            return Err(context.corrupt(format_args!("client data: expected {expected}, found {line} samples")));
        }
        let (bits, size, planes) = match bits {
            1..=8 => (bits, 1, None),
            9..=16 => (bits, 2, None),
            17..=31 => (bits, 4, None),
            32 => (8, 1, Some(4)),
            64 => (8, 1, Some(8)),
            _ => {
                let expected = "samples of 1 to 32 or 64 bits";
                return Err(context.corrupt(format_args!("client data: expected {expected}, found {bits}")));
            }
        };
        let (nearest, big_endian) = (options & NEAREST != 0, options & BIG != 0);
        Ok(Layout { nearest, big_endian, bits, size, planes, block, line })
    }

    /// The largest sample.
    #[inline(always)]
    pub(super) fn max(&self) -> u32 {
        u32::MAX.wrapping_shr(32u32.wrapping_sub(self.bits))
    }

    /// Bits of the number that says how a block is coded.
    #[inline(always)]
    pub(super) fn id_bits(&self) -> u32 {
        match self.bits {
            ..=8 => 3,
            9..=16 => 4,
            _ => 5,
        }
    }

    /// That number where the block is not coded: all ones.
    #[inline(always)]
    pub(super) fn uncoded(&self) -> u32 {
        1u32.wrapping_shl(self.id_bits()).wrapping_sub(1)
    }
}

/// Client data of a dataset of this type with chunks of these dimensions, as libhdf5 writes it. `block` is the number
/// of samples in a block, even and at most 32.
///
/// # Errors
/// Invalid for other blocks, for chunks of fewer elements than a block, and for types that are no integers, floats, bit
/// fields or enumerations of up to 8 bytes, or arrays of them.
pub fn client_data(coding: Coding, block: u32, datatype: &Datatype, chunk: &[u64]) -> Result<Vec<u32>> {
    if !(2..=32).contains(&block) || block & 1 != 0 {
        return Err(invalid(&format!("expected an even number of 2 to 32 samples in a block, found {block}")));
    }
    let (order, bits) = samples(datatype)?;
    let elements = chunk.iter().fold(1u64, |product, &dim| product.saturating_mul(dim));
    if elements < block.into() {
        return Err(invalid(&format!("a chunk of {elements} elements is shorter than a block of {block} samples")));
    }
    // The fastest dimension is a line, unless it is no block.
    let line = chunk.last().copied().filter(|&dim| dim >= block.into()).unwrap_or(elements);
    let line = line.min(LINE_BLOCKS.saturating_mul(block.into()));
    let coding = match coding {
        Coding::EntropyCoding => ENTROPY,
        Coding::NearestNeighbour => NEAREST,
    };
    let order = if order == ByteOrder::BigEndian { BIG } else { LITTLE };
    Ok(alloc::vec![coding | order | ALWAYS, block, bits, u32::try_from(line).unwrap_or(u32::MAX)])
}

/// Byte order, and bits of a sample.
fn samples(datatype: &Datatype) -> Result<(ByteOrder, u32)> {
    let (order, precision, offset) = match &datatype.class {
        Class::FixedPoint { order, precision, bit_offset, .. }
        | Class::BitField { order, precision, bit_offset, .. } => (*order, *precision, *bit_offset),
        Class::FloatingPoint(float) => (float.order, float.precision, float.bit_offset),
        Class::Time { order, precision } => (*order, *precision, 0),
        Class::Enum { base, .. } | Class::Array { base, .. } => return samples(base),
        _ => return Err(invalid("it codes numbers, which this type is not")),
    };
    let bits = if offset == 0 { precision.into() } else { datatype.size.saturating_mul(8) };
    let (bits, bytes) = match bits {
        1..=8 => (bits, 1),
        9..=16 => (bits, 2),
        17..=24 => (bits, 4),
        25..=32 => (32, 4),
        33..=64 => (64, 8),
        _ => return Err(invalid(&format!("it codes numbers of up to 64 bits, found {bits}"))),
    };
    if order == ByteOrder::Vax || datatype.size.checked_rem(bytes) != Some(0) {
        return Err(invalid(&format!(
            "it does not restore {order:?} numbers of {bits} bits in {} bytes",
            datatype.size
        )));
    }
    Ok((order, bits))
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("filter 4 (szip): {message}"))
}
