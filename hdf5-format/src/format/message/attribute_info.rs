//! Attribute info message (File Format Spec, IV.A.2.v): attributes of a version 2 object header.
//!
//! ```text
//! version 0 | flags 1 | [next creation index 2, if flag 1] | heap O | name index O | [order index O, if flag 2]
//! ```

use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;

/// Where dense attributes are, and which order is kept of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeInfo {
    /// Creation index that the next attribute gets, if it is tracked; 65535 means that there is none left.
    pub next_index: Option<u16>,
    /// Fractal heap of dense attributes.
    pub heap: Option<Address>,
    /// v2 B-tree of dense attributes, by name.
    pub name_index: Option<Address>,
    /// True if the order of creation is indexed.
    pub order_indexed: bool,
    /// v2 B-tree of dense attributes, by order of creation.
    pub order_index: Option<Address>,
}

impl AttributeInfo {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.version(&[0])?;
        let here = cursor.clone();
        let flags = cursor.u8()?;
        if flags > 3 {
            return Err(here.unexpected("attribute info flags", "0 to 3", flags));
        }
        let next_index = if flags & 1 == 0 { None } else { Some(cursor.u16()?) };
        let (heap, name_index) = (cursor.address()?, cursor.address()?);
        let order_indexed = flags & 2 != 0;
        let order_index = if order_indexed { cursor.address()? } else { None };
        Ok(AttributeInfo { next_index, heap, name_index, order_indexed, order_index })
    }

    /// Encodes the message.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.u8(0);
        writer.u8(u8::from(self.next_index.is_some()) | if self.order_indexed { 2 } else { 0 });
        if let Some(next) = self.next_index {
            writer.u16(next);
        }
        writer.address(self.heap)?;
        writer.address(self.name_index)?;
        if self.order_indexed { writer.address(self.order_index) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    #[test]
    fn parses_what_it_encodes() {
        for next_index in [None, Some(3)] {
            for order_indexed in [false, true] {
                let (heap, name_index, order_index) = (Some(Address(1)), Some(Address(2)), None);
                let info = AttributeInfo { next_index, heap, name_index, order_indexed, order_index };
                testing::round_trip(&info, Sizes::EIGHT, AttributeInfo::parse, AttributeInfo::encode);
            }
        }
        testing::refused(&[0; 1], Sizes::EIGHT, AttributeInfo::parse);
    }
}
