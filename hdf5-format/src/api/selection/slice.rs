//! What is selected of one dimension.

use crate::dataset::axes::Axis;
use crate::error::{Error, ErrorKind, Result};
use alloc::format;
use alloc::vec::Vec;

/// What is selected of one dimension. Negative positions count from the end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slice {
    /// One position; the dimension disappears from the result.
    Index(i64),
    /// From `start` to before `end`, every `step`-th.
    Range {
        /// First position; the beginning if `None`.
        start: Option<i64>,
        /// Past the last position; the end if `None`.
        end: Option<i64>,
        /// Distance, at least 1.
        step: u64,
    },
    /// Blocks of `block` positions, `count` of them, `stride` apart: a hyperslab as HDF5 has it.
    Slab {
        /// First position.
        start: u64,
        /// Distance of the blocks' first positions.
        stride: u64,
        /// Number of blocks; `u64::MAX` is as many as there are.
        count: u64,
        /// Positions of a block.
        block: u64,
    },
    /// Positions in any order. A read may name one several times, a write may not.
    List(Vec<i64>),
    /// The positions where a mask as long as the dimension is true.
    Mask(Vec<bool>),
    /// All remaining dimensions, whole.
    Ellipsis,
}

/// Coordinates of a dimension, and the order in which they are wanted unless it is the ascending one.
pub(super) type Along = (Axis, Option<Vec<usize>>);

impl Slice {
    /// A whole dimension.
    pub const ALL: Slice = Slice::Range { start: None, end: None, step: 1 };

    /// Every `step`-th position of a range.
    ///
    /// ```
    /// use hdf5_format::Slice;
    /// assert_eq!(Slice::steps(2..10, 3), "2:10:3".parse().unwrap());
    /// ```
    pub fn steps(range: impl Into<Slice>, step: u64) -> Slice {
        match range.into() {
            Slice::Range { start, end, .. } => Slice::Range { start, end, step },
            other => other,
        }
    }

    /// The coordinates along dimension number `dim`.
    pub(super) fn along(&self, dim: usize, len: u64) -> Result<Along> {
        let axis = match self {
            Slice::Index(i) => Axis::Steps { start: position(*i, dim, len)?, step: 1, count: 1 },
            Slice::Slab { stride, count, block, .. } if *count > 1 && (stride < block || *stride == 0) => {
                let text = format!("blocks of {block} positions that are {stride} apart");
                return Err(Error::new(ErrorKind::Shape, text).with_hint("blocks of a slab do not overlap"));
            }
            &Slice::Slab { start, stride, count: u64::MAX, block } => endless(start, stride, block, len)?,
            &Slice::Slab { start, stride, count, block } => {
                if let Some((blocks, last)) = count.checked_sub(1).zip(block.checked_sub(1)) {
                    // Before the coordinates take memory, of which there may be more than positions.
                    let last = start.saturating_add(blocks.saturating_mul(stride)).saturating_add(last);
                    Axis::check_last(last, dim, len)?;
                }
                Axis::slab(start, stride, count, block)?
            }
            Slice::Range { step: 0, .. } => return Err(Error::new(ErrorKind::Shape, "a step of 0")),
            Slice::Range { start, end, step } => {
                let clamp = |i: i64| from_end(i, len).unwrap_or(0).min(len);
                let start = start.map_or(0, clamp);
                let end = end.map_or(len, clamp);
                Axis::Steps { start, step: *step, count: end.saturating_sub(start).div_ceil(*step) }
            }
            Slice::List(list) => return positions(list, dim, len),
            Slice::Mask(mask) if mask.len() as u64 != len => {
                let text = format!("a mask of {} positions for dimension {dim} with size {len}", mask.len());
                return Err(Error::new(ErrorKind::Shape, text));
            }
            Slice::Mask(mask) => {
                let positions = (0u64..).zip(mask).filter(|(_, wanted)| **wanted).map(|(i, _)| i);
                Axis::List(positions.collect()).simplified()
            }
            Slice::Ellipsis => Axis::all(len),
        };
        axis.check(dim, len)?;
        Ok((axis, None))
    }
}

/// Blocks up to the end of the dimension, the last one cut off there.
fn endless(start: u64, stride: u64, block: u64, len: u64) -> Result<Axis> {
    let left = len.saturating_sub(start);
    let whole = left.checked_div(stride).unwrap_or(0);
    let rest = left.saturating_sub(whole.saturating_mul(stride));
    if rest >= block {
        return Axis::slab(start, stride, whole.saturating_add(u64::from(rest > 0)), block);
    }
    let first = start.saturating_add(whole.saturating_mul(stride));
    let mut list: Vec<u64> = match Axis::slab(start, stride, whole, block)? {
        Axis::List(list) => list,
        Axis::Steps { start, step, count } => {
            (0..count).map(|i| start.saturating_add(i.saturating_mul(step))).collect()
        }
    };
    let too_large = |_| Error::new(ErrorKind::Shape, "a selection that is larger than memory");
    list.try_reserve_exact(crate::codec::to_usize(rest)?).map_err(too_large)?;
    list.extend(first..first.saturating_add(rest));
    Ok(Axis::List(list).simplified())
}

fn from_end(i: i64, len: u64) -> Option<u64> {
    if i < 0 { len.checked_sub(i.unsigned_abs()) } else { u64::try_from(i).ok() }
}

/// A position that may count from the end.
pub(super) fn position(i: i64, dim: usize, len: u64) -> Result<u64> {
    from_end(i, len).filter(|&i| i < len).ok_or_else(|| {
        Error::new(ErrorKind::Shape, format!("index {i} is out of range for dimension {dim} with size {len}"))
    })
}

/// Positions in any order.
fn positions(list: &[i64], dim: usize, len: u64) -> Result<Along> {
    let given = list.iter().map(|&i| position(i, dim, len)).collect::<Result<Vec<u64>>>()?;
    if given.is_sorted_by(|a, b| a < b) {
        return Ok((Axis::List(given).simplified(), None));
    }
    let mut once = given.clone();
    once.sort_unstable();
    once.dedup();
    let order = given.iter().map(|i| once.partition_point(|x| x < i)).collect();
    Ok((Axis::List(once).simplified(), Some(order)))
}
