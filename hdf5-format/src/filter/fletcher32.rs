//! Fletcher32: a checksum after the chunk.
//!
//! | | |
//! |---|---|
//! | id | 3 |
//! | name | `fletcher32` |
//! | client data | none |
//! | payload | the input, then 4 bytes: the checksum, little-endian |
//! | reference | File Format Specification, "Fletcher32 Filter"; J. Fletcher's checksum over 16-bit words |
//! | done by | this file |
//!
//! The words are big-endian whatever the machine; an odd last byte counts as the high half of a word. Writers before
//! libhdf5 1.6.3 stored the checksum with the bytes of each half swapped, which readers accept.

use super::{Filter, FilterContext};
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

/// Bytes of the checksum.
const SUM: usize = 4;

/// Filter 3.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fletcher32;

impl Filter for Fletcher32 {
    fn id(&self) -> u16 {
        3
    }

    fn name(&self) -> &str {
        "fletcher32"
    }

    fn decode<'a>(&self, mut input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let Some((data, stored)) = input.split_last_chunk::<SUM>() else {
            return Err(context.corrupt(format!("expected at least {SUM} bytes, found {}", input.len())));
        };
        let (len, computed, stored) = (data.len(), checksum(data), u32::from_le_bytes(*stored));
        if stored != computed && stored != swapped_halves(computed) {
            return Err(context
                .corrupt(format!("checksum: expected {computed:#010x}, found {stored:#010x}"))
                .with_hint("the data of this chunk is damaged"));
        }
        match &mut input {
            Cow::Borrowed(bytes) => *bytes = bytes.get(..len).unwrap_or(bytes),
            Cow::Owned(bytes) => bytes.truncate(len),
        }
        Ok(input)
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let mut out = context.buffer(input.len().saturating_add(SUM))?;
        if let Some((data, sum)) = out.split_last_chunk_mut::<SUM>() {
            data.copy_from_slice(input);
            *sum = checksum(input).to_le_bytes();
        }
        Ok(Some(out))
    }

    fn encoded_limit(&self, plain: usize, _: &[u32]) -> usize {
        plain.saturating_add(SUM)
    }
}

/// The checksum as libhdf5 before 1.6.3 stored it.
fn swapped_halves(sum: u32) -> u32 {
    sum.swap_bytes().rotate_left(16)
}

/// Words added up side by side.
const LANES: usize = 16;
/// Rows of lanes before the 32-bit sums could overflow: `ROWS * (ROWS + 1) / 2 * 0xffff < 2^32`.
const ROWS: usize = 360;

/// Fletcher's checksum of `data` in big-endian 16-bit words: the sum of the running sums above the sum, both modulo
/// 65535 with 65535 standing for any multiple above zero.
pub fn checksum(data: &[u8]) -> u32 {
    let mut sums = Sums::default();
    let (blocks, tail) = data.split_at(data.len().wrapping_sub(data.len().checked_rem(2 * LANES).unwrap_or(0)));
    for block in blocks.chunks(2 * LANES * ROWS) {
        sums.add_block(block);
    }
    let (words, odd) = tail.as_chunks::<2>();
    for &word in words {
        sums.add_word(u16::from_be_bytes(word));
    }
    if let &[last] = odd {
        sums.add_word(u16::from_be_bytes([last, 0]));
    }
    (fold(sums.second) << 16) | fold(sums.first)
}

/// Sum and sum of sums, modulo 65535 only where they might overflow.
#[derive(Default)]
struct Sums {
    first: u64,
    second: u64,
}

impl Sums {
    #[allow(clippy::arithmetic_side_effects, reason = "both sums are below 2^17 before, and the word below 2^16")]
    fn add_word(&mut self, word: u16) {
        self.first = u64::from(fold(self.first)) + u64::from(word);
        self.second = u64::from(fold(self.second)) + self.first;
    }

    /// Adds whole rows of lanes. A lane's own running sum counts its words once for each row to the end; a word then
    /// is still to be counted for the other lanes' words that follow it, which is what the lane's number corrects.
    #[allow(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        reason = "ROWS bounds the lanes' sums below 2^32, all others stay below 2^52; indices are below LANES"
    )]
    fn add_block(&mut self, block: &[u8]) {
        let (mut sum, mut running) = ([0u32; LANES], [0u32; LANES]);
        let (rows, _) = block.as_chunks::<{ 2 * LANES }>();
        for row in rows {
            for lane in 0..LANES {
                sum[lane] += u32::from(u16::from_be_bytes([row[2 * lane], row[2 * lane + 1]]));
                running[lane] += sum[lane];
            }
        }
        let words = (block.len() / 2) as u64;
        self.first = u64::from(fold(self.first));
        self.second = u64::from(fold(self.second)) + words * self.first;
        for lane in 0..LANES {
            self.first += u64::from(sum[lane]);
            self.second += LANES as u64 * u64::from(running[lane]) - lane as u64 * u64::from(sum[lane]);
        }
    }
}

/// Modulo 65535, with 65535 instead of 0 for sums above 0: what adding the carry back gives.
fn fold(sum: u64) -> u32 {
    match sum.checked_sub(1) {
        None => 0,
        Some(less) => u32::try_from(less % 0xffff).unwrap_or(0).wrapping_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::{decode, encode, noise};

    /// The definition, word by word.
    fn plain(data: &[u8]) -> u32 {
        let (mut first, mut second) = (0u32, 0u32);
        for word in data.chunks(2) {
            first += u32::from(word[0]) << 8 | word.get(1).map_or(0, |&b| u32::from(b));
            first = (first & 0xffff) + (first >> 16);
            second += first;
            second = (second & 0xffff) + (second >> 16);
        }
        (((second & 0xffff) + (second >> 16)) << 16) | ((first & 0xffff) + (first >> 16))
    }

    #[test]
    fn agrees_with_the_definition_at_every_length() {
        let data = noise(30_000, 7);
        for len in (0..200).chain([11_519, 11_520, 11_521, 11_552, 23_041, 29_999]) {
            assert_eq!(checksum(&data[..len]), plain(&data[..len]), "{len}");
        }
        for value in [0, 0xff] {
            let same = [value; 30_000];
            assert_eq!(checksum(&same), plain(&same));
        }
    }

    #[test]
    fn accepts_the_swapped_sum_of_old_writers() {
        let mut stored = encode(&Fletcher32, b"some bytes", &[]).unwrap().unwrap();
        assert_eq!(decode(&Fletcher32, &stored, &[], 10).unwrap(), b"some bytes");
        stored.swap(10, 11);
        stored.swap(12, 13);
        assert_eq!(decode(&Fletcher32, &stored, &[], 10).unwrap(), b"some bytes");
    }

    #[test]
    fn finds_damage() {
        let stored = encode(&Fletcher32, b"some bytes", &[]).unwrap().unwrap();
        for bit in 0..stored.len() * 8 {
            let mut bad = stored.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&Fletcher32, &bad, &[], 10).is_err(), "bit {bit}");
        }
        let error = decode(&Fletcher32, &[1, 2, 3], &[], 10).unwrap_err();
        assert_eq!(error.to_string(), "filter 3 (fletcher32): expected at least 4 bytes, found 3");
    }
}
