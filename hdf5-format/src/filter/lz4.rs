//! LZ4: blocks of LZ4, each with its length.
//!
//! | | |
//! |---|---|
//! | id | 32004 |
//! | name | `lz4` |
//! | client data | `[0]` most bytes of a block; absent or 0: 2^30 |
//! | payload | big-endian: 8 bytes original length, 4 bytes block length, then for each block 4 bytes stored length and the LZ4 block; a stored length equal to the block's own length means plain bytes |
//! | reference | `HDF5_LZ4.pdf` of the registered plugin; LZ4 Block Format Description |
//! | done by | this folder |
//! | feature | `lz4` |

pub(super) mod block;

use super::{Filter, FilterContext};
use crate::error::{Error, ErrorKind, Result};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

/// Filter 32004.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lz4;

/// Bytes of a block where the client data do not say.
pub const DEFAULT_BLOCK: u32 = 1 << 30;
/// The longest block that LZ4 takes.
const LONGEST_BLOCK: u32 = 0x7e00_0000;
/// Original length and block length.
const HEADER: usize = 12;

impl Filter for Lz4 {
    fn id(&self) -> u16 {
        32004
    }

    fn name(&self) -> &str {
        "lz4"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let (&length, rest) = input.split_first_chunk().ok_or_else(|| short(context, &input))?;
        let (&block, rest) = rest.split_first_chunk().ok_or_else(|| short(context, &input))?;
        let length = usize::try_from(u64::from_be_bytes(length)).unwrap_or(usize::MAX);
        let mut out = context.buffer(length)?;
        let block = crate::codec::to_usize(u32::from_be_bytes(block).into())?;
        if block == 0 && length > 0 {
            return Err(context.corrupt("blocks of 0 bytes"));
        }
        let mut rest = rest;
        for out in out.chunks_mut(block.max(1)) {
            let (stored, after) = split_block(rest, context)?;
            match stored.len() == out.len() {
                true => out.copy_from_slice(stored),
                false => decompress(stored, out, context)?,
            }
            rest = after;
        }
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let block = match context.client_data.first() {
            None | Some(0) => DEFAULT_BLOCK,
            Some(&block) if block <= LONGEST_BLOCK => block,
            Some(block) => {
                return Err(
                    context.invalid(format_args!("blocks of {block} bytes, at most {LONGEST_BLOCK} are possible"))
                );
            }
        };
        let block = crate::codec::to_usize(block.into())?.min(input.len().max(1));
        let mut sink = Sink::new(block, context)?;
        sink.push(&(input.len() as u64).to_be_bytes())?;
        sink.push(&u32::try_from(block).unwrap_or(LONGEST_BLOCK).to_be_bytes())?;
        for plain in input.chunks(block) {
            sink.block(plain, context)?;
        }
        sink.finish(context).map(Some)
    }

    fn encoded_limit(&self, plain: usize, client_data: &[u32]) -> usize {
        let block = client_data.first().map_or(1, |&block| usize::try_from(block).unwrap_or(usize::MAX)).max(1);
        let prefixes = plain.div_ceil(block).saturating_mul(4);
        plain.saturating_add(prefixes).saturating_add(HEADER).saturating_add(plain / 255).saturating_add(16)
    }
}

fn short(context: &FilterContext<'_>, input: &[u8]) -> crate::error::Error {
    context.corrupt(format_args!("expected {HEADER} bytes of header, found {}", input.len()))
}

/// Client data of a dataset with blocks of at most `block` bytes; 0 for the default.
pub fn client_data(block: u32) -> Vec<u32> {
    alloc::vec![block]
}

/// The bytes of a block with its length before it, big-endian, and those after it.
pub(super) fn split_block<'a>(input: &'a [u8], context: &FilterContext<'_>) -> Result<(&'a [u8], &'a [u8])> {
    let (&length, rest) = input
        .split_first_chunk()
        .ok_or_else(|| context.corrupt(format_args!("expected the length of a block, found {} bytes", input.len())))?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    rest.split_at_checked(length)
        .ok_or_else(|| context.corrupt(format_args!("a block of {length} bytes, but only {} are left", rest.len())))
}

/// An LZ4 block that must fill `out`.
pub(super) fn decompress(stored: &[u8], out: &mut [u8], context: &FilterContext<'_>) -> Result<()> {
    match block::decompress(stored, out) {
        Ok(len) if len == out.len() => Ok(()),
        Ok(len) => Err(context.corrupt(format_args!("an LZ4 block of {len} bytes, expected {}", out.len()))),
        Err(error) => Err(context.corrupt(format_args!("a damaged LZ4 block: {error}"))),
    }
}

/// An output that grows by blocks, each compressed in a place of its own: a buffer that is cut to the length of what it
/// holds would have to be filled again up to the most bytes possible before each use.
pub(super) struct Sink {
    out: Vec<u8>,
    room: Box<Room>,
}

/// Where a block is compressed: as long as its length can become.
#[derive(Default)]
struct Room(Vec<u8>);

impl Sink {
    /// An empty output, with room for blocks of up to `block` bytes.
    pub(super) fn new(block: usize, context: &mut FilterContext<'_>) -> Result<Self> {
        let mut out = context.buffer(0)?;
        out.clear();
        let mut room = context.state::<Room>();
        let more = block::compressed_limit(block).saturating_sub(room.0.len());
        room.0.try_reserve(more).map_err(|_| no_memory(more))?;
        room.0.resize(room.0.len().saturating_add(more), 0);
        Ok(Sink { out, room })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.try_reserve(bytes.len()).map_err(|_| no_memory(bytes.len()))?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// The stored length and the compressed block, or plain bytes where that is not shorter.
    fn block(&mut self, plain: &[u8], context: &FilterContext<'_>) -> Result<()> {
        let start = self.out.len();
        if self.compressed(plain, context)? >= plain.len() {
            self.out.truncate(start);
            self.push(&stored_length(plain.len()))?;
            self.push(plain)?;
        }
        Ok(())
    }

    /// The stored length, which is returned, and the compressed block.
    pub(super) fn compressed(&mut self, plain: &[u8], context: &FilterContext<'_>) -> Result<usize> {
        let room = self.room.0.as_mut_slice();
        let length = block::compress(plain, room, 1)
            .ok_or_else(|| context.invalid(format_args!("no room for a block of {} bytes", plain.len())))?;
        self.out.try_reserve(length.saturating_add(4)).map_err(|_| no_memory(length))?;
        self.out.extend_from_slice(&stored_length(length));
        self.out.extend_from_slice(self.room.0.get(..length).unwrap_or(&[]));
        Ok(length)
    }

    /// The output; the room waits for the next chunk.
    pub(super) fn finish(self, context: &mut FilterContext<'_>) -> Result<Vec<u8>> {
        context.keep(self.room);
        match self.out.len() <= context.output_limit {
            true => Ok(self.out),
            false => Err(context.too_long(self.out.len())),
        }
    }
}

fn no_memory(bytes: usize) -> Error {
    Error::new(ErrorKind::Limit, format!("no memory for {bytes} bytes of a compressed chunk"))
}

fn stored_length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::{decode, encode, noise};

    #[test]
    fn restores_what_it_compresses() {
        let ramp: Vec<u8> = (0..9000u32).flat_map(|i| (i / 5).to_le_bytes()).collect();
        for input in [&b""[..], b"a", &[0; 1 << 18], &noise(1 << 18, 3), &ramp] {
            for block in [0, 1, 5, 1000, 4096, LONGEST_BLOCK] {
                let stored = encode(&Lz4, input, &client_data(block)).unwrap().unwrap();
                assert!(stored.len() <= Lz4.encoded_limit(input.len(), &client_data(block)));
                assert_eq!(decode(&Lz4, &stored, &[], input.len()).unwrap(), input);
            }
        }
        assert!(encode(&Lz4, b"a", &[LONGEST_BLOCK + 1]).is_err());
    }

    #[test]
    fn decodes_blocks_stored_both_ways() {
        let stored = [&[0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 5], &[0, 0, 0, 4, 0x10, b'x', 1, 0][..], &[0, 0, 0, 2], b"yz"];
        let error = decode(&Lz4, &stored.concat(), &[], 7).unwrap_err().to_string();
        assert!(error.starts_with("filter 32004 (lz4): a"), "{error}");
        let stored = [&[0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 5][..], &[0, 0, 0, 5], b"abcde", &[0, 0, 0, 2], b"yz"];
        assert_eq!(decode(&Lz4, &stored.concat(), &[], 7).unwrap(), b"abcdeyz");
    }

    #[test]
    fn refuses_what_leads_outside() {
        let error = |stored: &[u8], limit| decode(&Lz4, stored, &[], limit).unwrap_err().to_string();
        assert_eq!(error(&[0; 7], 9), "filter 32004 (lz4): expected 12 bytes of header, found 7");
        let long = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(error(&long, 9), "filter 32004 (lz4): decodes to 4294967296 bytes, expected at most 9");
        let zero = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        assert_eq!(error(&zero, 9), "filter 32004 (lz4): blocks of 0 bytes");
        let cut = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 1];
        assert_eq!(error(&cut, 9), "filter 32004 (lz4): a block of 9 bytes, but only 1 are left");
        assert_eq!(error(&cut[..14], 9), "filter 32004 (lz4): expected the length of a block, found 2 bytes");
    }
}
