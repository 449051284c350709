//! File Space Info message, 0x17 (File Format Spec v3/4, IV.A.2.x)
//!
//! ```text
//! v1: | version 1 | strategy 1 | persist 1 | threshold L | page size L | page-end threshold 2 |
//!     | end of allocation O | manager O x 12, if persist |
//! v0: | version 1 | strategy 1 | threshold L | manager O x 6, if strategy 1 |
//! ```
//! In the superblock extension; points at the headers of free-space managers.

use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::Result;
use alloc::vec::Vec;

/// How file space is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Free-space managers and aggregators.
    FsmAggr,
    /// Pages.
    Page,
    /// Aggregators only.
    Aggr,
    /// Neither.
    None,
}

/// The file space settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSpaceInfo {
    /// Version of the message: 0 or 1.
    pub version: u8,
    /// Strategy.
    pub strategy: Strategy,
    /// Free space is kept in the file when it is closed.
    pub persist: bool,
    /// Smallest section tracked, in bytes.
    pub threshold: u64,
    /// Bytes of a page.
    pub page_size: u64,
    /// Smallest free space at a page's end that is tracked.
    pub page_end_threshold: u16,
    /// End of allocation before the managers themselves were allocated.
    pub end_of_allocation: Option<Address>,
    /// Free-space managers: small ones of six memory types, then large ones.
    pub managers: Vec<Option<Address>>,
}

const STRATEGIES: [Strategy; 4] = [Strategy::FsmAggr, Strategy::Page, Strategy::Aggr, Strategy::None];
const DEFAULT_PAGE: u64 = 4096;

impl FileSpaceInfo {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        match cursor.version(&[0, 1])? {
            0 => Self::parse_v0(cursor),
            _ => Self::parse_v1(cursor),
        }
    }

    fn parse_v0(cursor: &mut Cursor<'_>) -> Result<Self> {
        let here = cursor.clone();
        let (strategy, persist) = match cursor.u8()? {
            1 => (Strategy::FsmAggr, true),
            2 => (Strategy::FsmAggr, false),
            3 => (Strategy::Aggr, false),
            4 => (Strategy::None, false),
            other => return Err(here.unexpected("file space strategy", "1 to 4", other)),
        };
        let threshold = cursor.length()?;
        let managers = addresses(cursor, if persist { 6 } else { 0 })?;
        let (page_size, page_end_threshold) = (DEFAULT_PAGE, 0);
        let end_of_allocation = None;
        Ok(FileSpaceInfo {
            version: 0,
            strategy,
            persist,
            threshold,
            page_size,
            page_end_threshold,
            end_of_allocation,
            managers,
        })
    }

    fn parse_v1(cursor: &mut Cursor<'_>) -> Result<Self> {
        let here = cursor.clone();
        let number = cursor.u8()?;
        let strategy = STRATEGIES.get(usize::from(number)).copied();
        let strategy = strategy.ok_or_else(|| here.unexpected("file space strategy", "0 to 3", number))?;
        let persist = cursor.u8()? != 0;
        let threshold = cursor.length()?;
        let here = cursor.clone();
        let page_size = cursor.length()?;
        if !(512..=1 << 30).contains(&page_size) {
            return Err(here.unexpected("page size", "512 to 1073741824", page_size));
        }
        let page_end_threshold = cursor.u16()?;
        let end_of_allocation = cursor.address()?;
        let managers = addresses(cursor, if persist { 12 } else { 0 })?;
        Ok(FileSpaceInfo {
            version: 1,
            strategy,
            persist,
            threshold,
            page_size,
            page_end_threshold,
            end_of_allocation,
            managers,
        })
    }

    /// Bytes of the message.
    pub fn encoded_len(&self, sizes: Sizes) -> usize {
        let managers = self.managers.len().saturating_mul(sizes.o());
        let fixed = match self.version {
            0 => sizes.l().saturating_add(2),
            _ => sizes.l().saturating_mul(2).saturating_add(sizes.o()).saturating_add(5),
        };
        fixed.saturating_add(managers)
    }

    /// Encodes the message in its version.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        if self.version == 0 {
            return self.encode_v0(writer);
        }
        writer.u8(1);
        writer.u8(STRATEGIES.iter().zip(0..).find(|(s, _)| **s == self.strategy).map_or(0, |(_, n)| n));
        writer.u8(u8::from(self.persist));
        writer.length(self.threshold)?;
        writer.length(self.page_size)?;
        writer.u16(self.page_end_threshold);
        writer.address(self.end_of_allocation)?;
        self.managers.iter().try_for_each(|&m| writer.address(m))
    }
}

impl FileSpaceInfo {
    fn encode_v0(&self, writer: &mut Writer) -> Result<()> {
        writer.u8(0);
        writer.u8(match (self.strategy, self.persist) {
            (Strategy::FsmAggr | Strategy::Page, true) => 1,
            (Strategy::FsmAggr | Strategy::Page, false) => 2,
            (Strategy::Aggr, _) => 3,
            (Strategy::None, _) => 4,
        });
        writer.length(self.threshold)?;
        self.managers.iter().try_for_each(|&m| writer.address(m))
    }
}

fn addresses(cursor: &mut Cursor<'_>, count: usize) -> Result<Vec<Option<Address>>> {
    (0..count).map(|_| cursor.address()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;

    #[test]
    fn parses_what_it_encodes() {
        for persist in [false, true] {
            let info = FileSpaceInfo {
                version: 1,
                strategy: Strategy::Page,
                persist,
                threshold: 1,
                page_size: 4096,
                page_end_threshold: 0,
                end_of_allocation: Some(Address(0x1000)),
                managers: alloc::vec![None; if persist { 12 } else { 0 }],
            };
            let bytes = testing::round_trip(&info, Sizes::EIGHT, FileSpaceInfo::parse, FileSpaceInfo::encode);
            assert_eq!(bytes.len(), info.encoded_len(Sizes::EIGHT));
        }
    }

    #[test]
    fn keeps_version_0() {
        let sizes = Sizes { offset: 2, length: 2 };
        for bytes in
            [&[0u8, 3, 1, 0][..], &[0, 2, 1, 0], &[0, 4, 1, 0], &[0, 1, 1, 0, 255, 255, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]]
        {
            let info = FileSpaceInfo::parse(&mut Cursor::new(bytes, 0, "x", sizes)).unwrap();
            assert_eq!(testing::round_trip(&info, sizes, FileSpaceInfo::parse, FileSpaceInfo::encode), bytes);
            assert_eq!(bytes.len(), info.encoded_len(sizes));
        }
    }

    #[test]
    fn reads_version_0_and_refuses_bad_fields() {
        let parse = |b: &[u8]| FileSpaceInfo::parse(&mut Cursor::new(b, 0, "x", Sizes { offset: 2, length: 2 }));
        let old = parse(&[0, 3, 1, 0]).unwrap();
        assert_eq!((old.strategy, old.persist, old.page_size), (Strategy::Aggr, false, 4096));
        assert!(parse(&[0, 5, 1, 0]).is_err());
        assert!(parse(&[1, 4, 0, 1, 0, 0, 16, 0, 0, 0, 0]).is_err());
        assert!(parse(&[1, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0]).is_err());
    }
}
