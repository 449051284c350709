//! Writing the elements of a dataset.
//!
//! What replaces a whole contiguous dataset, and every changed chunk, goes to fresh space, and the old space is given
//! back: the bytes are written once, and no commit has to carry them. Parts of a contiguous dataset that was committed
//! before are written in place with the commit.

use super::datasets::{allocate_contiguous, set_layout};
use super::header;
use super::{Editor, Purpose};
use crate::codec::{Address, to_usize};
use crate::dataset::axes::{Axis, AxisPart, box_bytes};
use crate::dataset::paste::paste_box;
use crate::dataset::stored::StoredDataset;
use crate::dataset::wanted::Asked;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::fill_value::FillTime;
use crate::format::message::layout::{DataLayout, Storage};
use crate::graph::object_header::ObjectHeader;
use alloc::vec::Vec;

mod chunked;
mod picks;

pub(crate) use chunked::{release as release_chunks, resize};

/// Bytes of fill values written at once.
const FILL_BLOCK: usize = 1 << 20;

/// Writes elements, as they are stored, to the selected places; `bytes` is in the order of the selection.
///
/// # Errors
/// The selection does not fit the extent or the bytes, the dataset's elements are elsewhere (virtual, external), or the
/// storage fails.
pub(crate) fn write<'s>(
    editor: &mut Editor,
    header: &mut ObjectHeader,
    dataset: &StoredDataset,
    asked: impl Into<Asked<'s>>,
    bytes: &[u8],
) -> Result<()> {
    let asked = asked.into();
    check(dataset, asked, bytes)?;
    if bytes.is_empty() {
        return Ok(());
    }
    let axes = match asked {
        Asked::Axes(axes) => axes,
        Asked::Ordered(ordered) => {
            let sorted = ordered.sorted(bytes, dataset.element_size())?;
            return write(editor, header, dataset, ordered.axes(), &sorted);
        }
        Asked::Picks(picks) => return picks::write(editor, header, dataset, picks, bytes),
    };
    let dims = dataset.dataspace.dims.as_slice();
    match &dataset.layout.storage {
        Storage::Compact { data, .. } => {
            let mut data = data.clone();
            paste(bytes, axes, &mut data, dims, dataset.element_size())?;
            let layout = DataLayout { storage: Storage::Compact { data, offset: 0 }, ..dataset.layout.clone() };
            set_layout(editor, header, &layout)?;
            header::store(editor, header)
        }
        Storage::Contiguous { .. } if dataset.external.is_some() => Err(external()),
        Storage::Contiguous { address, .. } => {
            let address = place(editor, header, dataset, *address, is_whole(axes, dims))?;
            let mut runs = Runs::new(dims, axes, dataset.element_size())?;
            runs.each(bytes, &mut |offset, run| editor.write_raw(Address(address.0.saturating_add(offset)), run))
        }
        Storage::Chunked(layout) => chunked::write(editor, header, dataset, layout, axes, bytes),
        Storage::Virtual { .. } => Err(virtual_()),
    }
}

fn external() -> Error {
    Error::unsupported("the elements are in external files, which are not written")
}

fn virtual_() -> Error {
    Error::unsupported("a virtual dataset has no elements of its own")
        .with_hint("write to the datasets that it is made of")
}

/// Takes space for all elements that have none, with the fill value in it.
///
/// # Errors
/// The dataset's storage is damaged, or the file is full.
pub(crate) fn allocate(editor: &mut Editor, header: &mut ObjectHeader, dataset: &StoredDataset) -> Result<()> {
    let bytes = box_bytes(dataset.dataspace.dims.iter().copied(), dataset.element_size() as u64);
    let bytes = bytes.filter(|_| !dataset.dataspace.is_null()).unwrap_or(0);
    match &dataset.layout.storage {
        Storage::Contiguous { address: None, .. } if dataset.external.is_none() && bytes > 0 => {
            let address = allocate_contiguous(editor, bytes)?;
            fill(editor, address, bytes, dataset)?;
            let storage = Storage::Contiguous { address: Some(address), size: Some(bytes) };
            let version = dataset.layout.version.max(3);
            set_layout(editor, header, &DataLayout { version, storage })?;
            header::store(editor, header)
        }
        Storage::Chunked(layout) if bytes > 0 => chunked::allocate(editor, header, dataset, layout),
        _ => Ok(()),
    }
}

/// Refuses elements that are not those of a selection.
///
/// # Errors
/// The selection does not fit the extent or the bytes, or names an element twice.
pub(crate) fn check<'s>(dataset: &StoredDataset, asked: impl Into<Asked<'s>>, bytes: &[u8]) -> Result<()> {
    let asked = asked.into();
    if dataset.dataspace.is_null() {
        return Err(Error::new(ErrorKind::Shape, "a null dataset has no elements"));
    }
    asked.check(&dataset.dataspace.dims)?;
    asked.check_once()?;
    let expected = asked.bytes(dataset.element_size());
    if expected != Some(bytes.len() as u64) {
        let text = alloc::format!("{} bytes for a selection of {expected:?} bytes", bytes.len());
        return Err(Error::new(ErrorKind::Shape, text));
    }
    Ok(())
}

/// Puts elements to their places in a box that is the whole dataset.
fn paste(bytes: &[u8], axes: &[Axis], to: &mut [u8], dims: &[u64], element: usize) -> Result<()> {
    let from_dims = axes.iter().map(|a| to_usize(a.len())).collect::<Result<Vec<_>>>()?;
    let to_dims = dims.iter().map(|&d| to_usize(d)).collect::<Result<Vec<_>>>()?;
    let parts: Option<Vec<AxisPart>> = axes.iter().zip(dims).map(|(axis, &dim)| axis.within(0, dim)).collect();
    if let Some(parts) = parts {
        paste_box(bytes, &from_dims, to, &to_dims, &parts, element);
    }
    Ok(())
}

fn is_whole(axes: &[Axis], dims: &[u64]) -> bool {
    axes.iter().zip(dims).all(|(axis, &dim)| axis.len() == dim)
}

/// Where the elements of a contiguous dataset are to be written: fresh space if there was none, or if the `whole` is.
fn place(
    editor: &mut Editor,
    header: &mut ObjectHeader,
    dataset: &StoredDataset,
    address: Option<Address>,
    whole: bool,
) -> Result<Address> {
    let total = box_bytes(dataset.dataspace.dims.iter().copied(), dataset.element_size() as u64)
        .ok_or_else(|| Error::new(ErrorKind::Shape, "the dataset is larger than 64 bits can address"))?;
    let fresh = address.filter(|&address| editor.is_fresh(address, total));
    match (address, fresh) {
        (Some(address), Some(_)) => Ok(address),
        (Some(address), None) if !whole => Ok(address),
        (old, _) => {
            let new = allocate_contiguous(editor, total)?;
            if let Some(old) = old {
                editor.release(Purpose::RawData, old, total);
            }
            if !whole {
                fill(editor, new, total, dataset)?;
            }
            let storage = Storage::Contiguous { address: Some(new), size: Some(total) };
            let version = dataset.layout.version.max(3);
            set_layout(editor, header, &DataLayout { version, storage })?;
            header::store(editor, header)?;
            Ok(new)
        }
    }
}

/// Writes the fill value over fresh space.
fn fill(editor: &mut Editor, address: Address, len: u64, dataset: &StoredDataset) -> Result<()> {
    let mut element = dataset.fill_element();
    if element.is_empty() || dataset.fill.fill_time == FillTime::Never {
        // What was there before must not show.
        element = alloc::vec![0];
    }
    let count = FILL_BLOCK.checked_div(element.len()).unwrap_or(1).max(1);
    let block = element.repeat(count);
    let mut done = 0u64;
    while done < len {
        let part = usize::try_from(len.saturating_sub(done)).unwrap_or(usize::MAX).min(block.len());
        editor.write_raw(Address(address.0.saturating_add(done)), block.get(..part).unwrap_or(&block))?;
        done = done.saturating_add(part as u64);
    }
    Ok(())
}

/// The runs of bytes that a selection is made of in a box in C order.
struct Runs<'a> {
    axes: &'a [Axis],
    dims: &'a [u64],
    /// Stored bytes between neighbours of each dimension.
    strides: Vec<u64>,
    /// Dimensions from this one on are one run below each coordinate of those before.
    split: usize,
    /// Bytes of a run.
    run: usize,
}

impl<'a> Runs<'a> {
    fn new(dims: &'a [u64], axes: &'a [Axis], element: usize) -> Result<Self> {
        let mut strides = alloc::vec![0; dims.len()];
        let mut stride = element as u64;
        for (slot, &dim) in strides.iter_mut().zip(dims).rev() {
            *slot = stride;
            stride = stride.saturating_mul(dim);
        }
        let (mut split, mut run) = (dims.len(), element);
        for (axis, &dim) in axes.iter().zip(dims).rev() {
            let neighbours = matches!(axis, Axis::Steps { step, count, .. } if *step == 1 || *count == 1);
            if !neighbours {
                break;
            }
            split = split.saturating_sub(1);
            run = run.saturating_mul(to_usize(axis.len())?);
            if axis.len() != dim {
                break;
            }
        }
        Ok(Runs { axes, dims, strides, split, run })
    }

    /// Hands each run's stored offset and bytes over, in C order.
    fn each(&mut self, bytes: &[u8], visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
        // The run's own dimensions start at their first selected coordinate.
        let inner = self.axes.iter().zip(&self.strides).skip(self.split);
        let start = inner.fold(0u64, |sum, (axis, &stride)| {
            sum.saturating_add(axis.bounds().map_or(0, |(low, _)| low).saturating_mul(stride))
        });
        let mut runs = bytes.chunks_exact(self.run.max(1));
        self.level(0, start, &mut runs, visit)
    }

    fn level(
        &self,
        level: usize,
        start: u64,
        runs: &mut core::slice::ChunksExact<'_, u8>,
        visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        if level >= self.split {
            return runs.next().map_or(Ok(()), |run| visit(start, run));
        }
        let (Some(axis), Some(&dim)) = (self.axes.get(level), self.dims.get(level)) else { return Ok(()) };
        let stride = self.strides.get(level).copied().unwrap_or(0);
        let Some(part) = axis.within(0, dim) else { return Ok(()) };
        (0..part.at.len()).try_for_each(|i| {
            let at = start.saturating_add((part.at.get(i) as u64).saturating_mul(stride));
            self.level(level.saturating_add(1), at, runs, visit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn runs_are_as_long_as_they_can_be() {
        let axes =
            [Axis::Steps { start: 1, step: 2, count: 2 }, Axis::Steps { start: 1, step: 1, count: 2 }, Axis::all(3)];
        let mut found = Vec::new();
        let bytes: Vec<u8> = (0..24).collect();
        Runs::new(&[5, 4, 3], &axes, 2)
            .unwrap()
            .each(&bytes, &mut |offset, run| {
                found.push((offset, run.to_vec()));
                Ok(())
            })
            .unwrap();
        assert_eq!(found, [(30, bytes[..12].to_vec()), (78, bytes[12..].to_vec())]);
        let all = [Axis::all(5), Axis::all(4)];
        let runs = Runs::new(&[5, 4], &all, 1).unwrap();
        assert_eq!((runs.split, runs.run), (0, 20));
        let scattered = [Axis::all(5), Axis::List(vec![0, 2])];
        let runs = Runs::new(&[5, 4], &scattered, 1).unwrap();
        assert_eq!((runs.split, runs.run), (2, 1));
    }
}
