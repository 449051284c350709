//! Blosc 2: a frame around a chunk of blocks, each filtered and encoded by one of five codecs.
//!
//! | | |
//! |---|---|
//! | id | 32026 |
//! | name | `blosc2` |
//! | client data | `[0]` revision of the filter (1), `[1]` bytes of a block, 0: chosen, `[2]` bytes of an element, `[3]` bytes of a chunk, `[4]` level, 0 (as it is) to 9, `[5]` filter: 0 none, 1 sorted by bytes, 2 sorted by bits, 3 differences, 4 precision cut off, `[6]` codec: 0 or absent BloscLZ, 1 LZ4, 2 LZ4's slow variant, 4 zlib, 5 Zstandard; for chunks of 2 to 16 dimensions `[7]` their number and after it the shape |
//! | payload | a frame: see `frame.rs`; or a bare chunk, as the filter's first revision wrote it: see `chunk.rs` |
//! | reference | `README_CFRAME_FORMAT.rst`, `README_CHUNK_FORMAT.rst` and `README_B2ND_METALAYER.rst` of C-Blosc2; HDF5 files of `hdf5plugin`, frames of `python-blosc2` |
//! | done by | this folder and `blosc` |
//! | feature | `blosc2`; for zlib also `deflate` or `deflate-alloc`, for Zstandard also `zstd` |
//!
//! Chunks of several dimensions are stored as boxes: see `grid.rs`. The encoder cuts them into boxes whose bytes lie
//! together. It declines filter 4, as the filter's reference does: no precision is stated.

mod chunk;
mod encode;
mod filters;
mod frame;
mod grid;

use super::blosc::Codec;
use super::blosc::codec::Codecs;
use super::{Filter, FilterContext};
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use chunk::Chunk;
use filters::Buffers;
use frame::Frame;
use grid::Grid;

/// Filter 32026.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blosc2;

/// What is done to a block before it is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockFilter {
    /// Nothing.
    None,
    /// First bytes of all elements, then all second bytes, and so on.
    #[default]
    Bytes,
    /// First bits of all elements, then all second bits, and so on.
    Bits,
    /// Differences to the first block.
    Differences,
}

/// Revision of the filter.
const REVISION: u32 = 1;
/// Most bytes of a frame besides its chunk.
const AROUND: usize = 1 << 12;

/// Client data of a dataset whose elements have `size` bytes; `level` is 1 (fast) to 9 (small), or 0 to store chunks as
/// they are. For elements that are arrays, `size` is that of the array's element and `chunk_bytes` counts all.
pub fn client_data(
    size: u32,
    chunk_bytes: u32,
    level: u32,
    filter: BlockFilter,
    codec: Codec,
    chunk_shape: &[u32],
) -> Vec<u32> {
    let filter = match filter {
        BlockFilter::None => 0,
        BlockFilter::Bytes => 1,
        BlockFilter::Bits => 2,
        BlockFilter::Differences => 3,
    };
    let mut data = alloc::vec![REVISION, 0, size, chunk_bytes, level, filter, codec.number()];
    if let (Ok(rank), 2..=grid::MAX_DIMENSIONS) = (u32::try_from(chunk_shape.len()), chunk_shape.len()) {
        data.push(rank);
        data.extend_from_slice(chunk_shape);
    }
    data
}

/// What one thread keeps from chunk to chunk.
#[derive(Default)]
struct Workspace {
    codecs: Codecs,
    buffers: Buffers,
    /// The first block, where others need it.
    reference: Vec<u8>,
    /// A block that is a box of the data.
    boxed: Vec<u8>,
}

impl Filter for Blosc2 {
    fn id(&self) -> u16 {
        32026
    }

    fn name(&self) -> &str {
        "blosc2"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let mut workspace = context.state::<Workspace>();
        let out = if frame::is_frame(&input) {
            let frame = Frame::of(&input, context)?;
            match frame.dimensions {
                Some(metadata) => {
                    let grid = Grid::of(metadata, &frame, context)?;
                    let mut out = context.buffer(grid.length)?;
                    grid.decode(&frame, &mut out, &mut workspace, context)?;
                    out
                }
                None => {
                    let [place] = frame.index(1, &mut workspace, context)?[..] else {
                        return Err(context.corrupt("an index of no chunk"));
                    };
                    whole(&frame.chunk(place, frame.chunk, context)?, &mut workspace, context)?
                }
            }
        } else {
            whole(&Chunk::of(&input, context)?, &mut workspace, context)?
        };
        context.keep(workspace);
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        encode::encode(input, context)
    }

    fn encoded_limit(&self, plain: usize, client_data: &[u32]) -> usize {
        // Boxes at the edges are filled up to less than twice the length.
        let dimensions = client_data.get(8..).unwrap_or(&[]);
        let padded = dimensions.iter().fold(client_data.get(2).copied().map_or(1, to_usize), |product, &places| {
            product.saturating_mul(to_usize(places).saturating_mul(2).saturating_sub(1))
        });
        plain.max(padded).saturating_add(AROUND)
    }
}

fn to_usize(word: u32) -> usize {
    usize::try_from(word).unwrap_or(usize::MAX)
}

fn whole(chunk: &Chunk<'_>, workspace: &mut Workspace, context: &mut FilterContext<'_>) -> Result<Vec<u8>> {
    let mut out = context.buffer(chunk.length)?;
    chunk.all(&mut out, workspace, context)?;
    Ok(out)
}

#[cfg(test)]
mod tests;
