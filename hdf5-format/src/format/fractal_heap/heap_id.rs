//! Fractal heap id (File Format Spec, III.G): how links, attributes and shared messages name an object of a heap.
//!
//! ```text
//! first byte: version 0 << 6 | type << 4 | low nibble
//! type 0, managed:  offset, of the width that the doubling table gives | length | zeros
//! type 1, huge:     key, up to 8 bytes | zeros                           object in the heap's B-tree
//!              or:  address O | length L                                 ids long enough, no filter
//!              or:  address O | length L | filter mask 4 | size L        ids long enough, filtered
//! type 2, tiny:     the object; length - 1 in the low nibble, or in the nibble and the next byte
//! ```
//!
//! The version is 0. All ids of a heap have the same number of bytes.

use super::header::FractalHeapHeader;
use crate::codec::{Address, Cursor, Sizes, Writer, limited_width};
use crate::error::{Error, ErrorKind, Result};

/// Name in errors.
pub const STRUCTURE: &str = "fractal heap id";

/// Longest object that a nibble can count.
const SHORT_TINY: usize = 16;

/// Widths of the parts of a heap's ids; they follow from its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdForm {
    /// Bytes of an id.
    pub len: usize,
    /// Bytes of a managed object's offset.
    pub offset_width: usize,
    /// Bytes of a managed object's length.
    pub length_width: usize,
    /// True if huge objects are named by their address.
    pub huge_direct: bool,
    /// True if the heap is filtered.
    pub filtered: bool,
}

/// An id taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeapId<'a> {
    /// In a direct block.
    Managed {
        /// Offset in the heap's address space.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// Alone in the file.
    Huge(HugeId),
    /// In the id.
    Tiny(&'a [u8]),
}

/// Where a huge object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HugeId {
    /// At an address.
    Direct {
        /// First byte.
        address: Address,
        /// Stored bytes.
        len: u64,
        /// Filter mask and decoded bytes, in a filtered heap.
        filtered: Option<(u32, u64)>,
    },
    /// In the record with this id of the heap's B-tree.
    Indirect(u64),
}

impl IdForm {
    /// The form of the ids of the heap with this header.
    pub fn new(header: &FractalHeapHeader, sizes: Sizes) -> Self {
        let direct_bits = header.table.max_direct.checked_ilog2().unwrap_or(0);
        let direct_width = usize::try_from(direct_bits).unwrap_or(0).div_ceil(8);
        let filtered = header.filter.is_some();
        let form = IdForm {
            len: usize::from(header.id_len),
            offset_width: header.table.offset_width(),
            length_width: direct_width.min(limited_width(header.max_managed.into())),
            huge_direct: false,
            filtered,
        };
        let direct_len = sizes.o().saturating_add(sizes.l());
        let more = if filtered { sizes.l().saturating_add(4) } else { 0 };
        IdForm { huge_direct: direct_len.saturating_add(more) <= form.room(), ..form }
    }

    /// Bytes after the first.
    fn room(self) -> usize {
        self.len.saturating_sub(1)
    }

    /// Bytes of a huge object's key.
    pub fn key_width(self) -> usize {
        self.room().min(8)
    }

    /// True if a tiny object's length takes a second byte.
    fn tiny_extended(self) -> bool {
        self.room() > SHORT_TINY.saturating_add(1)
    }

    /// Bytes of the largest tiny object.
    pub fn max_tiny(self) -> usize {
        if self.tiny_extended() { self.room().saturating_sub(1) } else { self.room().min(SHORT_TINY) }
    }
}

impl<'a> HeapId<'a> {
    /// Parses an id.
    pub fn parse(cursor: &mut Cursor<'a>, form: IdForm) -> Result<Self> {
        let here = cursor.clone();
        let first = cursor.u8()?;
        if first >> 6 != 0 {
            return Err(here.unexpected("version", 0, first >> 6));
        }
        match first >> 4 {
            0 => {
                let (offset, len) = (cursor.uint(form.offset_width)?, cursor.uint(form.length_width)?);
                Ok(HeapId::Managed { offset, len })
            }
            1 if form.huge_direct => {
                let (address, len) = (cursor.defined_address("huge object address")?, cursor.length()?);
                let filtered = if form.filtered { Some((cursor.u32()?, cursor.length()?)) } else { None };
                Ok(HeapId::Huge(HugeId::Direct { address, len, filtered }))
            }
            1 => cursor.uint(form.key_width()).map(|key| HeapId::Huge(HugeId::Indirect(key))),
            2 => {
                let low = usize::from(first & 0x0f);
                let less_one = if form.tiny_extended() { low << 8 | usize::from(cursor.u8()?) } else { low };
                cursor.bytes(less_one.saturating_add(1)).map(HeapId::Tiny)
            }
            other => Err(here.unexpected("type", "0, 1 or 2", other)),
        }
    }

    /// Encodes an id, with zeros up to the length of the heap's ids.
    pub fn encode(&self, writer: &mut Writer, form: IdForm) -> Result<()> {
        let start = writer.position();
        match self {
            HeapId::Managed { offset, len } => {
                writer.u8(0);
                writer.uint(*offset, form.offset_width)?;
                writer.uint(*len, form.length_width)?;
            }
            HeapId::Huge(huge) => {
                writer.u8(1 << 4);
                huge.encode(writer, form)?;
            }
            HeapId::Tiny(object) => {
                let less_one = object.len().checked_sub(1).filter(|_| object.len() <= form.max_tiny());
                let [low, high] =
                    less_one.and_then(|n| u16::try_from(n).ok()).map(u16::to_le_bytes).ok_or_else(|| {
                        Error::new(ErrorKind::Invalid, alloc::format!("{} bytes are no tiny object", object.len()))
                    })?;
                if form.tiny_extended() {
                    writer.bytes(&[2 << 4 | high, low]);
                } else {
                    writer.u8(2 << 4 | low);
                }
                writer.bytes(object);
            }
        }
        let written = writer.position().saturating_sub(start);
        let rest = form.len.checked_sub(written).ok_or_else(|| {
            Error::new(
                ErrorKind::Invalid,
                alloc::format!("id of {written} bytes in a heap whose ids have {}", form.len),
            )
        })?;
        writer.zeros(rest);
        Ok(())
    }
}

impl HugeId {
    fn encode(&self, writer: &mut Writer, form: IdForm) -> Result<()> {
        match *self {
            HugeId::Direct { address, len, filtered } => {
                writer.address(Some(address))?;
                writer.length(len)?;
                if let Some((mask, size)) = filtered {
                    writer.u32(mask);
                    writer.length(size)?;
                }
                Ok(())
            }
            HugeId::Indirect(key) => writer.uint(key, form.key_width()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;
    use alloc::vec::Vec;

    const SIZES: Sizes = Sizes { offset: 4, length: 4 };

    fn form(len: usize, huge_direct: bool, filtered: bool) -> IdForm {
        IdForm { len, offset_width: 4, length_width: 2, huge_direct, filtered }
    }

    /// Round trip of the meaning, each truncation that cuts into it refused.
    fn check(id: HeapId<'_>, form: IdForm, golden: &[u8]) {
        let mut writer = Writer::new(SIZES);
        id.encode(&mut writer, form).unwrap();
        assert_eq!(&writer.as_slice()[..golden.len()], golden);
        assert_eq!(writer.position(), form.len);
        assert!(writer.as_slice()[golden.len()..].iter().all(|&b| b == 0));
        let parse = |b: &[u8]| HeapId::parse(&mut Cursor::new(b, 0, STRUCTURE, SIZES), form).map(|found| found == id);
        assert!(parse(writer.as_slice()).unwrap());
        (0..golden.len()).for_each(|n| assert!(parse(&golden[..n]).is_err(), "{n}"));
    }

    #[test]
    fn golden_bytes_of_every_type() {
        check(HeapId::Managed { offset: 0x0102, len: 7 }, form(8, false, false), &[0, 2, 1, 0, 0, 7, 0]);
        let key = HeapId::Huge(HugeId::Indirect(9));
        check(key, form(8, false, false), &[0x10, 9, 0, 0, 0, 0, 0, 0]);
        check(key, form(12, false, false), &[0x10, 9, 0, 0, 0, 0, 0, 0, 0]);
        let direct = |filtered| HeapId::Huge(HugeId::Direct { address: Address(0x0304), len: 5, filtered });
        check(direct(None), form(9, true, false), &[0x10, 4, 3, 0, 0, 5, 0, 0, 0]);
        let golden = [0x10, 4, 3, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0];
        check(direct(Some((1, 6))), form(17, true, true), &golden);
        check(HeapId::Tiny(b"abc"), form(8, false, false), b"\x22abc");
    }

    #[test]
    fn tiny_objects_of_long_ids() {
        for (len, most) in [(8, 7), (17, 16), (18, 16), (19, 17), (300, 298)] {
            let form = form(len, false, false);
            assert_eq!(form.max_tiny(), most, "{len}");
            let object: Vec<u8> = (1..=most).map(|n| n as u8 | 1).collect();
            let mut golden = if len > 18 {
                alloc::vec![0x20 | ((most - 1) >> 8) as u8, (most - 1) as u8]
            } else {
                alloc::vec![0x20 | (most - 1) as u8]
            };
            golden.extend_from_slice(&object);
            check(HeapId::Tiny(&object), form, &golden);
            let longer = alloc::vec![1; most + 1];
            assert!(HeapId::Tiny(&longer).encode(&mut Writer::new(SIZES), form).is_err());
        }
        assert!(HeapId::Tiny(b"").encode(&mut Writer::new(SIZES), form(8, false, false)).is_err());
    }

    #[test]
    fn refuses_other_versions_and_types() {
        for first in [0x40, 0x80, 0x30] {
            testing::refused(&[first; 8], SIZES, |c| HeapId::parse(c, form(8, false, false)).map(|_| ()));
        }
        let managed = HeapId::Managed { offset: 1 << 40, len: 7 };
        assert!(managed.encode(&mut Writer::new(SIZES), form(8, false, false)).is_err());
        assert!(HeapId::Managed { offset: 1, len: 7 }.encode(&mut Writer::new(SIZES), form(5, false, false)).is_err());
    }
}
