//! From a selection to the elements of an extent.

use super::slice::{Along, position};
use super::{Kind, Mask, Select, Slice};
use crate::dataset::axes::Axis;
use crate::dataset::picks::{Picks, Runs, extent_len};
use crate::dataset::wanted::{Asked, Wanted};
use crate::error::{Error, ErrorKind, Result};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

fn shape_error(text: impl Into<alloc::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Shape, text)
}

impl Select {
    /// The elements, and the shape of the result.
    pub(in crate::api) fn resolve(&self, dims: &[u64]) -> Result<(Wanted, Vec<u64>)> {
        let picks = match &self.0 {
            Kind::Slices(slices) => {
                let (along, shape) = along(slices, dims)?;
                let (axes, orders) = along.into_iter().unzip();
                return Ok((Wanted::new(axes, orders), shape));
            }
            Kind::Points { rank, coords } => Picks::of_places(places(*rank, coords, dims)?)?,
            Kind::Mask(mask) if mask.dims.len() == 1 && dims.len() > 1 => {
                let (rows, below) = (mask.axis(dims)?, dims.iter().skip(1));
                let axes: Vec<Axis> = core::iter::once(rows).chain(below.map(|&d| Axis::all(d))).collect();
                let shape = axes.iter().map(Axis::len).collect();
                return Ok((Wanted::Axes(axes), shape));
            }
            Kind::Mask(_) | Kind::Union(_) | Kind::Boxes { .. } => Picks::in_order(&self.runs(dims)?),
            Kind::Refused(why, what) => return Err(shape_error(format!("{what} is no selection")).with_hint(*why)),
        };
        let shape = vec![picks.len()];
        Ok((Wanted::Picks(picks), shape))
    }

    /// As [`Select::resolve`], for a write: an element can have one value only.
    pub(in crate::api) fn resolve_once(&self, dims: &[u64]) -> Result<(Wanted, Vec<u64>)> {
        let (wanted, shape) = self.resolve(dims)?;
        Asked::from(&wanted).check_once()?;
        Ok((wanted, shape))
    }

    /// The elements in C order, each once. The recursion is one deep: unions hold no unions.
    fn runs(&self, dims: &[u64]) -> Result<Runs> {
        let mut runs = Runs::default();
        match &self.0 {
            // A mask of the wrong shape is refused by its check.
            Kind::Mask(mask) if mask.dims.len() != 1 || dims.len() <= 1 => {
                mask.check(dims)?;
                mask.runs.iter().try_for_each(|&(place, len)| runs.push(place, len))?;
            }
            Kind::Union(all) => return Runs::union(all.iter().map(|select| select.runs(dims))),
            Kind::Boxes { rank, corners } => return Runs::union(boxes(*rank, corners, dims)),
            _ => match self.resolve(dims)?.0 {
                Wanted::Axes(axes) => return Runs::of_axes(&axes, dims),
                Wanted::Ordered(ordered) => return Runs::of_axes(ordered.axes(), dims),
                Wanted::Picks(picks) => picks.list().iter().try_for_each(|p| runs.push(p.place, p.len))?,
            },
        }
        Ok(runs)
    }
}

impl Mask {
    fn check(&self, dims: &[u64]) -> Result<()> {
        let len = extent_len(&self.dims)?;
        if self.dims != dims {
            let text = format!("a mask of shape {:?} for a dataset of shape {dims:?}", self.dims);
            return Err(shape_error(text).with_hint("a mask has the dataset's shape, or is that of one dimension"));
        }
        if self.len != len {
            return Err(shape_error(format!("a mask of {} elements for a shape of {len}", self.len)));
        }
        Ok(())
    }

    /// The coordinates of the first dimension.
    fn axis(&self, dims: &[u64]) -> Result<Axis> {
        self.check(dims.get(..1).unwrap_or(&[]))?;
        let coordinates = self.runs.iter().flat_map(|&(place, len)| place..place.saturating_add(len));
        Ok(Axis::List(coordinates.collect()).simplified())
    }
}

/// The coordinates along each dimension, and the shape of the result.
pub(super) fn along(slices: &[Slice], dims: &[u64]) -> Result<(Vec<Along>, Vec<u64>)> {
    let named = slices.iter().filter(|s| **s != Slice::Ellipsis).count();
    if named > dims.len() {
        return Err(shape_error(format!("{named} slices for a dataset of {} dimensions", dims.len())));
    }
    let at = slices.iter().position(|s| *s == Slice::Ellipsis).unwrap_or(slices.len());
    let (before, rest) = slices.split_at(at);
    let after = rest.get(1..).unwrap_or(&[]);
    if after.contains(&Slice::Ellipsis) {
        return Err(shape_error("more than one `...`"));
    }
    let whole = dims.len().saturating_sub(named);
    let slices = before.iter().chain(core::iter::repeat_n(&Slice::ALL, whole)).chain(after);
    let (mut out, mut shape) = (Vec::new(), Vec::new());
    for ((slice, &len), i) in slices.zip(dims).zip(0..) {
        let (axis, order): (Axis, Option<Vec<usize>>) = slice.along(i, len)?;
        if !matches!(slice, Slice::Index(_)) {
            shape.push(order.as_ref().map_or(axis.len(), |o| o.len() as u64));
        }
        out.push((axis, order));
    }
    Ok((out, shape))
}

/// The runs of each box.
fn boxes<'a>(rank: usize, corners: &'a [u64], dims: &'a [u64]) -> impl Iterator<Item = Result<Runs>> + use<'a> {
    corners.chunks_exact(rank.saturating_mul(2).max(1)).map(move |corners| {
        let (first, last) = corners.split_at_checked(rank).unwrap_or((corners, &[]));
        if rank != dims.len() {
            return Err(shape_error(format!("boxes of {rank} dimensions in a dataset of {}", dims.len())));
        }
        let side = |(&start, &last): (&u64, &u64)| {
            let count = last.checked_sub(start).and_then(|n| n.checked_add(1));
            Axis::Steps { start, step: 1, count: count.unwrap_or(0) }
        };
        let axes: Vec<Axis> = first.iter().zip(last).map(side).collect();
        axes.iter().zip(dims).enumerate().try_for_each(|(i, (axis, &len))| axis.check(i, len))?;
        Runs::of_axes(&axes, dims)
    })
}

/// The places of points in C order of the extent.
fn places<'a>(
    rank: usize,
    coords: &'a [i64],
    dims: &'a [u64],
) -> Result<impl ExactSizeIterator<Item = Result<u64>> + use<'a>> {
    if rank != dims.len() && !coords.is_empty() || rank == 0 && !coords.is_empty() {
        return Err(shape_error(format!("points of {rank} coordinates for a dataset of {} dimensions", dims.len())));
    }
    let left_over = coords.len().checked_rem(rank.max(1)).unwrap_or(0);
    if left_over != 0 {
        return Err(shape_error(format!("{} coordinates are no points of {rank} each", coords.len())));
    }
    extent_len(dims)?;
    Ok(coords.chunks_exact(rank.max(1)).map(move |point| {
        point.iter().zip(dims).enumerate().try_fold(0u64, |place, (dim, (&x, &len))| {
            Ok(place.saturating_mul(len).saturating_add(position(x, dim, len)?))
        })
    }))
}
