//! What decoder and encoder share.
//!
//! A run of zeros is its number of blocks in unary: 0 to 3 for one to four, 5 and above for as many; 4 for all blocks up
//! to the end of the line or its next multiple of [`RUN_BLOCKS`].
//!
//! The second extension codes two values as one number in unary. The pairs are numbered by their sum, then by the
//! second: (0,0), (1,0), (0,1), (2,0), (1,1), (0,2), (3,0) ...

/// Blocks that a run of "all" ends at a multiple of.
pub(super) const RUN_BLOCKS: usize = 64;
/// The number of blocks that stands for "all".
pub(super) const RUN_ALL: u32 = 4;

/// Two values of the second extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair(pub(super) u32, pub(super) u32);

/// Sums in the table.
const SUMS: u32 = 13;
const TABLE_LEN: usize = (SUMS * (SUMS + 1) / 2) as usize;

/// The first pairs. Encoders use no others: another option is shorter for a block with larger sums.
static PAIRS: [[u8; 2]; TABLE_LEN] = pairs();

#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler"
)]
const fn pairs() -> [[u8; 2]; TABLE_LEN] {
    let mut table = [[0; 2]; TABLE_LEN];
    let (mut sum, mut second) = (0, 0);
    let mut number = 0;
    while number < TABLE_LEN {
        table[number] = [(sum - second) as u8, second as u8];
        (sum, second) = if second == sum { (sum + 1, 0) } else { (sum, second + 1) };
        number += 1;
    }
    table
}

impl Pair {
    /// The pair of this number.
    #[inline(always)]
    pub(super) fn of(number: u32) -> Pair {
        match PAIRS.get(number as usize) {
            Some(&[first, second]) => Pair(first.into(), second.into()),
            None => Pair::computed(number),
        }
    }

    #[cold]
    #[allow(clippy::cast_possible_truncation, reason = "sum <= sqrt(2^33), and second <= sum")]
    fn computed(number: u32) -> Pair {
        let number = u64::from(number);
        let sum = (number.saturating_mul(8).saturating_add(1).isqrt().saturating_sub(1)) / 2;
        let second = number.saturating_sub(sum.saturating_mul(sum.saturating_add(1)) / 2);
        Pair(sum.saturating_sub(second) as u32, second as u32)
    }

    /// The number of this pair, whose sum is below 2^16.
    #[inline(always)]
    pub(super) fn number(self) -> u32 {
        let sum = self.0.wrapping_add(self.1);
        (sum.wrapping_mul(sum.wrapping_add(1)) >> 1).wrapping_add(self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_numbered_by_their_sum() {
        let mut number = 0;
        for sum in 0..100 {
            for second in 0..=sum {
                assert_eq!(Pair::of(number), Pair(sum - second, second), "{number}");
                assert_eq!(Pair::computed(number), Pair(sum - second, second), "{number}");
                assert_eq!(Pair(sum - second, second).number(), number);
                number += 1;
            }
        }
        assert_eq!(Pair::of(u32::MAX), Pair(92681 - 37074, 37074));
    }
}
