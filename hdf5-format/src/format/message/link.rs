//! Link message (File Format Spec, IV.A.2.g).
//!
//! ```text
//! version 1 | flags 1 | [type 1] | [creation order 8] | [character set 1] | name length 1, 2, 4 or 8 | name | value
//! hard: header O     soft: length 2, path     user-defined: length 2, data
//! ```

use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;
use alloc::vec::Vec;

/// A named link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkMessage {
    /// Position in the order of creation, where the group tracks it.
    pub creation_order: Option<i64>,
    /// True if the name is declared to be UTF-8.
    pub utf8: bool,
    /// The name, without NUL.
    pub name: Vec<u8>,
    /// What it points at.
    pub value: LinkValue,
}

/// What a link points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkValue {
    /// An object header.
    Hard(Address),
    /// A path.
    Soft(Vec<u8>),
    /// A path in another file.
    External {
        /// The file's name.
        file: Vec<u8>,
        /// The path in it.
        path: Vec<u8>,
    },
    /// Data of a class that a program defined.
    UserDefined {
        /// 65 to 255.
        class: u8,
        /// The class's own data.
        data: Vec<u8>,
    },
}

const NAME_WIDTH: u8 = 0x03;
const HAS_ORDER: u8 = 0x04;
const HAS_TYPE: u8 = 0x08;
const HAS_CHARSET: u8 = 0x10;

const HARD: u8 = 0;
const SOFT: u8 = 1;
const EXTERNAL: u8 = 64;

impl LinkMessage {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.version(&[1])?;
        let here = cursor.clone();
        let flags = cursor.u8()?;
        if flags & 0xe0 != 0 {
            return Err(here.unexpected("link flags", "0 to 0x1f", alloc::format!("{flags:#x}")));
        }
        let here = cursor.clone();
        let class = if flags & HAS_TYPE == 0 { HARD } else { cursor.u8()? };
        if class > SOFT && class < EXTERNAL {
            return Err(here.unexpected("link type", "0, 1 or 64 to 255", class));
        }
        let creation_order = if flags & HAS_ORDER == 0 { None } else { Some(cursor.i64()?) };
        let here = cursor.clone();
        let charset = if flags & HAS_CHARSET == 0 { 0 } else { cursor.u8()? };
        if charset > 1 {
            return Err(here.unexpected("character set", "0 or 1", charset));
        }
        let here = cursor.clone();
        let len = cursor.uint(1 << (flags & NAME_WIDTH))?;
        if len == 0 {
            return Err(here.unexpected("name length", "above 0", 0));
        }
        let name = cursor.bytes_u64(len)?.to_vec();
        let value = LinkValue::parse(class, cursor)?;
        Ok(LinkMessage { creation_order, utf8: charset == 1, name, value })
    }

    /// Encodes the message with the fields that it needs.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        let width: u8 = match self.name.len() {
            0..=0xff => 0,
            0x100..=0xffff => 1,
            _ => 2,
        };
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let class = self.value.class();
        let flags = width
            | flag(self.creation_order.is_some(), HAS_ORDER)
            | flag(class != HARD, HAS_TYPE)
            | flag(self.utf8, HAS_CHARSET);
        writer.bytes(&[1, flags]);
        if class != HARD {
            writer.u8(class);
        }
        if let Some(order) = self.creation_order {
            writer.i64(order);
        }
        if self.utf8 {
            writer.u8(1);
        }
        writer.uint(self.name.len() as u64, 1 << width)?;
        writer.bytes(&self.name);
        self.value.encode(writer)
    }
}

impl LinkValue {
    fn parse(class: u8, cursor: &mut Cursor<'_>) -> Result<Self> {
        if class == HARD {
            return cursor.defined_address("object header address").map(LinkValue::Hard);
        }
        let here = cursor.clone();
        let len = cursor.u16()?;
        let data = cursor.bytes(usize::from(len))?;
        match class {
            SOFT if data.is_empty() => Err(here.unexpected("soft link length", "above 0", 0)),
            SOFT => Ok(LinkValue::Soft(data.to_vec())),
            EXTERNAL => external(data).ok_or_else(|| here.corrupt("external link without file and path")),
            class => Ok(LinkValue::UserDefined { class, data: data.to_vec() }),
        }
    }

    fn class(&self) -> u8 {
        match self {
            LinkValue::Hard(_) => HARD,
            LinkValue::Soft(_) => SOFT,
            LinkValue::External { .. } => EXTERNAL,
            LinkValue::UserDefined { class, .. } => *class,
        }
    }

    fn encode(&self, writer: &mut Writer) -> Result<()> {
        let len = |writer: &mut Writer, len: usize| writer.uint(len as u64, 2);
        match self {
            LinkValue::Hard(address) => return writer.address(Some(*address)),
            LinkValue::Soft(path) => {
                len(writer, path.len())?;
                writer.bytes(path);
            }
            LinkValue::External { file, path } => {
                len(writer, file.len().saturating_add(path.len()).saturating_add(3))?;
                writer.u8(0);
                writer.bytes(file);
                writer.u8(0);
                writer.bytes(path);
                writer.u8(0);
            }
            LinkValue::UserDefined { data, .. } => {
                len(writer, data.len())?;
                writer.bytes(data);
            }
        }
        Ok(())
    }
}

/// `version and flags 1 | file NUL | path NUL`.
fn external(data: &[u8]) -> Option<LinkValue> {
    let (&flags, rest) = data.split_first()?;
    if flags != 0 {
        return None;
    }
    let file_end = rest.iter().position(|&b| b == 0)?;
    let (file, rest) = rest.split_at_checked(file_end)?;
    let path = rest.get(1..)?;
    let path_end = path.iter().position(|&b| b == 0).unwrap_or(path.len());
    Some(LinkValue::External { file: file.to_vec(), path: path.get(..path_end)?.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};
    use alloc::vec;

    #[test]
    fn parses_what_it_encodes() {
        let values = [
            LinkValue::Hard(Address(0x320)),
            LinkValue::Soft(b"/a/b".to_vec()),
            LinkValue::External { file: b"f.h5".to_vec(), path: b"/x".to_vec() },
            LinkValue::UserDefined { class: 200, data: vec![1, 2, 3] },
        ];
        for value in values {
            for name in [vec![b'n'; 3], vec![b'n'; 300]] {
                for (creation_order, utf8) in [(None, false), (Some(5), true)] {
                    let link = LinkMessage { creation_order, utf8, name: name.clone(), value: value.clone() };
                    testing::round_trip(&link, Sizes::EIGHT, LinkMessage::parse, LinkMessage::encode);
                }
            }
        }
    }

    #[test]
    fn golden_hard_link() {
        let bytes = [1, 0x10, 1, 2, 0xc3, 0xa9, 0x20, 3, 0, 0, 0, 0, 0, 0];
        let link = LinkMessage::parse(&mut Cursor::new(&bytes, 0, "link", Sizes::EIGHT)).unwrap();
        assert_eq!((link.name.as_slice(), link.value), ("é".as_bytes(), LinkValue::Hard(Address(0x320))));
    }

    #[test]
    fn refuses_reserved_types_and_empty_parts() {
        for bytes in [
            &[1u8, 8, 2, 1, b'a', 1, 0, b'x'][..],
            &[1, 0x20, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 0],
            &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[1, 8, 1, 1, b'a', 0, 0],
            &[1, 8, 64, 1, b'a', 2, 0, 0, b'f'],
            &[1, 0x10, 2, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            testing::refused(bytes, Sizes::EIGHT, LinkMessage::parse);
        }
    }
}
