//! Shared message pointer (File Format Spec, IV.A.2, "Shared Message"): the body of a message that is stored
//! elsewhere, and the datatype or dataspace of an attribute that is.
//!
//! ```text
//! v1  version 1 | type 1 | 0 6 | L bytes | object header O      v2  version 2 | type 1 | object header O
//! v3  version 3 | type 1 | heap id 8, or object header O
//! ```
//!
//! libhdf5 reads version 1 as an old symbol table entry, with a name offset before the address that the
//! specification does not show.

use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;

/// Where a shared message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedPointer {
    /// In the shared message heap of its kind.
    Heap([u8; 8]),
    /// In another object's header: a committed datatype.
    Object(Address),
}

const IN_HEAP: u8 = 1;
const COMMITTED: u8 = 2;

impl SharedPointer {
    /// Parses a pointer of any version.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let version = cursor.version(&[1, 2, 3])?;
        let here = cursor.clone();
        let kind = cursor.u8()?;
        match (version, kind) {
            (1, _) => {
                cursor.skip(6)?;
                cursor.skip(cursor.sizes().l())?;
            }
            (3, IN_HEAP) => return cursor.array().map(SharedPointer::Heap),
            (3, COMMITTED) | (2, _) => {}
            (_, other) => return Err(here.unexpected("shared message type", "1 or 2", other)),
        }
        cursor.defined_address("shared message address").map(SharedPointer::Object)
    }

    /// Encodes as libhdf5 does: version 3 for the heap, version 2 for a committed datatype.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        match self {
            SharedPointer::Heap(id) => {
                writer.bytes(&[3, IN_HEAP]);
                writer.bytes(id);
                Ok(())
            }
            SharedPointer::Object(address) => {
                writer.bytes(&[2, COMMITTED]);
                writer.address(Some(*address))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    #[test]
    fn parses_what_it_encodes() {
        for pointer in [SharedPointer::Heap(*b"\0abcdefg"), SharedPointer::Object(Address(0x320))] {
            testing::round_trip(&pointer, Sizes::EIGHT, SharedPointer::parse, SharedPointer::encode);
        }
    }

    #[test]
    fn reads_version_1_as_libhdf5_does() {
        let mut bytes = [0u8; 24];
        (bytes[0], bytes[8], bytes[16]) = (1, 0x77, 0x40);
        let parsed = SharedPointer::parse(&mut Cursor::new(&bytes, 0, "x", Sizes::EIGHT)).unwrap();
        assert_eq!(parsed, SharedPointer::Object(Address(0x40)));
    }

    #[test]
    fn refuses_other_types_and_versions() {
        testing::refused(&[3, 3, 0, 0, 0, 0, 0, 0, 0, 0], Sizes::EIGHT, SharedPointer::parse);
        testing::refused(&[4, 2, 0, 0, 0, 0, 0, 0, 0, 0], Sizes::EIGHT, SharedPointer::parse);
        testing::refused(&[2, 0, 255, 255, 255, 255, 255, 255, 255, 255], Sizes::EIGHT, SharedPointer::parse);
    }
}
