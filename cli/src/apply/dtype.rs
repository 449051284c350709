//! Datatypes of an ops file.

use super::Failed;
use hdf5_format::format::message::datatype::{
    BitPadding, ByteOrder, CharacterSet, Class, Datatype, FloatFormat, Member, Normalization, ReferenceKind,
    StringPadding, VlenKind,
};
use serde_json::Value as Json;

/// A datatype as an ops file describes it, with `size_of_offset` bytes of an address.
pub(super) fn parse(spec: &Json, size_of_offset: u8) -> Result<Datatype, Failed> {
    let size = || number(spec, "size").and_then(|n| u32::try_from(n).map_err(|_| Failed::new("size is too large")));
    let inner = |key: &str| nested(spec.get(key).ok_or_else(|| Failed::missing(key))?, size_of_offset);
    // One byte has no order; h5py says little-endian.
    let order = match spec.get("order").and_then(Json::as_str) {
        Some("be") if spec.get("size").and_then(Json::as_u64) != Some(1) => ByteOrder::BigEndian,
        _ => ByteOrder::LittleEndian,
    };
    let class = text(spec, "class")?;
    match class {
        "int" => Ok(integer(size()?, spec.get("signed").and_then(Json::as_bool).unwrap_or(true), order)),
        "float" => float(size()?, order),
        "complex" => {
            let half = float(size()? / 2, ByteOrder::LittleEndian)?;
            Ok(compound(vec![(b"r".to_vec(), half.clone()), (b"i".to_vec(), half)]))
        }
        "bool" => {
            let members = vec![(b"FALSE".to_vec(), vec![0]), (b"TRUE".to_vec(), vec![1])];
            let base = Box::new(integer(1, true, ByteOrder::LittleEndian));
            Ok(Datatype { version: 1, size: 1, class: Class::Enum { base, members } })
        }
        "string" => {
            let utf8 = spec.get("charset").and_then(Json::as_str) == Some("utf8");
            let charset = if utf8 { CharacterSet::Utf8 } else { CharacterSet::Ascii };
            if spec.get("size").and_then(Json::as_str) == Some("vlen") {
                let character = Datatype {
                    version: 1,
                    size: 1,
                    class: Class::String { padding: StringPadding::NullTerminated, charset: CharacterSet::Ascii },
                };
                let (kind, padding) = (VlenKind::String, StringPadding::NullTerminated);
                return Ok(vlen(kind, padding, charset, character, size_of_offset));
            }
            let class = Class::String { padding: StringPadding::NullPadded, charset };
            Ok(Datatype { version: 1, size: size()?, class })
        }
        "enum" => {
            let base = inner("base")?;
            let names = spec.get("members").and_then(Json::as_object).ok_or_else(|| Failed::missing("members"))?;
            let mut members = Vec::new();
            for (name, value) in names {
                let value = value.as_i64().ok_or_else(|| Failed::new("an enum's value is no integer"))?;
                let mut bytes = value.to_le_bytes()[..base.size()].to_vec();
                if let Class::FixedPoint { order: ByteOrder::BigEndian, .. } = base.class {
                    bytes.reverse();
                }
                members.push((name.as_bytes().to_vec(), bytes));
            }
            Ok(Datatype { version: 1, size: base.size, class: Class::Enum { base: Box::new(base), members } })
        }
        "opaque" => {
            let tag = text(spec, "tag")?.as_bytes().to_vec();
            Ok(Datatype { version: 1, size: size()?, class: Class::Opaque { tag } })
        }
        "array" => {
            let base = inner("base")?;
            let dims = numbers(spec, "dims")?;
            let count: u64 = dims.iter().product();
            let size =
                u32::try_from(count * u64::from(base.size)).map_err(|_| Failed::new("the array is too large"))?;
            Ok(Datatype { version: 2, size, class: Class::Array { dims, base: Box::new(base) } })
        }
        "vlen" => {
            let (kind, padding) = (VlenKind::Sequence, StringPadding::NullTerminated);
            Ok(vlen(kind, padding, CharacterSet::Ascii, inner("base")?, size_of_offset))
        }
        "compound" => {
            let fields = spec.get("fields").and_then(Json::as_array).ok_or_else(|| Failed::missing("fields"))?;
            let mut members = Vec::new();
            for field in fields {
                let name = field.get(0).and_then(Json::as_str).ok_or_else(|| Failed::new("a field has no name"))?;
                let of = field.get(1).ok_or_else(|| Failed::new("a field has no type"))?;
                members.push((name.as_bytes().to_vec(), nested(of, size_of_offset)?));
            }
            Ok(compound(members))
        }
        "ref" => {
            let class = Class::Reference { kind: ReferenceKind::Object };
            Ok(Datatype { version: 1, size: size_of_offset.into(), class })
        }
        other => Err(Failed::new(format!("dtype class {other:?}"))),
    }
}

/// A type within a type: opaque ones have no tag there, which NumPy's types can not hold.
fn nested(spec: &Json, size_of_offset: u8) -> Result<Datatype, Failed> {
    let mut datatype = parse(spec, size_of_offset)?;
    if let Class::Opaque { tag } = &mut datatype.class {
        tag.clear();
    }
    Ok(datatype)
}

pub(super) fn text<'a>(spec: &'a Json, key: &str) -> Result<&'a str, Failed> {
    spec.get(key).and_then(Json::as_str).ok_or_else(|| Failed::missing(key))
}

pub(super) fn number(spec: &Json, key: &str) -> Result<u64, Failed> {
    spec.get(key).and_then(Json::as_u64).ok_or_else(|| Failed::missing(key))
}

/// A list of whole numbers.
pub(super) fn numbers(spec: &Json, key: &str) -> Result<Vec<u64>, Failed> {
    let list = spec.get(key).and_then(Json::as_array).ok_or_else(|| Failed::missing(key))?;
    list.iter().map(|n| n.as_u64().ok_or_else(|| Failed::new(format!("{key} is no list of numbers")))).collect()
}

fn integer(size: u32, signed: bool, order: ByteOrder) -> Datatype {
    let precision = u16::try_from(size * 8).unwrap_or(u16::MAX);
    let (low_pad, high_pad) = (BitPadding::Zero, BitPadding::Zero);
    let class = Class::FixedPoint { order, low_pad, high_pad, signed, bit_offset: 0, precision };
    Datatype { version: 1, size, class }
}

fn float(size: u32, order: ByteOrder) -> Result<Datatype, Failed> {
    let (exponent, mantissa, bias) = match size {
        2 => (5, 10, 15),
        4 => (8, 23, 127),
        8 => (11, 52, 1023),
        _ => return Err(Failed::new(format!("floats of {size} bytes"))),
    };
    let format = FloatFormat {
        order,
        low_pad: BitPadding::Zero,
        high_pad: BitPadding::Zero,
        internal_pad: BitPadding::Zero,
        normalization: Normalization::Implied,
        sign_position: exponent + mantissa,
        bit_offset: 0,
        precision: u16::from(exponent) + u16::from(mantissa) + 1,
        exponent_position: mantissa,
        exponent_size: exponent,
        mantissa_position: 0,
        mantissa_size: mantissa,
        exponent_bias: bias,
    };
    Ok(Datatype { version: 1, size, class: Class::FloatingPoint(format) })
}

/// Members without gaps.
fn compound(fields: Vec<(Vec<u8>, Datatype)>) -> Datatype {
    let mut size = 0;
    let members = fields.into_iter().map(|(name, datatype)| {
        let offset = size;
        size += datatype.size;
        Member { name, offset, datatype }
    });
    let members = members.collect();
    Datatype { version: 1, size, class: Class::Compound { members } }
}

fn vlen(kind: VlenKind, padding: StringPadding, charset: CharacterSet, base: Datatype, size_of_offset: u8) -> Datatype {
    let class = Class::Vlen { kind, padding, charset, base: Box::new(base) };
    Datatype { version: 1, size: 8 + u32::from(size_of_offset), class }
}
