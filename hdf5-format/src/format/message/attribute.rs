//! Attribute message (File Format Spec, IV.A.2.m).
//!
//! ```text
//! v1  version 1 | 0     | name length 2 | datatype length 2 | dataspace length 2 | name, datatype, dataspace, each
//!     padded to 8 | data
//! v2  version 2 | flags | the same lengths | name | datatype | dataspace | data
//! v3  as v2, with the name's character set 1 after the lengths
//! ```
//!
//! Flags: 1 the datatype, 2 the dataspace is a shared message pointer.

use crate::codec::{Cursor, Writer};
use crate::error::Result;

/// An attribute as it lies in its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeMessage<'a> {
    /// 1 to 3.
    pub version: u8,
    /// True if the name is declared to be UTF-8.
    pub utf8: bool,
    /// The name, without NUL.
    pub name: &'a [u8],
    /// The datatype message, or a pointer to it.
    pub datatype: Part<'a>,
    /// The dataspace message, or a pointer to it.
    pub dataspace: Part<'a>,
    /// The value, and whatever padding follows it.
    pub data: &'a [u8],
}

/// A message within the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// True if the body is a shared message pointer.
    pub shared: bool,
    /// Absolute file offset of the body.
    pub offset: u64,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> AttributeMessage<'a> {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'a>) -> Result<Self> {
        let version = cursor.version(&[1, 2, 3])?;
        let here = cursor.clone();
        let flags = cursor.u8()?;
        let flags = if version == 1 { 0 } else { flags };
        if flags > 3 {
            return Err(here.unexpected("attribute flags", "0 to 3", flags));
        }
        let here = cursor.clone();
        let (name_len, type_len, space_len) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
        let charset = if version == 3 { cursor.u8()? } else { 0 };
        if charset > 1 {
            return Err(here.unexpected("character set", "0 or 1", charset));
        }
        let mut padded = |len: u16| -> Result<(u64, &'a [u8])> {
            let offset = cursor.offset();
            let body = cursor.bytes(usize::from(len))?;
            if version == 1 {
                let len = usize::from(len);
                cursor.skip(len.next_multiple_of(8).saturating_sub(len))?;
            }
            Ok((offset, body))
        };
        let (_, name) = padded(name_len)?;
        let (type_offset, datatype) = padded(type_len)?;
        let (space_offset, dataspace) = padded(space_len)?;
        let name = match name.split_last() {
            Some((0, text)) if !text.is_empty() && !text.contains(&0) => text,
            _ => return Err(here.corrupt("the name is empty, or does not end in the one NUL that its length counts")),
        };
        Ok(AttributeMessage {
            version,
            utf8: charset == 1,
            name,
            datatype: Part { shared: flags & 1 != 0, offset: type_offset, body: datatype },
            dataspace: Part { shared: flags & 2 != 0, offset: space_offset, body: dataspace },
            data: cursor.rest(),
        })
    }

    /// Encodes the message in its version.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        let shared = u8::from(self.datatype.shared) | if self.dataspace.shared { 2 } else { 0 };
        writer.bytes(&[self.version, if self.version == 1 { 0 } else { shared }]);
        writer.uint((self.name.len() as u64).saturating_add(1), 2)?;
        writer.uint(self.datatype.body.len() as u64, 2)?;
        writer.uint(self.dataspace.body.len() as u64, 2)?;
        if self.version == 3 {
            writer.u8(u8::from(self.utf8));
        }
        for part in [self.name, self.datatype.body, self.dataspace.body] {
            let start = writer.position();
            writer.bytes(part);
            if core::ptr::eq(part, self.name) {
                writer.u8(0);
            }
            if self.version == 1 {
                writer.align_from(start, 8);
            }
        }
        writer.bytes(self.data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;

    fn parse(bytes: &[u8]) -> Result<AttributeMessage<'_>> {
        AttributeMessage::parse(&mut Cursor::new(bytes, 0, "attribute", Sizes::EIGHT))
    }

    #[test]
    fn parses_what_it_encodes() {
        for version in 1..=3 {
            let message = AttributeMessage {
                version,
                utf8: version == 3,
                name: b"units",
                datatype: Part { shared: version > 1, offset: 0, body: &[1; 10] },
                dataspace: Part { shared: false, offset: 0, body: &[2; 4] },
                data: &[3; 5],
            };
            let mut writer = Writer::new(Sizes::EIGHT);
            message.encode(&mut writer).unwrap();
            let bytes = writer.into_bytes();
            let parsed = parse(&bytes).unwrap();
            assert_eq!(
                (parsed.name, parsed.datatype.body, parsed.data),
                (message.name, message.datatype.body, message.data)
            );
            assert_eq!((parsed.datatype.shared, parsed.utf8), (message.datatype.shared, message.utf8));
            // The data may have any length: what it needs is known only with the type.
            let parts = bytes.len() - 5;
            (0..parts).for_each(|n| assert!(parse(&bytes[..n]).is_err(), "version {version}, {n} bytes"));
        }
    }

    #[test]
    fn refuses_names_that_contradict_their_length() {
        for name in [&b"\0"[..], b"ab", b"a\0\0", b""] {
            let mut bytes = alloc::vec![2u8, 0, u8::try_from(name.len()).unwrap(), 0, 0, 0, 0, 0];
            bytes.extend_from_slice(name);
            assert!(parse(&bytes).is_err(), "{name:?}");
        }
    }
}
