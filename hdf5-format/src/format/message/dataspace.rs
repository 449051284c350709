//! Dataspace message (File Format Spec v3/4, IV.A.2.b)
//!
//! ```text
//! v1: | version 1 | rank 1 | flags 1 | 0 5     | lengths L each | [flag 1: maximal lengths L each] |
//! v2: | version 1 | rank 1 | flags 1 | class 1 | lengths L each | [flag 1: maximal lengths L each] |
//! ```
//! Found in headers of datasets, and in attributes. Flag 2 of version 1, a permutation of the dimensions, was never
//! in use and is refused. Version 1 has no null dataspace: one is version 2 in every file.

use crate::codec::{Cursor, Sizes, Writer};
use crate::error::{Error, ErrorKind, Result};
use alloc::vec::Vec;

/// Most dimensions.
pub const MOST_DIMENSIONS: u8 = 32;

/// The extent of a dataset or attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataspace {
    /// Version of the message: 1 or 2.
    pub version: u8,
    /// Scalar, simple or null.
    pub class: SpaceClass,
    /// Lengths, slowest first.
    pub dims: Vec<u64>,
    /// Maximal lengths, if stored; `None` in a dimension is unlimited.
    pub max: Option<Vec<Option<u64>>>,
}

/// What kind of extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceClass {
    /// One element.
    Scalar,
    /// An array.
    Simple,
    /// No element, and no shape.
    Null,
}

impl Dataspace {
    /// Parses the message.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let version = cursor.version(&[1, 2])?;
        let here = cursor.clone();
        let rank = cursor.u8()?;
        if rank > MOST_DIMENSIONS {
            return Err(here.unexpected("rank", "0 to 32", rank));
        }
        let here = cursor.clone();
        let flags = cursor.u8()?;
        if flags & !1 != 0 {
            return Err(here.unexpected("dataspace flags", "0 or 1", flags));
        }
        let here = cursor.clone();
        let class = if version == 1 {
            cursor.skip(5)?;
            if rank == 0 { SpaceClass::Scalar } else { SpaceClass::Simple }
        } else {
            match cursor.u8()? {
                0 => SpaceClass::Scalar,
                1 => SpaceClass::Simple,
                2 => SpaceClass::Null,
                other => return Err(here.unexpected("dataspace class", "0 to 2", other)),
            }
        };
        if rank > 0 && class != SpaceClass::Simple {
            return Err(here.corrupt("dimensions of a scalar or null dataspace"));
        }
        let here = cursor.clone();
        let dims = (0..rank).map(|_| cursor.length()).collect::<Result<Vec<_>>>()?;
        let max = match flags {
            0 => None,
            _ => Some((0..rank).map(|_| cursor.length_or_undefined()).collect::<Result<Vec<_>>>()?),
        };
        let pairs = dims.iter().zip(max.iter().flatten());
        if let Some((dim, Some(most))) = pairs.into_iter().find(|(dim, most)| most.is_some_and(|m| **dim > m)) {
            return Err(here.corrupt(alloc::format!("a dimension of {dim} is longer than its maximum {most}")));
        }
        Ok(Dataspace { version, class, dims, max })
    }

    /// Bytes of the message as [`Dataspace::encode`] writes it.
    pub fn encoded_len(&self, sizes: Sizes) -> usize {
        let lengths = self.dims.len().saturating_add(self.max.as_ref().map_or(0, Vec::len));
        let fixed: usize = if self.stored_version() == 1 { 8 } else { 4 };
        fixed.saturating_add(lengths.saturating_mul(sizes.l()))
    }

    fn stored_version(&self) -> u8 {
        if self.is_null() { 2 } else { self.version }
    }

    /// Encodes the message in its version.
    ///
    /// # Errors
    /// The rank is above 32, there are not as many maximal lengths as lengths, or a length is wider than the file has
    /// room for.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        let rank = u8::try_from(self.dims.len()).ok().filter(|&r| r <= MOST_DIMENSIONS);
        let (Some(rank), true) = (rank, self.max.as_ref().is_none_or(|m| m.len() == self.dims.len())) else {
            return Err(Error::new(ErrorKind::Invalid, "a rank above 32, or another number of maximal lengths"));
        };
        let version = self.stored_version();
        writer.bytes(&[version, rank, u8::from(self.max.is_some())]);
        match (version, self.class) {
            (1, _) => writer.zeros(5),
            (_, SpaceClass::Scalar) => writer.u8(0),
            (_, SpaceClass::Simple) => writer.u8(1),
            (_, SpaceClass::Null) => writer.u8(2),
        }
        self.dims.iter().try_for_each(|&d| writer.length(d))?;
        self.max.iter().flatten().try_for_each(|&m| writer.length_or_undefined(m))
    }

    /// True if there is neither element nor shape.
    pub fn is_null(&self) -> bool {
        self.class == SpaceClass::Null
    }

    /// Maximal lengths: the lengths themselves where none are stored.
    pub fn max_dims(&self) -> Vec<Option<u64>> {
        self.max.clone().unwrap_or_else(|| self.dims.iter().map(|&d| Some(d)).collect())
    }

    /// Number of elements.
    ///
    /// # Errors
    /// More than 64 bits can count.
    pub fn element_count(&self) -> Result<u64> {
        if self.is_null() {
            return Ok(0);
        }
        // An empty dimension makes the whole empty, however long the others are.
        if self.dims.contains(&0) {
            return Ok(0);
        }
        let count = self.dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
        count.ok_or_else(|| Error::new(ErrorKind::Corrupt, "more elements than 64 bits can count").within("dataspace"))
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
            let simple = SpaceClass::Simple;
            let mut spaces = vec![
                Dataspace { version, class: SpaceClass::Scalar, dims: vec![], max: None },
                Dataspace { version, class: simple, dims: vec![2, 3], max: None },
                Dataspace { version, class: simple, dims: vec![0, 3], max: Some(vec![None, Some(9)]) },
            ];
            if version == 2 {
                spaces.push(Dataspace { version, class: SpaceClass::Null, dims: vec![], max: None });
            }
            for space in spaces {
                for sizes in [Sizes::EIGHT, Sizes { offset: 4, length: 2 }] {
                    let bytes = testing::round_trip(&space, sizes, Dataspace::parse, Dataspace::encode);
                    assert_eq!(bytes.len(), space.encoded_len(sizes));
                }
            }
        }
    }

    #[test]
    fn golden_bytes() {
        let simple = Dataspace { version: 1, class: SpaceClass::Simple, dims: vec![2], max: Some(vec![None]) };
        let null = Dataspace { version: 2, class: SpaceClass::Null, dims: vec![], max: None };
        let scalar = Dataspace { version: 2, class: SpaceClass::Scalar, ..null.clone() };
        let sizes = Sizes { offset: 8, length: 4 };
        for (space, golden) in [
            (simple.clone(), &[1, 1, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 255, 255, 255, 255][..]),
            (Dataspace { version: 2, ..simple }, &[2, 1, 1, 1, 2, 0, 0, 0, 255, 255, 255, 255]),
            (null, &[2, 0, 0, 2]),
            (scalar, &[2, 0, 0, 0]),
        ] {
            assert_eq!(testing::round_trip(&space, sizes, Dataspace::parse, Dataspace::encode), golden);
        }
    }

    #[test]
    fn a_null_dataspace_is_never_version_1() {
        let null = Dataspace { version: 1, class: SpaceClass::Null, dims: vec![], max: None };
        let mut writer = Writer::new(Sizes::EIGHT);
        null.encode(&mut writer).unwrap();
        assert_eq!(writer.as_slice(), [2, 0, 0, 2]);
    }

    #[test]
    fn does_not_write_what_it_could_not_read() {
        let space = |dims, max| Dataspace { version: 2, class: SpaceClass::Simple, dims, max };
        let refused = |s: Dataspace| assert!(s.encode(&mut Writer::new(Sizes { offset: 8, length: 2 })).is_err());
        refused(space(vec![1; 33], None));
        refused(space(vec![1], Some(vec![])));
        refused(space(vec![65_536], None));
    }

    #[test]
    fn refuses_each_broken_rule() {
        for bytes in [
            &[3u8, 0, 0, 0][..],
            &[1, 33, 0, 0, 0, 0, 0, 0],
            &[2, 33, 0, 1],
            &[1, 0, 2, 0, 0, 0, 0, 0],
            &[2, 0, 2, 1],
            &[2, 0, 0, 3],
            &[2, 1, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0],
            &[2, 1, 1, 1, 5, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0],
        ] {
            testing::refused(bytes, Sizes::EIGHT, Dataspace::parse);
        }
    }

    #[test]
    fn counts_elements() {
        let space = |dims: &[u64]| Dataspace { version: 2, class: SpaceClass::Simple, dims: dims.to_vec(), max: None };
        assert_eq!(space(&[2, 3]).element_count().unwrap(), 6);
        assert_eq!(space(&[u64::MAX, 0, 9]).element_count().unwrap(), 0);
        assert!(space(&[u64::MAX, 2]).element_count().is_err());
    }
}
