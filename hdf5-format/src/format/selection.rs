//! Dataspace Selection (File Format Spec v3/4, VIII.A.3)
//!
//! ```text
//! | type 4 | version 4 | ...
//! none 0, all 3     v1: | 0 8 |
//! points 1          v1: | 0 4 | length 4 | rank 4 | points 4 | coordinates 4 each |
//!                   v2: | width 1 | rank 4 | points, coordinates, each of that width |
//! hyperslab 2       v1: | 0 4 | length 4 | rank 4 | blocks 4 | first corner, last corner, 4 each |
//!                   v2: | flags 1 | length 4 | rank 4 | start, stride, count, block 8 each, for each dimension |
//!                   v3: | flags 1 | width 1 | rank 4 | regular (flag 1): as v2, of that width |
//!                                                    | irregular: blocks, corners, of that width |
//! ```
//! The length counts the bytes after it. All bits one is an unlimited count or block. Last corners belong to the block.
//!
//! Region references and mappings of virtual datasets hold selections, in the global heap.

mod encode;
#[cfg(test)]
mod tests;

use crate::codec::{Cursor, to_usize};
use crate::error::Result;
use alloc::format;
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
    /// Blocks that form no regular hyperslab, and may overlap.
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
    /// Parses a selection of any version. Lists of blocks that form a regular hyperslab become one.
    ///
    /// # Errors
    /// The bytes are no selection, or one that can be on no extent.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let here = cursor.clone();
        match (cursor.u32()?, cursor.u32()?) {
            (kind @ (NONE | ALL), 1) => {
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
            (kind, version) => {
                Err(here.unexpected("selection type and version", "a known pair", format!("{kind} and {version}")))
            }
        }
    }

    /// Number of dimensions; `None` if the selection fits any.
    pub fn rank(&self) -> Option<usize> {
        match self {
            Selection::None | Selection::All => None,
            Selection::Points { rank, .. } | Selection::Blocks { rank, .. } => Some(*rank),
            Selection::Hyperslab(dims) => Some(dims.len()),
        }
    }

    /// The dimension along which the selection is unlimited; there is at most one.
    pub fn unlimited(&self) -> Option<(usize, SlabDim)> {
        let Selection::Hyperslab(dims) = self else { return None };
        dims.iter().copied().enumerate().find(|(_, d)| d.is_unlimited())
    }
}

impl SlabDim {
    /// True if the number or the length of the blocks is unlimited.
    pub fn is_unlimited(&self) -> bool {
        self.count.is_none() || self.block.is_none()
    }

    /// True if the blocks are apart, and their last coordinate fits 64 bits.
    fn is_sound(&self) -> bool {
        if self.stride == 0 || self.block == Some(0) || (self.count.is_none() && self.block.is_none()) {
            return false;
        }
        let several = self.count.is_none_or(|c| c > 1);
        if several && self.block.is_none_or(|b| b > self.stride) {
            return false;
        }
        let before = self.count.unwrap_or(1).saturating_sub(1).checked_mul(self.stride);
        let last = before.and_then(|b| b.checked_add(self.start)?.checked_add(self.block.unwrap_or(1)));
        last.is_some()
    }
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
    to_usize(rank.into())
}

/// `count` numbers of `width` bytes, checked against what is left before anything is allocated.
fn numbers(cursor: &mut Cursor<'_>, count: u64, width: usize) -> Result<Vec<u64>> {
    let bytes = count.checked_mul(width as u64).filter(|&n| n <= cursor.remaining() as u64);
    if bytes.is_none() {
        return Err(cursor.corrupt(format!("{count} numbers do not fit the selection")));
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
        if first.iter().zip(last).any(|(a, b)| a > b || *b == u64::MAX) {
            return Err(here.corrupt("a block of the selection ends before it starts, or nowhere"));
        }
    }
    Ok(grid(rank, &blocks).map_or(Selection::Blocks { rank, blocks }, Selection::Hyperslab))
}

/// The regular hyperslab that a list of blocks forms: as many distinct blocks as a grid has that holds them all.
fn grid(rank: usize, blocks: &[u64]) -> Option<Vec<SlabDim>> {
    let each = rank.saturating_mul(2).max(1);
    let mut dims = Vec::with_capacity(rank);
    let mut cells = 1usize;
    for d in 0..rank {
        let along = |b: &[u64]| Some((*b.get(d)?, *b.get(d.saturating_add(rank))?));
        let mut intervals: Vec<(u64, u64)> = blocks.chunks_exact(each).filter_map(along).collect();
        intervals.sort_unstable();
        intervals.dedup();
        cells = cells.checked_mul(intervals.len())?;
        dims.push(progression(&intervals)?);
    }
    let mut sorted: Vec<&[u64]> = blocks.chunks_exact(each).collect();
    sorted.sort_unstable();
    sorted.dedup();
    (sorted.len() == cells).then_some(dims)
}

/// Sorted intervals of equal length at equal distances, as one dimension of a hyperslab.
fn progression(intervals: &[(u64, u64)]) -> Option<SlabDim> {
    let &(start, end) = intervals.first()?;
    let len = |(a, b): (u64, u64)| b.saturating_sub(a).saturating_add(1);
    let block = len((start, end));
    let stride = intervals.get(1).map_or(1, |second| second.0.saturating_sub(start));
    let regular = |w: &[(u64, u64)]| matches!(w, [a, b] if b.0.saturating_sub(a.0) == stride && len(*b) == block);
    if !intervals.windows(2).all(regular) || (intervals.len() > 1 && stride < block) {
        return None;
    }
    let count = intervals.len() as u64;
    let (stride, count, block) =
        if stride == block && count > 1 { (1, 1, block.saturating_mul(count)) } else { (stride, count, block) };
    Some(SlabDim { start, stride, count: Some(count), block: Some(block) })
}

fn regular(cursor: &mut Cursor<'_>, rank: usize, width: usize) -> Result<Selection> {
    let unlimited = u64::MAX.checked_shr(64u32.saturating_sub(u32::try_from(width).unwrap_or(8).saturating_mul(8)));
    let limited = |n: u64| if Some(n) == unlimited { None } else { Some(n) };
    let mut dims = Vec::with_capacity(rank);
    for _ in 0..rank {
        let here = cursor.clone();
        let [start, stride, count, block] =
            [cursor.uint(width)?, cursor.uint(width)?, cursor.uint(width)?, cursor.uint(width)?];
        let dim = SlabDim { start, stride, count: limited(count), block: limited(block) };
        if !dim.is_sound() {
            let found = format!("start {start}, stride {stride}, count {count}, block {block}");
            return Err(here.unexpected("hyperslab", "blocks apart from each other, at most one unlimited", found));
        }
        if dim.is_unlimited() && dims.iter().any(SlabDim::is_unlimited) {
            return Err(here.corrupt("a hyperslab that is unlimited along two dimensions"));
        }
        dims.push(dim);
    }
    Ok(Selection::Hyperslab(dims))
}
