//! Blosc: blocks of a chunk, sorted by the bytes or bits of their elements, each encoded by one of six codecs.
//!
//! | | |
//! |---|---|
//! | id | 32001 |
//! | name | `blosc` |
//! | client data | `[0]` revision of the filter (2), `[1]` version of the format (2), `[2]` bytes of an element, 1 above 255, `[3]` bytes of a chunk, `[4]` level, 0 (declines every chunk) to 9; absent: 5, `[5]` 0: not sorted, 1 or absent: by bytes, 2: by bits, `[6]` codec: 0 or absent BloscLZ, 1 LZ4, 2 LZ4's slow variant, 3 Snappy, 4 zlib, 5 Zstandard |
//! | payload | see below |
//! | reference | `README_CHUNK_FORMAT.rst` of C-Blosc; HDF5 files of `hdf5plugin` |
//! | done by | this folder, `lz4`, `bitshuffle`, `deflate` and `zstd` |
//! | feature | `blosc`; for zlib also `deflate` or `deflate-alloc`, for Zstandard also `zstd` |
//!
//! ```text
//! u8 version of the format (2), u8 version of the codec's format, u8 flags, u8 bytes of an element
//! u32 bytes of the chunk, u32 bytes of a block, u32 bytes of the payload
//! flags: 0x01 sorted by bytes, 0x02 what follows is the chunk as it is, 0x04 sorted by bits,
//!        0x10 blocks are not split, upper three bits: codec (0 BloscLZ, 1 LZ4, 2 Snappy, 3 zlib, 4 Zstandard)
//! blocks: see blocks.rs
//! ```
//!
//! All little-endian. Blocks are split into as many streams as an element has bytes, unless the flag says otherwise, an
//! element has more than 16 bytes or a stream would have fewer than 128. A block whose elements are no multiple of
//! eight is not sorted by bits. A chunk that does not shrink is stored without the filter. The encoder writes LZ4 also
//! where its slow variant is asked for: the format is the same.

pub(super) mod blocks;
mod blosclz;
pub(super) mod codec;
mod snappy;
pub(super) mod sort;

use super::{Filter, FilterContext, shuffle};
use crate::codec::to_usize;
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use blocks::{Blocks, Packing, WORD};
use codec::Codecs;

/// Filter 32001.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blosc;

/// What encodes the streams of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// BloscLZ.
    #[default]
    BloscLz,
    /// LZ4.
    Lz4,
    /// LZ4, as small as it gets.
    Lz4Hc,
    /// Snappy.
    Snappy,
    /// Zlib.
    Zlib,
    /// Zstandard.
    Zstd,
}

/// How the bytes of a block are sorted before they are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sort {
    /// Not at all.
    None,
    /// First bytes of all elements, then all second bytes, and so on.
    #[default]
    Bytes,
    /// First bits of all elements, then all second bits, and so on.
    Bits,
}

/// Revision of the filter.
const REVISION: u32 = 2;
/// Version of the format.
const VERSION: u8 = 2;
/// Bytes of the header.
const HEADER: usize = 16;
/// Level without client data.
const DEFAULT_LEVEL: u32 = 5;
/// Elements with more bytes are taken for bytes.
const MAX_ELEMENT: u32 = 255;
const SORTED_BY_BYTES: u8 = 0x01;
const AS_IT_IS: u8 = 0x02;
const SORTED_BY_BITS: u8 = 0x04;
const FROM_THE_FUTURE: u8 = 0x08;
const NOT_SPLIT: u8 = 0x10;

/// Client data of a dataset whose elements have `size` bytes and whose chunks have `chunk_bytes`; `level` is 1 (fast)
/// to 9 (small), or 0 to store all chunks without the filter. For elements that are arrays, `size` is that of the
/// array's element.
pub fn client_data(size: u32, chunk_bytes: u32, level: u32, sort: Sort, codec: Codec) -> Vec<u32> {
    let size = if size > MAX_ELEMENT { 1 } else { size };
    alloc::vec![REVISION, VERSION.into(), size, chunk_bytes, level, sort.number(), codec.number()]
}

impl Codec {
    const ALL: [Codec; 6] = [Codec::BloscLz, Codec::Lz4, Codec::Lz4Hc, Codec::Snappy, Codec::Zlib, Codec::Zstd];

    /// Its number in client data.
    pub(super) fn number(self) -> u32 {
        Codec::ALL.iter().zip(0..).find(|&(codec, _)| *codec == self).map_or(0, |(_, number)| number)
    }

    /// The codec of this number in client data.
    pub(super) fn of_number(number: u32) -> Option<Self> {
        Codec::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

impl Sort {
    fn number(self) -> u32 {
        match self {
            Sort::None => 0,
            Sort::Bytes => 1,
            Sort::Bits => 2,
        }
    }

    fn of_number(number: u32) -> Option<Self> {
        [Sort::None, Sort::Bytes, Sort::Bits].get(usize::try_from(number).ok()?).copied()
    }
}

/// What one thread keeps from chunk to chunk.
#[derive(Default)]
pub(super) struct Workspace {
    pub(super) codecs: Codecs,
    pub(super) sorted: Vec<u8>,
    pub(super) spare: Vec<u8>,
}

impl Filter for Blosc {
    fn id(&self) -> u16 {
        32001
    }

    fn name(&self) -> &str {
        "blosc"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let header = Header::of(&input, context)?;
        let mut out = context.buffer(header.length)?;
        let body = input.get(HEADER..).unwrap_or(&[]);
        if header.flags & AS_IT_IS != 0 {
            let plain = body.get(..header.length).ok_or_else(|| {
                context.corrupt(format_args!(
                    "expected a chunk of {} bytes as it is, found {}",
                    header.length,
                    body.len()
                ))
            })?;
            out.copy_from_slice(plain);
        } else if header.length > 0 {
            let mut workspace = context.state::<Workspace>();
            header.decode(&input, &mut out, &mut workspace, context)?;
            context.keep(workspace);
        }
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let plan = Plan::of(context, input.len())?;
        if plan.packing.level == 0 || input.is_empty() {
            return Ok(None);
        }
        let mut out = context.buffer(input.len())?;
        let mut workspace = context.state::<Workspace>();
        let length = plan.encode(input, &mut out, &mut workspace);
        context.keep(workspace);
        let Some(length) = length else {
            context.recycle(Cow::Owned(out));
            return Ok(None);
        };
        out.truncate(length);
        Ok(Some(out))
    }

    fn encoded_limit(&self, plain: usize, _: &[u32]) -> usize {
        plain.saturating_add(HEADER)
    }
}

struct Header {
    flags: u8,
    codec: Codec,
    size: usize,
    length: usize,
    block: usize,
    stored: usize,
}

impl Header {
    fn of(input: &[u8], context: &FilterContext<'_>) -> Result<Self> {
        let Some((&[version, _, flags, size, ref words @ ..], _)) = input.split_first_chunk::<HEADER>() else {
            return Err(context.corrupt(format_args!("expected {HEADER} bytes of header, found {}", input.len())));
        };
        if version != VERSION {
            return Err(context.unsupported(format_args!("version {version} of Blosc chunks, expected {VERSION}")));
        }
        if flags & FROM_THE_FUTURE != 0 {
            return Err(context.unsupported(format_args!("flags {flags:#04x}, of which 0x08 has no meaning yet")));
        }
        let codec = Codec::of_format(flags >> 5)
            .ok_or_else(|| context.unsupported(format_args!("codec {} of blocks, expected 0 to 4", flags >> 5)))?;
        let word = |index: usize| words.as_chunks().0.get(index).copied().map_or(0, u32::from_le_bytes);
        let (length, block, stored) = (to_usize(word(0).into())?, to_usize(word(1).into())?, to_usize(word(2).into())?);
        if size == 0 {
            return Err(context.corrupt("elements of 0 bytes"));
        }
        if stored > input.len() || stored < HEADER {
            return Err(context.corrupt(format_args!("a chunk of {stored} bytes, found {}", input.len())));
        }
        if block == 0 && length > 0 {
            return Err(context.corrupt("blocks of 0 bytes"));
        }
        let block = block.min(length);
        Ok(Header { flags, codec, size: size.into(), length, block, stored })
    }

    /// How blocks are sorted. Single bytes are not sorted by bytes.
    fn sort(&self) -> Sort {
        match self.flags & (SORTED_BY_BYTES | SORTED_BY_BITS) {
            0 => Sort::None,
            bits if bits & SORTED_BY_BYTES != 0 && self.size > 1 => Sort::Bytes,
            bits if bits & SORTED_BY_BITS != 0 => Sort::Bits,
            _ => Sort::None,
        }
    }

    fn decode(
        &self,
        input: &[u8],
        out: &mut [u8],
        workspace: &mut Workspace,
        context: &FilterContext<'_>,
    ) -> Result<()> {
        let count = self.length.div_ceil(self.block.max(1));
        let chunk = input.get(..self.stored).unwrap_or(&[]);
        let starts = chunk.get(HEADER..).unwrap_or(&[]).as_chunks().0.get(..count).ok_or_else(|| {
            context.corrupt(format_args!("expected the starts of {count} blocks, found {} bytes", chunk.len()))
        })?;
        let splits = self.flags & NOT_SPLIT == 0 && Packing::can_split(self.size, self.block);
        let streams = if splits { self.size } else { 1 };
        let blocks = Blocks { chunk, starts, codec: self.codec, block: self.block, streams, runs: false };
        let Workspace { codecs, sorted, spare } = workspace;
        for (index, out) in out.chunks_mut(self.block.max(1)).enumerate() {
            let sorted = match self.sort() {
                Sort::None => {
                    blocks.decode(index, out, codecs, context)?;
                    continue;
                }
                _ => sort::room(sorted, out.len()),
            };
            blocks.decode(index, sorted, codecs, context)?;
            match self.sort() {
                Sort::Bits => {
                    let octets = sorted_by_bits(out.len(), self.size);
                    sort::untranspose(sorted, out, sort::room(spare, out.len()), self.size, octets);
                }
                _ => shuffle::unshuffle(sorted, out, self.size),
            }
        }
        Ok(())
    }
}

/// Bytes of a block that are sorted by bits: all whole elements, or none.
fn sorted_by_bits(length: usize, size: usize) -> usize {
    let octets = sort::whole_octets(length, size);
    if length.saturating_sub(octets) < size { octets } else { 0 }
}

/// How a chunk is encoded.
struct Plan {
    size: usize,
    sort: Sort,
    block: usize,
    streams: usize,
    packing: Packing,
}

impl Plan {
    fn of(context: &FilterContext<'_>, length: usize) -> Result<Self> {
        let word = |index: usize| context.client_data.get(index).copied();
        let size = match word(2) {
            Some(0) | None => {
                return Err(context.invalid("client data: expected the bytes of an element, found none or 0"));
            }
            Some(size @ 1..=MAX_ELEMENT) => to_usize(size.into())?,
            Some(_) => 1,
        };
        let level = word(4).unwrap_or(DEFAULT_LEVEL);
        if level > 9 {
            return Err(context.invalid(format_args!("client data: expected a level of 0 to 9, found {level}")));
        }
        let sort = word(5).unwrap_or(1);
        let sort = Sort::of_number(sort)
            .ok_or_else(|| context.invalid(format_args!("client data: blocks sorted by {sort}, expected 0 to 2")))?;
        let codec = word(6).unwrap_or(0);
        let codec = Codec::of_number(codec)
            .ok_or_else(|| context.invalid(format_args!("client data: codec {codec}, expected 0 to 5")))?;
        codec.available(context)?;
        let block = blocks::block_length(length, size, level, codec);
        let streams = if Packing::splits(codec, size, block) { size } else { 1 };
        Ok(Plan { size, sort, block, streams, packing: Packing { codec, level, runs: false } })
    }

    /// The number of bytes used of `out`, or `None` where it is too short.
    fn encode(&self, input: &[u8], out: &mut [u8], workspace: &mut Workspace) -> Option<usize> {
        let count = input.len().div_ceil(self.block);
        let mut at = count.checked_mul(WORD)?.checked_add(HEADER)?;
        out.get(..at)?;
        for (index, block) in input.chunks(self.block).enumerate() {
            let start = index.checked_mul(WORD)?.checked_add(HEADER)?;
            *out.get_mut(start..)?.first_chunk_mut()? = u32::try_from(at).ok()?.to_le_bytes();
            let block = self.sorted(block, &mut workspace.sorted, &mut workspace.spare);
            let streams = if block.len() == self.block { self.streams } else { 1 };
            at = self.packing.encode(block, streams, out, at, &mut workspace.codecs)?;
        }
        *out.first_chunk_mut()? = self.header(input.len(), at)?;
        (at < input.len()).then_some(at)
    }

    fn sorted<'a>(&self, block: &'a [u8], sorted: &'a mut Vec<u8>, spare: &mut Vec<u8>) -> &'a [u8] {
        match self.sort {
            Sort::Bytes if self.size > 1 => {
                let sorted = sort::room(sorted, block.len());
                shuffle::shuffle(block, sorted, self.size);
                sorted
            }
            Sort::Bits => {
                let sorted = sort::room(sorted, block.len());
                let octets = sorted_by_bits(block.len(), self.size);
                sort::transpose(block, sorted, sort::room(spare, block.len()), self.size, octets);
                sorted
            }
            Sort::None | Sort::Bytes => block,
        }
    }

    fn header(&self, length: usize, stored: usize) -> Option<[u8; HEADER]> {
        let sort = match self.sort {
            Sort::None => 0,
            Sort::Bytes => SORTED_BY_BYTES,
            Sort::Bits => SORTED_BY_BITS,
        };
        let split = if self.streams > 1 { 0 } else { NOT_SPLIT };
        let mut header = [0; HEADER];
        let size = u8::try_from(self.size).ok()?;
        let head = [VERSION, 1, sort | split | self.packing.codec.format() << 5, size];
        let words = [length, self.block, stored].map(|word| u32::try_from(word).ok().map(u32::to_le_bytes));
        let [Some(length), Some(block), Some(stored)] = words else { return None };
        header.as_chunks_mut().0.copy_from_slice(&[head, length, block, stored]);
        Some(header)
    }
}

#[cfg(test)]
mod tests;
