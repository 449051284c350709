//! Dynamic values to stored elements: the other way of `decode`.

use super::element::{Sink, Store};
use super::value::Value;
use crate::codec::{Address, to_usize};
use crate::datatype::bits;
use crate::datatype::convert::Conversion;
use crate::datatype::odd::Scalar;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{ByteOrder, Class, Datatype, StringPadding, VlenKind};
use alloc::format;

/// Where the elements of variable-length values go: collection and index of the new heap object.
pub(super) type Heap<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(Address, u32)>;

/// Stores values as elements that follow each other; `out` holds zeros.
///
/// # Errors
/// A value is of another kind than the type, or does not fit it.
pub(super) fn store_all(datatype: &Datatype, values: &[Value], out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
    let elements = out.chunks_exact_mut(datatype.size().max(1));
    values.iter().zip(elements).try_for_each(|(value, out)| store(datatype, value, out, sink))
}

/// Stores one value; the depth of the recursion is bounded by the datatype's.
fn store(datatype: &Datatype, value: &Value, out: &mut [u8], sink: &mut Sink<'_>) -> Result<()> {
    match (&datatype.class, value) {
        (Class::FixedPoint { .. } | Class::BitField { .. } | Class::Enum { .. } | Class::FloatingPoint(_), _) => {
            put_number(datatype, value, out)
        }
        (Class::Time { .. }, Value::Time(time)) => put_number(datatype, &Value::Uint(*time), out),
        (Class::String { padding, .. }, Value::String(text)) => {
            // A text that fills its room has no terminator; readers know.
            put(datatype, text, out)?;
            if *padding == StringPadding::SpacePadded {
                out.get_mut(text.len()..).unwrap_or_default().fill(b' ');
            }
            Ok(())
        }
        (Class::Opaque { .. }, Value::Opaque(bytes)) => put(datatype, bytes, out),
        (Class::Complex { base }, Value::Complex(real, imaginary)) => {
            store_all(base, &[Value::Float(*real), Value::Float(*imaginary)], out, sink)
        }
        (Class::Compound { members }, Value::Complex(real, imaginary)) if members.len() == 2 => {
            members.iter().zip([real, imaginary]).try_for_each(|(member, part)| {
                store(&member.datatype, &Value::Float(*part), at(out, member.offset, &member.datatype)?, sink)
            })
        }
        (Class::Compound { members }, Value::Compound(values)) => members.iter().try_for_each(|member| {
            let name = super::group::shown(&member.name);
            let value = values.iter().find(|(n, _)| *n == name).map(|(_, value)| value).ok_or_else(|| {
                Error::new(ErrorKind::TypeMismatch, format!("the value has no member {name:?} of {datatype}"))
            })?;
            store(&member.datatype, value, at(out, member.offset, &member.datatype)?, sink)
        }),
        (Class::Array { dims, base }, Value::Array(values)) => {
            let count = dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
            if count != Some(values.len() as u64) {
                return Err(mismatch(datatype, value));
            }
            store_all(base, values, out, sink)
        }
        (Class::Vlen { kind: VlenKind::String, .. }, Value::String(text)) => sink.vlen(text.len(), text, out),
        (Class::Vlen { kind: VlenKind::Sequence, base, .. }, Value::Sequence(values)) => {
            let mut elements = alloc::vec![0; base.size().saturating_mul(values.len())];
            store_all(base, values, &mut elements, sink)?;
            sink.vlen(values.len(), &elements, out)
        }
        (Class::Reference { .. }, Value::Reference(reference)) => {
            let plan = super::Reference::plan(datatype, Conversion::Exact)?;
            reference.store(&plan, out, sink)
        }
        _ => Err(mismatch(datatype, value)),
    }
}

/// The place of a member.
fn at<'a>(out: &'a mut [u8], offset: u32, datatype: &Datatype) -> Result<&'a mut [u8]> {
    let place = out.get_mut(to_usize(offset.into())?..).and_then(|out| out.get_mut(..datatype.size()));
    place.ok_or_else(|| Error::new(ErrorKind::Corrupt, "member past the element's end"))
}

fn mismatch(datatype: &Datatype, value: &Value) -> Error {
    Error::new(ErrorKind::TypeMismatch, format!("{value:?} does not go into elements of type {datatype}"))
}

/// Puts bytes into an element that has room for them.
fn put(datatype: &Datatype, bytes: &[u8], out: &mut [u8]) -> Result<()> {
    let place = out
        .get_mut(..bytes.len())
        .ok_or_else(|| Error::new(ErrorKind::Invalid, format!("{} bytes do not go into {datatype}", bytes.len())))?;
    place.copy_from_slice(bytes);
    Ok(())
}

fn integer(value: &Value) -> Option<Scalar> {
    Some(Scalar::Integer(match value {
        Value::Int(number) => (*number).into(),
        Value::Uint(number) => (*number).into(),
        Value::Bool(truth) => i128::from(*truth),
        Value::Enum { value, .. } => *value,
        Value::Wide { bytes, signed } => {
            let negative = *signed && bytes.last().is_some_and(|&b| b & 0x80 != 0);
            let mut wide = [if negative { 0xff } else { 0 }; 16];
            wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
            let number = i128::from_le_bytes(wide);
            if number < 0 && !signed {
                return Some(Scalar::Unsigned(number.cast_unsigned()));
            }
            number
        }
        _ => return None,
    }))
}

/// Puts a number: integers must fit, floats are rounded to the nearest.
fn put_number(datatype: &Datatype, value: &Value, element: &mut [u8]) -> Result<()> {
    let float = matches!(datatype.class, Class::FloatingPoint(_));
    let (number, how) = match (value, integer(value)) {
        (Value::FloatBytes(bytes), _) if float && bytes.len() == element.len() => {
            element.copy_from_slice(bytes);
            put_order(bits::order(datatype).unwrap_or(ByteOrder::LittleEndian), element);
            return Ok(());
        }
        // Wider than any number of the machine, and as wide as the element.
        (Value::Wide { bytes, .. }, None) if bytes.len() == element.len() => {
            let order = bits::whole_bytes(datatype).filter(|_| !float).ok_or_else(|| mismatch(datatype, value))?;
            element.copy_from_slice(bytes);
            put_order(order, element);
            return Ok(());
        }
        (Value::Float(number), _) if float => {
            if number.is_nan() && put_nan(datatype, *number, element) {
                return Ok(());
            }
            (Scalar::float(*number), Conversion::Clamp)
        }
        (Value::Uint(_), Some(number)) => (number, Conversion::Exact),
        (_, Some(number)) => (number, if float { Conversion::Clamp } else { Conversion::Exact }),
        _ => return Err(mismatch(datatype, value)),
    };
    number
        .store(datatype, how, element)
        .ok_or_else(|| Error::new(ErrorKind::Invalid, format!("{value:?} does not go into {datatype}")))
}

/// Puts what is no number with its bits, where machines have the format.
fn put_nan(datatype: &Datatype, number: f64, element: &mut [u8]) -> bool {
    let bits = match datatype.ieee_bits() {
        Some(16) => u64::from(half::f16::from_f64(number).to_bits()),
        Some(32) => {
            let (sign, payload) = (number.is_sign_negative(), (number.to_bits() >> 29) & 0x7f_ffff);
            0x7f80_0000 | payload | if sign { 0x8000_0000 } else { 0 } | if payload == 0 { 0x40_0000 } else { 0 }
        }
        Some(64) => number.to_bits(),
        _ => return false,
    };
    element.iter_mut().zip(bits.to_le_bytes()).for_each(|(to, from)| *to = from);
    put_order(bits::order(datatype).unwrap_or(ByteOrder::LittleEndian), element);
    true
}

/// Turns little-endian bytes into those of an order.
fn put_order(order: ByteOrder, bytes: &mut [u8]) {
    match order {
        ByteOrder::LittleEndian => {}
        ByteOrder::BigEndian => bytes.reverse(),
        ByteOrder::Vax => bytes.as_chunks_mut::<2>().0.reverse(),
    }
}
