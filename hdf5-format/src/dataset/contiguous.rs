//! Reading storage that holds a dataset's elements in one run: contiguous, compact, external files.

use super::axes::{Axis, PartSteps, copy_box};
use crate::codec::to_usize;
use crate::error::{Error, ErrorKind, Result};
use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

/// Gaps are read along with the elements while the whole is below this, or not much larger than what is wanted.
const SPAN_BYTES: u64 = 1 << 20;

/// A run of bytes that is the whole dataset in C order.
pub(super) trait Linear {
    /// A view of, or a copy of, `len` bytes from `start`.
    fn bytes(&self, start: u64, len: u64) -> Result<Cow<'_, [u8]>>;

    /// Fills `buf` from `start`.
    fn fill(&self, start: u64, buf: &mut [u8]) -> Result<()>;
}

/// Copies the selected elements into `out`.
pub(super) fn read(source: &dyn Linear, dims: &[u64], axes: &[Axis], element: usize, out: &mut [u8]) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    let walk = Walk::new(source, dims, axes, element)?;
    walk.level(0, 0, out)
}

struct Walk<'a> {
    source: &'a dyn Linear,
    dims: &'a [u64],
    axes: &'a [Axis],
    element: usize,
    /// Stored bytes between neighbours of each dimension.
    strides: Vec<u64>,
    /// Output bytes between neighbours of each dimension.
    out_strides: Vec<usize>,
}

impl<'a> Walk<'a> {
    fn new(source: &'a dyn Linear, dims: &'a [u64], axes: &'a [Axis], element: usize) -> Result<Self> {
        let too_large = || Error::new(ErrorKind::Shape, "the dataset is larger than 64 bits can address");
        let (mut strides, mut out_strides) = (vec![0; dims.len()], vec![0; dims.len()]);
        let (mut stride, mut out_stride) = (element as u64, element);
        for (((s, o), &dim), axis) in strides.iter_mut().zip(&mut out_strides).zip(dims).zip(axes).rev() {
            (*s, *o) = (stride, out_stride);
            stride = stride.checked_mul(dim).ok_or_else(too_large)?;
            out_stride = out_stride.checked_mul(to_usize(axis.len())?).ok_or_else(too_large)?;
        }
        Ok(Walk { source, dims, axes, element, strides, out_strides })
    }

    /// Reads everything below dimension `level`, whose first byte is at `start`, into `out`.
    fn level(&self, level: usize, start: u64, out: &mut [u8]) -> Result<()> {
        let axes = self.axes.get(level..).unwrap_or(&[]);
        if axes.iter().zip(self.dims.get(level..).unwrap_or(&[])).skip(1).all(|(a, &d)| *a == Axis::all(d)) {
            // One range of rows, whole below: a single run.
            match axes.first() {
                None => return self.source.fill(start, out),
                Some(&Axis::Steps { start: first, step, count }) if step == 1 || count == 1 => {
                    let stride = self.strides.get(level).copied().unwrap_or(0);
                    return self.source.fill(start.saturating_add(first.saturating_mul(stride)), out);
                }
                Some(_) => {}
            }
        }
        let (first, len) = self.span(level);
        let wanted = out.len() as u64;
        if len <= SPAN_BYTES || len.checked_div(4).unwrap_or(0) <= wanted && len <= SPAN_BYTES.saturating_mul(64) {
            return self.gather(level, start, first, len, out);
        }
        self.each(level, start, out)
    }

    /// First byte and number of bytes from the first to the last selected element below `level`.
    fn span(&self, level: usize) -> (u64, u64) {
        let (mut first, mut last) = (0u64, 0u64);
        for (axis, &stride) in self.axes.iter().zip(&self.strides).skip(level) {
            let (low, high) = axis.bounds().unwrap_or((0, 0));
            first = first.saturating_add(low.saturating_mul(stride));
            last = last.saturating_add(high.saturating_mul(stride));
        }
        (first, last.saturating_sub(first).saturating_add(self.element as u64))
    }

    /// Reads the whole span at once and picks the elements.
    fn gather(&self, level: usize, start: u64, first: u64, len: u64, out: &mut [u8]) -> Result<()> {
        let bytes = self.source.bytes(start.saturating_add(first), len)?;
        let (axes, dims) = (self.axes.get(level..).unwrap_or(&[]), self.dims.get(level..).unwrap_or(&[]));
        let mut parts = Vec::with_capacity(axes.len());
        for (axis, &dim) in axes.iter().zip(dims) {
            // Coordinates count from the first selected one: that is where the span starts.
            let low = axis.bounds().map_or(0, |(low, _)| low);
            match axis.within(low, dim) {
                Some(part) => parts.push(part),
                None => return Ok(()),
            }
        }
        let from_dims = dims.iter().map(|&d| to_usize(d)).collect::<Result<Vec<_>>>()?;
        let to_dims = axes.iter().map(|a| to_usize(a.len())).collect::<Result<Vec<_>>>()?;
        copy_box(&bytes, &from_dims, out, &to_dims, &parts, self.element);
        Ok(())
    }

    /// Goes through the selected coordinates of this dimension.
    fn each(&self, level: usize, start: u64, out: &mut [u8]) -> Result<()> {
        let (Some(axis), Some(&dim)) = (self.axes.get(level), self.dims.get(level)) else { return Ok(()) };
        let stride = self.strides.get(level).copied().unwrap_or(0);
        let out_stride = self.out_strides.get(level).copied().unwrap_or(1).max(1);
        let Some(part) = axis.within(0, dim) else { return Ok(()) };
        let visit = |coordinate: usize, out: &mut [u8]| {
            let at = start.saturating_add((coordinate as u64).saturating_mul(stride));
            self.level(level.saturating_add(1), at, out)
        };
        let mut rows = out.chunks_exact_mut(out_stride);
        match part.at {
            PartSteps::Regular { first, step, count } => (0..count)
                .zip(&mut rows)
                .try_for_each(|(i, out)| visit(first.saturating_add(i.saturating_mul(step)), out)),
            PartSteps::List(list) => list.into_iter().zip(&mut rows).try_for_each(|(c, out)| visit(c, out)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Linear for Vec<u8> {
        fn bytes(&self, start: u64, len: u64) -> Result<Cow<'_, [u8]>> {
            Ok(Cow::Borrowed(&self[start as usize..(start + len) as usize]))
        }

        fn fill(&self, start: u64, buf: &mut [u8]) -> Result<()> {
            buf.copy_from_slice(&self[start as usize..start as usize + buf.len()]);
            Ok(())
        }
    }

    #[test]
    fn reads_sparse_rows_without_the_gaps_between() {
        // 3 x 700000 two-byte elements: the span is too large to be read whole.
        let dims = [3, 700_000];
        let data: Vec<u8> = (0..2_100_000u32).flat_map(|i| (i as u16).to_le_bytes()).collect();
        let axes = [Axis::List(vec![0, 2]), Axis::List(vec![1, 5, 699_999])];
        let mut out = vec![0; 12];
        read(&data, &dims, &axes, 2, &mut out).unwrap();
        let want: Vec<u8> = [1u32, 5, 699_999, 1_400_001, 1_400_005, 2_099_999]
            .iter()
            .flat_map(|&i| (i as u16).to_le_bytes())
            .collect();
        assert_eq!(out, want);
    }
}
