//! Bit fields packed most significant bit first, without gaps: the payload of N-bit and scale-offset.

use alloc::vec::Vec;

/// The widest field that one unaligned 64-bit load always covers.
const MAX_FAST: u32 = 57;

/// The `width` lowest bits set; `width` is at most 64.
pub(super) fn mask(width: u32) -> u64 {
    u64::MAX.checked_shr(64u32.saturating_sub(width)).unwrap_or(0)
}

/// The `N` low bytes of a word, in file order.
#[inline(always)]
pub(super) fn word_bytes<const N: usize, const BIG: bool>(word: u64) -> [u8; N] {
    let mut out = [0; N];
    if BIG {
        let bytes = word.to_be_bytes();
        out.copy_from_slice(bytes.last_chunk::<N>().unwrap_or(&[0; N]));
    } else {
        let bytes = word.to_le_bytes();
        out.copy_from_slice(bytes.first_chunk::<N>().unwrap_or(&[0; N]));
    }
    out
}

/// The number of up to eight bytes in file order.
#[inline(always)]
pub(super) fn word_of<const N: usize, const BIG: bool>(element: &[u8; N]) -> u64 {
    let mut bytes = [0; 8];
    if BIG {
        if let Some(low) = bytes.last_chunk_mut::<N>() {
            *low = *element;
        }
        u64::from_be_bytes(bytes)
    } else {
        if let Some(low) = bytes.first_chunk_mut::<N>() {
            *low = *element;
        }
        u64::from_le_bytes(bytes)
    }
}

/// Reads fields one after the other.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    /// Bits read.
    at: u64,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        BitReader { data, at: 0 }
    }

    /// The next field of 1 to 64 bits. Past the end bits are zero: check the length before.
    #[inline(always)]
    pub(super) fn read(&mut self, width: u32) -> u64 {
        let value = field(self.data, self.at, width);
        self.at = self.at.wrapping_add(width.into());
        value
    }
}

/// The field of 1 to 64 bits that starts at bit `at`; bits past the end are zero.
#[inline(always)]
pub(super) fn field(data: &[u8], at: u64, width: u32) -> u64 {
    let rest = usize::try_from(at >> 3).ok().and_then(|byte| data.get(byte..)).unwrap_or(&[]);
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
fn low_bits(at: u64) -> u32 {
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
    /// Their number, below 64 between calls.
    count: u32,
}

impl BitWriter {
    /// A writer that appends to `out`.
    pub(super) fn new(out: Vec<u8>) -> Self {
        BitWriter { out, pending: 0, count: 0 }
    }

    /// Appends the `width` lowest bits of `value`, 1 to 64 of them.
    #[inline(always)]
    pub(super) fn write(&mut self, value: u64, width: u32) {
        let value = value & mask(width);
        let room = 64u32.wrapping_sub(self.count);
        if width < room {
            self.pending = self.pending.wrapping_shl(width) | value;
            self.count = self.count.wrapping_add(width);
            return;
        }
        // The word is full: `over` bits of the value start the next one. With nothing pending, `room` may be 64.
        let over = width.wrapping_sub(room);
        let word = self.pending.checked_shl(room).unwrap_or(0) | value.wrapping_shr(over);
        self.out.extend_from_slice(&word.to_be_bytes());
        (self.pending, self.count) = (value & mask(over), over);
    }

    /// Appends the `width` lowest bits, 1 to 64, of each value.
    #[inline(always)]
    pub(super) fn write_all(&mut self, values: impl Iterator<Item = u64>, width: u32) {
        // Whole words go into a block first: one growth of the output for many.
        let mut block = [[0; 8]; 64];
        let (mut pending, mut count, ones) = (self.pending, self.count, mask(width));
        let mut values = values.map(|value| value & ones);
        loop {
            let mut full = 0usize;
            for slot in &mut block {
                // As many values as leave the word not full, then the one that fills it.
                let filler = loop {
                    let Some(value) = values.next() else {
                        self.out.extend_from_slice(block.get(..full).unwrap_or(&[]).as_flattened());
                        (self.pending, self.count) = (pending, count);
                        return;
                    };
                    let room = 64u32.wrapping_sub(count);
                    if width >= room {
                        break value;
                    }
                    pending = pending.wrapping_shl(width) | value;
                    count = count.wrapping_add(width);
                };
                let room = 64u32.wrapping_sub(count);
                let over = width.wrapping_sub(room);
                let high = if room == 64 { 0 } else { pending.wrapping_shl(room) };
                *slot = (high | filler.wrapping_shr(over)).to_be_bytes();
                (pending, count) = (filler & !u64::MAX.wrapping_shl(over), over);
                full = full.wrapping_add(1);
            }
            self.out.extend_from_slice(block.as_flattened());
        }
    }

    /// What was written, filled up to whole bytes with zero bits.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            let word = self.pending.wrapping_shl(64u32.wrapping_sub(self.count)).to_be_bytes();
            let bytes = self.count.div_ceil(8) as usize;
            self.out.extend_from_slice(word.get(..bytes).unwrap_or(&word));
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
