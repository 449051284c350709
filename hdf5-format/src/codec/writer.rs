//! Builds the bytes of one structure; the counterpart of [`Cursor`](super::Cursor).

use super::checksum::lookup3;
use super::width::{Address, Sizes};
use crate::error::{Error, ErrorKind, Result};
use alloc::vec::Vec;

/// Most bytes that a buffer takes before anything is written.
const MOST_ROOM: usize = 1 << 16;
/// Bytes that every buffer has room for.
const LEAST_ROOM: usize = 64;

/// A growing buffer with the file-wide widths.
#[derive(Clone, Debug)]
pub struct Writer {
    buf: Vec<u8>,
    sizes: Sizes,
    /// Checksums of the whole are left out, for someone to make them later.
    unsealed: bool,
    /// Where the last of them goes.
    sum_at: Option<usize>,
}

impl Writer {
    /// An empty buffer.
    pub fn new(sizes: Sizes) -> Self {
        Writer { buf: Vec::with_capacity(LEAST_ROOM), sizes, unsealed: false, sum_at: None }
    }

    /// An empty buffer that does not grow until it has more than `len` bytes.
    pub fn with_room(sizes: Sizes, len: u64) -> Self {
        let room = usize::try_from(len).unwrap_or(0).min(MOST_ROOM);
        Writer { buf: Vec::with_capacity(room), sizes, unsealed: false, sum_at: None }
    }

    /// An empty buffer for one structure, whose checksum is made later: see [`Writer::sum_at`].
    pub fn unsealed(sizes: Sizes) -> Self {
        Writer { unsealed: true, ..Writer::new(sizes) }
    }

    /// Takes room for `len` more bytes.
    pub fn reserve(&mut self, len: usize) {
        self.buf.reserve(len.min(MOST_ROOM));
    }

    /// Where the checksum of everything before goes, if it was left out.
    pub fn sum_at(&self) -> Option<usize> {
        self.sum_at
    }

    /// The file-wide widths.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Bytes written so far.
    pub fn position(&self) -> usize {
        self.buf.len()
    }

    /// What was written.
    pub fn as_slice(&self) -> &[u8] {
        &self.buf
    }

    /// The finished bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.buf
    }

    /// Forgets what comes after position `len`.
    pub fn truncate(&mut self, len: usize) {
        self.buf.truncate(len);
    }

    /// Appends bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// Appends `len` zero bytes.
    pub fn zeros(&mut self, len: usize) {
        self.buf.resize(self.buf.len().saturating_add(len), 0);
    }

    /// Appends zeros up to a multiple of `n` bytes from `start`, a position of this writer.
    pub fn align_from(&mut self, start: usize, n: usize) {
        let over = self.buf.len().saturating_sub(start).checked_rem(n).unwrap_or(0);
        if over != 0 {
            self.zeros(n.saturating_sub(over));
        }
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) {
        self.buf.push(value);
    }

    /// Appends 16 bits, little-endian.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends 32 bits, little-endian.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends 64 bits, little-endian.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends 64 bits, little-endian, signed.
    pub fn i64(&mut self, value: i64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends an unsigned number in `width` bytes; an error if it does not fit.
    pub fn uint(&mut self, value: u64, width: usize) -> Result<()> {
        let bytes = value.to_le_bytes();
        let (low, high) = bytes.split_at_checked(width).unwrap_or((&bytes, &[]));
        if high.iter().any(|&b| b != 0) {
            return Err(Error::new(
                ErrorKind::Invalid,
                alloc::format!("{value} does not fit the {width} bytes that this file has for it"),
            )
            .with_hint("create the file with wider offsets and lengths"));
        }
        self.bytes(low);
        self.zeros(width.saturating_sub(low.len()));
        Ok(())
    }

    /// Appends an address of the file-wide width; `None` is all bits one.
    pub fn address(&mut self, address: Option<Address>) -> Result<()> {
        let width = self.sizes.o();
        match address {
            Some(Address(value)) => self.uint(value, width),
            None => {
                self.ones(width);
                Ok(())
            }
        }
    }

    /// Appends a length of the file-wide width.
    pub fn length(&mut self, value: u64) -> Result<()> {
        self.uint(value, self.sizes.l())
    }

    /// Appends a length of the file-wide width; `None` is all bits one ("unlimited", "undefined").
    pub fn length_or_undefined(&mut self, value: Option<u64>) -> Result<()> {
        match value {
            Some(value) => self.length(value),
            None => {
                self.ones(self.sizes.l());
                Ok(())
            }
        }
    }

    /// Appends `len` bytes of all ones.
    pub fn ones(&mut self, len: usize) {
        self.buf.resize(self.buf.len().saturating_add(len), 0xff);
    }

    /// Appends the lookup3 checksum of everything from position `start`.
    pub fn checksum_from(&mut self, start: usize) {
        if self.unsealed && start == 0 {
            self.sum_at = Some(self.buf.len());
            return self.zeros(4);
        }
        let sum = lookup3(self.buf.get(start..).unwrap_or(&[]), 0);
        self.u32(sum);
    }

    /// Overwrites bytes already written; positions past the end are ignored.
    pub fn patch(&mut self, position: usize, bytes: &[u8]) {
        let target = self.buf.get_mut(position..).unwrap_or(&mut []);
        target.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_widths_of_the_file() {
        let mut w = Writer::new(Sizes { offset: 2, length: 4 });
        w.address(None).unwrap();
        w.address(Some(Address(0x0102))).unwrap();
        w.length(7).unwrap();
        assert_eq!(w.as_slice(), [0xff, 0xff, 2, 1, 7, 0, 0, 0]);
        assert!(w.address(Some(Address(0x10000))).is_err());
    }
}
