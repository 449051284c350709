//! Which elements to read, in the words of NumPy.

use crate::dataset::axes::Axis;
use crate::error::{Error, ErrorKind, Result};
use alloc::format;
use alloc::vec::Vec;
use core::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo};
use core::str::FromStr;

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
        /// Number of blocks.
        count: u64,
        /// Positions of a block.
        block: u64,
    },
    /// Ascending positions.
    List(Vec<u64>),
    /// All remaining dimensions, whole.
    Ellipsis,
}

/// A selection: one [`Slice`] for each dimension, missing ones whole.
///
/// Made from ranges and numbers, tuples of them, or text as NumPy writes it:
///
/// ```
/// # fn main() -> hdf5_format::Result<()> {
/// use hdf5_format::Select;
/// let a = Select::from((0..10, 3));
/// let b: Select = "0:10, 3".parse()?;
/// assert_eq!(a, b);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Select(Vec<Slice>);

impl Slice {
    /// A whole dimension.
    pub const ALL: Slice = Slice::Range { start: None, end: None, step: 1 };

    fn axis(&self, dim: usize, len: u64) -> Result<Axis> {
        let out_of_range = |i: i64| {
            Error::new(ErrorKind::Shape, format!("index {i} is out of range for dimension {dim} with size {len}"))
        };
        match self {
            Slice::Index(i) => {
                let start = from_end(*i, len).filter(|&i| i < len).ok_or_else(|| out_of_range(*i))?;
                Ok(Axis::Steps { start, step: 1, count: 1 })
            }
            &Slice::Slab { start, stride, count, block } => Axis::slab(start, stride, count, block),
            Slice::Range { step: 0, .. } => Err(Error::new(ErrorKind::Shape, "a step of 0")),
            Slice::Range { start, end, step } => {
                let clamp = |i: i64| from_end(i, len).unwrap_or(0).min(len);
                let start = start.map_or(0, clamp);
                let end = end.map_or(len, clamp);
                Ok(Axis::Steps { start, step: *step, count: end.saturating_sub(start).div_ceil(*step) })
            }
            Slice::List(list) => {
                if list.windows(2).any(|w| matches!(w, [a, b] if a >= b)) {
                    return Err(Error::new(ErrorKind::Shape, "an index list must be ascending, without repeats"));
                }
                Ok(Axis::List(list.clone()))
            }
            Slice::Ellipsis => Ok(Axis::all(len)),
        }
    }
}

fn from_end(i: i64, len: u64) -> Option<u64> {
    if i < 0 { len.checked_sub(i.unsigned_abs()) } else { u64::try_from(i).ok() }
}

impl Select {
    /// Everything.
    pub fn all() -> Self {
        Select::default()
    }

    /// One slice for each dimension, missing ones whole.
    pub fn new(slices: impl Into<Vec<Slice>>) -> Self {
        Select(slices.into())
    }

    /// The coordinates along each dimension, and the shape of the result.
    pub(super) fn resolve(&self, dims: &[u64]) -> Result<(Vec<Axis>, Vec<u64>)> {
        let named = self.0.iter().filter(|s| **s != Slice::Ellipsis).count();
        if named > dims.len() {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("{named} slices for a dataset of {} dimensions", dims.len()),
            ));
        }
        let at = self.0.iter().position(|s| *s == Slice::Ellipsis).unwrap_or(self.0.len());
        let (before, rest) = self.0.split_at(at);
        let after = rest.get(1..).unwrap_or(&[]);
        if after.contains(&Slice::Ellipsis) {
            return Err(Error::new(ErrorKind::Shape, "more than one `...`"));
        }
        let whole = dims.len().saturating_sub(named);
        let slices = before.iter().chain(core::iter::repeat_n(&Slice::ALL, whole)).chain(after);
        let (mut axes, mut shape) = (Vec::new(), Vec::new());
        for ((slice, &len), i) in slices.zip(dims).zip(0..) {
            let axis = slice.axis(i, len)?;
            axis.check(i, len)?;
            if !matches!(slice, Slice::Index(_)) {
                shape.push(axis.len());
            }
            axes.push(axis);
        }
        Ok((axes, shape))
    }
}

/// Parts of about `most` elements of an orthogonal selection, in C order: single coordinates of the leading dimensions,
/// runs of one dimension, the rest as it is.
pub(super) fn parts(axes: Vec<Axis>, most: u64) -> impl Iterator<Item = Select> {
    // The first dimension below which everything fits is the one that is cut into runs.
    let below = |d: usize| axes.iter().skip(d).fold(1u64, |n, a| n.saturating_mul(a.len()));
    let cut = (0..axes.len()).find(|&d| below(d.saturating_add(1)) <= most).unwrap_or(0);
    let step = most.checked_div(below(cut.saturating_add(1))).unwrap_or(1).max(1);
    let steps = axes.get(cut).map_or(1, |a| a.len().div_ceil(step));
    let leading = axes.iter().take(cut).fold(1u64, |n, a| n.saturating_mul(a.len()));
    let count = if below(0) == 0 { 0 } else { leading.saturating_mul(steps) };
    (0..count).map(move |n| {
        let (mut number, run) = (n.checked_div(steps).unwrap_or(0), n.checked_rem(steps).unwrap_or(0));
        let mut slices: Vec<Slice> = axes.iter().map(|a| a.slice(0, a.len())).collect();
        for (slice, axis) in slices.iter_mut().zip(&axes).take(cut).rev() {
            *slice = axis.slice(number.checked_rem(axis.len()).unwrap_or(0), 1);
            number = number.checked_div(axis.len()).unwrap_or(0);
        }
        if let (Some(slice), Some(axis)) = (slices.get_mut(cut), axes.get(cut)) {
            *slice = axis.slice(run.saturating_mul(step), step);
        }
        Select(slices)
    })
}

impl Axis {
    /// Coordinates number `from` to before `from + count`, as a slice.
    fn slice(&self, from: u64, count: u64) -> Slice {
        let count = count.min(self.len().saturating_sub(from));
        match self {
            Axis::Steps { start, step, .. } => {
                let start = start.saturating_add(from.saturating_mul(*step));
                let end = start
                    .saturating_add(count.saturating_sub(1).saturating_mul(*step))
                    .saturating_add(u64::from(count > 0));
                let signed = |n: u64| i64::try_from(n).ok();
                Slice::Range { start: signed(start), end: signed(end), step: *step }
            }
            Axis::List(list) => {
                let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
                Slice::List(list.iter().skip(index(from)).take(index(count)).copied().collect())
            }
        }
    }
}

impl FromStr for Select {
    type Err = Error;

    /// NumPy's notation without the brackets: `0:10, ::2, -1, ..., [1,4,7]`.
    fn from_str(text: &str) -> Result<Self> {
        let mut slices = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let end = match rest.strip_prefix('[') {
                Some(list) => list.find(']').map(|i| i.saturating_add(2)),
                None => rest.find(','),
            };
            let (item, tail) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
            slices.push(item.trim().parse()?);
            rest = tail.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        Ok(Select(slices))
    }
}

impl FromStr for Slice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Error::new(ErrorKind::Invalid, format!("{text:?} is not a slice"))
                .hint("write an index, start:end, start:end:step, [1,4,7], or ...")
        };
        if text == "..." {
            return Ok(Slice::Ellipsis);
        }
        if let Some(list) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            let list = list.split(',').map(|i| i.trim().parse().map_err(|_| bad()));
            return list.collect::<Result<_>>().map(Slice::List);
        }
        let number = |t: &str| match t.trim() {
            "" => Ok(None),
            t => t.parse::<i64>().map(Some).map_err(|_| bad()),
        };
        let mut parts = text.split(':');
        let (first, second, third, more) = (parts.next(), parts.next(), parts.next(), parts.next());
        match (first, second, third, more) {
            (Some(i), None, None, None) => number(i)?.map(Slice::Index).ok_or_else(bad),
            (Some(start), Some(end), step, None) => {
                let step = number(step.unwrap_or(""))?.unwrap_or(1);
                let step = u64::try_from(step).ok().filter(|&s| s > 0);
                let step = step.ok_or_else(|| bad().hint("a step is a positive number"))?;
                Ok(Slice::Range { start: number(start)?, end: number(end)?, step })
            }
            _ => Err(bad()),
        }
    }
}

impl From<i64> for Slice {
    fn from(i: i64) -> Self {
        Slice::Index(i)
    }
}

impl From<RangeFull> for Slice {
    fn from(_: RangeFull) -> Self {
        Slice::ALL
    }
}

impl From<Range<i64>> for Slice {
    fn from(r: Range<i64>) -> Self {
        Slice::Range { start: Some(r.start), end: Some(r.end), step: 1 }
    }
}

impl From<RangeInclusive<i64>> for Slice {
    fn from(r: RangeInclusive<i64>) -> Self {
        // The end after -1 is the end of the dimension.
        let end = r.end().checked_add(1).filter(|&e| e != 0);
        Slice::Range { start: Some(*r.start()), end, step: 1 }
    }
}

impl From<RangeFrom<i64>> for Slice {
    fn from(r: RangeFrom<i64>) -> Self {
        Slice::Range { start: Some(r.start), end: None, step: 1 }
    }
}

impl From<RangeTo<i64>> for Slice {
    fn from(r: RangeTo<i64>) -> Self {
        Slice::Range { start: None, end: Some(r.end), step: 1 }
    }
}

impl From<Vec<u64>> for Slice {
    fn from(list: Vec<u64>) -> Self {
        Slice::List(list)
    }
}

impl<S: Into<Slice>> From<S> for Select {
    fn from(slice: S) -> Self {
        Select(alloc::vec![slice.into()])
    }
}

macro_rules! select_from_tuple {
    ($($name:ident),+) => {
        impl<$($name: Into<Slice>),+> From<($($name,)+)> for Select {
            #[allow(non_snake_case)]
            fn from(($($name,)+): ($($name,)+)) -> Self {
                Select(alloc::vec![$($name.into()),+])
            }
        }
    };
}

select_from_tuple!(A);
select_from_tuple!(A, B);
select_from_tuple!(A, B, C);
select_from_tuple!(A, B, C, D);
select_from_tuple!(A, B, C, D, E);
select_from_tuple!(A, B, C, D, E, F);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn shape(text: &str, dims: &[u64]) -> Option<Vec<u64>> {
        text.parse::<Select>().and_then(|s| s.resolve(dims)).ok().map(|(_, shape)| shape)
    }

    #[test]
    fn selects_as_numpy_does() {
        for (text, want) in [
            ("", vec![10, 20, 30]),
            ("...", vec![10, 20, 30]),
            ("3", vec![20, 30]),
            ("-1, ..., 2:5", vec![20, 3]),
            ("::3", vec![4, 20, 30]),
            ("2:100:4, -5:", vec![2, 5, 30]),
            ("5:2", vec![0, 20, 30]),
            ("[0, 3, 9], 1:2, 7", vec![3, 1]),
            ("-100:3", vec![3, 20, 30]),
        ] {
            assert_eq!(shape(text, &[10, 20, 30]), Some(want), "{text}");
        }
        for text in ["10", "-11", "a", "1:2:0", "1:2:-1", "[3,1]", "0,0,0,0", "...,...", "1:2:3:4", "[10]"] {
            assert_eq!(shape(text, &[10, 20, 30]), None, "{text}");
        }
    }

    #[test]
    fn parts_follow_each_other() {
        let dims = [3u64, 5, 4];
        let index = |axes: &[Axis]| -> Vec<u64> {
            let coordinates = |a: &Axis, len| match a.within(0, len).map(|p| p.at) {
                Some(at) => (0..at.len()).map(|i| at.get(i) as u64).collect(),
                None => vec![],
            };
            let mut out = vec![0];
            for (axis, &len) in axes.iter().zip(&dims) {
                let along = coordinates(axis, len);
                out = out.iter().flat_map(|n| along.iter().map(move |c| n * len + c)).collect();
            }
            out
        };
        for text in ["", "1", ":,::2,1:", "[0,2],1:4,[0,3]", "0:0"] {
            let (axes, _) = text.parse::<Select>().unwrap().resolve(&dims).unwrap();
            for most in [1, 2, 3, 7, 20, 100] {
                let mut joined = vec![];
                for part in parts(axes.clone(), most) {
                    joined.extend(index(&part.resolve(&dims).unwrap().0));
                }
                assert_eq!(joined, index(&axes), "{text} by {most}");
            }
        }
    }

    #[test]
    fn ranges_and_text_agree() {
        assert_eq!(Select::from((1..5, -1)), "1:5,-1".parse().unwrap());
        assert_eq!(Select::from((.., 2..)), ":,2:".parse().unwrap());
        assert_eq!(Select::from(-3..=-1), "-3:".parse().unwrap());
    }
}
