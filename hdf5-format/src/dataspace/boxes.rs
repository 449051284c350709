//! A selection as disjoint regular slabs.

use super::{check_rank, shape_error};
use crate::error::Result;
use crate::format::selection::{Selection, SlabDim};
use alloc::vec;
use alloc::vec::Vec;

/// Most blocks of an irregular selection that are made disjoint.
const MOST_BLOCKS: usize = 1 << 16;

/// Disjoint slabs that make up a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boxes(Vec<Slab>);

/// A regular slab, limited in every dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slab {
    /// Start, stride, count and block of each dimension.
    pub dims: Vec<SlabAxis>,
}

/// A slab along one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlabAxis {
    /// First coordinate.
    pub start: u64,
    /// Distance of blocks.
    pub stride: u64,
    /// Blocks.
    pub count: u64,
    /// Coordinates of a block.
    pub block: u64,
}

impl SlabAxis {
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
}

impl Slab {
    /// Number of elements.
    pub fn points(&self) -> u64 {
        self.dims.iter().fold(1, |n, d| n.saturating_mul(d.len()))
    }

    /// Calls `visit` with the first and last corner of each block.
    pub fn for_each_block(&self, visit: &mut dyn FnMut(&[u64], &[u64])) {
        let corners = self.dims.iter().map(|d| SlabAxis { block: u64::from(d.block > 0), ..*d });
        let corners = Slab { dims: corners.collect() };
        corners.for_each_point(&mut |first| {
            let last = first.iter().zip(&self.dims).map(|(&f, d)| f.saturating_add(d.block.saturating_sub(1)));
            visit(first, &last.collect::<Vec<_>>());
        });
    }

    /// Calls `visit` with the coordinates of each element, in C order.
    pub fn for_each_point(&self, visit: &mut dyn FnMut(&[u64])) {
        if self.dims.iter().any(SlabAxis::is_empty) {
            return;
        }
        let mut numbers = vec![0u64; self.dims.len()];
        let mut point: Vec<u64> = self.dims.iter().map(|d| d.start).collect();
        loop {
            visit(&point);
            let mut carried = true;
            for ((number, coordinate), dim) in numbers.iter_mut().zip(&mut point).zip(&self.dims).rev() {
                *number = number.saturating_add(1);
                carried = *number >= dim.len();
                if carried {
                    *number = 0;
                }
                *coordinate = dim.at(*number);
                if !carried {
                    break;
                }
            }
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
    /// The rank is not the extent's, or the selection is unlimited or of points.
    pub fn new(selection: &Selection, extent: &[u64]) -> Result<Self> {
        match selection {
            Selection::None => Ok(Boxes(Vec::new())),
            Selection::All => {
                let dims = extent.iter().map(|&len| SlabAxis { start: 0, stride: 1, count: 1, block: len });
                Ok(Boxes(vec![Slab { dims: dims.collect() }]))
            }
            Selection::Hyperslab(dims) => {
                check_rank(dims.len(), extent)?;
                let axis = |d: &SlabDim| {
                    let (count, block) = d.count.zip(d.block)?;
                    Some(SlabAxis { start: d.start, stride: d.stride, count, block })
                };
                let dims: Option<Vec<_>> = dims.iter().map(axis).collect();
                let dims = dims.ok_or_else(|| shape_error("an unlimited selection where a limited one is needed"))?;
                Ok(Boxes(vec![Slab { dims }]))
            }
            Selection::Blocks { rank, blocks } => {
                check_rank(*rank, extent)?;
                Boxes::disjoint(*rank, blocks)
            }
            Selection::Points { .. } => Err(shape_error("a list of points where blocks are needed")),
        }
    }

    /// The slabs.
    pub fn slabs(&self) -> &[Slab] {
        &self.0
    }

    /// The slabs, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Slab> {
        self.0.iter()
    }

    /// Blocks as slabs; what an earlier block covers is cut from later ones.
    fn disjoint(rank: usize, blocks: &[u64]) -> Result<Self> {
        let mut out: Vec<Vec<(u64, u64)>> = Vec::new();
        for block in blocks.chunks_exact(rank.saturating_mul(2).max(1)) {
            let (first, last) = block.split_at_checked(rank).unwrap_or((block, &[]));
            let whole: Vec<(u64, u64)> = first.iter().zip(last).map(|(&a, &b)| (a, b)).collect();
            let mut pieces = vec![whole];
            for earlier in &out {
                if pieces.iter().any(|p| overlap(p, earlier)) {
                    pieces = pieces.iter().flat_map(|p| subtract(p, earlier)).collect();
                }
            }
            out.extend(pieces);
            if out.len() > MOST_BLOCKS {
                return Err(shape_error("a selection of too many overlapping blocks"));
            }
        }
        let axis = |&(a, b): &(u64, u64)| SlabAxis {
            start: a,
            stride: 1,
            count: 1,
            block: b.saturating_sub(a).saturating_add(1),
        };
        Ok(Boxes(out.iter().map(|b| Slab { dims: b.iter().map(axis).collect() }).collect()))
    }
}

fn overlap(a: &[(u64, u64)], b: &[(u64, u64)]) -> bool {
    a.iter().zip(b).all(|(x, y)| x.0 <= y.1 && y.0 <= x.1)
}

/// What is left of box `a` without box `b`: at most two boxes a dimension.
fn subtract(a: &[(u64, u64)], b: &[(u64, u64)]) -> Vec<Vec<(u64, u64)>> {
    if !overlap(a, b) {
        return vec![a.to_vec()];
    }
    let (mut rest, mut out) = (a.to_vec(), Vec::new());
    for (d, &(low, high)) in b.iter().enumerate() {
        let Some(&(first, last)) = rest.get(d) else { continue };
        let mut cut = |part: (u64, u64)| {
            let mut piece = rest.clone();
            if let Some(slot) = piece.get_mut(d) {
                *slot = part;
            }
            out.push(piece);
        };
        if first < low {
            cut((first, low.saturating_sub(1)));
        }
        if last > high {
            cut((high.saturating_add(1), last));
        }
        if let Some(slot) = rest.get_mut(d) {
            *slot = (first.max(low), last.min(high));
        }
    }
    out
}
