//! A set of elements as a tree: a level for each dimension, slowest first.

use super::slab::{Slab, SlabAxis};
use super::{shape_error, too_many};
use crate::error::{Error, Result};
use alloc::vec;
use alloc::vec::Vec;

/// Steps that making blocks disjoint may take, besides some for each block.
const STEPS: u64 = 1 << 19;

/// Steps for each block.
const STEPS_EACH: u64 = 64;

/// Coordinates of one dimension, each with the same elements of the dimensions below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) axis: SlabAxis,
    /// Node of the next dimension; `None` at the last one.
    pub(super) child: Option<usize>,
    /// Elements of each coordinate.
    pub(super) each: u64,
    /// Elements of the node before this piece.
    pub(super) before: u64,
}

/// Pieces in ascending order, apart from each other, none of them empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) pieces: Vec<Piece>,
    /// Elements of all pieces.
    pub(super) len: u64,
}

/// A place in a node.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) piece: Piece,
    /// Number of the coordinate in the piece.
    pub(super) index: u64,
    pub(super) coordinate: u64,
    /// Number in the node of the coordinate's first element.
    pub(super) first: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// A node stands after its children; the last one is the root.
    pub(super) nodes: Vec<Node>,
}

impl Piece {
    fn len(&self) -> Option<u64> {
        self.axis.len().checked_mul(self.each)
    }

    fn place(self, index: u64) -> Place {
        let first = self.before.saturating_add(index.saturating_mul(self.each));
        Place { piece: self, index, coordinate: self.axis.at(index), first }
    }
}

impl Node {
    fn push(&mut self, axis: SlabAxis, child: Option<usize>, each: u64) -> Result<()> {
        let piece = Piece { axis, child, each, before: self.len };
        self.len = piece.len().and_then(|n| n.checked_add(self.len)).ok_or_else(too_many)?;
        self.pieces.push(piece);
        Ok(())
    }

    /// The coordinate of element `n`.
    pub(super) fn find(&self, n: u64) -> Option<Place> {
        let after = self.pieces.partition_point(|p| p.before <= n);
        let piece = *self.pieces.get(after.checked_sub(1)?)?;
        let index = n.checked_sub(piece.before)?.checked_div(piece.each)?;
        (index < piece.axis.len()).then(|| piece.place(index))
    }

    /// The first coordinate from `x` on in a piece that is `wanted`.
    pub(super) fn find_from(&self, x: u64, wanted: impl Fn(&Piece) -> bool) -> Option<Place> {
        let reaches = |p: &Piece| p.axis.below(x) < p.axis.len();
        let from = self.pieces.partition_point(|p| !reaches(p));
        let piece = self.pieces.get(from..)?.iter().find(|p| wanted(p))?;
        Some(piece.place(piece.axis.below(x)))
    }
}

impl Tree {
    /// One slab.
    pub(super) fn regular(axes: &[SlabAxis]) -> Result<Self> {
        let mut nodes: Vec<Node> = Vec::with_capacity(axes.len());
        if axes.iter().any(SlabAxis::is_empty) {
            return Ok(Tree::default());
        }
        for axis in axes.iter().rev() {
            let child = nodes.len().checked_sub(1);
            let each = nodes.last().map_or(1, |n| n.len);
            let mut node = Node::default();
            node.push(*axis, child, each)?;
            nodes.push(node);
        }
        Ok(Tree { nodes })
    }

    /// Blocks, given by their first and last corners, each element once.
    pub(super) fn blocks(rank: usize, corners: &[u64]) -> Result<Self> {
        let blocks: Vec<&[u64]> = corners.chunks_exact(rank.saturating_mul(2).max(1)).collect();
        let steps = (blocks.len() as u64).saturating_mul(STEPS_EACH).saturating_add(STEPS);
        let mut builder = Builder { rank, nodes: Vec::new(), left: steps, steps };
        if !blocks.is_empty() {
            builder.node(0, &blocks)?;
        }
        Ok(Tree { nodes: builder.nodes })
    }

    /// The node of the slowest dimension; `None` if there is no element.
    pub(super) fn root(&self) -> Option<&Node> {
        self.nodes.last()
    }

    pub(super) fn node(&self, at: Option<usize>) -> Option<&Node> {
        self.nodes.get(at?)
    }

    /// Number of elements.
    pub(super) fn len(&self) -> u64 {
        self.root().map_or(0, |n| n.len)
    }

    /// The tree as slabs: one for each way from the root to the last dimension.
    pub(super) fn slabs(&self) -> Vec<Slab> {
        let mut out = Vec::new();
        let Some(root) = self.nodes.len().checked_sub(1) else { return out };
        let mut ways: Vec<(usize, Vec<SlabAxis>)> = vec![(root, Vec::new())];
        while let Some((node, way)) = ways.pop() {
            for piece in self.node(Some(node)).map_or(&[][..], |n| &n.pieces).iter().rev() {
                let mut way = way.clone();
                way.push(piece.axis);
                match piece.child {
                    Some(child) => ways.push((child, way)),
                    None => out.push(Slab { dims: way }),
                }
            }
        }
        out
    }
}

struct Builder {
    rank: usize,
    nodes: Vec<Node>,
    /// Steps that may still be taken.
    left: u64,
    steps: u64,
}

impl Builder {
    /// Adds the node of dimension `d` for blocks that all hold the coordinates of the dimensions above. The recursion
    /// is as deep as the rank.
    fn node(&mut self, d: usize, blocks: &[&[u64]]) -> Result<()> {
        let ends = |b: &&[u64]| {
            let (first, last) = (b.get(d)?, b.get(d.checked_add(self.rank)?)?);
            Some((*first, last.checked_add(1)?))
        };
        let ends: Option<Vec<(u64, u64)>> = blocks.iter().map(ends).collect();
        let ends = ends.ok_or_else(|| shape_error("a block without an end"))?;
        let mut cuts: Vec<u64> = ends.iter().flat_map(|&(a, b)| [a, b]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut order: Vec<usize> = (0..blocks.len()).collect();
        order.sort_by_key(|&i| ends.get(i));
        let mut coming = order.into_iter().peekable();
        let mut here: Vec<usize> = Vec::new();
        let mut node = Node::default();
        for cut in cuts.windows(2) {
            let &[from, to] = cut else { continue };
            let end = |i: usize| ends.get(i).map_or((0, 0), |&e| e);
            here.retain(|&i| end(i).1 > from);
            while let Some(i) = coming.next_if(|&i| end(i).0 <= from) {
                here.push(i);
            }
            self.take((here.len() as u64).saturating_add(1))?;
            if !here.is_empty() {
                let inside: Vec<&[u64]> = here.iter().filter_map(|&i| blocks.get(i).copied()).collect();
                self.piece(d, &mut node, (from, to), &inside)?;
            }
        }
        self.nodes.push(node);
        Ok(())
    }

    /// Adds a piece to a node, or makes the last one longer if it has the same elements below.
    fn piece(&mut self, d: usize, node: &mut Node, (from, to): (u64, u64), blocks: &[&[u64]]) -> Result<()> {
        let start = self.nodes.len();
        let below = d.saturating_add(1);
        let child = if below < self.rank {
            self.node(below, blocks)?;
            self.nodes.len().checked_sub(1)
        } else {
            None
        };
        let each = self.nodes.get(child.unwrap_or(usize::MAX)).map_or(1, |n| n.len);
        let len = to.saturating_sub(from);
        let last = node.pieces.last_mut().filter(|p| p.axis.start.saturating_add(p.axis.block) == from);
        match last {
            Some(last) if same(&self.nodes, last.child, child) => {
                self.nodes.truncate(start);
                last.axis = SlabAxis::block(last.axis.start, last.axis.block.saturating_add(len));
                let more = len.checked_mul(each).and_then(|n| n.checked_add(node.len));
                node.len = more.ok_or_else(too_many)?;
                Ok(())
            }
            _ => node.push(SlabAxis::block(from, len), child, each),
        }
    }

    fn take(&mut self, steps: u64) -> Result<()> {
        self.left = self.left.checked_sub(steps).ok_or_else(|| {
            Error::limit("steps to make blocks disjoint", self.steps, self.steps.saturating_add(1))
                .with_hint("the blocks of the selection overlap much")
        })?;
        Ok(())
    }
}

/// True if two nodes have the same elements. The recursion is as deep as the rank.
fn same(nodes: &[Node], a: Option<usize>, b: Option<usize>) -> bool {
    let (a, b) = match (a.and_then(|a| nodes.get(a)), b.and_then(|b| nodes.get(b))) {
        (Some(a), Some(b)) => (a, b),
        (None, None) => return true,
        _ => return false,
    };
    let same_piece = |(a, b): (&Piece, &Piece)| a.axis == b.axis && a.each == b.each && same(nodes, a.child, b.child);
    a.pieces.len() == b.pieces.len() && a.pieces.iter().zip(&b.pieces).all(same_piece)
}
