//! Datatypes as JSON: sizes and offsets are those of the form that libhdf5 hands to programs, where a variable
//! string is an 8-byte pointer and takes 16 bytes in the file.

use super::walk::text;
use hdf5_format::format::message::datatype::{
    BitPadding, ByteOrder, CharacterSet, Class, Datatype, Normalization, ReferenceKind, StringPadding, VlenKind,
};
use serde_json::{Value, json};

/// Description of a datatype.
pub(super) fn describe(datatype: &Datatype) -> Value {
    let mut out = class(datatype);
    out["size"] = match &datatype.class {
        Class::Vlen { kind: VlenKind::String, .. } => json!("variable"),
        _ => json!(memory_size(datatype)),
    };
    out
}

fn class(datatype: &Datatype) -> Value {
    let size = datatype.size();
    match &datatype.class {
        Class::FixedPoint { order: o, low_pad, high_pad, signed, bit_offset, precision } => {
            let mut out = json!({ "class": "integer", "order": order(*o), "precision": precision, "offset": bit_offset,
                "signed": signed });
            pads(&mut out, size, *precision, *low_pad, *high_pad);
            out
        }
        Class::BitField { order: o, low_pad, high_pad, bit_offset, precision } => {
            let mut out =
                json!({ "class": "bitfield", "order": order(*o), "precision": precision, "offset": bit_offset });
            pads(&mut out, size, *precision, *low_pad, *high_pad);
            out
        }
        Class::Time { order: o, precision } => {
            json!({ "class": "time", "order": order(*o), "precision": precision, "offset": 0 })
        }
        Class::FloatingPoint(f) => json!({
            "class": "float",
            "order": order(f.order),
            "precision": f.precision,
            "offset": f.bit_offset,
            "fields": {
                "spos": f.sign_position,
                "epos": f.exponent_position,
                "esize": f.exponent_size,
                "mpos": f.mantissa_position,
                "msize": f.mantissa_size,
            },
            "ebias": f.exponent_bias,
            "norm": match f.normalization {
                Normalization::None => "none",
                Normalization::MsbSet => "msbset",
                Normalization::Implied => "implied",
            },
            "inpad": pad(f.internal_pad),
        }),
        Class::String { padding, charset } => {
            json!({ "class": "string", "charset": character_set(*charset), "pad": string_pad(*padding) })
        }
        Class::Opaque { tag } => json!({ "class": "opaque", "tag": text(tag) }),
        Class::Compound { members } => compound(members),
        Class::Reference { kind } => json!({ "class": "reference", "kind": reference(*kind) }),
        Class::Enum { base, members } => {
            let members = members.iter().map(|(name, stored)| json!([text(name), number(base, stored)]));
            json!({ "class": "enum", "base": describe(base), "members": members.collect::<Vec<_>>() })
        }
        Class::Vlen { kind: VlenKind::String, padding, charset, .. } => {
            json!({ "class": "string", "charset": character_set(*charset), "pad": string_pad(*padding) })
        }
        Class::Vlen { base, .. } => json!({ "class": "vlen", "base": describe(base) }),
        Class::Array { dims, base } => json!({ "class": "array", "dims": dims, "base": describe(base) }),
        Class::Complex { base } => json!({ "class": "complex", "base": describe(base) }),
    }
}

fn compound(members: &[hdf5_format::format::message::datatype::Member]) -> Value {
    let mut shown: Vec<Value> = members
        .iter()
        .map(|m| json!({ "name": text(&m.name), "offset": m.offset, "type": describe(&m.datatype) }))
        .collect();
    // Members move by what the members before them, in order of place, gain or lose.
    let mut by_place: Vec<usize> = (0..members.len()).collect();
    by_place.sort_by_key(|&i| members[i].offset);
    let mut shift = 0i64;
    for i in by_place {
        let member = &members[i];
        shown[i]["offset"] = json!(i64::from(member.offset) + shift);
        shift += memory_size(&member.datatype) as i64 - member.datatype.size() as i64;
    }
    json!({ "class": "compound", "members": shown })
}

/// Bytes of an element in the form that libhdf5 hands to programs.
fn memory_size(datatype: &Datatype) -> usize {
    match &datatype.class {
        Class::Vlen { kind: VlenKind::String, .. } | Class::Reference { kind: ReferenceKind::Object } => 8,
        Class::Vlen { .. } => 16,
        Class::Reference { kind: ReferenceKind::Region } => 12,
        Class::Reference { .. } => 64,
        Class::Compound { members } => members.iter().fold(datatype.size(), |size, m| {
            size.wrapping_add(memory_size(&m.datatype)).wrapping_sub(m.datatype.size())
        }),
        Class::Array { dims, base } => {
            dims.iter().fold(memory_size(base), |n, &d| n.saturating_mul(usize::try_from(d).unwrap_or(usize::MAX)))
        }
        _ => datatype.size(),
    }
}

fn number(base: &Datatype, stored: &[u8]) -> Value {
    match hdf5_format::datatype::bits::integer(base, stored) {
        Some(v) => {
            i64::try_from(v).map(Value::from).or_else(|_| u64::try_from(v).map(Value::from)).unwrap_or(Value::Null)
        }
        None => Value::Null,
    }
}

fn order(order: ByteOrder) -> &'static str {
    match order {
        ByteOrder::LittleEndian => "LE",
        ByteOrder::BigEndian => "BE",
        ByteOrder::Vax => "VAX",
    }
}

fn pads(out: &mut Value, size: usize, precision: u16, low: BitPadding, high: BitPadding) {
    if usize::from(precision) != size * 8 {
        out["pad"] = json!([pad(low), pad(high)]);
    }
}

fn pad(padding: BitPadding) -> &'static str {
    match padding {
        BitPadding::Zero => "zero",
        BitPadding::One => "one",
    }
}

fn character_set(charset: CharacterSet) -> &'static str {
    match charset {
        CharacterSet::Ascii => "ascii",
        CharacterSet::Utf8 => "utf8",
    }
}

fn string_pad(padding: StringPadding) -> &'static str {
    match padding {
        StringPadding::NullTerminated => "nullterm",
        StringPadding::NullPadded => "nullpad",
        StringPadding::SpacePadded => "spacepad",
    }
}

fn reference(kind: ReferenceKind) -> &'static str {
    match kind {
        ReferenceKind::Object => "object",
        ReferenceKind::Region => "region",
        _ => "std",
    }
}
