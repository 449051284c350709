//! Fill Value messages (File Format Spec v3/4, IV.A.2.e and f)
//!
//! ```text
//! v1, v2: | version 1 | allocation time 1 | fill time 1 | defined 1 | [defined: size 4 | value] |
//! v3:     | version 1 | flags 1 | [flag 0x20: size 4 | value] |
//! old:    | size 4 | value |
//! ```
//! Flags: bits 0-1 allocation time, 2-3 fill time, 0x10 undefined, 0x20 a value follows.
//!
//! Found in headers of datasets. The specification gives version 1 the size field always; libhdf5 reads it only if the
//! value is defined. A size of 0 stands for the default value; of -1, in versions 1 and 2, for none.

use crate::codec::{Cursor, Writer};
use crate::error::Result;
use alloc::vec::Vec;

/// What stands where nothing was written, and when it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FillValue {
    /// Version of the message; 0 for the old message.
    pub version: u8,
    /// When space is allocated.
    pub alloc_time: AllocTime,
    /// When the value is written.
    pub fill_time: FillTime,
    /// The value.
    pub fill: Fill,
}

/// A fill value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fill {
    /// There is none.
    Undefined,
    /// Zeros.
    Default,
    /// One stored element.
    User(Vec<u8>),
}

/// When space is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AllocTime {
    /// Not said.
    Default = 0,
    /// On creation.
    Early = 1,
    /// When the first element is written.
    Late = 2,
    /// When elements of a chunk are written.
    Incremental = 3,
}

/// When the fill value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FillTime {
    /// When space is allocated.
    Alloc = 0,
    /// Never.
    Never = 1,
    /// When space is allocated, if a user defined the value.
    IfSet = 2,
}

impl Default for FillValue {
    fn default() -> Self {
        FillValue { version: 2, alloc_time: AllocTime::Late, fill_time: FillTime::IfSet, fill: Fill::Default }
    }
}

const ALLOC_TIMES: [AllocTime; 4] = [AllocTime::Default, AllocTime::Early, AllocTime::Late, AllocTime::Incremental];
const FILL_TIMES: [FillTime; 3] = [FillTime::Alloc, FillTime::Never, FillTime::IfSet];

const UNDEFINED: u8 = 0x10;
const HAS_VALUE: u8 = 0x20;

impl FillValue {
    /// Parses the message in use.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let version = cursor.version(&[1, 2, 3])?;
        let here = cursor.clone();
        if version == 3 {
            let flags = cursor.u8()?;
            if flags & 0xc0 != 0 || flags & (UNDEFINED | HAS_VALUE) == UNDEFINED | HAS_VALUE {
                return Err(here.corrupt(alloc::format!("fill value flags {flags:#04x} contradict each other")));
            }
            let fill = match flags & (UNDEFINED | HAS_VALUE) {
                UNDEFINED => Fill::Undefined,
                HAS_VALUE => user(cursor)?,
                _ => Fill::Default,
            };
            return FillValue::checked(&here, version, flags & 3, (flags >> 2) & 3, fill);
        }
        let (alloc, time) = (cursor.u8()?, cursor.u8()?);
        let fill = if cursor.u8()? == 0 { Fill::Undefined } else { signed(cursor)? };
        FillValue::checked(&here, version, alloc, time, fill)
    }

    fn checked(at: &Cursor<'_>, version: u8, alloc: u8, time: u8, fill: Fill) -> Result<Self> {
        let alloc_time = ALLOC_TIMES.get(usize::from(alloc)).copied();
        let alloc_time = alloc_time.ok_or_else(|| at.unexpected("space allocation time", "0 to 3", alloc))?;
        let fill_time = FILL_TIMES.get(usize::from(time)).copied();
        let fill_time = fill_time.ok_or_else(|| at.unexpected("fill value write time", "0 to 2", time))?;
        Ok(FillValue { version, alloc_time, fill_time, fill })
    }

    /// Parses the message of old files.
    pub fn parse_old(cursor: &mut Cursor<'_>) -> Result<Self> {
        let fill = match user(cursor)? {
            Fill::Default => Fill::Undefined,
            fill => fill,
        };
        Ok(FillValue { version: 0, fill, ..FillValue::default() })
    }

    /// Bytes of the message as [`FillValue::encode`] writes it.
    pub fn encoded_len(&self) -> usize {
        let value = match &self.fill {
            Fill::User(bytes) => bytes.len().saturating_add(4),
            Fill::Default if matches!(self.version, 1 | 2) => 4,
            _ if self.version == 0 => 4,
            _ => 0,
        };
        let fixed: usize = match self.version {
            0 => 0,
            1 | 2 => 4,
            _ => 2,
        };
        fixed.saturating_add(value)
    }

    /// Encodes the message in its version (the old message, if that is 0).
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        let (alloc, time) = (self.alloc_time as u8, self.fill_time as u8);
        match (self.version, &self.fill) {
            (0, fill) => return value(writer, fill),
            (3, fill) => {
                let flags = match fill {
                    Fill::Undefined => UNDEFINED,
                    Fill::Default => 0,
                    Fill::User(_) => HAS_VALUE,
                };
                writer.bytes(&[3, alloc | (time << 2) | flags]);
                if *fill != Fill::Default && *fill != Fill::Undefined {
                    value(writer, fill)?;
                }
            }
            (version, fill) => {
                writer.bytes(&[version, alloc, time, u8::from(*fill != Fill::Undefined)]);
                if *fill != Fill::Undefined {
                    value(writer, fill)?;
                }
            }
        }
        Ok(())
    }

    /// The stored element that stands where nothing was written, `size` bytes; zeros if nothing is to be written.
    pub fn element(&self, size: usize) -> Vec<u8> {
        match &self.fill {
            Fill::User(bytes) if self.fill_time != FillTime::Never && bytes.len() == size => bytes.clone(),
            _ => alloc::vec![0; size],
        }
    }
}

fn user(cursor: &mut Cursor<'_>) -> Result<Fill> {
    match cursor.u32()? {
        0 => Ok(Fill::Default),
        len => Ok(Fill::User(cursor.bytes_u64(len.into())?.to_vec())),
    }
}

/// A value whose size is a signed number.
fn signed(cursor: &mut Cursor<'_>) -> Result<Fill> {
    let mut peek = cursor.clone();
    if peek.u32()? == u32::MAX {
        *cursor = peek;
        return Ok(Fill::Undefined);
    }
    user(cursor)
}

fn value(writer: &mut Writer, fill: &Fill) -> Result<()> {
    let bytes: &[u8] = if let Fill::User(bytes) = fill { bytes } else { &[] };
    writer.uint(bytes.len() as u64, 4)?;
    writer.bytes(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};
    use alloc::vec;

    #[test]
    fn parses_what_it_encodes() {
        for version in 1..=3 {
            for fill in [Fill::Undefined, Fill::Default, Fill::User(vec![1, 2, 3, 4])] {
                for alloc_time in ALLOC_TIMES {
                    for fill_time in FILL_TIMES {
                        let message = FillValue { version, alloc_time, fill_time, fill: fill.clone() };
                        let bytes = testing::round_trip(&message, Sizes::EIGHT, FillValue::parse, FillValue::encode);
                        assert_eq!(bytes.len(), message.encoded_len());
                    }
                }
            }
        }
        let old = FillValue { version: 0, fill: Fill::User(vec![7; 8]), ..FillValue::default() };
        testing::round_trip(&old, Sizes::EIGHT, FillValue::parse_old, FillValue::encode);
        assert_eq!(old.encoded_len(), 12);
        let none = FillValue { fill: Fill::Undefined, ..old };
        testing::round_trip(&none, Sizes::EIGHT, FillValue::parse_old, FillValue::encode);
    }

    #[test]
    fn golden_bytes() {
        let parse = |bytes: &[u8]| FillValue::parse(&mut Cursor::new(bytes, 0, "fill value", Sizes::EIGHT)).unwrap();
        let (alloc_time, fill_time) = (AllocTime::Incremental, FillTime::IfSet);
        let message = |version, fill| FillValue { version, alloc_time, fill_time, fill };
        assert_eq!(parse(&[2, 3, 2, 1, 0, 0, 0, 0]), message(2, Fill::Default));
        assert_eq!(parse(&[1, 3, 2, 1, 255, 255, 255, 255]), message(1, Fill::Undefined));
        assert_eq!(parse(&[2, 3, 2, 1, 2, 0, 0, 0, 5, 0]), message(2, Fill::User(vec![5, 0])));
        assert_eq!(parse(&[3, 0x0b]), message(3, Fill::Default));
        assert_eq!(parse(&[3, 0x1b]), message(3, Fill::Undefined));
        assert_eq!(parse(&[3, 0x2b, 1, 0, 0, 0, 9]), message(3, Fill::User(vec![9])));
    }

    #[test]
    fn refuses_contradictions() {
        for bytes in [&[3u8, 0x30, 0, 0, 0, 0][..], &[3, 0x0c], &[3, 0x40], &[2, 4, 0, 0], &[2, 0, 3, 0]] {
            testing::refused(bytes, Sizes::EIGHT, FillValue::parse);
        }
        testing::refused(&[4, 0, 0, 0], Sizes::EIGHT, FillValue::parse);
        testing::refused(&[2, 1, 0, 1, 0xfe, 255, 255, 255], Sizes::EIGHT, FillValue::parse);
    }

    #[test]
    fn zeros_where_nothing_is_written() {
        let fill = Fill::User(vec![1, 2]);
        let written = FillValue { fill: fill.clone(), ..FillValue::default() };
        assert_eq!(written.element(2), [1, 2]);
        let never = FillValue { fill, fill_time: FillTime::Never, ..FillValue::default() };
        assert_eq!(never.element(2), [0, 0]);
    }
}
