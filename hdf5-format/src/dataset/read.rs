//! Reading a selection of a dataset into one buffer of stored elements.

use super::axes::{Axis, box_bytes, copy_box};
use super::chunked::ChunkedReader;
use super::contiguous::{self, Linear};
use super::external::{self, ExternalSlot, ExternalStorage};
use super::file::FileCore;
use super::picks::Picks;
use super::spans;
use super::stored::StoredDataset;
use super::virtual_;
use super::virtual_picks;
use super::wanted::Asked;
use crate::codec::{Address, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::layout::{ChunkedLayout, Storage};
use crate::format::virtual_layout::VirtualMapping;
use crate::graph::FileContext;
use crate::graph::chunk_index::{ChunkIndex, ChunkRecord};
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A dataset and the file it lies in.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The file.
    pub core: &'a Arc<FileCore>,
    /// The dataset.
    pub dataset: &'a StoredDataset,
    /// Virtual datasets between this one and the one that was asked for.
    pub depth: usize,
}

impl Reader<'_> {
    /// The selected elements as stored, in the order of the selection.
    ///
    /// # Errors
    /// The selection does not fit, the result is larger than the limits allow, or the storage is damaged.
    pub fn read<'s>(&self, asked: impl Into<Asked<'s>>) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.read_into(asked, &mut out)?;
        Ok(out)
    }

    /// As [`Reader::read`], reusing a buffer, whose content is replaced.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn read_into<'s>(&self, asked: impl Into<Asked<'s>>, out: &mut Vec<u8>) -> Result<()> {
        let asked = asked.into();
        asked.check(&self.dataset.dataspace.dims)?;
        if self.dataset.dataspace.is_null() || asked.is_empty() {
            out.clear();
            return Ok(());
        }
        let bytes = to_usize(self.selected_bytes(asked)?)?;
        self.check_storage()?;
        if self.is_whole() && bytes <= out.capacity() {
            out.resize(bytes, 0);
        } else {
            fill(out, bytes, &self.dataset.fill_element())?;
        }
        self.stored(asked, out)
    }

    /// As [`Reader::read`], into zeroed memory of exactly the right size.
    ///
    /// # Errors
    /// As [`Reader::read`], and if the size is wrong.
    pub fn read_into_zeroed<'s>(&self, asked: impl Into<Asked<'s>>, out: &mut [u8]) -> Result<()> {
        self.read_over(asked.into(), out, false)
    }

    /// As [`Reader::read`], over whatever is in memory of exactly the right size.
    ///
    /// # Errors
    /// As [`Reader::read`], and if the size is wrong.
    pub fn read_into_slice<'s>(&self, asked: impl Into<Asked<'s>>, out: &mut [u8]) -> Result<()> {
        self.read_over(asked.into(), out, true)
    }

    fn read_over(&self, asked: Asked<'_>, out: &mut [u8], used: bool) -> Result<()> {
        asked.check(&self.dataset.dataspace.dims)?;
        let bytes = asked.bytes(self.dataset.element_size()).filter(|_| !self.dataset.dataspace.is_null());
        if bytes.unwrap_or(0) != out.len() as u64 {
            let message = alloc::format!("{} bytes of memory for {} bytes of elements", out.len(), bytes.unwrap_or(0));
            return Err(Error::new(ErrorKind::Shape, message));
        }
        if out.is_empty() {
            return Ok(());
        }
        self.check_storage()?;
        if self.is_whole() {
            return self.stored(asked, out);
        }
        let element = self.dataset.fill_element();
        if element.iter().any(|&b| b != 0) {
            out.chunks_exact_mut(element.len().max(1)).for_each(|to| to.copy_from_slice(&element));
        } else if used {
            out.fill(0);
        }
        self.stored(asked, out)
    }

    /// True if every element is stored, so that nothing is left of what was in memory before.
    fn is_whole(&self) -> bool {
        match self.dataset.layout.storage {
            Storage::Compact { .. } => true,
            Storage::Contiguous { address, .. } => address.is_some() && self.dataset.external.is_none(),
            Storage::Chunked(_) | Storage::Virtual { .. } => false,
        }
    }

    /// Bytes that a selection reads.
    ///
    /// # Errors
    /// More than the limits allow.
    pub fn selected_bytes<'s>(&self, asked: impl Into<Asked<'s>>) -> Result<u64> {
        let limit = self.core.ctx().limits().read_bytes;
        let bytes = asked.into().bytes(self.dataset.element_size());
        bytes
            .filter(|&b| b <= limit)
            .ok_or_else(|| Error::limit("read_bytes", limit, bytes.unwrap_or(u64::MAX)).with_hint("read a part of it"))
    }

    /// Number of allocated chunks; `None` if the dataset is not chunked.
    ///
    /// # Errors
    /// The chunk index is damaged.
    pub fn num_chunks(&self) -> Result<Option<u64>> {
        match &self.dataset.layout.storage {
            Storage::Chunked(layout) => Ok(Some(self.index(layout)?.totals(self.core.ctx())?.0)),
            _ => Ok(None),
        }
    }

    /// Visits the allocated chunks of a box, `low` to before `high` in units of chunks; none if the dataset is not
    /// chunked.
    ///
    /// # Errors
    /// The chunk index is damaged, or `visit` fails.
    pub fn visit_chunks(
        &self,
        low: &[u64],
        high: &[u64],
        visit: &mut dyn FnMut(ChunkRecord<'_>) -> Result<()>,
    ) -> Result<()> {
        match &self.dataset.layout.storage {
            Storage::Chunked(layout) => self.index(layout)?.visit(self.core.ctx(), low, high, visit),
            _ => Ok(()),
        }
    }

    /// Bytes that the elements take in the file.
    ///
    /// # Errors
    /// The chunk index is damaged.
    pub fn storage_size(&self) -> Result<u64> {
        match &self.dataset.layout.storage {
            Storage::Compact { data, .. } => Ok(data.len() as u64),
            Storage::Contiguous { address: None, .. } if self.dataset.external.is_none() => Ok(0),
            Storage::Contiguous { size: Some(size), .. } => Ok(*size),
            Storage::Contiguous { .. } => Ok(self.logical_bytes().unwrap_or(u64::MAX)),
            Storage::Chunked(layout) => Ok(self.index(layout)?.totals(self.core.ctx())?.1),
            Storage::Virtual { .. } => Ok(0),
        }
    }

    /// The external files of the dataset, in the order of the data they hold; none for most datasets.
    ///
    /// # Errors
    /// The heap with their names is damaged.
    pub fn external_slots(&self) -> Result<Vec<ExternalSlot>> {
        external::slots(self.core.ctx(), self.dataset.external.as_ref())
    }

    /// The mappings of a virtual dataset; none for others.
    ///
    /// # Errors
    /// The heap object that holds them is damaged.
    pub fn virtual_mappings(&self) -> Result<Vec<VirtualMapping>> {
        match self.dataset.layout.storage {
            Storage::Virtual { mappings: Some((address, index)) } => {
                virtual_::mappings(self.core.ctx(), address, index)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The extent of the source of an unlimited mapping, if it can be opened.
    pub fn source_extent(&self, mapping: &VirtualMapping) -> Option<Vec<u64>> {
        if !crate::dataspace::is_unlimited(&mapping.source_selection) {
            return None;
        }
        let (file, path) = (&mapping.source_file, &mapping.source_dataset);
        let source = virtual_::source(self.core, file, path, self.depth).ok()??;
        Some(source.dataset.dataspace.dims)
    }

    fn logical_bytes(&self) -> Option<u64> {
        box_bytes(self.dataset.dataspace.dims.iter().copied(), self.dataset.element_size() as u64)
    }

    fn index<'l>(&self, layout: &'l ChunkedLayout) -> Result<ChunkIndex<'l>> {
        let (dims, max) = (&self.dataset.dataspace.dims, self.dataset.max_dims());
        ChunkIndex::new(layout, dims, &max, !self.dataset.filters.filters.is_empty())
    }

    /// Refuses, before memory is taken for it, storage that can not hold what the extent says.
    pub(super) fn check_storage(&self) -> Result<()> {
        let needed = self.logical_bytes();
        let ctx = self.core.ctx();
        match &self.dataset.layout.storage {
            Storage::Contiguous { address: Some(address), .. } if self.dataset.external.is_none() => {
                ctx.check(*address, needed.unwrap_or(u64::MAX), "contiguous data")
            }
            Storage::Compact { data, offset } if needed.is_none_or(|n| n > data.len() as u64) => {
                let needed = needed.unwrap_or(u64::MAX);
                let message = alloc::format!("expected {needed} bytes, found {}", data.len());
                Err(Error::corrupt("compact data", *offset, message))
            }
            _ => Ok(()),
        }
    }

    /// Copies what is stored over the fill values in `out`.
    fn stored(&self, asked: Asked<'_>, out: &mut [u8]) -> Result<()> {
        match asked {
            Asked::Axes(axes) => self.stored_axes(axes, out),
            Asked::Picks(picks) => self.stored_picks(picks, out),
            Asked::Ordered(ordered) => {
                let sorted = self.read(ordered.axes())?;
                let (from, to) = ordered.dims()?;
                copy_box(&sorted, &from, out, &to, &ordered.parts()?, self.dataset.element_size());
                Ok(())
            }
        }
    }

    fn stored_picks(&self, picks: &Picks, out: &mut [u8]) -> Result<()> {
        let read =
            |source: &dyn Linear, out: &mut [u8]| spans::read(source, picks.list(), self.dataset.element_size(), out);
        match &self.dataset.layout.storage {
            Storage::Compact { data, offset } => read(&CompactStorage { data, offset: *offset }, out),
            Storage::Contiguous { .. } if self.dataset.external.is_some() => {
                let slots = self.external_slots()?;
                read(&ExternalStorage { core: self.core, slots: &slots }, out)
            }
            Storage::Contiguous { address: None, .. } => Ok(()),
            Storage::Contiguous { address: Some(address), .. } => {
                read(&FileStorage { ctx: self.core.ctx(), address: *address }, out)
            }
            Storage::Chunked(layout) => self.chunked(layout)?.read_picks(picks, out),
            Storage::Virtual { .. } => virtual_picks::read(self, picks, out),
        }
    }

    fn chunked<'l>(&'l self, layout: &'l ChunkedLayout) -> Result<ChunkedReader<'l>> {
        let (ctx, dims, cache) = (self.core.ctx(), &self.dataset.dataspace.dims, &self.dataset.cache);
        let pipeline = self.dataset.pipeline.as_ref().map_err(Clone::clone)?;
        let (index, element) = (self.index(layout)?, self.dataset.element_size());
        Ok(ChunkedReader { ctx, layout, dims, index, pipeline, cache, element })
    }

    fn stored_axes(&self, axes: &[Axis], out: &mut [u8]) -> Result<()> {
        let ctx = self.core.ctx();
        let (dims, element) = (&self.dataset.dataspace.dims, self.dataset.element_size());
        match &self.dataset.layout.storage {
            Storage::Compact { data, offset } => {
                let source = CompactStorage { data, offset: *offset };
                contiguous::read(&source, dims, axes, element, out)
            }
            Storage::Contiguous { .. } if self.dataset.external.is_some() => {
                let slots = self.external_slots()?;
                contiguous::read(&ExternalStorage { core: self.core, slots: &slots }, dims, axes, element, out)
            }
            Storage::Contiguous { address: None, .. } => Ok(()),
            Storage::Contiguous { address: Some(address), .. } => {
                contiguous::read(&FileStorage { ctx, address: *address }, dims, axes, element, out)
            }
            Storage::Chunked(layout) => self.chunked(layout)?.read(axes, out),
            Storage::Virtual { .. } => virtual_::read(self, axes, out),
        }
    }
}

/// Elements in one run of the file.
struct FileStorage<'a> {
    ctx: &'a FileContext,
    address: Address,
}

impl FileStorage<'_> {
    fn at(&self, start: u64) -> Address {
        Address(self.address.0.saturating_add(start))
    }
}

impl Linear for FileStorage<'_> {
    fn bytes(&self, start: u64, len: u64) -> Result<Cow<'_, [u8]>> {
        self.ctx.raw(self.at(start), len, "contiguous data")
    }

    fn fill(&self, start: u64, buf: &mut [u8]) -> Result<()> {
        self.ctx.raw_into(self.at(start), buf, "contiguous data")
    }
}

/// Elements in the object header.
struct CompactStorage<'a> {
    data: &'a [u8],
    offset: u64,
}

impl Linear for CompactStorage<'_> {
    fn bytes(&self, start: u64, len: u64) -> Result<Cow<'_, [u8]>> {
        let range = to_usize(start)?..to_usize(start.saturating_add(len))?;
        let bytes =
            self.data.get(range).ok_or_else(|| Error::corrupt("compact data", self.offset, "ends too early"))?;
        Ok(Cow::Borrowed(bytes))
    }

    fn fill(&self, start: u64, buf: &mut [u8]) -> Result<()> {
        buf.copy_from_slice(&self.bytes(start, buf.len() as u64)?);
        Ok(())
    }
}

/// Replaces the content of `out` by `bytes` bytes of repeated elements.
fn fill(out: &mut Vec<u8>, bytes: usize, element: &[u8]) -> Result<()> {
    if out.capacity() < bytes {
        // Fresh zeroed memory costs nothing until it is touched.
        *out = Vec::new();
        out.try_reserve_exact(bytes).map_err(|_| Error::limit("memory", 0, bytes as u64))?;
        if element.iter().all(|&b| b == 0) {
            *out = alloc::vec![0; bytes];
            return Ok(());
        }
    }
    out.clear();
    if element.iter().all(|&b| b == 0) {
        out.resize(bytes, 0);
    }
    while out.len() < bytes {
        // Doubling: few copies for a run of any length.
        let copied = out.len();
        if copied == 0 {
            out.extend_from_slice(element.get(..bytes.min(element.len())).unwrap_or(&[]));
        } else {
            out.extend_from_within(..copied.min(bytes.saturating_sub(copied)));
        }
    }
    Ok(())
}
