//! Datatypes from the notation that [`Display`](core::fmt::Display) prints.
//!
//! What the notation leaves out is as the builders make it: strings filled up with NUL, addresses of 8 bytes.

use super::odd::Scalar;
use crate::codec::Sizes;
use crate::datatype::number::Conversion;
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::{ByteOrder, CharacterSet, Class, Datatype, Member, ReferenceKind};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

/// Types within types.
const DEEPEST: usize = 32;

impl FromStr for Datatype {
    type Err = Error;

    /// Reads the notation: `i32le`, `str[16] utf8`, `{x: f64le, y: f64le}`, `[3][4] f32le`, `enum<i8>{NO=0, YES=1}`.
    fn from_str(text: &str) -> Result<Self> {
        let mut parser = Parser { text, rest: text };
        let datatype = parser.datatype(DEEPEST)?;
        if parser.rest.trim().is_empty() { Ok(datatype) } else { Err(parser.bad("the end")) }
    }
}

struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn bad(&self, expected: &str) -> Error {
        let message = format!("{:?}: expected {expected}, found {:?}", self.text, self.rest);
        Error::new(ErrorKind::Invalid, message).with_hint("a datatype is written as `h5 info` shows it")
    }

    /// Goes past a text, if it is next.
    fn skip(&mut self, text: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, text: &str) -> Result<()> {
        if self.skip(text) { Ok(()) } else { Err(self.bad(text)) }
    }

    fn number<N: FromStr>(&mut self) -> Result<N> {
        self.rest = self.rest.trim_start();
        let digits = |c: char| !c.is_ascii_digit() && c != '-';
        let (number, rest) = self.rest.split_at(self.rest.find(digits).unwrap_or(self.rest.len()));
        let value = number.parse().map_err(|_| self.bad("a number"))?;
        self.rest = rest;
        Ok(value)
    }

    /// A word of letters, digits and underscores.
    fn word(&mut self) -> &'t str {
        self.rest = self.rest.trim_start();
        let end = |c: char| !c.is_alphanumeric() && c != '_';
        let (word, rest) = self.rest.split_at(self.rest.find(end).unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn datatype(&mut self, depth: usize) -> Result<Datatype> {
        let depth = depth.checked_sub(1).ok_or_else(|| self.bad("no more types in types"))?;
        if self.skip("{") {
            return self.compound(depth);
        }
        if self.rest.trim_start().starts_with('[') {
            return self.array(depth);
        }
        let before = self.rest;
        match self.word() {
            "str" => self.string(),
            "opaque" => self.opaque(),
            "ref" => self.reference(false),
            "ref2" => self.reference(true),
            "enum" => self.enumeration(depth),
            "vlen" => Ok(Datatype::vlen(self.inner(depth)?, Sizes::EIGHT)),
            "complex" => Ok(Datatype::complex(self.inner(depth)?)),
            word => self.plain(word).ok_or_else(|| {
                self.rest = before;
                self.bad("a datatype")
            }),
        }
    }

    /// `<datatype>`.
    fn inner(&mut self, depth: usize) -> Result<Datatype> {
        self.expect("<")?;
        let datatype = self.datatype(depth)?;
        self.expect(">")?;
        Ok(datatype)
    }

    /// Numbers: a kind, bits, the byte order; then the part of the bits that is used.
    fn plain(&mut self, word: &str) -> Option<Datatype> {
        let (name, order) = match (word.strip_suffix("le"), word.strip_suffix("be"), word.strip_suffix("vax")) {
            (Some(name), ..) => (name, ByteOrder::LittleEndian),
            (_, Some(name), _) => (name, ByteOrder::BigEndian),
            (.., Some(name)) => (name, ByteOrder::Vax),
            _ => (word, ByteOrder::LittleEndian),
        };
        let (kind, bits) = name.split_at(name.find(|c: char| c.is_ascii_digit())?);
        let size = bits.parse::<u16>().ok().filter(|b| b.is_multiple_of(8)).map(|b| b / 8);
        // A width without an order is one byte.
        let whole = size.filter(|&size| (size == 1) == (name.len() == word.len()) && size > 0)?;
        let mut number = match (kind, name) {
            ("f", _) if order != ByteOrder::Vax && size != Some(1) => {
                return Datatype::float(u8::try_from(whole).ok()?, order).ok();
            }
            ("bf", "bf16") => return Some(Datatype::bfloat16(order)),
            ("i" | "u" | "bits" | "time", _) => Datatype::integer(u8::try_from(whole).ok()?, kind == "i", order),
            _ => return None,
        };
        let used = if self.skip("(") { Some(self.used()?) } else { None };
        if let Class::FixedPoint { order, low_pad, high_pad, bit_offset, precision, .. } = &mut number.class {
            let (bits, at) = used.unwrap_or((*precision, 0));
            if bits.checked_add(at)? > *precision {
                return None;
            }
            (*precision, *bit_offset) = (bits, at);
            let (order, low_pad, high_pad, bit_offset, precision) = (*order, *low_pad, *high_pad, at, bits);
            match kind {
                "bits" => number.class = Class::BitField { order, low_pad, high_pad, bit_offset, precision },
                "time" => number.class = Class::Time { order, precision },
                _ => {}
            }
        }
        Some(number)
    }

    /// `17 bits at 3)`.
    fn used(&mut self) -> Option<(u16, u16)> {
        let bits = self.number().ok()?;
        let at = if self.skip("bits at") { self.number().ok()? } else { return None };
        self.skip(")").then_some((bits, at))
    }

    /// A number in square brackets, if one is next.
    fn bracketed<N: FromStr>(&mut self) -> Result<Option<N>> {
        if !self.skip("[") {
            return Ok(None);
        }
        let number = self.number()?;
        self.expect("]")?;
        Ok(Some(number))
    }

    fn string(&mut self) -> Result<Datatype> {
        let length: Option<u32> = self.bracketed()?;
        let charset = if self.skip("utf8") { CharacterSet::Utf8 } else { CharacterSet::Ascii };
        Ok(match length {
            Some(bytes) => Datatype::string(bytes, charset),
            None => Datatype::vlen_string(charset, Sizes::EIGHT),
        })
    }

    fn opaque(&mut self) -> Result<Datatype> {
        let bytes = self.bracketed()?.ok_or_else(|| self.bad("a length"))?;
        let tag = if self.rest.trim_start().starts_with('"') { self.quoted()? } else { Vec::new() };
        Ok(Datatype::opaque(bytes, tag))
    }

    fn reference(&mut self, new: bool) -> Result<Datatype> {
        let object = Datatype::object_reference(Sizes::EIGHT);
        let kind = match (self.word(), new) {
            ("object", false) => return Ok(object),
            ("region", false) => return Ok(Datatype::region_reference(Sizes::EIGHT)),
            ("object", true) => ReferenceKind::Object2,
            ("region", true) => ReferenceKind::Region2,
            ("attribute", true) => ReferenceKind::Attribute,
            _ => return Err(self.bad("object, region or attribute")),
        };
        let size = crate::format::reference::StoredReference::encoded_len(Sizes::EIGHT);
        Ok(Datatype { version: 4, size: u32::try_from(size).unwrap_or(0), class: Class::Reference { kind } })
    }

    fn array(&mut self, depth: usize) -> Result<Datatype> {
        let mut dims: Vec<u64> = Vec::new();
        while let Some(dim) = self.bracketed()? {
            dims.push(dim);
        }
        Datatype::array(dims, self.datatype(depth)?)
    }

    fn enumeration(&mut self, depth: usize) -> Result<Datatype> {
        let base = self.inner(depth)?;
        if !matches!(base.class, Class::FixedPoint { .. }) {
            return Err(self.bad("integers as the base"));
        }
        self.expect("{")?;
        let mut members: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        while !self.skip("}") {
            if !members.is_empty() {
                self.expect(",")?;
            }
            let name = self.name()?;
            self.expect("=")?;
            let mut element = alloc::vec![0; base.size()];
            let number = Scalar::Integer(self.number()?);
            let stored = number.store(&base, Conversion::Exact, &mut element);
            stored.ok_or_else(|| self.bad("numbers of the base type"))?;
            members.push((name, element));
        }
        Ok(Datatype::enumeration(base, members))
    }

    /// Members; with offsets and a size if they are not packed.
    fn compound(&mut self, depth: usize) -> Result<Datatype> {
        let (mut members, mut end): (Vec<Member>, u32) = (Vec::new(), 0);
        while !self.skip("}") {
            if self.skip(";") {
                let size = self.number()?;
                self.expect("bytes")?;
                self.expect("}")?;
                let fits = |m: &Member| m.offset.checked_add(m.datatype.size).is_some_and(|end| end <= size);
                if !members.iter().all(fits) {
                    return Err(self.bad("members inside the compound"));
                }
                end = size;
                break;
            }
            if !members.is_empty() {
                self.expect(",")?;
            }
            let name = self.name()?;
            let offset = if self.skip("@") { self.number()? } else { end };
            self.expect(":")?;
            let datatype = self.datatype(depth)?;
            end = offset.checked_add(datatype.size).ok_or_else(|| self.bad("a smaller type"))?;
            members.push(Member { name, offset, datatype });
        }
        let mut compound = Datatype::compound(core::iter::empty::<(Vec<u8>, Datatype)>());
        (compound.size, compound.class) = (end, Class::Compound { members });
        Ok(compound)
    }

    fn name(&mut self) -> Result<Vec<u8>> {
        if self.rest.trim_start().starts_with('"') {
            return self.quoted();
        }
        match self.word() {
            "" => Err(self.bad("a name")),
            word => Ok(word.as_bytes().to_vec()),
        }
    }

    /// A text in quotes, with Rust's escapes.
    fn quoted(&mut self) -> Result<Vec<u8>> {
        self.expect("\"")?;
        let mut out = Vec::new();
        let mut chars = self.rest.chars();
        loop {
            match chars.next() {
                Some('"') => break,
                Some('\\') => escape(&mut chars, &mut out).ok_or_else(|| self.bad("an escape"))?,
                Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                None => return Err(self.bad("a closing quote")),
            }
        }
        self.rest = chars.as_str();
        Ok(out)
    }
}

/// What follows a backslash.
fn escape(chars: &mut core::str::Chars<'_>, out: &mut Vec<u8>) -> Option<()> {
    match chars.next()? {
        'n' => out.push(b'\n'),
        't' => out.push(b'\t'),
        'r' => out.push(b'\r'),
        '0' => out.push(0),
        c @ ('\\' | '"' | '\'') => out.push(u8::try_from(c).ok()?),
        'x' => {
            let digits: String = chars.by_ref().take(2).collect();
            out.push(u8::from_str_radix(&digits, 16).ok()?);
        }
        'u' => {
            let digits: String = chars.by_ref().skip(1).take_while(|&c| c != '}').take(8).collect();
            let c = char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn what_is_shown_is_read_back() {
        for text in [
            "i32le",
            "u8",
            "i128be",
            "i32be(17 bits at 3)",
            "bits8",
            "bits16be(9 bits at 1)",
            "time32le",
            "f16be",
            "f64le",
            "bf16le",
            "str[16] utf8",
            "str[1]",
            "str utf8",
            "str",
            "vlen<u8>",
            "vlen<vlen<str>>",
            "enum<i8>{FALSE=0, TRUE=1}",
            "enum<u16be>{\"a b\"=65535}",
            "[3][4] f32le",
            "ref object",
            "ref region",
            "ref2 object",
            "ref2 region",
            "ref2 attribute",
            "opaque[5]",
            "opaque[5] \"a\\\"b\"",
            "complex<f64le>",
            "{x: f64le, y: [2] {a: u8, b: str}}",
            "{\"x y\"@0: f64le, é@16: f64le; 24 bytes}",
            "{\"tab\\t\\u{301}\": u8}",
            "{\"\\xff\\xfe\": u8}",
        ] {
            let datatype: Datatype = text.parse().unwrap();
            assert_eq!(datatype.to_string(), text);
            let mut writer = crate::codec::Writer::new(Sizes::EIGHT);
            datatype.encode(&mut writer).unwrap();
            let mut cursor = crate::codec::Cursor::new(writer.as_slice(), 0, "datatype", Sizes::EIGHT);
            let found = Datatype::parse(&mut cursor, &crate::limits::Limits::default()).unwrap();
            assert!(found.is_same(&datatype), "{text}: {found:?}");
        }
        assert!("boolean".parse::<Datatype>().is_err());
        assert!(
            " { a : i16le } "
                .parse::<Datatype>()
                .unwrap()
                .is_same(&Datatype::compound([("a", Datatype::integer(2, true, ByteOrder::LittleEndian))]))
        );
    }

    #[test]
    fn what_is_no_type_is_refused() {
        let deep = "vlen<".repeat(40);
        for text in [
            "",
            "i",
            "i7le",
            "i32",
            "i8le",
            "i32le(40 bits at 0)",
            "i32le(1)",
            "f24le",
            "f8",
            "str[x]",
            "str[-1]",
            "enum<u8>{a=256}",
            "enum<f32le>{a=1}",
            "{a u8}",
            "{a: u8",
            "{a@4: u8; 2 bytes}",
            "[3]",
            "ref2 nothing",
            "opaque",
            "opaque[1] \"\\q\"",
            "u8 u8",
            "[4294967296] u8",
            "x32le",
            "i0le",
            &deep,
        ] {
            assert!(text.parse::<Datatype>().is_err(), "{text}");
        }
    }
}
