//! Dataspace selection (File Format Spec, VIII.A.3): in region references and virtual layouts.
//!
//! ```text
//! type 4 | version 4 | ...
//! none 0, all 3   v1  0 8
//! points 1        v1  0 4 | length 4 | rank 4 | points 4 | coordinates 4 each
//!                 v2  width 1 | rank 4 | points, coordinates, of that width
//! hyperslab 2     v1  0 4 | length 4 | rank 4 | blocks 4 | first corner, last corner 4 each
//!                 v2  flags 1 | length 4 | rank 4 | start, stride, count, block 8, for each dimension
//!                 v3  flags 1 | width 1 | rank 4 | regular as v2, or blocks and their corners, of that width
//! ```

use crate::codec::{Cursor, Writer};
use crate::error::Result;
use alloc::vec::Vec;

/// Elements of a dataspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// None.
    None,
    /// All.
    All,
    /// Single elements, in order; they may repeat.
    Points {
        /// Dimensions.
        rank: usize,
        /// Coordinates, point after point.
        coords: Vec<u64>,
    },
    /// A regular hyperslab.
    Hyperslab(Vec<SlabDim>),
    /// Any blocks.
    Blocks {
        /// Dimensions.
        rank: usize,
        /// First and last corner of each block, the last one included.
        blocks: Vec<u64>,
    },
}

/// A regular hyperslab along one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlabDim {
    /// First coordinate.
    pub start: u64,
    /// Distance of blocks.
    pub stride: u64,
    /// Number of blocks; `None` is unlimited.
    pub count: Option<u64>,
    /// Coordinates of a block; `None` is unlimited.
    pub block: Option<u64>,
}

const NONE: u32 = 0;
const POINTS: u32 = 1;
const HYPERSLAB: u32 = 2;
const ALL: u32 = 3;
const REGULAR: u8 = 1;
const MOST_RANK: u32 = 32;

impl Selection {
    /// Parses a selection of any version.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let here = cursor.clone();
        let kind = cursor.u32()?;
        let version = cursor.u32()?;
        match (kind, version) {
            (NONE | ALL, 1) => {
                cursor.skip(8)?;
                Ok(if kind == NONE { Selection::None } else { Selection::All })
            }
            (POINTS, 1) => {
                cursor.skip(8)?;
                points(cursor, 4)
            }
            (POINTS, 2) => {
                let width = width(cursor)?;
                points(cursor, width)
            }
            (HYPERSLAB, 1) => {
                cursor.skip(8)?;
                let rank = rank(cursor)?;
                blocks(cursor, rank, 4)
            }
            (HYPERSLAB, 2) => {
                let here = cursor.clone();
                let flags = cursor.u8()?;
                if flags & REGULAR == 0 {
                    return Err(here.unexpected("hyperslab flags", "regular", flags));
                }
                cursor.skip(4)?;
                let rank = rank(cursor)?;
                regular(cursor, rank, 8)
            }
            (HYPERSLAB, 3) => {
                let flags = cursor.u8()?;
                let width = width(cursor)?;
                let rank = rank(cursor)?;
                if flags & REGULAR != 0 { regular(cursor, rank, width) } else { blocks(cursor, rank, width) }
            }
            _ => Err(here.unexpected(
                "selection type and version",
                "a known pair",
                alloc::format!("{kind} and {version}"),
            )),
        }
    }

    /// Encodes the selection in the lowest version that holds it.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        match self {
            Selection::None | Selection::All => {
                writer.u32(if *self == Selection::None { NONE } else { ALL });
                writer.u32(1);
                writer.zeros(8);
            }
            Selection::Points { rank, coords } => encode_list(writer, POINTS, *rank, coords, *rank)?,
            Selection::Blocks { rank, blocks } => {
                encode_list(writer, HYPERSLAB, *rank, blocks, rank.saturating_mul(2))?;
            }
            Selection::Hyperslab(dims) => {
                writer.u32(HYPERSLAB);
                writer.u32(2);
                writer.u8(REGULAR);
                writer.uint((dims.len() as u64).saturating_mul(32).saturating_add(4), 4)?;
                writer.uint(dims.len() as u64, 4)?;
                for dim in dims {
                    writer.u64(dim.start);
                    writer.u64(dim.stride);
                    writer.u64(dim.count.unwrap_or(u64::MAX));
                    writer.u64(dim.block.unwrap_or(u64::MAX));
                }
            }
        }
        Ok(())
    }
}

/// Version 1 lists of points or blocks, or a later version where numbers are above 32 bits.
fn encode_list(writer: &mut Writer, kind: u32, rank: usize, numbers: &[u64], each: usize) -> Result<()> {
    let count = numbers.len().checked_div(each).unwrap_or(0) as u64;
    let wide = numbers.iter().any(|&n| n > u64::from(u32::MAX));
    writer.u32(kind);
    if wide {
        writer.u32(if kind == POINTS { 2 } else { 3 });
        if kind == HYPERSLAB {
            writer.u8(0);
        }
        writer.u8(8);
        writer.uint(rank as u64, 4)?;
        writer.u64(count);
        numbers.iter().for_each(|&n| writer.u64(n));
        return Ok(());
    }
    writer.u32(1);
    writer.u32(0);
    writer.uint((numbers.len() as u64).saturating_mul(4).saturating_add(8), 4)?;
    writer.uint(rank as u64, 4)?;
    writer.uint(count, 4)?;
    numbers.iter().try_for_each(|&n| writer.uint(n, 4))
}

fn width(cursor: &mut Cursor<'_>) -> Result<usize> {
    let here = cursor.clone();
    match cursor.u8()? {
        width @ (2 | 4 | 8) => Ok(usize::from(width)),
        other => Err(here.unexpected("width of the selection's numbers", "2, 4 or 8", other)),
    }
}

fn rank(cursor: &mut Cursor<'_>) -> Result<usize> {
    let here = cursor.clone();
    let rank = cursor.u32()?;
    if rank == 0 || rank > MOST_RANK {
        return Err(here.unexpected("rank of the selection", "1 to 32", rank));
    }
    crate::codec::to_usize(rank.into())
}

/// `count` numbers of `width` bytes, checked against what is left before anything is allocated.
fn numbers(cursor: &mut Cursor<'_>, count: u64, width: usize) -> Result<Vec<u64>> {
    let bytes = count.checked_mul(width as u64).filter(|&n| n <= cursor.remaining() as u64);
    if bytes.is_none() {
        return Err(cursor.corrupt(alloc::format!("{count} numbers do not fit the selection")));
    }
    (0..count).map(|_| cursor.uint(width)).collect()
}

fn points(cursor: &mut Cursor<'_>, width: usize) -> Result<Selection> {
    let rank = rank(cursor)?;
    let count = cursor.uint(width)?;
    let coords = numbers(cursor, count.saturating_mul(rank as u64), width)?;
    Ok(Selection::Points { rank, coords })
}

fn blocks(cursor: &mut Cursor<'_>, rank: usize, width: usize) -> Result<Selection> {
    let count = cursor.uint(width)?;
    let here = cursor.clone();
    let blocks = numbers(cursor, count.saturating_mul(rank as u64).saturating_mul(2), width)?;
    for block in blocks.chunks_exact(rank.saturating_mul(2).max(1)) {
        let (first, last) = block.split_at_checked(rank).unwrap_or((block, &[]));
        if first.iter().zip(last).any(|(a, b)| a > b) {
            return Err(here.corrupt("a block of the selection ends before it starts"));
        }
    }
    Ok(Selection::Blocks { rank, blocks })
}

fn regular(cursor: &mut Cursor<'_>, rank: usize, width: usize) -> Result<Selection> {
    let unlimited = u64::MAX.checked_shr(64u32.saturating_sub(u32::try_from(width).unwrap_or(8).saturating_mul(8)));
    let limited = |n: u64| if Some(n) == unlimited { None } else { Some(n) };
    let here = cursor.clone();
    let mut dims = Vec::with_capacity(rank);
    for _ in 0..rank {
        let [start, stride, count, block] =
            [cursor.uint(width)?, cursor.uint(width)?, cursor.uint(width)?, cursor.uint(width)?];
        let dim = SlabDim { start, stride, count: limited(count), block: limited(block) };
        if stride == 0 || dim.block == Some(0) || (dim.count.is_none() && dim.block.is_none()) {
            return Err(here.corrupt("a hyperslab with a stride or block of 0, or unlimited twice"));
        }
        dims.push(dim);
    }
    Ok(Selection::Hyperslab(dims))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};
    use alloc::vec;

    #[test]
    fn parses_what_it_encodes() {
        let dim = |start, count| SlabDim { start, stride: 4, count, block: Some(2) };
        for selection in [
            Selection::None,
            Selection::All,
            Selection::Points { rank: 2, coords: vec![1, 2, 3, 4] },
            Selection::Points { rank: 1, coords: vec![1 << 40] },
            Selection::Blocks { rank: 2, blocks: vec![0, 0, 1, 1, 5, 5, 5, 7] },
            Selection::Blocks { rank: 1, blocks: vec![0, 1 << 40] },
            Selection::Hyperslab(vec![dim(1, Some(3)), dim(0, None)]),
        ] {
            testing::round_trip(&selection, Sizes::EIGHT, Selection::parse, Selection::encode);
        }
    }

    #[test]
    fn unlimited_is_all_ones_of_the_width() {
        let mut bytes = vec![2, 0, 0, 0, 3, 0, 0, 0, 1, 2, 1, 0, 0, 0];
        for n in [5u16, 1, u16::MAX, 1] {
            bytes.extend(n.to_le_bytes());
        }
        let parsed = Selection::parse(&mut Cursor::new(&bytes, 0, "selection", Sizes::EIGHT)).unwrap();
        let dim = SlabDim { start: 5, stride: 1, count: None, block: Some(1) };
        assert_eq!(parsed, Selection::Hyperslab(vec![dim]));
    }

    #[test]
    fn refuses_each_broken_rule() {
        let word = |n: u32| n.to_le_bytes();
        let list = |words: &[u32]| words.iter().flat_map(|&n| word(n)).collect::<Vec<u8>>();
        for bytes in [
            list(&[4, 1, 0, 0]),
            list(&[2, 4, 0, 0]),
            list(&[1, 1, 0, 8, 0, 0]),
            list(&[1, 1, 0, 8, 33, 0]),
            list(&[1, 1, 0, 8, 1, u32::MAX]),
            list(&[2, 1, 0, 16, 1, 1, 5, 4]),
        ] {
            testing::refused(&bytes, Sizes::EIGHT, Selection::parse);
        }
    }
}
