//! bzip2.
//!
//! | | |
//! |---|---|
//! | id | 307 |
//! | name | `bzip2` |
//! | client data | `[0]` block size in units of 100,000 bytes, 1 to 9; absent: 9 |
//! | payload | one bzip2 stream |
//! | reference | the format of `bzip2` 1.0; `RegisteredFilterPlugins.md` of hdf5_plugins |
//! | done by | crate `bzip2` over `libbz2-rs-sys`, a translation to Rust with `unsafe` inside |
//! | feature | `bzip2` |

use super::{Filter, FilterContext};
use crate::error::Result;
use ::bzip2::{Action, Compress, Compression, Decompress, Status};
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// Filter 307.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bzip2;

impl Filter for Bzip2 {
    fn id(&self) -> u16 {
        307
    }

    fn name(&self) -> &str {
        "bzip2"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let mut out = context.buffer(context.output_limit)?;
        let len = decompress(&input, &mut out).map_err(|damage| match damage {
            Damage::TooLong => context.corrupt(format_args!("decodes to more than {} bytes", context.output_limit)),
            Damage::Truncated => context.corrupt(format_args!("the stream of {} bytes is cut short", input.len())),
            Damage::Bad => context.corrupt("not a bzip2 stream, or a wrong checksum"),
        })?;
        out.truncate(len);
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let level = match context.client_data.first() {
            None => 9,
            Some(&level @ 1..=9) => level,
            Some(level) => return Err(context.invalid(format_args!("block size {level}, expected 1 to 9"))),
        };
        let mut stream = Compress::new(Compression::new(level), 0);
        let mut out = Vec::with_capacity(self.encoded_limit(input.len(), &[]));
        match stream.compress_vec(input, &mut out, Action::Finish) {
            Ok(Status::StreamEnd) => Ok(Some(out)),
            _ => Err(context.invalid("the encoder did not come to an end")),
        }
    }

    fn encoded_limit(&self, plain: usize, _: &[u32]) -> usize {
        plain.saturating_add(plain / 50).saturating_add(1 << 10)
    }
}

/// Client data of a dataset with blocks of `level` times 100,000 bytes, 1 to 9.
pub fn client_data(level: u32) -> Vec<u32> {
    alloc::vec![level]
}

enum Damage {
    TooLong,
    Truncated,
    Bad,
}

fn decompress(input: &[u8], out: &mut [u8]) -> Result<usize, Damage> {
    let mut stream = Decompress::new(false);
    let (mut rest, mut len) = (input, 0usize);
    // One round, unless a length exceeds 32 bits.
    loop {
        let (read, written) = (stream.total_in(), stream.total_out());
        let room = out.get_mut(len..).unwrap_or(&mut []);
        let full = room.is_empty();
        let status = stream.decompress(rest, room).map_err(|_| Damage::Bad)?;
        let read = usize::try_from(stream.total_in().saturating_sub(read)).unwrap_or(usize::MAX);
        let written = usize::try_from(stream.total_out().saturating_sub(written)).unwrap_or(usize::MAX);
        len = len.saturating_add(written);
        rest = rest.get(read..).unwrap_or(&[]);
        match status {
            Status::StreamEnd => return Ok(len),
            _ if read > 0 || written > 0 => {}
            _ if full && !rest.is_empty() => return Err(Damage::TooLong),
            _ => return Err(Damage::Truncated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::{decode, encode, noise};

    #[test]
    fn restores_what_it_compresses() {
        let ramp: Vec<u8> = (0..70_000u32).flat_map(|i| (i / 5).to_le_bytes()).collect();
        for input in [&b""[..], b"a", &[0; 1 << 18], &noise(1 << 17, 3), &ramp] {
            for level in [1, 9] {
                let stored = encode(&Bzip2, input, &client_data(level)).unwrap().unwrap();
                assert!(stored.len() <= Bzip2.encoded_limit(input.len(), &[]));
                assert_eq!(decode(&Bzip2, &stored, &[], input.len()).unwrap(), input);
            }
        }
        assert!(encode(&Bzip2, b"a", &[0]).is_err());
    }

    #[test]
    fn bounds_the_output() {
        let stored = encode(&Bzip2, &[7; 1 << 20], &[]).unwrap().unwrap();
        let error = |stored: &[u8], limit| decode(&Bzip2, stored, &[], limit).unwrap_err().to_string();
        assert_eq!(error(&stored, 1000), "filter 307 (bzip2): decodes to more than 1000 bytes");
        let cut = &stored[..stored.len() - 3];
        assert_eq!(error(cut, 1 << 20), format!("filter 307 (bzip2): the stream of {} bytes is cut short", cut.len()));
        assert_eq!(error(b"BZ no stream", 10), "filter 307 (bzip2): not a bzip2 stream, or a wrong checksum");
    }
}
