//! One chunk of Blosc 2.
//!
//! ```text
//! u8 version of the format (5), u8 version of the codec's format, u8 flags, u8 bytes of an element
//! i32 bytes of the chunk, i32 bytes of a block, i32 bytes of what is stored
//! u8 x 6 filters in order of writing, u8 codec of a plug-in, u8 its parameter, u8 x 6 parameters of the filters
//! u8 more flags, u8 flags of Blosc 2
//! flags          0x02 what follows is the chunk as it is, 0x10 blocks are not split, 0x01 and 0x04 both: as here; else the
//!                header is that of Blosc 1, 16 bytes long. Upper three bits: codec (0 BloscLZ, 1 LZ4, 3 zlib,
//!                4 Zstandard, 6 plug-in)
//! more flags     0x01 blocks of different lengths
//! flags of Blosc 2   0x01 the codec has a dictionary, 0x08 the blocks are elsewhere, 0x80 no data but figures; bits 4 to
//!                6: fill of the whole chunk (1 zeros, 2 NaN, 3 the value after the header, 4 anything)
//! filters        0 none, 1 sorted by bytes (of elements with as many bytes as the parameter says, if not 0),
//!                2 sorted by bits, 3 differences (exclusive or) to the first block, 4 precision cut off,
//!                35 differences of the bytes in each plane, 36 integers cut off
//! dictionary     i32 its length, the dictionary, right after the starts of blocks
//! ```
//!
//! A block is split into as many streams as an element has bytes.

use super::Workspace;
use super::filters::{Filters, PLACES};
use crate::codec::to_usize;
use crate::error::Result;
use crate::filter::FilterContext;
use crate::filter::blosc::Codec;
use crate::filter::blosc::blocks::{Blocks, WORD};
use crate::filter::blosc::sort::room;

/// Version of the format that we write.
const VERSION: u8 = 5;
/// The version of Blosc 1.
const FIRST_VERSION: u8 = 2;
/// Bytes of the header of Blosc 1.
const SHORT_HEADER: usize = 16;
/// Bytes of the header.
pub(super) const HEADER: usize = 32;
/// The two flags that together say which header it is.
const LONG: u8 = SORTED_BY_BYTES | SORTED_BY_BITS;
const SORTED_BY_BYTES: u8 = 0x01;
const AS_IT_IS: u8 = 0x02;
const SORTED_BY_BITS: u8 = 0x04;
const DIFFERENCES: u8 = 0x08;
const NOT_SPLIT: u8 = 0x10;
/// The codec that says that a plug-in is used.
const PLUG_IN: u8 = 6;
/// Flags of Blosc 2.
const DICTIONARY: u8 = 0x01;
const ELSEWHERE: u8 = 0x08;
const FIGURES: u8 = 0x80;

/// A chunk, parsed.
#[derive(Debug)]
pub(super) struct Chunk<'a> {
    /// Bytes of the chunk, decoded.
    pub(super) length: usize,
    /// Bytes of a block, decoded.
    pub(super) block: usize,
    body: Body<'a>,
}

#[derive(Debug)]
enum Body<'a> {
    Fill(Fill<'a>),
    AsItIs(&'a [u8]),
    Blocks { blocks: Blocks<'a>, filters: Filters, dictionary: Option<&'a [u8]> },
}

/// What all elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill<'a> {
    /// Zero, or anything.
    Zero,
    /// Not a number, of this many bytes.
    Nan(usize),
    /// This value.
    Value(&'a [u8]),
}

impl<'a> Fill<'a> {
    /// The fill of this number; `value` is what number 3 repeats.
    pub(super) fn of(number: u8, size: usize, value: &'a [u8], context: &FilterContext<'_>) -> Result<Self> {
        match (number, size) {
            (1 | 4, _) => Ok(Fill::Zero),
            (2, 4 | 8) => Ok(Fill::Nan(size)),
            (3, _) if !value.is_empty() => Ok(Fill::Value(value)),
            _ => Err(context.corrupt(format_args!("a chunk of fill {number} with elements of {size} bytes"))),
        }
    }

    /// Fills `out`, which begins with an element.
    pub(super) fn write(self, out: &mut [u8]) {
        let value = match self {
            Fill::Zero => return out.fill(0),
            Fill::Nan(4) => &f32::NAN.to_le_bytes()[..],
            Fill::Nan(_) => &f64::NAN.to_le_bytes(),
            Fill::Value(value) => value,
        };
        for element in out.chunks_mut(value.len().max(1)) {
            element.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
        }
    }
}

/// The numbers of a header, which may be of either length.
struct Header<'a> {
    version: u8,
    flags: u8,
    size: usize,
    length: usize,
    block: usize,
    /// All that is stored, the header included.
    chunk: &'a [u8],
    /// The second half of a long header.
    more: Option<[u8; SHORT_HEADER]>,
}

impl<'a> Header<'a> {
    fn of(input: &'a [u8], context: &FilterContext<'_>) -> Result<Self> {
        let Some((&[version, _, flags, size, ref words @ ..], rest)) = input.split_first_chunk::<SHORT_HEADER>() else {
            return Err(context.corrupt(format_args!("expected {SHORT_HEADER} bytes of header, found {}", input.len())));
        };
        let word = |index: usize| words.as_chunks().0.get(index).copied().map_or(0, u32::from_le_bytes);
        let (length, block, stored) = (to_usize(word(0).into())?, to_usize(word(1).into())?, to_usize(word(2).into())?);
        let more = if flags & LONG == LONG { rest.first_chunk().copied() } else { None };
        let header = if flags & LONG == LONG { HEADER } else { SHORT_HEADER };
        if size == 0 {
            return Err(context.corrupt("elements of 0 bytes"));
        }
        let chunk = input.get(..stored).filter(|chunk| chunk.len() >= header).ok_or_else(|| {
            context.corrupt(format_args!("a chunk of {stored} bytes with {header} of header, found {}", input.len()))
        })?;
        Ok(Header { version, flags, size: size.into(), length, block: block.min(length), chunk, more })
    }

    /// What comes after the header.
    fn body(&self) -> &'a [u8] {
        self.chunk.get(if self.more.is_some() { HEADER } else { SHORT_HEADER }..).unwrap_or(&[])
    }

    fn filters(&self, context: &FilterContext<'_>) -> Result<Filters> {
        let mut ids = [0; PLACES];
        let mut parameters = [0; PLACES];
        if let Some([a, b, c, d, e, f, _, _, g, h, i, j, k, l, _, _]) = self.more {
            (ids, parameters) = ([a, b, c, d, e, f], [g, h, i, j, k, l]);
        } else {
            let sort = match self.flags & LONG {
                SORTED_BY_BYTES => 1,
                SORTED_BY_BITS => 2,
                _ => 0,
            };
            let differences = if self.flags & DIFFERENCES == 0 { 0 } else { 3 };
            [.., ids[4], ids[5]] = [differences, sort];
        }
        Filters::of(ids, parameters, self.size, self.version == FIRST_VERSION, context)
    }

    fn codec(&self, context: &FilterContext<'_>) -> Result<Codec> {
        let number = self.flags >> 5;
        let codec = Codec::of_format(number).filter(|&codec| codec != Codec::Snappy || self.more.is_none());
        codec.ok_or_else(|| match (number, self.more) {
            (PLUG_IN, Some([_, _, _, _, _, _, plug_in, ..])) => {
                context.unsupported(format_args!("codec {plug_in} of Blosc 2 plug-ins"))
            }
            _ => context.unsupported(format_args!("codec {number} of blocks, expected 0, 1, 3 or 4")),
        })
    }
}

impl<'a> Chunk<'a> {
    /// The chunk at the start of `input`; what comes after it is not looked at.
    pub(super) fn of(input: &'a [u8], context: &FilterContext<'_>) -> Result<Self> {
        let header = Header::of(input, context)?;
        let (flags_2, flags_3) = header.more.map_or((0, 0), |[.., flags_2, flags_3]| (flags_2, flags_3));
        if flags_2 != 0 || flags_3 & (ELSEWHERE | FIGURES) != 0 {
            return Err(context.unsupported(format_args!(
                "a chunk with flags {flags_2:#04x} and {flags_3:#04x}: blocks of different lengths or elsewhere"
            )));
        }
        let (length, block) = (header.length, header.block);
        if block == 0 && length > 0 {
            return Err(context.corrupt("blocks of 0 bytes"));
        }
        let body = match flags_3 >> 4 & 7 {
            0 if header.flags & AS_IT_IS != 0 => {
                let body = header.body();
                Body::AsItIs(body.get(..length).ok_or_else(|| {
                    context.corrupt(format_args!("expected a chunk of {length} bytes as it is, found {}", body.len()))
                })?)
            }
            0 => Self::blocks(&header, flags_3, context)?,
            fill => Body::Fill(Fill::of(fill, header.size, header.body(), context)?),
        };
        Ok(Chunk { length, block, body })
    }

    fn blocks(header: &Header<'a>, flags: u8, context: &FilterContext<'_>) -> Result<Body<'a>> {
        let count = header.length.div_ceil(header.block.max(1));
        let (words, _) = header.body().as_chunks::<WORD>();
        let (starts, rest) = words.split_at_checked(count).ok_or_else(|| {
            context.corrupt(format_args!("expected the starts of {count} blocks, found {} bytes", header.chunk.len()))
        })?;
        let codec = header.codec(context)?;
        let mut dictionary = None;
        if flags & DICTIONARY != 0 {
            if codec != Codec::Zstd {
                return Err(context.unsupported(format_args!("a dictionary for {codec:?}")));
            }
            let length = to_usize(rest.first().copied().map_or(0, u32::from_le_bytes).into())?;
            let start = count.saturating_add(1).saturating_mul(WORD);
            let found = header.body().get(start..).and_then(|rest| rest.get(..length));
            dictionary = Some(
                found.ok_or_else(|| context.corrupt(format_args!("a dictionary of {length} bytes is cut short")))?,
            );
        }
        let streams = if header.flags & NOT_SPLIT == 0 { header.size } else { 1 };
        let blocks = Blocks { chunk: header.chunk, starts, codec, block: header.block, streams, runs: true };
        Ok(Body::Blocks { blocks, filters: header.filters(context)?, dictionary })
    }

    /// A chunk that is not stored, of equal elements.
    pub(super) fn of_fill(fill: Fill<'a>, length: usize, block: usize) -> Self {
        Chunk { length, block, body: Body::Fill(fill) }
    }

    /// To be called once before the blocks are decoded.
    pub(super) fn prepare(&self, workspace: &mut Workspace, context: &FilterContext<'_>) -> Result<()> {
        let Body::Blocks { filters, dictionary, .. } = &self.body else { return Ok(()) };
        workspace.codecs.use_dictionary(*dictionary, context)?;
        if filters.need_reference() {
            let mut reference = core::mem::take(&mut workspace.reference);
            self.block_into(0, room(&mut reference, self.block), None, workspace, context)?;
            workspace.reference = reference;
        }
        Ok(())
    }

    /// Decodes block `index`, as long as `out`.
    pub(super) fn block(
        &self,
        index: usize,
        out: &mut [u8],
        workspace: &mut Workspace,
        context: &FilterContext<'_>,
    ) -> Result<()> {
        let reference = core::mem::take(&mut workspace.reference);
        let first = if index == 0 { None } else { Some(&reference[..]) };
        self.block_into(index, out, first, workspace, context)?;
        workspace.reference = reference;
        Ok(())
    }

    fn block_into(
        &self,
        index: usize,
        out: &mut [u8],
        reference: Option<&[u8]>,
        workspace: &mut Workspace,
        context: &FilterContext<'_>,
    ) -> Result<()> {
        match &self.body {
            Body::Fill(fill) => fill.write(out),
            Body::AsItIs(bytes) => {
                let start = index.saturating_mul(self.block);
                let bytes = bytes.get(start..).and_then(|rest| rest.get(..out.len()));
                out.copy_from_slice(bytes.ok_or_else(|| context.corrupt("a block past the chunk's end"))?);
            }
            Body::Blocks { blocks, filters, .. } if filters.steps.is_empty() => {
                blocks.decode(index, out, &mut workspace.codecs, context)?;
            }
            Body::Blocks { blocks, filters, .. } => {
                let Workspace { codecs, buffers, .. } = workspace;
                blocks.decode(index, room(&mut buffers.from, out.len()), codecs, context)?;
                filters.undo(buffers, out, reference);
            }
        }
        Ok(())
    }

    /// Decodes all blocks, one after the other.
    pub(super) fn all(&self, out: &mut [u8], workspace: &mut Workspace, context: &FilterContext<'_>) -> Result<()> {
        if let Body::Fill(fill) = self.body {
            fill.write(out);
            return Ok(());
        }
        self.prepare(workspace, context)?;
        for (index, out) in out.chunks_mut(self.block.max(1)).enumerate() {
            self.block(index, out, workspace, context)?;
        }
        Ok(())
    }
}

/// What a new chunk says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    /// Bytes of the chunk, decoded.
    pub(super) length: usize,
    /// Bytes of a block, decoded.
    pub(super) block: usize,
    /// Bytes of an element.
    pub(super) size: u8,
    /// Filter in the last place.
    pub(super) filter: u8,
    pub(super) codec: Codec,
    pub(super) split: bool,
    /// The chunk follows as it is.
    pub(super) as_it_is: bool,
}

impl Written {
    /// The header of a chunk of which `stored` bytes, with it, are stored.
    pub(super) fn header(&self, stored: usize) -> Option<[u8; HEADER]> {
        let differences = if self.filter == 3 { DIFFERENCES } else { 0 };
        let split = if self.split { 0 } else { NOT_SPLIT };
        let as_it_is = if self.as_it_is { AS_IT_IS } else { 0 };
        let codec = u8::try_from(self.codec.number()).ok()?;
        let flags = LONG | differences | split | as_it_is | self.codec.format() << 5;
        let words = [self.length, self.block, stored].map(|word| i32::try_from(word).ok().map(i32::to_le_bytes));
        let [Some(length), Some(block), Some(stored)] = words else { return None };
        let head = [VERSION, 1, flags, self.size];
        let filters = [[0, 0, 0, 0], [0, self.filter, codec, 0], [0; 4], [0; 4]];
        let mut header = [0; HEADER];
        header.as_chunks_mut().0.copy_from_slice([[head, length, block, stored], filters].as_flattened());
        Some(header)
    }
}
