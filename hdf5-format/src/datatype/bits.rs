//! Stored bytes of a number to its value: byte orders, numbers that do not fill their bytes, floats of any format.

use super::float::{self, Parts};
use crate::format::message::datatype::{BitPadding, ByteOrder, Class, Datatype, FloatFormat};
use alloc::vec::Vec;

/// A number within the bytes of an element.
#[derive(Clone, Copy)]
struct Field {
    order: ByteOrder,
    signed: bool,
    /// First bit.
    offset: usize,
    /// Bits; at least 1, and within the element if the type was parsed.
    precision: usize,
}

impl Field {
    /// Where integers, bit fields, times and the numbers of enumerations are.
    fn of(datatype: &Datatype) -> Option<Field> {
        let (order, signed, offset, precision) = match &datatype.class {
            Class::FixedPoint { order, signed, bit_offset, precision, .. } => {
                (*order, *signed, *bit_offset, *precision)
            }
            Class::BitField { order, bit_offset, precision, .. } => (*order, false, *bit_offset, *precision),
            Class::Time { order, precision } => (*order, false, 0, *precision),
            Class::Enum { base, .. } if matches!(base.class, Class::FixedPoint { .. }) => return Field::of(base),
            _ => return None,
        };
        Some(Field { order, signed, offset: usize::from(offset), precision: usize::from(precision) })
    }

    /// Eight bits from bit `from` on; bits outside the number are copies of its sign, or 0.
    fn byte(self, element: &[u8], from: usize, fill: u8) -> u8 {
        if from >= self.precision {
            return fill;
        }
        let bit = from.saturating_add(self.offset);
        let (first, shift) = (bit / 8, u32::try_from(bit % 8).unwrap_or(0));
        let low = byte(element, self.order, first);
        let high = byte(element, self.order, first.saturating_add(1));
        let value = u16::from_le_bytes([low, high]).wrapping_shr(shift).to_le_bytes()[0];
        let left = self.precision.saturating_sub(from);
        if left >= 8 {
            return value;
        }
        let outside = 0xff_u8.wrapping_shl(u32::try_from(left).unwrap_or(0));
        (value & !outside) | (fill & outside)
    }

    /// What the bits above the number are: its sign.
    fn fill(self, element: &[u8]) -> u8 {
        let top = self.offset.saturating_add(self.precision).saturating_sub(1);
        let bit = byte(element, self.order, top / 8).wrapping_shr(u32::try_from(top % 8).unwrap_or(0)) & 1;
        if self.signed && bit == 1 { 0xff } else { 0 }
    }
}

/// Byte number `i` from the lowest; 0 past the end.
fn byte(element: &[u8], order: ByteOrder, i: usize) -> u8 {
    place(order, i, element.len()).and_then(|at| element.get(at)).copied().unwrap_or(0)
}

/// Where byte number `i` from the lowest is, of `len`.
fn place(order: ByteOrder, i: usize, len: usize) -> Option<usize> {
    let from_end = || len.checked_sub(1).and_then(|last| last.checked_sub(i));
    match order {
        ByteOrder::LittleEndian => Some(i),
        ByteOrder::BigEndian => from_end(),
        ByteOrder::Vax => from_end().map(|at| at ^ 1),
    }
}

/// The order of the bytes of a number; `None` for types that are no numbers.
pub fn order(datatype: &Datatype) -> Option<ByteOrder> {
    match &datatype.class {
        Class::FloatingPoint(f) => Some(f.order),
        Class::Complex { base } => order(base),
        _ => Field::of(datatype).map(|f| f.order),
    }
}

/// The byte order of an integer, bit field or time that fills its bytes; `None` if bits are unused.
pub fn whole_bytes(datatype: &Datatype) -> Option<ByteOrder> {
    let field = Field::of(datatype)?;
    let whole = field.offset == 0 && Some(field.precision) == datatype.size().checked_mul(8);
    whole.then_some(field.order)
}

/// The value of an integer, bit field, time or enumeration; `None` for other types, for more than 16 bytes of
/// significant bits, and for unsigned values above `i128::MAX`.
pub fn integer(datatype: &Datatype, element: &[u8]) -> Option<i128> {
    let (value, signed) = word(datatype, element)?;
    (signed || value >= 0).then_some(value)
}

/// The value of an unsigned integer; `None` for others and for more than 16 bytes of significant bits.
pub fn unsigned(datatype: &Datatype, element: &[u8]) -> Option<u128> {
    word(datatype, element).filter(|(_, signed)| !signed).map(|(value, _)| value.cast_unsigned())
}

/// Up to 16 bytes of significant bits, and whether the highest is a sign.
fn word(datatype: &Datatype, element: &[u8]) -> Option<(i128, bool)> {
    let field = Field::of(datatype)?;
    if field.precision > 128 {
        return None;
    }
    let fill = field.fill(element);
    let mut bytes = [0u8; 16];
    for (i, out) in bytes.iter_mut().enumerate() {
        *out = field.byte(element, i.saturating_mul(8), fill);
    }
    Some((i128::from_le_bytes(bytes), field.signed))
}

/// Appends the significant bits of an integer, bit field, time or enumeration, extended to the element's size,
/// lowest byte first; other types are appended as [`little_endian`] has them.
pub fn extend(datatype: &Datatype, element: &[u8], out: &mut Vec<u8>) {
    let Some(field) = Field::of(datatype) else {
        return out.extend(little_endian(datatype, element));
    };
    let fill = field.fill(element);
    out.extend((0..element.len()).map(|i| field.byte(element, i.saturating_mul(8), fill)));
}

/// The bytes of a number, lowest first; those of any other type as they are.
pub fn little_endian(datatype: &Datatype, element: &[u8]) -> Vec<u8> {
    let order = order(datatype).unwrap_or(ByteOrder::LittleEndian);
    (0..element.len()).map(|i| byte(element, order, i)).collect()
}

/// The value of a floating-point number; `None` for other types and for formats with values that `f64` does not
/// have (more mantissa or exponent bits).
pub fn float(datatype: &Datatype, element: &[u8]) -> Option<f64> {
    let Class::FloatingPoint(format) = &datatype.class else { return None };
    if !float::fits_f64(format) {
        return None;
    }
    float_nearest(datatype, element)
}

/// The value of a floating-point number rounded to the nearest `f64`; `None` for other types, and for mantissas of
/// more than 120 bits or exponents of more than 31.
pub fn float_nearest(datatype: &Datatype, element: &[u8]) -> Option<f64> {
    let Class::FloatingPoint(format) = &datatype.class else { return None };
    float::decode(format, float_parts(format, element))
}

/// The fields of a float.
pub(super) fn float_parts(format: &FloatFormat, element: &[u8]) -> Parts {
    let get = |offset: u8, precision: u8| {
        let (offset, precision) = (offset.into(), precision.into());
        let field = Field { order: format.order, signed: false, offset, precision };
        let mut bytes = [0u8; 16];
        for (i, out) in bytes.iter_mut().enumerate() {
            *out = field.byte(element, i.saturating_mul(8), 0);
        }
        u128::from_le_bytes(bytes)
    };
    Parts {
        negative: get(format.sign_position, 1) == 1,
        exponent: u64::try_from(get(format.exponent_position, format.exponent_size)).unwrap_or(u64::MAX),
        mantissa: get(format.mantissa_position, format.mantissa_size),
    }
}

/// Stores a float by its fields, with its padding.
pub(super) fn put_float(datatype: &Datatype, parts: Parts, out: &mut [u8]) {
    let Class::FloatingPoint(format) = &datatype.class else { return };
    let one = |pad| pad == BitPadding::One;
    out.fill(if one(format.internal_pad) { 0xff } else { 0 });
    pad(format.order, format.bit_offset, format.precision, (one(format.low_pad), one(format.high_pad)), out);
    put(format.order, format.sign_position.into(), 1, u128::from(parts.negative), out);
    put(format.order, format.exponent_position.into(), format.exponent_size.into(), parts.exponent.into(), out);
    put(format.order, format.mantissa_position.into(), format.mantissa_size.into(), parts.mantissa, out);
}

/// Stores the significant bits of an integer, bit field or time, with its padding.
pub(super) fn put_word(datatype: &Datatype, word: u128, out: &mut [u8]) {
    let (order, low, high, offset, precision) = match datatype.class {
        Class::FixedPoint { order, low_pad, high_pad, bit_offset, precision, .. }
        | Class::BitField { order, low_pad, high_pad, bit_offset, precision } => {
            (order, low_pad, high_pad, bit_offset, precision)
        }
        Class::Time { order, precision } => (order, BitPadding::Zero, BitPadding::Zero, 0, precision),
        _ => return,
    };
    out.fill(0);
    pad(order, offset, precision, (low == BitPadding::One, high == BitPadding::One), out);
    put(order, offset.into(), precision.into(), word, out);
}

/// Sets the bits below and above a number.
fn pad(order: ByteOrder, offset: u16, precision: u16, (low, high): (bool, bool), out: &mut [u8]) {
    let end = usize::from(offset).saturating_add(precision.into());
    let total = out.len().saturating_mul(8);
    for (range, one) in [(0..usize::from(offset), low), (end..total, high)] {
        for start in range.clone().step_by(64).filter(|_| one) {
            put(order, start, range.end.saturating_sub(start).min(64), u128::MAX, out);
        }
    }
}

/// Puts the lowest `precision` bits of a word at bit `offset`.
fn put(order: ByteOrder, offset: usize, precision: usize, word: u128, out: &mut [u8]) {
    let bits = u32::try_from(precision).unwrap_or(u32::MAX);
    let mask = 1u128.checked_shl(bits).unwrap_or(0).wrapping_sub(1);
    let len = out.len();
    for i in offset / 8..offset.saturating_add(precision).div_ceil(8).min(len) {
        // What of the word is in byte `i`.
        let first = i.saturating_mul(8);
        let part = |word: u128| {
            let moved = match first.checked_sub(offset) {
                Some(down) => word.checked_shr(u32::try_from(down).unwrap_or(u32::MAX)).unwrap_or(0),
                None => word.wrapping_shl(u32::try_from(offset.wrapping_sub(first)).unwrap_or(0)),
            };
            moved.to_le_bytes()[0]
        };
        if let Some(byte) = place(order, i, len).and_then(|at| out.get_mut(at)) {
            *byte = (*byte & !part(mask)) | part(word & mask);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
