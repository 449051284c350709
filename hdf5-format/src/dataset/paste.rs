//! The other way round: elements of a selection to their places in a box.

use super::axes::{AxisPart, PartSteps};
use alloc::vec::Vec;

/// Copies elements that lie one after the other, in C order of the selection, to the selected places of a box.
///
/// `from` has the C-order shape `from_dims`, `to` the shape `to_dims`; `parts` holds for each dimension which
/// coordinates of `to` come from where. The caller has checked that both slices hold their shapes; an index past
/// either end is skipped, never a panic.
pub fn paste_box(
    from: &[u8],
    from_dims: &[usize],
    to: &mut [u8],
    to_dims: &[usize],
    parts: &[AxisPart],
    element: usize,
) {
    let mut levels: Vec<Level<'_>> = Vec::with_capacity(parts.len());
    let (mut from_stride, mut to_stride) = (element, element);
    for ((part, from), to) in parts.iter().zip(from_dims).zip(to_dims).rev() {
        levels.push(Level { part, from_stride, to_stride });
        from_stride = from_stride.saturating_mul(*from);
        to_stride = to_stride.saturating_mul(*to);
    }
    levels.reverse();
    let mut run = element;
    // Inner dimensions that are whole in both boxes are one run.
    while let [.., outer, inner] = levels.as_slice() {
        let whole = match inner.part.at {
            PartSteps::Regular { first: 0, step, count } if step == 1 || count == 1 => count.saturating_mul(run),
            _ => 0,
        };
        let aligned = inner.part.out == 0 && inner.from_stride == run && inner.to_stride == run;
        if !aligned || whole != outer.from_stride || whole != outer.to_stride {
            break;
        }
        run = whole;
        levels.pop();
    }
    Paste { from, to, run, levels: &levels }.dim(0, 0, 0);
}

struct Level<'a> {
    part: &'a AxisPart,
    from_stride: usize,
    to_stride: usize,
}

struct Paste<'a, 'b> {
    from: &'a [u8],
    to: &'b mut [u8],
    levels: &'a [Level<'a>],
    /// Bytes copied at once below the last level.
    run: usize,
}

impl Paste<'_, '_> {
    /// Copies everything below dimension `level` whose byte offsets are `from` and `to` so far.
    fn dim(&mut self, level: usize, from: usize, to: usize) {
        let Some(Level { part, from_stride, to_stride }) = self.levels.get(level) else {
            return self.copy(from, to, self.run);
        };
        let (part, from_stride, to_stride) = (*part, *from_stride, *to_stride);
        let from = from.saturating_add(part.out.saturating_mul(from_stride));
        let last = level.saturating_add(1) == self.levels.len();
        if let (true, PartSteps::Regular { first, step: 1, count }) = (last, &part.at)
            && from_stride == self.run
            && to_stride == self.run
        {
            let to = to.saturating_add(first.saturating_mul(to_stride));
            return self.copy(from, to, count.saturating_mul(self.run));
        }
        for i in 0..part.at.len() {
            let from = from.saturating_add(i.saturating_mul(from_stride));
            let to = to.saturating_add(part.at.get(i).saturating_mul(to_stride));
            self.dim(level.saturating_add(1), from, to);
        }
    }

    fn copy(&mut self, from: usize, to: usize, len: usize) {
        let from = self.from.get(from..).and_then(|s| s.get(..len));
        let to = self.to.get_mut(to..).and_then(|s| s.get_mut(..len));
        if let (Some(from), Some(to)) = (from, to) {
            to.copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::axes::{Axis, copy_box};
    use alloc::vec;

    #[test]
    fn undoes_copying() {
        let dims = [5usize, 4, 6];
        let axes = [
            Axis::Steps { start: 0, step: 2, count: 3 },
            Axis::List(vec![0, 1, 3]),
            Axis::Steps { start: 2, step: 1, count: 3 },
        ];
        for whole in 0..8 {
            let axes: Vec<Axis> = axes
                .iter()
                .zip(dims)
                .enumerate()
                .map(|(i, (axis, len))| if whole >> i & 1 == 1 { Axis::all(len as u64) } else { axis.clone() })
                .collect();
            let parts: Vec<AxisPart> =
                axes.iter().zip(dims).map(|(axis, len)| axis.within(0, len as u64).unwrap()).collect();
            let out_dims: Vec<usize> = axes.iter().map(|a| a.len() as usize).collect();
            let count: usize = out_dims.iter().product();
            let source: Vec<u8> = (0..count * 2).map(|i| i as u8 | 1).collect();
            let mut target = vec![0; 5 * 4 * 6 * 2];
            paste_box(&source, &out_dims, &mut target, &dims, &parts, 2);
            let mut back = vec![0; source.len()];
            copy_box(&target, &dims, &mut back, &out_dims, &parts, 2);
            assert_eq!(back, source);
            assert_eq!(target.iter().filter(|&&b| b != 0).count(), source.iter().filter(|&&b| b != 0).count());
        }
    }
}
