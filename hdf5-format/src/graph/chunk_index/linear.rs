//! Chunk positions as one number: fixed and extensible arrays, implicit indexes.

use alloc::vec::Vec;

/// The order of chunks: by position, in the counts of the maximal extent, the unlimited dimension moved to the front.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    /// Dimensions, slowest first.
    order: Vec<usize>,
    /// Chunks along each dimension, in that order; the first one is not used.
    counts: Vec<u64>,
}

impl Linear {
    pub(crate) fn new(chunk: &[u64], dims: &[u64], max_dims: &[Option<u64>]) -> Self {
        let unlimited = max_dims.iter().position(Option::is_none);
        let order: Vec<usize> =
            unlimited.into_iter().chain((0..dims.len()).filter(|&d| Some(d) != unlimited)).collect();
        let count = |&d: &usize| {
            let max = max_dims.get(d).copied().flatten().or(dims.get(d).copied()).unwrap_or(1);
            max.div_ceil(chunk.get(d).copied().unwrap_or(1).max(1))
        };
        let counts = order.iter().map(count).collect();
        Linear { order, counts }
    }

    /// The number of a position; saturated where it is outside any array.
    fn index(&self, scaled: &[u64]) -> u64 {
        self.order
            .iter()
            .zip(&self.counts)
            .fold(0u64, |n, (&d, &count)| n.saturating_mul(count).saturating_add(scaled.get(d).copied().unwrap_or(0)))
    }

    /// The number of a position; none above 64 bits.
    pub(crate) fn number(&self, scaled: &[u64]) -> Option<u64> {
        let mut number = 0u64;
        for (&d, &count) in self.order.iter().zip(&self.counts) {
            number = number.checked_mul(count)?.checked_add(scaled.get(d).copied()?)?;
        }
        Some(number)
    }

    /// The numbers between which a box lies: first, and past the last.
    pub(super) fn range(&self, low: &[u64], high: &[u64]) -> (u64, u64) {
        // Positions past the counts belong to no chunk.
        let last = |d: usize| {
            let place = self.order.iter().position(|&o| o == d).unwrap_or(0);
            let count = if place == 0 { u64::MAX } else { self.counts.get(place).copied().unwrap_or(1) };
            high.get(d).copied().unwrap_or(0).min(count).saturating_sub(1)
        };
        let last: Vec<u64> = (0..low.len()).map(last).collect();
        (self.index(low), self.index(&last).saturating_add(1))
    }

    /// The position of a number, into a buffer.
    pub(crate) fn position(&self, mut index: u64, scaled: &mut Vec<u64>) {
        scaled.clear();
        scaled.resize(self.order.len(), 0);
        for (place, (&d, &count)) in self.order.iter().zip(&self.counts).enumerate().rev() {
            let value = if place == 0 { index } else { index.checked_rem(count).unwrap_or(0) };
            index = index.checked_div(count).unwrap_or(0);
            if let Some(slot) = scaled.get_mut(d) {
                *slot = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_numbers_are_inverse() {
        for max in [[Some(50), Some(30), Some(20)], [Some(50), None, Some(20)], [None, Some(30), Some(20)]] {
            let linear = Linear::new(&[10, 10, 7], &[50, 30, 20], &max);
            let mut scaled = Vec::new();
            let count = 5 * 3 * 3;
            for index in 0..count {
                linear.position(index, &mut scaled);
                assert_eq!(linear.index(&scaled), index);
                assert_eq!(linear.number(&scaled), Some(index));
            }
        }
    }

    #[test]
    fn the_unlimited_dimension_is_the_slowest() {
        let linear = Linear::new(&[1, 1], &[4, 9], &[Some(4), None]);
        assert_eq!(linear.index(&[3, 0]), 3);
        assert_eq!(linear.index(&[0, 1]), 4);
        assert_eq!(linear.range(&[1, 2], &[3, 4]), (9, 15));
    }
}
