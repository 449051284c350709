//! Data of several dimensions: the blocks of a chunk are boxes of it, filled up to equal size.
//!
//! ```text
//! array of 7: version, number of dimensions, array of i64 shape, array of i32 shape of a chunk, array of i32 shape of a
//! block, format of the type's name (0: NumPy), name of the type
//! ```
//!
//! All MessagePack. The arrays are announced by 0x90 + number of dimensions, also where MessagePack would have it
//! otherwise. Chunks, and blocks in a chunk, come in row-major order.

use super::Workspace;
use super::chunk::Chunk;
use super::frame::{Frame, Reader};
use crate::error::Result;
use crate::filter::FilterContext;
use crate::filter::blosc::sort::room;
use alloc::vec::Vec;

/// Most dimensions that the format has.
pub(super) const MAX_DIMENSIONS: usize = 16;
/// Blocks may stick out of the data so far that decoding takes this many times the work.
const MOST_WORK: usize = 16;
/// So much work is always allowed, in bytes.
const LITTLE_WORK: usize = 1 << 20;

/// One dimension: of the data, of a chunk, of a block.
#[derive(Clone, Copy, Debug)]
struct Axis {
    shape: usize,
    chunk: usize,
    block: usize,
}

/// Shapes of the data, of chunks and of blocks.
#[derive(Debug)]
pub(super) struct Grid {
    axes: Vec<Axis>,
    /// Bytes of an element.
    item: usize,
    /// Bytes of a block.
    block: usize,
    /// Bytes of the data.
    pub(super) length: usize,
}

/// What of one dimension a block covers.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    /// First place in the data.
    start: usize,
    /// Places that lie in the data.
    len: usize,
    /// Places of a block.
    block: usize,
    /// Places of the data.
    shape: usize,
}

impl Grid {
    /// The grid of a frame with these metadata.
    pub(super) fn of(metadata: &[u8], frame: &Frame<'_>, context: &FilterContext<'_>) -> Result<Self> {
        let axes = parse(metadata).ok_or_else(|| {
            context.corrupt(format_args!("expected metadata of 1 to {MAX_DIMENSIONS} dimensions, none of 0"))
        })?;
        let padded = product(axes.iter().map(|axis| round_up(axis.chunk, axis.block)));
        let item = frame.chunk.checked_div(padded).unwrap_or(0);
        if item == 0 || item.checked_mul(padded) != Some(frame.chunk) {
            return Err(context.corrupt(format_args!("chunks of {} bytes for {padded} elements", frame.chunk)));
        }
        let bytes = |elements: usize| elements.saturating_mul(item);
        let length = bytes(product(axes.iter().map(|axis| axis.shape)));
        let work = bytes(product(axes.iter().map(|axis| round_up(axis.shape, axis.block))));
        let block = bytes(product(axes.iter().map(|axis| axis.block)));
        if work > length.saturating_mul(MOST_WORK).max(LITTLE_WORK) {
            return Err(context.corrupt(format_args!("{length} bytes in blocks of {work}")));
        }
        Ok(Grid { axes, item, block, length })
    }

    /// Decodes all chunks of the frame. `out` is as long as the data.
    pub(super) fn decode(
        &self,
        frame: &Frame<'_>,
        out: &mut [u8],
        workspace: &mut Workspace,
        context: &FilterContext<'_>,
    ) -> Result<()> {
        let counts: Vec<usize> = self.axes.iter().map(|axis| axis.shape.div_ceil(axis.chunk)).collect();
        let places = frame.index(product(counts.iter().copied()), workspace, context)?;
        let mut boxed = core::mem::take(&mut workspace.boxed);
        let mut position = Position::new(counts);
        for place in places {
            let chunk = frame.chunk(place, self.block, context)?;
            if chunk.length != frame.chunk || chunk.block != self.block {
                let (length, block) = (chunk.length, chunk.block);
                return Err(context.corrupt(format_args!(
                    "a chunk of {length} bytes in blocks of {block}, expected {} in {}",
                    frame.chunk, self.block
                )));
            }
            chunk.prepare(workspace, context)?;
            self.chunk(&chunk, &position.at, out, room(&mut boxed, self.block), workspace, context)?;
            position.advance();
        }
        workspace.boxed = boxed;
        Ok(())
    }

    /// Decodes the blocks of one chunk that hold data.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "places below the ends of the data's dimensions, whose product is the length of `out`"
    )]
    fn chunk(
        &self,
        chunk: &Chunk<'_>,
        at: &[usize],
        out: &mut [u8],
        boxed: &mut [u8],
        workspace: &mut Workspace,
        context: &FilterContext<'_>,
    ) -> Result<()> {
        let ends = self.axes.iter().zip(at).map(|(axis, at)| axis.chunk.min(axis.shape - at * axis.chunk));
        let counts = self.axes.iter().zip(ends).map(|(axis, end)| end.div_ceil(axis.block)).collect();
        let mut position = Position::new(counts);
        loop {
            let index = self.axes.iter().zip(&position.at).fold(0usize, |index, (axis, at)| {
                index.saturating_mul(axis.chunk.div_ceil(axis.block)).saturating_add(*at)
            });
            let mut spans = [Span::default(); MAX_DIMENSIONS];
            for (span, (axis, (chunk_at, at))) in
                spans.iter_mut().zip(self.axes.iter().zip(at.iter().zip(&position.at)))
            {
                let inner = at * axis.block;
                let start = chunk_at * axis.chunk + inner;
                let len = axis.block.min(axis.chunk - inner).min(axis.shape - start);
                *span = Span { start, len, block: axis.block, shape: axis.shape };
            }
            let (spans, _) = spans.split_at(self.axes.len());
            let rows = Rows::of(spans, self.item);
            if rows.bytes == self.block {
                let whole = out.get_mut(rows.start..).and_then(|rest| rest.get_mut(..rows.bytes));
                chunk.block(index, whole.unwrap_or(&mut []), workspace, context)?;
            } else {
                chunk.block(index, boxed, workspace, context)?;
                rows.copy(boxed, out);
            }
            if !position.advance() {
                return Ok(());
            }
        }
    }
}

fn parse(metadata: &[u8]) -> Option<Vec<Axis>> {
    let mut reader = Reader(metadata);
    reader.byte()?;
    reader.integer()?;
    let rank = reader.byte().filter(|rank| (1..=MAX_DIMENSIONS).contains(&usize::from(*rank)))?;
    let announced = rank.checked_add(0x90)?;
    let [shape, chunk, block] = [(); 3].map(|()| {
        reader.byte().filter(|&marker| marker == announced)?;
        (0..rank).map(|_| usize::try_from(reader.integer()?).ok().filter(|&n| n > 0)).collect::<Option<Vec<_>>>()
    });
    let axes = shape?.into_iter().zip(chunk?).zip(block?);
    axes.map(|((shape, chunk), block)| (block <= chunk).then_some(Axis { shape, chunk, block })).collect()
}

fn round_up(places: usize, block: usize) -> usize {
    places.checked_next_multiple_of(block).unwrap_or(usize::MAX)
}

fn product(factors: impl Iterator<Item = usize>) -> usize {
    factors.fold(1, usize::saturating_mul)
}

/// Counts through a box, the last place first.
struct Position {
    counts: Vec<usize>,
    at: Vec<usize>,
}

impl Position {
    fn new(counts: Vec<usize>) -> Self {
        let at = alloc::vec![0; counts.len()];
        Position { counts, at }
    }

    /// False where it begins again.
    fn advance(&mut self) -> bool {
        for (at, count) in self.at.iter_mut().zip(&self.counts).rev() {
            *at = at.saturating_add(1);
            if *at < *count {
                return true;
            }
            *at = 0;
        }
        false
    }
}

/// The runs of bytes that lie together in a block and in the data.
struct Rows {
    /// Where the first one begins in the data.
    start: usize,
    /// Bytes of each.
    bytes: usize,
    /// How many there are in each dimension, and how far apart in the block and in the data.
    steps: Vec<(usize, usize, usize)>,
}

impl Rows {
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "spans lie in the data and in a block, whose lengths in bytes fit"
    )]
    fn of(spans: &[Span], item: usize) -> Self {
        let (mut start, mut bytes, mut steps) = (0, item, Vec::new());
        let (mut in_block, mut in_data) = (item, item);
        for span in spans.iter().rev() {
            start += span.start * in_data;
            // Together as long as what is further in is whole in both.
            if bytes == in_block && bytes == in_data {
                bytes *= span.len;
            } else if span.len > 1 {
                steps.push((span.len, in_block, in_data));
            }
            in_block *= span.block;
            in_data *= span.shape;
        }
        Rows { start, bytes, steps }
    }

    fn copy(&self, block: &[u8], out: &mut [u8]) {
        self.copy_from(self.steps.len(), 0, self.start, block, out);
    }

    /// The rows of the innermost `depth` steps.
    #[allow(clippy::arithmetic_side_effects, reason = "the rows lie in the block and in the data")]
    fn copy_from(&self, depth: usize, from: usize, to: usize, block: &[u8], out: &mut [u8]) {
        let Some(&(count, in_block, in_data)) = depth.checked_sub(1).and_then(|depth| self.steps.get(depth)) else {
            let row = block.get(from..).and_then(|rest| rest.get(..self.bytes));
            if let (Some(to), Some(row)) = (out.get_mut(to..).and_then(|rest| rest.get_mut(..self.bytes)), row) {
                to.copy_from_slice(row);
            }
            return;
        };
        for index in 0..count {
            self.copy_from(depth - 1, from + index * in_block, to + index * in_data, block, out);
        }
    }
}
