//! The inverse cosine transform of one block, equal in every bit to libjpeg's default.
//!
//! Loeffler, Ligtenberg and Moschytz's transform (ICASSP 1989) with 12 products, in integers: factors have 13 bits after
//! the point; the first pass, down the columns, keeps 2 bits after it.

use core::ops::{Add, Sub};

/// Bits after the point of a factor.
const FACTOR_BITS: u32 = 13;
/// Bits after the point of what the first pass leaves.
const PASS_BITS: u32 = 2;

/// Numbers that go the same way; sums of hostile ones wrap.
#[derive(Clone, Copy, Debug, Default)]
struct Lanes([i32; 8]);

impl Lanes {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(i32, i32) -> i32) -> Self {
        let mut out = self.0;
        for (to, other) in out.iter_mut().zip(other.0) {
            *to = f(*to, other);
        }
        Lanes(out)
    }

    #[inline(always)]
    fn times(self, factor: i32) -> Self {
        Lanes(self.0.map(|n| n.wrapping_mul(factor)))
    }

    /// Divides by a power of two, to nearest.
    #[inline(always)]
    #[allow(clippy::arithmetic_side_effects, reason = "bits < 32")]
    fn scaled_down(self, bits: u32) -> Self {
        Lanes(self.0.map(|n| n.wrapping_add(1 << bits >> 1) >> bits))
    }
}

impl Add for Lanes {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, i32::wrapping_add)
    }
}

impl Sub for Lanes {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, i32::wrapping_sub)
    }
}

/// Eight transforms at once, each along the same lane of its inputs; outputs have [`FACTOR_BITS`] more after the point.
#[inline(always)]
#[allow(clippy::arithmetic_side_effects, reason = "operators of Lanes, which wrap")]
fn eight(input: [Lanes; 8]) -> [Lanes; 8] {
    let [i0, i1, i2, i3, i4, i5, i6, i7] = input;
    let turned = (i2 + i6).times(4433);
    let (low, high) = (turned - i6.times(15137), turned + i2.times(6270));
    let (sum, difference) = ((i0 + i4).times(1 << FACTOR_BITS), (i0 - i4).times(1 << FACTOR_BITS));
    let [e0, e1, e2, e3] = [sum + high, difference + low, difference - low, sum - high];

    let (a, b, c, d) = (i7 + i1, i5 + i3, i7 + i3, i5 + i1);
    let all = (c + d).times(9633);
    let (a, b) = (a.times(7373), b.times(20995));
    let (c, d) = (all - c.times(16069), all - d.times(3196));
    let (o0, o1) = (i1.times(12299) - a + d, i3.times(25172) - b + c);
    let (o2, o3) = (i5.times(16819) - b + d, i7.times(2446) - a + c);

    [e0 + o0, e1 + o1, e2 + o2, e3 + o3, e3 - o3, e2 - o2, e1 - o1, e0 - o0]
}

#[inline(always)]
fn transposed(rows: [Lanes; 8]) -> [Lanes; 8] {
    let mut out = [Lanes::default(); 8];
    for (at, row) in rows.iter().enumerate() {
        for (to, &from) in out.iter_mut().zip(&row.0) {
            if let Some(to) = to.0.get_mut(at) {
                *to = from;
            }
        }
    }
    out
}

/// Sample of a value around 0.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn sample(value: i32) -> u8 {
    value.wrapping_add(128).clamp(0, 255) as u8
}

/// The samples of a block whose coefficients, multiplied out, stand in rows.
pub(super) fn samples(coefficients: &[i32; 64]) -> [[u8; 8]; 8] {
    let mut rows = [Lanes::default(); 8];
    for (row, coefficients) in rows.iter_mut().zip(coefficients.as_chunks().0) {
        row.0 = *coefficients;
    }
    let columns = transposed(eight(rows).map(|row| row.scaled_down(const { FACTOR_BITS - PASS_BITS })));
    // The transform makes everything eight times as large.
    transposed(eight(columns).map(|column| column.scaled_down(const { FACTOR_BITS + PASS_BITS + 3 })))
        .map(|row| row.0.map(sample))
}

/// [`samples`] of a block of which only the first coefficient is not 0: they are all alike.
pub(super) fn flat(first: i32) -> u8 {
    sample(first.wrapping_add(4) >> 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::tests::Random;

    #[test]
    fn flat_blocks_are_flat() {
        for first in (-20_000..20_000).step_by(7) {
            let mut coefficients = [0; 64];
            coefficients[0] = first;
            assert_eq!(samples(&coefficients), [[flat(first); 8]; 8]);
        }
    }

    #[test]
    fn close_to_the_definition() {
        let mut random = Random(1);
        let factor = |n: usize| if n == 0 { 0.5f64.sqrt() } else { 1.0 };
        let cosine = |n: usize, at: usize| (core::f64::consts::PI * ((2 * at + 1) * n) as f64 / 16.0).cos() * factor(n);
        for _ in 0..200 {
            let coefficients: [i32; 64] = core::array::from_fn(|_| random.below(300) as i32 - 150);
            let found = samples(&coefficients);
            for at in 0..64 {
                let terms = coefficients.iter().enumerate().map(|(n, &coefficient)| {
                    f64::from(coefficient) * cosine(n / 8, at / 8) * cosine(n % 8, at % 8) / 4.0
                });
                let expected = (terms.sum::<f64>() + 128.0).clamp(0.0, 255.0);
                assert!((expected - f64::from(found[at / 8][at % 8])).abs() < 0.6);
            }
        }
    }
}
