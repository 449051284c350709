//! Selections in parts that follow each other in the output.

use super::slice::Along;
use super::{Select, Slice};
use crate::dataset::axes::Axis;
use crate::dataset::picks::{Pick, Picks, point};
use crate::dataset::wanted::Wanted;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Parts of about `most` elements, in the order of the output. Those of single elements are points.
pub(in crate::api) fn parts(wanted: Wanted, dims: &[u64], most: u64) -> Box<dyn Iterator<Item = Select>> {
    match wanted {
        Wanted::Axes(axes) => Box::new(slices(axes.into_iter().map(|a| (a, None)).collect(), most)),
        Wanted::Ordered(ordered) => {
            let along = ordered.axes().iter().cloned().zip(ordered.orders().iter().cloned());
            Box::new(slices(along.collect(), most))
        }
        Wanted::Picks(picks) => {
            let dims = dims.to_vec();
            Box::new(picks.parts(most).map(move |part| points(&part, &dims, &[])))
        }
    }
}

/// Picks in an extent that begins at `offset` as points, in the order of the output.
pub(in crate::api) fn points(picks: &Picks, dims: &[u64], offset: &[u64]) -> Select {
    let (mut coords, mut at) = (Vec::new(), Vec::new());
    for Pick { place, len, .. } in picks.in_output_order(u64::MAX) {
        for i in 0..len {
            point(place.saturating_add(i), dims, &mut at);
            let offsets = offset.iter().copied().chain(core::iter::repeat(0));
            coords.extend(at.iter().zip(offsets).map(|(&x, o)| i64::try_from(x.saturating_add(o)).unwrap_or(i64::MAX)));
        }
    }
    Select::point_list(dims.len(), coords)
}

fn len(along: &Along) -> u64 {
    along.1.as_ref().map_or(along.0.len(), |order| order.len() as u64)
}

/// Parts of an orthogonal selection: single coordinates of the leading dimensions, runs of one dimension, the rest as it
/// is.
fn slices(along: Vec<Along>, most: u64) -> impl Iterator<Item = Select> {
    // The first dimension below which everything fits is the one that is cut into runs.
    let below = |d: usize| along.iter().skip(d).fold(1u64, |n, a| n.saturating_mul(len(a)));
    let cut = (0..along.len()).find(|&d| below(d.saturating_add(1)) <= most).unwrap_or(0);
    let step = most.checked_div(below(cut.saturating_add(1))).unwrap_or(1).max(1);
    let steps = along.get(cut).map_or(1, |a| len(a).div_ceil(step));
    let leading = along.iter().take(cut).fold(1u64, |n, a| n.saturating_mul(len(a)));
    let count = if below(0) == 0 { 0 } else { leading.saturating_mul(steps) };
    (0..count).map(move |n| {
        let (mut number, run) = (n.checked_div(steps).unwrap_or(0), n.checked_rem(steps).unwrap_or(0));
        let mut slices: Vec<Slice> = along.iter().map(|a| slice(a, 0, u64::MAX)).collect();
        for (slot, a) in slices.iter_mut().zip(&along).take(cut).rev() {
            *slot = slice(a, number.checked_rem(len(a)).unwrap_or(0), 1);
            number = number.checked_div(len(a)).unwrap_or(0);
        }
        if let (Some(slot), Some(a)) = (slices.get_mut(cut), along.get(cut)) {
            *slot = slice(a, run.saturating_mul(step), step);
        }
        Select::new(slices)
    })
}

/// Coordinates number `from` to before `from + count`, as a slice.
fn slice((axis, order): &Along, from: u64, count: u64) -> Slice {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    match (order, axis) {
        (Some(order), _) => {
            let numbers = order.iter().skip(index(from)).take(index(count));
            Slice::List(numbers.map(|&n| signed(axis.get(n as u64))).collect())
        }
        (None, Axis::List(list)) => {
            Slice::List(list.iter().skip(index(from)).take(index(count)).map(|&x| signed(x)).collect())
        }
        (None, Axis::Steps { step, count: all, .. }) => {
            let count = count.min(all.saturating_sub(from));
            let start = axis.get(from);
            let end = match count.checked_sub(1) {
                Some(last) => axis.get(from.saturating_add(last)).saturating_add(1),
                None => start,
            };
            Slice::Range { start: Some(signed(start)), end: Some(signed(end)), step: *step }
        }
    }
}
