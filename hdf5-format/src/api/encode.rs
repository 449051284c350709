//! Dynamic values to stored elements: the other way of `decode`.

use super::value::{Reference, Value};
use crate::codec::{Address, to_usize};
use crate::datatype::bits;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{
    BitPadding, ByteOrder, Class, Datatype, ReferenceKind, StringPadding, VlenKind,
};
use alloc::format;
use alloc::vec::Vec;
use half::f16;

/// Where the elements of variable-length values go: collection and index of the new heap object.
pub(super) type Heap<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(Address, u32)>;

/// Turns values into stored elements.
pub(super) struct Encoder<'a> {
    /// Bytes of an address in the file.
    pub(super) address_len: usize,
    pub(super) heap: Heap<'a>,
}

impl Encoder<'_> {
    /// Appends the stored elements of values.
    ///
    /// # Errors
    /// A value is of another kind than the type, or does not fit it.
    pub(super) fn all(&mut self, datatype: &Datatype, values: &[Value], out: &mut Vec<u8>) -> Result<()> {
        values.iter().try_for_each(|value| self.one(datatype, value, out))
    }

    /// Appends one element; the depth of the recursion is bounded by the datatype's.
    fn one(&mut self, datatype: &Datatype, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        match (&datatype.class, value) {
            (Class::FixedPoint { .. } | Class::BitField { .. }, _) => {
                let number = integer(value).ok_or_else(|| mismatch(datatype, value))?;
                put_integer(datatype, number, out)?;
            }
            (Class::Enum { base, .. }, _) => {
                let number = integer(value).ok_or_else(|| mismatch(datatype, value))?;
                put_integer(base, number, out)?;
            }
            (Class::FloatingPoint(_), _) => put_float(datatype, value, out)?,
            (Class::String { padding, .. }, Value::String(text)) => put_text(datatype, *padding, text, out)?,
            (Class::Opaque { .. }, Value::Opaque(bytes)) => {
                if bytes.len() > datatype.size() {
                    return Err(too_long(datatype, bytes.len()));
                }
                out.extend_from_slice(bytes);
            }
            (Class::Complex { base }, Value::Complex(real, imaginary)) => {
                self.one(base, &Value::Float(*real), out)?;
                self.one(base, &Value::Float(*imaginary), out)?;
            }
            (Class::Compound { members }, Value::Complex(real, imaginary)) if members.len() == 2 => {
                for (member, part) in members.iter().zip([real, imaginary]) {
                    self.one(&member.datatype, &Value::Float(*part), out)?;
                }
            }
            (Class::Compound { members }, Value::Compound(values)) => {
                for member in members {
                    let name = super::group::shown(&member.name);
                    let value = values.iter().find(|(n, _)| *n == name).map(|(_, value)| value);
                    let value = value.ok_or_else(|| {
                        Error::new(ErrorKind::TypeMismatch, format!("the value has no member {name:?} of {datatype}"))
                    })?;
                    // Gaps between members are zero.
                    out.resize(start.saturating_add(to_usize(member.offset.into())?), 0);
                    self.one(&member.datatype, value, out)?;
                }
            }
            (Class::Array { dims, base }, Value::Array(values)) => {
                let count = dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
                if count != Some(values.len() as u64) {
                    return Err(mismatch(datatype, value));
                }
                self.all(base, values, out)?;
            }
            (Class::Vlen { kind: VlenKind::String, .. }, Value::String(text)) => self.vlen(text.len(), text, out)?,
            (Class::Vlen { kind: VlenKind::Sequence, base, .. }, Value::Sequence(values)) => {
                let mut elements = Vec::new();
                self.all(base, values, &mut elements)?;
                self.vlen(values.len(), &elements, out)?;
            }
            (Class::Reference { kind: ReferenceKind::Object }, Value::Reference(reference)) => {
                let address = match reference {
                    Reference::Null => 0,
                    Reference::Object(address) => address.0,
                    _ => return Err(mismatch(datatype, value)),
                };
                let bytes = address.to_le_bytes();
                out.extend_from_slice(bytes.get(..self.address_len.min(8)).unwrap_or(&bytes));
            }
            _ => return Err(mismatch(datatype, value)),
        }
        out.resize(start.saturating_add(datatype.size()), 0);
        Ok(())
    }

    /// A length and the place of the heap object with the elements; none of both for no elements.
    fn vlen(&mut self, count: usize, elements: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let length = u32::try_from(count)
            .map_err(|_| Error::new(ErrorKind::Limit, "a variable-length value of more than 4294967295 elements"))?;
        let (address, index) = if count == 0 { (Address(0), 0) } else { (self.heap)(elements)? };
        out.extend_from_slice(&length.to_le_bytes());
        let bytes = address.0.to_le_bytes();
        out.extend_from_slice(bytes.get(..self.address_len.min(8)).unwrap_or(&bytes));
        out.extend_from_slice(&index.to_le_bytes());
        Ok(())
    }
}

fn mismatch(datatype: &Datatype, value: &Value) -> Error {
    Error::new(ErrorKind::TypeMismatch, format!("{value:?} does not go into elements of type {datatype}"))
}

fn too_long(datatype: &Datatype, len: usize) -> Error {
    Error::new(ErrorKind::Invalid, format!("{len} bytes do not go into {datatype}"))
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some((*number).into()),
        Value::Uint(number) => Some((*number).into()),
        Value::Bool(truth) => Some(i128::from(*truth)),
        Value::Enum { value, .. } => Some(*value),
        Value::Wide { bytes, signed } if bytes.len() <= 16 => {
            let negative = *signed && bytes.last().is_some_and(|&b| b & 0x80 != 0);
            let mut wide = [if negative { 0xff } else { 0 }; 16];
            wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
            Some(i128::from_le_bytes(wide))
        }
        _ => None,
    }
}

/// Appends an integer or bit field with its padding.
fn put_integer(datatype: &Datatype, number: i128, out: &mut Vec<u8>) -> Result<()> {
    let (order, low_pad, high_pad, signed, offset, precision) = match datatype.class {
        Class::FixedPoint { order, low_pad, high_pad, signed, bit_offset, precision } => {
            (order, low_pad, high_pad, signed, bit_offset, precision)
        }
        Class::BitField { order, low_pad, high_pad, bit_offset, precision } => {
            (order, low_pad, high_pad, false, bit_offset, precision)
        }
        _ => return Err(Error::new(ErrorKind::TypeMismatch, format!("{datatype} is no integer type"))),
    };
    let bits = u32::from(precision).min(127);
    let limit = 1i128.wrapping_shl(if signed { bits.saturating_sub(1) } else { bits });
    let least = if signed { limit.wrapping_neg() } else { 0 };
    if number < least || number >= limit || datatype.size() > 16 {
        return Err(Error::new(ErrorKind::Invalid, format!("{number} does not go into {datatype}")));
    }
    let mask = limit.wrapping_sub(1) | if signed { limit } else { 0 };
    let mut word = (number & mask).cast_unsigned().wrapping_shl(offset.into());
    if low_pad == BitPadding::One {
        word |= 1u128.wrapping_shl(offset.into()).wrapping_sub(1);
    }
    if high_pad == BitPadding::One {
        let above = u32::from(offset).saturating_add(precision.into());
        word |= u128::MAX.checked_shl(above).unwrap_or(0);
    }
    let bytes = word.to_le_bytes();
    let start = out.len();
    out.extend_from_slice(bytes.get(..datatype.size()).unwrap_or(&bytes));
    put_order(order, out.get_mut(start..).unwrap_or(&mut []));
    Ok(())
}

/// Appends a float of an IEEE format.
fn put_float(datatype: &Datatype, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    match value {
        Value::FloatBytes(bytes) if bytes.len() == datatype.size() => out.extend_from_slice(bytes),
        Value::Float(number) => match datatype.ieee_bits() {
            Some(16) => out.extend_from_slice(&f16::from_f64(*number).to_le_bytes()),
            #[allow(clippy::cast_possible_truncation, reason = "rounding to the nearest is what is wanted")]
            Some(32) => out.extend_from_slice(&(*number as f32).to_le_bytes()),
            Some(64) => out.extend_from_slice(&number.to_le_bytes()),
            _ => return Err(Error::unsupported(format!("writing floats of the format {datatype}"))),
        },
        other => match integer(other) {
            #[allow(clippy::cast_precision_loss, reason = "as the caller asked")]
            Some(number) => return put_float(datatype, &Value::Float(number as f64), out),
            None => return Err(mismatch(datatype, value)),
        },
    }
    let order = bits::order(datatype).unwrap_or(ByteOrder::LittleEndian);
    put_order(order, out.get_mut(start..).unwrap_or(&mut []));
    Ok(())
}

/// Turns little-endian bytes into those of an order.
fn put_order(order: ByteOrder, bytes: &mut [u8]) {
    match order {
        ByteOrder::LittleEndian => {}
        ByteOrder::BigEndian => bytes.reverse(),
        ByteOrder::Vax => bytes.as_chunks_mut::<2>().0.reverse(),
    }
}

/// Appends a text and its padding.
fn put_text(datatype: &Datatype, padding: StringPadding, text: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let end = out.len().saturating_add(datatype.size());
    // A text that fills its room has no terminator; readers know.
    if text.len() > datatype.size() {
        return Err(too_long(datatype, text.len()));
    }
    out.extend_from_slice(text);
    out.resize(end, if padding == StringPadding::SpacePadded { b' ' } else { 0 });
    Ok(())
}
