//! Selections on extents: how many elements, which, and in what order.

mod elements;
mod slab;
#[cfg(test)]
mod tests;
mod tree;

pub use elements::{Elements, Pair, Run, Within, pairs};
pub use slab::{Boxes, Slab, SlabAxis};

use crate::error::{Error, ErrorKind, Result};
use crate::format::selection::{Selection, SlabDim};
use alloc::borrow::Cow;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

fn shape_error(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Shape, message)
}

fn too_many() -> Error {
    shape_error("more elements than 64 bits can count")
}

fn check_rank(selection: usize, extent: &[u64]) -> Result<()> {
    if selection == extent.len() {
        return Ok(());
    }
    Err(shape_error(format!("a selection of rank {selection} on an extent of rank {}", extent.len())))
}

/// The dimensions of a selection that is a regular hyperslab.
pub fn regular(selection: &Selection) -> Option<Vec<SlabDim>> {
    match selection {
        Selection::Hyperslab(dims) => Some(dims.clone()),
        _ => None,
    }
}

/// True if the selection has an unlimited dimension.
pub fn is_unlimited(selection: &Selection) -> bool {
    selection.unlimited().is_some()
}

/// Number of selected elements; those listed twice count once in blocks and twice in points.
///
/// # Errors
/// The selection is unlimited, has another rank, or has too many overlapping blocks; 64 bits can not count.
pub fn point_count(selection: &Selection, extent: &[u64]) -> Result<u64> {
    match selection {
        Selection::Points { rank, coords } => Ok(coords.len().checked_div(*rank).unwrap_or(0) as u64),
        _ => Ok(Elements::any_place(selection, extent)?.len()),
    }
}

/// First and last selected coordinate of each dimension; the whole extent if none or all are selected.
///
/// # Errors
/// The selection has another rank.
pub fn bounds(selection: &Selection, extent: &[u64]) -> Result<(Vec<u64>, Vec<u64>)> {
    if let Some(rank) = selection.rank() {
        check_rank(rank, extent)?;
    }
    let corners = match selection {
        Selection::All | Selection::None => {
            return Ok((vec![0; extent.len()], extent.iter().map(|d| d.saturating_sub(1)).collect()));
        }
        Selection::Hyperslab(dims) => {
            let last = dims.iter().map(|d| {
                let blocks = d.count.unwrap_or(1).saturating_sub(1).saturating_mul(d.stride);
                d.start.saturating_add(blocks).saturating_add(d.block.unwrap_or(1).saturating_sub(1))
            });
            return Ok((dims.iter().map(|d| d.start).collect(), last.collect()));
        }
        // Both corners of a block are points.
        Selection::Points { coords, .. } => coords,
        Selection::Blocks { blocks, .. } => blocks,
    };
    let mut points = corners.chunks_exact(extent.len().max(1));
    let first = points.next().map_or_else(|| vec![0; extent.len()], <[u64]>::to_vec);
    let (mut low, mut high) = (first.clone(), first);
    for point in points {
        low.iter_mut().zip(point).for_each(|(l, p)| *l = (*l).min(*p));
        high.iter_mut().zip(point).for_each(|(h, p)| *h = (*h).max(*p));
    }
    Ok((low, high))
}

/// Calls `visit` with the coordinates of each selected element: points in their order, others in C order.
///
/// # Errors
/// The selection is unlimited, has another rank, or has too many overlapping blocks.
pub fn for_each_point(selection: &Selection, extent: &[u64], visit: impl FnMut(&[u64])) -> Result<()> {
    Elements::any_place(selection, extent)?.for_each_point(visit);
    Ok(())
}
