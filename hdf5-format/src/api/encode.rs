//! Dynamic values to stored elements: the other way of `decode`.

use super::value::{Reference, Value};
use crate::codec::{Address, to_usize};
use crate::datatype::bits;
use crate::datatype::convert::Conversion;
use crate::datatype::odd::Scalar;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{ByteOrder, Class, Datatype, ReferenceKind, StringPadding, VlenKind};
use alloc::format;
use alloc::vec::Vec;

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
            (Class::FixedPoint { .. } | Class::BitField { .. } | Class::Enum { .. } | Class::FloatingPoint(_), _) => {
                put_number(datatype, value, out)?;
            }
            (Class::Time { .. }, Value::Time(time)) => put_number(datatype, &Value::Uint(*time), out)?,
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

/// Appends a number: integers must fit, floats are rounded to the nearest.
fn put_number(datatype: &Datatype, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    out.resize(start.saturating_add(datatype.size()), 0);
    let element = out.get_mut(start..).unwrap_or_default();
    let float = matches!(datatype.class, Class::FloatingPoint(_));
    let (number, how) = match (value, integer(value)) {
        (Value::FloatBytes(bytes), _) if float && bytes.len() == element.len() => {
            element.copy_from_slice(bytes);
            put_order(bits::order(datatype).unwrap_or(ByteOrder::LittleEndian), element);
            return Ok(());
        }
        (Value::Float(number), _) if float => (Scalar::float(*number), Conversion::Clamp),
        (Value::Uint(number), _) => (Scalar::Integer((*number).into()), Conversion::Exact),
        (_, Some(number)) => (Scalar::Integer(number), if float { Conversion::Clamp } else { Conversion::Exact }),
        _ => return Err(mismatch(datatype, value)),
    };
    number
        .store(datatype, how, element)
        .ok_or_else(|| Error::new(ErrorKind::Invalid, format!("{value:?} does not go into {datatype}")))
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
