//! Szip: adaptive Rice coding of samples, or of their differences.
//!
//! | | |
//! |---|---|
//! | id | 4 |
//! | name | `szip` |
//! | client data | `[0]` options, `[1]` samples of a block, `[2]` bits of a sample, `[3]` samples of a line: see below |
//! | payload | bytes of the chunk u32, then the stream: see [`decode`](self) below |
//! | reference | CCSDS 121.0-B-3, Lossless Data Compression; what libaec's szip interface makes of it |
//! | done by | this file and `szip/` |
//! | cargo feature | `szip` |
//!
//! ```text
//! options   4 entropy coding (EC)   32 nearest neighbour (NN): code differences from the sample before
//!           8 least   16 most significant byte first          1 and 128: always set, of no effect
//! bits      1 to 24, or 32 or 64: the samples are then the bytes, sorted into planes as by the shuffle filter
//! ```
//! A sample takes 1, 2 or 4 bytes: as many as its bits need. It is not the element where the element has more bytes
//! than that, which changes nothing but what is next to what.
//!
//! The samples are cut into lines, each line into blocks of 2 to 32 samples. The last block of a line is filled up with
//! the last sample (NN) or zeros (EC), and the last line with such blocks. The stream is a string of bits, most
//! significant first, without gaps; `w` is 3 for samples of up to 8 bits, 4 up to 16, else 5:
//!
//! ```text
//! w bits   block
//! 0 ...0   1 bit: 0 a run of blocks of zeros, 1 second extension: see "entropy.rs"
//! k+1      each value divided by 2^k, in unary, then the lower k bits of each
//! 1 ...1   each value with all of its bits
//! ```
//! With NN the first block of a line has the line's first sample in full after these bits and the second extension's or
//! run's, and not as a value.
//!
//! As libhdf5 does, a chunk that does not shrink is stored without the filter; so is one that the filter would not give
//! back: with bits beyond those of a sample, or with part of a sample at its end.

mod client;
mod decode;
mod encode;
mod entropy;
mod groups;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use client::{Coding, client_data};

use super::shuffle::{shuffle, unshuffle};
use super::{Filter, FilterContext};
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use client::Layout;
use writer::MARGIN;

/// Filter 4.
#[derive(Clone, Copy, Debug, Default)]
pub struct Szip;

/// Bytes of the payload before the stream.
const HEAD: usize = 4;

impl Filter for Szip {
    fn id(&self) -> u16 {
        4
    }

    fn name(&self) -> &str {
        "szip"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let layout = Layout::parse(context)?;
        let Some((head, stream)) = input.split_first_chunk::<HEAD>() else {
            return Err(context.corrupt(format_args!("expected at least {HEAD} bytes, found {}", input.len())));
        };
        let len = crate::codec::to_usize(u32::from_le_bytes(*head).into())?;
        let mut out = context.buffer(len)?;
        decode::decode(stream, &mut out, &layout).map_err(|damage| damage.error(stream.len(), len, context))?;
        if let Some(size) = layout.planes {
            let mut elements = context.buffer(len)?;
            unshuffle(&out, &mut elements, size);
            context.recycle(Cow::Owned(out));
            out = elements;
        }
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let layout = Layout::parse(context)?;
        let Ok(len) = u32::try_from(input.len()) else { return Ok(None) };
        if layout.bits > 24 {
            return Err(context.unsupported("samples of 25 to 31 bits are read, but not written"));
        }
        let mut out = context.buffer(input.len().saturating_add(HEAD).saturating_add(MARGIN))?;
        let Some((head, stream)) = out.split_first_chunk_mut::<HEAD>() else { return Ok(None) };
        *head = len.to_le_bytes();
        let stored = match layout.planes {
            None => encode::encode(input, stream, &layout),
            Some(size) => {
                let mut planes = context.buffer(input.len())?;
                shuffle(input, &mut planes, size);
                let stored = encode::encode(&planes, stream, &layout);
                context.recycle(Cow::Owned(planes));
                stored.filter(|_| input.len().checked_rem(size) == Some(0))
            }
        };
        let Some(stored) = stored else {
            context.recycle(Cow::Owned(out));
            return Ok(None);
        };
        out.truncate(HEAD.saturating_add(stored));
        Ok(Some(out))
    }
}
