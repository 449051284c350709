//! Object Comment message, 0x0D (File Format Spec v3/4, IV.A.2.n)
//!
//! ```text
//! | text, NUL-terminated |
//! ```
//! In any object's header.

use crate::codec::{Cursor, Writer};
use crate::error::{Error, ErrorKind, Result};
use alloc::vec::Vec;

/// A text about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The text, without its NUL; in any encoding.
    pub text: Vec<u8>,
}

impl Comment {
    /// Parses the message; what follows the NUL is padding.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        Ok(Comment { text: cursor.c_str()?.to_vec() })
    }

    /// Bytes of the message.
    pub fn encoded_len(&self) -> usize {
        self.text.len().saturating_add(1)
    }

    /// Appends the message.
    pub fn encode(&self, w: &mut Writer) -> Result<()> {
        if self.text.contains(&0) {
            return Err(Error::new(ErrorKind::Invalid, "a comment can not hold a NUL"));
        }
        w.bytes(&self.text);
        w.u8(0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    #[test]
    fn golden_bytes_both_ways() {
        let comment = Comment { text: b"abc".to_vec() };
        let bytes = testing::round_trip(&comment, Sizes::EIGHT, Comment::parse, Comment::encode);
        assert_eq!(bytes, b"abc\0");
        assert_eq!(bytes.len(), comment.encoded_len());
        assert!(Comment { text: b"a\0b".to_vec() }.encode(&mut Writer::new(Sizes::EIGHT)).is_err());
    }
}
