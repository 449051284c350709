//! Stored bytes of a number to its value: byte orders, numbers that do not fill their bytes, floats of any format.

use super::float;
use crate::format::message::datatype::{ByteOrder, Class, Datatype};
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
    let from_end = || element.len().checked_sub(1).and_then(|last| last.checked_sub(i));
    let at = match order {
        ByteOrder::LittleEndian => Some(i),
        ByteOrder::BigEndian => from_end(),
        ByteOrder::Vax => from_end().map(|at| at ^ 1),
    };
    at.and_then(|at| element.get(at)).copied().unwrap_or(0)
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
    let field = Field::of(datatype)?;
    if field.precision > 128 {
        return None;
    }
    let fill = field.fill(element);
    let mut bytes = [0u8; 16];
    for (i, out) in bytes.iter_mut().enumerate() {
        *out = field.byte(element, i.saturating_mul(8), fill);
    }
    let value = i128::from_le_bytes(bytes);
    (field.signed || value >= 0).then_some(value)
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
    float::decode(format, |offset, precision| {
        let field = Field { order: format.order, signed: false, offset, precision };
        let mut bytes = [0u8; 16];
        for (i, out) in bytes.iter_mut().enumerate() {
            *out = field.byte(element, i.saturating_mul(8), 0);
        }
        u128::from_le_bytes(bytes)
    })
}

#[cfg(test)]
pub(crate) mod tests;
