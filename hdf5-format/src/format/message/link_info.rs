//! Link info message (File Format Spec, IV.A.2.c): a new-style group.
//!
//! ```text
//! version 0 | flags 1 | [next creation order 8, if flag 1] | heap O | name index O | [order index O, if flag 2]
//! ```

use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;

/// Where a new-style group keeps its links, and which order it keeps of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// Creation order that the next link gets, if it is tracked. The specification calls it the maximum.
    pub next_order: Option<i64>,
    /// Fractal heap of a dense group.
    pub heap: Option<Address>,
    /// v2 B-tree of a dense group, by name.
    pub name_index: Option<Address>,
    /// True if the order of creation is indexed.
    pub order_indexed: bool,
    /// v2 B-tree of a dense group, by order of creation.
    pub order_index: Option<Address>,
}

const TRACKED: u8 = 1;
const INDEXED: u8 = 2;

impl LinkInfo {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.version(&[0])?;
        let here = cursor.clone();
        let flags = cursor.u8()?;
        if flags & !(TRACKED | INDEXED) != 0 {
            return Err(here.unexpected("link info flags", "0 to 3", flags));
        }
        let next_order = if flags & TRACKED == 0 { None } else { Some(cursor.i64()?) };
        if next_order.is_some_and(|n| n < 0) {
            return Err(here.corrupt("the next creation order is negative"));
        }
        let (heap, name_index) = (cursor.address()?, cursor.address()?);
        let order_indexed = flags & INDEXED != 0;
        let order_index = if order_indexed { cursor.address()? } else { None };
        Ok(LinkInfo { next_order, heap, name_index, order_indexed, order_index })
    }

    /// Encodes the message.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        let tracked = if self.next_order.is_some() { TRACKED } else { 0 };
        let indexed = if self.order_indexed { INDEXED } else { 0 };
        writer.bytes(&[0, tracked | indexed]);
        if let Some(next) = self.next_order {
            writer.i64(next);
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
        for next_order in [None, Some(7)] {
            for order_indexed in [false, true] {
                let order_index = order_indexed.then_some(Address(3));
                let (heap, name_index) = (Some(Address(1)), None);
                let info = LinkInfo { next_order, heap, name_index, order_indexed, order_index };
                let mut bytes = testing::round_trip(&info, Sizes::EIGHT, LinkInfo::parse, LinkInfo::encode);
                bytes[1] |= 4;
                testing::refused(&bytes, Sizes::EIGHT, LinkInfo::parse);
            }
        }
    }
}
