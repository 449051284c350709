//! The file-wide widths of addresses and lengths.

use crate::error::{Error, ErrorKind, Result};
use core::fmt;

/// Place of a structure in the file, in bytes relative to the file's base address.
///
/// The undefined address (all bits one in the file) is `None` of an `Option<Address>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u64);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// "Size of offsets" and "size of lengths" of the superblock, in bytes.
///
/// The format allows 2, 4, 8, 16 and 32; values above `u64::MAX` are refused where they are met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Width of an address.
    pub offset: u8,
    /// Width of a length.
    pub length: u8,
}

impl Sizes {
    /// Eight bytes for both, as nearly every file has.
    pub const EIGHT: Sizes = Sizes { offset: 8, length: 8 };

    /// Checks both widths against the format's list.
    pub fn new(offset: u8, length: u8) -> Result<Self> {
        for (what, width) in [("offsets", offset), ("lengths", length)] {
            if !matches!(width, 2 | 4 | 8 | 16 | 32) {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    alloc::format!("size of {what}: expected 2, 4, 8, 16 or 32, found {width}"),
                ));
            }
        }
        Ok(Sizes { offset, length })
    }

    /// Width of an address as a byte count.
    pub fn o(self) -> usize {
        usize::from(self.offset)
    }

    /// Width of a length as a byte count.
    pub fn l(self) -> usize {
        usize::from(self.length)
    }
}

/// Bytes needed for numbers up to `limit`: `floor(log2(limit)) / 8 + 1`, and 1 for 0.
///
/// The width rule of v2 B-tree child pointers, fractal heap ids, free-space sections and compound member offsets.
pub fn limited_width(limit: u64) -> usize {
    let bits = limit.checked_ilog2().unwrap_or(0);
    usize::try_from(bits / 8).unwrap_or(0).saturating_add(1)
}

/// A count from a file as `usize`, or a [`ErrorKind::Limit`] error on targets where it does not fit.
pub fn to_usize(value: u64) -> Result<usize> {
    usize::try_from(value).map_err(|_| Error::limit("address space of this machine", usize::MAX as u64, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limited_width_steps_at_powers_of_256() {
        for (limit, width) in [(0, 1), (1, 1), (255, 1), (256, 2), (65535, 2), (65536, 3), (u64::MAX, 8)] {
            assert_eq!(limited_width(limit), width, "{limit}");
        }
    }

    #[test]
    fn refuses_other_widths() {
        assert!(Sizes::new(8, 3).is_err());
        assert!(Sizes::new(2, 32).is_ok());
    }
}
