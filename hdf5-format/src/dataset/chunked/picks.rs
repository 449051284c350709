//! Single elements of chunked storage: each chunk is found and decoded once, whatever the order of the elements.

use super::{CHUNK, ChunkedReader, Job};
use crate::codec::Address;
use crate::dataset::cache::KEPT_BYTES;
use crate::dataset::contiguous::Linear;
use crate::dataset::picks::{Pick, Picks};
use crate::dataset::pieces::{Piece, Pieces};
use crate::dataset::spans;
use crate::error::Result;
use crate::filter::Scratch;
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Chunks that are decoded before their elements are put in their places.
const BATCH: usize = 256;

/// Positions that a look-up in the index may cover for each chunk that is wanted, besides some.
const NEAR: u64 = 16;
const COVERED: u64 = 64;

/// A chunk that is there, and the pieces of it that are wanted.
struct Found<'p> {
    job: Job,
    pieces: &'p [Piece],
}

impl ChunkedReader<'_> {
    /// Copies the picked elements of all allocated chunks into `out`, whose other elements stay as they are.
    pub(in crate::dataset) fn read_picks(&self, picks: &Picks, out: &mut [u8]) -> Result<()> {
        let chunk_bytes = self.chunk_bytes()?;
        let mut pieces = Pieces::new(picks.list(), self.dims, &self.layout.chunk);
        loop {
            let batch = pieces.next_batch();
            if batch.is_empty() {
                return Ok(());
            }
            let chunks: Vec<&[Piece]> = batch.chunk_by(|a, b| a.chunk == b.chunk).collect();
            let found = self.find(&pieces, &chunks)?;
            if self.pipeline.is_empty() {
                found.iter().try_for_each(|f| self.unfiltered(f, chunk_bytes, out))?;
            } else {
                let keep = chunk_bytes.saturating_mul(found.len() as u64) <= KEPT_BYTES as u64;
                found.chunks(BATCH).try_for_each(|found| self.decode_all(found, chunk_bytes, keep, out))?;
            }
        }
    }

    /// Looks the chunks up, those near each other together.
    fn find<'p>(&self, pieces: &Pieces<'_>, chunks: &[&'p [Piece]]) -> Result<Vec<Found<'p>>> {
        let mut found = Vec::new();
        let mut rest = chunks;
        while let Some(first) = rest.first().and_then(|c| c.first()) {
            let mut low = pieces.scaled(first.chunk);
            let mut high: Vec<u64> = low.iter().map(|x| x.saturating_add(1)).collect();
            let mut count = 1usize;
            for chunk in rest.iter().skip(1).filter_map(|c| c.first()) {
                let at = pieces.scaled(chunk.chunk);
                let wider_low: Vec<u64> = low.iter().zip(&at).map(|(l, x)| *l.min(x)).collect();
                let wider_high: Vec<u64> = high.iter().zip(&at).map(|(h, x)| *h.max(&x.saturating_add(1))).collect();
                let sides = wider_low.iter().zip(&wider_high).map(|(l, h)| h.saturating_sub(*l));
                let most = NEAR.saturating_mul(count as u64).saturating_add(COVERED);
                if sides.fold(1, u64::saturating_mul) > most {
                    break;
                }
                (low, high) = (wider_low, wider_high);
                count = count.saturating_add(1);
            }
            let (near, tail) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            self.index.visit(self.ctx, &low, &high, &mut |record| {
                let number = pieces.number(record.scaled);
                let place = near.binary_search_by_key(&Some(number), |c| c.first().map(|p| p.chunk));
                if let Some(pieces) = place.ok().and_then(|i| near.get(i)) {
                    let mask = if self.is_unfiltered_edge(record.scaled) { u32::MAX } else { record.filter_mask };
                    let (address, stored, needed) = (record.address, record.size, self.needed(record.scaled));
                    let job = Job { parts_of_band: Vec::new(), first: 0, is_part: true, address, stored, mask, needed };
                    found.push(Found { job, pieces });
                }
                Ok(())
            })?;
            rest = tail;
        }
        Ok(found)
    }

    /// Copies elements of a chunk that is stored as it is: only they are read.
    fn unfiltered(&self, found: &Found<'_>, chunk_bytes: u64, out: &mut [u8]) -> Result<()> {
        self.check_unfiltered(&found.job, chunk_bytes)?;
        let picks: Vec<Pick> = found.pieces.iter().map(|p| Pick { place: p.at, len: p.len, out: p.out }).collect();
        spans::read(&Plain { reader: self, address: found.job.address }, &picks, self.element, out)
    }

    /// Decodes chunks, on all cores, and copies their elements.
    fn decode_all(&self, found: &[Found<'_>], chunk_bytes: u64, keep: bool, out: &mut [u8]) -> Result<()> {
        #[cfg(feature = "parallel")]
        if found.len() > 1 && rayon::current_num_threads() > 1 {
            use crate::codec::to_usize;
            use rayon::prelude::*;
            // The elements of different chunks lie between each other in the output: each chunk's are gathered first.
            let gather = |scratch: &mut Scratch, f: &Found<'_>| {
                let count = f.pieces.iter().fold(0u64, |n, p| n.saturating_add(p.len));
                let mut own = alloc::vec![0; to_usize(count.saturating_mul(self.element as u64))?];
                let mut first = 0u64;
                let gathered = f.pieces.iter().map(|p| {
                    let piece = Piece { out: first, ..*p };
                    first = first.saturating_add(p.len);
                    piece
                });
                self.elements(f, gathered, chunk_bytes, keep, scratch, &mut own)?;
                Ok(own)
            };
            let results: Vec<Result<Vec<u8>>> = found.par_iter().map_init(Scratch::new, gather).collect();
            for (found, own) in found.iter().zip(results) {
                let (own, mut at) = (own?, 0usize);
                for piece in found.pieces {
                    spans::copy(&own, at, out, piece.out, piece.len, self.element);
                    at = at.saturating_add(to_usize(piece.len)?.saturating_mul(self.element));
                }
            }
            return Ok(());
        }
        let mut scratch = Scratch::new();
        found.iter().try_for_each(|f| self.elements(f, f.pieces.iter().copied(), chunk_bytes, keep, &mut scratch, out))
    }

    /// Decodes a chunk, unless it was kept, and copies its elements.
    fn elements(
        &self,
        found: &Found<'_>,
        pieces: impl Iterator<Item = Piece>,
        chunk_bytes: u64,
        keep: bool,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<()> {
        let place = |bytes: &[u8]| {
            for piece in pieces {
                let at = usize::try_from(piece.at).unwrap_or(usize::MAX).saturating_mul(self.element);
                spans::copy(bytes, at, out, piece.out, piece.len, self.element);
            }
        };
        if let Some(bytes) = self.cache.get(found.job.address) {
            place(&bytes);
            return Ok(());
        }
        let bytes = self.decode(&found.job, chunk_bytes, scratch)?;
        place(&bytes);
        if keep {
            self.cache.put(found.job.address, &Arc::new(bytes.into_owned()));
        } else {
            scratch.recycle(bytes);
        }
        Ok(())
    }
}

/// A chunk that is stored as it is.
struct Plain<'a> {
    reader: &'a ChunkedReader<'a>,
    address: Address,
}

impl Linear for Plain<'_> {
    fn bytes(&self, start: u64, len: u64) -> Result<Cow<'_, [u8]>> {
        self.reader.ctx.raw(Address(self.address.0.saturating_add(start)), len, CHUNK)
    }

    fn fill(&self, start: u64, buf: &mut [u8]) -> Result<()> {
        self.reader.ctx.raw_into(Address(self.address.0.saturating_add(start)), buf, CHUNK)
    }
}
