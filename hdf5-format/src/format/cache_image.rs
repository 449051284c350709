//! Metadata cache image: not in the File Format Specification; written by libhdf5 since 1.10.1.
//!
//! ```text
//! | "MDCI" 4 | version 1 | flags 1 | image length L | entries 4 | entry ... | checksum 4 |
//! entry: | type 1 | flags 1 | ring 1 | age 1 | children 2 | dirty children 2 | parents 2 | LRU rank 4 |
//!        | address O | size L | parent address O ... | the block's bytes |
//! ```
//! The cache image message of the superblock extension points here. Entries are metadata blocks as they were in the
//! writer's cache; those marked dirty are newer than the file's own bytes at their address.

use crate::codec::{Address, Cursor, Sizes, Writer, to_usize};
use crate::error::Result;
use alloc::vec::Vec;

/// First four bytes.
pub const SIGNATURE: &[u8; 4] = b"MDCI";

/// The cache's adaptive resize status is stored, too; no library writes it.
const HAS_RESIZE_STATUS: u8 = 0x01;

/// The image of a writer's metadata cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheImage {
    /// The blocks, in the order of the cache's replacement list.
    pub entries: Vec<Entry>,
}

/// One metadata block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// libhdf5's number for the type of block.
    pub kind: u8,
    /// See [`entry_flags`].
    pub flags: u8,
    /// Flush order class: 1 user, 2 raw data free space, 3 metadata free space, 4 extension, 5 superblock.
    pub ring: u8,
    /// Images through which the block went unused.
    pub age: u8,
    /// Blocks that depend on this one in flush order.
    pub children: u16,
    /// Dirty ones of them.
    pub dirty_children: u16,
    /// Place in the replacement list, or -1.
    pub lru_rank: i32,
    /// Place in the file.
    pub address: Address,
    /// Blocks on which this one depends.
    pub parents: Vec<Address>,
    /// The block.
    pub image: Vec<u8>,
}

/// Flags of an [`Entry`].
pub mod entry_flags {
    /// Newer than the bytes in the file.
    pub const DIRTY: u8 = 0x01;
    /// In the replacement list.
    pub const IN_LRU: u8 = 0x02;
    /// Other blocks depend on it.
    pub const IS_PARENT: u8 = 0x04;
    /// Depends on other blocks.
    pub const IS_CHILD: u8 = 0x08;
}

impl CacheImage {
    /// Parses the whole block; the cursor must end where the image ends.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.signature(SIGNATURE)?;
        cursor.version(&[0])?;
        let here = cursor.clone();
        let flags = cursor.u8()?;
        if flags & HAS_RESIZE_STATUS != 0 {
            return Err(here.corrupt("cache image with a resize status, which no library writes"));
        }
        let here = cursor.clone();
        let len = cursor.length()?;
        let whole = cursor.position().saturating_add(cursor.remaining());
        if len != whole as u64 {
            return Err(here.unexpected("image length", whole, len));
        }
        let here = cursor.clone();
        let count = cursor.u32()?;
        let smallest = Entry::fixed_len(cursor.sizes());
        if u64::from(count).saturating_mul(smallest as u64) > cursor.remaining() as u64 {
            return Err(here.corrupt(alloc::format!("{count} entries do not fit the image")));
        }
        let mut verify = cursor.clone();
        verify.skip(verify.remaining().saturating_sub(4))?;
        verify.checksum()?;
        let mut entries = Vec::with_capacity(to_usize(u64::from(count))?);
        for _ in 0..count {
            entries.push(Entry::parse(cursor)?);
        }
        if cursor.remaining() != 4 {
            return Err(cursor.corrupt("bytes between the last entry and the checksum"));
        }
        cursor.skip(4)?;
        Ok(CacheImage { entries })
    }

    /// Bytes of the block.
    pub fn encoded_len(&self, sizes: Sizes) -> usize {
        let entries = self.entries.iter().map(|e| e.encoded_len(sizes));
        entries.fold(14usize.saturating_add(sizes.l()), usize::saturating_add)
    }

    /// Appends the block.
    pub fn encode(&self, w: &mut Writer) -> Result<()> {
        let start = w.position();
        w.bytes(SIGNATURE);
        w.bytes(&[0, 0]);
        w.length(self.encoded_len(w.sizes()) as u64)?;
        w.uint(self.entries.len() as u64, 4)?;
        self.entries.iter().try_for_each(|e| e.encode(w))?;
        w.checksum_from(start);
        Ok(())
    }
}

impl Entry {
    /// Bytes of an entry without parents and image.
    fn fixed_len(sizes: Sizes) -> usize {
        14usize.saturating_add(sizes.o()).saturating_add(sizes.l())
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let [kind, flags, ring, age] = cursor.array()?;
        let (children, dirty_children, parent_count) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
        let lru_rank = i32::from_le_bytes(cursor.array()?);
        let address = cursor.defined_address("entry address")?;
        let here = cursor.clone();
        let size = cursor.length()?;
        if size == 0 {
            return Err(here.unexpected("entry size", "above 0", 0));
        }
        let mut parents = Vec::new();
        for _ in 0..parent_count {
            parents.push(cursor.defined_address("parent address")?);
        }
        let image = cursor.bytes_u64(size)?.to_vec();
        Ok(Entry { kind, flags, ring, age, children, dirty_children, lru_rank, address, parents, image })
    }

    fn encoded_len(&self, sizes: Sizes) -> usize {
        let parents = self.parents.len().saturating_mul(sizes.o());
        Entry::fixed_len(sizes).saturating_add(parents).saturating_add(self.image.len())
    }

    fn encode(&self, w: &mut Writer) -> Result<()> {
        w.bytes(&[self.kind, self.flags, self.ring, self.age]);
        w.u16(self.children);
        w.u16(self.dirty_children);
        w.uint(self.parents.len() as u64, 2)?;
        w.bytes(&self.lru_rank.to_le_bytes());
        w.address(Some(self.address))?;
        w.length(self.image.len() as u64)?;
        self.parents.iter().try_for_each(|&p| w.address(Some(p)))?;
        w.bytes(&self.image);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing;

    const SIZES: Sizes = Sizes { offset: 4, length: 2 };

    fn entry(address: u64, parents: Vec<Address>, image: Vec<u8>) -> Entry {
        Entry {
            kind: 5,
            flags: entry_flags::DIRTY | entry_flags::IN_LRU,
            ring: 1,
            age: 0,
            children: 1,
            dirty_children: 0,
            lru_rank: -1,
            address: Address(address),
            parents,
            image,
        }
    }

    #[test]
    fn golden_bytes_both_ways() {
        let image = CacheImage { entries: alloc::vec![entry(0x60, alloc::vec![Address(0x200)], alloc::vec![7, 8, 9])] };
        let bytes = testing::round_trip(&image, SIZES, CacheImage::parse, CacheImage::encode);
        let golden = *b"MDCI\0\0\x2b\0\x01\0\0\0\x05\x03\x01\0\x01\0\0\0\x01\0\xff\xff\xff\xff\x60\0\0\0\x03\0\0\x02\0\0\x07\x08\x09";
        assert_eq!(&bytes[..39], golden);
        assert_eq!(bytes.len(), image.encoded_len(SIZES));
        testing::round_trip(&CacheImage::default(), SIZES, CacheImage::parse, CacheImage::encode);
    }

    /// The bytes with a fresh checksum after a change.
    fn changed(at: usize, value: u8) -> Vec<u8> {
        let image = CacheImage { entries: alloc::vec![entry(0x60, Vec::new(), alloc::vec![7])] };
        let mut w = Writer::new(SIZES);
        image.encode(&mut w).unwrap();
        let mut bytes = w.into_bytes();
        bytes[at] = value;
        let mut w = Writer::new(SIZES);
        w.bytes(&bytes[..bytes.len() - 4]);
        w.checksum_from(0);
        w.into_bytes()
    }

    #[test]
    fn refuses_broken_invariants() {
        // Version, resize status, length, too many entries, too few, size 0, too many parents.
        for (at, value) in [(4, 1), (5, 1), (6, 99), (8, 2), (8, 0), (11, 255), (30, 0), (20, 200)] {
            testing::refused(&changed(at, value), SIZES, CacheImage::parse);
        }
        let mut bytes = changed(4, 0);
        bytes[32] ^= 1;
        testing::refused(&bytes, SIZES, CacheImage::parse);
    }

    proptest::proptest! {
        #[test]
        fn parses_what_it_encodes(
            fields in proptest::collection::vec(
                (proptest::array::uniform4(0u8..), proptest::array::uniform2(0u16..), 0i32.., 0..0xffff_ffffu64,
                 proptest::collection::vec(0..0xffff_ffffu64, 0..4), proptest::collection::vec(0u8.., 1..40)), 0..5),
        ) {
            let entries = fields.into_iter().map(|f| Entry {
                kind: f.0[0],
                flags: f.0[1],
                ring: f.0[2],
                age: f.0[3],
                children: f.1[0],
                dirty_children: f.1[1],
                lru_rank: f.2,
                address: Address(f.3),
                parents: f.4.into_iter().map(Address).collect(),
                image: f.5,
            });
            let image = CacheImage { entries: entries.collect() };
            let mut w = Writer::new(SIZES);
            image.encode(&mut w).unwrap();
            assert_eq!(CacheImage::parse(&mut Cursor::new(w.as_slice(), 0, "x", SIZES)).unwrap(), image);
        }
    }
}
