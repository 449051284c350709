//! What elements keep in the global heap, given back.

use super::Editor;
use crate::codec::{Address, Cursor};
use crate::dataset::axes::Axis;
use crate::dataset::file::FileCore;
use crate::dataset::read::Reader;
use crate::dataset::stored::StoredDataset;
use crate::dataset::wanted::{Asked, Wanted};
use crate::datatype::pointers::{Leaf, Pointers};
use crate::error::Result;
use crate::format::message::datatype::{Class, Datatype, ReferenceKind};
use crate::format::message::layout::Storage;
use crate::format::reference::StoredReference;
use crate::graph::chunk_index::ChunkIndex;
use crate::graph::global_heap::{HeapReader, heap_id};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Structure name in errors.
const NAME: &str = "element";
/// Bytes of elements read at once.
const SLAB: u64 = 4 << 20;

/// Heap objects that elements own: collection and index.
#[derive(Default)]
pub(crate) struct Owned(Vec<(Address, u32)>);

impl Owned {
    /// The heap objects of stored elements of a datatype. What can not be read is left where it is.
    ///
    /// # Errors
    /// The datatype does not fit memory.
    pub(crate) fn of(core: &FileCore, datatype: &Datatype, elements: &[u8]) -> Result<Self> {
        let mut owned = Owned::default();
        let pointers = Pointers::of(datatype)?;
        let mut heap = HeapReader::new(core.ctx());
        owned.add(&mut heap, core, &pointers, elements.to_vec(), datatype.size())?;
        Ok(owned)
    }

    /// Those of the selected elements of a dataset that were written; none where the fill value stands.
    ///
    /// # Errors
    /// The elements can not be read.
    pub(crate) fn of_elements<'s>(
        core: &Arc<FileCore>,
        dataset: &StoredDataset,
        asked: impl Into<Asked<'s>>,
    ) -> Result<Self> {
        let mut owned = Owned::default();
        let pointers = Pointers::of(&dataset.datatype)?;
        let elsewhere = matches!(dataset.layout.storage, Storage::Virtual { .. }) || dataset.external.is_some();
        if !contains_heap_values(&dataset.datatype) || elsewhere || dataset.dataspace.is_null() {
            return Ok(owned);
        }
        let size = dataset.element_size();
        let fill = dataset.fill_element();
        let mut heap = HeapReader::new(core.ctx());
        let reader = Reader { core, dataset, depth: 0 };
        for part in parts(asked.into(), size) {
            let mut bytes = reader.read(&part)?;
            bytes.chunks_exact_mut(size.max(1)).filter(|e| **e == *fill).for_each(|e| e.fill(0));
            owned.add(&mut heap, core, &pointers, bytes, size)?;
        }
        Ok(owned)
    }

    /// Those of all elements of a dataset that have storage.
    ///
    /// # Errors
    /// The elements can not be read.
    pub(crate) fn of_dataset(core: &Arc<FileCore>, dataset: &StoredDataset) -> Result<Self> {
        let dims = &dataset.dataspace.dims;
        if !contains_heap_values(&dataset.datatype) {
            return Ok(Owned::default());
        }
        let Storage::Chunked(layout) = &dataset.layout.storage else {
            let axes: Vec<Axis> = dims.iter().map(|&dim| Axis::all(dim)).collect();
            return Owned::of_elements(core, dataset, &axes);
        };
        let filtered = !dataset.filters.filters.is_empty();
        let index = ChunkIndex::new(layout, dims, &dataset.max_dims(), filtered)?;
        let low = alloc::vec![0; dims.len()];
        let high: Vec<u64> = dims.iter().zip(&layout.chunk).map(|(&dim, &chunk)| dim.div_ceil(chunk.max(1))).collect();
        let mut owned = Owned::default();
        index.visit(core.ctx(), &low, &high, &mut |record| {
            let boxes = record.scaled.iter().zip(&layout.chunk).zip(dims);
            let axes: Vec<Axis> = boxes
                .map(|((&at, &chunk), &dim)| {
                    let start = at.saturating_mul(chunk);
                    Axis::Steps { start, step: 1, count: dim.saturating_sub(start).min(chunk) }
                })
                .collect();
            owned.0.extend(Owned::of_elements(core, dataset, &axes)?.0);
            Ok(())
        })?;
        Ok(owned)
    }

    fn add(
        &mut self,
        heap: &mut HeapReader<'_>,
        core: &FileCore,
        pointers: &Pointers,
        mut elements: Vec<u8>,
        size: usize,
    ) -> Result<()> {
        let sizes = core.ctx().sizes();
        pointers.each_of(&mut elements, size, &mut |leaf, bytes| {
            let mut cursor = Cursor::new(bytes, 0, NAME, sizes);
            let id = match leaf {
                Leaf::Vlen { element, inner } => {
                    if let (false, Ok(value)) = (inner.is_empty(), heap.vlen(bytes, *element)) {
                        let value = value.to_vec();
                        self.add(heap, core, inner, value, *element)?;
                    }
                    cursor.skip(4).and_then(|()| heap_id(&mut cursor))
                }
                Leaf::Reference(ReferenceKind::Object) => Ok(None),
                Leaf::Reference(ReferenceKind::Region) => heap_id(&mut cursor),
                Leaf::Reference(_) => StoredReference::parse(&mut cursor).map(|reference| match reference {
                    StoredReference::Heap { id, .. } => Some(id),
                    _ => None,
                }),
            };
            self.0.extend(id.ok().flatten());
            Ok(())
        })
    }

    /// Gives the objects back. An object that is not there, in a damaged heap, is nothing to give back.
    ///
    /// # Errors
    /// The storage fails.
    pub(crate) fn release(self, editor: &mut Editor) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut heap = core::mem::take(&mut editor.global_heap);
        for (address, index) in self.0 {
            let _ = heap.remove(editor, address, index);
        }
        let done = heap.finish(editor);
        editor.global_heap = heap;
        done
    }
}

/// A selection in parts of bounded size: some rows of its first dimension each, or some elements.
fn parts(asked: Asked<'_>, size: usize) -> Vec<Wanted> {
    let axes = match asked {
        Asked::Axes(axes) => axes,
        Asked::Ordered(ordered) => ordered.axes(),
        Asked::Picks(picks) => {
            let most = SLAB.checked_div(size.max(1) as u64).unwrap_or(1);
            return picks.parts(most).map(Wanted::Picks).collect();
        }
    };
    let Some((first, rest)) = axes.split_first() else { return alloc::vec![Wanted::Axes(Vec::new())] };
    let row = rest.iter().fold(size as u64, |n, axis| n.saturating_mul(axis.len())).max(1);
    let rows = SLAB.checked_div(row).unwrap_or(1).max(1);
    let parts = first.parts(rows).into_iter();
    parts.map(|part| Wanted::Axes(core::iter::once(part).chain(rest.iter().cloned()).collect())).collect()
}

/// True if elements own heap objects.
fn contains_heap_values(datatype: &Datatype) -> bool {
    crate::datatype::any(datatype, &|t| match &t.class {
        Class::Vlen { .. } => true,
        Class::Reference { kind } => *kind != ReferenceKind::Object,
        _ => false,
    })
}
