//! LZO: PyTables' fast compression before Blosc.
//!
//! | | |
//! |---|---|
//! | id | 305 |
//! | name | `lzo` |
//! | client data | not needed: `[0]` level, `[1]` ten times the format version of the table, `[2]` kind of object |
//! | payload | an LZO1X stream up to its end mark; from table format 2.0 on, a trailer |
//! | reference | `staging/lzo.rst` of the Linux kernel's documentation; PyTables' files for the trailer |
//! | done by | this file; reads only |
//! | feature | `lzo` |
//!
//! The first byte, if above 17, stands for a run of 17 literals less. Instructions follow; `s` is a number of literals
//! that come right after the instruction's own bytes:
//!
//! ```text
//! 0000llll                      l+3 literals, where the instruction before ended without literals
//! 0000ddss hhhhhhhh             copy 2 bytes from 4h+d+1 bytes back, after 1 to 3 literals
//! 0000ddss hhhhhhhh             copy 3 bytes from 4h+d+2049 bytes back, after more literals
//! 0001hlll ddddddss dddddddd    copy l+2 bytes from 16384(h+1)+d bytes back; d = h = 0: end mark
//! 001lllll ddddddss dddddddd    copy l+2 bytes from d+1 bytes back
//! 01lDDDss hhhhhhhh             copy l+3 bytes from 8h+D+1 bytes back
//! 1llDDDss hhhhhhhh             copy l+5 bytes from 8h+D+1 bytes back
//! ```
//!
//! An `l` of four bits or less beside `d`, or of five, that is 0 goes on in bytes: the largest `l`, 255 for each zero
//! byte, and the byte after them.
//!
//! ```text
//! trailer, in the writer's byte order: u32 Adler-32 of the chunk, u32 bytes of the chunk
//! ```

use super::lzf::copy_back;
use super::{Filter, FilterContext};
use crate::error::Result;
use alloc::borrow::Cow;

/// Filter 305.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lzo;

/// No byte of the input stands for more bytes than a zero byte of a length.
const MAX_RATIO: usize = 255;
/// Bytes copied at once where they do not overlap; up to one step too many, which the next instruction overwrites.
const STEP: usize = 16;
/// That many literals or more are the same to the instruction that follows.
const MANY: usize = 4;

impl Filter for Lzo {
    fn id(&self) -> u16 {
        305
    }

    fn name(&self) -> &str {
        "lzo"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let longest = input.len().saturating_mul(MAX_RATIO);
        let mut out = context.buffer(longest.min(context.output_limit))?;
        let trailer = match decompress(&input, &mut out) {
            Ok((len, trailer)) => {
                out.truncate(len);
                trailer
            }
            Err(Damage::TooLong) => {
                return Err(context.corrupt(format_args!("decodes to more than {} bytes", context.output_limit)));
            }
            Err(Damage::Truncated) => {
                return Err(context.corrupt(format_args!("the stream of {} bytes has no end mark", input.len())));
            }
            Err(Damage::Distance { distance, at }) => {
                return Err(context.corrupt(format_args!("a copy from {distance} bytes back, but only {at} are there")));
            }
        };
        check(trailer, &out, context)?;
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encoded_limit(&self, plain: usize, _: &[u32]) -> usize {
        plain.saturating_add(plain / 16).saturating_add(64 + 3 + 8)
    }
}

enum Damage {
    TooLong,
    Truncated,
    Distance { distance: usize, at: usize },
}

/// Returns the number of bytes written to `out` and the input after the end mark.
#[inline]
#[allow(clippy::arithmetic_side_effects, reason = "lengths are at most 255 for each byte of the input; code < 256")]
fn decompress<'a>(input: &'a [u8], out: &mut [u8]) -> Result<(usize, &'a [u8]), Damage> {
    let (mut rest, mut at, mut literals) = (input, 0, 0);
    if let Some((&first @ 18.., after)) = input.split_first() {
        literals = usize::from(first) - 17;
        (rest, at) = put(literals, after, out, at)?;
    }
    loop {
        let (&code, after) = rest.split_first().ok_or(Damage::Truncated)?;
        let code = usize::from(code);
        let (length, distance, low, after) = match code {
            64.. => {
                let (&high, after) = after.split_first().ok_or(Damage::Truncated)?;
                ((code >> 5) + 1, (usize::from(high) << 3) + (code >> 2 & 7) + 1, code, after)
            }
            32.. => {
                let (length, after) = extended(code & 31, 31, after)?;
                let (&[low, high], after) = after.split_first_chunk().ok_or(Damage::Truncated)?;
                (length + 2, (usize::from(u16::from_le_bytes([low, high])) >> 2) + 1, low.into(), after)
            }
            16.. => {
                let (length, after) = extended(code & 7, 7, after)?;
                let (&[low, high], after) = after.split_first_chunk().ok_or(Damage::Truncated)?;
                let distance = ((code & 8) << 11) + (usize::from(u16::from_le_bytes([low, high])) >> 2);
                if distance == 0 {
                    return Ok((at, after));
                }
                (length + 2, distance + 0x4000, low.into(), after)
            }
            _ if literals == 0 => {
                let (length, after) = extended(code, 15, after)?;
                (rest, at) = put(length + 3, after, out, at)?;
                literals = MANY;
                continue;
            }
            _ => {
                let (&high, after) = after.split_first().ok_or(Damage::Truncated)?;
                let near = (usize::from(high) << 2) + (code >> 2) + 1;
                if literals < MANY { (2, near, code, after) } else { (3, near + 0x800, code, after) }
            }
        };
        at = copy(length, distance, out, at)?;
        literals = low & 3;
        (rest, at) = put(literals, after, out, at)?;
    }
}

/// A length whose bits in the instruction are `bits`, 0 if it exceeds `most`.
#[inline(always)]
#[allow(clippy::arithmetic_side_effects, reason = "at most 255 for each byte of the input")]
fn extended(bits: usize, most: usize, mut input: &[u8]) -> Result<(usize, &[u8]), Damage> {
    let mut length = bits;
    if bits == 0 {
        length = most;
        loop {
            let (&more, after) = input.split_first().ok_or(Damage::Truncated)?;
            input = after;
            if more != 0 {
                length += usize::from(more);
                break;
            }
            length += 255;
        }
    }
    Ok((length, input))
}

/// Copies literals; the input after them and the place reached.
#[inline(always)]
fn put<'a>(literals: usize, input: &'a [u8], out: &mut [u8], at: usize) -> Result<(&'a [u8], usize), Damage> {
    if literals == 0 {
        return Ok((input, at));
    }
    let (from, rest) = input.split_at_checked(literals).ok_or(Damage::Truncated)?;
    let room = out.get_mut(at..).unwrap_or(&mut []);
    if literals <= STEP
        && let (Some(to), Some(from)) = (room.first_chunk_mut(), input.first_chunk::<STEP>())
    {
        *to = *from;
    } else {
        room.get_mut(..literals).ok_or(Damage::TooLong)?.copy_from_slice(from);
    }
    Ok((rest, at.saturating_add(literals)))
}

/// Repeats `length` bytes from `distance` back; the place reached.
#[inline(always)]
fn copy(length: usize, distance: usize, out: &mut [u8], at: usize) -> Result<usize, Damage> {
    let from = at.checked_sub(distance).ok_or(Damage::Distance { distance, at })?;
    let end = at.saturating_add(length);
    if distance < length.min(STEP) || end.saturating_add(STEP) > out.len() {
        copy_back(out.get_mut(from..end).ok_or(Damage::TooLong)?, distance);
    } else {
        for done in (0..length).step_by(STEP) {
            let from = from.saturating_add(done);
            out.copy_within(from..from.saturating_add(STEP), at.saturating_add(done));
        }
    }
    Ok(end)
}

/// Compares the chunk with the trailer, if there is one.
fn check(trailer: &[u8], chunk: &[u8], context: &FilterContext<'_>) -> Result<()> {
    if trailer.is_empty() {
        return Ok(());
    }
    let &[a, b, c, d, e, f, g, h] = trailer else {
        return Err(context.corrupt(format_args!("{} bytes after the end mark, expected 0 or 8", trailer.len())));
    };
    let (sum, length) = ([a, b, c, d], [e, f, g, h]);
    let stored =
        [(u32::from_le_bytes(sum), u32::from_le_bytes(length)), (u32::from_be_bytes(sum), u32::from_be_bytes(length))];
    let found = (adler32(chunk), u32::try_from(chunk.len()).unwrap_or(u32::MAX));
    if stored.contains(&found) {
        return Ok(());
    }
    let [(sum, length), _] = stored;
    Err(context.corrupt(format_args!(
        "decodes to {} bytes with checksum {:08x}, expected {length} bytes with {sum:08x}",
        found.1, found.0
    )))
}

/// Adler-32 (RFC 1950).
#[allow(
    clippy::arithmetic_side_effects,
    reason = "before each remainder both sums are below 2^32: they grow by at most 5552 bytes, as in RFC 1950"
)]
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65521;
    const WIDE: u32 = 16;
    let (mut sum, mut sums) = (1u32, 0u32);
    for block in bytes.chunks(5552) {
        let (wide, tail) = block.as_chunks::<{ WIDE as usize }>();
        for bytes in wide {
            let weighted = bytes.iter().zip((1..=WIDE).rev()).map(|(&byte, weight)| u32::from(byte) * weight);
            sums += sum * WIDE + weighted.sum::<u32>();
            sum += bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
        }
        for &byte in tail {
            sum += u32::from(byte);
            sums += sum;
        }
        (sum, sums) = (sum % MODULUS, sums % MODULUS);
    }
    sums << 16 | sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::{decode, noise};
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    const END: &[u8] = &[0x11, 0, 0];

    fn decoded(parts: &[&[u8]]) -> Vec<u8> {
        decode(&Lzo, &parts.concat(), &[1, 23, 0], 1 << 20).unwrap()
    }

    fn error(parts: &[&[u8]], limit: usize) -> String {
        decode(&Lzo, &parts.concat(), &[], limit).unwrap_err().to_string()
    }

    /// `count` literals by the instruction with a long length.
    fn run(count: usize) -> (Vec<u8>, Vec<u8>) {
        let literals = noise(count, 1);
        let mut stored = alloc::vec![0; 1 + (count - 19) / 255];
        stored.push((1 + (count - 19) % 255) as u8);
        stored.extend(&literals);
        (stored, literals)
    }

    #[test]
    fn decodes_each_kind_of_instruction() {
        assert_eq!(decoded(&[END]), b"");
        let near = b"\x13ab\x45\x00c\x04\x00\x01wxyz\xf0\x00";
        assert_eq!(decoded(&[near, END]), b"ababacacwxyzcwxyzcwx");
        assert_eq!(decoded(&[b"\x15abcd", &[0x20, 0, 10, 12, 0], END]), &b"abcd".repeat(76)[..302]);
    }

    #[test]
    fn copies_from_each_range() {
        for (count, copy, literals, length, distance) in [
            (2050, &[0x00, 0][..], &[][..], 3, 2049),
            (5000, &[0x0d, 255], &[7], 3, 2049 + 3 + 4 * 255),
            (3000, &[0xff, 255], &[1, 2, 3], 8, 2048),
            (20_000, &[0x21, 0xff, 0xff], &[1, 2, 3], 3, 16384),
            (20_000, &[0x12, 5, 0], &[9], 4, 16385),
            (50_000, &[0x1f, 0xfc, 0xff], &[], 9, 2 * 16384 + 16383),
        ] {
            let (stored, mut expected) = run(count);
            expected.extend_from_within(count - distance..count - distance + length);
            expected.extend(literals);
            assert_eq!(decoded(&[&stored, copy, literals, END]), expected, "{copy:x?}");
        }
    }

    #[test]
    fn refuses_what_leads_outside() {
        for cut in
            [&b""[..], b"\x13a", b"\x13ab", b"\x13ab\x45", b"\x13ab\x45\x00", b"\x13ab\x20\x00", b"\x13ab\x21\x00"]
        {
            assert_eq!(
                error(&[cut], 99),
                alloc::format!("filter 305 (lzo): the stream of {} bytes has no end mark", cut.len())
            );
        }
        assert_eq!(error(&[b"\x12a\x44\x00"], 99), "filter 305 (lzo): a copy from 2 bytes back, but only 1 are there");
        assert_eq!(error(&[b"\x15abcd", END], 3), "filter 305 (lzo): decodes to more than 3 bytes");
        assert_eq!(
            error(&[b"\x12a\x20", &[0; 90], &[1, 0, 0], END], 9999),
            "filter 305 (lzo): decodes to more than 9999 bytes"
        );
    }

    #[test]
    fn compares_the_trailer() {
        let stored = b"\x1aWikipedia";
        let (sum, length) = (0x11e6_0398u32, 9u32);
        assert_eq!(decoded(&[stored, END]), b"Wikipedia");
        assert_eq!(decoded(&[stored, END, &sum.to_le_bytes(), &length.to_le_bytes()]), b"Wikipedia");
        assert_eq!(decoded(&[stored, END, &sum.to_be_bytes(), &length.to_be_bytes()]), b"Wikipedia");
        assert_eq!(
            error(&[stored, END, &[1, 0, 0, 0, 9, 0, 0, 0]], 99),
            "filter 305 (lzo): decodes to 9 bytes with checksum 11e60398, expected 9 bytes with 00000001"
        );
        assert_eq!(error(&[stored, END, &[0; 7]], 99), "filter 305 (lzo): 7 bytes after the end mark, expected 0 or 8");
        assert_eq!(adler32(&[255; 100_000]), 0x149a_302c);
    }
}
