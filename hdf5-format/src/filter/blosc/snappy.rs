//! Snappy without framing.
//!
//! ```text
//! the length of the output, seven bits in a byte, lowest first, the upper bit set but in the last byte; then
//! nnnnnn00                                 n+1 literal bytes follow, n = 0..59
//! 1111nn00 n+1 bytes                       as many literals as the bytes say, little-endian, and one more
//! ooolll01 oooooooo                       copy l+4 bytes from o bytes back, the first three bits of o uppermost
//! llllll10 oooooooo oooooooo               copy l+1 bytes from o bytes back, o little-endian
//! llllll11 and four bytes of o             the same
//! ```
//!
//! Reference: `format_description.txt` of Snappy.

use crate::filter::lz4::block::{Damage, Sequences, copy_back, sequences};

/// Bytes of the longest copy.
const MAX_COPY: usize = 64;
/// Bytes copied at once where they do not overlap; up to one step too many, which the next instruction overwrites.
const STEP: usize = 16;

/// Decodes into `out`; the number of bytes.
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "1 <= distance <= at, and at + length <= out.len() before each copy; lengths are at most 2^32"
)]
pub(in crate::filter) fn decompress(input: &[u8], out: &mut [u8]) -> Result<usize, Damage> {
    let (length, mut rest) = varint(input).ok_or(Damage::Truncated)?;
    let out = out.get_mut(..length).ok_or(Damage::TooLong)?;
    let mut at = 0;
    while let Some((&tag, after)) = rest.split_first() {
        let upper = usize::from(tag >> 2);
        if tag & 3 == 0 {
            let (count, from) = literals(upper, after).ok_or(Damage::Truncated)?;
            let room = &mut out[at..];
            if count <= STEP
                && let (Some(to), Some(from)) = (room.first_chunk_mut(), from.first_chunk::<STEP>())
            {
                // Bytes past the literals are overwritten by the next instruction.
                *to = *from;
            } else {
                let from = from.get(..count).ok_or(Damage::Truncated)?;
                room.get_mut(..count).ok_or(Damage::TooLong)?.copy_from_slice(from);
            }
            (rest, at) = (&from[count..], at + count);
            continue;
        }
        let (length, distance, after) = match (tag & 3, after) {
            (1, &[low, ref after @ ..]) => ((upper & 7) + 4, usize::from(tag >> 5) << 8 | usize::from(low), after),
            (2, &[a, b, ref after @ ..]) => (upper + 1, usize::from(u16::from_le_bytes([a, b])), after),
            (3, &[a, b, c, d, ref after @ ..]) => {
                (upper + 1, usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX), after)
            }
            _ => return Err(Damage::Truncated),
        };
        let end = at + length;
        if distance == 0 || distance > at {
            return Err(Damage::Distance { distance, at });
        }
        if end > out.len() {
            return Err(Damage::TooLong);
        }
        if distance >= STEP && length <= STEP && end + STEP <= out.len() {
            out.copy_within(at - distance..at - distance + STEP, at);
        } else {
            copy_back(out, at, end, distance);
        }
        (rest, at) = (after, end);
    }
    Ok(at)
}

/// A length of at most 32 bits, and what comes after it.
fn varint(input: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (shift, (index, &byte)) in (0u32..35).step_by(7).zip(input.iter().enumerate()) {
        value |= u64::from(byte & 0x7f).wrapping_shl(shift);
        if byte < 0x80 {
            return Some((usize::try_from(value).ok()?, input.get(index.wrapping_add(1)..)?));
        }
    }
    None
}

/// The number of literals for the upper bits of a tag, and what comes after it.
#[inline(always)]
#[allow(clippy::arithmetic_side_effects, reason = "the number is below 2^32; 60 <= upper <= 63 counts 1 to 4 bytes")]
fn literals(upper: usize, after: &[u8]) -> Option<(usize, &[u8])> {
    if upper < 60 {
        return Some((upper + 1, after));
    }
    let (bytes, after) = after.split_at_checked(upper - 59)?;
    let count = bytes.iter().rev().fold(0u64, |count, &byte| count << 8 | u64::from(byte));
    Some((usize::try_from(count).ok()?.checked_add(1)?, after))
}

/// Compresses into `out`; the number of bytes used. `None` if they do not fit or `input` exceeds 32 bits.
#[allow(clippy::cast_possible_truncation, reason = "seven bits each")]
pub(in crate::filter) fn compress(input: &[u8], out: &mut [u8], haste: usize) -> Option<usize> {
    let mut sink = Sink { out, at: 0 };
    let mut length = u32::try_from(input.len()).ok()?;
    while length >= 0x80 {
        sink.push([(length & 0x7f) as u8 | 0x80])?;
        length >>= 7;
    }
    sink.push([length as u8])?;
    sequences(input, haste, &mut sink)?;
    Some(sink.at)
}

struct Sink<'a> {
    out: &'a mut [u8],
    at: usize,
}

#[allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation, reason = "at <= out.len(); bytes by value")]
impl Sink<'_> {
    #[inline(always)]
    fn push<const N: usize>(&mut self, bytes: [u8; N]) -> Option<()> {
        *self.out.get_mut(self.at..)?.first_chunk_mut()? = bytes;
        self.at += N;
        Some(())
    }

    /// The first `count` bytes of `input`.
    #[inline(always)]
    fn literals(&mut self, input: &[u8], count: usize) -> Option<()> {
        match count {
            0 => return Some(()),
            1..=60 => self.push([((count - 1) as u8) << 2])?,
            61..=256 => self.push([60 << 2, (count - 1) as u8])?,
            257..=0x1_0000 => {
                let [a, b, ..] = (count - 1).to_le_bytes();
                self.push([61 << 2, a, b])?;
            }
            _ => {
                let [a, b, c, d] = u32::try_from(count - 1).ok()?.to_le_bytes();
                self.push([63 << 2, a, b, c, d])?;
            }
        }
        let end = self.at + count;
        let room = self.out.get_mut(self.at..)?;
        if count <= STEP
            && let (Some(to), Some(from)) = (room.first_chunk_mut(), input.first_chunk::<STEP>())
        {
            // Bytes past the literals are overwritten by what follows.
            *to = *from;
        } else {
            room.get_mut(..count)?.copy_from_slice(input.get(..count)?);
        }
        self.at = end;
        Some(())
    }
}

#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "4 <= length, 1 <= distance < 2^16; bytes by value"
)]
impl Sequences for Sink<'_> {
    #[inline(always)]
    fn sequence(&mut self, input: &[u8], literals: usize, distance: usize, length: usize) -> Option<()> {
        self.literals(input, literals)?;
        let [low, high, ..] = distance.to_le_bytes();
        let mut left = length;
        while left > 0 {
            // No rest below four bytes, the least of a short copy.
            let part = if (MAX_COPY + 1..MAX_COPY + 4).contains(&left) { MAX_COPY - 4 } else { left.min(MAX_COPY) };
            if part < 12 && distance < 1 << 11 {
                self.push([high << 5 | ((part - 4) as u8) << 2 | 1, low])?;
            } else {
                self.push([((part - 1) as u8) << 2 | 2, low, high])?;
            }
            left -= part;
        }
        Some(())
    }

    fn rest(&mut self, literals: &[u8]) -> Option<()> {
        self.literals(literals, literals.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::{Random, noise};
    use alloc::vec;
    use alloc::vec::Vec;

    fn packed(input: &[u8]) -> Vec<u8> {
        let mut out = vec![0; input.len() + input.len() / 6 + 40];
        let length = compress(input, &mut out, 1).unwrap();
        out.truncate(length);
        out
    }

    fn unpacked(block: &[u8], room: usize) -> Result<Vec<u8>, Damage> {
        let mut out = vec![0; room];
        let length = decompress(block, &mut out)?;
        out.truncate(length);
        Ok(out)
    }

    #[test]
    fn decodes_each_kind_of_instruction() {
        assert_eq!(unpacked(&[3, 2 << 2, 1, 2, 3], 3).unwrap(), [1, 2, 3]);
        assert_eq!(unpacked(&[7, 2 << 2, 1, 2, 3, 1, 3], 7).unwrap(), [1, 2, 3, 1, 2, 3, 1]);
        assert_eq!(unpacked(&[5, 2 << 2, 1, 2, 3, 1 << 2 | 2, 3, 0], 7).unwrap(), [1, 2, 3, 1, 2]);
        assert_eq!(unpacked(&[4, 2 << 2, 1, 2, 3, 3, 2, 0, 0, 0], 7).unwrap(), [1, 2, 3, 2]);
        assert_eq!(unpacked(&[2, 60 << 2, 1, 8, 9], 2).unwrap(), [8, 9]);
        assert_eq!(unpacked(&[2, 63 << 2, 1, 0, 0, 0, 8, 9], 2).unwrap(), [8, 9]);
        let long = [&[0x81, 0x02, 61 << 2, 0, 1], &[7; 257][..]].concat();
        assert_eq!(unpacked(&long, 300).unwrap(), [7; 257]);
    }

    #[test]
    fn refuses_what_leads_outside() {
        assert_eq!(unpacked(&[], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[0xff; 9], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[10, 0], 9), Err(Damage::TooLong));
        assert_eq!(unpacked(&[1, 1 << 2, 1, 2], 9), Err(Damage::TooLong));
        assert_eq!(unpacked(&[9, 1 << 2, 1], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[9, 63 << 2, 1, 1, 1], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[9, 0, 1, 2, 3], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[9, 0, 1, 1, 2], 9), Err(Damage::Distance { distance: 2, at: 1 }));
        assert_eq!(unpacked(&[9, 0, 1, 1, 0], 9), Err(Damage::Distance { distance: 0, at: 1 }));
        assert_eq!(unpacked(&[2, 0, 1, 1, 1], 9), Err(Damage::TooLong));
    }

    #[test]
    fn restores_what_it_compresses() {
        let mut random = Random(1);
        for round in 0..600 {
            let length = random.below(if round % 50 == 0 { 200_000 } else { 700 });
            let (levels, run) = (1 + random.below(9), 1 + random.below(90));
            let mut input = Vec::new();
            while input.len() < length {
                let byte = random.below(levels) as u8;
                input.extend(vec![byte; 1 + random.below(run)]);
            }
            assert_eq!(unpacked(&packed(&input), input.len()).unwrap(), input);
        }
        let noise = noise(100_000, 3);
        assert_eq!(unpacked(&packed(&noise), noise.len()).unwrap(), noise);
        assert!(packed(&[5; 100_000]).len() < 5000);
        assert_eq!(compress(&noise, &mut [0; 100], 1), None);
    }
}
