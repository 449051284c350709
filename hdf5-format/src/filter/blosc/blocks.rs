//! The blocks of a chunk: where they begin, and the streams in them. Common to Blosc 1 and 2.
//!
//! ```text
//! after the header   u32 for each block: where it begins, from the start of the chunk
//! a block            streams: one, or one for each byte of an element, each i32 length and so many bytes
//! ```
//!
//! A stream as long as its part of the block is that part as it is. The last block, where it is shorter, is one stream.

use super::Codec;
use super::codec::Codecs;
use crate::error::Result;
use crate::filter::FilterContext;

/// The most streams into which our writer, and the reference, split a block.
const MAX_SPLITS: usize = 16;
/// The least bytes of such a stream.
const LEAST_SPLIT: usize = 128;
/// The longest block of our writer.
const LARGEST_BLOCK: usize = 1 << 19;
/// What stands before a stream, and for each block behind the header.
pub(in crate::filter) const WORD: usize = 4;

/// Blocks to decode.
#[derive(Debug)]
pub(in crate::filter) struct Blocks<'a> {
    /// The whole chunk.
    pub(in crate::filter) chunk: &'a [u8],
    /// Where blocks begin.
    pub(in crate::filter) starts: &'a [[u8; WORD]],
    /// What encoded the streams.
    pub(in crate::filter) codec: Codec,
    /// Bytes of a whole block.
    pub(in crate::filter) block: usize,
    /// Streams of a whole block.
    pub(in crate::filter) streams: usize,
    /// Lengths of 0 and below stand for runs of one byte: Blosc 2.
    pub(in crate::filter) runs: bool,
}

impl Blocks<'_> {
    /// Decodes the streams of block `index`, which fill `out`; filters are not undone.
    pub(in crate::filter) fn decode(
        &self,
        index: usize,
        out: &mut [u8],
        codecs: &mut Codecs,
        context: &FilterContext<'_>,
    ) -> Result<()> {
        let streams = if out.len() == self.block { self.streams } else { 1 };
        let part = match (out.len().checked_div(streams), out.len().checked_rem(streams)) {
            (Some(part @ 1..), Some(0)) => part,
            _ => return Err(context.corrupt(format_args!("{streams} streams in a block of {} bytes", out.len()))),
        };
        let start = self.starts.get(index).copied().map_or(u32::MAX, u32::from_le_bytes);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let mut rest = self.chunk.get(start..).ok_or_else(|| {
            context.corrupt(format_args!("block {index} begins at {start} of {} bytes", self.chunk.len()))
        })?;
        for out in out.chunks_exact_mut(part) {
            rest = self.stream(rest, out, codecs, context)?;
        }
        Ok(())
    }

    /// Decodes a stream; what comes after it.
    fn stream<'a>(
        &self,
        rest: &'a [u8],
        out: &mut [u8],
        codecs: &mut Codecs,
        context: &FilterContext<'_>,
    ) -> Result<&'a [u8]> {
        let short = || context.corrupt(format_args!("expected the length of a stream, found {} bytes", rest.len()));
        let (&length, rest) = rest.split_first_chunk::<WORD>().ok_or_else(short)?;
        let length = i32::from_le_bytes(length);
        if self.runs && length <= 0 {
            return run(length, rest, out, context);
        }
        let stated = usize::try_from(length).unwrap_or(usize::MAX);
        let (stream, rest) = rest.split_at_checked(stated).ok_or_else(|| {
            context.corrupt(format_args!("a stream of {length} bytes, but only {} are left", rest.len()))
        })?;
        match stream.len() == out.len() {
            true => out.copy_from_slice(stream),
            false => codecs.decompress(self.codec, stream, out, context)?,
        }
        Ok(rest)
    }
}

/// A run of zeros, or one of another byte that a token announces.
fn run<'a>(length: i32, rest: &'a [u8], out: &mut [u8], context: &FilterContext<'_>) -> Result<&'a [u8]> {
    if length == 0 {
        out.fill(0);
        return Ok(rest);
    }
    match (rest.split_first(), u8::try_from(length.unsigned_abs())) {
        (Some((&token, rest)), Ok(byte)) if token & 1 == 1 => {
            out.fill(byte);
            Ok(rest)
        }
        _ => Err(context.corrupt(format_args!("a stream of {length} bytes that is no run of one byte"))),
    }
}

/// How blocks are encoded.
#[derive(Clone, Copy, Debug)]
pub(in crate::filter) struct Packing {
    /// What encodes the streams.
    pub(in crate::filter) codec: Codec,
    /// Level of 1 to 9.
    pub(in crate::filter) level: u32,
    /// Runs of one byte are written as such: Blosc 2.
    pub(in crate::filter) runs: bool,
}

impl Packing {
    /// True where blocks of `block` bytes with elements of `size` bytes may be split.
    pub(in crate::filter) fn can_split(size: usize, block: usize) -> bool {
        size <= MAX_SPLITS && block.checked_div(size).is_some_and(|part| part >= LEAST_SPLIT)
    }

    /// True where our writer splits them.
    pub(in crate::filter) fn splits(codec: Codec, size: usize, block: usize) -> bool {
        codec != Codec::Zstd && Packing::can_split(size, block)
    }

    /// Appends a block's streams to `out` from `at` on; the place after them, or `None` where there is no room.
    pub(in crate::filter) fn encode(
        &self,
        block: &[u8],
        streams: usize,
        out: &mut [u8],
        mut at: usize,
        codecs: &mut Codecs,
    ) -> Option<usize> {
        for part in block.chunks(block.len().checked_div(streams)?.max(1)) {
            at = self.stream(part, out, at, codecs)?;
        }
        Some(at)
    }

    fn stream(&self, part: &[u8], out: &mut [u8], at: usize, codecs: &mut Codecs) -> Option<usize> {
        let (prefix, room) = out.get_mut(at..)?.split_first_chunk_mut::<WORD>()?;
        let start = at.checked_add(WORD)?;
        if let (true, Some(byte)) = (self.runs, repeated(part)) {
            *prefix = i32::from(byte).wrapping_neg().to_le_bytes();
            if byte == 0 {
                return Some(start);
            }
            *room.first_mut()? = 1;
            return start.checked_add(1);
        }
        // A stream as long as the part would be taken for the part itself.
        let fit = room.len().min(part.len().checked_sub(1)?);
        let length = match codecs.compress(self.codec, self.level, part, room.get_mut(..fit)?) {
            Some(length) => length,
            None => {
                room.get_mut(..part.len())?.copy_from_slice(part);
                part.len()
            }
        };
        *prefix = i32::try_from(length).ok()?.to_le_bytes();
        start.checked_add(length)
    }
}

/// Bytes of a block of our writer: a multiple of `size`, and of eight elements where the chunk is long enough.
pub(in crate::filter) fn block_length(length: usize, size: usize, level: u32, codec: Codec) -> usize {
    let size = size.max(1);
    let stream: usize = match level {
        0..=3 => 1 << 15,
        4..=6 => 1 << 16,
        _ => 1 << 17,
    };
    let bytes = if Packing::splits(codec, size, stream.saturating_mul(size)) {
        stream.saturating_mul(size).min(LARGEST_BLOCK)
    } else {
        stream.saturating_mul(2)
    };
    let bytes = bytes.min(length);
    let whole = |unit: usize| bytes.saturating_sub(bytes.checked_rem(unit).unwrap_or(0));
    match (whole(size.saturating_mul(8)), whole(size)) {
        (0, 0) => length.max(1),
        (0, elements) => elements,
        (octets, _) => octets,
    }
}

/// The byte of which `bytes` consists.
pub(in crate::filter) fn repeated(bytes: &[u8]) -> Option<u8> {
    let (&first, rest) = bytes.split_first()?;
    // Pieces, so that the comparison is a few wide steps and most inputs end it at once.
    rest.chunks(256).all(|piece| piece.iter().fold(0, |different, byte| different | byte ^ first) == 0).then_some(first)
}
