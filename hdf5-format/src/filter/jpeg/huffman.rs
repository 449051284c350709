//! Bits of entropy-coded data, and the prefix codes in them.

use super::Damage;
use alloc::vec::Vec;

/// Codes up to this length are found by one look-up.
const QUICK: u32 = 9;
/// The longest code.
const LONGEST: usize = 16;

/// One prefix code.
#[derive(Clone, Debug)]
pub(super) struct Huffman {
    /// By the next [`QUICK`] bits: length of the code in the upper byte and its symbol in the lower; 0: longer.
    quick: [u16; 1 << QUICK],
    /// By length less one: what the next 16 bits are below, if the code has at most this length.
    ends: [u32; LONGEST],
    /// By length less one: place of the symbol of code 0, possibly before the start.
    starts: [i32; LONGEST],
    symbols: Vec<u8>,
}

impl Huffman {
    /// The code with `counts` codes of each length, 1 to 16, for `symbols` in turn.
    #[allow(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "at most 16 * 255 codes of at most 16 bits: the sum is compared with the symbols, the codes with their bits"
    )]
    pub(super) fn new(counts: &[u8; LONGEST], symbols: &[u8]) -> Result<Self, Damage> {
        let mut table =
            Huffman { quick: [0; 1 << QUICK], ends: [0; LONGEST], starts: [0; LONGEST], symbols: symbols.into() };
        let (mut code, mut place) = (0u32, 0usize);
        for (index, &count) in counts.iter().enumerate() {
            let (length, count) = (index as u32 + 1, usize::from(count));
            table.starts[index] = place as i32 - code as i32;
            for &symbol in symbols.get(place..place + count).ok_or(Damage::Corrupt("codes without symbols".into()))? {
                if code >> length != 0 {
                    return Err(Damage::Corrupt("more codes of a length than there can be".into()));
                }
                if length <= QUICK {
                    let (first, span) = ((code << (QUICK - length)) as usize, 1 << (QUICK - length));
                    table.quick[first..first + span].fill((length as u16) << 8 | u16::from(symbol));
                }
                code += 1;
            }
            place += count;
            table.ends[index] = code << (16 - length);
            code <<= 1;
        }
        Ok(table)
    }
}

/// The bits of a scan up to its marker.
pub(super) struct Bits<'a> {
    input: &'a [u8],
    /// Where the first byte stands that is not in `buffer`.
    at: usize,
    /// The next bits, from the highest on; 0 after the last.
    buffer: u64,
    /// Bits in `buffer`.
    count: u32,
}

#[allow(
    clippy::arithmetic_side_effects,
    reason = "at <= input.len(); count <= 64; lengths of codes and numbers are at most 16"
)]
impl<'a> Bits<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Bits { input, at: 0, buffer: 0, count: 0 }
    }

    /// Fills the buffer to more than 32 bits, if there are so many before the marker.
    #[inline(always)]
    fn refill(&mut self) {
        if self.count > 32 {
            return;
        }
        if let Some(bytes) = self.input.get(self.at..).and_then(|rest| rest.first_chunk()) {
            let word = u32::from_be_bytes(*bytes);
            // No byte is 0xff.
            if word & 0x8080_8080 & (!word).wrapping_sub(0x0101_0101) == 0 {
                self.buffer |= u64::from(word) << (32 - self.count);
                (self.at, self.count) = (self.at + 4, self.count + 32);
                return;
            }
        }
        self.refill_slowly();
    }

    #[cold]
    fn refill_slowly(&mut self) {
        while self.count <= 56 {
            let after = match self.input.get(self.at..).unwrap_or(&[]) {
                [0xff, 0, ..] => 2,
                [0xff, ..] | [] => return,
                _ => 1,
            };
            let byte = self.input.get(self.at).copied().unwrap_or(0);
            self.buffer |= u64::from(byte) << (56 - self.count);
            (self.at, self.count) = (self.at + after, self.count + 8);
        }
    }

    /// The next symbol; after it, as many bits as a number can have are there, or the scan ends.
    #[inline(always)]
    #[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "QUICK bits")]
    pub(super) fn symbol(&mut self, table: &Huffman) -> Result<u8, Damage> {
        self.refill();
        let entry = table.quick[(self.buffer >> (64 - QUICK)) as usize];
        let (length, symbol) = if entry != 0 { (u32::from(entry >> 8), entry as u8) } else { self.long_symbol(table)? };
        self.drop(length)?;
        Ok(symbol)
    }

    /// Length and symbol of the next code.
    #[cold]
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "16 bits")]
    fn long_symbol(&self, table: &Huffman) -> Result<(u32, u8), Damage> {
        let next = (self.buffer >> 48) as u32;
        for (index, (&end, &start)) in table.ends.iter().zip(&table.starts).enumerate() {
            let length = index as u32 + 1;
            if next < end {
                let place = start.wrapping_add((next >> (16 - length)) as i32);
                let symbol = usize::try_from(place).ok().and_then(|place| table.symbols.get(place));
                return symbol.map(|&symbol| (length, symbol)).ok_or(Damage::NoCode);
            }
        }
        Err(if self.count < 16 { Damage::Truncated } else { Damage::NoCode })
    }

    /// The number of `bits` bits, 1 to 16, that follows its symbol: the lower half of them stands for negative ones.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "at most 16 bits")]
    pub(super) fn number(&mut self, bits: u32) -> Result<i32, Damage> {
        let value = (self.buffer >> (64 - bits)) as i32;
        self.drop(bits)?;
        let negative = value >> (bits - 1) == 0;
        Ok(if negative { value - (1 << bits) + 1 } else { value })
    }

    #[inline(always)]
    fn drop(&mut self, bits: u32) -> Result<(), Damage> {
        self.count = self.count.checked_sub(bits).ok_or(Damage::Truncated)?;
        self.buffer <<= bits;
        Ok(())
    }

    /// Goes on after the restart marker with this number.
    pub(super) fn restart(&mut self, number: usize) -> Result<(), Damage> {
        let expected = 0xd0 | u8::try_from(number % 8).unwrap_or(0);
        match self.after() {
            [0xff, found, rest @ ..] if *found == expected => *self = Bits::new(rest),
            [_, found, ..] => {
                return Err(Damage::Corrupt(alloc::format!("marker {found:02x} in a scan, expected {expected:02x}")));
            }
            _ => return Err(Damage::Truncated),
        }
        Ok(())
    }

    /// The input from the marker on.
    pub(super) fn after(&self) -> &'a [u8] {
        let mut rest = self.input.get(self.at..).unwrap_or(&[]);
        loop {
            rest = match rest {
                [] | [0xff, 1..=0xfe, ..] => return rest,
                [0xff, 0, after @ ..] | [_, after @ ..] => after,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(lengths: &[(usize, u8)]) -> [u8; LONGEST] {
        let mut counts = [0; LONGEST];
        for &(length, count) in lengths {
            counts[length - 1] = count;
        }
        counts
    }

    #[test]
    fn finds_short_and_long_codes() {
        let table = Huffman::new(&counts(&[(1, 1), (3, 2), (12, 1), (16, 2)]), b"abcdef").unwrap();
        let mut bits = Bits::new(&[0b0100_1011, 0b1000_0000, 0b0001_1000, 0b0000_0010, 0, 0xff, 0xd9]);
        let found: Vec<u8> = (0..5).map(|_| bits.symbol(&table).unwrap()).collect();
        assert_eq!(found, b"abcde");
        assert_eq!(bits.after(), [0xff, 0xd9]);
    }

    #[test]
    fn refuses_codes_that_cannot_be() {
        assert!(Huffman::new(&counts(&[(1, 3)]), b"abc").is_err());
        assert!(Huffman::new(&counts(&[(1, 1), (2, 3)]), b"abcd").is_err());
        assert!(Huffman::new(&counts(&[(8, 3)]), b"ab").is_err());
        let table = Huffman::new(&counts(&[(2, 1)]), b"a").unwrap();
        assert!(matches!(Bits::new(&[0x80, 0, 0]).symbol(&table), Err(Damage::NoCode)));
        assert!(matches!(Bits::new(&[0x80]).symbol(&table), Err(Damage::Truncated)));
        assert!(matches!(Bits::new(&[]).symbol(&table), Err(Damage::Truncated)));
    }

    #[test]
    fn numbers_of_both_signs() {
        let mut bits = Bits::new(&[0b0110_0011, 0xff, 0, 0xff, 0xd0, 0x80]);
        bits.refill();
        assert_eq!(bits.number(1).unwrap(), -1);
        assert_eq!(bits.number(1).unwrap(), 1);
        assert_eq!(bits.number(3).unwrap(), 4);
        assert_eq!(bits.number(3).unwrap(), -4);
        assert_eq!(bits.number(8).unwrap(), 255);
        assert!(bits.number(1).is_err());
        bits.restart(8).unwrap();
        bits.refill();
        assert_eq!(bits.number(8).unwrap(), 128);
        assert!(bits.restart(9).is_err());
    }
}
