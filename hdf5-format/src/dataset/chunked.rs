//! Reading chunked storage: find the chunks of a selection, decode them on all cores, scatter.

use super::axes::{Axis, AxisPart, copy_box};
use super::cache::ChunkCache;
use super::picks::{Picks, Runs};
use crate::codec::{Address, to_usize};
use crate::error::{Error, Result};
use crate::filter::{Pipeline, Scratch};
use crate::format::message::layout::ChunkedLayout;
use crate::graph::FileContext;
use crate::graph::chunk_index::{ChunkIndex, ChunkRecord};
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;

mod picks;

/// Chunks that are looked up before they are read.
const BATCH: usize = 4096;

/// Chunks of the box of a selection for each of its elements, from which on they are looked up one by one.
const SPARSE: u64 = 64;

/// Structure name in errors.
const CHUNK: &str = "chunk";

/// One chunked dataset, ready to be read.
pub(super) struct ChunkedReader<'a> {
    pub(super) ctx: &'a FileContext,
    pub(super) layout: &'a ChunkedLayout,
    pub(super) dims: &'a [u64],
    pub(super) index: ChunkIndex<'a>,
    pub(super) pipeline: &'a Pipeline,
    pub(super) cache: &'a ChunkCache,
    /// Bytes of an element.
    pub(super) element: usize,
}

/// A stored chunk and what of it is wanted.
struct Job {
    /// What is wanted along each dimension; along the first, places count from the start of the chunk's band.
    parts_of_band: Vec<AxisPart>,
    /// First place along the first dimension of the output.
    first: usize,
    /// True if elements of the chunk within the extent are not wanted: a next read may want them.
    is_part: bool,
    address: Address,
    stored: u64,
    /// Filters skipped for this chunk; all of them for an unfiltered edge chunk.
    mask: u32,
    /// Bytes up to the end of the last element within the extent: some writers store no more.
    needed: usize,
}

impl Job {
    /// Place and length, along the first dimension of the output, of what the chunk fills.
    fn band(&self) -> (usize, usize) {
        (self.first, self.parts_of_band.first().map_or(1, |part| part.at.len()))
    }
}

/// Where chunks and what is wanted of them lie in memory.
struct Frame<'f> {
    chunk_bytes: u64,
    chunk_dims: &'f [usize],
    out_dims: &'f [usize],
    /// Output bytes of one coordinate of the first dimension.
    row_bytes: usize,
}

impl ChunkedReader<'_> {
    /// Copies the selected elements of all allocated chunks into `out`, whose other elements stay as they are.
    pub(super) fn read(&self, axes: &[Axis], out: &mut [u8]) -> Result<()> {
        let Some((low, high)) = self.chunk_box(axes) else { return Ok(()) };
        if self.is_sparse(axes, &low, &high) {
            return self.read_picks(&Picks::in_order(&Runs::of_axes(axes, self.dims)?), out);
        }
        let chunk_bytes = self.chunk_bytes()?;
        let out_dims = axes.iter().map(|a| to_usize(a.len())).collect::<Result<Vec<_>>>()?;
        let chunk_dims = self.layout.chunk.iter().map(|&c| to_usize(c)).collect::<Result<Vec<_>>>()?;
        let row_bytes = out.len().checked_div(out_dims.first().copied().unwrap_or(1)).unwrap_or(0);
        let frame = Frame { chunk_bytes, chunk_dims: &chunk_dims, out_dims: &out_dims, row_bytes };
        let mut jobs = Vec::new();
        self.index.visit(self.ctx, &low, &high, &mut |record| {
            jobs.extend(self.job(&record, axes));
            if jobs.len() < BATCH {
                return Ok(());
            }
            self.run(&mut jobs, &frame, out)?;
            jobs.clear();
            Ok(())
        })?;
        self.run(&mut jobs, &frame, out)
    }

    /// Reads chunks and puts what is wanted of them in its place. Chunks with the same first coordinate fill one band
    /// of the output, and bands are disjoint: threads work on them without sharing memory.
    fn run(&self, jobs: &mut [Job], frame: &Frame<'_>, out: &mut [u8]) -> Result<()> {
        jobs.sort_by_key(Job::band);
        let mut bands: Vec<(&[Job], &mut [u8])> = Vec::new();
        let (mut rest, mut at) = (out, 0usize);
        for band in jobs.chunk_by(|a, b| a.band() == b.band()) {
            let Some((first, count)) = band.first().map(Job::band) else { continue };
            let skip = first.saturating_sub(at).saturating_mul(frame.row_bytes);
            let len = count.saturating_mul(frame.row_bytes);
            let (_, tail) = rest.split_at_mut_checked(skip).unwrap_or((&mut [], &mut []));
            let (own, tail) = tail.split_at_mut_checked(len).unwrap_or((&mut [], &mut []));
            bands.push((band, own));
            (rest, at) = (tail, first.saturating_add(count));
        }
        #[cfg(feature = "parallel")]
        if bands.len() > 1 && !self.pipeline.is_empty() && rayon::current_num_threads() > 1 {
            use rayon::prelude::*;
            let bands = bands.into_par_iter().with_max_len(1);
            // All results are kept, so that the error is that of the first damaged chunk and not of the fastest thread.
            let run = |scratch: &mut Scratch, (jobs, out)| self.band(jobs, frame, out, scratch);
            let results: Vec<Result<()>> = bands.map_init(Scratch::new, run).collect();
            return results.into_iter().collect();
        }
        let mut scratch = Scratch::new();
        bands.into_iter().try_for_each(|(jobs, out)| self.band(jobs, frame, out, &mut scratch))
    }

    /// Reads the chunks of one band of the output.
    fn band(&self, jobs: &[Job], frame: &Frame<'_>, out: &mut [u8], scratch: &mut Scratch) -> Result<()> {
        let mut out_dims = frame.out_dims.to_vec();
        if let (Some(slot), Some(job)) = (out_dims.first_mut(), jobs.first()) {
            *slot = job.band().1;
        }
        let mut place = |job: &Job, bytes: &[u8]| {
            copy_box(bytes, frame.chunk_dims, out, &out_dims, &job.parts_of_band, self.element);
        };
        for job in jobs {
            if let Some(bytes) = self.cache.get(job.address) {
                place(job, &bytes);
                continue;
            }
            let bytes = self.decode(job, frame.chunk_bytes, scratch)?;
            place(job, &bytes);
            if job.is_part && !self.pipeline.is_empty() {
                self.cache.put(job.address, &Arc::new(bytes.into_owned()));
            } else {
                scratch.recycle(bytes);
            }
        }
        Ok(())
    }

    /// Bytes of a decoded chunk.
    fn chunk_bytes(&self) -> Result<u64> {
        let bytes = super::axes::box_bytes(self.layout.chunk.iter().copied(), self.element as u64);
        let limit = self.ctx.limits().chunk_bytes;
        match bytes {
            Some(bytes) if bytes <= limit => Ok(bytes),
            _ => Err(Error::limit("chunk_bytes", limit, bytes.unwrap_or(u64::MAX)).within(CHUNK)),
        }
    }

    /// Scaled coordinates of the chunks that the selection may touch: first and past the last.
    fn chunk_box(&self, axes: &[Axis]) -> Option<(Vec<u64>, Vec<u64>)> {
        let scaled = axes.iter().zip(&self.layout.chunk).map(|(axis, &chunk)| {
            let (first, last) = axis.bounds()?;
            Some((first.checked_div(chunk)?, last.checked_div(chunk)?.checked_add(1)?))
        });
        scaled.collect::<Option<Vec<_>>>().map(|pairs| pairs.into_iter().unzip())
    }

    /// True if the box of a selection has many more chunks than the selection has elements.
    fn is_sparse(&self, axes: &[Axis], low: &[u64], high: &[u64]) -> bool {
        let chunks = low.iter().zip(high).fold(1u64, |n, (l, h)| n.saturating_mul(h.saturating_sub(*l)));
        let elements = axes.iter().fold(1u64, |n, axis| n.saturating_mul(axis.len()));
        elements.saturating_mul(SPARSE) < chunks
    }

    fn job(&self, record: &ChunkRecord<'_>, axes: &[Axis]) -> Option<Job> {
        let mut parts = Vec::with_capacity(axes.len());
        for ((axis, &scaled), &chunk) in axes.iter().zip(record.scaled).zip(&self.layout.chunk) {
            let low = scaled.checked_mul(chunk)?;
            parts.push(axis.within(low, low.saturating_add(chunk))?);
        }
        let mask = if self.is_unfiltered_edge(record.scaled) { u32::MAX } else { record.filter_mask };
        let needed = self.needed(record.scaled);
        let is_part = self.is_part(record.scaled, &parts);
        let first = parts.first_mut().map_or(0, |part| core::mem::take(&mut part.out));
        let (address, stored) = (record.address, record.size);
        Some(Job { parts_of_band: parts, first, is_part, address, stored, mask, needed })
    }

    /// True if not all elements of a chunk that lie within the extent are wanted.
    fn is_part(&self, scaled: &[u64], parts: &[AxisPart]) -> bool {
        scaled.iter().zip(&self.layout.chunk).zip(self.dims).zip(parts).any(|(((&s, &chunk), &dim), part)| {
            (part.at.len() as u64) < dim.saturating_sub(s.saturating_mul(chunk)).min(chunk)
        })
    }

    /// Bytes of a chunk up to the end of its last element within the extent.
    fn needed(&self, scaled: &[u64]) -> usize {
        let last = scaled.iter().zip(&self.layout.chunk).zip(self.dims).fold(0u64, |n, ((&s, &chunk), &dim)| {
            let inside = dim.saturating_sub(s.saturating_mul(chunk)).min(chunk);
            n.saturating_mul(chunk).saturating_add(inside.saturating_sub(1))
        });
        let bytes = last.saturating_add(1).saturating_mul(self.element as u64);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// True for a chunk that sticks out of the current extent, in a layout that stores such chunks unfiltered.
    fn is_unfiltered_edge(&self, scaled: &[u64]) -> bool {
        self.layout.unfiltered_edges()
            && scaled.iter().zip(&self.layout.chunk).zip(self.dims).any(|((&s, &chunk), &dim)| {
                s.checked_add(1).and_then(|s| s.checked_mul(chunk)).is_none_or(|end| end > dim)
            })
    }

    /// The stored bytes of a chunk: a view, or a copy in a buffer that is used again.
    fn stored(&self, job: &Job, scratch: &mut Scratch) -> Result<Cow<'_, [u8]>> {
        self.ctx.check(job.address, job.stored, CHUNK)?;
        let len = to_usize(job.stored)?;
        if let Some(view) = self.ctx.storage().view(self.ctx.absolute(job.address), len) {
            return Ok(Cow::Borrowed(view));
        }
        let mut buffer = scratch.take(len)?;
        self.ctx.raw_into(job.address, &mut buffer, CHUNK)?;
        Ok(Cow::Owned(buffer))
    }

    /// Refuses a chunk that is stored as it is, but not in the length of a chunk.
    fn check_unfiltered(&self, job: &Job, chunk_bytes: u64) -> Result<()> {
        if job.stored == chunk_bytes {
            return Ok(());
        }
        let message = alloc::format!("unfiltered chunk: expected {chunk_bytes} bytes, found {}", job.stored);
        Err(Error::corrupt(CHUNK, self.ctx.absolute(job.address), message))
    }

    /// The decoded bytes of a chunk.
    fn decode(&self, job: &Job, chunk_bytes: u64, scratch: &mut Scratch) -> Result<Cow<'_, [u8]>> {
        let at = self.ctx.absolute(job.address);
        let stored = self.stored(job, scratch)?;
        if self.pipeline.is_empty() || job.mask == u32::MAX {
            self.check_unfiltered(job, chunk_bytes)?;
            return Ok(stored);
        }
        let len = to_usize(chunk_bytes)?;
        let bytes = self.pipeline.decode_at_most(stored, job.mask, len, scratch);
        let bytes = bytes.map_err(|e| e.within(CHUNK).at(at))?;
        if bytes.len() < len && bytes.len() < job.needed {
            let message = alloc::format!("decoding gave {} bytes, expected {chunk_bytes}", bytes.len());
            return Err(Error::corrupt(CHUNK, at, message));
        }
        Ok(bytes)
    }
}
