//! VBZ: nanopore signals as differences in as few bytes as they need.
//!
//! | | |
//! |---|---|
//! | id | 32020 |
//! | name | `vbz` |
//! | client data | `[0]` version, 0 or 1; `[1]` bytes of an integer: 1, 2, 4, or 0 for none of the packing; `[2]` not 0: differences; `[3]` Zstandard level, 0 for none of it; absent: 1 |
//! | payload | u32, little-endian: bytes of the chunk; then one Zstandard frame of the packed integers |
//! | reference | nanoporetech's vbz_compression; Lemire's StreamVByte |
//! | done by | this file, after the crate `zrip`; reads only |
//! | feature | `vbz` |
//!
//! Packed integers: a code of two bits for each, from the lowest bits of the first byte on, and after all codes the
//! integers' low bits, little-endian, without gaps:
//!
//! | code | 0 | 1 | 2 | 3 |
//! |---|---|---|---|---|
//! | bits | 8 | 16 | 24 | 32 |
//! | bits of version 1 with integers of 1 byte | 0 | 4 | 8 | 16 |
//!
//! Integers are 32 bits wide here and cut to their bytes at the end. A difference d to the integer before, the first to
//! 0, is stored as 2d, or as -2d-1 if it is negative.

use super::zstd::Decoder;
use super::{Filter, FilterContext};
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use zrip::DecompressError;

/// Filter 32020.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vbz;

/// Integers whose codes share a byte.
const GROUP: usize = 4;
/// Most bytes of a group's integers.
const GROUP_BYTES: usize = 16;

impl Filter for Vbz {
    fn id(&self) -> u16 {
        32020
    }

    fn name(&self) -> &str {
        "vbz"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let options = Options::new(context)?;
        let Some((&length, payload)) = input.split_first_chunk() else {
            return Err(context.corrupt(format_args!("{} bytes, expected at least 4", input.len())));
        };
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if options.size != 0 && !length.is_multiple_of(options.size) {
            let size = options.size;
            return Err(context.corrupt(format_args!("{length} bytes are not whole integers of {size} bytes")));
        }
        let mut out = context.buffer(length)?;
        let mut work = context.state::<Work>();
        let packed = if options.zstd { work.inflate(payload, options.packed_limit(length), context)? } else { payload };
        match options.unpack(packed, &mut out) {
            Some(0) => {}
            Some(left) => {
                return Err(context.corrupt(format_args!("{left} of {} packed bytes are left over", packed.len())));
            }
            None => {
                let packed = packed.len();
                return Err(context.corrupt(format_args!("{packed} packed bytes are too few for {length} bytes")));
            }
        }
        context.keep(work);
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encoded_limit(&self, plain: usize, client_data: &[u32]) -> usize {
        let size = client_data.get(1).and_then(|&size| usize::try_from(size).ok()).unwrap_or(1);
        let integers = plain.checked_div(size).unwrap_or(0);
        let packed = integers.saturating_mul(5).max(plain);
        packed.saturating_add(packed / 64).saturating_add(1 << 10)
    }
}

/// The client data.
struct Options {
    /// Codes of version 1.
    halves: bool,
    size: usize,
    differences: bool,
    zstd: bool,
}

impl Options {
    fn new(context: &FilterContext<'_>) -> Result<Self> {
        let &[version, size, differences, ref level @ ..] = context.client_data else {
            let found = context.client_data.len();
            return Err(context.corrupt(format_args!("{found} values of client data, expected at least 3")));
        };
        if version > 1 {
            return Err(context.unsupported(format_args!("version {version}, expected 0 or 1")));
        }
        let size = match size {
            0 => 0,
            1 => 1,
            2 => 2,
            4 => 4,
            _ => return Err(context.corrupt(format_args!("integers of {size} bytes, expected 0, 1, 2 or 4"))),
        };
        let zstd = level.first().is_none_or(|&level| level != 0);
        Ok(Options { halves: version == 1 && size == 1, size, differences: differences != 0, zstd })
    }

    fn codes(&self, length: usize) -> usize {
        length.checked_div(self.size).unwrap_or(0).div_ceil(GROUP)
    }

    /// Most bytes that integers of `length` bytes are packed into.
    fn packed_limit(&self, length: usize) -> usize {
        if self.size == 0 { length } else { self.codes(length).saturating_mul(1 + GROUP_BYTES) }
    }

    /// Fills `out`; the number of bytes left over, `None` if there are too few.
    fn unpack(&self, packed: &[u8], out: &mut [u8]) -> Option<usize> {
        let (codes, data) = packed.split_at_checked(self.codes(out.len()))?;
        match (self.size, self.differences) {
            (0, _) => {
                out.copy_from_slice(data.get(..out.len())?);
                data.len().checked_sub(out.len())
            }
            (1, differences) if self.halves => halves(codes, data, out, differences),
            (1, true) => whole::<1, true>(codes, data, out),
            (1, false) => whole::<1, false>(codes, data, out),
            (2, true) => whole::<2, true>(codes, data, out),
            (2, false) => whole::<2, false>(codes, data, out),
            (_, true) => whole::<4, true>(codes, data, out),
            (_, false) => whole::<4, false>(codes, data, out),
        }
    }
}

/// What the calls on one thread share.
#[derive(Default)]
struct Work {
    decoder: Decoder,
    packed: Vec<u8>,
}

impl Work {
    fn inflate(&mut self, payload: &[u8], limit: usize, context: &FilterContext<'_>) -> Result<&[u8]> {
        self.decoder.decode(payload, &mut self.packed, limit).map_err(|error| match error {
            DecompressError::OutputTooSmall => context.corrupt(format_args!("more than {limit} packed bytes")),
            error => context.corrupt(format_args!("not a whole Zstandard frame: {error}")),
        })?;
        Ok(&self.packed)
    }
}

/// The integer of a difference to `last`.
#[inline(always)]
fn following(last: u32, difference: u32) -> u32 {
    last.wrapping_add((difference >> 1) ^ (difference & 1).wrapping_neg())
}

/// Integers of `N` bytes, packed to whole bytes.
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a group has at most GROUP_BYTES, of which the last integer begins at 12 at most; N <= 4"
)]
fn whole<const N: usize, const DIFFERENCES: bool>(codes: &[u8], mut data: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut last = 0;
    let mut put = |to: &mut [u8; N], packed: u32| {
        last = if DIFFERENCES { following(last, packed) } else { packed };
        to.copy_from_slice(&last.to_le_bytes()[..N]);
    };
    let (groups, tail) = out.as_chunks_mut::<N>().0.as_chunks_mut::<GROUP>();
    let mut codes = codes.iter().map(|&code| usize::from(code));
    for (group, code) in groups.iter_mut().zip(codes.by_ref()) {
        let lengths = [0, 2, 4, 6].map(|shift| 1 + (code >> shift & 3));
        let total = lengths.iter().sum::<usize>();
        let mut padded = [0; GROUP_BYTES];
        let bytes = data.first_chunk().unwrap_or_else(|| {
            padded[..data.len()].copy_from_slice(data);
            &padded
        });
        data = data.get(total..)?;
        let mut at = 0;
        for (to, length) in group.iter_mut().zip(lengths) {
            let word = u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
            put(to, word & u32::MAX >> (32 - 8 * length));
            at += length;
        }
    }
    let mut code = codes.next().unwrap_or(0);
    for to in tail {
        let (bytes, after) = data.split_at_checked(1 + (code & 3))?;
        put(to, bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)));
        (data, code) = (after, code >> 2);
    }
    Some(data.len())
}

/// Integers of one byte, packed to half bytes.
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "at most four half bytes for each byte of the output; four widths for two bits"
)]
fn halves(codes: &[u8], data: &[u8], out: &mut [u8], differences: bool) -> Option<usize> {
    let (mut last, mut at) = (0, 0usize);
    for (group, &code) in out.chunks_mut(GROUP).zip(codes) {
        for (to, shift) in group.iter_mut().zip([0, 2, 4, 6]) {
            let width = [0, 1, 2, 4][usize::from(code >> shift & 3)];
            let bytes = data.get(at / 2..).unwrap_or(&[]).iter().take(3);
            let word = bytes.rev().fold(0, |word, &byte| word << 8 | u32::from(byte));
            let packed = word >> (4 * (at % 2)) & ((1 << (4 * width)) - 1);
            last = if differences { following(last, packed) } else { packed };
            [*to, ..] = last.to_le_bytes();
            at += width;
        }
    }
    data.len().checked_sub(at.div_ceil(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::decode;
    use alloc::string::{String, ToString};

    fn error(stored: &[u8], client_data: &[u32], limit: usize) -> String {
        decode(&Vbz, stored, client_data, limit).unwrap_err().to_string()
    }

    #[test]
    fn decodes_each_width() {
        let stored = [20, 0, 0, 0, 0b11_10_01_00, 0, 1, 2, 1, 3, 2, 1, 4, 3, 2, 1, 9];
        let expected: Vec<u8> =
            [1, 0x102, 0x01_0203, 0x0102_0304, 9].iter().flat_map(|&n: &u32| n.to_le_bytes()).collect();
        assert_eq!(decode(&Vbz, &stored, &[0, 4, 0, 0], 20).unwrap(), expected);
        assert_eq!(decode(&Vbz, &[4, 0, 0, 0, 0, 20, 1, 0, 2], &[0, 1, 1, 0], 4).unwrap(), [10, 9, 9, 10]);
        let halves = [5, 0, 0, 0, 0b11_10_01_00, 1, 0x87, 0x16, 0x32, 0x94];
        assert_eq!(decode(&Vbz, &halves, &[1, 1, 0, 0], 5).unwrap(), [0, 7, 0x68, 0x21, 9]);
        assert_eq!(decode(&Vbz, b"\x03\0\0\0abc", &[0, 0, 0, 0], 5).unwrap(), b"abc");
        assert_eq!(decode(&Vbz, b"\0\0\0\0", &[0, 2, 1, 0], 5).unwrap(), b"");
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let is = |stored: &[u8], client_data: &[u32], text: &str| {
            assert_eq!(error(stored, client_data, 100), alloc::format!("filter 32020 (vbz): {text}"));
        };
        is(b"", &[0, 2], "2 values of client data, expected at least 3");
        is(b"", &[2, 2, 1], "version 2, expected 0 or 1");
        is(b"", &[0, 8, 1], "integers of 8 bytes, expected 0, 1, 2 or 4");
        is(b"\x02\0\0", &[0, 2, 1], "3 bytes, expected at least 4");
        is(b"\x03\0\0\0", &[0, 2, 1, 0], "3 bytes are not whole integers of 2 bytes");
        is(b"\xc8\0\0\0", &[0, 2, 1, 0], "decodes to 200 bytes, expected at most 100");
        is(b"\x02\0\0\0\x01z", &[0, 2, 1, 0], "2 packed bytes are too few for 2 bytes");
        is(b"\x08\0\0\0\0zzz", &[0, 2, 1, 0], "4 packed bytes are too few for 8 bytes");
        is(b"\x02\0\0\0\x03z", &[1, 1, 1, 0], "2 packed bytes are too few for 2 bytes");
        is(b"\x02\0\0\0", &[1, 1, 1, 0], "0 packed bytes are too few for 2 bytes");
        is(b"\x02\0\0\0\0zzz", &[0, 2, 1, 0], "2 of 4 packed bytes are left over");
        is(b"\x02\0\0\0abc", &[0, 0, 0, 0], "1 of 3 packed bytes are left over");
        assert!(error(b"\x02\0\0\0abc", &[0, 2, 1], 9).contains("not a whole Zstandard frame"));
    }

    #[test]
    fn a_frame_of_more_than_the_integers_take_is_refused() {
        let frame = crate::filter::tests::encode(&crate::filter::zstd::Zstd, &[0; 100_000], &[]).unwrap().unwrap();
        let stored = [&[10, 0, 0, 0], &frame[..]].concat();
        assert_eq!(error(&stored, &[0, 2, 1], 10), "filter 32020 (vbz): more than 34 packed bytes");
    }
}
