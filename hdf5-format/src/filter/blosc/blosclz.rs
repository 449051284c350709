//! BloscLZ: Blosc's own fast compression, a descendant of FastLZ.
//!
//! ```text
//! 000nnnnn                                        n+1 literal bytes follow
//! lllooooo oooooooo                               copy l+2 bytes (l = 1..6) from o+1 bytes back
//! 111ooooo 11111111* nnnnnnnn oooooooo            copy the sum of n, and 255 for each full byte, + 9 bytes
//! lll11111 ... 11111111 dddddddd dddddddd         where o is 8191, from d+8192 bytes back, d big-endian
//! ```
//!
//! The first byte always counts literals; its upper bits are the format's level and mean nothing. The last instruction
//! is one of literals.

use crate::filter::lz4::block::{Damage, Sequences, copy_back, sequences};

/// Literals of one instruction.
const MAX_LITERALS: usize = 32;
/// From here on a distance takes two bytes more.
const FAR: usize = 8192;
/// The upper bits of the first byte.
const LEVEL: u8 = 1 << 5;
/// Bytes that are tried before the rest is compressed in haste.
const SAMPLE: usize = 1 << 13;
/// The most haste in which no sample is taken.
const CAREFUL: usize = 2;
/// Bytes copied at once where they do not overlap; up to one step too many, which the next instruction overwrites.
const STEP: usize = 16;

/// Decodes into `out`; the number of bytes.
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "1 <= distance <= at, and at + length <= out.len() before each copy; lengths are below 2^57"
)]
pub(in crate::filter) fn decompress(input: &[u8], out: &mut [u8]) -> Result<usize, Damage> {
    let (&first, mut rest) = input.split_first().ok_or(Damage::Truncated)?;
    let (mut control, mut at) = (usize::from(first & 31), 0);
    loop {
        if control < MAX_LITERALS {
            let count = control + 1;
            let room = &mut out[at..];
            if let (Some(to), Some(from)) = (room.first_chunk_mut(), rest.first_chunk::<MAX_LITERALS>()) {
                // Bytes past the literals are overwritten by the next instruction.
                *to = *from;
            } else {
                let from = rest.get(..count).ok_or(Damage::Truncated)?;
                room.get_mut(..count).ok_or(Damage::TooLong)?.copy_from_slice(from);
            }
            (rest, at) = (&rest[count..], at + count);
        } else {
            let (length, distance, after) = copy(control, rest)?;
            let end = at + length;
            if distance > at {
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
        let Some((&next, after)) = rest.split_first() else { return Ok(at) };
        (control, rest) = (usize::from(next), after);
    }
}

/// Length and distance of a copy, and what comes after it.
#[inline(always)]
#[allow(clippy::arithmetic_side_effects, reason = "control >= 32; at most 255 for each byte of the input")]
fn copy(control: usize, rest: &[u8]) -> Result<(usize, usize, &[u8]), Damage> {
    let (mut length, high) = ((control >> 5) + 2, control & 31);
    let (mut low, mut after) = rest.split_first().ok_or(Damage::Truncated)?;
    if length == 9 {
        while *low == 255 {
            // Long runs of one byte have hundreds of these.
            while let Some((&[255, 255, 255, 255, 255, 255, 255, 255], more)) = after.split_first_chunk() {
                length += 8 * 255;
                after = more;
            }
            length += 255;
            (low, after) = after.split_first().ok_or(Damage::Truncated)?;
        }
        length += usize::from(*low);
        (low, after) = after.split_first().ok_or(Damage::Truncated)?;
    }
    let near = (high << 8 | usize::from(*low)) + 1;
    if near < FAR {
        return Ok((length, near, after));
    }
    let (far, after) = after.split_first_chunk().ok_or(Damage::Truncated)?;
    Ok((length, usize::from(u16::from_be_bytes(*far)) + FAR, after))
}

/// Compresses into `out`; the number of bytes used. `None` if they do not fit or `input` exceeds 32 bits, and where
/// a sample does not shrink by a sixth and `haste` is above [`CAREFUL`].
pub(in crate::filter) fn compress(input: &[u8], out: &mut [u8], haste: usize) -> Option<usize> {
    if haste > CAREFUL
        && let Some(sample) = input.get(input.len() / 2..).and_then(|half| half.get(..SAMPLE))
        && input.len() > 4 * SAMPLE
    {
        whole(sample, out.get_mut(..SAMPLE / 6 * 5)?, haste)?;
    }
    whole(input, out, haste)
}

fn whole(input: &[u8], out: &mut [u8], haste: usize) -> Option<usize> {
    let mut sink = Sink { out, at: 0 };
    sequences(input, haste, &mut sink)?;
    let length = sink.at;
    *out.first_mut()? |= LEVEL;
    Some(length)
}

struct Sink<'a> {
    out: &'a mut [u8],
    at: usize,
}

#[allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation, reason = "at <= out.len(); masked bytes")]
impl Sink<'_> {
    #[inline(always)]
    fn push<const N: usize>(&mut self, bytes: [u8; N]) -> Option<()> {
        *self.out.get_mut(self.at..)?.first_chunk_mut()? = bytes;
        self.at += N;
        Some(())
    }

    /// The first `count` bytes of `input`.
    #[inline(always)]
    fn literals(&mut self, mut input: &[u8], mut count: usize) -> Option<()> {
        while count > 0 {
            let run = count.min(MAX_LITERALS);
            self.push([(run - 1) as u8])?;
            let room = self.out.get_mut(self.at..)?;
            if let (Some(to), Some(from)) = (room.first_chunk_mut(), input.first_chunk::<MAX_LITERALS>()) {
                *to = *from;
                room.get(run..)?;
            } else {
                room.get_mut(..run)?.copy_from_slice(input.get(..run)?);
            }
            self.at += run;
            input = input.get(run..)?;
            count -= run;
        }
        Some(())
    }
}

#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "length >= 4, 1 <= distance < 2^16; masked bytes"
)]
impl Sequences for Sink<'_> {
    #[inline(always)]
    fn sequence(&mut self, input: &[u8], literals: usize, distance: usize, length: usize) -> Option<()> {
        self.literals(input, literals)?;
        let place = (distance - 1).min(FAR - 1);
        let (high, low) = ((place >> 8) as u8, (place & 0xff) as u8);
        if length < 9 {
            self.push([((length - 2) as u8) << 5 | high, low])?;
        } else {
            self.push([7 << 5 | high])?;
            let mut left = length - 9;
            while left >= 255 {
                self.push([255])?;
                left -= 255;
            }
            self.push([left as u8, low])?;
        }
        match distance.checked_sub(FAR) {
            Some(far) => self.push((far as u16).to_be_bytes()),
            None => Some(()),
        }
    }

    fn rest(&mut self, literals: &[u8]) -> Option<()> {
        self.literals(literals, literals.len())
    }

    #[inline(always)]
    fn pays(distance: usize, length: usize) -> bool {
        distance < FAR || length > 6
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::{Random, noise};
    use alloc::vec;
    use alloc::vec::Vec;

    fn packed(input: &[u8]) -> Vec<u8> {
        let mut out = vec![0; input.len() + input.len() / 20 + 40];
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
        assert_eq!(unpacked(&[0x22, b'a', b'b', b'c', 0x20, 2, 0, b'z'], 20).unwrap(), b"abcabcz");
        assert_eq!(unpacked(&[0x20, b'x', 0xe0, 255, 3, 0, 1, 8, 9], 300).unwrap()[..268], [b'x'; 268]);
        let mut far = Vec::new();
        for run in noise(9000, 1).chunks(30) {
            far.push(run.len() as u8 - 1);
            far.extend(run);
        }
        far.extend([0x3f, 255, 0, 8, 0, b'z']);
        let out = unpacked(&far, 9004).unwrap();
        assert_eq!((&out[9000..9003], out[9003]), (&out[800..803], b'z'));
    }

    #[test]
    fn refuses_what_leads_outside() {
        assert_eq!(unpacked(&[], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[2, 1], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[0, 1, 0x20], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[0, 1, 0xe0, 255], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[0, 1, 0x3f, 255, 1], 9), Err(Damage::Truncated));
        assert_eq!(unpacked(&[2, 1, 2, 3], 2), Err(Damage::TooLong));
        assert_eq!(unpacked(&[0, 1, 0xc0, 0], 8), Err(Damage::TooLong));
        assert_eq!(unpacked(&[0, 1, 0x20, 1], 9), Err(Damage::Distance { distance: 2, at: 1 }));
    }

    #[test]
    fn restores_what_it_compresses() {
        let mut random = Random(1);
        for round in 0..600 {
            let length = 1 + random.below(if round % 50 == 0 { 200_000 } else { 700 });
            let (levels, run) = (1 + random.below(9), 1 + random.below(30));
            let mut input = Vec::new();
            while input.len() < length {
                let byte = random.below(levels) as u8;
                input.extend(vec![byte; 1 + random.below(run)]);
            }
            assert_eq!(unpacked(&packed(&input), input.len()).unwrap(), input);
        }
        let noise = noise(100_000, 3);
        assert_eq!(unpacked(&packed(&noise), noise.len()).unwrap(), noise);
        let twice = [&noise[..30_000], &noise[..30_000]].concat();
        let block = packed(&twice);
        assert!(block.len() < 32_000);
        assert_eq!(unpacked(&block, twice.len()).unwrap(), twice);
        assert!(packed(&[5; 100_000]).len() < 500);
        assert_eq!(compress(&noise, &mut [0; 100], 1), None);
    }
}
