//! Group info message (File Format Spec, IV.A.2.k): constants of a new-style group.
//!
//! ```text
//! version 0 | flags 1 | [max compact 2, min dense 2, if flag 1] | [entries 2, name length 2, if flag 2]
//! ```

use crate::codec::{Cursor, Writer};
use crate::error::Result;

/// When a group becomes dense and compact, and how large it is expected to grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupInfo {
    /// Most compact and fewest dense links, if not the default 8 and 6.
    pub phase_change: Option<(u16, u16)>,
    /// Expected number of links and length of names, if not the default 4 and 8.
    pub estimates: Option<(u16, u16)>,
}

impl GroupInfo {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.version(&[0])?;
        let here = cursor.clone();
        let flags = cursor.u8()?;
        if flags > 3 {
            return Err(here.unexpected("group info flags", "0 to 3", flags));
        }
        let mut pair = |bit: u8| -> Result<Option<(u16, u16)>> {
            if flags & bit == 0 { Ok(None) } else { Ok(Some((cursor.u16()?, cursor.u16()?))) }
        };
        Ok(GroupInfo { phase_change: pair(1)?, estimates: pair(2)? })
    }

    /// Encodes the message.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.u8(0);
        writer.u8(u8::from(self.phase_change.is_some()) | if self.estimates.is_some() { 2 } else { 0 });
        for (a, b) in self.phase_change.iter().chain(&self.estimates) {
            writer.u16(*a);
            writer.u16(*b);
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
        for phase_change in [None, Some((8, 6))] {
            for estimates in [None, Some((4, 18))] {
                let info = GroupInfo { phase_change, estimates };
                testing::round_trip(&info, Sizes::EIGHT, GroupInfo::parse, GroupInfo::encode);
            }
        }
        testing::refused(&[0, 4, 0, 0, 0, 0, 0, 0, 0, 0], Sizes::EIGHT, GroupInfo::parse);
    }
}
