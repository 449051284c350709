//! Which elements to read or write, in the words of NumPy and h5py.

#[cfg(feature = "ndarray")]
mod array;
mod convert;
mod parts;
mod resolve;
mod slice;
#[cfg(test)]
mod tests;
mod text;

pub(super) use parts::{parts, points};
pub use slice::Slice;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// A selection of a dataset's elements.
///
/// Most are *orthogonal*: one [`Slice`] for each dimension, missing ones whole, from ranges and numbers, tuples of them,
/// or text as NumPy writes it:
///
/// ```
/// # fn main() -> hdf5_format::Result<()> {
/// use hdf5_format::{Select, Slice};
/// let a = Select::from((0..10, 3));
/// let b: Select = "0:10, 3".parse()?;
/// assert_eq!(a, b);
/// // From the end; every second; positions, which may be in any order; what a mask says; the rest whole.
/// let c = Select::from((-3.., Slice::steps(0.., 2), [7, 1, 1], vec![true, false, true]));
/// assert_eq!(c.to_string(), "-3:, 0::2, [7,1,1], mask(3: 0, 2)");
/// assert_eq!(c.to_string().parse::<Select>()?, c);
/// # Ok(()) }
/// ```
///
/// Others select single elements, and read as one dimension: points in their order, masks and unions in C order.
///
/// ```
/// # fn main() -> hdf5_format::Result<()> {
/// use hdf5_format::Select;
/// let points = Select::points([[0, 1], [7, -1], [3, 3]]);
/// assert_eq!(points, "{0,1; 7,-1; 3,3}".parse()?);
/// let mask = Select::mask(&[2, 3], [true, false, false, false, true, true]);
/// assert_eq!(mask, "mask(2,3: 0, 4:6)".parse()?);
/// let corners = Select::from((0..2, 0..2)).or((8.., 8..));
/// assert_eq!(corners, "0:2, 0:2 | 8:, 8:".parse()?);
/// # Ok(()) }
/// ```
///
/// With the feature `ndarray`, slices of that crate (`s![0..10;2, ..]`) and arrays of `bool` are selections too; a region
/// reference's [`Selection`](crate::format::selection::Selection) always is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// One slice for each dimension, missing ones whole.
    Slices(Vec<Slice>),
    /// Coordinates, point after point; negative ones count from the end.
    Points {
        rank: usize,
        coords: Vec<i64>,
    },
    Mask(Mask),
    /// First and last corners of boxes, the last one included: what any of them holds.
    Boxes {
        rank: usize,
        corners: Vec<u64>,
    },
    /// What any of them selects.
    Union(Vec<Select>),
    /// Nothing that can be selected, and why.
    #[cfg_attr(not(feature = "ndarray"), allow(dead_code))]
    Refused(&'static str, String),
}

/// A mask over a whole extent, or over its first dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mask {
    dims: Vec<u64>,
    /// Elements of the mask.
    len: u64,
    /// First place and length of the runs that are true.
    runs: Vec<(u64, u64)>,
}

impl Default for Select {
    fn default() -> Self {
        Select(Kind::Slices(Vec::new()))
    }
}

impl Select {
    /// Everything.
    pub fn all() -> Self {
        Select::default()
    }

    /// One slice for each dimension, missing ones whole.
    pub fn new(slices: impl Into<Vec<Slice>>) -> Self {
        let slices = slices.into();
        match slices.as_slice() {
            [Slice::Mask(mask)] => Select::mask(&[mask.len() as u64], mask),
            _ => Select(Kind::Slices(slices)),
        }
    }

    /// Single elements by their coordinates, in this order; negative coordinates count from the end. A read may name an
    /// element several times, a write may not.
    pub fn points<const N: usize>(points: impl IntoIterator<Item = [i64; N]>) -> Self {
        Select::point_list(N, points.into_iter().flatten().collect::<Vec<i64>>())
    }

    /// Single elements of a dataset of `rank` dimensions: coordinates, point after point.
    pub fn point_list(rank: usize, coords: impl Into<Vec<i64>>) -> Self {
        let coords = coords.into();
        let rank = if coords.is_empty() { 0 } else { rank };
        Select(Kind::Points { rank, coords })
    }

    /// The elements where a mask of the dataset's shape is true, in C order. A mask of one dimension on a dataset of more
    /// is that of the first one; for others there is [`Slice::Mask`].
    pub fn mask(shape: &[u64], mask: impl AsRef<[bool]>) -> Self {
        Select(Kind::Mask(Mask::new(shape, mask.as_ref())))
    }

    /// What this or the other selects, each element once and in C order, as one dimension.
    #[must_use]
    pub fn or(self, other: impl Into<Select>) -> Self {
        let mut all = match self.0 {
            Kind::Union(all) => all,
            kind => vec![Select(kind)],
        };
        match other.into().0 {
            Kind::Union(more) => all.extend(more),
            kind => all.push(Select(kind)),
        }
        Select(Kind::Union(all))
    }
}

impl Mask {
    fn new(dims: &[u64], mask: &[bool]) -> Self {
        let mut runs = Vec::new();
        let (mut rest, mut at) = (mask, 0usize);
        while let Some(skip) = first_true(rest) {
            rest = rest.get(skip..).unwrap_or(&[]);
            let len = rest.iter().position(|&b| !b).unwrap_or(rest.len());
            runs.push((at.saturating_add(skip) as u64, len as u64));
            at = at.saturating_add(skip).saturating_add(len);
            rest = rest.get(len..).unwrap_or(&[]);
        }
        Mask { dims: dims.to_vec(), len: mask.len() as u64, runs }
    }
}

/// Masks are mostly false or mostly true: blocks without a true are left behind at once.
fn first_true(mask: &[bool]) -> Option<usize> {
    const BLOCK: usize = 32;
    let (blocks, _) = mask.as_chunks::<BLOCK>();
    let empty = blocks.iter().take_while(|block| !block.iter().fold(false, |any, &b| any | b)).count();
    let skip = empty.saturating_mul(BLOCK);
    let found = mask.get(skip..)?.iter().position(|&b| b)?;
    Some(skip.saturating_add(found))
}
