//! What a read or a write asks for: a product of coordinates, the same in another order, or single elements.

use super::axes::{Axis, AxisPart, PartSteps, box_bytes};
use super::picks::Picks;
use crate::codec::to_usize;
use crate::error::{Error, ErrorKind, Result};
use alloc::format;
use alloc::vec::Vec;

/// What is asked for, with the order of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Coordinates along each dimension, in C order.
    Axes(Vec<Axis>),
    /// Coordinates along each dimension, in any order, also several times.
    Ordered(Ordered),
    /// Single elements.
    Picks(Picks),
}

/// As [`Wanted`], borrowed.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// Coordinates along each dimension, in C order.
    Axes(&'a [Axis]),
    /// Coordinates along each dimension, in any order.
    Ordered(&'a Ordered),
    /// Single elements.
    Picks(&'a Picks),
}

/// Coordinates along each dimension, in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// The coordinates in ascending order, each once.
    axes: Vec<Axis>,
    /// For each dimension the numbers of the coordinates in the order asked for; `None` is the ascending one.
    orders: Vec<Option<Vec<usize>>>,
}

impl<'a> From<&'a [Axis]> for Asked<'a> {
    fn from(axes: &'a [Axis]) -> Self {
        Asked::Axes(axes)
    }
}

impl<'a> From<&'a Vec<Axis>> for Asked<'a> {
    fn from(axes: &'a Vec<Axis>) -> Self {
        Asked::Axes(axes)
    }
}

impl<'a> From<&'a Wanted> for Asked<'a> {
    fn from(wanted: &'a Wanted) -> Self {
        match wanted {
            Wanted::Axes(axes) => Asked::Axes(axes),
            Wanted::Ordered(ordered) => Asked::Ordered(ordered),
            Wanted::Picks(picks) => Asked::Picks(picks),
        }
    }
}

impl Wanted {
    /// Coordinates along each dimension, with the order of those that are not ascending.
    pub fn new(axes: Vec<Axis>, orders: Vec<Option<Vec<usize>>>) -> Self {
        if orders.iter().all(Option::is_none) { Wanted::Axes(axes) } else { Wanted::Ordered(Ordered { axes, orders }) }
    }
}

impl Asked<'_> {
    /// Elements of the output; `None` if 64 bits can not count them.
    pub fn len(&self) -> Option<u64> {
        match self {
            Asked::Axes(axes) => box_bytes(axes.iter().map(Axis::len), 1),
            Asked::Ordered(ordered) => box_bytes(ordered.shape(), 1),
            Asked::Picks(picks) => Some(picks.len()),
        }
    }

    /// True if nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Bytes of the output; `None` if 64 bits can not count them.
    pub fn bytes(&self, element: usize) -> Option<u64> {
        self.len()?.checked_mul(element as u64)
    }

    /// Refuses elements that are asked for more than once.
    ///
    /// # Errors
    /// There are some.
    pub fn check_once(&self) -> Result<()> {
        let repeats = match self {
            Asked::Axes(_) => false,
            Asked::Ordered(ordered) => ordered.repeats(),
            Asked::Picks(picks) => picks.repeats(),
        };
        if repeats { Err(repeated()) } else { Ok(()) }
    }

    /// Checks everything against an extent.
    ///
    /// # Errors
    /// It has another rank, or something lies outside.
    pub fn check(&self, dims: &[u64]) -> Result<()> {
        let axes = match self {
            Asked::Axes(axes) => axes,
            Asked::Ordered(ordered) => ordered.axes.as_slice(),
            Asked::Picks(picks) => return picks.check(dims),
        };
        if axes.len() != dims.len() {
            let text = format!("a selection of rank {} on a dataset of rank {}", axes.len(), dims.len());
            return Err(Error::new(ErrorKind::Shape, text));
        }
        axes.iter().zip(dims).enumerate().try_for_each(|(i, (axis, &dim))| axis.check(i, dim))
    }
}

/// An element that is to be written has one value.
fn repeated() -> Error {
    Error::new(ErrorKind::Shape, "an element is selected more than once, and can have one value only")
        .with_hint("leave out the repeated positions")
}

impl Ordered {
    /// The coordinates in ascending order, each once.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Elements of the output along each dimension.
    pub fn shape(&self) -> impl Iterator<Item = u64> + use<'_> {
        let along = self.axes.iter().zip(&self.orders);
        along.map(|(axis, order)| order.as_ref().map_or(axis.len(), |o| o.len() as u64))
    }

    /// The order asked for along each dimension.
    pub fn orders(&self) -> &[Option<Vec<usize>>] {
        &self.orders
    }

    /// What of the elements in ascending order goes where.
    pub(super) fn parts(&self) -> Result<Vec<AxisPart>> {
        let along = self.axes.iter().zip(&self.orders);
        let part = |(axis, order): (&Axis, &Option<Vec<usize>>)| {
            let at = match order {
                Some(order) => PartSteps::List(order.clone()),
                None => PartSteps::Regular { first: 0, step: 1, count: to_usize(axis.len())? },
            };
            Ok(AxisPart { out: 0, at })
        };
        along.map(part).collect()
    }

    /// Lengths of the box of the elements in ascending order, and of the output.
    pub(super) fn dims(&self) -> Result<(Vec<usize>, Vec<usize>)> {
        let sorted = self.axes.iter().map(|a| to_usize(a.len())).collect::<Result<_>>()?;
        Ok((sorted, self.shape().map(to_usize).collect::<Result<_>>()?))
    }

    /// True if a coordinate is asked for more than once.
    fn repeats(&self) -> bool {
        let mut along = self.axes.iter().zip(&self.orders);
        along.any(|(axis, order)| order.as_ref().is_some_and(|o| o.len() as u64 != axis.len()))
    }

    /// Elements given in the order asked for, each once, in ascending order.
    ///
    /// # Errors
    /// They do not fit memory.
    pub(crate) fn sorted(&self, bytes: &[u8], element: usize) -> Result<Vec<u8>> {
        let mut out = alloc::vec![0; bytes.len()];
        let (sorted, given) = self.dims()?;
        super::paste::paste_box(bytes, &given, &mut out, &sorted, &self.parts()?, element);
        Ok(out)
    }
}
