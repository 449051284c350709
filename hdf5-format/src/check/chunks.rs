//! Chunks: where they are, how long they are, and whether they decode.

use super::dataset::Described;
use super::elements::may_point;
use super::report::Code;
use super::walk::Checker;
use crate::codec::{Address, to_usize};
use crate::error::{Error, ErrorKind, Result, Rule};
use crate::filter::Scratch;
use crate::format::message::layout::{ChunkIndexKind, ChunkedLayout};
use crate::graph::chunk_index::{ChunkIndex, ChunkRecord};
use alloc::borrow::Cow;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

const CHUNK: &str = "chunk";

/// A chunk to be decoded.
struct Stored {
    scaled: Vec<u64>,
    address: Address,
    size: u64,
    mask: u32,
}

impl Checker<'_> {
    pub(super) fn chunks(&mut self, described: &Described, layout: &ChunkedLayout) {
        let (dims, max) = (&described.dataspace.dims, described.dataspace.max_dims());
        let Some(address) = layout.address else { return };
        let index = self.note(ChunkIndex::new(layout, dims, &max, described.filtered));
        let (Some(index), Some(bytes)) = (index, layout.chunk_bytes()) else { return };
        let pointing = may_point(&described.datatype);
        self.heaps.unread |= pointing && !self.options.data;
        if layout.index == ChunkIndexKind::Implicit {
            let counts = max.iter().zip(dims).zip(&layout.chunk);
            let count = counts
                .fold(1u64, |n, ((max, &dim), &chunk)| n.saturating_mul(max.unwrap_or(dim).div_ceil(chunk.max(1))));
            let noted = self.survey.block(address, count.saturating_mul(bytes), "chunks");
            self.note(noted);
        }
        let implicit = layout.index == ChunkIndexKind::Implicit;
        let in_order = layout.index == ChunkIndexKind::BTreeV1;
        let decode = self.options.data && (described.filtered || pointing);
        let (survey, surveyed) = (&self.survey, &self.surveyed);
        let (mut last, mut ahead): (Vec<u64>, Vec<Stored>) = Default::default();
        let high: Vec<u64> = if implicit { extent(dims, &layout.chunk) } else { vec![u64::MAX; dims.len()] };
        let visited = index.visit(surveyed, &vec![0; dims.len()], &high, &mut |record| {
            if !implicit {
                survey.block(record.address, record.size, CHUNK)?;
            }
            let at = surveyed.absolute(record.address);
            let plain = !described.filtered || is_unfiltered_edge(layout, dims, record.scaled);
            if record.size == 0 || plain && record.size != bytes {
                survey.damage(wrong_size(&record, bytes, at))?;
            }
            if in_order {
                if !last.is_empty() && last.as_slice() >= record.scaled {
                    let text = format!("chunk {:?} comes after {last:?}", record.scaled);
                    survey.damage(Error::corrupt("chunk B-tree", at, text).breaks(Rule::Order))?;
                }
                last.clear();
                last.extend_from_slice(record.scaled);
            }
            if decode {
                let mask = if plain { u32::MAX } else { record.filter_mask };
                let (scaled, address, size) = (record.scaled.to_vec(), record.address, record.size);
                ahead.push(Stored { scaled, address, size, mask });
            }
            Ok(())
        });
        self.note(visited);
        self.flush();
        self.decode_chunks(described, layout, &ahead, bytes);
    }

    fn decode_chunks(&mut self, described: &Described, layout: &ChunkedLayout, chunks: &[Stored], bytes: u64) {
        let limit = self.ctx.limits().chunk_bytes;
        if bytes > limit && !chunks.is_empty() {
            return self.error(&Error::limit("chunk_bytes", limit, bytes).within(CHUNK));
        }
        let mut scratch = Scratch::new();
        for chunk in chunks {
            let decoded = self.decode_chunk(described, layout, chunk, bytes, &mut scratch);
            match decoded {
                Ok(decoded) => {
                    self.elements(&described.datatype, &decoded);
                    scratch.recycle(decoded);
                }
                Err(error) if error.kind() == ErrorKind::Corrupt && error.rule().is_none() => {
                    self.finding(Code::Data, error.offset(), format!("chunk {:?}: {}", chunk.scaled, error.summary()));
                }
                Err(error) => {
                    let over = error.kind() == ErrorKind::Unsupported;
                    self.error(&error);
                    self.heaps.unread |= may_point(&described.datatype);
                    // Every other chunk has the same filters.
                    if over {
                        return;
                    }
                }
            }
        }
    }

    fn decode_chunk<'c>(
        &self,
        described: &Described,
        layout: &ChunkedLayout,
        chunk: &Stored,
        bytes: u64,
        scratch: &mut Scratch,
    ) -> Result<Cow<'c, [u8]>>
    where
        Self: 'c,
    {
        let at = self.ctx.absolute(chunk.address);
        let stored = self.ctx.raw(chunk.address, chunk.size, CHUNK)?;
        if chunk.mask == u32::MAX {
            return Ok(Cow::Owned(stored.into_owned()));
        }
        let pipeline = described.pipeline.as_ref().map_err(Error::clone)?;
        let decoded = pipeline.decode_at_most(stored, chunk.mask, to_usize(bytes)?, scratch);
        let decoded = decoded.map_err(|e| e.within(CHUNK).at(at))?;
        let needed = needed(layout, &described.dataspace.dims, &chunk.scaled);
        if (decoded.len() as u64) < needed.min(bytes) {
            let text = format!("decoding gave {} bytes, expected {bytes}", decoded.len());
            return Err(Error::corrupt(CHUNK, at, text));
        }
        Ok(Cow::Owned(decoded.into_owned()))
    }
}

fn wrong_size(record: &ChunkRecord<'_>, bytes: u64, at: u64) -> Error {
    let text = format!("chunk {:?}: expected {bytes} bytes, found {}", record.scaled, record.size);
    Error::corrupt("chunk index", at, text).breaks(Rule::Size)
}

/// Chunks along each dimension of the current extent.
fn extent(dims: &[u64], chunk: &[u64]) -> Vec<u64> {
    dims.iter().zip(chunk).map(|(dim, &chunk)| dim.div_ceil(chunk.max(1))).collect()
}

/// True for a chunk that sticks out of the extent, in a layout that stores such chunks unfiltered.
fn is_unfiltered_edge(layout: &ChunkedLayout, dims: &[u64], scaled: &[u64]) -> bool {
    let sticks_out = |((&s, &chunk), &dim): ((&u64, &u64), &u64)| {
        s.checked_add(1).and_then(|s| s.checked_mul(chunk)).is_none_or(|end| end > dim)
    };
    layout.unfiltered_edges() && scaled.iter().zip(&layout.chunk).zip(dims).any(sticks_out)
}

/// Bytes up to the end of the last element within the extent: some writers store no more.
fn needed(layout: &ChunkedLayout, dims: &[u64], scaled: &[u64]) -> u64 {
    let last = scaled.iter().zip(&layout.chunk).zip(dims).fold(0u64, |n, ((&s, &chunk), &dim)| {
        let inside = dim.saturating_sub(s.saturating_mul(chunk)).min(chunk);
        n.saturating_mul(chunk).saturating_add(inside.saturating_sub(1))
    });
    last.saturating_add(1).saturating_mul(layout.element_size)
}
