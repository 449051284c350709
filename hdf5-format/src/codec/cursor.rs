//! A bounded reader over one block that knows where in the file it stands.

use super::checksum::lookup3;
use super::width::{Address, Sizes, to_usize};
use crate::error::{Error, Result, Rule};
use alloc::borrow::Cow;
use byteorder::{ByteOrder, LittleEndian};

/// Reads the fields of one structure out of `data`; every error names the structure and the absolute offset.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    data: &'a [u8],
    pos: usize,
    /// Absolute file offset of `data[0]`.
    base: u64,
    structure: &'static str,
    sizes: Sizes,
    /// The checksum is still to be made.
    unsealed: bool,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `data`, which lies at absolute file offset `base`.
    pub fn new(data: &'a [u8], base: u64, structure: &'static str, sizes: Sizes) -> Self {
        Cursor { data, pos: 0, base, structure, sizes, unsealed: false }
    }

    /// The file-wide widths.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The same cursor with other widths: a superblock says its own.
    #[must_use]
    pub fn with_sizes(&self, sizes: Sizes) -> Self {
        Cursor { sizes, ..self.clone() }
    }

    /// The same cursor over bytes that never left this process: their checksum may be missing.
    #[must_use]
    pub fn unsealed(mut self, unsealed: bool) -> Self {
        self.unsealed = unsealed;
        self
    }

    /// True if the checksum may be missing.
    pub fn is_unsealed(&self) -> bool {
        self.unsealed
    }

    /// The same cursor for a structure nested in this one: errors name it instead.
    #[must_use]
    pub fn named(mut self, structure: &'static str) -> Self {
        self.structure = structure;
        self
    }

    /// Absolute file offset of the next byte.
    pub fn offset(&self) -> u64 {
        self.base.saturating_add(self.pos as u64)
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.pos
    }

    /// Bytes left.
    pub fn remaining(&self) -> usize {
        self.data.len().saturating_sub(self.pos)
    }

    /// True at the end.
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// An error of this structure at the next byte.
    pub fn corrupt(&self, message: impl Into<Cow<'static, str>>) -> Error {
        Error::corrupt(self.structure, self.offset(), message)
    }

    /// An error "`field`: expected ..., found ..." at the next byte.
    pub fn unexpected(&self, field: &str, expected: impl core::fmt::Display, found: impl core::fmt::Display) -> Error {
        self.corrupt(alloc::format!("{field}: expected {expected}, found {found}"))
    }

    /// The next `len` bytes.
    #[inline]
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8]> {
        match self.data.get(self.pos..).and_then(|rest| rest.get(..len)) {
            Some(bytes) => {
                self.pos = self.pos.saturating_add(len);
                Ok(bytes)
            }
            None => Err(self.ends_too_early(len)),
        }
    }

    #[cold]
    fn ends_too_early(&self, len: usize) -> Error {
        self.corrupt(alloc::format!("ends too early: {len} bytes needed, {} left", self.remaining()))
    }

    /// The next bytes, with a count that came from the file.
    pub fn bytes_u64(&mut self, len: u64) -> Result<&'a [u8]> {
        self.bytes(to_usize(len).map_err(|e| e.within(self.structure).at(self.offset()))?)
    }

    /// A fixed number of bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.data.get(self.pos..).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => {
                self.pos = self.pos.saturating_add(N);
                Ok(*bytes)
            }
            None => Err(self.ends_too_early(N)),
        }
    }

    /// A cursor over the next `len` bytes; this one moves past them.
    pub fn sub(&mut self, len: usize) -> Result<Cursor<'a>> {
        let base = self.offset();
        Ok(Cursor { data: self.bytes(len)?, pos: 0, base, ..*self })
    }

    /// Everything left; this cursor moves to the end.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.data.get(self.pos..).unwrap_or(&[]);
        self.pos = self.data.len();
        rest
    }

    /// Moves past `len` bytes.
    #[inline]
    pub fn skip(&mut self, len: usize) -> Result<()> {
        self.bytes(len).map(|_| ())
    }

    /// Moves to the next multiple of `n` bytes from the start of this cursor.
    pub fn align(&mut self, n: usize) -> Result<()> {
        let over = self.pos.checked_rem(n).unwrap_or(0);
        if over == 0 { Ok(()) } else { self.skip(n.saturating_sub(over)) }
    }

    /// One byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[b]| b)
    }

    /// 16 bits, little-endian.
    #[inline]
    pub fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// 32 bits, little-endian.
    #[inline]
    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// 64 bits, little-endian.
    #[inline]
    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// 64 bits, little-endian, signed.
    pub fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// An unsigned number of `width` bytes (0 to 32), little-endian; refused above `u64::MAX`.
    #[inline]
    pub fn uint(&mut self, width: usize) -> Result<u64> {
        match width {
            8 => self.u64(),
            4 => self.u32().map(u64::from),
            2 => self.u16().map(u64::from),
            _ => self.uint_of_any_width(width),
        }
    }

    fn uint_of_any_width(&mut self, width: usize) -> Result<u64> {
        let start = self.clone();
        let bytes = self.bytes(width)?;
        let (low, high) = bytes.split_at_checked(8).unwrap_or((bytes, &[]));
        if high.iter().any(|&b| b != 0) {
            return Err(start.corrupt("number above 64 bits"));
        }
        Ok(if low.is_empty() { 0 } else { LittleEndian::read_uint(low, low.len()) })
    }

    /// An address of the file-wide width; all bits one is `None`.
    pub fn address(&mut self) -> Result<Option<Address>> {
        let width = self.sizes.o();
        let mut peek = self.clone();
        if peek.bytes(width)?.iter().all(|&b| b == 0xff) {
            *self = peek;
            return Ok(None);
        }
        self.uint(width).map(|a| Some(Address(a)))
    }

    /// An address that must be defined; `field` names it in the error.
    pub fn defined_address(&mut self, field: &str) -> Result<Address> {
        let start = self.clone();
        self.address()?.ok_or_else(|| start.unexpected(field, "a defined address", "the undefined address"))
    }

    /// A length of the file-wide width. All bits one stays what it is in that width: see [`Cursor::length_or_undefined`].
    #[inline]
    pub fn length(&mut self) -> Result<u64> {
        self.uint(self.sizes.l())
    }

    /// A length of the file-wide width, `None` if all its bits are one ("unlimited", "undefined").
    pub fn length_or_undefined(&mut self) -> Result<Option<u64>> {
        let width = self.sizes.l();
        let mut peek = self.clone();
        if peek.bytes(width)?.iter().all(|&b| b == 0xff) {
            *self = peek;
            return Ok(None);
        }
        self.uint(width).map(Some)
    }

    /// Bytes up to a NUL, which is consumed and not returned.
    pub fn c_str(&mut self) -> Result<&'a [u8]> {
        let rest = self.data.get(self.pos..).unwrap_or(&[]);
        let Some(len) = rest.iter().position(|&b| b == 0) else {
            return Err(self.corrupt("text without its terminating NUL"));
        };
        let text = self.bytes(len)?;
        self.skip(1)?;
        Ok(text)
    }

    /// Checks a four-byte (or longer) signature.
    pub fn signature(&mut self, expected: &[u8]) -> Result<()> {
        let start = self.clone();
        let found = self.bytes(expected.len())?;
        if found == expected {
            return Ok(());
        }
        let show = |b: &[u8]| alloc::format!("\"{}\"", b.escape_ascii());
        Err(start.unexpected("signature", show(expected), show(found)))
    }

    /// A version byte that must be one of `allowed`.
    pub fn version(&mut self, allowed: &[u8]) -> Result<u8> {
        let start = self.clone();
        let found = self.u8()?;
        if allowed.contains(&found) {
            return Ok(found);
        }
        Err(start.unexpected("version", alloc::format!("one of {allowed:?}"), found))
    }

    /// A lookup3 checksum over every byte of this cursor before the current position, which holds the stored one.
    pub fn checksum(&mut self) -> Result<()> {
        if self.unsealed {
            return self.skip(4);
        }
        let computed = lookup3(self.data.get(..self.pos).unwrap_or(&[]), 0);
        let start = self.clone();
        let stored = self.u32()?;
        if computed == stored {
            return Ok(());
        }
        Err(start
            .unexpected("checksum", alloc::format!("{computed:#010x}"), alloc::format!("{stored:#010x}"))
            .breaks(Rule::Checksum)
            .with_hint("the file is damaged here"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(data: &[u8]) -> Cursor<'_> {
        Cursor::new(data, 100, "thing", Sizes { offset: 4, length: 2 })
    }

    #[test]
    fn reads_fields_and_knows_its_offset() {
        let mut c = cursor(&[1, 2, 0, 0xff, 0xff, 0xff, 0xff, 5, 0, b'a', 0]);
        assert_eq!(c.u8().unwrap(), 1);
        assert_eq!(c.u16().unwrap(), 2);
        assert_eq!(c.address().unwrap(), None);
        assert_eq!(c.length().unwrap(), 5);
        assert_eq!(c.c_str().unwrap(), b"a");
        assert_eq!((c.offset(), c.remaining()), (111, 0));
        let error = c.u8().unwrap_err();
        assert_eq!(error.to_string(), "thing at 0x6f: ends too early: 1 bytes needed, 0 left");
    }

    #[test]
    fn refuses_numbers_above_64_bits() {
        let mut wide = [0u8; 16];
        wide[3] = 1;
        assert_eq!(cursor(&wide).uint(16).unwrap(), 1 << 24);
        wide[9] = 1;
        assert!(cursor(&wide).uint(16).is_err());
    }

    #[test]
    fn align_counts_from_the_start_of_the_cursor() {
        let mut c = cursor(&[0; 16]);
        c.skip(3).unwrap();
        c.align(8).unwrap();
        assert_eq!(c.position(), 8);
        c.align(8).unwrap();
        assert_eq!(c.position(), 8);
    }
}
