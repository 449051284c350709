//! Messages in the chunks of an object header (File Format Spec v3/4, IV.A.1); the prefixes are beside this.
//!
//! ```text
//! v1: | type 2 | size 2 | flags 1 | 0 3 | body, a multiple of 8 |
//! v2: | type 1 | size 2 | flags 1 | creation index 2, if tracked | body |
//! v2 chunks may end in a gap of zeros, shorter than a message header.
//! ```

mod flags;
mod v1;
mod v2;

pub use flags::MessageFlags;
pub use v1::PrefixV1;
pub use v2::{PrefixV2, Times, header_flags};

use super::message::MessageKind;
use crate::codec::{Cursor, Writer};
use crate::error::{Error, ErrorKind, Result};

/// A message as it lies in a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawMessage<'a> {
    /// Type.
    pub kind: MessageKind,
    /// Flags.
    pub flags: MessageFlags,
    /// Position in the order of creation (version 2, where the header tracks it).
    pub creation_index: Option<u16>,
    /// Absolute file offset of the body.
    pub offset: u64,
    /// The body.
    pub body: &'a [u8],
}

/// How messages are laid out in the chunks of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageForm {
    /// 8-byte message headers, bodies in multiples of 8 bytes.
    V1,
    /// 4-byte message headers, or 6 with a creation index.
    V2 {
        /// True if each message has a creation index.
        creation_index: bool,
    },
}

impl MessageForm {
    /// Bytes before the body.
    pub fn header_len(self) -> usize {
        match self {
            MessageForm::V1 => 8,
            MessageForm::V2 { creation_index: false } => 4,
            MessageForm::V2 { creation_index: true } => 6,
        }
    }

    /// Bytes of a message with its header.
    pub fn encoded_len(self, message: &RawMessage<'_>) -> usize {
        self.header_len().saturating_add(message.body.len())
    }

    /// Appends a message. Version 1 needs bodies in multiples of 8 bytes, version 2 types below 256; a creation index
    /// that the form has and the message lacks is 0.
    pub fn encode(self, message: &RawMessage<'_>, w: &mut Writer) -> Result<()> {
        self.encode_header(message, message.body.len(), w)?;
        w.bytes(message.body);
        Ok(())
    }

    /// Appends what stands before the body of a message, which has `len` bytes.
    pub fn encode_header(self, message: &RawMessage<'_>, len: usize, w: &mut Writer) -> Result<()> {
        let len = len as u64;
        match self {
            MessageForm::V1 => {
                if !len.is_multiple_of(8) {
                    return Err(Error::new(ErrorKind::Invalid, "the message's size is not a multiple of 8")
                        .within(message.kind.name()));
                }
                w.u16(message.kind.id());
                w.uint(len, 2)?;
                w.bytes(&[message.flags.0, 0, 0, 0]);
            }
            MessageForm::V2 { creation_index } => {
                w.uint(u64::from(message.kind.id()), 1)?;
                w.uint(len, 2)?;
                w.u8(message.flags.0);
                if creation_index {
                    w.u16(message.creation_index.unwrap_or(0));
                }
            }
        }
        Ok(())
    }

    /// The next message of a chunk, or `None` at its end (or in the gap at its end).
    pub fn next<'a>(self, chunk: &mut Cursor<'a>) -> Result<Option<RawMessage<'a>>> {
        if chunk.is_empty() {
            return Ok(None);
        }
        if chunk.remaining() < self.header_len() {
            return match self {
                MessageForm::V1 => Err(chunk.corrupt("less than a message header is left in the chunk")),
                MessageForm::V2 { .. } => gap(chunk),
            };
        }
        let start = chunk.clone();
        let (kind, len, flags, creation_index) = match self {
            MessageForm::V1 => {
                let (kind, len, flags) = (chunk.u16()?, chunk.u16()?, chunk.u8()?);
                chunk.skip(3)?;
                (kind, len, flags, None)
            }
            MessageForm::V2 { creation_index } => {
                let (kind, len, flags) = (u16::from(chunk.u8()?), chunk.u16()?, chunk.u8()?);
                (kind, len, flags, if creation_index { Some(chunk.u16()?) } else { None })
            }
        };
        if self == MessageForm::V1 && !len.is_multiple_of(8) {
            return Err(start.unexpected("message size", "a multiple of 8", len));
        }
        let kind = MessageKind::from(kind);
        let flags = MessageFlags::parse(flags, kind, &start)?;
        let offset = chunk.offset();
        let body = chunk.bytes(usize::from(len))?;
        Ok(Some(RawMessage { kind, flags, creation_index, offset, body }))
    }
}

/// The end of a version 2 chunk, too short for a message.
fn gap<'a>(chunk: &mut Cursor<'_>) -> Result<Option<RawMessage<'a>>> {
    let start = chunk.clone();
    if chunk.rest().iter().any(|&b| b != 0) {
        return Err(start.corrupt("the gap at the end of the chunk is not zero"));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;

    fn cursor(bytes: &[u8]) -> Cursor<'_> {
        Cursor::new(bytes, 64, "object header", Sizes::EIGHT)
    }

    #[test]
    fn reads_messages_of_both_forms() {
        let bytes = [0x11, 0, 8, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        let message = MessageForm::V1.next(&mut cursor(&bytes)).unwrap().unwrap();
        assert_eq!((message.kind, message.offset, message.body.len()), (MessageKind::SymbolTable, 72, 8));
        let bytes = [6, 2, 0, 1, 5, 0, 9, 9, 0, 0, 0];
        let mut chunk = cursor(&bytes);
        let form = MessageForm::V2 { creation_index: true };
        let message = form.next(&mut chunk).unwrap().unwrap();
        assert_eq!((message.kind, message.creation_index, message.body), (MessageKind::Link, Some(5), &[9u8, 9][..]));
        assert_eq!(form.next(&mut chunk).unwrap(), None);
    }

    #[test]
    fn parses_what_it_encodes() {
        let forms =
            [MessageForm::V1, MessageForm::V2 { creation_index: false }, MessageForm::V2 { creation_index: true }];
        for form in forms {
            let creation_index = (form.header_len() == 6).then_some(0x0102);
            let message = RawMessage {
                kind: MessageKind::Datatype,
                flags: MessageFlags(MessageFlags::CONSTANT),
                creation_index,
                offset: 64 + form.header_len() as u64,
                body: b"12345678",
            };
            let mut w = Writer::new(Sizes::EIGHT);
            form.encode(&message, &mut w).unwrap();
            assert_eq!(w.position(), form.encoded_len(&message));
            assert_eq!(form.next(&mut cursor(w.as_slice())).unwrap(), Some(message));
            for len in 1..w.position() {
                let parsed = form.next(&mut cursor(&w.as_slice()[..len]));
                assert!(parsed.is_err(), "{form:?} {len}");
            }
        }
    }

    #[test]
    fn refuses_bad_sizes_gaps_and_truncation() {
        assert!(MessageForm::V1.next(&mut cursor(&[1, 0, 7, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7])).is_err());
        assert!(MessageForm::V1.next(&mut cursor(&[1, 0, 8, 0, 0, 0, 0, 0, 1])).is_err());
        assert!(MessageForm::V1.next(&mut cursor(&[1, 0, 8])).is_err());
        assert!(MessageForm::V2 { creation_index: false }.next(&mut cursor(&[0, 1, 0])).is_err());
    }
}
