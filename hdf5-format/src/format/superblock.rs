//! Superblock (File Format Spec v3/4, II.A): where everything starts.
//!
//! ```text
//! v0/v1  signature 8 | version | free-space version | root entry version | 0 | shared header version | O | L | 0
//!        leaf K 2 | internal K 2 | flags 4 | v1: chunk K 2, 0 2 | base O | free space O | end of file O
//!        driver info O | root symbol table entry
//! v2/v3  signature 8 | version | O | L | flags 1 | base O | extension O | end of file O | root header O | checksum 4
//! ```
//!
//! Found at offset 0, 512, 1024, 2048 and so on: see [`candidate_offsets`].

use super::symbol_table_entry::{CacheType, SymbolTableEntry};
use crate::codec::{Address, Cursor, Sizes, Writer};
use crate::error::Result;

/// Structure name in errors.
const NAME: &str = "superblock";

/// First eight bytes of every superblock.
pub const SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// Bytes that hold any superblock, with addresses and lengths of 32 bytes.
pub const LARGEST: usize = 320;

/// Node size constant of chunk B-trees in superblocks that do not store it.
pub const DEFAULT_CHUNK_K: u16 = 32;
/// Default of [`Superblock::leaf_k`].
pub const DEFAULT_LEAF_K: u16 = 4;
/// Default of [`Superblock::internal_k`].
pub const DEFAULT_INTERNAL_K: u16 = 16;

/// Flag of version 3: the file is open for writing, or its writer died.
pub const OPEN_FOR_WRITE: u32 = 0x01;
/// Flags of version 3 while a commit of ours is being put in place. libhdf5 takes it for [`OPEN_FOR_WRITE`], and never
/// sets the second bit itself: with these two the file is whole, by its redo record or without one.
pub const COMMITTING: u32 = 0x03;
/// Flag of version 3: open for single-writer-multiple-reader access.
pub const OPEN_FOR_SWMR: u32 = 0x04;

/// A superblock of any version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// 0 to 3.
    pub version: u8,
    /// File-wide widths.
    pub sizes: Sizes,
    /// Half the entries of a symbol table node. Versions 2 and 3 keep it in the extension.
    pub leaf_k: u16,
    /// Half the children of a group B-tree node. Versions 2 and 3 keep it in the extension.
    pub internal_k: u16,
    /// Half the children of a chunk B-tree node. Version 1 stores it, 2 and 3 keep it in the extension.
    pub chunk_k: u16,
    /// Consistency flags; 32 bits in versions 0 and 1, 8 in 2 and 3.
    pub flags: u32,
    /// Absolute offset of address 0, as stored.
    pub base: u64,
    /// Free-space address of versions 0 and 1; never used by any library.
    pub free_space: Option<Address>,
    /// Object header of the superblock extension (versions 2 and 3).
    pub extension: Option<Address>,
    /// Absolute end of the file, as stored.
    pub end: u64,
    /// Driver information block (versions 0 and 1).
    pub driver_info: Option<Address>,
    /// The root group.
    pub root: Root,
}

/// The root group as the superblock names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its object header.
    pub header: Address,
    /// B-tree and local heap, where the root entry of version 0 or 1 caches them.
    pub cached: Option<(Address, Address)>,
}

/// Offsets at which a superblock may start: 0, then 512 and its doublings.
pub fn candidate_offsets(len: u64) -> impl Iterator<Item = u64> {
    let doublings = core::iter::successors(Some(512u64), |&o| o.checked_mul(2));
    core::iter::once(0).chain(doublings).take_while(move |&o| o < len)
}

impl Superblock {
    /// Parses a superblock; the cursor's own widths are not used.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.signature(&SIGNATURE)?;
        match cursor.version(&[0, 1, 2, 3])? {
            version @ (0 | 1) => Superblock::parse_v0(cursor, version),
            version => Superblock::parse_v2(cursor, version),
        }
    }

    fn parse_v0(cursor: &mut Cursor<'_>, version: u8) -> Result<Self> {
        for field in ["free-space version", "root entry version", "reserved byte", "shared header version"] {
            let here = cursor.clone();
            let found = cursor.u8()?;
            if found != 0 && field != "reserved byte" {
                return Err(here.unexpected(field, 0, found));
            }
        }
        let sizes = sizes(cursor)?;
        cursor.skip(1)?;
        let here = cursor.clone();
        let (leaf_k, internal_k) = (cursor.u16()?, cursor.u16()?);
        if leaf_k == 0 || internal_k == 0 {
            return Err(here.unexpected("B-tree K values", "above 0", alloc::format!("{leaf_k} and {internal_k}")));
        }
        let here = cursor.clone();
        let flags = cursor.u32()?;
        if flags > 0xff {
            return Err(here.unexpected("consistency flags", "at most 255", flags));
        }
        let mut chunk_k = DEFAULT_CHUNK_K;
        if version == 1 {
            let here = cursor.clone();
            chunk_k = cursor.u16()?;
            if chunk_k == 0 {
                return Err(here.unexpected("chunk B-tree K", "above 0", 0));
            }
            cursor.skip(2)?;
        }
        let mut cursor = cursor.with_sizes(sizes);
        let base = cursor.defined_address("base address")?.0;
        let free_space = cursor.address()?;
        let end = cursor.defined_address("end of file address")?.0;
        let driver_info = cursor.address()?;
        let here = cursor.clone();
        let entry = SymbolTableEntry::parse(&mut cursor)?;
        let header = entry.header.ok_or_else(|| here.corrupt("the root group has no object header address"))?;
        let cached = match entry.cache {
            CacheType::Group { btree, heap } => Some((btree, heap)),
            _ => None,
        };
        let root = Root { header, cached };
        let extension = None;
        Ok(Superblock {
            version,
            sizes,
            leaf_k,
            internal_k,
            chunk_k,
            flags,
            base,
            free_space,
            extension,
            end,
            driver_info,
            root,
        })
    }

    fn parse_v2(cursor: &mut Cursor<'_>, version: u8) -> Result<Self> {
        let sizes = sizes(cursor)?;
        let here = cursor.clone();
        let flags = u32::from(cursor.u8()?);
        if version == 3 && flags & !0x07 != 0 {
            return Err(here.unexpected("consistency flags", "0 to 7", flags));
        }
        let mut cursor = cursor.with_sizes(sizes);
        let base = cursor.defined_address("base address")?.0;
        let extension = cursor.address()?;
        let end = cursor.defined_address("end of file address")?.0;
        let header = cursor.defined_address("root group address")?;
        cursor.checksum()?;
        Ok(Superblock {
            version,
            sizes,
            leaf_k: DEFAULT_LEAF_K,
            internal_k: DEFAULT_INTERNAL_K,
            chunk_k: DEFAULT_CHUNK_K,
            flags,
            base,
            free_space: None,
            extension,
            end,
            driver_info: None,
            root: Root { header, cached: None },
        })
    }

    /// Bytes of the encoded superblock.
    pub fn encoded_len(&self) -> usize {
        let (o, l) = (self.sizes.o(), self.sizes.l());
        let addresses = o.saturating_mul(4);
        match self.version {
            0 => addresses.saturating_add(24).saturating_add(SymbolTableEntry::encoded_len(o, l)),
            1 => addresses.saturating_add(28).saturating_add(SymbolTableEntry::encoded_len(o, l)),
            _ => addresses.saturating_add(16),
        }
    }

    /// Encodes the superblock in its version.
    pub fn encode(&self, writer: &mut Writer) -> Result<()> {
        let start = writer.position();
        writer.bytes(&SIGNATURE);
        writer.u8(self.version);
        if self.version < 2 { self.encode_v0(writer) } else { self.encode_v2(writer, start) }
    }

    fn encode_v0(&self, writer: &mut Writer) -> Result<()> {
        writer.zeros(4);
        writer.bytes(&[self.sizes.offset, self.sizes.length, 0]);
        writer.u16(self.leaf_k);
        writer.u16(self.internal_k);
        writer.u32(self.flags);
        if self.version == 1 {
            writer.u16(self.chunk_k);
            writer.u16(0);
        }
        writer.address(Some(Address(self.base)))?;
        writer.address(self.free_space)?;
        writer.address(Some(Address(self.end)))?;
        writer.address(self.driver_info)?;
        let cache = match self.root.cached {
            Some((btree, heap)) => CacheType::Group { btree, heap },
            None => CacheType::None,
        };
        SymbolTableEntry { name_offset: 0, header: Some(self.root.header), cache }.encode(writer)
    }

    fn encode_v2(&self, writer: &mut Writer, start: usize) -> Result<()> {
        writer.bytes(&[self.sizes.offset, self.sizes.length]);
        writer.uint(u64::from(self.flags), 1)?;
        writer.address(Some(Address(self.base)))?;
        writer.address(self.extension)?;
        writer.address(Some(Address(self.end)))?;
        writer.address(Some(self.root.header))?;
        writer.checksum_from(start);
        Ok(())
    }
}

fn sizes(cursor: &mut Cursor<'_>) -> Result<Sizes> {
    let here = cursor.clone();
    Sizes::new(cursor.u8()?, cursor.u8()?).map_err(|e| e.within(NAME).at(here.offset()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn sample(version: u8, sizes: Sizes) -> Superblock {
        let old = version < 2;
        Superblock {
            version,
            sizes,
            leaf_k: 4,
            internal_k: 16,
            chunk_k: if version == 1 { 64 } else { 32 },
            flags: 0,
            base: 0,
            free_space: None,
            extension: (!old).then_some(Address(0x200)),
            end: 0x320,
            driver_info: None,
            root: Root {
                header: Address(0x60),
                cached: (old && sizes.offset <= 8).then_some((Address(0x88), Address(0x2a8))),
            },
        }
    }

    fn bytes(superblock: &Superblock) -> Vec<u8> {
        let mut writer = Writer::new(superblock.sizes);
        superblock.encode(&mut writer).unwrap();
        assert_eq!(writer.position(), superblock.encoded_len());
        writer.into_bytes()
    }

    fn parse(bytes: &[u8]) -> Result<Superblock> {
        Superblock::parse(&mut Cursor::new(bytes, 0, NAME, Sizes::EIGHT))
    }

    #[test]
    fn parses_what_it_encodes_in_every_version_and_width() {
        for version in 0..=3 {
            for offset in [2, 4, 8, 16, 32] {
                for length in [2, 4, 8] {
                    let superblock = sample(version, Sizes { offset, length });
                    let encoded = bytes(&superblock);
                    assert!(encoded.len() <= LARGEST);
                    assert_eq!(parse(&encoded).unwrap(), superblock);
                    for len in 0..encoded.len() {
                        assert!(parse(&encoded[..len]).is_err(), "version {version}, {len} bytes");
                    }
                }
            }
        }
    }

    #[test]
    fn golden_bytes_of_version_0() {
        let encoded = bytes(&sample(0, Sizes::EIGHT));
        let want: [u8; 96] = [
            0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0, 0, 8, 8, 0, 4, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0x20, 3, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255,
            255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0x60, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x88, 0, 0, 0, 0,
            0, 0, 0, 0xa8, 2, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(encoded, want);
    }

    #[test]
    fn refuses_each_broken_field() {
        let good = bytes(&sample(3, Sizes::EIGHT));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x80;
            assert!(parse(&bad).is_err(), "byte {at}");
        }
        let good = bytes(&sample(1, Sizes::EIGHT));
        for (at, value) in [(0, 0), (8, 4), (9, 1), (12, 1), (13, 3), (14, 0), (16, 0), (18, 0), (22, 1), (24, 0)] {
            let mut bad = good.clone();
            bad[at] = value;
            if at == 22 || bad != good {
                assert!(parse(&bad).is_err() || at == 14 && value == 8, "byte {at}");
            }
        }
    }

    #[test]
    fn is_searched_at_powers_of_two() {
        assert_eq!(candidate_offsets(2049).collect::<Vec<_>>(), [0, 512, 1024, 2048]);
        assert_eq!(candidate_offsets(0).count(), 0);
    }

    proptest::proptest! {
        #[test]
        fn parses_what_it_encodes_with_any_values(
            version in 0u8..=3, offset in proptest::sample::select(&[4u8, 8, 16][..]), flags in 0u32..8,
            k in (1u16.., 1u16.., 1u16..), addresses in proptest::array::uniform7(0..0xffff_ffffu64), some: [bool; 4],
        ) {
            let [base, free_space, extension, end, driver_info, header, heap] = addresses;
            let old = version < 2;
            let some = |i: usize, is_there: bool, address| (some[i] && is_there).then_some(Address(address));
            let superblock = Superblock {
                version,
                sizes: Sizes { offset, length: 8 },
                leaf_k: if old { k.0 } else { DEFAULT_LEAF_K },
                internal_k: if old { k.1 } else { DEFAULT_INTERNAL_K },
                chunk_k: if version == 1 { k.2 } else { DEFAULT_CHUNK_K },
                flags,
                base,
                free_space: some(0, old, free_space),
                extension: some(1, !old, extension),
                end,
                driver_info: some(2, old, driver_info),
                root: Root {
                    header: Address(header),
                    cached: some(3, old && offset <= 8, heap).map(|heap| (Address(base), heap)),
                },
            };
            assert_eq!(parse(&bytes(&superblock)).unwrap(), superblock);
        }
    }
}
