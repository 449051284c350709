//! Selections on extents: how many elements, which, and in what order.

mod boxes;

pub use boxes::{Boxes, Slab, SlabAxis};

use crate::error::{Error, ErrorKind, Result};
use crate::format::selection::{Selection, SlabDim};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

fn shape_error(message: impl Into<alloc::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Shape, message)
}

fn check_rank(selection: usize, extent: &[u64]) -> Result<()> {
    if selection == extent.len() {
        return Ok(());
    }
    Err(shape_error(format!("a selection of rank {selection} on an extent of rank {}", extent.len())))
}

/// What of an unlimited hyperslab fits an extent; limited ones stay as they are.
pub fn clip(selection: &Selection, extent: &[u64]) -> Result<Selection> {
    let Selection::Hyperslab(dims) = selection else { return Ok(selection.clone()) };
    check_rank(dims.len(), extent)?;
    let clipped = dims.iter().zip(extent).map(|(dim, &len)| {
        let room = len.saturating_sub(dim.start);
        match (dim.count, dim.block) {
            (Some(_), Some(_)) => *dim,
            // One block to the end.
            (_, None) => SlabDim { count: Some(u64::from(room > 0)), block: Some(room.max(1)), ..*dim },
            (None, Some(block)) => {
                // Blocks that fit whole, and the last one as far as it does: a partial block counts only when alone
                // blocks of one element are selected, as libhdf5 clips.
                let whole = room.saturating_sub(block).checked_div(dim.stride).map_or(0, |n| n.saturating_add(1));
                SlabDim { count: Some(if room < block { 0 } else { whole }), ..*dim }
            }
        }
    });
    Ok(Selection::Hyperslab(clipped.collect()))
}

/// The regular hyperslab that a list of blocks amounts to, if it is one.
pub fn regular(selection: &Selection) -> Option<Vec<SlabDim>> {
    let (rank, blocks) = match selection {
        Selection::Hyperslab(dims) => return Some(dims.clone()),
        Selection::Blocks { rank, blocks } => (*rank, blocks),
        _ => return None,
    };
    let each = || blocks.chunks_exact(rank.saturating_mul(2).max(1));
    let along = |d: usize| -> Option<SlabDim> {
        let mut runs: Vec<(u64, u64)> =
            each().filter_map(|b| Some((*b.get(d)?, *b.get(rank.checked_add(d)?)?))).collect();
        runs.sort_unstable();
        runs.dedup();
        let &(start, end) = runs.first()?;
        let block = end.checked_sub(start)?.checked_add(1)?;
        let stride = runs.get(1).map_or(Some(1), |second| second.0.checked_sub(start))?;
        let fits = |(i, &(a, b)): (u64, &(u64, u64))| {
            i.checked_mul(stride).and_then(|o| o.checked_add(start)) == Some(a)
                && b.checked_sub(a) == end.checked_sub(start)
        };
        let apart = runs.len() == 1 || stride >= block;
        (apart && (0u64..).zip(&runs).all(fits)).then_some(())?;
        Some(SlabDim { start, stride, count: Some(runs.len() as u64), block: Some(block) })
    };
    let dims: Vec<SlabDim> = (0..rank).map(along).collect::<Option<_>>()?;
    let grid = dims.iter().try_fold(1u64, |n, d| n.checked_mul(d.count?));
    let mut corners: Vec<&[u64]> = each().collect();
    corners.sort_unstable();
    corners.dedup();
    (grid == Some(corners.len() as u64)).then_some(dims)
}

/// True if the selection has an unlimited dimension.
pub fn is_unlimited(selection: &Selection) -> bool {
    match selection {
        Selection::Hyperslab(dims) => dims.iter().any(|d| d.count.is_none() || d.block.is_none()),
        _ => false,
    }
}

/// Number of selected elements; those listed twice count once for blocks and twice for points.
pub fn point_count(selection: &Selection, extent: &[u64]) -> Result<u64> {
    let too_many = || shape_error("more elements than 64 bits can count");
    match selection {
        Selection::None => Ok(0),
        Selection::All => extent.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).ok_or_else(too_many),
        Selection::Points { rank, coords } => Ok(coords.len().checked_div(*rank).unwrap_or(0) as u64),
        Selection::Hyperslab(dims) => {
            let each = |d: &SlabDim| d.count.zip(d.block).and_then(|(c, b)| c.checked_mul(b));
            dims.iter().try_fold(1u64, |n, d| n.checked_mul(each(d)?)).ok_or_else(too_many)
        }
        Selection::Blocks { .. } => {
            Ok(Boxes::new(selection, extent)?.iter().map(Slab::points).fold(0, u64::saturating_add))
        }
    }
}

/// First and last selected coordinate of each dimension.
pub fn bounds(selection: &Selection, extent: &[u64]) -> Result<(Vec<u64>, Vec<u64>)> {
    let rank = extent.len();
    match selection {
        Selection::All | Selection::None => Ok((vec![0; rank], extent.iter().map(|d| d.saturating_sub(1)).collect())),
        Selection::Points { rank, coords } => {
            check_rank(*rank, extent)?;
            let points = || coords.chunks_exact((*rank).max(1));
            let along = |d: usize| points().filter_map(move |p| p.get(d).copied());
            let low = (0..*rank).map(|d| along(d).min().unwrap_or(0)).collect();
            Ok((low, (0..*rank).map(|d| along(d).max().unwrap_or(0)).collect()))
        }
        Selection::Hyperslab(dims) => {
            check_rank(dims.len(), extent)?;
            let last = dims.iter().map(|d| {
                let blocks = d.count.unwrap_or(1).saturating_sub(1).saturating_mul(d.stride);
                d.start.saturating_add(blocks).saturating_add(d.block.unwrap_or(1).saturating_sub(1))
            });
            Ok((dims.iter().map(|d| d.start).collect(), last.collect()))
        }
        Selection::Blocks { rank, blocks } => {
            check_rank(*rank, extent)?;
            let mut low = vec![u64::MAX; *rank];
            let mut high = vec![0; *rank];
            for block in blocks.chunks_exact(rank.saturating_mul(2).max(1)) {
                let (first, last) = block.split_at_checked(*rank).unwrap_or((block, &[]));
                low.iter_mut().zip(first).for_each(|(l, f)| *l = (*l).min(*f));
                high.iter_mut().zip(last).for_each(|(h, l)| *h = (*h).max(*l));
            }
            Ok((low, high))
        }
    }
}

/// Calls `visit` with the coordinates of each selected element: points in their order, others in C order.
///
/// # Errors
/// The selection's rank is not the extent's, or it is unlimited.
pub fn for_each_point(selection: &Selection, extent: &[u64], mut visit: impl FnMut(&[u64])) -> Result<()> {
    if let Selection::Points { rank, coords } = selection {
        check_rank(*rank, extent)?;
        coords.chunks_exact((*rank).max(1)).for_each(visit);
        return Ok(());
    }
    let boxes = Boxes::new(selection, extent)?;
    if let [slab] = boxes.slabs() {
        slab.for_each_point(&mut visit);
        return Ok(());
    }
    let mut all = Vec::new();
    for slab in boxes.iter() {
        slab.for_each_point(&mut |p| all.push(p.to_vec()));
    }
    all.sort_unstable();
    all.iter().for_each(|p| visit(p));
    Ok(())
}

#[cfg(test)]
mod tests;
