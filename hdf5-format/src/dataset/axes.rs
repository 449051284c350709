//! Orthogonal selections: the coordinates selected along each dimension, and copying between boxes.

use crate::error::{Error, ErrorKind, Result};
use alloc::vec::Vec;

/// The coordinates selected along one dimension, ascending and without repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axis {
    /// `count` coordinates from `start`, `step` apart (`step` is at least 1).
    Steps {
        /// First coordinate.
        start: u64,
        /// Distance of neighbours.
        step: u64,
        /// Number of coordinates.
        count: u64,
    },
    /// Any ascending coordinates.
    List(Vec<u64>),
}

/// The coordinates of an [`Axis`] that fall into one interval of the dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxisPart {
    /// Position in the selection of the first of them.
    pub out: usize,
    /// Where they are, counted from the start of the interval.
    pub at: PartSteps,
}

/// Coordinates within an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartSteps {
    /// `count` coordinates from `first`, `step` apart.
    Regular {
        /// First coordinate, from the interval's start.
        first: usize,
        /// Distance of neighbours.
        step: usize,
        /// Number of coordinates.
        count: usize,
    },
    /// Any ascending coordinates, from the interval's start.
    List(Vec<usize>),
}

impl PartSteps {
    /// Number of coordinates.
    pub fn len(&self) -> usize {
        match self {
            PartSteps::Regular { count, .. } => *count,
            PartSteps::List(list) => list.len(),
        }
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Coordinate number `i`, from the interval's start.
    pub fn get(&self, i: usize) -> usize {
        match self {
            PartSteps::Regular { first, step, .. } => first.saturating_add(i.saturating_mul(*step)),
            PartSteps::List(list) => list.get(i).copied().unwrap_or(usize::MAX),
        }
    }

    /// The lowest and the highest coordinate.
    pub(crate) fn bounds(&self) -> Option<(usize, usize)> {
        let last = self.len().checked_sub(1)?;
        Some((self.get(0), self.get(last)))
    }

    /// The same coordinates, counted from another place.
    pub(crate) fn counted_from(&self, start: usize) -> Self {
        match self {
            &PartSteps::Regular { first, step, count } => {
                PartSteps::Regular { first: first.saturating_sub(start), step, count }
            }
            PartSteps::List(list) => PartSteps::List(list.iter().map(|at| at.saturating_sub(start)).collect()),
        }
    }

    /// First and number of coordinates, if they are neighbours.
    fn contiguous(&self) -> Option<(usize, usize)> {
        match *self {
            PartSteps::Regular { first, step, count } if step == 1 || count == 1 => Some((first, count)),
            _ => None,
        }
    }
}

impl Axis {
    /// The same coordinates in parts of at most `most`.
    pub(crate) fn parts(&self, most: u64) -> Vec<Axis> {
        let most = most.max(1);
        match self {
            Axis::Steps { start, step, count } => (0..count.div_ceil(most))
                .map(|n| {
                    let first = n.saturating_mul(most);
                    let start = start.saturating_add(first.saturating_mul(*step));
                    Axis::Steps { start, step: *step, count: count.saturating_sub(first).min(most) }
                })
                .collect(),
            Axis::List(list) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                list.chunks(most).map(|part| Axis::List(part.to_vec())).collect()
            }
        }
    }

    /// The same coordinates in parts of at most `most`, which begin at multiples of `align` where neighbours are selected.
    pub(crate) fn aligned_parts(&self, most: u64, align: Option<u64>) -> Vec<Axis> {
        match (self, align) {
            (&Axis::Steps { start, step: 1, count }, Some(align)) => {
                let past = start.checked_rem(align).unwrap_or(0);
                let first = if past == 0 { 0 } else { align.saturating_sub(past).min(count) };
                let head = Axis::Steps { start, step: 1, count: first };
                let rest =
                    Axis::Steps { start: start.saturating_add(first), step: 1, count: count.saturating_sub(first) };
                let head = if first == 0 { Vec::new() } else { head.parts(most) };
                head.into_iter().chain(rest.parts(most)).collect()
            }
            _ => self.parts(most),
        }
    }

    /// A whole dimension.
    pub fn all(len: u64) -> Self {
        Axis::Steps { start: 0, step: 1, count: len }
    }

    /// Blocks of `block` coordinates every `stride`, as a hyperslab has them.
    pub fn slab(start: u64, stride: u64, count: u64, block: u64) -> Result<Self> {
        let too_large = || Error::new(ErrorKind::Shape, "the selection is larger than 64 bits can count");
        if count <= 1 || block == 0 || stride == block {
            let count = count.checked_mul(block).ok_or_else(too_large)?;
            return Ok(Axis::Steps { start, step: 1, count });
        }
        if block == 1 {
            return Ok(Axis::Steps { start, step: stride.max(1), count });
        }
        let total = crate::codec::to_usize(count.checked_mul(block).ok_or_else(too_large)?)?;
        let mut list = Vec::new();
        list.try_reserve_exact(total).map_err(|_| too_large())?;
        for i in 0..count {
            let first = i.checked_mul(stride).and_then(|o| o.checked_add(start)).ok_or_else(too_large)?;
            list.extend(first..first.checked_add(block).ok_or_else(too_large)?);
        }
        Ok(Axis::List(list))
    }

    /// The same coordinates as steps, if they are neighbours.
    #[must_use]
    pub fn simplified(self) -> Self {
        match &self {
            Axis::List(list) => match (list.first(), list.last()) {
                (Some(&first), Some(&last)) if last.saturating_sub(first) == (list.len() as u64).saturating_sub(1) => {
                    Axis::Steps { start: first, step: 1, count: list.len() as u64 }
                }
                _ => self,
            },
            Axis::Steps { .. } => self,
        }
    }

    /// Number of selected coordinates.
    pub fn len(&self) -> u64 {
        match self {
            Axis::Steps { count, .. } => *count,
            Axis::List(list) => list.len() as u64,
        }
    }

    /// True if nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Coordinate number `i`.
    pub fn get(&self, i: u64) -> u64 {
        match self {
            Axis::Steps { start, step, .. } => start.saturating_add(i.saturating_mul(*step)),
            Axis::List(list) => usize::try_from(i).ok().and_then(|i| list.get(i)).copied().unwrap_or(u64::MAX),
        }
    }

    /// The first selected coordinate from `x` on.
    pub fn next_from(&self, x: u64) -> Option<u64> {
        match self {
            Axis::Steps { start, step, count } => {
                let number = x.saturating_sub(*start).div_ceil((*step).max(1));
                (number < *count).then(|| self.get(number))
            }
            Axis::List(list) => list.get(list.partition_point(|&at| at < x)).copied(),
        }
    }

    /// First and last selected coordinate.
    pub fn bounds(&self) -> Option<(u64, u64)> {
        match self {
            Axis::Steps { count: 0, .. } => None,
            Axis::Steps { start, step, count } => {
                Some((*start, start.saturating_add(step.saturating_mul(count.saturating_sub(1)))))
            }
            Axis::List(list) => Some((*list.first()?, *list.last()?)),
        }
    }

    /// Checks every coordinate against the dimension's length.
    pub fn check(&self, dim: usize, len: u64) -> Result<()> {
        self.bounds().map_or(Ok(()), |(_, last)| Axis::check_last(last, dim, len))
    }

    /// Checks the last coordinate against the dimension's length.
    pub fn check_last(last: u64, dim: usize, len: u64) -> Result<()> {
        if last < len {
            return Ok(());
        }
        let text = alloc::format!("index {last} is out of range for dimension {dim} with size {len}");
        Err(Error::new(ErrorKind::Shape, text))
    }

    /// The selected coordinates in `[low, high)`; `None` if there are none.
    pub fn within(&self, low: u64, high: u64) -> Option<AxisPart> {
        let index = |v: u64| usize::try_from(v).ok();
        match self {
            Axis::Steps { start, step, count } => {
                let skipped = low.saturating_sub(*start).div_ceil((*step).max(1));
                let end = high.saturating_sub(*start).div_ceil((*step).max(1)).min(*count);
                let n = end.checked_sub(skipped).filter(|&n| n > 0)?;
                let first = start.checked_add(skipped.checked_mul(*step)?)?.checked_sub(low)?;
                let at = PartSteps::Regular { first: index(first)?, step: index(*step)?, count: index(n)? };
                Some(AxisPart { out: index(skipped)?, at })
            }
            Axis::List(list) => {
                let from = list.partition_point(|&x| x < low);
                let to = list.partition_point(|&x| x < high);
                let part = list.get(from..to).filter(|p| !p.is_empty())?;
                let at = part.iter().map(|&x| usize::try_from(x.wrapping_sub(low)).unwrap_or(usize::MAX)).collect();
                Some(AxisPart { out: from, at: PartSteps::List(at) })
            }
        }
    }
}

/// Elements in a box, and the byte length, both checked against the machine's and a given bound.
pub fn box_bytes(counts: impl IntoIterator<Item = u64>, element: u64) -> Option<u64> {
    counts.into_iter().try_fold(element, |n, c| n.checked_mul(c))
}

/// Copies the selected elements of one box (a chunk, a stored array) to their places in the output.
///
/// `from` has the C-order shape `from_dims`, `to` the shape `to_dims`; `parts` holds for each dimension which
/// coordinates of `from` go where. The caller has checked that both slices hold their shapes; an index past
/// either end is skipped, never a panic.
pub fn copy_box(
    from: &[u8],
    from_dims: &[usize],
    to: &mut [u8],
    to_dims: &[usize],
    parts: &[AxisPart],
    element: usize,
) {
    let mut copy = Copy { from, to, levels: levels(from_dims, to_dims, parts, element), run: element };
    copy.merge_tail();
    copy.dim(0, 0, 0);
}

/// One dimension of a copy, outermost first.
struct Level<'a> {
    part: &'a AxisPart,
    from_stride: usize,
    to_stride: usize,
}

fn levels<'a>(from_dims: &[usize], to_dims: &[usize], parts: &'a [AxisPart], element: usize) -> Vec<Level<'a>> {
    let (mut from_stride, mut to_stride) = (element, element);
    let mut out: Vec<Level<'a>> = Vec::with_capacity(parts.len());
    for ((part, from), to) in parts.iter().zip(from_dims).zip(to_dims).rev() {
        out.push(Level { part, from_stride, to_stride });
        from_stride = from_stride.saturating_mul(*from);
        to_stride = to_stride.saturating_mul(*to);
    }
    out.reverse();
    out
}

struct Copy<'a, 'b> {
    from: &'a [u8],
    to: &'b mut [u8],
    levels: Vec<Level<'a>>,
    /// Bytes copied at once below the last level.
    run: usize,
}

impl Copy<'_, '_> {
    /// Drops inner dimensions that are copied as one run: whole in both boxes.
    fn merge_tail(&mut self) {
        while let [.., outer, inner] = self.levels.as_slice() {
            let whole = inner.from_stride == self.run
                && inner.to_stride == self.run
                && inner.part.out == 0
                && inner.part.at.contiguous().is_some_and(|(first, count)| {
                    let bytes = count.saturating_mul(self.run);
                    first == 0 && bytes == outer.from_stride && bytes == outer.to_stride
                });
            if !whole {
                return;
            }
            self.run = outer.to_stride;
            self.levels.pop();
        }
    }

    /// Copies everything below dimension `level` whose byte offsets are `from` and `to` so far.
    fn dim(&mut self, level: usize, from: usize, to: usize) {
        let last = level.saturating_add(1) >= self.levels.len();
        let Some(Level { part, from_stride, to_stride }) = self.levels.get(level) else {
            return self.run(from, to, self.run);
        };
        let (part, from_stride, to_stride) = (*part, *from_stride, *to_stride);
        let to = to.saturating_add(part.out.saturating_mul(to_stride));
        if last && to_stride == self.run {
            return self.innermost(part, from, from_stride, to);
        }
        let mut visit = |i: usize, coordinate: usize| {
            let from = from.saturating_add(coordinate.saturating_mul(from_stride));
            self.dim(level.saturating_add(1), from, to.saturating_add(i.saturating_mul(to_stride)));
        };
        match &part.at {
            PartSteps::Regular { first, step, count } => {
                (0..*count).for_each(|i| visit(i, first.saturating_add(i.saturating_mul(*step))));
            }
            PartSteps::List(list) => list.iter().enumerate().for_each(|(i, &c)| visit(i, c)),
        }
    }

    fn innermost(&mut self, part: &AxisPart, from: usize, from_stride: usize, to: usize) {
        if let (Some((first, count)), true) = (part.at.contiguous(), from_stride == self.run) {
            let from = from.saturating_add(first.saturating_mul(from_stride));
            return self.run(from, to, count.saturating_mul(self.run));
        }
        match &part.at {
            PartSteps::Regular { first, step, count } => {
                let from = from.saturating_add(first.saturating_mul(from_stride));
                self.strided(from, step.saturating_mul(from_stride), to, *count);
            }
            PartSteps::List(list) => {
                for (i, &c) in list.iter().enumerate() {
                    let to = to.saturating_add(i.saturating_mul(self.run));
                    self.run(from.saturating_add(c.saturating_mul(from_stride)), to, self.run);
                }
            }
        }
    }

    fn run(&mut self, from: usize, to: usize, len: usize) {
        let from = self.from.get(from..).and_then(|s| s.get(..len));
        let to = self.to.get_mut(to..).and_then(|s| s.get_mut(..len));
        if let (Some(from), Some(to)) = (from, to) {
            to.copy_from_slice(from);
        }
    }

    /// Gathers `count` elements that lie `step` bytes apart into neighbours.
    fn strided(&mut self, from: usize, step: usize, to: usize, count: usize) {
        let source = self.from.get(from..).unwrap_or(&[]);
        let target = self.to.get_mut(to..).unwrap_or(&mut []);
        match self.run {
            1 => gather::<1>(source, step, target, count),
            2 => gather::<2>(source, step, target, count),
            4 => gather::<4>(source, step, target, count),
            8 => gather::<8>(source, step, target, count),
            run => {
                let pairs = source.chunks(step.max(1)).zip(target.chunks_exact_mut(run.max(1))).take(count);
                for (from, to) in pairs {
                    if let Some(from) = from.get(..run) {
                        to.copy_from_slice(from);
                    }
                }
            }
        }
    }
}

fn gather<const N: usize>(source: &[u8], step: usize, target: &mut [u8], count: usize) {
    for (from, to) in source.chunks(step.max(1)).zip(target.chunks_exact_mut(N)).take(count) {
        if let Some(from) = from.first_chunk::<N>() {
            to.copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn picked(axis: &Axis, low: u64, high: u64) -> Vec<u64> {
        match axis.within(low, high).map(|p| p.at) {
            None => vec![],
            Some(PartSteps::List(l)) => l.iter().map(|&x| x as u64 + low).collect(),
            Some(PartSteps::Regular { first, step, count }) => {
                (0..count).map(|i| (first + i * step) as u64 + low).collect()
            }
        }
    }

    #[test]
    fn splits_an_axis_at_any_interval() {
        for axis in [
            Axis::slab(3, 4, 6, 1).unwrap(),
            Axis::slab(3, 4, 6, 2).unwrap(),
            Axis::slab(2, 5, 3, 5).unwrap(),
            Axis::List(vec![0, 7, 8, 29]),
        ] {
            let all = picked(&axis, 0, 100);
            assert_eq!(all.len() as u64, axis.len());
            for low in 0..40 {
                for high in low..40 {
                    let want: Vec<u64> = all.iter().copied().filter(|&x| x >= low && x < high).collect();
                    assert_eq!(picked(&axis, low, high), want);
                }
            }
        }
    }

    #[test]
    fn copies_any_box_like_the_naive_loop() {
        // A 5x6x4 source, selections of every kind along each dimension, element sizes with and without kernels.
        let from_dims = [5usize, 6, 4];
        let axes = |len: u64| {
            vec![
                Axis::all(len),
                Axis::Steps { start: 1, step: 2, count: len / 2 },
                Axis::List(vec![0, len - 1]),
                Axis::Steps { start: 1, step: 1, count: 2 },
            ]
        };
        for element in [1usize, 3, 8] {
            let from: Vec<u8> = (0..5 * 6 * 4 * element).map(|i| (i % 251) as u8).collect();
            for a in axes(5) {
                for b in axes(6) {
                    for c in axes(4) {
                        let chosen = [picked(&a, 0, 5), picked(&b, 0, 6), picked(&c, 0, 4)];
                        let to_dims = [a.len() as usize, b.len() as usize, c.len() as usize];
                        let mut want = vec![];
                        for &x in &chosen[0] {
                            for &y in &chosen[1] {
                                for &z in &chosen[2] {
                                    let at = ((x * 6 + y) * 4 + z) as usize * element;
                                    want.extend_from_slice(&from[at..at + element]);
                                }
                            }
                        }
                        let parts = [a.within(0, 5).unwrap(), b.within(0, 6).unwrap(), c.within(0, 4).unwrap()];
                        let mut got = vec![0; want.len()];
                        copy_box(&from, &from_dims, &mut got, &to_dims, &parts, element);
                        assert_eq!(got, want);
                    }
                }
            }
        }
    }
}
