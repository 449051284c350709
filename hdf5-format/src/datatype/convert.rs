//! Stored elements of one type as stored elements of another.

use super::bits;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{ByteOrder, Class, Datatype};
use alloc::vec::Vec;
use half::f16;

/// Converts whole stored elements; a value that does not fit becomes the nearest one that does, as libhdf5 has it.
///
/// # Errors
/// The types are neither equal nor both numbers.
pub fn elements(from: &Datatype, to: &Datatype, bytes: Vec<u8>) -> Result<Vec<u8>> {
    if from.class == to.class && from.size == to.size {
        return Ok(bytes);
    }
    let mut out = Vec::new();
    let mut encode = encoder(to).ok_or_else(|| unsupported(from, to))?;
    for element in bytes.chunks_exact(from.size().max(1)) {
        let value = match (bits::integer(from, element), bits::float(from, element)) {
            (Some(v), _) => Number::Integer(v),
            (None, Some(v)) => Number::Float(v),
            (None, None) => return Err(unsupported(from, to)),
        };
        encode(value, &mut out);
    }
    Ok(out)
}

fn unsupported(from: &Datatype, to: &Datatype) -> Error {
    Error::new(ErrorKind::Unsupported, alloc::format!("conversion from {from} to {to}"))
}

#[derive(Clone, Copy)]
enum Number {
    Integer(i128),
    Float(f64),
}

/// Appends numbers in a plain integer or IEEE format.
fn encoder(to: &Datatype) -> Option<impl FnMut(Number, &mut Vec<u8>)> {
    let (order, signed, float) = match &to.class {
        Class::FixedPoint { signed, .. } => (bits::whole_bytes(to)?, *signed, None),
        Class::FloatingPoint(f) => (f.order, true, Some(to.ieee_bits()?)),
        _ => return None,
    };
    let size = to.size();
    if size > 8 {
        return None;
    }
    let width = u32::try_from(size.saturating_mul(8)).ok()?;
    Some(move |value: Number, out: &mut Vec<u8>| {
        let bytes = match float {
            Some(bits) => float_bytes(value, bits),
            None => integer(value, width, signed).to_le_bytes(),
        };
        let bytes = bytes.get(..size).unwrap_or(&[]);
        match order {
            ByteOrder::BigEndian => out.extend(bytes.iter().rev()),
            _ => out.extend(bytes),
        }
    })
}

#[allow(clippy::cast_possible_truncation)] // Saturates, as the conversion is defined.
fn integer(value: Number, width: u32, signed: bool) -> i64 {
    let one = |bits: u32| 1i128.checked_shl(bits).unwrap_or(0);
    let (low, high) = if signed {
        let half = one(width.saturating_sub(1));
        (half.saturating_neg(), half.saturating_sub(1))
    } else {
        (0, one(width).saturating_sub(1))
    };
    let value = match value {
        Number::Integer(v) => v,
        Number::Float(v) => v as i128,
    };
    value.clamp(low, high) as i64
}

#[allow(clippy::cast_possible_truncation)] // Rounds, as the conversion is defined.
fn float_bytes(value: Number, bits: u16) -> [u8; 8] {
    let value = match value {
        Number::Integer(v) => v as f64,
        Number::Float(v) => v,
    };
    match bits {
        16 => u64::from(f16::from_f64(value).to_bits()).to_le_bytes(),
        32 => u64::from((value as f32).to_bits()).to_le_bytes(),
        _ => value.to_bits().to_le_bytes(),
    }
}
