//! Filter pipeline message (File Format Spec, IV.A.2.l).
//!
//! ```text
//! v1  version 1 | filters 1 | 0 6 | each: id 2 | name length 2 | flags 2 | values 2 | name, padded to 8
//!     | values 4 each | 0 4 if their number is odd
//! v2  version 2 | filters 1 | each: id 2 | [name length 2, if id >= 256] | flags 2 | values 2 | [name] | values
//! ```

use crate::codec::{Cursor, Writer};
use crate::error::Result;
use alloc::vec::Vec;

/// Most filters in a pipeline.
pub const MOST_FILTERS: u8 = 32;
/// Ids below this are the library's own and have no name in version 2.
const FIRST_NAMED: u16 = 256;

/// Filters in the order in which writing applies them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterPipeline {
    /// Version of the message: 1 or 2; 0 if there is none.
    pub version: u8,
    /// The filters.
    pub filters: Vec<FilterDescription>,
}

/// A filter and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterDescription {
    /// Registered number.
    pub id: u16,
    /// Bit 0: the filter may be skipped where it fails.
    pub flags: u16,
    /// Name, without NUL; often empty.
    pub name: Vec<u8>,
    /// Parameters.
    pub client_data: Vec<u32>,
}

impl FilterDescription {
    /// True if a chunk may be stored without the filter.
    pub fn is_optional(&self) -> bool {
        self.flags & 1 == 1
    }
}

impl FilterPipeline {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let version = cursor.version(&[1, 2])?;
        let here = cursor.clone();
        let count = cursor.u8()?;
        if count == 0 || count > MOST_FILTERS {
            return Err(here.unexpected("number of filters", "1 to 32", count));
        }
        if version == 1 {
            cursor.skip(6)?;
        }
        let filters = (0..count).map(|_| FilterDescription::parse(cursor, version)).collect::<Result<_>>()?;
        Ok(FilterPipeline { version, filters })
    }

    /// Encodes the message in its version.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        writer.u8(self.version);
        writer.uint(self.filters.len() as u64, 1)?;
        if self.version == 1 {
            writer.zeros(6);
        }
        self.filters.iter().try_for_each(|f| f.encode(writer, self.version))
    }
}

impl FilterDescription {
    fn parse(cursor: &mut Cursor<'_>, version: u8) -> Result<Self> {
        let id = cursor.u16()?;
        let here = cursor.clone();
        let name_len = if version == 1 || id >= FIRST_NAMED { cursor.u16()? } else { 0 };
        if version == 1 && !name_len.is_multiple_of(8) {
            return Err(here.unexpected("length of the filter's name", "a multiple of 8", name_len));
        }
        let (flags, values) = (cursor.u16()?, cursor.u16()?);
        let stored = cursor.bytes(usize::from(name_len))?;
        let name = stored.split(|&b| b == 0).next().unwrap_or(&[]).to_vec();
        let here = cursor.clone();
        if usize::from(values).saturating_mul(4) > cursor.remaining() {
            return Err(here.corrupt(alloc::format!("{values} client data values do not fit the message")));
        }
        let client_data = (0..values).map(|_| cursor.u32()).collect::<Result<_>>()?;
        if version == 1 && values & 1 == 1 {
            cursor.skip(4)?;
        }
        Ok(FilterDescription { id, flags, name, client_data })
    }

    fn encode(&self, writer: &mut Writer, version: u8) -> Result<()> {
        writer.u16(self.id);
        let named = version == 1 || self.id >= FIRST_NAMED;
        let len = if self.name.is_empty() || !named { 0 } else { self.name.len().saturating_add(1) };
        let len = if version == 1 { len.next_multiple_of(8) } else { len };
        if named {
            writer.uint(len as u64, 2)?;
        }
        writer.u16(self.flags);
        writer.uint(self.client_data.len() as u64, 2)?;
        if len > 0 {
            writer.bytes(&self.name);
            writer.zeros(len.saturating_sub(self.name.len()));
        }
        self.client_data.iter().for_each(|&v| writer.u32(v));
        if version == 1 && self.client_data.len() & 1 == 1 {
            writer.u32(0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Sizes, testing};
    use alloc::vec;

    #[test]
    fn parses_what_it_encodes() {
        for version in [1, 2] {
            let named = if version == 1 { b"deflate".to_vec() } else { vec![] };
            let deflate = FilterDescription { id: 1, flags: 1, name: named, client_data: vec![6] };
            let lzf = FilterDescription { id: 32000, flags: 0, name: b"lzf".to_vec(), client_data: vec![4, 261, 80] };
            let bare = FilterDescription { id: 3, flags: 0, name: vec![], client_data: vec![] };
            let pipeline = FilterPipeline { version, filters: vec![deflate, lzf, bare] };
            testing::round_trip(&pipeline, Sizes::EIGHT, FilterPipeline::parse, FilterPipeline::encode);
        }
    }

    #[test]
    fn refuses_too_many_filters_and_odd_names() {
        testing::refused(&[2, 33], Sizes::EIGHT, FilterPipeline::parse);
        testing::refused(&[2, 0], Sizes::EIGHT, FilterPipeline::parse);
        let mut bytes = vec![1u8, 1, 0, 0, 0, 0, 0, 0, 1, 0, 7, 0, 0, 0, 0, 0];
        bytes.extend([0; 16]);
        testing::refused(&bytes, Sizes::EIGHT, FilterPipeline::parse);
    }
}
