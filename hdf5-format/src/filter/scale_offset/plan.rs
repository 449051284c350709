//! Choosing minimum and code width for a chunk.

use super::{Head, Scale, Scaling, low_word, power_of_ten};
use crate::filter::bits::{BitWriter, mask};

/// What encoding found out about a chunk.
pub(super) struct Plan {
    pub(super) head: Head,
    /// Smallest element: its place in order for integers, 10^digits times itself for floats.
    base: Base,
}

enum Base {
    /// Integers in order: the bits, with the sign bit flipped for signed ones.
    Ordered(u64),
    Decimal {
        unit: f64,
        minimum: f64,
    },
}

impl Scaling {
    /// The smallest element and the bits that all codes need. Chunks for which codes of fewer bits than an element do
    /// not do, among them floats that are not finite, are stored as they are.
    pub(super) fn plan<I: Iterator<Item = u64>>(&self, words: impl Fn() -> I) -> Plan {
        match self.scale {
            Scale::Integer(least) => self.plan_integers(words(), least),
            Scale::Decimal(digits) => self.plan_decimals(words(), digits),
        }
    }

    fn plan_integers(&self, words: impl Iterator<Item = u64>, least: u32) -> Plan {
        let (mut low, mut high) = (u64::MAX, 0);
        match self.fill {
            Some(fill) => words.for_each(|word| {
                let ordered = self.order(word);
                low = if word == fill { low } else { low.min(ordered) };
                high = if word == fill { high } else { high.max(ordered) };
            }),
            None => words.map(|word| self.order(word)).for_each(|word| (low, high) = (low.min(word), high.max(word))),
        }
        let low = low.min(high);
        let codes = u128::from(high.saturating_sub(low)).wrapping_add(1).wrapping_add(u128::from(self.fill.is_some()));
        let width = bits_for(codes).max(least).min(self.width());
        Plan { head: Head { width, minimum: sign_extended(self.order(low), self) }, base: Base::Ordered(low) }
    }

    #[allow(clippy::cast_possible_truncation, reason = "an f32 that was widened narrows to itself")]
    fn plan_decimals(&self, words: impl Iterator<Item = u64>, digits: i32) -> Plan {
        let unit = power_of_ten(digits);
        let fill = self.fill.map(|fill| self.float(fill));
        let (mut low, mut high, mut finite) = (f64::INFINITY, f64::NEG_INFINITY, true);
        for value in words.map(|word| self.float(word)) {
            if fill.is_some_and(|fill| is_fill(value, fill, unit)) {
                continue;
            }
            finite &= value.is_finite();
            (low, high) = (low.min(value), high.max(value));
        }
        let minimum = if low <= high { low } else { 0.0 };
        let span = if low <= high { high * unit - low * unit } else { 0.0 };
        let room = (1u64 << (self.width().saturating_sub(2)).min(62)) as f64;
        let width = if finite && span.is_finite() && span < room {
            bits_for(u128::from(rounded(span)).wrapping_add(1).wrapping_add(u128::from(fill.is_some())))
        } else {
            self.width()
        };
        let bits = if self.size == 4 { u64::from((minimum as f32).to_bits()) } else { minimum.to_bits() };
        Plan { head: Head { width, minimum: bits }, base: Base::Decimal { unit, minimum } }
    }

    /// Hands the code of each element to `writer`, for a plan with fewer bits than the element has.
    #[inline(always)]
    pub(super) fn write_codes(&self, words: impl Iterator<Item = u64>, plan: &Plan, writer: &mut BitWriter) {
        let (width, ones) = (plan.head.width, mask(plan.head.width));
        match (&plan.base, self.fill) {
            (&Base::Ordered(low), None) => {
                writer.write_all(words.map(|word| self.order(word).wrapping_sub(low)), width);
            }
            (&Base::Ordered(low), Some(fill)) => {
                let code = |word| if word == fill { ones } else { self.order(word).wrapping_sub(low) };
                writer.write_all(words.map(code), width);
            }
            (&Base::Decimal { unit, minimum }, None) => {
                writer.write_all(words.map(|word| rounded(self.float(word) * unit - minimum * unit)), width);
            }
            (&Base::Decimal { unit, minimum }, Some(fill)) => {
                let fill = self.float(fill);
                let code = |word| {
                    let value = self.float(word);
                    if is_fill(value, fill, unit) { ones } else { rounded(value * unit - minimum * unit) }
                };
                writer.write_all(words.map(code), width);
            }
        }
    }

    /// Flips the sign bit of signed integers, which puts them in order; flips it back as well.
    fn order(&self, word: u64) -> u64 {
        let sign = 1u64.wrapping_shl(self.width().wrapping_sub(1));
        if self.signed { word ^ sign } else { word }
    }

    fn float(&self, word: u64) -> f64 {
        if self.size == 4 { f32::from_bits(low_word(word)).into() } else { f64::from_bits(word) }
    }
}

/// A signed minimum is stored in 64 bits with its sign.
fn sign_extended(word: u64, scaling: &Scaling) -> u64 {
    let unused = 64u32.wrapping_sub(scaling.width());
    if scaling.signed { word.wrapping_shl(unused).cast_signed().wrapping_shr(unused).cast_unsigned() } else { word }
}

/// Bits that distinguish this many codes.
fn bits_for(codes: u128) -> u32 {
    u128::BITS.wrapping_sub(codes.saturating_sub(1).leading_zeros())
}

/// As libhdf5 has it: what is within one unit of the last digit counts as the fill value.
fn is_fill(value: f64, fill: f64, unit: f64) -> bool {
    value == fill || (value - fill).abs() * unit < 1.0
}

/// To the nearest whole number; not for negative ones.
#[allow(clippy::cast_possible_truncation, reason = "the cast saturates, and callers bound the value")]
fn rounded(value: f64) -> u64 {
    (value + 0.5) as u64
}
