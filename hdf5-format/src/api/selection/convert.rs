//! Selections from ranges, numbers, lists, tuples, and what region references hold.

use super::{Kind, Select, Slice};
use crate::format::selection::{Selection, SlabDim};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

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
        Slice::Range { start: Some(*r.start()), end: after(*r.end()), step: 1 }
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

impl From<RangeToInclusive<i64>> for Slice {
    fn from(r: RangeToInclusive<i64>) -> Self {
        Slice::Range { start: None, end: after(r.end), step: 1 }
    }
}

/// The end after a last position; after -1 it is the end of the dimension.
fn after(last: i64) -> Option<i64> {
    last.checked_add(1).filter(|&e| e != 0)
}

impl From<Vec<i64>> for Slice {
    fn from(list: Vec<i64>) -> Self {
        Slice::List(list)
    }
}

impl From<&[i64]> for Slice {
    fn from(list: &[i64]) -> Self {
        Slice::List(list.to_vec())
    }
}

impl<const N: usize> From<[i64; N]> for Slice {
    fn from(list: [i64; N]) -> Self {
        Slice::List(list.to_vec())
    }
}

impl From<Vec<u64>> for Slice {
    fn from(list: Vec<u64>) -> Self {
        // What does not fit is past the end of any dimension.
        Slice::List(list.into_iter().map(signed).collect())
    }
}

impl From<Vec<bool>> for Slice {
    fn from(mask: Vec<bool>) -> Self {
        Slice::Mask(mask)
    }
}

fn signed(i: u64) -> i64 {
    i64::try_from(i).unwrap_or(i64::MAX)
}

impl<S: Into<Slice>> From<S> for Select {
    fn from(slice: S) -> Self {
        Select::new(vec![slice.into()])
    }
}

impl From<&Select> for Select {
    fn from(select: &Select) -> Self {
        select.clone()
    }
}

macro_rules! select_from_tuple {
    ($($name:ident),+) => {
        impl<$($name: Into<Slice>),+> From<($($name,)+)> for Select {
            #[allow(non_snake_case)]
            fn from(($($name,)+): ($($name,)+)) -> Self {
                Select::new(vec![$($name.into()),+])
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

impl From<SlabDim> for Slice {
    fn from(dim: SlabDim) -> Self {
        let SlabDim { start, stride, count, block } = dim;
        match (count, block) {
            (count, Some(block)) => Slice::Slab { start, stride, count: count.unwrap_or(u64::MAX), block },
            (_, None) => Slice::Range { start: Some(signed(start)), end: None, step: 1 },
        }
    }
}

/// What a region reference points at: a hyperslab keeps its dimensions, points their order, and any other selection reads
/// as one dimension.
impl From<&Selection> for Select {
    fn from(selection: &Selection) -> Self {
        match selection {
            Selection::All => Select::all(),
            Selection::None => Select::point_list(0, []),
            Selection::Points { rank, coords } => {
                Select::point_list(*rank, coords.iter().map(|&x| signed(x)).collect::<Vec<_>>())
            }
            Selection::Hyperslab(dims) => Select::new(dims.iter().map(|&d| d.into()).collect::<Vec<Slice>>()),
            Selection::Blocks { rank, blocks } => Select(Kind::Boxes { rank: *rank, corners: blocks.clone() }),
        }
    }
}

impl From<Selection> for Select {
    fn from(selection: Selection) -> Self {
        Select::from(&selection)
    }
}
