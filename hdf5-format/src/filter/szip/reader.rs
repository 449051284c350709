//! The bits of a stream in turn.

use super::client::MAX_BLOCK;
use super::decode::{Block, Damage};
use crate::filter::bits::field;

/// Bits that a load of eight bytes has at least, whatever bit of the first byte it starts at.
const LOADED: u32 = 57;

/// Numbers of up to this many bits are taken from one load four at a time.
const MAX_QUARTER: u32 = LOADED / 4;

/// Bytes that hold a block of numbers of up to 31 bits, and the load of the last one.
const WINDOW: usize = 128 + 8;

pub(super) struct Reader<'a> {
    data: &'a [u8],
    /// Bits read. Bits past the end are zero.
    at: u64,
    /// Bits there are.
    end: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Reader { data, at: 0, end: (data.len() as u64).saturating_mul(8) }
    }

    #[inline(always)]
    pub(super) fn is_past_end(&self) -> bool {
        self.at > self.end
    }

    /// A number of 1 to 32 bits.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "at most 32 bits")]
    pub(super) fn bits(&mut self, width: u32) -> u32 {
        let value = field(self.data, self.at, width) as u32;
        self.at = self.at.wrapping_add(width.into());
        value
    }

    /// `count` numbers of 1 to 31 bits.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "at most 31 bits; a block of them fits into the window")]
    pub(super) fn fields(&mut self, values: &mut Block, count: usize, width: u32) {
        let rest = usize::try_from(self.at >> 3).ok().and_then(|byte| self.data.get(byte..)).unwrap_or(&[]);
        let mut copy = [0; WINDOW];
        let window = rest.first_chunk::<WINDOW>().unwrap_or_else(|| end_of(rest, &mut copy));
        let mut at = (self.at & 7) as u32;
        self.at = self.at.wrapping_add((count as u64).wrapping_mul(width.into()));
        let right = 64u32.wrapping_sub(width);
        let values = values.get_mut(..count).unwrap_or(&mut []);
        let (quarters, rest) = values.as_chunks_mut::<4>();
        for quarter in quarters {
            if width <= MAX_QUARTER {
                let word = load(window, at);
                let two = width.wrapping_mul(2);
                *quarter = [0, width, two, two.wrapping_add(width)]
                    .map(|left| word.wrapping_shl(left).wrapping_shr(right) as u32);
                at = at.wrapping_add(two.wrapping_mul(2));
            } else {
                for value in quarter {
                    *value = load(window, at).wrapping_shr(right) as u32;
                    at = at.wrapping_add(width);
                }
            }
        }
        for value in rest {
            *value = load(window, at).wrapping_shr(right) as u32;
            at = at.wrapping_add(width);
        }
    }

    /// `count` numbers in unary: as many zeros, then a one. The other values become zero.
    #[inline(always)]
    pub(super) fn unary(&mut self, values: &mut Block, count: usize) -> Result<(), Damage> {
        // Where the ones are, counted from here.
        let mut ones = [0u32; MAX_BLOCK];
        let mut rest = ones.get_mut(..count).unwrap_or(&mut []);
        let mut base = 0u32;
        loop {
            let start = self.at.wrapping_add(base.into());
            let mut word = field(self.data, start, LOADED).reverse_bits().wrapping_shr(64u32.wrapping_sub(LOADED));
            let here = rest.len().min(word.count_ones() as usize);
            let Some((now, later)) = rest.split_at_mut_checked(here) else { break };
            for one in now {
                *one = base.wrapping_add(word.trailing_zeros());
                word &= word.wrapping_sub(1);
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
            if start > self.end {
                return Err(Damage::Truncated);
            }
            base = base.checked_add(LOADED).ok_or(Damage::TooLarge)?;
        }
        let mut before = [u32::MAX; MAX_BLOCK];
        before[1..].copy_from_slice(&ones[..MAX_BLOCK - 1]);
        for (index, (value, (one, before))) in values.iter_mut().zip(ones.iter().zip(before)).enumerate() {
            *value = if index < count { one.wrapping_sub(before).wrapping_sub(1) } else { 0 };
        }
        let last = count.checked_sub(1).and_then(|last| ones.get(last)).copied().unwrap_or(0);
        self.at = self.at.wrapping_add(last.into()).wrapping_add(1);
        Ok(())
    }
}

/// The window that starts with all of `rest`, then zeros.
#[cold]
fn end_of<'a>(rest: &[u8], copy: &'a mut [u8; WINDOW]) -> &'a [u8; WINDOW] {
    copy.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    copy
}

/// At least [`LOADED`] bits from bit `at` of the window, which is below 1024, from the top.
#[inline(always)]
fn load(window: &[u8; WINDOW], at: u32) -> u64 {
    let byte = (at >> 3) as usize % (WINDOW - 8);
    let bytes = window.get(byte..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    u64::from_be_bytes(bytes).wrapping_shl(at & 7)
}
