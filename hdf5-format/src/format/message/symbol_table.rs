//! Symbol table message (File Format Spec, IV.A.2.r): an old-style group: `B-tree O | local heap O`.

use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;

/// Where an old-style group keeps its links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolTableMessage {
    /// Version 1 B-tree over symbol table nodes.
    pub btree: Address,
    /// Local heap with the names.
    pub heap: Address,
}

impl SymbolTableMessage {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let btree = cursor.defined_address("B-tree address")?;
        Ok(SymbolTableMessage { btree, heap: cursor.defined_address("local heap address")? })
    }

    /// Encodes the message.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.address(Some(self.btree))?;
        writer.address(Some(self.heap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    #[test]
    fn parses_what_it_encodes() {
        let message = SymbolTableMessage { btree: Address(0x88), heap: Address(0x2a8) };
        testing::round_trip(&message, Sizes::EIGHT, SymbolTableMessage::parse, SymbolTableMessage::encode);
        testing::refused(&[255; 16], Sizes::EIGHT, SymbolTableMessage::parse);
    }
}
