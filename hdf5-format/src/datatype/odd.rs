//! Numbers that machines do not load: bits that do not fill their bytes, other float formats, other widths.
//!
//! These go element by element. What does not fit is treated as [`Conversion`] says.

use super::bits;
use super::float;
use super::number::{Cast, Conversion, FromNumbers};
use crate::format::message::datatype::{Class, Datatype};

/// A number of any format.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// An integer.
    Integer(i128),
    /// An integer beyond the signed ones.
    Unsigned(u128),
    /// A float, as near as `f64` comes.
    Float {
        /// The nearest `f64`.
        value: f64,
        /// It is the number itself.
        exact: bool,
    },
}

impl Scalar {
    /// A float that is what it says.
    pub fn float(value: f64) -> Self {
        Scalar::Float { value, exact: true }
    }

    /// A stored number; `None` for types that are none, and integers of more than 16 significant bytes.
    pub fn load(datatype: &Datatype, element: &[u8]) -> Option<Self> {
        match &datatype.class {
            Class::Enum { base, .. } => Scalar::load(base, element),
            Class::FixedPoint { .. } | Class::BitField { .. } | Class::Time { .. } => {
                match bits::integer(datatype, element) {
                    Some(value) => Some(Scalar::Integer(value)),
                    None => bits::unsigned(datatype, element).map(Scalar::Unsigned),
                }
            }
            Class::FloatingPoint(format) => {
                if let Some(value) = bits::float(datatype, element) {
                    return Some(Scalar::float(value));
                }
                let value = bits::float_nearest(datatype, element)?;
                // Longer formats are exact where nothing was cut off: the way back shows it.
                let same = float::encode(format, value) == Some(bits::float_parts(format, element));
                Some(Scalar::Float { value, exact: same })
            }
            _ => None,
        }
    }

    /// The number as a Rust type.
    pub fn to<T: FromNumbers>(self, how: Conversion) -> Option<T> {
        match (how, self) {
            (Conversion::Exact, Scalar::Integer(value)) => T::exact(value),
            (Conversion::Exact, Scalar::Unsigned(value)) => T::exact(value),
            (Conversion::Exact, Scalar::Float { exact: false, .. }) => None,
            (Conversion::Exact, Scalar::Float { value, .. }) => T::exact(value),
            (Conversion::Clamp, Scalar::Integer(value)) => Some(T::clamp(value)),
            (Conversion::Clamp, Scalar::Unsigned(value)) => Some(T::clamp(value)),
            (Conversion::Clamp, Scalar::Float { value, .. }) => Some(T::clamp(value)),
        }
    }

    /// Stores the number as an element; `None` if it does not fit and must, or the type is no number or has more than
    /// 16 significant bytes.
    pub fn store(self, datatype: &Datatype, how: Conversion, out: &mut [u8]) -> Option<()> {
        match &datatype.class {
            Class::Enum { base, .. } => self.store(base, how, out),
            Class::FixedPoint { .. } | Class::BitField { .. } | Class::Time { .. } => {
                let (negative, magnitude) = self.integer(how)?;
                put_integer(datatype, negative, magnitude, how, out)
            }
            Class::FloatingPoint(format) => {
                let value = self.to::<f64>(how)?;
                let parts = float::encode(format, value)?;
                bits::put_float(datatype, parts, out);
                let same =
                    how == Conversion::Clamp || value.is_nan() || bits::float_nearest(datatype, out) == Some(value);
                same.then_some(())
            }
            _ => None,
        }
    }

    /// Sign and magnitude of the integer.
    fn integer(self, how: Conversion) -> Option<(bool, u128)> {
        match self {
            Scalar::Integer(value) => Some((value < 0, value.unsigned_abs())),
            Scalar::Unsigned(value) => Some((false, value)),
            Scalar::Float { exact: false, .. } if how == Conversion::Exact => None,
            Scalar::Float { value, .. } => {
                let magnitude = value.abs();
                let magnitude = match how {
                    Conversion::Exact => Cast::exact(magnitude)?,
                    Conversion::Clamp => Cast::clamp(magnitude),
                };
                Some((value < 0.0, magnitude))
            }
        }
    }
}

/// Stores an integer or bit field with its padding.
fn put_integer(datatype: &Datatype, negative: bool, magnitude: u128, how: Conversion, out: &mut [u8]) -> Option<()> {
    let (signed, precision) = match datatype.class {
        Class::FixedPoint { signed, precision, .. } => (signed, precision),
        Class::BitField { precision, .. } | Class::Time { precision, .. } => (false, precision),
        _ => return None,
    };
    let precision = u32::from(precision);
    if precision == 0 || precision > 128 {
        return None;
    }
    let all = u128::MAX.checked_shr(128u32.saturating_sub(precision)).unwrap_or(0);
    let half = 1u128.checked_shl(precision.saturating_sub(1)).unwrap_or(0);
    let largest = match (signed, negative) {
        (false, false) => all,
        (false, true) => 0,
        (true, false) => half.saturating_sub(1),
        (true, true) => half,
    };
    if magnitude > largest && how == Conversion::Exact {
        return None;
    }
    let magnitude = magnitude.min(largest);
    let word = if negative { magnitude.wrapping_neg() } else { magnitude };
    bits::put_word(datatype, word & all, out);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datatype::bits::tests::{float, int};
    use crate::format::message::datatype::{BitPadding, ByteOrder, FloatFormat, Normalization};

    fn there_and_back(datatype: &Datatype, value: Scalar, how: Conversion) -> Option<Scalar> {
        let mut out = alloc::vec![0xaa; datatype.size()];
        value.store(datatype, how, &mut out)?;
        Scalar::load(datatype, &out)
    }

    fn narrow(signed: bool) -> Datatype {
        let mut narrow = int(4, signed);
        if let Class::FixedPoint { precision, bit_offset, order, high_pad, .. } = &mut narrow.class {
            (*precision, *bit_offset, *order, *high_pad) = (17, 3, ByteOrder::BigEndian, BitPadding::One);
        }
        narrow
    }

    #[test]
    fn integers_of_any_width_hold_what_their_bits_can() {
        for (signed, values) in [(true, [-65536, 65535, 0]), (false, [131071, 1, 0])] {
            for value in values {
                let value = Scalar::Integer(value);
                assert_eq!(there_and_back(&narrow(signed), value, Conversion::Exact), Some(value));
            }
        }
        assert_eq!(there_and_back(&narrow(true), Scalar::Integer(65536), Conversion::Exact), None);
        let clamped = |value| there_and_back(&narrow(true), value, Conversion::Clamp);
        assert_eq!(clamped(Scalar::Integer(65536)), Some(Scalar::Integer(65535)));
        assert_eq!(clamped(Scalar::float(-1e30)), Some(Scalar::Integer(-65536)));
        let wide = int(16, false);
        assert_eq!(
            there_and_back(&wide, Scalar::Unsigned(u128::MAX), Conversion::Exact),
            Some(Scalar::Unsigned(u128::MAX))
        );
        assert_eq!(there_and_back(&int(4, false), Scalar::float(-1.0), Conversion::Clamp), Some(Scalar::Integer(0)));
        assert_eq!(there_and_back(&int(4, false), Scalar::float(1.5), Conversion::Exact), None);
    }

    #[test]
    fn floats_are_made_as_machines_make_them() {
        // The same bytes as the machine's own rounding, for each format that it has.
        for bits in (0..=0x1_0000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            let value = f64::from_bits(bits);
            let mut out = [0u8; 4];
            Scalar::float(value).store(&float(4), Conversion::Clamp, &mut out).unwrap();
            let found = f32::from_le_bytes(out);
            assert!(found == value as f32 || (found.is_nan() && value.is_nan()), "{value:e}");
            let mut out = [0u8; 2];
            let near = value.to_bits() & 0x800f_ffff_ffff_ffff | (0x3e8 + (bits >> 52) % 40) << 52;
            let near = f64::from_bits(near);
            Scalar::float(near).store(&float(2), Conversion::Clamp, &mut out).unwrap();
            assert_eq!(u16::from_le_bytes(out), <half::f16 as Cast<f64>>::clamp(near).to_bits(), "{near:e}");
        }
    }

    /// The 80 bits of an Intel processor, in 16 bytes.
    fn extended() -> Datatype {
        let format = FloatFormat {
            order: ByteOrder::LittleEndian,
            low_pad: BitPadding::Zero,
            high_pad: BitPadding::Zero,
            internal_pad: BitPadding::Zero,
            normalization: Normalization::None,
            sign_position: 79,
            bit_offset: 0,
            precision: 80,
            exponent_position: 64,
            exponent_size: 15,
            mantissa_position: 0,
            mantissa_size: 64,
            exponent_bias: 16383,
        };
        Datatype { version: 1, size: 16, class: Class::FloatingPoint(format) }
    }

    #[test]
    fn long_floats_say_whether_they_were_cut() {
        for value in [0.0, -1.5, f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::INFINITY] {
            assert_eq!(
                there_and_back(&extended(), Scalar::float(value), Conversion::Exact),
                Some(Scalar::float(value))
            );
        }
        let mut third = [0u8; 16];
        third[..8].copy_from_slice(&0xaaaa_aaaa_aaaa_aaab_u64.to_le_bytes());
        third[8..10].copy_from_slice(&0x3ffd_u16.to_le_bytes());
        assert_eq!(Scalar::load(&extended(), &third), Some(Scalar::Float { value: 1.0 / 3.0, exact: false }));
        assert_eq!(Scalar::load(&extended(), &third).unwrap().to::<f64>(Conversion::Exact), None);
        assert_eq!(Scalar::load(&extended(), &third).unwrap().to::<f64>(Conversion::Clamp), Some(1.0 / 3.0));
    }
}
