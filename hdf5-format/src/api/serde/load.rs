//! From `serde`.

use crate::api::dynamic::DynArray;
use crate::api::value::{Reference, Value};
use crate::codec::{Address, Cursor, Sizes, to_usize};
use crate::datatype::conventions;
use crate::datatype::number::Conversion;
use crate::datatype::odd::Scalar;
use crate::format::message::datatype::{Class, Datatype, Member, VlenKind};
use crate::limits::Limits;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Formatter};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Dimensions that an extent can have.
const MOST_DIMENSIONS: usize = 32;

/// Deserializes one value of a datatype. What is what in JSON, both ways:
///
/// | HDF5 | JSON |
/// | --- | --- |
/// | integers, bit fields, times | numbers, exact; of more than 128 bits as `"x..."`, the highest byte first |
/// | floats | numbers; `"NaN"`, `"Infinity"`, `"-Infinity"`; such that `f64` can not hold as `"x..."`, little-endian |
/// | complex numbers | `{"re": 1.0, "im": 2.0}` |
/// | enumerations | the name, or the number where there is none; booleans `true` and `false` |
/// | strings | text; `{"bytes": "x..."}` where they are not UTF-8 |
/// | opaque bytes | `"x0a1b"` |
/// | compounds | objects, members in order |
/// | arrays, sequences | arrays |
/// | references | `null`; `{"object": 800}`; `{"region": 800, "selection": "0:2"}`; `{"attribute": "name", "object": 800}`; `{"file": "name", "target": ...}`; `{"broken": "why"}` |
/// | datatypes | their notation; `{"notation": ..., "message": "x..."}` where that leaves something out |
/// | [`DynArray`]s | `{"datatype": ..., "shape": [2, 3], "values": [[...], ...]}`; `null` shape and values for the null space |
///
/// Back they come by their datatype: an array has its own, a value needs one, which is given here. Bits of a NaN are lost, and
/// references other than to objects do not come back.
///
/// ```
/// use hdf5_format::{Datatype, DynArray, Value, ValueSeed};
/// use serde::de::DeserializeSeed;
/// let array = DynArray::new([(1u8, 0.5), (2, f64::NAN)])?;
/// let json = serde_json::to_string(&array)?;
/// assert_eq!(
///     json,
///     r#"{"datatype":"{0: u8, 1: f64le}","shape":[2],"values":[{"0":1,"1":0.5},{"0":2,"1":"NaN"}]}"#
/// );
/// assert_eq!(serde_json::from_str::<DynArray>(&json)?, array);
/// let datatype: Datatype = "enum<u8>{RED=1, GREEN=2}".parse()?;
/// let value = ValueSeed(&datatype).deserialize(&mut serde_json::Deserializer::from_str("\"GREEN\""))?;
/// assert_eq!(value, Value::Enum { value: 2, name: Some("GREEN".into()) });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct ValueSeed<'a>(pub &'a Datatype);

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        let wide = (9..=16).contains(&self.0.size());
        match &self.0.class {
            // Formats that have such numbers may take them for others unless they are asked for.
            Class::FixedPoint { signed: true, .. } if wide => input.deserialize_i128(self),
            Class::FixedPoint { .. } | Class::BitField { .. } if wide => input.deserialize_u128(self),
            _ => input.deserialize_any(self),
        }
    }
}

impl ValueSeed<'_> {
    fn misfit<E: Error>(self, found: impl fmt::Display) -> E {
        E::custom(format!("expected a value of type {}, found {found}", self.0))
    }

    /// A number, if it is one of the type.
    fn number<E: Error>(self, number: Scalar, shown: impl fmt::Display) -> Result<Value, E> {
        let mut element = alloc::vec![0; self.0.size()];
        let integers = matches!(
            self.0.class,
            Class::FixedPoint { .. } | Class::BitField { .. } | Class::Time { .. } | Class::Enum { .. }
        );
        let stored = number.store(self.0, Conversion::Exact, &mut element).filter(|()| integers);
        stored.ok_or_else(|| self.misfit::<E>(shown))?;
        crate::api::decode::inline(self.0, &element).ok_or_else(|| self.misfit("another number"))
    }

    fn integer<E: Error>(self, number: i128) -> Result<Value, E> {
        match self.0.class {
            Class::FloatingPoint(_) => Ok(Value::Float(number as f64)),
            _ => self.number(Scalar::Integer(number), number),
        }
    }

    /// An enumeration's number.
    fn named<E: Error>(self, base: &Datatype, members: &[(Vec<u8>, Vec<u8>)], name: &str) -> Result<Value, E> {
        let found = members.iter().find(|(own, _)| crate::api::group::shown(own) == name);
        let value = found.and_then(|(_, stored)| crate::datatype::bits::integer(base, stored));
        let value = value.ok_or_else(|| self.misfit::<E>(format!("{name:?}")))?;
        Ok(Value::Enum { value, name: Some(String::from(name)) })
    }
}

/// Bytes that are written as `x0a1b`.
fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix('x').filter(|d| d.len().is_multiple_of(2) && d.is_ascii())?;
    digits
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "a value of type {}", self.0)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Value, E> {
        if conventions::is_bool(self.0) { Ok(Value::Bool(truth)) } else { Err(self.misfit(truth)) }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        self.integer(number.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        self.integer(number.into())
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Value, E> {
        self.integer(number)
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Value, E> {
        match i128::try_from(number) {
            Ok(number) => self.integer(number),
            Err(_) => self.number(Scalar::Unsigned(number), number),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        match self.0.class {
            Class::FloatingPoint(_) => Ok(Value::Float(number)),
            _ => Err(self.misfit(number)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        let bytes = || parse_hex(text).ok_or_else(|| self.misfit(format!("{text:?}")));
        match &self.0.class {
            Class::String { .. } | Class::Vlen { kind: VlenKind::String, .. } => Ok(Value::String(text.into())),
            Class::Enum { base, members } => self.named(base, members, text),
            Class::FloatingPoint(_) => match text {
                "NaN" => Ok(Value::Float(f64::NAN)),
                "Infinity" => Ok(Value::Float(f64::INFINITY)),
                "-Infinity" => Ok(Value::Float(f64::NEG_INFINITY)),
                _ => bytes().map(Value::FloatBytes),
            },
            Class::Opaque { .. } => bytes().map(Value::Opaque),
            Class::FixedPoint { signed, .. } => {
                let bytes = bytes()?.into_iter().rev().collect();
                Ok(Value::Wide { bytes, signed: *signed })
            }
            Class::BitField { .. } => Ok(Value::Wide { bytes: bytes()?.into_iter().rev().collect(), signed: false }),
            _ => Err(self.misfit(format!("{text:?}"))),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        match self.0.class {
            Class::Reference { .. } => Ok(Value::Reference(Reference::Null)),
            _ => Err(self.misfit("nothing")),
        }
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let (base, count) = match &self.0.class {
            Class::Array { base, .. } => (base, self.0.size().checked_div(base.size())),
            Class::Vlen { kind: VlenKind::Sequence, base, .. } => (base, None),
            _ => return Err(self.misfit("a list")),
        };
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(ValueSeed(base))? {
            values.push(value);
        }
        match count {
            None => Ok(Value::Sequence(values)),
            Some(count) if count == values.len() => Ok(Value::Array(values)),
            Some(_) => Err(self.misfit(format!("a list of {}", values.len()))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        match &self.0.class {
            Class::Complex { base } => pair(base, map),
            Class::Compound { members } if conventions::is_complex(self.0) => match members.first() {
                Some(part) => pair(&part.datatype, map),
                None => Err(self.misfit("a map")),
            },
            Class::Compound { members } => compound(self, members, map),
            Class::Reference { .. } => match map.next_entry::<String, u64>()? {
                Some((key, address)) if key == "object" => Ok(Value::Reference(Reference::Object(Address(address)))),
                _ => Err(self.misfit("a reference to something else than an object")),
            },
            Class::String { .. } | Class::Vlen { kind: VlenKind::String, .. } => {
                let entry = map.next_entry::<String, String>()?;
                let bytes = entry.filter(|(key, _)| key == "bytes").and_then(|(_, text)| parse_hex(&text));
                bytes.map(Value::String).ok_or_else(|| self.misfit("a map"))
            }
            _ => Err(self.misfit("a map")),
        }
    }
}

/// The parts of a complex number.
fn pair<'de, A: MapAccess<'de>>(part: &Datatype, mut map: A) -> Result<Value, A::Error> {
    let (mut real, mut imaginary) = (None, None);
    while let Some(key) = map.next_key::<String>()? {
        let value = map.next_value_seed(ValueSeed(part))?.as_f64();
        match key.as_str() {
            "re" => real = value,
            "im" => imaginary = value,
            _ => return Err(A::Error::unknown_field(&key, &["re", "im"])),
        }
    }
    match (real, imaginary) {
        (Some(real), Some(imaginary)) => Ok(Value::Complex(real, imaginary)),
        (None, _) => Err(A::Error::missing_field("re")),
        _ => Err(A::Error::missing_field("im")),
    }
}

/// Members by their names, in any order.
fn compound<'de, A: MapAccess<'de>>(of: ValueSeed<'_>, members: &[Member], mut map: A) -> Result<Value, A::Error> {
    let mut values: Vec<Option<Value>> = members.iter().map(|_| None).collect();
    while let Some(key) = map.next_key::<String>()? {
        let at = members.iter().position(|m| crate::api::group::shown(&m.name) == key);
        match at.and_then(|at| members.get(at).zip(values.get_mut(at))) {
            Some((member, slot)) => *slot = Some(map.next_value_seed(ValueSeed(&member.datatype))?),
            None => return Err(of.misfit(format!("a member {key:?}"))),
        }
    }
    let named = members.iter().zip(values).map(|(member, value)| {
        let name = crate::api::group::shown(&member.name);
        let value = value.ok_or_else(|| of.misfit::<A::Error>(format!("no member {name:?}")))?;
        Ok((name, value))
    });
    named.collect::<Result<_, _>>().map(Value::Compound)
}

impl<'de> Deserialize<'de> for Datatype {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(DatatypeVisitor)
    }
}

struct DatatypeVisitor;

impl<'de> Visitor<'de> for DatatypeVisitor {
    type Value = Datatype;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a datatype's notation, or its message")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Datatype, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Datatype, A::Error> {
        let mut message = None;
        while let Some((key, text)) = map.next_entry::<String, String>()? {
            if key == "message" {
                message = Some(parse_hex(&text).ok_or_else(|| A::Error::custom("expected a message as x0a1b"))?);
            }
        }
        let message = message.ok_or_else(|| A::Error::missing_field("message"))?;
        let mut cursor = Cursor::new(&message, 0, "datatype", Sizes::EIGHT);
        Datatype::parse(&mut cursor, &Limits::default()).map_err(A::Error::custom)
    }
}

impl<'de> Deserialize<'de> for DynArray {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_struct("DynArray", &["datatype", "shape", "values"], ArrayVisitor)
    }
}

struct ArrayVisitor;

impl<'de> Visitor<'de> for ArrayVisitor {
    type Value = DynArray;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("an array: its datatype, its shape, and then its values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DynArray, A::Error> {
        let (mut datatype, mut shape): (Option<Datatype>, Option<Option<Vec<u64>>>) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match (key.as_str(), &datatype, &shape) {
                ("datatype", ..) => datatype = Some(map.next_value()?),
                ("shape", ..) => shape = Some(map.next_value()?),
                ("values", Some(datatype), Some(shape)) => {
                    let array = match shape {
                        None => map.next_value::<()>().map(|()| DynArray::null(datatype))?,
                        Some(dims) if dims.len() > MOST_DIMENSIONS => {
                            return Err(A::Error::invalid_length(dims.len(), &"32 dimensions at most"));
                        }
                        Some(dims) => {
                            let mut values = Vec::new();
                            map.next_value_seed(Nested { datatype, dims, values: &mut values })?;
                            DynArray::from_values(datatype, dims, &values)
                        }
                    };
                    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                    return array.map_err(A::Error::custom);
                }
                ("values", ..) => return Err(A::Error::custom("values before their datatype and shape")),
                _ => return Err(A::Error::unknown_field(&key, &["datatype", "shape", "values"])),
            }
        }
        Err(A::Error::missing_field("values"))
    }
}

/// Arrays in arrays, as values in C order.
struct Nested<'a> {
    datatype: &'a Datatype,
    dims: &'a [u64],
    values: &'a mut Vec<Value>,
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        if self.dims.is_empty() {
            self.values.push(ValueSeed(self.datatype).deserialize(input)?);
            return Ok(());
        }
        input.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "values of shape {:?}", self.dims)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let (&len, dims) = self.dims.split_first().unwrap_or((&0, &[]));
        let (len, datatype) = (to_usize(len).map_err(A::Error::custom)?, self.datatype);
        let mut found = 0usize;
        while list.next_element_seed(Nested { datatype, dims, values: self.values })?.is_some() {
            found = found.saturating_add(1);
        }
        if found == len { Ok(()) } else { Err(A::Error::invalid_length(found, &self)) }
    }
}
