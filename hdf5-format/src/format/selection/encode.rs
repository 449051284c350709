//! Encoding, in the version that libhdf5 chooses.

use super::{ALL, HYPERSLAB, MOST_RANK, NONE, POINTS, REGULAR, Selection, SlabDim};
use crate::codec::{Sizes, Writer};
use crate::error::{Error, ErrorKind, Result};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// Fewest blocks of a regular hyperslab that are not listed one by one where the version leaves the choice.
const FEW_BLOCKS: u64 = 4;

/// Most blocks of a regular hyperslab that are listed one by one.
const MOST_LISTED: u64 = 1 << 20;

impl Selection {
    /// Bytes of the selection as [`Selection::encode_at_least`] writes it.
    ///
    /// # Errors
    /// The selection can not be written.
    pub fn encoded_len(&self, low: u8) -> Result<usize> {
        let mut writer = Writer::new(Sizes::EIGHT);
        self.encode_at_least(&mut writer, low)?;
        Ok(writer.position())
    }

    /// Encodes the selection in the lowest version that holds it: libhdf5 1.8 reads it, where it can.
    ///
    /// # Errors
    /// The ranks of its parts differ, or are above 32.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        self.encode_at_least(writer, 1)
    }

    /// Encodes the selection for a lower bound of versions: `low` is 1 up to libhdf5 1.8, 2 for 1.10, 3 from 1.12 on.
    ///
    /// # Errors
    /// The ranks of its parts differ, or are above 32.
    pub fn encode_at_least(&self, writer: &mut Writer, low: u8) -> Result<()> {
        match self {
            Selection::None | Selection::All => {
                writer.u32(if *self == Selection::None { NONE } else { ALL });
                writer.u32(1);
                writer.zeros(8);
                Ok(())
            }
            Selection::Points { rank, coords } => list(writer, POINTS, *rank, coords, low),
            Selection::Blocks { rank, blocks } => list(writer, HYPERSLAB, *rank, blocks, low),
            Selection::Hyperslab(dims) => hyperslab(writer, dims, low),
        }
    }
}

fn invalid(message: impl Into<alloc::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Invalid, message).within("selection")
}

fn check_rank(rank: usize) -> Result<u32> {
    let checked = u32::try_from(rank).ok().filter(|r| (1..=MOST_RANK).contains(r));
    checked.ok_or_else(|| invalid(format!("rank {rank}, of 1 to 32")))
}

/// Bytes for numbers up to `largest`: 2, 4 or 8.
fn width(largest: u64) -> u8 {
    match largest {
        0..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}

/// Points, or blocks as two points each.
fn list(writer: &mut Writer, kind: u32, rank: usize, numbers: &[u64], low: u8) -> Result<()> {
    let stored_rank = check_rank(rank)?;
    let each = if kind == POINTS { rank } else { rank.saturating_mul(2) };
    let count = numbers.len().checked_div(each).unwrap_or(0) as u64;
    if !numbers.len().is_multiple_of(each) {
        return Err(invalid(format!("{} numbers, not a multiple of {each}", numbers.len())));
    }
    let largest = numbers.iter().copied().max().unwrap_or(0).max(count);
    let len = (numbers.len() as u64).saturating_mul(4).saturating_add(8);
    writer.u32(kind);
    if low < 3 && largest.max(len) <= u64::from(u32::MAX) {
        writer.u32(1);
        writer.u32(0);
        writer.uint(len, 4)?;
        writer.u32(stored_rank);
        writer.uint(count, 4)?;
        return numbers.iter().try_for_each(|&n| writer.uint(n, 4));
    }
    let width = width(largest);
    if kind == POINTS {
        writer.u32(2);
    } else {
        writer.u32(3);
        writer.u8(0);
    }
    writer.u8(width);
    writer.u32(stored_rank);
    writer.uint(count, width.into())?;
    numbers.iter().try_for_each(|&n| writer.uint(n, width.into()))
}

fn hyperslab(writer: &mut Writer, dims: &[SlabDim], low: u8) -> Result<()> {
    let rank = check_rank(dims.len())?;
    let listed =
        if low < 3 { blocks(dims, if low < 2 { MOST_LISTED } else { FEW_BLOCKS.saturating_sub(1) }) } else { None };
    if let Some(blocks) = listed {
        return list(writer, HYPERSLAB, dims.len(), &blocks, 1);
    }
    writer.u32(HYPERSLAB);
    let width = if low < 3 {
        writer.u32(2);
        writer.u8(REGULAR);
        writer.u32(rank.saturating_mul(32).saturating_add(4));
        8
    } else {
        // One more than a count, so that none is all ones by chance.
        let largest = |d: &SlabDim| {
            let above = |n: Option<u64>| n.map_or(0, |n| n.saturating_add(1));
            d.start.max(d.stride).max(above(d.count)).max(above(d.block))
        };
        let width = width(dims.iter().map(largest).max().unwrap_or(0));
        writer.u32(3);
        writer.bytes(&[REGULAR, width]);
        width
    };
    writer.u32(rank);
    let unlimited = u64::MAX.checked_shr(64u32.saturating_sub(u32::from(width).saturating_mul(8))).unwrap_or(u64::MAX);
    for dim in dims {
        for number in [dim.start, dim.stride, dim.count.unwrap_or(unlimited), dim.block.unwrap_or(unlimited)] {
            writer.uint(number, width.into())?;
        }
    }
    Ok(())
}

/// Corners of the blocks of a hyperslab in C order, if there are at most `most` and their coordinates have 32 bits.
fn blocks(dims: &[SlabDim], most: u64) -> Option<Vec<u64>> {
    let counts = dims.iter().map(|d| d.count).collect::<Option<Vec<u64>>>()?;
    let total = counts.iter().try_fold(1u64, |n, &c| n.checked_mul(c)).filter(|&n| n <= most)?;
    let end = |d: &SlabDim| d.start.checked_add(d.count?.checked_sub(1)?.checked_mul(d.stride)?)?.checked_add(d.block?);
    if total > 0 && !dims.iter().all(|d| end(d).is_some_and(|e| e <= u64::from(u32::MAX))) {
        return None;
    }
    let mut out = Vec::new();
    let mut place = vec![0u64; dims.len()];
    for _ in 0..total {
        let firsts = || place.iter().zip(dims).map(|(&i, d)| d.start.saturating_add(i.saturating_mul(d.stride)));
        out.extend(firsts());
        let lasts = firsts().zip(dims).map(|(f, d)| f.saturating_add(d.block.unwrap_or(1).saturating_sub(1)));
        out.extend(lasts);
        for (i, &count) in place.iter_mut().zip(&counts).rev() {
            *i = i.saturating_add(1);
            if *i < count {
                break;
            }
            *i = 0;
        }
    }
    Some(out)
}
