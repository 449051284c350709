//! Bit fields packed most significant bit first, without gaps: the payload of N-bit and scale-offset.

use alloc::vec::Vec;

/// The widest field that one unaligned 64-bit load always covers.
const MAX_FAST: u32 = 57;

/// The `width` lowest bits set; `width` is at most 64.
pub(super) fn mask(width: u32) -> u64 {
    u64::MAX.checked_shr(64u32.saturating_sub(width)).unwrap_or(0)
}

/// Reads fields one after the other.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    /// Bits read.
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        BitReader { data, at: 0 }
    }

    /// The next field of 1 to 64 bits. Past the end bits are zero: check the length before.
    #[inline(always)]
    pub(super) fn read(&mut self, width: u32) -> u64 {
        let value = field(self.data, self.at, width);
        self.at = self.at.saturating_add(width as usize);
        value
    }
}

/// The field of 1 to 64 bits that starts at bit `at`.
#[inline(always)]
pub(super) fn field(data: &[u8], at: usize, width: u32) -> u64 {
    let rest = data.get(at >> 3..).unwrap_or(&[]);
    let skip = low_bits(at);
    let word = match rest.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => short_word(rest),
    };
    let unused = 64u32.wrapping_sub(width);
    if width <= MAX_FAST {
        return word.wrapping_shl(skip).wrapping_shr(unused);
    }
    // Up to seven bits are in a ninth byte.
    let ninth = u64::from(rest.get(8).copied().unwrap_or(0));
    (word.wrapping_shl(skip) | ninth.wrapping_shr(8u32.wrapping_sub(skip))).wrapping_shr(unused)
}

/// Bits of the first byte that come before the field.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "below 8")]
fn low_bits(at: usize) -> u32 {
    (at & 7) as u32
}

#[cold]
fn short_word(rest: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(bytes)
}

/// Appends fields one after the other.
#[derive(Debug)]
pub(super) struct BitWriter {
    out: Vec<u8>,
    /// Bits not yet in `out`, at the lower end.
    pending: u64,
    /// Their number, below 8 between calls.
    count: u32,
}

impl BitWriter {
    /// A writer that appends to `out`.
    pub(super) fn new(out: Vec<u8>) -> Self {
        BitWriter { out, pending: 0, count: 0 }
    }

    /// Appends the `width` lowest bits of `value`, 1 to 64 of them.
    #[inline]
    pub(super) fn write(&mut self, value: u64, width: u32) {
        if width > 32 {
            self.write_short(value >> 32, width.wrapping_sub(32));
            self.write_short(value, 32);
        } else {
            self.write_short(value, width);
        }
    }

    /// At most 32 bits: together with those pending they fit 64.
    #[inline]
    fn write_short(&mut self, value: u64, width: u32) {
        self.pending = self.pending.wrapping_shl(width) | (value & mask(width));
        self.count = self.count.wrapping_add(width);
        while self.count >= 8 {
            self.count = self.count.wrapping_sub(8);
            let [.., low] = self.pending.wrapping_shr(self.count).to_be_bytes();
            self.out.push(low);
        }
    }

    /// What was written, filled up to whole bytes with zero bits.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.write_short(0, 8u32.wrapping_sub(self.count));
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_at_every_alignment() {
        for width in 1..=64 {
            for lead in 0..=9 {
                let values = [0x0123_4567_89ab_cdef, u64::MAX, 0, 0xaaaa_5555_aaaa_5555].map(|v: u64| v & mask(width));
                let mut writer = BitWriter::new(Vec::new());
                if lead > 0 {
                    writer.write(u64::MAX, lead);
                }
                values.iter().for_each(|&v| writer.write(v, width));
                let packed = writer.finish();
                assert_eq!(packed.len(), ((lead + 4 * width) as usize).div_ceil(8));
                let mut reader = BitReader::new(&packed);
                if lead > 0 {
                    assert_eq!(reader.read(lead), mask(lead));
                }
                for value in values {
                    assert_eq!(reader.read(width), value, "{width} bits after {lead}");
                }
            }
        }
    }

    #[test]
    fn past_the_end_is_zero() {
        assert_eq!(field(&[0xff], 4, 8), 0xf0);
        assert_eq!(field(&[], 100, 64), 0);
    }

    #[test]
    fn masks() {
        assert_eq!((mask(0), mask(1), mask(63), mask(64)), (0, 1, u64::MAX >> 1, u64::MAX));
    }
}
