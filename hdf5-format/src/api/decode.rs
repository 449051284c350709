//! Stored elements to dynamic values.

use super::reference;
use super::value::Value;
use crate::datatype::{bits, conventions};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{Class, Datatype, VlenKind};
use crate::graph::FileContext;
use crate::graph::global_heap::HeapReader;
use alloc::vec::Vec;

/// Whole stored elements of a datatype as values.
pub(super) fn decode_all(ctx: &FileContext, datatype: &Datatype, bytes: &[u8]) -> Result<Vec<Value>> {
    let mut decoder = Decoder { ctx, heap: HeapReader::new(ctx) };
    decoder.many(datatype, bytes)
}

/// A number or an enumeration's, which is all there is of it.
#[cfg(feature = "serde")]
pub(super) fn inline(datatype: &Datatype, element: &[u8]) -> Option<Value> {
    match &datatype.class {
        Class::FixedPoint { .. } | Class::BitField { .. } => Some(integer(datatype, element)),
        Class::Time { .. } => Some(time(datatype, element)),
        Class::Enum { base, members } => Some(enumeration(datatype, base, members, element)),
        _ => None,
    }
}

struct Decoder<'a> {
    ctx: &'a FileContext,
    heap: HeapReader<'a>,
}

impl Decoder<'_> {
    fn many(&mut self, datatype: &Datatype, bytes: &[u8]) -> Result<Vec<Value>> {
        bytes.chunks_exact(datatype.size().max(1)).map(|element| self.one(datatype, element)).collect()
    }

    /// One element; the depth of the recursion is bounded by the datatype's.
    fn one(&mut self, datatype: &Datatype, bytes: &[u8]) -> Result<Value> {
        Ok(match &datatype.class {
            Class::FixedPoint { .. } | Class::BitField { .. } => integer(datatype, bytes),
            Class::FloatingPoint { .. } => float(datatype, bytes),
            Class::Time { .. } => time(datatype, bytes),
            Class::String { padding, .. } => Value::String(padding.trim(bytes).to_vec()),
            Class::Opaque { .. } => Value::Opaque(bytes.to_vec()),
            Class::Compound { .. } if conventions::is_complex(datatype) => self.complex(datatype, bytes)?,
            Class::Compound { members } => {
                let mut values = Vec::with_capacity(members.len());
                for member in members {
                    let at = crate::codec::to_usize(member.offset.into())?;
                    let stored = bytes.get(at..).and_then(|b| b.get(..member.datatype.size()));
                    let stored =
                        stored.ok_or_else(|| Error::new(ErrorKind::Corrupt, "member past the element's end"))?;
                    let name = super::group::shown(&member.name);
                    values.push((name, self.one(&member.datatype, stored)?));
                }
                Value::Compound(values)
            }
            Class::Reference { .. } => Value::Reference(
                reference::load(self.ctx, &mut self.heap, datatype, bytes)
                    .unwrap_or_else(|e| super::Reference::Broken(alloc::format!("{e}"))),
            ),
            Class::Enum { base, members } => enumeration(datatype, base, members, bytes),
            Class::Vlen { kind: VlenKind::String, .. } => {
                let text = self.heap.vlen(bytes, 1)?;
                let end = text.iter().position(|&b| b == 0).unwrap_or(text.len());
                Value::String(text.get(..end).unwrap_or(&[]).to_vec())
            }
            Class::Vlen { base, .. } => {
                let elements = self.heap.vlen(bytes, base.size())?.to_vec();
                Value::Sequence(self.many(base, &elements)?)
            }
            Class::Array { base, .. } => Value::Array(self.many(base, bytes)?),
            Class::Complex { base, .. } => {
                let (real, imaginary) = bytes.split_at_checked(base.size()).unwrap_or((bytes, &[]));
                self.pair(base, real, imaginary)
            }
        })
    }

    fn complex(&mut self, datatype: &Datatype, bytes: &[u8]) -> Result<Value> {
        let Class::Compound { members } = &datatype.class else {
            return Err(Error::new(ErrorKind::TypeMismatch, "not a compound"));
        };
        let [real, imaginary] = members.as_slice() else {
            return Err(Error::new(ErrorKind::TypeMismatch, "not a pair"));
        };
        let stored = |at: u32| usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or(&[]);
        Ok(self.pair(&real.datatype, stored(real.offset), stored(imaginary.offset)))
    }

    fn pair(&self, base: &Datatype, real: &[u8], imaginary: &[u8]) -> Value {
        let part = |bytes| float(base, bytes).as_f64().unwrap_or(f64::NAN);
        Value::Complex(part(real), part(imaginary))
    }
}

fn integer(datatype: &Datatype, bytes: &[u8]) -> Value {
    let signed = matches!(datatype.class, Class::FixedPoint { signed: true, .. });
    match bits::integer(datatype, bytes) {
        Some(v) if signed && i64::try_from(v).is_ok() => Value::Int(i64::try_from(v).unwrap_or(0)),
        Some(v) if !signed && u64::try_from(v).is_ok() => Value::Uint(u64::try_from(v).unwrap_or(0)),
        _ => {
            let mut wide = Vec::new();
            bits::extend(datatype, bytes, &mut wide);
            Value::Wide { bytes: wide, signed }
        }
    }
}

fn time(datatype: &Datatype, bytes: &[u8]) -> Value {
    Value::Time(bits::integer(datatype, bytes).and_then(|v| u64::try_from(v).ok()).unwrap_or(0))
}

fn float(datatype: &Datatype, bytes: &[u8]) -> Value {
    let size = datatype.size();
    match bits::float(datatype, bytes.get(..size).unwrap_or(&[])) {
        Some(v) => Value::Float(v),
        None => Value::FloatBytes(bits::little_endian(datatype, bytes)),
    }
}

fn enumeration(datatype: &Datatype, base: &Datatype, members: &[(Vec<u8>, Vec<u8>)], bytes: &[u8]) -> Value {
    let value = bits::integer(base, bytes).unwrap_or(0);
    if conventions::is_bool(datatype) && (value == 0 || value == 1) {
        return Value::Bool(value == 1);
    }
    let same = |stored: &Vec<u8>| bits::integer(base, stored) == Some(value);
    let name = members.iter().find(|(_, stored)| same(stored)).map(|(name, _)| super::group::shown(name));
    Value::Enum { value, name }
}
