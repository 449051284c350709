//! Chunks: decoded, changed, encoded again, and put where there is room.

use super::picks::paste;
use super::*;
use crate::dataset::axes::{AxisPart, PartSteps};
use crate::dataset::picks::{Pick, Picks};
use crate::dataset::pieces::{Piece, Pieces};
use crate::edit::chunk_index::{ChunkIndexEditor, StoredChunk};
use crate::edit::datasets::{set_dataspace, set_layout};
use crate::filter::{Pipeline, Scratch};
use crate::format::message::MessageKind;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::layout::{ChunkIndexKind, ChunkedLayout};
use crate::graph::shared;

/// Writes the selected elements into all chunks that have any of them.
pub(super) fn write(
    editor: &mut Editor,
    header: &mut ObjectHeader,
    dataset: &StoredDataset,
    layout: &ChunkedLayout,
    axes: &[Axis],
    bytes: &[u8],
) -> Result<()> {
    let mut writer = Writer::open(editor, dataset, layout)?;
    let done = writer.all(editor, axes, bytes);
    writer.finish(editor, header)?;
    done
}

/// Writes the picked elements into all chunks that have any of them, each of which is decoded and encoded once.
pub(super) fn write_picks(
    editor: &mut Editor,
    header: &mut ObjectHeader,
    dataset: &StoredDataset,
    layout: &ChunkedLayout,
    picks: &Picks,
    bytes: &[u8],
) -> Result<()> {
    let mut writer = Writer::open(editor, dataset, layout)?;
    let done = writer.all_picks(editor, picks, bytes);
    writer.finish(editor, header)?;
    done
}

/// Makes all chunks of the extent that are not there.
pub(super) fn allocate(
    editor: &mut Editor,
    header: &mut ObjectHeader,
    dataset: &StoredDataset,
    layout: &ChunkedLayout,
) -> Result<()> {
    let mut writer = Writer::open(editor, dataset, layout)?;
    let last = dataset.dataspace.dims.iter().zip(&layout.chunk);
    let last = last.map(|(&dim, &chunk)| dim.checked_sub(1)?.checked_div(chunk)).collect::<Option<Vec<u64>>>();
    let Some(last) = last else { return Ok(()) };
    let bounds: Vec<(u64, u64)> = last.into_iter().map(|last| (0, last)).collect();
    let len = to_usize(layout.chunk_bytes().unwrap_or(u64::MAX))?;
    each_position(&bounds, &mut |scaled| {
        let old = writer.index.lookup(editor, scaled)?;
        if old.is_some() && layout.index != ChunkIndexKind::Implicit {
            return Ok(());
        }
        let (plain, edge) = (writer.filled(len)?, writer.is_unfiltered_edge(scaled));
        writer.put(editor, scaled, old, plain, edge)
    })?;
    writer.finish(editor, header)
}

/// Visits all positions between bounds, both included, the last dimension first.
fn each_position(bounds: &[(u64, u64)], visit: &mut dyn FnMut(&[u64]) -> Result<()>) -> Result<()> {
    let mut scaled: Vec<u64> = bounds.iter().map(|&(low, _)| low).collect();
    loop {
        visit(&scaled)?;
        let mut dim = scaled.len();
        loop {
            let Some(before) = dim.checked_sub(1) else { return Ok(()) };
            dim = before;
            let (Some(at), Some(&(low, high))) = (scaled.get_mut(dim), bounds.get(dim)) else { return Ok(()) };
            if *at < high {
                *at = at.saturating_add(1);
                break;
            }
            *at = low;
        }
    }
}

/// The box of a chunk that a selection reaches into, whose elements follow each other.
struct Reach {
    /// Its first element in the chunk.
    first: usize,
    /// Its shape.
    dims: Vec<usize>,
    /// The selection within it.
    parts: Vec<AxisPart>,
}

impl Reach {
    fn of(parts: &[AxisPart], chunk: &[usize]) -> Self {
        let mut reach = Reach { first: 0, dims: chunk.to_vec(), parts: parts.to_vec() };
        let mut below = chunk.iter().fold(1usize, |n, &d| n.saturating_mul(d));
        for (part, dim) in reach.parts.iter_mut().zip(&mut reach.dims) {
            let Some((low, high)) = part.at.bounds() else { break };
            below = below.checked_div(*dim).unwrap_or(0);
            reach.first = reach.first.saturating_add(low.saturating_mul(below));
            part.at = part.at.counted_from(low);
            *dim = high.saturating_sub(low).saturating_add(1);
            // Elements of several rows follow each other only if the rows are whole.
            if *dim > 1 {
                break;
            }
        }
        reach
    }

    /// True if all of it is selected.
    fn is_dense(&self) -> bool {
        self.parts.iter().zip(&self.dims).all(|(part, &dim)| part.at.len() == dim)
    }
}

struct Writer<'a> {
    dataset: &'a StoredDataset,
    layout: &'a ChunkedLayout,
    pipeline: &'a Pipeline,
    index: ChunkIndexEditor,
    scratch: Scratch,
}

impl<'a> Writer<'a> {
    fn open(editor: &Editor, dataset: &'a StoredDataset, layout: &'a ChunkedLayout) -> Result<Self> {
        let filtered = !dataset.filters.filters.is_empty();
        let index = ChunkIndexEditor::open(editor, layout.clone(), &dataset.max_dims(), filtered)?;
        let pipeline = dataset.pipeline.as_ref().map_err(Clone::clone)?;
        Ok(Writer { dataset, layout, pipeline, index, scratch: Scratch::new() })
    }

    fn all_picks(&mut self, editor: &mut Editor, picks: &Picks, bytes: &[u8]) -> Result<()> {
        let dims = &self.dataset.dataspace.dims;
        let (element, layout) = (self.dataset.element_size(), self.layout);
        let mut pieces = Pieces::new(picks.list(), dims, &layout.chunk);
        loop {
            let batch = pieces.next_batch();
            if batch.is_empty() {
                return Ok(());
            }
            for chunk in batch.chunk_by(|a, b| a.chunk == b.chunk) {
                let Some(number) = chunk.first().map(|p| p.chunk) else { continue };
                let scaled = pieces.scaled(number);
                let inside = dims
                    .iter()
                    .zip(&scaled)
                    .zip(&layout.chunk)
                    .map(|((&dim, &at), &chunk)| dim.saturating_sub(at.saturating_mul(chunk)).min(chunk));
                let given = chunk.iter().fold(0u64, |n, p| n.saturating_add(p.len));
                let whole = inside.fold(1, u64::saturating_mul) <= given;
                self.change(editor, &scaled, whole, &mut |plain| {
                    let own = |p: &Piece| Pick { place: p.at, len: p.len, out: p.out };
                    paste(&chunk.iter().map(own).collect::<Vec<_>>(), 0, plain, bytes, element);
                })?;
            }
        }
    }

    fn all(&mut self, editor: &mut Editor, axes: &[Axis], bytes: &[u8]) -> Result<()> {
        let from_dims = axes.iter().map(|a| to_usize(a.len())).collect::<Result<Vec<_>>>()?;
        let bounds: Option<Vec<(u64, u64)>> = axes
            .iter()
            .zip(&self.layout.chunk)
            .map(|(axis, &chunk)| {
                let (low, high) = axis.bounds()?;
                Some((low.checked_div(chunk)?, high.checked_div(chunk)?))
            })
            .collect();
        let Some(bounds) = bounds else { return Ok(()) };
        each_position(&bounds, &mut |scaled| match self.parts(axes, scaled) {
            Some(parts) => self.chunk(editor, scaled, &parts, &from_dims, bytes),
            None => Ok(()),
        })
    }

    /// Writes the index, and the layout where it changed.
    fn finish(&mut self, editor: &mut Editor, header: &mut ObjectHeader) -> Result<()> {
        let new = self.index.finish(editor)?.clone();
        if new != *self.layout {
            let layout = DataLayout { version: new.version, storage: Storage::Chunked(new) };
            set_layout(editor, header, &layout)?;
            header::store(editor, header)?;
        }
        Ok(())
    }

    /// What of a chunk is selected.
    fn parts(&self, axes: &[Axis], scaled: &[u64]) -> Option<Vec<AxisPart>> {
        let chunks = axes.iter().zip(scaled).zip(&self.layout.chunk);
        chunks
            .map(|((axis, &at), &chunk)| {
                let low = at.checked_mul(chunk)?;
                axis.within(low, low.saturating_add(chunk))
            })
            .collect()
    }

    /// True if a chunk's elements within the extent are all selected.
    fn is_whole(&self, parts: &[AxisPart], scaled: &[u64]) -> bool {
        let dims = &self.dataset.dataspace.dims;
        parts.iter().zip(scaled).zip(&self.layout.chunk).zip(dims).all(|(((part, &at), &chunk), &dim)| {
            part.at.len() as u64 >= dim.saturating_sub(at.saturating_mul(chunk)).min(chunk)
        })
    }

    fn chunk(
        &mut self,
        editor: &mut Editor,
        scaled: &[u64],
        parts: &[AxisPart],
        from_dims: &[usize],
        bytes: &[u8],
    ) -> Result<()> {
        let element = self.dataset.element_size();
        let to_dims = self.layout.chunk.iter().map(|&c| to_usize(c)).collect::<Result<Vec<_>>>()?;
        let whole = self.is_whole(parts, scaled);
        if !whole && let Some(place) = self.place_of_bytes(editor, scaled)? {
            let reach = Reach::of(parts, &to_dims);
            let at = Address(place.0.saturating_add(reach.first.saturating_mul(element) as u64));
            let len = reach.dims.iter().fold(element, |n, &d| n.saturating_mul(d));
            let mut span = if reach.is_dense() { alloc::vec![0; len] } else { editor.read(at, len as u64, "chunk")? };
            paste_box(bytes, from_dims, &mut span, &reach.dims, &reach.parts, element);
            return editor.write_raw(at, &span);
        }
        self.change(editor, scaled, whole, &mut |plain| paste_box(bytes, from_dims, plain, &to_dims, parts, element))
    }

    /// Where a chunk's bytes may be changed in place: they are stored as they are, and no committed state sees them or it
    /// has no other place.
    fn place_of_bytes(&mut self, editor: &mut Editor, scaled: &[u64]) -> Result<Option<Address>> {
        if !self.pipeline.is_empty() && !self.is_unfiltered_edge(scaled) {
            return Ok(None);
        }
        let bytes = self.layout.chunk_bytes();
        let old = self.index.lookup(editor, scaled)?.filter(|old| Some(old.size) == bytes);
        let implicit = self.layout.index == ChunkIndexKind::Implicit;
        Ok(old.filter(|old| implicit || editor.is_fresh(old.address, old.size)).map(|old| old.address))
    }

    /// Puts elements into a chunk, which are the `whole` of it or are laid over what is there.
    fn change(
        &mut self,
        editor: &mut Editor,
        scaled: &[u64],
        whole: bool,
        paste: &mut dyn FnMut(&mut [u8]),
    ) -> Result<()> {
        let old = self.index.lookup(editor, scaled)?;
        let chunk_bytes = to_usize(self.layout.chunk_bytes().unwrap_or(u64::MAX))?;
        let unfiltered = self.is_unfiltered_edge(scaled);
        let mut plain = match old.filter(|_| !whole) {
            Some(old) => self.decoded(editor, old, chunk_bytes, unfiltered)?,
            None => self.filled(chunk_bytes)?,
        };
        paste(&mut plain);
        self.put(editor, scaled, old, plain, unfiltered)
    }

    fn decoded(&mut self, editor: &Editor, old: StoredChunk, len: usize, unfiltered: bool) -> Result<Vec<u8>> {
        let stored = editor.read(old.address, old.size, "chunk")?;
        if self.pipeline.is_empty() || unfiltered {
            return Ok(stored);
        }
        let decoded = self.pipeline.decode_with(stored.into(), old.filter_mask, len, &mut self.scratch);
        decoded.map(|bytes| bytes.into_owned()).map_err(|e| e.within("chunk").at(editor.ctx().absolute(old.address)))
    }

    fn filled(&self, len: usize) -> Result<Vec<u8>> {
        let element = self.dataset.fill_element();
        let mut plain = alloc::vec![0; len];
        if element.iter().any(|&b| b != 0) {
            plain.chunks_exact_mut(element.len().max(1)).for_each(|to| to.copy_from_slice(&element));
        }
        Ok(plain)
    }

    /// Stores a chunk: where it was if no committed state sees that and it fits exactly, else in new space.
    fn put(
        &mut self,
        editor: &mut Editor,
        scaled: &[u64],
        old: Option<StoredChunk>,
        plain: Vec<u8>,
        unfiltered: bool,
    ) -> Result<()> {
        let (stored, filter_mask) = if self.pipeline.is_empty() || unfiltered {
            (plain, 0)
        } else {
            let encoded = self.pipeline.encode(&plain, &mut self.scratch)?;
            (encoded.bytes, encoded.mask)
        };
        let size = stored.len() as u64;
        let implicit = self.layout.index == ChunkIndexKind::Implicit;
        if let Some(old) = old
            && old.size == size
            && (implicit || editor.is_fresh(old.address, size))
        {
            editor.write_raw(old.address, &stored)?;
            if old.filter_mask != filter_mask {
                self.index.set(editor, scaled, StoredChunk { filter_mask, ..old })?;
            }
            return Ok(());
        }
        if implicit {
            self.index.create(editor)?;
            return match self.index.lookup(editor, scaled)? {
                Some(place) => editor.write_raw(place.address, &stored),
                None => Ok(()),
            };
        }
        let address = editor.allocate(Purpose::RawData, size)?;
        editor.write_raw(address, &stored)?;
        if let Some(old) = self.index.set(editor, scaled, StoredChunk { address, size, filter_mask })? {
            editor.release(Purpose::RawData, old.address, old.size);
        }
        Ok(())
    }

    /// True for a chunk that sticks out of the current extent, in a layout that stores such chunks unfiltered.
    fn is_unfiltered_edge(&self, scaled: &[u64]) -> bool {
        self.is_edge_in(&self.dataset.dataspace.dims, scaled)
    }

    fn is_edge_in(&self, dims: &[u64], scaled: &[u64]) -> bool {
        self.layout.unfiltered_edges()
            && scaled.iter().zip(&self.layout.chunk).zip(dims).any(|((&at, &chunk), &dim)| {
                at.checked_add(1).and_then(|at| at.checked_mul(chunk)).is_none_or(|end| end > dim)
            })
    }
}

/// Gives a dataset another extent. Chunks past it go; in chunks that now stick out, what is past it is the fill value,
/// so that it shows should the extent grow again.
///
/// # Errors
/// The extent does not fit the maximal one, the dataset is not chunked, or its storage is damaged.
pub(crate) fn resize(
    editor: &mut Editor,
    header: &mut ObjectHeader,
    dataset: &StoredDataset,
    dims: &[u64],
) -> Result<()> {
    let (old, max) = (&dataset.dataspace.dims, dataset.max_dims());
    if dims.len() != old.len() {
        let text = alloc::format!("a shape of {} dimensions for a dataset of {}", dims.len(), old.len());
        return Err(Error::new(ErrorKind::Shape, text));
    }
    for (i, (&new, max)) in dims.iter().zip(&max).enumerate() {
        if let Some(max) = max.filter(|&max| max < new) {
            let text = alloc::format!("dimension {i} can not have length {new}: its maximum is {max}");
            return Err(Error::new(ErrorKind::Shape, text).with_hint("maxshape is fixed when a dataset is made"));
        }
    }
    if dims == old.as_slice() {
        return Ok(());
    }
    let Storage::Chunked(layout) = &dataset.layout.storage else {
        return Err(Error::new(ErrorKind::Invalid, "only a chunked dataset can be resized"));
    };
    // Chunks stay as they are where the extent only grows, unless those at the edge are stored in another way.
    if layout.unfiltered_edges() || dims.iter().zip(old).any(|(new, old)| new < old) {
        let mut writer = Writer::open(editor, dataset, layout)?;
        writer.resize(editor, dims)?;
        writer.finish(editor, header)?;
    }
    set_dataspace(editor, header, &Dataspace { dims: dims.to_vec(), ..dataset.dataspace.clone() })?;
    header::store(editor, header)
}

impl Writer<'_> {
    fn resize(&mut self, editor: &mut Editor, dims: &[u64]) -> Result<()> {
        let old = self.dataset.dataspace.dims.clone();
        let mut changed: Vec<Vec<u64>> = Vec::new();
        for (dim, (&now, &new)) in old.iter().zip(dims).enumerate() {
            let Some(&chunk) = self.layout.chunk.get(dim) else { continue };
            // The chunks that the old or the new end of this dimension goes through.
            let ends = if self.layout.unfiltered_edges() { [now, new] } else { [new, new] };
            for end in ends.iter().take(if ends[0] == ends[1] { 1 } else { 2 }) {
                let through = end.checked_rem(chunk).is_some_and(|rest| rest > 0);
                if now != new && through && (new < now || self.layout.unfiltered_edges()) {
                    self.slab(editor, dim, end.checked_div(chunk).unwrap_or(0), &mut changed)?;
                }
            }
        }
        changed.sort();
        changed.dedup();
        self.index.prune(editor, dims, &mut |editor, _, chunk| {
            editor.release(Purpose::RawData, chunk.address, chunk.size);
            Ok(())
        })?;
        changed.iter().try_for_each(|scaled| self.cut(editor, scaled, dims))
    }

    /// Positions of the allocated chunks with this coordinate along one dimension.
    fn slab(&mut self, editor: &mut Editor, dim: usize, at: u64, found: &mut Vec<Vec<u64>>) -> Result<()> {
        let rank = self.layout.chunk.len();
        let (mut low, mut high) = (alloc::vec![0; rank], alloc::vec![u64::MAX; rank]);
        if let (Some(low), Some(high)) = (low.get_mut(dim), high.get_mut(dim)) {
            (*low, *high) = (at, at.saturating_add(1));
        }
        self.index.visit(editor, &low, &high, &mut |_, scaled, _| {
            found.push(scaled.to_vec());
            Ok(())
        })
    }

    /// Puts the fill value past the new extent into a chunk, and stores it as that extent asks for.
    fn cut(&mut self, editor: &mut Editor, scaled: &[u64], dims: &[u64]) -> Result<()> {
        let Some(old) = self.index.lookup(editor, scaled)? else { return Ok(()) };
        let chunk_bytes = to_usize(self.layout.chunk_bytes().unwrap_or(u64::MAX))?;
        let (was, is) = (self.is_edge_in(&self.dataset.dataspace.dims, scaled), self.is_edge_in(dims, scaled));
        let mut plain = self.decoded(editor, old, chunk_bytes, was)?;
        let lengths = self.layout.chunk.iter().map(|&c| to_usize(c)).collect::<Result<Vec<_>>>()?;
        let element = self.dataset.element_size();
        for (dim, ((&at, &chunk), &end)) in scaled.iter().zip(&self.layout.chunk).zip(dims).enumerate() {
            let inside = to_usize(end.saturating_sub(at.saturating_mul(chunk)).min(chunk))?;
            let mut from = lengths.clone();
            let mut parts: Vec<AxisPart> = lengths
                .iter()
                .map(|&count| AxisPart { out: 0, at: PartSteps::Regular { first: 0, step: 1, count } })
                .collect();
            let (Some(part), Some(count)) = (parts.get_mut(dim), from.get_mut(dim)) else { continue };
            *count = count.saturating_sub(inside);
            if *count == 0 {
                continue;
            }
            part.at = PartSteps::Regular { first: inside, step: 1, count: *count };
            let fill = self.filled(from.iter().product::<usize>().saturating_mul(element))?;
            paste_box(&fill, &from, &mut plain, &lengths, &parts, element);
        }
        self.put(editor, scaled, Some(old), plain, is)
    }
}

/// Gives back all chunks and their index.
pub(crate) fn release(editor: &mut Editor, header: &ObjectHeader, layout: &ChunkedLayout) -> Result<()> {
    let ctx = editor.ctx();
    let Some(space) = header.find(MessageKind::Dataspace) else { return Ok(()) };
    let space = shared::resolve(ctx, space)?;
    let space = Dataspace::parse(&mut space.cursor(ctx.sizes(), "dataspace"))?;
    let filtered = header.has(MessageKind::FilterPipeline);
    let index = ChunkIndexEditor::open(editor, layout.clone(), &space.max_dims(), filtered)?;
    index.delete(editor, &mut |editor, _, chunk| {
        editor.ctx().check(chunk.address, chunk.size, "chunk")?;
        editor.release(Purpose::RawData, chunk.address, chunk.size);
        Ok(())
    })
}
