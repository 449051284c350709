//! Selections that are no product of coordinates: single elements and runs of them, by their place in C order.

use super::axes::{Axis, PartSteps};
use crate::error::{Error, ErrorKind, Result};
use alloc::format;
use alloc::vec::Vec;

/// Most runs that a selection may be made of: some words are kept for each.
const MOST_RUNS: usize = 1 << 26;

/// Elements that follow each other in the extent and in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Place of the first one in the extent, in C order.
    pub place: u64,
    /// How many; at least one.
    pub len: u64,
    /// Number in the output of the first one.
    pub out: u64,
}

/// Elements of an extent, in ascending places; the output may have another order, and some more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picks {
    list: Vec<Pick>,
    /// Past the last place.
    end: u64,
    len: u64,
    repeats: bool,
}

impl Pick {
    /// Past the last place.
    pub fn end(&self) -> u64 {
        self.place.saturating_add(self.len)
    }
}

fn too_many(runs: usize) -> Error {
    Error::limit("runs of a selection", MOST_RUNS as u64, runs as u64).with_hint("select it in parts")
}

/// Number of elements of an extent.
pub fn extent_len(dims: &[u64]) -> Result<u64> {
    let len = dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
    len.ok_or_else(|| Error::new(ErrorKind::Shape, "the dataset has more elements than 64 bits can count"))
}

/// Runs of places, ascending, that are joined where they touch or overlap.
#[derive(Clone, Debug, Default)]
pub struct Runs(Vec<(u64, u64)>);

impl Runs {
    /// Adds a run that starts at or after the start of the last one: first place and length.
    ///
    /// # Errors
    /// There are too many.
    pub fn push(&mut self, place: u64, len: u64) -> Result<()> {
        let runs = self.0.len();
        match self.0.last_mut() {
            Some((start, known)) if start.saturating_add(*known) >= place => {
                *known = place.saturating_add(len).saturating_sub(*start).max(*known);
            }
            _ if runs >= MOST_RUNS => return Err(too_many(runs)),
            _ => self.0.push((place, len)),
        }
        Ok(())
    }

    /// The union of runs.
    ///
    /// # Errors
    /// There are too many, or one of them is an error.
    pub fn union(all: impl Iterator<Item = Result<Runs>>) -> Result<Self> {
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for runs in all {
            joined.extend(runs?.0);
            if joined.len() > MOST_RUNS {
                return Err(too_many(joined.len()));
            }
        }
        // The sort finds the ascending parts and merges them.
        joined.sort();
        let mut runs = Runs::default();
        joined.into_iter().try_for_each(|(place, len)| runs.push(place, len))?;
        Ok(runs)
    }

    /// The runs of an orthogonal selection, whose coordinates lie within the extent.
    ///
    /// # Errors
    /// There are too many.
    pub fn of_axes(axes: &[Axis], dims: &[u64]) -> Result<Self> {
        extent_len(dims)?;
        let mut runs = Runs::default();
        if axes.iter().all(|a| !a.is_empty()) {
            runs.level(axes, dims, 0)?;
        }
        Ok(runs)
    }

    /// Adds what is selected below the coordinate whose elements start at `base`. The recursion is as deep as the rank.
    fn level(&mut self, axes: &[Axis], dims: &[u64], base: u64) -> Result<()> {
        let (Some((axis, below)), Some((&dim, dims))) = (axes.split_first(), dims.split_first()) else {
            return self.push(base, 1);
        };
        let step = dims.iter().fold(1u64, |n, &d| n.saturating_mul(d));
        let Some(part) = axis.within(0, dim) else { return Ok(()) };
        let whole = below.iter().zip(dims).all(|(a, &d)| a.len() == d);
        let at = |i: u64| base.saturating_add(i.saturating_mul(step));
        if let (true, &PartSteps::Regular { first, step: 1, count }) = (whole, &part.at) {
            return self.push(at(first as u64), (count as u64).saturating_mul(step));
        }
        (0..part.at.len()).try_for_each(|i| {
            let place = at(part.at.get(i) as u64);
            if whole { self.push(place, step) } else { self.level(below, dims, place) }
        })
    }

    /// First place and length of each.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + use<'_> {
        self.0.iter().copied()
    }
}

impl Picks {
    /// Elements in C order, each once.
    pub fn in_order(runs: &Runs) -> Self {
        let mut picks = Picks::default();
        picks.list.reserve_exact(runs.0.len());
        for (place, len) in runs.iter() {
            picks.push(Pick { place, len, out: picks.len });
        }
        picks
    }

    /// Single elements by their places, in any order, also several times.
    ///
    /// # Errors
    /// There are too many.
    pub fn of_places(places: impl ExactSizeIterator<Item = Result<u64>>) -> Result<Self> {
        if places.len() > MOST_RUNS {
            return Err(too_many(places.len()));
        }
        let mut list = Vec::with_capacity(places.len());
        let (mut ascends, mut last) = (true, 0);
        for (out, place) in (0u64..).zip(places) {
            let place = place?;
            ascends &= place >= last;
            last = place;
            list.push(Pick { place, len: 1, out });
        }
        if !ascends {
            return Ok(Picks::of_list(list));
        }
        let mut picks = Picks::default();
        list.into_iter().for_each(|pick| picks.push(pick));
        Ok(picks)
    }

    /// Picks in any order.
    pub fn of_list(mut list: Vec<Pick>) -> Self {
        list.sort_unstable_by_key(|p| (p.place, p.out));
        let mut picks = Picks::default();
        list.into_iter().for_each(|pick| picks.push(pick));
        picks
    }

    /// Adds a pick at or after the place of the last one.
    fn push(&mut self, pick: Pick) {
        self.repeats |= pick.place < self.end;
        self.end = self.end.max(pick.end());
        self.len = self.len.saturating_add(pick.len);
        match self.list.last_mut() {
            Some(last) if last.end() == pick.place && last.out.saturating_add(last.len) == pick.out => {
                last.len = last.len.saturating_add(pick.len);
            }
            _ => self.list.push(pick),
        }
    }

    /// Refuses elements past the end of an extent.
    ///
    /// # Errors
    /// There are some.
    pub fn check(&self, dims: &[u64]) -> Result<()> {
        let len = extent_len(dims)?;
        if self.end <= len {
            return Ok(());
        }
        let last = self.end.saturating_sub(1);
        Err(Error::new(ErrorKind::Shape, format!("element {last} is selected of an extent of {len} elements")))
    }

    /// The elements, in ascending places.
    pub fn list(&self) -> &[Pick] {
        &self.list
    }

    /// Number of elements of the output.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True if nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// True if an element is selected more than once.
    pub fn repeats(&self) -> bool {
        self.repeats
    }

    /// The places in the order of the output, each run cut so that none has more than `most` elements.
    pub fn in_output_order(&self, most: u64) -> impl Iterator<Item = Pick> + use<> {
        let mut list = self.list.clone();
        list.sort_by_key(|p| p.out);
        let most = most.max(1);
        list.into_iter().flat_map(move |pick| {
            (0..pick.len.div_ceil(most)).map(move |n| {
                let done = n.saturating_mul(most);
                Pick {
                    place: pick.place.saturating_add(done),
                    len: pick.len.saturating_sub(done).min(most),
                    out: pick.out.saturating_add(done),
                }
            })
        })
    }

    /// Parts of at most `most` elements, each numbered from 0, which follow each other in the output.
    pub fn parts(&self, most: u64) -> impl Iterator<Item = Picks> + use<> {
        let mut picks = self.in_output_order(most).peekable();
        core::iter::from_fn(move || {
            let mut part: Vec<Pick> = Vec::new();
            let mut len = 0u64;
            while let Some(pick) = picks.next_if(|p| len.saturating_add(p.len) <= most.max(1)) {
                part.push(Pick { out: len, ..pick });
                len = len.saturating_add(pick.len);
            }
            (!part.is_empty()).then(|| Picks::of_list(part))
        })
    }
}

/// Coordinates of a place in an extent.
pub fn point(mut place: u64, dims: &[u64], out: &mut Vec<u64>) {
    out.clear();
    for &dim in dims.iter().rev() {
        out.push(place.checked_rem(dim).unwrap_or(0));
        place = place.checked_div(dim).unwrap_or(0);
    }
    out.reverse();
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn places(picks: &Picks) -> Vec<u64> {
        let mut out = vec![u64::MAX; picks.len() as usize];
        for p in picks.list() {
            (0..p.len).for_each(|i| out[(p.out + i) as usize] = p.place + i);
        }
        out
    }

    #[test]
    fn orthogonal_selections_become_runs() {
        let axes = [
            Axis::Steps { start: 0, step: 2, count: 2 },
            Axis::List(vec![1, 2, 4]),
            Axis::Steps { start: 1, step: 1, count: 2 },
        ];
        let runs = Runs::of_axes(&axes, &[3, 5, 4]).unwrap();
        let want = [(5, 2), (9, 2), (17, 2), (45, 2), (49, 2), (57, 2)];
        assert_eq!(runs.iter().collect::<Vec<_>>(), want);
        let whole = Runs::of_axes(&[Axis::Steps { start: 1, step: 1, count: 2 }, Axis::all(5)], &[4, 5]).unwrap();
        assert_eq!(whole.iter().collect::<Vec<_>>(), [(5, 10)]);
        assert_eq!(Runs::of_axes(&[], &[]).unwrap().iter().collect::<Vec<_>>(), [(0, 1)]);
        assert!(Runs::of_axes(&[Axis::all(5), Axis::all(0)], &[5, 0]).unwrap().iter().next().is_none());
        assert!(Runs::of_axes(&[Axis::all(1), Axis::all(1)], &[u64::MAX, 2]).is_err());
    }

    #[test]
    fn unions_are_joined_where_they_touch() {
        let runs = |list: &[(u64, u64)]| {
            let mut runs = Runs::default();
            list.iter().for_each(|&(p, n)| runs.push(p, n).unwrap());
            runs
        };
        let both = [runs(&[(0, 3), (10, 2), (20, 5)]), runs(&[(3, 1), (8, 1), (11, 4), (22, 1)])];
        let all = Runs::union(both.into_iter().map(Ok)).unwrap();
        assert_eq!(all.iter().collect::<Vec<_>>(), [(0, 4), (8, 1), (10, 5), (20, 5)]);
    }

    #[test]
    fn single_elements_keep_their_order_in_the_output() {
        let list = [5u64, 6, 2, 6, 0, 1];
        let picks = Picks::of_places(list.iter().map(|&p| Ok(p))).unwrap();
        assert_eq!(places(&picks), list);
        assert!(picks.repeats() && picks.list().is_sorted_by_key(|p| p.place));
        let once = Picks::of_places([7, 8, 3].iter().map(|&p| Ok(p))).unwrap();
        assert!(!once.repeats() && once.list().len() == 2);
        assert!(once.check(&[3, 3]).is_ok() && once.check(&[2, 4]).is_err());
    }

    #[test]
    fn parts_follow_each_other_in_the_output() {
        let list = [5u64, 6, 7, 8, 2, 6, 0, 1, 9, 10, 11, 12, 13];
        let picks = Picks::of_places(list.iter().map(|&p| Ok(p))).unwrap();
        for most in 1..15 {
            let parts: Vec<Picks> = picks.parts(most).collect();
            assert!(parts.iter().all(|p| p.len() <= most));
            assert_eq!(parts.iter().flat_map(places).collect::<Vec<_>>(), list, "by {most}");
        }
    }
}
