//! Datatypes of an ops file.

use super::Failed;
use hdf5_format::codec::Sizes;
use hdf5_format::format::message::datatype::{ByteOrder, CharacterSet, Class, Datatype};
use serde_json::Value as Json;

/// A datatype as an ops file describes it, in a file of these widths.
pub(super) fn parse(spec: &Json, sizes: Sizes) -> Result<Datatype, Failed> {
    let size = || number(spec, "size").and_then(|n| u32::try_from(n).map_err(|_| Failed::new("size is too large")));
    let bytes = || size().and_then(|n| u8::try_from(n).map_err(|_| Failed::new("size is too large")));
    let inner = |key: &str| nested(spec.get(key).ok_or_else(|| Failed::missing(key))?, sizes);
    // One byte has no order; h5py says little-endian.
    let order = match spec.get("order").and_then(Json::as_str) {
        Some("be") if spec.get("size").and_then(Json::as_u64) != Some(1) => ByteOrder::BigEndian,
        _ => ByteOrder::LittleEndian,
    };
    Ok(match text(spec, "class")? {
        "int" => Datatype::integer(bytes()?, spec.get("signed").and_then(Json::as_bool).unwrap_or(true), order),
        "float" => Datatype::float(bytes()?, order)?,
        "complex" => Datatype::complex_compound(Datatype::float(bytes()? / 2, ByteOrder::LittleEndian)?),
        "bool" => Datatype::boolean(),
        "string" => {
            let utf8 = spec.get("charset").and_then(Json::as_str) == Some("utf8");
            let charset = if utf8 { CharacterSet::Utf8 } else { CharacterSet::Ascii };
            match spec.get("size").and_then(Json::as_str) {
                Some("vlen") => Datatype::vlen_string(charset, sizes),
                _ => Datatype::string(size()?, charset),
            }
        }
        "enum" => enumeration(spec, inner("base")?)?,
        "opaque" => Datatype::opaque(size()?, text(spec, "tag")?),
        "array" => Datatype::array(numbers(spec, "dims")?, inner("base")?)?,
        "vlen" => Datatype::vlen(inner("base")?, sizes),
        "compound" => {
            let fields = spec.get("fields").and_then(Json::as_array).ok_or_else(|| Failed::missing("fields"))?;
            let mut members = Vec::new();
            for field in fields {
                let name = field.get(0).and_then(Json::as_str).ok_or_else(|| Failed::new("a field has no name"))?;
                let of = field.get(1).ok_or_else(|| Failed::new("a field has no type"))?;
                members.push((name, nested(of, sizes)?));
            }
            Datatype::compound(members)
        }
        "ref" => Datatype::object_reference(sizes),
        other => return Err(Failed::new(format!("dtype class {other:?}"))),
    })
}

fn enumeration(spec: &Json, base: Datatype) -> Result<Datatype, Failed> {
    let names = spec.get("members").and_then(Json::as_object).ok_or_else(|| Failed::missing("members"))?;
    let mut members = Vec::new();
    for (name, value) in names {
        let value = value.as_i64().ok_or_else(|| Failed::new("an enum's value is no integer"))?;
        let mut bytes = value.to_le_bytes();
        let stored = bytes.get_mut(..base.size()).ok_or_else(|| Failed::new("an enum of more than 8 bytes"))?;
        if let Class::FixedPoint { order: ByteOrder::BigEndian, .. } = base.class {
            stored.reverse();
        }
        members.push((name.as_str(), stored.to_vec()));
    }
    Ok(Datatype::enumeration(base, members))
}

/// A type within a type: opaque ones have no tag there, which NumPy's types can not hold.
fn nested(spec: &Json, sizes: Sizes) -> Result<Datatype, Failed> {
    let mut datatype = parse(spec, sizes)?;
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
