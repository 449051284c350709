//! LZF: h5py's fast compression.
//!
//! | | |
//! |---|---|
//! | id | 32000 |
//! | name | `lzf` |
//! | client data | `[0]` filter revision (4), `[1]` LZF version (0x0105), `[2]` bytes of a chunk |
//! | payload | LZF blocks without any header: see below |
//! | reference | Marc Lehmann's LibLZF; h5py's `lzf_filter.c` for the client data |
//! | done by | this file |
//!
//! ```text
//! 000nnnnn  n+1 literal bytes follow
//! lllooooo oooooooo            copy l+2 bytes (l = 1..6) from o+1 bytes back
//! 111ooooo nnnnnnnn oooooooo   copy n+9 bytes from o+1 bytes back
//! ```
//!
//! A chunk that does not shrink is stored without the filter.

use super::{Filter, FilterContext};
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// Filter 32000.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lzf;

/// Literals of one block.
const MAX_LITERALS: usize = 32;
/// Bytes of the longest copy.
const MAX_COPY: usize = 264;
/// How far back a copy reaches, in bytes.
const MAX_DISTANCE: usize = 1 << 13;
/// The longest copy takes three bytes.
const MAX_RATIO: usize = MAX_COPY / 3;
/// Bytes copied at once where they do not overlap; up to one step too many, which the next block overwrites.
const STEP: usize = 16;
/// Places remembered by the compressor, as a power of two.
const HASH_BITS: u32 = 14;

impl Filter for Lzf {
    fn id(&self) -> u16 {
        32000
    }

    fn name(&self) -> &str {
        "lzf"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let longest = input.len().saturating_mul(MAX_RATIO);
        let mut out = context.buffer(longest.min(context.output_limit))?;
        match decompress(&input, &mut out) {
            Ok(len) => out.truncate(len),
            Err(Damage::TooLong) => {
                return Err(context.corrupt(format_args!("decodes to more than {} bytes", context.output_limit)));
            }
            Err(Damage::Truncated) => {
                return Err(context.corrupt(format_args!("the last block of {} bytes is cut short", input.len())));
            }
            Err(Damage::Distance { distance, at }) => {
                return Err(context.corrupt(format_args!("a copy from {distance} bytes back, but only {at} are there")));
            }
        }
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let mut out = context.buffer(input.len())?;
        Ok(compress(input, &mut out).map(|len| {
            out.truncate(len);
            out
        }))
    }

    fn encoded_limit(&self, plain: usize, _: &[u32]) -> usize {
        plain.saturating_add(plain / MAX_LITERALS).saturating_add(1)
    }
}

/// Client data of a dataset whose chunks have `chunk_bytes` bytes, as h5py writes it.
pub fn client_data(chunk_bytes: u32) -> Vec<u32> {
    alloc::vec![4, 0x0105, chunk_bytes]
}

enum Damage {
    TooLong,
    Truncated,
    Distance { distance: usize, at: usize },
}

/// Returns the number of bytes written to `out`.
#[inline]
fn decompress(input: &[u8], out: &mut [u8]) -> Result<usize, Damage> {
    let mut rest = input;
    let mut at = 0usize;
    while let Some((&control, after)) = rest.split_first() {
        let control = usize::from(control);
        if control < MAX_LITERALS {
            let literals = control.wrapping_add(1);
            let (from, next) = after.split_at_checked(literals).ok_or(Damage::Truncated)?;
            let room = out.get_mut(at..).unwrap_or(&mut []);
            if let (Some(to), Some(from)) = (room.first_chunk_mut(), after.first_chunk::<MAX_LITERALS>()) {
                // Bytes past the literals are overwritten by the next block.
                *to = *from;
            } else {
                room.get_mut(..literals).ok_or(Damage::TooLong)?.copy_from_slice(from);
            }
            (rest, at) = (next, at.saturating_add(literals));
            continue;
        }
        let (len, low, after) = match (control >> 5, after) {
            (7, &[extra, low, ref after @ ..]) => (usize::from(extra).wrapping_add(9), low, after),
            (len @ 1..=6, &[low, ref after @ ..]) => (len.wrapping_add(2), low, after),
            _ => return Err(Damage::Truncated),
        };
        let distance = (((control & 0x1f) << 8) | usize::from(low)).wrapping_add(1);
        let from = at.checked_sub(distance).ok_or(Damage::Distance { distance, at })?;
        let end = at.saturating_add(len);
        if distance < STEP || end.saturating_add(STEP) > out.len() {
            copy_back(out.get_mut(from..end).ok_or(Damage::TooLong)?, distance);
        } else {
            for done in (0..len).step_by(STEP) {
                let from = from.saturating_add(done);
                out.copy_within(from..from.saturating_add(STEP), at.saturating_add(done));
            }
        }
        (rest, at) = (after, end);
    }
    Ok(at)
}

/// Repeats the first `distance` bytes of `window` to its end.
#[inline]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "distance <= to < window.len()")]
pub(super) fn copy_back(window: &mut [u8], distance: usize) {
    let mut known = distance;
    // The known part doubles, so that most copies are one step and runs of one byte a few.
    while let Some((from, to)) = window.split_at_mut_checked(known).filter(|(_, to)| !to.is_empty()) {
        let len = to.len().min(known);
        if let (Some(to), Some(from)) = (to.get_mut(..len), from.get(..len)) {
            to.copy_from_slice(from);
        }
        known = known.saturating_add(len);
    }
}

/// Compresses `input` into `out`; `None` if it does not come out shorter than `out` is.
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "positions stay below input.len(), which fits the table's entries; hashes have HASH_BITS bits"
)]
fn compress(input: &[u8], out: &mut [u8]) -> Option<usize> {
    if u32::try_from(input.len()).is_err() {
        return None;
    }
    // Last place, plus one, where three bytes of this hash began.
    let mut table = alloc::vec![0u32; 1 << HASH_BITS];
    let mut sink = Sink { out, at: 0 };
    let (mut at, mut literals) = (0, 0);
    while at + 2 < input.len() {
        let next = &input[at..];
        let slot = &mut table[hash(next[0], next[1], next[2])];
        let before = core::mem::replace(slot, at as u32 + 1) as usize;
        let distance = (at + 1).wrapping_sub(before);
        if before == 0 || distance > MAX_DISTANCE || input[before - 1..before + 2] != next[..3] {
            at += 1;
            continue;
        }
        let longest = next.len().min(MAX_COPY);
        let len = 3 + input[before + 2..].iter().zip(&next[3..longest]).take_while(|(a, b)| a == b).count();
        sink.literals(&input[literals..at])?;
        sink.copy(distance - 1, len)?;
        // The last places of the copy are enough to find what repeats.
        for place in at + len - 2..(at + len).min(input.len() - 2) {
            table[hash(input[place], input[place + 1], input[place + 2])] = place as u32 + 1;
        }
        at += len;
        literals = at;
    }
    sink.literals(&input[literals..])?;
    (sink.at < input.len()).then_some(sink.at)
}

/// Multiplicative hash of three bytes.
#[inline]
fn hash(a: u8, b: u8, c: u8) -> usize {
    let bytes = u32::from_le_bytes([a, b, c, 0]);
    (bytes.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize
}

struct Sink<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Sink<'_> {
    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.at.checked_add(bytes.len())?;
        self.out.get_mut(self.at..end)?.copy_from_slice(bytes);
        self.at = end;
        Some(())
    }

    fn literals(&mut self, bytes: &[u8]) -> Option<()> {
        for run in bytes.chunks(MAX_LITERALS) {
            self.push(&[u8::try_from(run.len().checked_sub(1)?).ok()?])?;
            self.push(run)?;
        }
        Some(())
    }

    /// A copy of 3 to [`MAX_COPY`] bytes; `offset` is the distance less one.
    fn copy(&mut self, offset: usize, len: usize) -> Option<()> {
        let (high, low) = (u8::try_from(offset >> 8).ok()?, u8::try_from(offset & 0xff).ok()?);
        match u8::try_from(len.checked_sub(2)?) {
            Ok(short @ 1..=6) => self.push(&[(short << 5) | high, low]),
            _ => self.push(&[0xe0 | high, u8::try_from(len.checked_sub(9)?).ok()?, low]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::{decode, encode, noise};

    #[test]
    fn decodes_each_kind_of_block() {
        let stored = [2, b'a', b'b', b'c', 0x20, 2, 0xe0, 0, 0, 0x40, 14];
        assert_eq!(decode(&Lzf, &stored, &[], 100).unwrap(), b"abcabccccccccccabca");
    }

    #[test]
    fn refuses_what_leads_outside() {
        let error = |stored: &[u8], limit| decode(&Lzf, stored, &[], limit).unwrap_err().to_string();
        assert_eq!(error(&[5, 1, 2], 100), "filter 32000 (lzf): the last block of 3 bytes is cut short");
        assert_eq!(error(&[0, 1, 0x20], 100), "filter 32000 (lzf): the last block of 3 bytes is cut short");
        assert_eq!(error(&[0, 1, 0xe0, 0], 100), "filter 32000 (lzf): the last block of 4 bytes is cut short");
        assert_eq!(error(&[0, 1, 0x20, 1], 100), "filter 32000 (lzf): a copy from 2 bytes back, but only 1 are there");
        assert_eq!(error(&[0, 1, 0xe0, 255, 0], 100), "filter 32000 (lzf): decodes to more than 100 bytes");
    }

    #[test]
    fn restores_what_it_compresses() {
        let mut inputs: Vec<Vec<u8>> = (0..600).map(|n| (0..n).map(|i| (i / 16) as u8).collect()).collect();
        inputs.push([0; 100_000].to_vec());
        inputs.push((0..50_000u32).flat_map(|i| (i / 3).to_le_bytes()).collect());
        inputs.push([noise(9000, 5), noise(9000, 5), noise(5000, 6), noise(5000, 6)].concat());
        let mut shrunk = 0;
        for input in inputs {
            if let Some(stored) = encode(&Lzf, &input, &client_data(1)).unwrap() {
                assert!(stored.len() < input.len());
                assert_eq!(decode(&Lzf, &stored, &[], input.len()).unwrap(), input);
                shrunk += 1;
            }
        }
        assert!(shrunk > 500, "{shrunk}");
    }

    #[test]
    fn declines_noise() {
        assert_eq!(encode(&Lzf, &noise(4096, 9), &[]).unwrap(), None);
        assert_eq!(encode(&Lzf, b"", &[]).unwrap(), None);
    }
}
