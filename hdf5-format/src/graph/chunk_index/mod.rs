//! Finding the chunks of a dataset, whichever way they are indexed.

mod btree_v1;
mod btree_v2;
mod extensible_array;
mod fixed_array;
pub(crate) mod linear;

use super::context::FileContext;
use crate::codec::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::format::chunk_element::ElementForm;
use crate::format::message::layout::{ChunkIndexKind, ChunkedLayout};
use alloc::vec;
use alloc::vec::Vec;
pub(crate) use fixed_array::{check_elements, page_bit};
use linear::Linear;

/// The chunks of one dataset.
pub struct ChunkIndex<'a> {
    layout: &'a ChunkedLayout,
    chunk_bytes: u64,
    filtered: bool,
    linear: Linear,
}

/// An allocated chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRecord<'a> {
    /// Position in units of chunks, slowest dimension first.
    pub scaled: &'a [u64],
    /// Where it is.
    pub address: Address,
    /// Stored bytes.
    pub size: u64,
    /// Bit i is set if filter i was skipped.
    pub filter_mask: u32,
}

/// What is done with each chunk.
type Visitor<'v> = &'v mut dyn FnMut(ChunkRecord<'_>) -> Result<()>;

/// A box of chunks: `low` to before `high` in each dimension.
#[derive(Clone, Copy)]
struct Wanted<'w> {
    low: &'w [u64],
    high: &'w [u64],
}

impl Wanted<'_> {
    fn contains(&self, scaled: &[u64]) -> bool {
        scaled.len() == self.low.len()
            && scaled.iter().zip(self.low).zip(self.high).all(|((s, low), high)| s >= low && s < high)
    }

    /// True if chunks ordered by position may fall into the box when all of them are at or after `from`, and before
    /// `to` where that is given.
    fn meets(&self, from: Option<&[u64]>, to: Option<&[u64]>) -> bool {
        let last = self.high.iter().map(|h| h.saturating_sub(1));
        let starts_late = from.is_some_and(|f| f.iter().copied().gt(last));
        let ends_early = to.is_some_and(|t| t.iter().le(self.low.iter()));
        !starts_late && !ends_early
    }
}

impl<'a> ChunkIndex<'a> {
    /// Prepares the index of a dataset of the given extent. `filtered` says whether it has a filter pipeline.
    ///
    /// # Errors
    /// The chunk's rank is not the dataset's, or a chunk is larger than 64 bits can count.
    pub fn new(layout: &'a ChunkedLayout, dims: &[u64], max_dims: &[Option<u64>], filtered: bool) -> Result<Self> {
        if layout.chunk.len() != dims.len() || max_dims.len() != dims.len() {
            let (chunk, dims) = (layout.chunk.len(), dims.len());
            return Err(Error::new(
                ErrorKind::Corrupt,
                alloc::format!("chunks of {chunk} dimensions in a dataset of {dims}"),
            )
            .within("data layout"));
        }
        let too_large = || Error::new(ErrorKind::Corrupt, "chunk larger than 64 bits can count").within("data layout");
        let chunk_bytes = layout.chunk_bytes().ok_or_else(too_large)?;
        let linear = Linear::new(&layout.chunk, dims, max_dims);
        Ok(ChunkIndex { layout, chunk_bytes, filtered, linear })
    }

    /// Visits the allocated chunks of a box, `low` to before `high` in units of chunks.
    ///
    /// The cost depends on the box and on what is allocated, not on the dataset's extent.
    ///
    /// # Errors
    /// The index is damaged, or `visit` fails.
    pub fn visit(
        &self,
        ctx: &FileContext,
        low: &[u64],
        high: &[u64],
        visit: &mut dyn FnMut(ChunkRecord<'_>) -> Result<()>,
    ) -> Result<()> {
        let wanted = Wanted { low, high };
        let Some(address) = self.layout.address else { return Ok(()) };
        if low.iter().zip(high).any(|(l, h)| l >= h) {
            return Ok(());
        }
        match self.layout.index {
            ChunkIndexKind::BTreeV1 => btree_v1::visit(ctx, self, address, wanted, visit),
            ChunkIndexKind::BTreeV2 { .. } => btree_v2::visit(ctx, self, address, wanted, visit),
            ChunkIndexKind::FixedArray { .. } => fixed_array::visit(ctx, self, address, wanted, visit),
            ChunkIndexKind::ExtensibleArray { .. } => extensible_array::visit(ctx, self, address, wanted, visit),
            ChunkIndexKind::Implicit => self.implicit(ctx, address, wanted, visit),
            ChunkIndexKind::Single { filtered } => {
                let (size, filter_mask) = filtered.unwrap_or((self.chunk_bytes, 0));
                let scaled = vec![0; low.len()];
                if wanted.contains(&scaled) {
                    visit(ChunkRecord { scaled: &scaled, address, size, filter_mask })?;
                }
                Ok(())
            }
        }
    }

    /// Number of allocated chunks and their stored bytes.
    ///
    /// # Errors
    /// The index is damaged.
    pub fn totals(&self, ctx: &FileContext) -> Result<(u64, u64)> {
        let rank = self.layout.chunk.len();
        let (mut count, mut bytes) = (0u64, 0u64);
        self.visit(ctx, &vec![0; rank], &vec![u64::MAX; rank], &mut |record| {
            count = count.saturating_add(1);
            bytes = bytes.saturating_add(record.size);
            Ok(())
        })?;
        Ok((count, bytes))
    }

    /// Chunks that lie one after the other, all allocated.
    fn implicit(&self, ctx: &FileContext, address: Address, wanted: Wanted<'_>, visit: Visitor<'_>) -> Result<()> {
        let fitting = ctx.available(address).checked_div(self.chunk_bytes.max(1)).unwrap_or(0);
        let (first, end) = self.linear.range(wanted.low, wanted.high);
        let mut scaled = Vec::new();
        for index in first..end.min(fitting) {
            self.linear.position(index, &mut scaled);
            if wanted.contains(&scaled) {
                let at = Address(address.0.saturating_add(index.saturating_mul(self.chunk_bytes)));
                visit(ChunkRecord { scaled: &scaled, address: at, size: self.chunk_bytes, filter_mask: 0 })?;
            }
        }
        Ok(())
    }

    /// The form of the elements of fixed and extensible arrays.
    fn element_form(&self, ctx: &FileContext) -> ElementForm {
        if self.filtered {
            ElementForm::filtered(self.layout.version, self.chunk_bytes, ctx.sizes().l())
        } else {
            ElementForm::Plain
        }
    }
}
