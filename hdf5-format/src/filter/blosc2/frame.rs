//! Contiguous frames: what stands around the chunks of Blosc 2.
//!
//! ```text
//! header   array of 14: "b2frame\0", i32 bytes of the header, u64 bytes of the frame, 4 bytes of flags, i64 bytes of the
//!          data, i64 bytes of the stored chunks, i32 bytes of an element, i32 of a block, i32 of a chunk, i16 and i16
//!          threads, bool whether the trailer has metadata, 16 bytes of filters, array of 3: u16 place of the end of the
//!          map, map from names of metadata to i32 where they are in the frame, array of metadata, each bytes
//! chunks
//! index    a chunk of i64: where chunks begin, from the end of the header. Upper byte 0x80 + n: no chunk but a fill
//! trailer  array of 4: version, metadata like the header's, u32 bytes of the trailer, 16 bytes of fingerprint
//! flags    version of the format 2 + 0x10 (64-bit index), 0 (contiguous), codec + 16 * level, way of splitting
//! filters  6 ids, codec, 0, 6 parameters, flags, 0
//! ```
//!
//! All but the index is MessagePack, big-endian.

use super::Workspace;
use super::chunk::{self, Chunk, Fill};
use crate::error::Result;
use crate::filter::FilterContext;
use crate::filter::blosc::Codec;
use alloc::vec::Vec;

/// What a frame begins with: an array of 14 and the first of it.
const MAGIC: [u8; 10] = *b"\x9e\xa8b2frame\0";
/// The names of the metadata that say how many dimensions the data have; the second is its former name.
const DIMENSIONS: [&[u8]; 2] = [b"b2nd", b"caterva"];
/// Most metadata that are looked through.
const MAX_METADATA: usize = 64;

/// True for a frame; other payloads are bare chunks.
pub(super) fn is_frame(input: &[u8]) -> bool {
    input.starts_with(&MAGIC)
}

/// A frame, parsed.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// All after the header.
    pub(super) body: &'a [u8],
    /// The chunks, of which the index comes right after.
    pub(super) stored: usize,
    /// Bytes of a chunk, decoded.
    pub(super) chunk: usize,
    /// Bytes of an element; 1 where they are more than 255.
    pub(super) size: usize,
    /// The metadata that say how many dimensions the data have.
    pub(super) dimensions: Option<&'a [u8]>,
}

impl<'a> Frame<'a> {
    pub(super) fn of(input: &'a [u8], context: &FilterContext<'_>) -> Result<Self> {
        Self::parse(input).ok_or_else(|| context.corrupt("the frame's header is cut short or of another form"))
    }

    fn parse(input: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(input.strip_prefix(&MAGIC)?);
        let header = usize::try_from(reader.integer()?).ok()?;
        let (header, body) = input.split_at_checked(header)?;
        reader.integer()?;
        reader.bytes()?;
        let mut length = || usize::try_from(reader.integer()?).ok();
        let (_, stored, size, _, chunk) = (length()?, length()?, length()?, length()?, length()?);
        for _ in 0..2 {
            reader.integer()?;
        }
        reader.bool()?;
        reader.bytes()?;
        let dimensions = reader.metadata(header)?;
        Some(Frame { body, stored, chunk, size, dimensions })
    }

    /// Where the chunks begin, of which there must be `count`.
    pub(super) fn index(
        &self,
        count: usize,
        workspace: &mut Workspace,
        context: &FilterContext<'_>,
    ) -> Result<Vec<u64>> {
        let index = self.body.get(self.stored..).unwrap_or(&[]);
        let index = Chunk::of(index, context)?;
        if index.length != count.saturating_mul(8) {
            return Err(context.corrupt(format_args!("an index of {} bytes for {count} chunks", index.length)));
        }
        let mut places = alloc::vec![0; index.length];
        index.all(&mut places, workspace, context)?;
        Ok(places.as_chunks().0.iter().map(|place| u64::from_le_bytes(*place)).collect())
    }

    /// The chunk at a place that the index gives. `block` is for one that is not stored, but a fill.
    pub(super) fn chunk(&self, place: u64, block: usize, context: &FilterContext<'_>) -> Result<Chunk<'a>> {
        if let [.., kind @ 0x80..=0xff] = place.to_le_bytes() {
            let fill = Fill::of(kind & 0x7f, self.size, &[], context)?;
            return Ok(Chunk::of_fill(fill, self.chunk, block));
        }
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let stored = self.body.get(..self.stored).and_then(|chunks| chunks.get(place..)).ok_or_else(|| {
            context.corrupt(format_args!("a chunk at {place} of {} bytes", self.stored.min(self.body.len())))
        })?;
        Chunk::of(stored, context)
    }
}

/// Takes MessagePack apart.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (&bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(bytes)
    }

    /// An integer of any width.
    pub(super) fn integer(&mut self) -> Option<i64> {
        Some(match self.byte()? {
            small @ 0..=0x7f => small.into(),
            0xcc => self.byte()?.into(),
            0xcd => u16::from_be_bytes(self.fixed()?).into(),
            0xce => u32::from_be_bytes(self.fixed()?).into(),
            0xcf => u64::from_be_bytes(self.fixed()?).try_into().ok()?,
            0xd0 => i8::from_be_bytes(self.fixed()?).into(),
            0xd1 => i16::from_be_bytes(self.fixed()?).into(),
            0xd2 => i32::from_be_bytes(self.fixed()?).into(),
            0xd3 => i64::from_be_bytes(self.fixed()?),
            _ => return None,
        })
    }

    fn bool(&mut self) -> Option<bool> {
        match self.byte()? {
            0xc2 => Some(false),
            0xc3 => Some(true),
            _ => None,
        }
    }

    /// A string, bytes or an extension, however long.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = match self.byte()? {
            fixed @ 0xa0..=0xbf => usize::from(fixed & 0x1f),
            0xc4 | 0xd9 => usize::from(self.byte()?),
            0xc5 | 0xda => usize::from(u16::from_be_bytes(self.fixed()?)),
            0xc6 | 0xdb => usize::try_from(u32::from_be_bytes(self.fixed()?)).ok()?,
            0xd8 => 17,
            _ => return None,
        };
        self.take(count)
    }

    /// The metadata with the dimensions; the array of metadata itself is not looked at, as readers go by the map.
    fn metadata(&mut self, header: &'a [u8]) -> Option<Option<&'a [u8]>> {
        let (0x93, _, 0xde) = (self.byte()?, self.integer()?, self.byte()?) else { return None };
        let count = usize::from(u16::from_be_bytes(self.fixed()?)).min(MAX_METADATA);
        let mut found = None;
        for _ in 0..count {
            let (name, place) = (self.bytes()?, usize::try_from(self.integer()?).ok()?);
            if found.is_none() && DIMENSIONS.contains(&name) {
                found = Some(Reader(header.get(place..)?).bytes()?);
            }
        }
        Some(found)
    }
}

/// What a new frame says.
pub(super) struct Written<'a> {
    /// Bytes of the data with what fills up blocks, decoded; they are one chunk.
    pub(super) length: usize,
    /// Bytes of an element.
    pub(super) size: usize,
    /// Bytes of a block.
    pub(super) block: usize,
    /// Codec as in a chunk's flags, plus 16 times the level.
    pub(super) codec_level: u8,
    /// Filter in the last place.
    pub(super) filter: u8,
    /// Number of the codec in the filters' field.
    pub(super) codec: u8,
    /// Metadata with the dimensions.
    pub(super) dimensions: Option<&'a [u8]>,
}

/// Version of the format, and 64-bit places in the index.
const FORMAT: u8 = 0x12;
/// Blocks are split so that all readers can tell.
const SPLITTING: u8 = 3;
/// The map and array without metadata.
const NO_METADATA: [u8; 10] = [0x93, 0xcd, 0, 7, 0xde, 0, 0, 0xdc, 0, 0];
/// Where a frame states its length.
const FRAME_LENGTH: usize = 16;
/// Where it states the bytes of the stored chunks.
const STORED_LENGTH: usize = 0x27;
/// Bytes of the trailer.
const TRAILER: u8 = 35;

impl Written<'_> {
    /// The header; [`finish`] fills in what is known later.
    pub(super) fn header(&self) -> Option<Vec<u8>> {
        let int = |value: usize| i32::try_from(value).ok().map(i32::to_be_bytes);
        let long = |value: usize| i64::try_from(value).ok().map(i64::to_be_bytes);
        let mut out = MAGIC.to_vec();
        let metadata = self.metadata()?;
        out.push(0xd2);
        out.extend(int(metadata.len().checked_add(0x57)?)?);
        out.push(0xcf);
        out.extend([0; 8]);
        out.extend([0xa4, FORMAT, 0, self.codec_level, SPLITTING, 0xd3]);
        out.extend(long(self.length)?);
        out.push(0xd3);
        out.extend([0; 8]);
        for value in [self.size, self.block, self.length] {
            out.push(0xd2);
            out.extend(int(value)?);
        }
        out.extend([0xd1, 0, 0, 0xd1, 0, 1, 0xc2, 0xd8, 6]);
        out.extend([0, 0, 0, 0, 0, self.filter, self.codec, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        out.extend(metadata);
        Some(out)
    }

    fn metadata(&self) -> Option<Vec<u8>> {
        let Some(dimensions) = self.dimensions else { return Some(NO_METADATA.to_vec()) };
        let mut out = [0x93, 0xcd, 0, 17, 0xde, 0, 1, 0xa4].to_vec();
        out.extend(*b"b2nd");
        out.extend([0xd2, 0, 0, 0, 0x6b, 0xdc, 0, 1, 0xc6]);
        out.extend(u32::try_from(dimensions.len()).ok()?.to_be_bytes());
        out.extend(dimensions);
        Some(out)
    }
}

/// Completes a frame of a header and `stored` bytes of one chunk: the index with `place` and the trailer.
pub(super) fn finish(out: &mut Vec<u8>, stored: usize, place: u64) -> Option<()> {
    let index =
        chunk::Written { length: 8, block: 8, size: 8, filter: 1, codec: Codec::BloscLz, split: true, as_it_is: true };
    out.extend(index.header(chunk::HEADER.checked_add(8)?)?);
    out.extend(place.to_le_bytes());
    out.extend([0x94, 1, 0x93, 0xcd, 0, 6, 0xde, 0, 0, 0xdc, 0, 0, 0xce, 0, 0, 0, TRAILER, 0xd8, 0]);
    out.extend([0; 16]);
    let length = u64::try_from(out.len()).ok()?.to_be_bytes();
    out.get_mut(FRAME_LENGTH..)?.get_mut(..8)?.copy_from_slice(&length);
    let stored = i64::try_from(stored).ok()?.to_be_bytes();
    out.get_mut(STORED_LENGTH..)?.get_mut(..8)?.copy_from_slice(&stored);
    Some(())
}
