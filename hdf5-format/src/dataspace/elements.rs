//! The elements of a selection in their order, found by number and by place.

use super::slab::{Slab, SlabAxis};
use super::tree::{Node, Tree};
use super::{check_rank, shape_error, too_many};
use crate::error::Result;
use crate::format::selection::Selection;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

/// The elements of a selection on an extent, in the selection's order: points as they are listed, all others in C
/// order. Nothing is stored for an element; regular selections take a few words, others a few for each block.
#[derive(Clone, Debug)]
pub struct Elements {
    extent: Vec<u64>,
    /// Elements from one coordinate of a dimension to the next.
    steps: Vec<u64>,
    len: u64,
    order: Order,
}

#[derive(Clone, Debug)]
enum Order {
    Tree(Tree),
    /// Coordinates, point after point.
    Points(Vec<u64>),
    /// The only element of a scalar extent.
    One,
}

/// Elements that follow each other in the selection and in the extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Number in the selection of the first one.
    pub number: u64,
    /// Its place in the extent, in C order.
    pub start: u64,
    /// How many.
    pub len: u64,
}

/// Elements of two selections that stand for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Place of the first one in the extent of the first selection.
    pub from: u64,
    /// Place of the first one in the extent of the second selection.
    pub to: u64,
    /// How many, one after the other in both.
    pub len: u64,
}

impl Elements {
    /// The elements of a selection, which must lie within the extent.
    ///
    /// # Errors
    /// The selection is unlimited, has another rank, leaves the extent, or has too many overlapping blocks.
    pub fn new(selection: &Selection, extent: &[u64]) -> Result<Self> {
        let (low, high) = super::bounds(selection, extent)?;
        let elements = Elements::any_place(selection, extent)?;
        let outside = || high.iter().zip(extent).any(|(h, d)| h >= d);
        if elements.len > 0 && outside() {
            return Err(shape_error(format!("a selection from {low:?} to {high:?} on an extent of {extent:?}")));
        }
        extent.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).ok_or_else(too_many)?;
        Ok(elements)
    }

    /// The elements of a selection that may leave the extent: places in the extent mean nothing then.
    pub(super) fn any_place(selection: &Selection, extent: &[u64]) -> Result<Self> {
        if let Some(rank) = selection.rank() {
            check_rank(rank, extent)?;
        }
        let order = match selection {
            Selection::None => Order::Tree(Tree::default()),
            Selection::All if extent.is_empty() => Order::One,
            Selection::All => {
                let axes: Vec<SlabAxis> = extent.iter().map(|&len| SlabAxis::block(0, len)).collect();
                Order::Tree(Tree::regular(&axes)?)
            }
            Selection::Hyperslab(dims) => {
                let axes = dims.iter().map(SlabAxis::new).collect::<Option<Vec<_>>>();
                let axes = axes.ok_or_else(|| shape_error("an unlimited or overlapping hyperslab"))?;
                Order::Tree(Tree::regular(&axes)?)
            }
            Selection::Blocks { rank, blocks } => Order::Tree(Tree::blocks(*rank, blocks)?),
            Selection::Points { coords, .. } => Order::Points(coords.clone()),
        };
        let len = match &order {
            Order::Tree(tree) => tree.len(),
            Order::Points(coords) => coords.len().checked_div(extent.len()).unwrap_or(0) as u64,
            Order::One => 1,
        };
        let mut steps: Vec<u64> = Vec::with_capacity(extent.len());
        let mut step = 1u64;
        for dim in extent.iter().rev() {
            steps.push(step);
            step = step.saturating_mul(*dim);
        }
        steps.reverse();
        Ok(Elements { extent: extent.to_vec(), steps, len, order })
    }

    /// Number of elements.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Disjoint slabs with the same elements.
    ///
    /// # Errors
    /// The selection is of points, whose order matters.
    pub(super) fn slabs(&self) -> Result<Vec<Slab>> {
        match &self.order {
            Order::Tree(tree) => Ok(tree.slabs()),
            Order::One => Ok(vec![Slab { dims: Vec::new() }]),
            Order::Points(_) => Err(shape_error("a list of points where blocks are needed")),
        }
    }

    /// The elements of these numbers, as long runs as there are.
    pub fn runs(&self, numbers: Range<u64>) -> impl Iterator<Item = Run> + use<'_> {
        let Range { mut start, end } = numbers;
        core::iter::from_fn(move || {
            let most = end.checked_sub(start).filter(|&n| n > 0)?;
            let mut run = self.run_from(start, most)?;
            run.len = run.len.min(most);
            start = start.saturating_add(run.len);
            Some(run)
        })
    }

    /// The run from element `number` on; that of points has at most `most` elements.
    fn run_from(&self, number: u64, most: u64) -> Option<Run> {
        match &self.order {
            Order::Tree(tree) => self.run_in_tree(tree, number),
            Order::Points(_) => self.run_of_points(number, most),
            Order::One => (number == 0).then_some(Run { number, start: 0, len: 1 }),
        }
    }

    fn run_in_tree(&self, tree: &Tree, number: u64) -> Option<Run> {
        let (mut node, mut rest, mut start) = (tree.root(), number, 0u64);
        for &step in &self.steps {
            let place = node?.find(rest)?;
            let (axis, each) = (place.piece.axis, place.piece.each);
            start = start.saturating_add(place.coordinate.saturating_mul(step));
            rest = rest.saturating_sub(place.first);
            // All elements below: what follows in the selection follows in the extent, up to the end of the block.
            if each == step {
                let len = axis.left_in_block(place.index).saturating_mul(each).saturating_sub(rest);
                return Some(Run { number, start: start.saturating_add(rest), len });
            }
            node = tree.node(place.piece.child);
        }
        None
    }

    fn run_of_points(&self, number: u64, most: u64) -> Option<Run> {
        let start = self.place(self.listed(number)?);
        let follows = |n: &u64| {
            let next = number.checked_add(*n).and_then(|n| self.listed(n));
            next.map(|p| self.place(p)) == start.checked_add(*n)
        };
        let len = (1..most).find(|n| !follows(n)).unwrap_or(most);
        Some(Run { number, start, len })
    }

    /// Coordinates of a listed point.
    fn listed(&self, number: u64) -> Option<&[u64]> {
        let Order::Points(coords) = &self.order else { return None };
        let rank = self.extent.len();
        let from = usize::try_from(number).ok()?.checked_mul(rank)?;
        coords.get(from..from.checked_add(rank)?)
    }

    fn place(&self, point: &[u64]) -> u64 {
        point.iter().zip(&self.steps).fold(0, |n, (x, step)| n.saturating_add(x.saturating_mul(*step)))
    }

    /// Calls `visit` with the coordinates of each element.
    pub fn for_each_point(&self, mut visit: impl FnMut(&[u64])) {
        let tree = match &self.order {
            Order::Tree(tree) => tree,
            Order::One => return visit(&[]),
            Order::Points(coords) => return coords.chunks_exact(self.extent.len().max(1)).for_each(visit),
        };
        let mut point = vec![0u64; self.extent.len()];
        let mut number = 0;
        while number < self.len {
            let (mut node, mut rest, mut row) = (tree.root(), number, 0);
            for x in &mut point {
                let Some(place) = node.and_then(|n| n.find(rest)) else { return };
                *x = place.coordinate;
                rest = rest.saturating_sub(place.first);
                row = place.piece.axis.left_in_block(place.index);
                node = tree.node(place.piece.child);
            }
            // Along the last dimension, the coordinates of a block follow each other.
            for _ in 0..row {
                visit(&point);
                if let Some(x) = point.last_mut() {
                    *x = x.saturating_add(1);
                }
            }
            number = number.saturating_add(row.max(1));
        }
    }

    /// The elements among `len` neighbours in a row from a point on: how far from the point, number, and how many. Not
    /// for points, which are in no order.
    pub(crate) fn in_row(&self, point: &[u64], len: u64, visit: &mut dyn FnMut(u64, u64, u64)) {
        let tree = match (&self.order, point.split_last()) {
            (Order::Tree(tree), Some((&last, outer))) => Some((tree, last, outer)),
            (Order::One, _) => return visit(0, 0, 1),
            _ => None,
        };
        let Some((tree, last, outer)) = tree else { return };
        let (mut node, mut number) = (tree.root(), 0u64);
        for &x in outer {
            let place = node.and_then(|n| n.find_from(x, |_| true)).filter(|p| p.coordinate == x);
            let Some(place) = place else { return };
            number = number.saturating_add(place.first);
            node = tree.node(place.piece.child);
        }
        let (mut x, end) = (last, last.saturating_add(len));
        while let Some(place) = node.and_then(|n| n.find_from(x, |_| true)).filter(|p| p.coordinate < end) {
            let left = place.piece.axis.left_in_block(place.index);
            let run = left.min(end.saturating_sub(place.coordinate)).max(1);
            visit(place.coordinate.saturating_sub(last), number.saturating_add(place.first), run);
            x = place.coordinate.saturating_add(run);
        }
    }

    /// The places of listed points with their numbers, by place; `None` for other selections.
    pub(crate) fn listed_places(&self) -> Option<Vec<(u64, u64)>> {
        let Order::Points(coords) = &self.order else { return None };
        let points = coords.chunks_exact(self.extent.len().max(1)).map(|p| self.place(p));
        let mut places: Vec<(u64, u64)> = points.zip(0..).collect();
        places.sort_unstable();
        Some(places)
    }

    /// The numbers of the elements whose coordinates are from `low` to before `high`, in ascending order.
    ///
    /// The work is proportional to the ranges found (for points: to the points), not to the elements left out.
    pub fn within(&self, low: &[u64], high: &[u64]) -> Within<'_> {
        let nodes = match &self.order {
            Order::Tree(tree) => mark(tree, low, high),
            _ => Vec::new(),
        };
        Within { elements: self, low: low.to_vec(), high: high.to_vec(), nodes, next: 0 }
    }
}

/// Elements of `from` and of `to` with the same number, those of `to` within a box: coordinates from `low` to before
/// `high`.
///
/// # Errors
/// There are not as many of both.
pub fn pairs<'a>(
    from: &'a Elements,
    to: &'a Elements,
    low: &[u64],
    high: &[u64],
) -> Result<impl Iterator<Item = Pair> + use<'a>> {
    if from.len != to.len {
        return Err(shape_error(format!("{} elements stand for {}", from.len, to.len)));
    }
    let targets = to.within(low, high).flat_map(|numbers| to.runs(numbers));
    Ok(targets.flat_map(|target| {
        let end = target.number.saturating_add(target.len);
        from.runs(target.number..end).map(move |source| {
            let to = target.start.saturating_add(source.number.saturating_sub(target.number));
            Pair { from: source.start, to, len: source.len }
        })
    }))
}

/// How much of a node a box holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    None,
    Some,
    All,
}

/// What a box holds of each node of a tree.
fn mark(tree: &Tree, low: &[u64], high: &[u64]) -> Vec<Held> {
    let mut marks: Vec<(Held, usize)> = Vec::with_capacity(tree.nodes.len());
    let rank = low.len();
    for node in &tree.nodes {
        // Children stand before their parents, and all are of one dimension.
        let child = node.pieces.first().and_then(|p| p.child);
        let below = child.and_then(|c| marks.get(c)).map_or(0, |&(_, depth)| depth.saturating_add(1));
        let dim = rank.saturating_sub(1).saturating_sub(below);
        let (low, high) = (low.get(dim).copied().unwrap_or(0), high.get(dim).copied().unwrap_or(0));
        let (mut some, mut all) = (false, true);
        for piece in &node.pieces {
            let held = piece.child.map_or(Held::All, |c| marks.get(c).map_or(Held::None, |m| m.0));
            let (first, end) = (piece.axis.below(low), piece.axis.below(high));
            some |= held != Held::None && first < end;
            all &= held == Held::All && first == 0 && end == piece.axis.len();
        }
        let held = match (some, all) {
            (false, _) => Held::None,
            (true, true) => Held::All,
            (true, false) => Held::Some,
        };
        marks.push((held, below));
    }
    marks.into_iter().map(|(held, _)| held).collect()
}

/// Numbers of the elements of a selection that lie in a box.
pub struct Within<'a> {
    elements: &'a Elements,
    low: Vec<u64>,
    high: Vec<u64>,
    /// What the box holds of each node.
    nodes: Vec<Held>,
    next: u64,
}

/// Where a search in a tree goes on.
enum Step {
    Found(Range<u64>),
    From(u64),
    End,
}

impl Iterator for Within<'_> {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        let found = match &self.elements.order {
            Order::Tree(tree) => self.in_tree(tree),
            Order::Points(_) => self.in_points(),
            Order::One => (self.next == 0).then_some(0..1),
        };
        self.next = found.as_ref().map_or(self.elements.len, |f| f.end);
        found
    }
}

impl Within<'_> {
    fn in_points(&self) -> Option<Range<u64>> {
        let inside = |n: &u64| {
            let point = self.elements.listed(*n).unwrap_or(&[]);
            point.iter().zip(&self.low).zip(&self.high).all(|((x, low), high)| x >= low && x < high)
        };
        let all = self.next..self.elements.len;
        let first = all.clone().find(inside)?;
        let end = (first..all.end).find(|n| !inside(n)).unwrap_or(all.end);
        Some(first..end)
    }

    fn in_tree(&self, tree: &Tree) -> Option<Range<u64>> {
        if self.nodes.last().is_none_or(|&root| root == Held::None) {
            return None;
        }
        let mut from = self.next;
        while from < self.elements.len {
            match self.step(tree, from) {
                Step::Found(numbers) => return Some(numbers),
                Step::From(next) if next > from => from = next,
                _ => return None,
            }
        }
        None
    }

    /// Looks at element `number`: the range that it begins if it lies in the box, else the next one to look at.
    fn step(&self, tree: &Tree, number: u64) -> Step {
        let (mut node, mut base, mut after) = (tree.root(), 0u64, None);
        for (&low, &high) in self.low.iter().zip(&self.high) {
            let Some((here, place)) = node.and_then(|n| Some((n, n.find(number.checked_sub(base)?)?))) else {
                return Step::End;
            };
            let held =
                |child: Option<usize>| child.map_or(Held::All, |c| self.nodes.get(c).copied().unwrap_or(Held::None));
            if place.coordinate < low || held(place.piece.child) == Held::None {
                return forward(here, base, place.coordinate.max(low), high, after, |c| held(c) != Held::None);
            }
            if place.coordinate >= high {
                return after.map_or(Step::End, Step::From);
            }
            let piece = place.piece;
            if held(piece.child) == Held::All {
                let end = base.saturating_add(piece.before);
                return Step::Found(number..end.saturating_add(piece.axis.below(high).saturating_mul(piece.each)));
            }
            let first = base.saturating_add(place.first);
            after = Some(first.saturating_add(piece.each));
            base = first;
            node = tree.node(piece.child);
        }
        Step::End
    }
}

/// On to the first coordinate from `x` to before `high` that has something in the box, else past the node.
fn forward(
    node: &Node,
    base: u64,
    x: u64,
    high: u64,
    after: Option<u64>,
    wanted: impl Fn(Option<usize>) -> bool,
) -> Step {
    match node.find_from(x, |p| wanted(p.child)).filter(|p| p.coordinate < high) {
        Some(place) => Step::From(base.saturating_add(place.first)),
        None => after.map_or(Step::End, Step::From),
    }
}
