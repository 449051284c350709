//! Bitshuffle: elements as rows of their bits, a block at a time, then perhaps LZ4 or Zstandard.
//!
//! | | |
//! |---|---|
//! | id | 32008 |
//! | name | `bitshuffle` |
//! | client data | `[0]` and `[1]` version of the writer, `[2]` bytes of an element, `[3]` elements of a block, a multiple of 8 (absent or 0: chosen by the writer's rule), `[4]` 0 or absent: none, 2: LZ4, 3: Zstandard, `[5]` level of Zstandard |
//! | payload | not compressed: as long as the input. Compressed, big-endian: 8 bytes original length, 4 bytes block length, then for each block 4 bytes stored length and the compressed block. A last block has the multiple of eight elements that are left; fewer than eight elements stand at the end as they are |
//! | reference | `RegisteredFilterPlugins.md` of hdf5_plugins; Masui and others 2015, doi:10.1016/j.ascom.2015.07.002 |
//! | done by | this folder and `lz4`; crate `zrip` |
//! | feature | `bitshuffle`, which brings `lz4`; for Zstandard also `zstd` |

pub(super) mod kernel;

use super::{Filter, FilterContext, lz4};
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// Filter 32008.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bitshuffle;

/// What compresses the blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// The bits are only sorted.
    None,
    /// LZ4.
    #[default]
    Lz4,
    /// Zstandard at this level.
    Zstd(i32),
}

/// Version of the format's writer that is stored in new files.
const VERSION: [u32; 2] = [0, 4];
/// Bytes of a block where the client data do not say.
const TARGET_BLOCK_BYTES: usize = 8192;
/// Least elements of such a block.
const LEAST_BLOCK: usize = 128;
/// Original length and block length.
const HEADER: usize = 12;

/// Client data of a dataset whose elements have `size` bytes; `block` elements in a block, 0 for the usual number.
pub fn client_data(size: u32, block: u32, codec: Codec) -> Vec<u32> {
    let mut data = alloc::vec![VERSION[0], VERSION[1], size, block];
    match codec {
        Codec::None => data.push(0),
        Codec::Lz4 => data.push(2),
        Codec::Zstd(level) => data.extend([3, level.cast_unsigned()]),
    }
    data
}

/// The client data, checked.
struct Plan {
    size: usize,
    block: usize,
    codec: Codec,
}

impl Plan {
    fn of(context: &FilterContext<'_>) -> Result<Self> {
        let word = |index: usize| context.client_data.get(index).copied();
        let size = match word(2) {
            Some(size @ 1..) => crate::codec::to_usize(size.into())?,
            _ => return Err(context.corrupt("client data: expected the bytes of an element, found none or 0")),
        };
        let codec = match word(4).unwrap_or(0) {
            0 => Codec::None,
            2 => Codec::Lz4,
            3 => Codec::Zstd(word(5).unwrap_or(0).cast_signed()),
            other => return Err(context.corrupt(format_args!("client data: codec {other}, expected 0, 2 or 3"))),
        };
        let block = match word(3).unwrap_or(0) {
            0 => (TARGET_BLOCK_BYTES.checked_div(size).unwrap_or(0) & !7).max(LEAST_BLOCK),
            block if block % 8 == 0 => crate::codec::to_usize(block.into())?,
            block => return Err(context.corrupt(format_args!("blocks of {block} elements, not a multiple of 8"))),
        };
        Ok(Plan { size, block, codec })
    }

    /// Bytes of a block, of the part of `len` bytes that is cut into blocks, and of eight elements.
    fn lengths(&self, len: usize, context: &FilterContext<'_>) -> Result<(usize, usize)> {
        let eight = self.size.saturating_mul(8);
        if !len.is_multiple_of(self.size) {
            return Err(context.corrupt(format_args!("{len} bytes are no whole number of {}-byte elements", self.size)));
        }
        let sorted = len.saturating_sub(len.checked_rem(eight).unwrap_or(0));
        Ok((self.block.saturating_mul(self.size), sorted))
    }
}

impl Filter for Bitshuffle {
    fn id(&self) -> u16 {
        32008
    }

    fn name(&self) -> &str {
        "bitshuffle"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let plan = Plan::of(context)?;
        let out = match plan.codec {
            Codec::None => sort(&input, &plan, kernel::untranspose, context)?,
            _ => decode_blocks(&input, plan, context)?,
        };
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let plan = Plan::of(context)?;
        match plan.codec {
            Codec::None => sort(input, &plan, kernel::transpose, context).map(Some),
            _ => encode_blocks(input, &plan, context).map(Some),
        }
    }

    fn encoded_limit(&self, plain: usize, client_data: &[u32]) -> usize {
        if client_data.get(4).is_none_or(|&codec| codec == 0) {
            return plain;
        }
        // Blocks may be as short as eight elements; each may grow by its length, its codec's header and a 255th.
        plain.saturating_mul(4).saturating_add(1 << 16)
    }
}

/// All blocks through one kernel; what is left over as it is.
fn sort(
    input: &[u8],
    plan: &Plan,
    kernel: impl Fn(&[u8], &mut [u8], &mut [u8], usize),
    context: &mut FilterContext<'_>,
) -> Result<Vec<u8>> {
    let (block, sorted) = plan.lengths(input.len(), context)?;
    let mut out = context.buffer(input.len())?;
    let mut spare = alloc::vec![0; block.min(sorted)];
    let (from, rest) = input.split_at(sorted.min(input.len()));
    let (to, rest_out) = out.split_at_mut(from.len());
    for (from, to) in from.chunks(block).zip(to.chunks_mut(block)) {
        kernel(from, to, spare.get_mut(..from.len()).unwrap_or(&mut []), plan.size);
    }
    rest_out.copy_from_slice(rest);
    Ok(out)
}

fn decode_blocks(input: &[u8], mut plan: Plan, context: &mut FilterContext<'_>) -> Result<Vec<u8>> {
    let short = || context.corrupt(format_args!("expected {HEADER} bytes of header, found {}", input.len()));
    let (&length, rest) = input.split_first_chunk().ok_or_else(short)?;
    let (&block, mut rest) = rest.split_first_chunk().ok_or_else(short)?;
    let length = usize::try_from(u64::from_be_bytes(length)).unwrap_or(usize::MAX);
    let block = crate::codec::to_usize(u32::from_be_bytes(block).into())?;
    let eight = plan.size.saturating_mul(8);
    if block == 0 || !block.is_multiple_of(eight) {
        return Err(context.corrupt(format_args!("blocks of {block} bytes, expected a multiple of {eight}")));
    }
    plan.block = block.checked_div(plan.size).unwrap_or(0);
    let mut out = context.buffer(length)?;
    let (_, sorted) = plan.lengths(length, context)?;
    let mut bits = alloc::vec![0; block.min(sorted)];
    let mut spare = bits.clone();
    let mut blocks = Blocks::new(plan.codec, context)?;
    let (blocks_out, rest_out) = out.split_at_mut(sorted);
    for out in blocks_out.chunks_mut(block) {
        let (bits, spare) = (bits.get_mut(..out.len()), spare.get_mut(..out.len()));
        let (bits, spare) = (bits.unwrap_or(&mut []), spare.unwrap_or(&mut []));
        let (stored, after) = lz4::split_block(rest, context)?;
        blocks.decode(stored, bits, context)?;
        kernel::untranspose(bits, out, spare, plan.size);
        rest = after;
    }
    let rest = rest.get(..rest_out.len()).ok_or_else(|| {
        context.corrupt(format_args!("expected {} bytes after the blocks, found {}", rest_out.len(), rest.len()))
    })?;
    rest_out.copy_from_slice(rest);
    blocks.keep(context);
    Ok(out)
}

fn encode_blocks(input: &[u8], plan: &Plan, context: &mut FilterContext<'_>) -> Result<Vec<u8>> {
    let (block, sorted) = plan.lengths(input.len(), context)?;
    let stated = u32::try_from(block).map_err(|_| context.invalid(format_args!("blocks of {block} bytes")))?;
    let mut bits = alloc::vec![0; block.min(sorted)];
    let mut spare = bits.clone();
    let mut blocks = Blocks::new(plan.codec, context)?;
    let mut sink = lz4::Sink::new(bits.len(), context)?;
    sink.push(&(input.len() as u64).to_be_bytes())?;
    sink.push(&stated.to_be_bytes())?;
    let (elements, rest) = input.split_at(sorted.min(input.len()));
    for elements in elements.chunks(block) {
        let (bits, spare) = (bits.get_mut(..elements.len()), spare.get_mut(..elements.len()));
        let (bits, spare) = (bits.unwrap_or(&mut []), spare.unwrap_or(&mut []));
        kernel::transpose(elements, bits, spare, plan.size);
        blocks.append(bits, &mut sink, context)?;
    }
    sink.push(rest)?;
    blocks.keep(context);
    sink.finish(context)
}

/// The codec of the blocks, with what it keeps from block to block.
enum Blocks {
    Lz4,
    #[cfg(feature = "zstd")]
    Zstd {
        level: i32,
        encoder: alloc::boxed::Box<super::zstd::Encoder>,
        decoder: alloc::boxed::Box<super::zstd::Decoder>,
    },
}

impl Blocks {
    fn new(codec: Codec, context: &mut FilterContext<'_>) -> Result<Self> {
        match codec {
            #[cfg(feature = "zstd")]
            Codec::Zstd(level) => Ok(Blocks::Zstd { level, encoder: context.state(), decoder: context.state() }),
            #[cfg(not(feature = "zstd"))]
            Codec::Zstd(_) => Err(context
                .unsupported("blocks of Zstandard are not in this build")
                .with_hint("build with the cargo feature `zstd`")),
            Codec::None | Codec::Lz4 => Ok(Blocks::Lz4),
        }
    }

    /// Fills `out`.
    fn decode(&mut self, stored: &[u8], out: &mut [u8], context: &FilterContext<'_>) -> Result<()> {
        match self {
            Blocks::Lz4 => lz4::decompress(stored, out, context),
            #[cfg(feature = "zstd")]
            Blocks::Zstd { decoder, .. } => match decoder.decode_into(stored, out) {
                Ok(len) if len == out.len() => Ok(()),
                Ok(len) => Err(context.corrupt(format_args!("a block of {len} bytes, expected {}", out.len()))),
                Err(error) => Err(context.corrupt(format_args!("a damaged Zstandard block: {error}"))),
            },
        }
    }

    /// Appends the stored length and the compressed block.
    fn append(&mut self, plain: &[u8], sink: &mut lz4::Sink, context: &FilterContext<'_>) -> Result<()> {
        match self {
            Blocks::Lz4 => sink.compressed(plain, context).map(|_| ()),
            #[cfg(feature = "zstd")]
            Blocks::Zstd { level, encoder, .. } => {
                let stored = encoder.compress(plain, *level).map_err(|error| context.invalid(error))?;
                sink.push(&u32::try_from(stored.len()).unwrap_or(u32::MAX).to_be_bytes())?;
                sink.push(&stored)
            }
        }
    }

    fn keep(self, context: &mut FilterContext<'_>) {
        match self {
            Blocks::Lz4 => {}
            #[cfg(feature = "zstd")]
            Blocks::Zstd { encoder, decoder, .. } => {
                context.keep(encoder);
                context.keep(decoder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::{decode, encode, noise};

    fn codecs() -> Vec<Codec> {
        let zstd = cfg!(feature = "zstd").then_some(Codec::Zstd(1));
        [Codec::None, Codec::Lz4].into_iter().chain(zstd).collect()
    }

    #[test]
    fn restores_what_it_compresses() {
        for codec in codecs() {
            for size in [1, 2, 3, 4, 8, 12, 16, 100] {
                for count in [0, 1, 7, 8, 9, 127, 128, 1000, 5003] {
                    for block in [0, 8, 64] {
                        let input: Vec<u8> = (0..size * count).map(|i| ((i / size) >> (i % size % 20)) as u8).collect();
                        let data = client_data(size as u32, block, codec);
                        let stored = encode(&Bitshuffle, &input, &data).unwrap().unwrap();
                        assert!(stored.len() <= Bitshuffle.encoded_limit(input.len(), &data));
                        assert_eq!(decode(&Bitshuffle, &stored, &data, input.len()).unwrap(), input);
                    }
                }
            }
        }
    }

    #[test]
    fn noise_survives() {
        let input = noise(100_000, 5);
        for codec in codecs() {
            let data = client_data(4, 8, codec);
            let stored = encode(&Bitshuffle, &input, &data).unwrap().unwrap();
            assert!(stored.len() <= Bitshuffle.encoded_limit(input.len(), &data), "{codec:?} {}", stored.len());
            assert_eq!(decode(&Bitshuffle, &stored, &data, input.len()).unwrap(), input);
        }
    }

    #[test]
    fn refuses_what_is_wrong() {
        let error = |stored: &[u8], data: &[u32]| {
            let text = decode(&Bitshuffle, stored, data, 1000).unwrap_err().to_string();
            text.strip_prefix("filter 32008 (bitshuffle): ").unwrap().to_string()
        };
        use alloc::string::ToString;
        assert_eq!(error(b"", &[0, 4]), "client data: expected the bytes of an element, found none or 0");
        assert_eq!(error(b"", &[0, 4, 1, 12]), "blocks of 12 elements, not a multiple of 8");
        assert_eq!(error(b"", &[0, 4, 1, 8, 1]), "client data: codec 1, expected 0, 2 or 3");
        assert_eq!(error(b"abc", &[0, 4, 2]), "3 bytes are no whole number of 2-byte elements");
        assert_eq!(error(b"abc", &[0, 4, 2, 0, 2]), "expected 12 bytes of header, found 3");
        let header = |length: u8, block: u8| [0, 0, 0, 0, 0, 0, 0, length, 0, 0, 0, block];
        assert_eq!(error(&header(9, 0), &[0, 4, 1, 0, 2]), "blocks of 0 bytes, expected a multiple of 8");
        assert_eq!(error(&header(9, 8), &[0, 4, 2, 0, 2]), "blocks of 8 bytes, expected a multiple of 16");
        assert_eq!(error(&header(7, 8), &[0, 4, 1, 0, 2]), "expected 7 bytes after the blocks, found 0");
        assert_eq!(error(&header(8, 8), &[0, 4, 1, 0, 2]), "expected the length of a block, found 0 bytes");
    }
}
