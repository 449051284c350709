//! Element of a fixed or extensible array of chunks (File Format Spec, VII.C and D):
//! `address O | [stored bytes, width by the chunk's size | filter mask 4, if filtered]`.

use crate::codec::{Address, Cursor, Writer};
use crate::error::Result;

/// Whether the elements of an array describe filtered chunks, and how wide their sizes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementForm {
    /// Addresses only (client 0).
    Plain,
    /// With stored bytes and filter mask (client 1).
    Filtered {
        /// Bytes of the number of stored bytes.
        size_width: usize,
    },
}

/// A chunk as an array describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkElement {
    /// Undefined if the chunk is not allocated.
    pub address: Option<Address>,
    /// Stored bytes and filter mask, if filtered.
    pub filtered: Option<(u64, u32)>,
}

impl ElementForm {
    /// Number of the array's client in the file.
    pub fn client(self) -> u8 {
        match self {
            ElementForm::Plain => 0,
            ElementForm::Filtered { .. } => 1,
        }
    }

    /// Bytes of the number of stored bytes, if elements have one.
    pub fn size_width(self) -> Option<usize> {
        match self {
            ElementForm::Plain => None,
            ElementForm::Filtered { size_width } => Some(size_width),
        }
    }

    /// Bytes of an element for the width of an address.
    pub fn len(self, offset: usize) -> usize {
        match self {
            ElementForm::Plain => offset,
            ElementForm::Filtered { size_width } => offset.saturating_add(size_width).saturating_add(4),
        }
    }

    /// Width of a filtered chunk's number of stored bytes: in layout version 4 one byte more than the unfiltered size
    /// needs, at most 8; from version 5 that of a length.
    pub fn filtered(layout_version: u8, chunk_bytes: u64, length: usize) -> Self {
        if layout_version >= 5 {
            return ElementForm::Filtered { size_width: length };
        }
        let bits = chunk_bytes.checked_ilog2().unwrap_or(0).saturating_add(8);
        let width = usize::try_from(bits / 8).unwrap_or(8).saturating_add(1).min(8);
        ElementForm::Filtered { size_width: width }
    }
}

impl ChunkElement {
    /// Parses an element.
    pub fn parse(cursor: &mut Cursor<'_>, form: ElementForm) -> Result<Self> {
        let address = cursor.address()?;
        let filtered = match form {
            ElementForm::Plain => None,
            ElementForm::Filtered { size_width } => Some((cursor.uint(size_width)?, cursor.u32()?)),
        };
        Ok(ChunkElement { address, filtered })
    }

    /// Encodes an element.
    pub fn encode(&self, writer: &mut Writer, form: ElementForm) -> Result<()> {
        writer.address(self.address)?;
        if let ElementForm::Filtered { size_width } = form {
            let (size, mask) = self.filtered.unwrap_or((0, 0));
            writer.uint(size, size_width)?;
            writer.u32(mask);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};

    #[test]
    fn parses_what_it_encodes() {
        let filtered = ElementForm::filtered(4, 400, 8);
        assert_eq!(filtered, ElementForm::Filtered { size_width: 3 });
        assert_eq!(ElementForm::filtered(5, 400, 8), ElementForm::Filtered { size_width: 8 });
        for (form, part) in [(ElementForm::Plain, None), (filtered, Some((77, 1)))] {
            for address in [None, Some(Address(5))] {
                let element = ChunkElement { address, filtered: part };
                let parse = |c: &mut Cursor<'_>| ChunkElement::parse(c, form);
                let bytes = testing::round_trip(&element, Sizes::EIGHT, parse, |e, w| e.encode(w, form));
                assert_eq!(bytes.len(), form.len(8));
            }
        }
    }
}
