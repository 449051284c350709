//! Version 2 Object Header Prefix (File Format Spec v3/4, IV.A.1.b)
//!
//! ```text
//! | "OHDR" 4 | version 1 | flags 1 | access, modification, change, birth time 4 each, if flag 0x20 |
//! | max compact 2 | min dense 2, if flag 0x10 | bytes of the first chunk 1, 2, 4 or 8 |
//! ```
//! Links, superblocks and references point here. The first chunk of messages follows, then a checksum over everything
//! from the signature. Further chunks are `| "OCHK" 4 | messages | checksum 4 |`.

use crate::codec::{Cursor, Writer};
use crate::error::Result;

/// Flags of the prefix.
pub mod header_flags {
    /// Width of the chunk length: 1 << this.
    pub const LENGTH_WIDTH: u8 = 0x03;
    /// Attributes carry their order of creation.
    pub const ATTRIBUTE_ORDER_TRACKED: u8 = 0x04;
    /// And are indexed by it.
    pub const ATTRIBUTE_ORDER_INDEXED: u8 = 0x08;
    /// The numbers at which attributes become dense and compact are stored.
    pub const PHASE_CHANGE: u8 = 0x10;
    /// Times are stored.
    pub const TIMES: u8 = 0x20;
}

/// Seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Last read; libhdf5 never updates it.
    pub access: u32,
    /// Raw data last changed.
    pub modification: u32,
    /// Metadata last changed.
    pub change: u32,
    /// Created.
    pub birth: u32,
}

/// What stands before the first chunk of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixV2 {
    /// See [`header_flags`].
    pub flags: u8,
    /// Times, if stored.
    pub times: Option<Times>,
    /// Most compact and fewest dense attributes, if not the default 8 and 6.
    pub phase_change: Option<(u16, u16)>,
    /// Bytes of messages and gap in the first chunk.
    pub chunk_len: u64,
}

impl PrefixV2 {
    /// First bytes.
    pub const SIGNATURE: &'static [u8; 4] = b"OHDR";
    /// First bytes of a continuation chunk.
    pub const CONTINUATION: &'static [u8; 4] = b"OCHK";

    /// Parses the prefix.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.signature(Self::SIGNATURE)?;
        cursor.version(&[2])?;
        let here = cursor.clone();
        let flags = cursor.u8()?;
        if flags & 0xc0 != 0 {
            return Err(here.unexpected("header flags", "0 to 0x3f", alloc::format!("{flags:#x}")));
        }
        let times = if flags & header_flags::TIMES == 0 {
            None
        } else {
            let (access, modification) = (cursor.u32()?, cursor.u32()?);
            Some(Times { access, modification, change: cursor.u32()?, birth: cursor.u32()? })
        };
        let mut phase_change = None;
        if flags & header_flags::PHASE_CHANGE != 0 {
            let here = cursor.clone();
            let (max_compact, min_dense) = (cursor.u16()?, cursor.u16()?);
            if max_compact < min_dense {
                let found = alloc::format!("{max_compact} and {min_dense}");
                return Err(here.unexpected("attribute phase change", "max compact at least min dense", found));
            }
            phase_change = Some((max_compact, min_dense));
        }
        let chunk_len = cursor.uint(Self::length_width(flags))?;
        Ok(PrefixV2 { flags, times, phase_change, chunk_len })
    }

    fn length_width(flags: u8) -> usize {
        1usize << (flags & header_flags::LENGTH_WIDTH)
    }

    /// Bytes of the prefix.
    pub fn encoded_len(&self) -> usize {
        let times = if self.times.is_some() { 16 } else { 0 };
        let phase = if self.phase_change.is_some() { 4 } else { 0 };
        6usize.saturating_add(times).saturating_add(phase).saturating_add(Self::length_width(self.flags))
    }

    /// Encodes the prefix; the flags must say which optional fields there are.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.bytes(Self::SIGNATURE);
        writer.bytes(&[2, self.flags]);
        if let Some(times) = &self.times {
            [times.access, times.modification, times.change, times.birth].iter().for_each(|&t| writer.u32(t));
        }
        if let Some((max_compact, min_dense)) = self.phase_change {
            writer.u16(max_compact);
            writer.u16(min_dense);
        }
        writer.uint(self.chunk_len, Self::length_width(self.flags))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Sizes;

    #[test]
    fn parses_what_it_encodes() {
        let times = Times { access: 1, modification: 2, change: 3, birth: 4 };
        for flags in 0..0x40u8 {
            let prefix = PrefixV2 {
                flags,
                times: (flags & header_flags::TIMES != 0).then_some(times),
                phase_change: (flags & header_flags::PHASE_CHANGE != 0).then_some((8, 6)),
                chunk_len: 200,
            };
            let mut writer = Writer::new(Sizes::EIGHT);
            prefix.encode(&mut writer).unwrap();
            assert_eq!(writer.position(), prefix.encoded_len());
            let bytes = writer.into_bytes();
            let parse = |b: &[u8]| PrefixV2::parse(&mut Cursor::new(b, 0, "object header", Sizes::EIGHT));
            assert_eq!(parse(&bytes).unwrap(), prefix);
            (0..bytes.len()).for_each(|n| assert!(parse(&bytes[..n]).is_err()));
        }
    }

    #[test]
    fn refuses_reserved_flags_and_a_reversed_phase_change() {
        let parse = |b: &[u8]| PrefixV2::parse(&mut Cursor::new(b, 0, "object header", Sizes::EIGHT));
        assert!(parse(b"OHDR\x02\x40\x10").is_err());
        assert!(parse(b"OHDR\x02\x10\x05\x00\x06\x00\x10").is_err());
    }
}
