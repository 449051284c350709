//! Deflate: zlib compression ("gzip" in h5py).
//!
//! | | |
//! |---|---|
//! | id | 1 |
//! | name | `deflate` |
//! | client data | `[0]` level, 0 (stored) to 9; of no use to a reader |
//! | payload | one zlib stream; bytes after its end are ignored, as libhdf5 ignores them |
//! | reference | RFC 1950 and RFC 1951 |
//! | done by | `flate2` over `zlib-rs` (feature `deflate`), `miniz_oxide` (feature `deflate-alloc`, no `std`) |

use super::{Filter, FilterContext};
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::vec::Vec;

#[cfg(not(feature = "deflate"))]
mod miniz;
#[cfg(feature = "deflate")]
mod zlib_rs;

#[cfg(not(feature = "deflate"))]
pub(super) use miniz::{Deflater, Inflater};
#[cfg(feature = "deflate")]
pub(super) use zlib_rs::{Deflater, Inflater};

/// Filter 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deflate;

/// Bytes to which deflate can expand one: 258 for two bits.
const MAX_RATIO: usize = 1032;

/// Level without client data: zlib's own.
const DEFAULT_LEVEL: u32 = 6;

/// How inflating into a buffer of a given length ended.
pub(super) enum Inflated {
    /// The stream is complete and its checksum right; this many bytes are in the buffer.
    Whole(usize),
    /// The input ends before the stream does.
    Truncated,
    /// The buffer is full and the stream goes on.
    TooLong,
    /// Not a zlib stream, damaged, or of another checksum.
    Bad(&'static str),
}

impl Filter for Deflate {
    fn id(&self) -> u16 {
        1
    }

    fn name(&self) -> &str {
        "deflate"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let longest = input.len().saturating_mul(MAX_RATIO).saturating_add(MAX_RATIO);
        let mut out = context.buffer(longest.min(context.output_limit))?;
        let mut inflater = context.state::<Inflater>();
        match inflater.inflate(&input, &mut out) {
            Inflated::Whole(len) => out.truncate(len),
            Inflated::Truncated => {
                return Err(context.corrupt(format_args!("the zlib stream of {} bytes is cut short", input.len())));
            }
            Inflated::TooLong => {
                return Err(context.corrupt(format_args!("inflates to more than {} bytes", context.output_limit)));
            }
            Inflated::Bad(why) => return Err(context.corrupt(format_args!("expected a zlib stream, found {why}"))),
        }
        context.keep(inflater);
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let level = context.client_data.first().copied().unwrap_or(DEFAULT_LEVEL);
        if level > 9 {
            return Err(context.invalid(format_args!("client data: expected a level of 0 to 9, found {level}")));
        }
        let mut deflater = context.state::<Deflater>();
        let out = deflater.deflate(input, level);
        context.keep(deflater);
        out.map(Some).ok_or_else(|| context.invalid("no memory to compress this chunk"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::{decode, encode, noise};

    #[test]
    fn every_level_restores_the_chunk() {
        let mut data = noise(50_000, 1);
        data.extend_from_slice(&[7; 100_000]);
        for level in 0..10 {
            let stored = encode(&Deflate, &data, &[level]).unwrap().unwrap();
            assert!(level == 0 || stored.len() < 60_000, "level {level}: {}", stored.len());
            assert_eq!(decode(&Deflate, &stored, &[level], data.len()).unwrap(), data);
        }
        assert!(encode(&Deflate, &data, &[10]).is_err());
    }

    #[test]
    fn nothing_at_all() {
        let stored = encode(&Deflate, b"", &[6]).unwrap().unwrap();
        assert_eq!(decode(&Deflate, &stored, &[6], 0).unwrap(), b"");
        assert!(decode(&Deflate, b"", &[6], 10).is_err());
    }

    #[test]
    fn what_follows_the_stream_is_ignored() {
        let mut stored = encode(&Deflate, b"hello hello hello", &[6]).unwrap().unwrap();
        stored.extend_from_slice(b"junk");
        assert_eq!(decode(&Deflate, &stored, &[6], 17).unwrap(), b"hello hello hello");
    }

    #[test]
    fn says_what_is_wrong() {
        let stored = encode(&Deflate, &[3; 1000], &[6]).unwrap().unwrap();
        let message = |stored: &[u8], limit| decode(&Deflate, stored, &[], limit).unwrap_err().to_string();
        let cut = message(&stored[..stored.len() - 1], 1000);
        assert!(cut.starts_with("filter 1 (deflate): the zlib stream of"), "{cut}");
        assert_eq!(message(&stored, 999), "filter 1 (deflate): inflates to more than 999 bytes");
        let mut bad = stored.clone();
        *bad.last_mut().unwrap() ^= 1;
        assert!(message(&bad, 1000).starts_with("filter 1 (deflate): expected a zlib stream, found"));
        assert!(message(b"not zlib at all", 1000).starts_with("filter 1 (deflate): expected a zlib stream, found"));
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let bomb = encode(&Deflate, &[0; 1 << 24], &[9]).unwrap().unwrap();
        assert!(bomb.len() < 20_000);
        let error = decode(&Deflate, &bomb, &[], 1000).unwrap_err();
        assert_eq!(error.to_string(), "filter 1 (deflate): inflates to more than 1000 bytes");
    }

    #[test]
    fn a_large_claim_allocates_no_more_than_the_stream_can_fill() {
        let stored = encode(&Deflate, b"short", &[6]).unwrap().unwrap();
        assert_eq!(decode(&Deflate, &stored, &[], usize::MAX).unwrap(), b"short");
    }
}
