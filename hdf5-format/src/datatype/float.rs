//! Floating-point formats: fields to values.

use crate::format::message::datatype::{ByteOrder, FloatFormat, Normalization};

/// What the largest exponent means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Top {
    /// Infinity if the mantissa is 0, else no number.
    Ieee,
    /// No number if the mantissa is all ones, else a value like those of other exponents (E4M3).
    NanOnly,
    /// A value like those of other exponents (formats of 4 and 6 bits, VAX).
    Value,
}

fn top(f: &FloatFormat) -> Top {
    let implied = f.normalization == Normalization::Implied;
    match (f.precision, f.exponent_size, f.mantissa_size, f.exponent_bias) {
        _ if f.order == ByteOrder::Vax => Top::Value,
        (8, 4, 3, 7) if implied => Top::NanOnly,
        (6, 2, 3, 1) | (6, 3, 2, 3) | (4, 2, 1, 1) if implied => Top::Value,
        _ => Top::Ieee,
    }
}

/// Bits of the mantissa after the point.
fn fraction_bits(f: &FloatFormat) -> u32 {
    let hidden = f.normalization == Normalization::Implied;
    u32::from(f.mantissa_size).saturating_sub(u32::from(!hidden))
}

/// True if `f64` has every value of the format.
pub(super) fn fits_f64(f: &FloatFormat) -> bool {
    let Some(largest) = 1i64.checked_shl(f.exponent_size.into()).filter(|_| f.exponent_size < 32) else {
        return false;
    };
    let bias = i64::from(f.exponent_bias);
    let fraction = fraction_bits(f);
    // The largest exponent is not a value's where it means infinity.
    let last = largest.saturating_sub(if top(f) == Top::Ieee { 2 } else { 1 });
    let smallest = 1i64.saturating_sub(bias).saturating_sub(fraction.into());
    fraction <= 52 && last.saturating_sub(bias) <= 1023 && smallest >= -1074
}

/// The fields of a float as they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) negative: bool,
    pub(super) exponent: u64,
    pub(super) mantissa: u128,
}

/// The value of a number, rounded to the nearest `f64`.
pub(super) fn decode(f: &FloatFormat, parts: Parts) -> Option<f64> {
    if f.exponent_size > 31 || f.mantissa_size > 120 {
        return None;
    }
    let Parts { negative, mantissa, .. } = parts;
    let exponent = i64::try_from(parts.exponent).ok()?;
    let fraction = fraction_bits(f);
    let largest = i64::try_from(ones(f.exponent_size.into())).ok()?;
    let magnitude = match top(f) {
        Top::Ieee if exponent == largest && mantissa & ones(fraction) == 0 => f64::INFINITY,
        Top::Ieee if exponent == largest => f64::NAN,
        Top::NanOnly if exponent == largest && mantissa == ones(fraction) => f64::NAN,
        // VAX has one zero, and its negative is no number.
        _ if f.order == ByteOrder::Vax && exponent == 0 => return Some(if negative { f64::NAN } else { 0.0 }),
        _ => {
            let hidden = f.normalization == Normalization::Implied && exponent > 0;
            let whole = if hidden { mantissa | ones(fraction).wrapping_add(1) } else { mantissa };
            let scale = exponent.max(1).saturating_sub(f.exponent_bias.into()).saturating_sub(fraction.into());
            scaled(whole, scale)
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

fn ones(bits: u32) -> u128 {
    1u128.checked_shl(bits).unwrap_or(0).wrapping_sub(1)
}

/// The nearest number of a format, ties to even: past the largest infinite, or the largest where there is no infinity.
/// `None` for formats with mantissas of more than 120 bits or exponents of more than 31, and for no number where
/// the format has none.
pub(super) fn encode(f: &FloatFormat, value: f64) -> Option<Parts> {
    if f.exponent_size > 31 || f.mantissa_size > 120 {
        return None;
    }
    let (negative, fraction) = (value.is_sign_negative(), fraction_bits(f));
    let largest = u64::try_from(ones(f.exponent_size.into())).ok()?;
    let stored = if f.normalization == Normalization::Implied { fraction } else { fraction.saturating_add(1) };
    let all = ones(stored);
    let leading = all.wrapping_sub(ones(fraction));
    if value.is_nan() {
        return match top(f) {
            _ if f.order == ByteOrder::Vax => Some(Parts { negative: true, exponent: 0, mantissa: 0 }),
            Top::Value => None,
            Top::Ieee | Top::NanOnly => Some(Parts { negative, exponent: largest, mantissa: all }),
        };
    }
    let infinite = match top(f) {
        Top::Ieee => Parts { negative, exponent: largest, mantissa: leading },
        Top::NanOnly => Parts { negative, exponent: largest, mantissa: all.wrapping_sub(1) },
        Top::Value => Parts { negative, exponent: largest, mantissa: all },
    };
    let zero = Parts { negative: negative && f.order != ByteOrder::Vax, exponent: 0, mantissa: 0 };
    if value == 0.0 || value.is_infinite() {
        return Some(if value == 0.0 { zero } else { infinite });
    }
    let (whole, scale) = whole(value);
    let highest = i64::from(whole.checked_ilog2().unwrap_or(0)).saturating_add(scale);
    // The smallest exponent of numbers is 1, below which the mantissa loses its highest bits.
    let exponent = highest.saturating_add(f.exponent_bias.into()).max(1);
    let lowest = exponent.saturating_sub(f.exponent_bias.into()).saturating_sub(fraction.into());
    let drop = lowest.saturating_sub(scale);
    let mut kept = match u32::try_from(drop) {
        Ok(drop) => round(whole, drop),
        Err(_) => whole.checked_shl(u32::try_from(drop.saturating_neg()).unwrap_or(u32::MAX)).unwrap_or(0),
    };
    let mut exponent = u64::try_from(exponent).ok()?;
    if kept > ones(fraction.saturating_add(1)) {
        (kept, exponent) = (kept.wrapping_shr(1), exponent.saturating_add(1));
    }
    if kept <= ones(fraction) {
        if f.order == ByteOrder::Vax {
            return Some(zero);
        }
        exponent = 0;
    }
    let parts = Parts { negative, exponent, mantissa: kept & all };
    let past = match top(f) {
        Top::Ieee => exponent >= largest,
        Top::NanOnly => exponent > largest || (exponent == largest && parts.mantissa == all),
        Top::Value => exponent > largest,
    };
    Some(if past { infinite } else { parts })
}

/// A finite number other than 0 as `whole * 2^scale`, without its sign.
fn whole(value: f64) -> (u128, i64) {
    let bits = value.to_bits();
    let (fraction, exponent) = (bits & 0x000f_ffff_ffff_ffff, bits.wrapping_shr(52) & 0x7ff);
    let hidden = if exponent == 0 { 0 } else { 1u64 << 52 };
    let exponent = i64::try_from(exponent.max(1)).unwrap_or(1);
    (u128::from(fraction | hidden), exponent.saturating_sub(1075))
}

/// `whole * 2^scale`, rounded to the nearest `f64`, ties to even.
fn scaled(whole: u128, scale: i64) -> f64 {
    let Some(top) = whole.checked_ilog2() else { return 0.0 };
    let exponent = i64::from(top).saturating_add(scale);
    if exponent > 1023 {
        return f64::INFINITY;
    }
    // The lowest bit kept has this weight: 52 below the highest, or that of the smallest subnormal.
    let lowest = exponent.saturating_sub(52).max(-1074);
    let drop = lowest.saturating_sub(scale);
    let kept = match u32::try_from(drop) {
        Ok(drop) => round(whole, drop),
        Err(_) => whole.checked_shl(u32::try_from(drop.saturating_neg()).unwrap_or(u32::MAX)).unwrap_or(0),
    };
    // At most 53 bits and a carry: the bits of the result are the mantissa with the exponent added above it, and a
    // carry or the hidden bit adds 1 to the exponent.
    let kept = u64::try_from(kept).unwrap_or(0);
    let above = u64::try_from(lowest.saturating_add(1074)).unwrap_or(0);
    f64::from_bits(kept.saturating_add(above.wrapping_shl(52)))
}

/// `whole / 2^drop`, rounded to the nearest, ties to even.
fn round(whole: u128, drop: u32) -> u128 {
    let Some(kept) = whole.checked_shr(drop) else { return 0 };
    let Some(half) = drop.checked_sub(1).and_then(|d| 1u128.checked_shl(d)) else { return kept };
    let rest = whole & half.saturating_mul(2).wrapping_sub(1);
    let up = rest > half || (rest == half && kept & 1 == 1);
    kept.saturating_add(u128::from(up))
}
