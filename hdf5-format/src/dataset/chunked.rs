//! Reading chunked storage: find the chunks of a selection, decode them on all cores, scatter.

use super::axes::{Axis, AxisPart, copy_box};
use crate::codec::{Address, to_usize};
use crate::error::{Error, Result};
use crate::filter::{Pipeline, Scratch};
use crate::format::message::layout::ChunkedLayout;
use crate::graph::FileContext;
use crate::graph::chunk_index::{ChunkIndex, ChunkRecord};
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// Decoded bytes that may wait to be scattered.
const BATCH_BYTES: u64 = 16 << 20;

/// Structure name in errors.
const CHUNK: &str = "chunk";

/// One chunked dataset, ready to be read.
pub(super) struct ChunkedReader<'a> {
    pub(super) ctx: &'a FileContext,
    pub(super) layout: &'a ChunkedLayout,
    pub(super) dims: &'a [u64],
    pub(super) index: ChunkIndex<'a>,
    pub(super) pipeline: &'a Pipeline,
    /// Bytes of an element.
    pub(super) element: usize,
}

/// A stored chunk and what of it is wanted.
struct Job {
    parts: Vec<AxisPart>,
    address: Address,
    stored: u64,
    /// Filters skipped for this chunk; all of them for an unfiltered edge chunk.
    mask: u32,
    /// Bytes up to the end of the last element within the extent: some writers store no more.
    needed: usize,
}

impl ChunkedReader<'_> {
    /// Copies the selected elements of all allocated chunks into `out`, whose other elements stay as they are.
    pub(super) fn read(&self, axes: &[Axis], out: &mut [u8]) -> Result<()> {
        let Some((low, high)) = self.chunk_box(axes) else { return Ok(()) };
        let chunk_bytes = self.chunk_bytes()?;
        let out_dims = axes.iter().map(|a| to_usize(a.len())).collect::<Result<Vec<_>>>()?;
        let chunk_dims = self.layout.chunk.iter().map(|&c| to_usize(c)).collect::<Result<Vec<_>>>()?;
        let per_batch = to_usize(BATCH_BYTES.checked_div(chunk_bytes.max(1)).unwrap_or(1).max(1))?;
        let mut jobs = Vec::new();
        let mut flush = |jobs: &mut Vec<Job>| -> Result<()> {
            self.decode(jobs, chunk_bytes, |job, bytes| {
                copy_box(bytes, &chunk_dims, out, &out_dims, &job.parts, self.element);
            })?;
            jobs.clear();
            Ok(())
        };
        self.index.visit(self.ctx, &low, &high, &mut |record| {
            if let Some(job) = self.job(&record, axes) {
                jobs.push(job);
            }
            if jobs.len() >= per_batch { flush(&mut jobs) } else { Ok(()) }
        })?;
        flush(&mut jobs)
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

    fn job(&self, record: &ChunkRecord<'_>, axes: &[Axis]) -> Option<Job> {
        let mut parts = Vec::with_capacity(axes.len());
        for ((axis, &scaled), &chunk) in axes.iter().zip(record.scaled).zip(&self.layout.chunk) {
            let low = scaled.checked_mul(chunk)?;
            parts.push(axis.within(low, low.saturating_add(chunk))?);
        }
        let mask = if self.is_unfiltered_edge(record.scaled) { u32::MAX } else { record.filter_mask };
        let needed = self.needed(record.scaled);
        Some(Job { parts, address: record.address, stored: record.size, mask, needed })
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

    /// Decodes all jobs, in parallel where that is worth it, and hands the bytes over one chunk at a time.
    fn decode(&self, jobs: &[Job], chunk_bytes: u64, mut sink: impl FnMut(&Job, &[u8])) -> Result<()> {
        #[cfg(feature = "parallel")]
        if jobs.len() > 1 && !self.pipeline.is_empty() && rayon::current_num_threads() > 1 {
            use rayon::prelude::*;
            let decode = |scratch: &mut Scratch, job| self.decode_one(job, chunk_bytes, scratch);
            let decoded: Vec<Result<Cow<'_, [u8]>>> = jobs.par_iter().map_init(Scratch::new, decode).collect();
            for (job, bytes) in jobs.iter().zip(decoded) {
                sink(job, &bytes?);
            }
            return Ok(());
        }
        let mut scratch = Scratch::new();
        for job in jobs {
            let bytes = self.decode_one(job, chunk_bytes, &mut scratch)?;
            sink(job, &bytes);
            scratch.recycle(bytes);
        }
        Ok(())
    }

    fn decode_one(&self, job: &Job, chunk_bytes: u64, scratch: &mut Scratch) -> Result<Cow<'_, [u8]>> {
        let at = self.ctx.absolute(job.address);
        let stored = self.ctx.raw(job.address, job.stored, CHUNK)?;
        if self.pipeline.is_empty() || job.mask == u32::MAX {
            if job.stored != chunk_bytes {
                return Err(Error::corrupt(
                    CHUNK,
                    at,
                    alloc::format!("unfiltered chunk: expected {chunk_bytes} bytes, found {}", job.stored),
                ));
            }
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
