//! Regular slabs.

use super::elements::Elements;
use crate::error::Result;
use crate::format::selection::{Selection, SlabDim};
use alloc::vec;
use alloc::vec::Vec;

/// A slab along one dimension: blocks apart from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlabAxis {
    /// First coordinate.
    pub start: u64,
    /// Distance of blocks, at least their length.
    pub stride: u64,
    /// Blocks.
    pub count: u64,
    /// Coordinates of a block.
    pub block: u64,
}

/// A regular slab, limited in every dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slab {
    /// Start, stride, count and block of each dimension.
    pub dims: Vec<SlabAxis>,
}

/// Disjoint slabs that make up a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boxes(Vec<Slab>);

impl SlabAxis {
    /// Coordinates one after the other.
    pub fn block(start: u64, len: u64) -> Self {
        SlabAxis { start, stride: len.max(1), count: 1, block: len }
    }

    /// One dimension of a hyperslab, blocks that touch joined; `None` if it is unlimited or blocks overlap.
    pub fn new(dim: &SlabDim) -> Option<Self> {
        let (count, block) = dim.count.zip(dim.block)?;
        let len = count.checked_mul(block)?;
        if count <= 1 || block == dim.stride {
            return Some(SlabAxis::block(dim.start, len));
        }
        (dim.stride > block).then_some(SlabAxis { start: dim.start, stride: dim.stride, count, block })
    }

    /// Number of coordinates.
    pub fn len(&self) -> u64 {
        self.count.saturating_mul(self.block)
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Coordinate number `i`.
    pub fn at(&self, i: u64) -> u64 {
        let block = i.checked_div(self.block).unwrap_or(0);
        let within = i.checked_rem(self.block).unwrap_or(0);
        self.start.saturating_add(block.saturating_mul(self.stride)).saturating_add(within)
    }

    /// Number of coordinates below `x`: the number of the first one from there on.
    pub fn below(&self, x: u64) -> u64 {
        let offset = x.saturating_sub(self.start);
        let block = offset.checked_div(self.stride).unwrap_or(0);
        if block >= self.count {
            return self.len();
        }
        let within = offset.checked_rem(self.stride).unwrap_or(0).min(self.block);
        block.saturating_mul(self.block).saturating_add(within)
    }

    /// Neighbouring coordinates from number `i` on, itself included.
    pub fn left_in_block(&self, i: u64) -> u64 {
        self.block.saturating_sub(i.checked_rem(self.block).unwrap_or(0))
    }
}

impl Slab {
    /// Number of elements.
    pub fn points(&self) -> u64 {
        self.dims.iter().fold(1, |n, d| n.saturating_mul(d.len()))
    }

    /// Calls `visit` with the first and last corner of each block.
    pub fn for_each_block(&self, visit: &mut dyn FnMut(&[u64], &[u64])) {
        if self.dims.iter().any(SlabAxis::is_empty) {
            return;
        }
        let mut numbers = vec![0u64; self.dims.len()];
        loop {
            let firsts = numbers.iter().zip(&self.dims);
            let first: Vec<u64> = firsts.map(|(&n, d)| d.start.saturating_add(n.saturating_mul(d.stride))).collect();
            let lasts = first.iter().zip(&self.dims);
            let last: Vec<u64> = lasts.map(|(&f, d)| f.saturating_add(d.block.saturating_sub(1))).collect();
            visit(&first, &last);
            let mut digits = numbers.iter_mut().zip(&self.dims).rev();
            let carried = digits.all(|(number, dim)| {
                *number = number.saturating_add(1);
                let over = *number >= dim.count;
                if over {
                    *number = 0;
                }
                over
            });
            if carried {
                return;
            }
        }
    }
}

impl Boxes {
    /// The slabs of a selection; not for points, whose order matters.
    ///
    /// # Errors
    /// The rank is not the extent's, or the selection is unlimited, of points, or of too many overlapping blocks.
    pub fn new(selection: &Selection, extent: &[u64]) -> Result<Self> {
        Elements::any_place(selection, extent)?.slabs().map(Boxes)
    }

    /// The slabs.
    pub fn slabs(&self) -> &[Slab] {
        &self.0
    }

    /// The slabs, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Slab> {
        self.0.iter()
    }
}
