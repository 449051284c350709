//! Elements of datasets, from one place to another: as they are stored where that is possible.

use super::{Copier, Task};
use crate::codec::{Address, to_usize};
use crate::dataset::axes::{Axis, box_bytes};
use crate::dataset::read::Reader;
use crate::dataset::stored::StoredDataset;
use crate::datatype::pointers::Pointers;
use crate::edit::chunk_index::{ChunkIndexEditor, StoredChunk};
use crate::edit::datasets::{allocate_contiguous, set_layout};
use crate::edit::{Editor, Purpose, header, raw};
use crate::error::{Error, Result};
use crate::filter::Scratch;
use crate::format::message::layout::{ChunkIndexKind, ChunkedLayout, DataLayout, Storage};
use crate::graph::chunk_index::{ChunkIndex, ChunkRecord};
use crate::graph::object_header::ObjectHeader;
use alloc::vec::Vec;

/// Bytes moved at once.
const BLOCK: u64 = 1 << 20;
/// Bytes read and written at once where chunks change.
const SLAB: u64 = 16 << 20;

impl Copier<'_> {
    /// Copies the elements of a dataset whose copy is there without.
    pub(super) fn elements(
        &mut self,
        editor: &mut Editor,
        header: &ObjectHeader,
        task: &Task,
        late: bool,
    ) -> Result<()> {
        let from = StoredDataset::load(self.source, header)?;
        let pointers = Pointers::of(&from.datatype)?;
        if pointers.has_references() && !late {
            self.put_off(task);
            return Ok(());
        }
        let mut copy = ObjectHeader::load(editor.ctx(), task.to)?;
        let to = StoredDataset::load(&self.target, &copy)?;
        match (&from.layout.storage, &to.layout.storage) {
            (Storage::Compact { data, .. }, Storage::Compact { .. }) => {
                let mut data = data.clone();
                self.values(editor, &pointers, &mut data, from.element_size())?;
                let storage = Storage::Compact { data, offset: 0 };
                set_layout(editor, &mut copy, &DataLayout { storage, ..to.layout.clone() })?;
                header::store(editor, &mut copy)
            }
            (Storage::Contiguous { address, .. }, Storage::Contiguous { .. }) => match address {
                Some(address) if from.external.is_none() => {
                    self.run_of(editor, *address, &from, &to, &pointers, &mut copy)
                }
                _ => Ok(()),
            },
            (Storage::Chunked(old), Storage::Chunked(new))
                if old.chunk == new.chunk && self.same_filters(&from, &to) =>
            {
                let new = self.chunks(editor, (&from, old), (&to, new), &pointers)?;
                let version = new.version;
                set_layout(editor, &mut copy, &DataLayout { version, storage: Storage::Chunked(new) })?;
                header::store(editor, &mut copy)
            }
            (Storage::Virtual { .. }, _) => Ok(()),
            _ => self.again(editor, &from, &pointers, &mut copy),
        }
    }

    /// True if a stored chunk of one is one of the other.
    fn same_filters(&self, from: &StoredDataset, to: &StoredDataset) -> bool {
        let key =
            |d: &StoredDataset| d.filters.filters.iter().map(|f| (f.id, f.client_data.clone())).collect::<Vec<_>>();
        self.style.filters.is_none() && key(from) == key(to)
    }

    /// Contiguous elements.
    fn run_of(
        &mut self,
        editor: &mut Editor,
        address: Address,
        from: &StoredDataset,
        to: &StoredDataset,
        pointers: &Pointers,
        copy: &mut ObjectHeader,
    ) -> Result<()> {
        let element = from.element_size() as u64;
        let total = box_bytes(from.dataspace.dims.iter().copied(), element);
        let total =
            total.ok_or_else(|| Error::new(crate::error::ErrorKind::Corrupt, "more bytes than 64 bits count"))?;
        if total == 0 || from.dataspace.is_null() {
            return Ok(());
        }
        let ctx = self.source.ctx();
        ctx.check(address, total, "contiguous data")?;
        let new = allocate_contiguous(editor, total)?;
        let step = BLOCK.next_multiple_of(element.max(1)).min(total);
        let mut buffer = alloc::vec![0; to_usize(step)?];
        let mut done = 0u64;
        while done < total {
            let len = to_usize(step.min(total.saturating_sub(done)))?;
            let Some(block) = buffer.get_mut(..len) else { break };
            ctx.raw_into(Address(address.0.saturating_add(done)), block, "contiguous data")?;
            self.values(editor, pointers, block, from.element_size())?;
            editor.write_raw(Address(new.0.saturating_add(done)), block)?;
            done = done.saturating_add(len as u64);
            self.moved(len as u64);
        }
        let storage = Storage::Contiguous { address: Some(new), size: Some(total) };
        set_layout(editor, copy, &DataLayout { version: to.layout.version.max(3), storage })?;
        header::store(editor, copy)
    }

    /// Chunks, each as it is stored unless its elements point somewhere.
    fn chunks(
        &mut self,
        editor: &mut Editor,
        (from, old): (&StoredDataset, &ChunkedLayout),
        (to, new): (&StoredDataset, &ChunkedLayout),
        pointers: &Pointers,
    ) -> Result<ChunkedLayout> {
        let filtered = !from.filters.filters.is_empty();
        let dims = from.dataspace.dims.as_slice();
        let index = ChunkIndex::new(old, dims, &from.max_dims(), filtered)?;
        let mut editing = ChunkIndexEditor::open(editor, new.clone(), &to.max_dims(), filtered)?;
        if new.index == ChunkIndexKind::Implicit && old.address.is_some() {
            editing.create(editor)?;
        }
        let low = alloc::vec![0; dims.len()];
        let high: Vec<u64> = dims.iter().zip(&old.chunk).map(|(&dim, &chunk)| dim.div_ceil(chunk.max(1))).collect();
        let ctx = self.source.ctx();
        let (mut buffer, mut scratch) = (Vec::new(), Scratch::new());
        index.visit(ctx, &low, &high, &mut |record| {
            buffer.resize(to_usize(record.size)?, 0);
            ctx.raw_into(record.address, &mut buffer, "chunk")?;
            let mut mask = record.filter_mask;
            if !pointers.is_empty() {
                let edge = old.unfiltered_edges() && is_edge(&record, old, dims);
                mask = self.pointed(editor, (from, to), pointers, (&mut buffer, mask, edge), &mut scratch)?;
            }
            put(editor, &mut editing, record.scaled, &buffer, mask)?;
            self.moved(record.size);
            Ok(())
        })?;
        Ok(editing.finish(editor)?.clone())
    }

    /// Decodes a chunk, lets its elements point at copies, and encodes it again: its new mask.
    fn pointed(
        &mut self,
        editor: &mut Editor,
        (from, to): (&StoredDataset, &StoredDataset),
        pointers: &Pointers,
        (chunk, mask, edge): (&mut Vec<u8>, u32, bool),
        scratch: &mut Scratch,
    ) -> Result<u32> {
        let size = from.element_size();
        if from.filters.filters.is_empty() || edge {
            self.values(editor, pointers, chunk, size)?;
            return Ok(mask);
        }
        let Storage::Chunked(layout) = &from.layout.storage else { return Ok(mask) };
        let len = to_usize(layout.chunk_bytes().unwrap_or(u64::MAX))?;
        let pipeline = from.pipeline.as_ref().map_err(Clone::clone)?;
        let stored = core::mem::take(chunk);
        let mut plain = pipeline.decode_with(stored.into(), mask, len, scratch)?.into_owned();
        self.values(editor, pointers, &mut plain, size)?;
        let encoded = to.pipeline.as_ref().map_err(Clone::clone)?.encode(&plain, scratch)?;
        *chunk = encoded.bytes;
        Ok(encoded.mask)
    }

    /// Elements read and written again, as the copy stores them.
    fn again(
        &mut self,
        editor: &mut Editor,
        from: &StoredDataset,
        pointers: &Pointers,
        copy: &mut ObjectHeader,
    ) -> Result<()> {
        let dims = from.dataspace.dims.clone();
        let Some(&rows) = dims.first() else { return Ok(()) };
        let to = StoredDataset::load(&self.target, copy)?;
        let row = box_bytes(dims.iter().skip(1).copied(), from.element_size() as u64).unwrap_or(u64::MAX).max(1);
        let chunk = |d: &StoredDataset| match &d.layout.storage {
            Storage::Chunked(layout) => layout.chunk.first().copied().unwrap_or(1),
            _ => 1,
        };
        // Whole rows of new chunks, so that none is written twice.
        let step = SLAB.checked_div(row).unwrap_or(1).max(chunk(from)).max(1).next_multiple_of(chunk(&to).max(1));
        let reader = Reader { core: self.source, dataset: from, depth: 0 };
        let stored = if self.watch.is_some() { reader.storage_size()? } else { 0 };
        let (mut done, mut moved) = (0u64, 0u64);
        while done < rows {
            let count = step.min(rows.saturating_sub(done));
            let mut axes: Vec<Axis> = dims.iter().map(|&dim| Axis::all(dim)).collect();
            if let Some(first) = axes.first_mut() {
                *first = Axis::Steps { start: done, step: 1, count };
            }
            let mut bytes = reader.read(&axes)?;
            self.values(editor, pointers, &mut bytes, from.element_size())?;
            // The layout changes as chunks are written.
            let to = StoredDataset::load(&self.target, copy)?;
            raw::write(editor, copy, &to, &axes, &bytes)?;
            done = done.saturating_add(count);
            let so_far = u128::from(stored).saturating_mul(done.into()).checked_div(rows.into());
            let so_far = so_far.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(stored);
            self.moved(so_far.saturating_sub(core::mem::replace(&mut moved, so_far)));
        }
        Ok(())
    }
}

fn is_edge(record: &ChunkRecord<'_>, layout: &ChunkedLayout, dims: &[u64]) -> bool {
    record
        .scaled
        .iter()
        .zip(&layout.chunk)
        .zip(dims)
        .any(|((&at, &chunk), &dim)| at.checked_add(1).and_then(|at| at.checked_mul(chunk)).is_none_or(|end| end > dim))
}

/// Stores a chunk in new space.
fn put(
    editor: &mut Editor,
    index: &mut ChunkIndexEditor,
    scaled: &[u64],
    chunk: &[u8],
    filter_mask: u32,
) -> Result<()> {
    let size = chunk.len() as u64;
    if index.layout().index == ChunkIndexKind::Implicit {
        return match index.lookup(editor, scaled)? {
            Some(place) => editor.write_raw(place.address, chunk),
            None => Ok(()),
        };
    }
    let address = editor.allocate(Purpose::RawData, size)?;
    editor.write_raw(address, chunk)?;
    index.set(editor, scaled, StoredChunk { address, size, filter_mask })?;
    Ok(())
}
