//! Mappings between selections of different shapes, or irregular ones: element number by element number.

use super::axes::{Axis, PartSteps};
use super::read::Reader;
use crate::codec::to_usize;
use crate::dataspace::{Elements, pairs};
use crate::datatype::convert;
use crate::error::Result;
use crate::format::selection::Selection;
use alloc::vec;
use alloc::vec::Vec;

/// Bytes of a source that are read at once.
const BATCH_BYTES: u64 = 4 << 20;

/// Copies out of what was read at once.
const BATCH_COPIES: usize = 1 << 16;

/// Copies the elements of `from` in the source `inner` to those places of `to` in the dataset of `reader` that `axes`
/// asks for.
///
/// The work is proportional to what is asked for: neither selection is walked as a whole.
pub(super) fn read(
    reader: &Reader<'_>,
    inner: &Reader<'_>,
    (from, to): (&Selection, &Selection),
    axes: &[Axis],
    out: &mut [u8],
) -> Result<()> {
    let (source, target) = (&inner.dataset.dataspace.dims, &reader.dataset.dataspace.dims);
    let (from, to) = (Elements::new(from, source)?, Elements::new(to, target)?);
    let Some(bounds) = axes.iter().map(Axis::bounds).collect::<Option<Vec<_>>>() else { return Ok(()) };
    let low: Vec<u64> = bounds.iter().map(|b| b.0).collect();
    let high: Vec<u64> = bounds.iter().map(|b| b.1.saturating_add(1)).collect();
    let mut batch = Batch { reader, inner, low: Vec::new(), high: Vec::new(), copies: Vec::new(), out };
    let most = BATCH_BYTES.checked_div(inner.dataset.element_size().max(1) as u64).unwrap_or(1).max(1);
    for pair in pairs(&from, &to, &low, &high)? {
        let mut done = 0;
        while done < pair.len {
            let (from, to) = (pair.from.saturating_add(done), pair.to.saturating_add(done));
            let len = row_part(to, pair.len.saturating_sub(done).min(most), target);
            let len = box_part(from, len, source);
            for copy in copies(from, to, len, axes, target) {
                batch.add(copy, most)?;
            }
            done = done.saturating_add(len.max(1));
        }
    }
    batch.flush()
}

/// Elements that follow each other in the source and in the output.
struct Copy {
    /// Place of the first one in the source, in C order.
    from: u64,
    /// Place of the first one in the output.
    to: usize,
    len: u64,
}

/// Coordinates of a place in an extent.
fn point(mut place: u64, dims: &[u64]) -> Vec<u64> {
    let mut out = vec![0; dims.len()];
    for (x, &dim) in out.iter_mut().zip(dims).rev() {
        *x = place.checked_rem(dim).unwrap_or(0);
        place = place.checked_div(dim).unwrap_or(0);
    }
    out
}

/// How many of `len` elements from a place on are in its row.
fn row_part(place: u64, len: u64, dims: &[u64]) -> u64 {
    let row = dims.last().copied().unwrap_or(1);
    row.saturating_sub(place.checked_rem(row).unwrap_or(0)).min(len)
}

/// How many of `len` elements from a place on form a box: a part of a row, or as many whole rows, planes and so on as
/// the place is at the start of.
fn box_part(place: u64, len: u64, dims: &[u64]) -> u64 {
    let mut step = 1u64;
    let mut part = len.min(1);
    for (x, &dim) in point(place, dims).into_iter().zip(dims).rev() {
        let whole = dim.saturating_sub(x).min(len.checked_div(step).unwrap_or(0));
        if whole == 0 {
            break;
        }
        part = whole.saturating_mul(step);
        if x != 0 || whole < dim {
            break;
        }
        step = step.saturating_mul(dim);
    }
    part
}

/// The copies of a part of a row of the target, as far as the axes ask for it.
fn copies(from: u64, to: u64, len: u64, axes: &[Axis], target: &[u64]) -> Vec<Copy> {
    let place = point(to, target);
    let (Some((last, outer)), Some(&x)) = (axes.split_last(), place.last()) else {
        return vec![Copy { from, to: 0, len: len.min(1) }];
    };
    let row = outer.iter().zip(&place).try_fold(0usize, |row, (axis, &x)| {
        let part = axis.within(x, x.saturating_add(1))?;
        row.checked_mul(usize::try_from(axis.len()).ok()?)?.checked_add(part.out)
    });
    let row = row.and_then(|row| row.checked_mul(usize::try_from(last.len()).ok()?));
    let (Some(row), Some(part)) = (row, last.within(x, x.saturating_add(len))) else { return Vec::new() };
    let to = row.saturating_add(part.out);
    let one = |(i, at): (usize, usize)| Copy { from: from.saturating_add(at as u64), to: to.saturating_add(i), len: 1 };
    match part.at {
        PartSteps::Regular { first, step: 1, count } => {
            vec![Copy { from: from.saturating_add(first as u64), to, len: count as u64 }]
        }
        PartSteps::Regular { first, step, count } => {
            (0..count).map(|i| one((i, first.saturating_add(i.saturating_mul(step))))).collect()
        }
        PartSteps::List(list) => list.into_iter().enumerate().map(one).collect(),
    }
}

/// Copies whose source elements are read together.
struct Batch<'a> {
    reader: &'a Reader<'a>,
    inner: &'a Reader<'a>,
    /// The box of the source that holds all of them; none if there is no copy.
    low: Vec<u64>,
    high: Vec<u64>,
    copies: Vec<Copy>,
    out: &'a mut [u8],
}

impl Batch<'_> {
    /// Adds a copy whose elements form a box, and reads what is there before if the box of all would be too large.
    fn add(&mut self, copy: Copy, most: u64) -> Result<()> {
        let dims = &self.inner.dataset.dataspace.dims;
        let first = point(copy.from, dims);
        let last = point(copy.from.saturating_add(copy.len.saturating_sub(1)), dims);
        // Between two elements of a box in different rows, all coordinates of the rows belong to it.
        let (mut low, mut high, mut whole) = (Vec::new(), Vec::new(), false);
        for ((&a, &b), &dim) in first.iter().zip(&last).zip(dims) {
            low.push(if whole { 0 } else { a });
            high.push(if whole { dim } else { b.saturating_add(1) });
            whole |= a != b;
        }
        if !self.copies.is_empty() {
            let all_low: Vec<u64> = low.iter().zip(&self.low).map(|(a, b)| *a.min(b)).collect();
            let all_high: Vec<u64> = high.iter().zip(&self.high).map(|(a, b)| *a.max(b)).collect();
            let size = |(low, high): (&u64, &u64)| high.saturating_sub(*low);
            let elements = all_low.iter().zip(&all_high).map(size).fold(1, u64::saturating_mul);
            if elements > most || self.copies.len() >= BATCH_COPIES {
                self.flush()?;
            } else {
                (low, high) = (all_low, all_high);
            }
        }
        (self.low, self.high) = (low, high);
        self.copies.push(copy);
        Ok(())
    }

    /// Reads the box and makes the copies.
    fn flush(&mut self) -> Result<()> {
        if self.copies.is_empty() {
            return Ok(());
        }
        let size = |(low, high): (&u64, &u64)| high.saturating_sub(*low);
        let axis = |(&start, &end): (&u64, &u64)| Axis::Steps { start, step: 1, count: end.saturating_sub(start) };
        let axes: Vec<Axis> = self.low.iter().zip(&self.high).map(axis).collect();
        let raw = self.inner.read(&axes)?;
        let raw = convert::elements(
            &self.inner.dataset.datatype,
            &self.reader.dataset.datatype,
            convert::Conversion::Clamp,
            raw,
        )?;
        let element = self.reader.dataset.element_size();
        let lens: Vec<u64> = self.low.iter().zip(&self.high).map(size).collect();
        for copy in self.copies.drain(..) {
            let first = point(copy.from, &self.inner.dataset.dataspace.dims);
            let within = first.iter().zip(&self.low).zip(&lens);
            let from =
                within.fold(0u64, |n, ((x, low), len)| n.saturating_mul(*len).saturating_add(x.saturating_sub(*low)));
            let bytes = to_usize(copy.len)?.saturating_mul(element);
            let from = to_usize(from)?.saturating_mul(element);
            let to = copy.to.saturating_mul(element);
            let source = raw.get(from..).and_then(|r| r.get(..bytes));
            let target = self.out.get_mut(to..).and_then(|o| o.get_mut(..bytes));
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_cut_off_the_front_of_a_run() {
        let dims = [4, 5, 6];
        for place in 0..120 {
            for len in 1..=120 - place {
                let part = box_part(place, len, &dims);
                assert!(part >= 1 && part <= len, "{place} {len}: {part}");
                let points: Vec<Vec<u64>> = (place..place + part).map(|p| point(p, &dims)).collect();
                let extent = |d: usize| {
                    let along = || points.iter().map(move |p| p[d]);
                    along().max().unwrap() - along().min().unwrap() + 1
                };
                assert_eq!(extent(0) * extent(1) * extent(2), part, "{place} {len}");
            }
        }
        assert_eq!(box_part(30, 90, &dims), 90);
        assert_eq!(box_part(31, 89, &dims), 5);
        assert_eq!(box_part(36, 84, &dims), 24);
        assert_eq!(box_part(0, 1, &[]), 1);
    }

    #[test]
    fn copies_only_what_is_asked_for() {
        let dims = [4, 10];
        let axes = [Axis::List(vec![1, 3]), Axis::Steps { start: 1, step: 3, count: 3 }];
        let list = |from, to, len| -> Vec<(u64, usize)> {
            copies(from, to, len, &axes, &dims).iter().map(|c| (c.from, c.to)).collect()
        };
        assert_eq!(list(100, 10, 10), [(101, 0), (104, 1), (107, 2)]);
        assert_eq!(list(100, 33, 5), [(101, 4), (104, 5)]);
        assert_eq!(list(100, 20, 10), []);
        let whole = [Axis::all(4), Axis::all(10)];
        let copy = &copies(100, 23, 5, &whole, &dims)[0];
        assert_eq!((copy.from, copy.to, copy.len), (100, 23, 5));
    }
}
