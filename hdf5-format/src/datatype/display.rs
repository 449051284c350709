//! Datatypes as text: `i32le`, `f64be`, `str[16] utf8`, `vlen<u8>`, `{x: f64le, y: f64le}`,
//! `enum<i8>{FALSE=0, TRUE=1}`, `[3][4] f32le`, `ref object`.

use super::bits;
use crate::format::message::datatype::{
    ByteOrder, CharacterSet, Class, Datatype, FloatFormat, Member, Normalization, ReferenceKind, VlenKind,
};
use core::fmt::{self, Display, Formatter};

impl Display for Datatype {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.class {
            Class::FixedPoint { order, signed, bit_offset, precision, .. } => {
                number(f, if *signed { "i" } else { "u" }, self, *order, (*bit_offset, *precision))
            }
            Class::BitField { order, bit_offset, precision, .. } => {
                number(f, "bits", self, *order, (*bit_offset, *precision))
            }
            Class::Time { order, precision } => number(f, "time", self, *order, (0, *precision)),
            Class::FloatingPoint(format) => float(f, self, format),
            Class::String { charset, .. } => write!(f, "str[{}]{}", self.size, suffix(*charset)),
            Class::Opaque { tag } if tag.is_empty() => write!(f, "opaque[{}]", self.size),
            Class::Opaque { tag } => write!(f, "opaque[{}] \"{}\"", self.size, tag.escape_ascii()),
            Class::Compound { members } => compound(f, self.size, members),
            Class::Reference { kind } => f.write_str(reference(*kind)),
            Class::Enum { base, members } => enumeration(f, base, members),
            Class::Vlen { kind: VlenKind::String, charset, .. } => write!(f, "str{}", suffix(*charset)),
            Class::Vlen { base, .. } => write!(f, "vlen<{base}>"),
            Class::Array { dims, base } => {
                dims.iter().try_for_each(|d| write!(f, "[{d}]"))?;
                write!(f, " {base}")
            }
            Class::Complex { base } => write!(f, "complex<{base}>"),
        }
    }
}

/// `le`, `be` or `vax`; nothing for one byte.
fn order(size: u32, order: ByteOrder) -> &'static str {
    match order {
        _ if size == 1 => "",
        ByteOrder::LittleEndian => "le",
        ByteOrder::BigEndian => "be",
        ByteOrder::Vax => "vax",
    }
}

fn suffix(charset: CharacterSet) -> &'static str {
    match charset {
        CharacterSet::Ascii => "",
        CharacterSet::Utf8 => " utf8",
    }
}

fn reference(kind: ReferenceKind) -> &'static str {
    match kind {
        ReferenceKind::Object => "ref object",
        ReferenceKind::Region => "ref region",
        ReferenceKind::Object2 => "ref2 object",
        ReferenceKind::Region2 => "ref2 region",
        ReferenceKind::Attribute => "ref2 attribute",
    }
}

fn number(f: &mut Formatter<'_>, name: &str, t: &Datatype, o: ByteOrder, (at, bits): (u16, u16)) -> fmt::Result {
    let size = u64::from(t.size).saturating_mul(8);
    write!(f, "{name}{size}{}", order(t.size, o))?;
    if u64::from(bits) == size { Ok(()) } else { write!(f, "({bits} bits at {at})") }
}

fn float(f: &mut Formatter<'_>, t: &Datatype, x: &FloatFormat) -> fmt::Result {
    if let Some(bits) = t.ieee_bits() {
        return write!(f, "f{bits}{}", order(t.size, x.order));
    }
    let name = match (x.precision, x.exponent_size, x.mantissa_size, x.exponent_bias, x.normalization) {
        (16, 8, 7, 127, Normalization::Implied) => "bf16",
        (8, 4, 3, 7, Normalization::Implied) => "f8e4m3",
        (8, 5, 2, 15, Normalization::Implied) => "f8e5m2",
        (6, 2, 3, 1, Normalization::Implied) => "f6e2m3",
        (6, 3, 2, 3, Normalization::Implied) => "f6e3m2",
        (4, 2, 1, 1, Normalization::Implied) => "f4e2m1",
        _ => {
            write!(f, "f{}{}(", x.precision, order(t.size, x.order))?;
            write!(f, "{} bytes, {} exponent bits, {} mantissa bits)", t.size, x.exponent_size, x.mantissa_size)?;
            return Ok(());
        }
    };
    write!(f, "{name}{}", order(t.size, x.order))
}

/// Members with their offsets and the size, where these do not follow from the members' sizes.
fn compound(f: &mut Formatter<'_>, size: u32, members: &[Member]) -> fmt::Result {
    let mut end = 0u32;
    let mut packed = true;
    for member in members {
        packed &= member.offset == end;
        end = end.saturating_add(member.datatype.size);
    }
    packed &= end == size;
    f.write_str("{")?;
    for (i, member) in members.iter().enumerate() {
        f.write_str(if i == 0 { "" } else { ", " })?;
        name(f, &member.name)?;
        if !packed {
            write!(f, "@{}", member.offset)?;
        }
        write!(f, ": {}", member.datatype)?;
    }
    if packed { f.write_str("}") } else { write!(f, "; {size} bytes}}") }
}

fn enumeration(
    f: &mut Formatter<'_>,
    base: &Datatype,
    members: &[(alloc::vec::Vec<u8>, alloc::vec::Vec<u8>)],
) -> fmt::Result {
    write!(f, "enum<{base}>{{")?;
    for (i, (text, stored)) in members.iter().enumerate() {
        f.write_str(if i == 0 { "" } else { ", " })?;
        name(f, text)?;
        match bits::integer(base, stored) {
            Some(value) => write!(f, "={value}")?,
            None => f.write_str("=?")?,
        }
    }
    f.write_str("}")
}

/// A name as it is, or quoted where it could be misread.
fn name(f: &mut Formatter<'_>, name: &[u8]) -> fmt::Result {
    match core::str::from_utf8(name) {
        Ok(text) if !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_') => f.write_str(text),
        Ok(text) => write!(f, "{text:?}"),
        Err(_) => write!(f, "\"{}\"", name.escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datatype::bits::tests::{float, int};
    use crate::format::message::datatype::StringPadding;
    use alloc::boxed::Box;
    use alloc::string::ToString;
    use alloc::vec;

    fn with(size: u32, class: Class) -> Datatype {
        Datatype { version: 1, size, class }
    }

    fn compound(size: u32, members: &[(&str, u32, Datatype)]) -> Datatype {
        let member = |(n, offset, t): &(&str, u32, Datatype)| Member {
            name: n.as_bytes().to_vec(),
            offset: *offset,
            datatype: t.clone(),
        };
        with(size, Class::Compound { members: members.iter().map(member).collect() })
    }

    #[test]
    fn reads_like_a_declaration() {
        let (padding, charset) = (StringPadding::NullPadded, CharacterSet::Utf8);
        let members = vec![(b"FALSE".to_vec(), vec![0]), (b"TRUE".to_vec(), vec![0xff])];
        let vlen = |kind| Class::Vlen { kind, padding, charset, base: Box::new(int(1, false)) };
        let mut narrow = int(4, true);
        if let Class::FixedPoint { precision, bit_offset, order, .. } = &mut narrow.class {
            (*precision, *bit_offset, *order) = (17, 3, ByteOrder::BigEndian);
        }
        for (datatype, text) in [
            (int(4, true), "i32le"),
            (int(1, false), "u8"),
            (narrow, "i32be(17 bits at 3)"),
            (float(8), "f64le"),
            (with(16, Class::String { padding, charset }), "str[16] utf8"),
            (with(16, vlen(VlenKind::String)), "str utf8"),
            (with(16, vlen(VlenKind::Sequence)), "vlen<u8>"),
            (with(1, Class::Enum { base: Box::new(int(1, true)), members }), "enum<i8>{FALSE=0, TRUE=-1}"),
            (with(48, Class::Array { dims: vec![3, 4], base: Box::new(float(4)) }), "[3][4] f32le"),
            (with(8, Class::Reference { kind: ReferenceKind::Object }), "ref object"),
            (with(5, Class::Opaque { tag: b"a\"b".to_vec() }), "opaque[5] \"a\\\"b\""),
            (with(16, Class::Complex { base: Box::new(float(8)) }), "complex<f64le>"),
            (compound(16, &[("x", 0, float(8)), ("y", 8, float(8))]), "{x: f64le, y: f64le}"),
            (compound(24, &[("x y", 0, float(8)), ("é", 16, float(8))]), "{\"x y\"@0: f64le, é@16: f64le; 24 bytes}"),
        ] {
            assert_eq!(datatype.to_string(), text);
        }
    }
}
