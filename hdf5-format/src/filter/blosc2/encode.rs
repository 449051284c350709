//! Frames of one chunk.

use super::Workspace;
use super::chunk::{HEADER, Written};
use super::filters::{Filters, PLACES};
use super::frame;
use super::grid::MAX_DIMENSIONS;
use crate::codec::to_usize;
use crate::error::Result;
use crate::filter::FilterContext;
use crate::filter::blosc::Codec;
use crate::filter::blosc::blocks::{self, Packing, WORD};
use crate::filter::blosc::sort::room;
use alloc::vec::Vec;

/// In the index, for a chunk of zeros that is not stored.
const ZEROS: u64 = 0x81 << 56;
/// The level without client data.
const DEFAULT_LEVEL: u32 = 5;
/// Filter that cuts off precision.
const PRECISION: u32 = 4;
/// Room for the index and the trailer.
const TAIL: usize = 128;

/// How a chunk is cut into blocks.
struct Cut {
    /// Bytes of what is cut separately; all, unless the data have several dimensions.
    slab: usize,
    /// Bytes of a block.
    block: usize,
    /// Blocks in all.
    count: usize,
    /// Metadata of several dimensions. Short blocks are then filled up.
    dimensions: Option<Vec<u8>>,
}

/// The client data, checked.
struct Plan {
    level: u32,
    filters: Filters,
    written: Written,
    cut: Cut,
}

/// A frame; `None` where the filter declines.
pub(super) fn encode(input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
    let Some(plan) = Plan::of(input, context)? else { return Ok(None) };
    let mut workspace = context.state::<Workspace>();
    let zeros = blocks::repeated(input) == Some(0);
    let stored = if zeros { 0 } else { plan.written.length.saturating_add(HEADER) };
    let frame = plan.frame(input, stored, zeros, &mut workspace, context)?;
    context.keep(workspace);
    match frame {
        Some(frame) => Ok(Some(frame)),
        None => Err(context.invalid(format_args!("a chunk of {} bytes, 2 GiB at most", input.len()))),
    }
}

impl Plan {
    fn of(input: &[u8], context: &FilterContext<'_>) -> Result<Option<Self>> {
        let word = |index: usize| context.client_data.get(index).copied();
        let element = match word(2) {
            Some(0) | None => {
                return Err(context.invalid("client data: expected the bytes of an element, found none or 0"));
            }
            Some(size) => size,
        };
        let level = word(4).unwrap_or(DEFAULT_LEVEL);
        if level > 9 {
            return Err(context.invalid(format_args!("client data: expected a level of 0 to 9, found {level}")));
        }
        let codec = word(6).unwrap_or(0);
        let codec = Codec::of_number(codec)
            .filter(|&codec| codec != Codec::Snappy)
            .ok_or_else(|| context.invalid(format_args!("client data: codec {codec}, expected 0, 1, 2, 4 or 5")))?;
        codec.available(context)?;
        let filter = match word(5).unwrap_or(1) {
            PRECISION => return Ok(None),
            filter @ 0..=3 => u8::try_from(filter).unwrap_or(0),
            filter => return Err(context.invalid(format_args!("client data: filter {filter}, expected 0 to 4"))),
        };
        if input.is_empty() {
            return Ok(None);
        }
        // Elements of several dimensions that are too long for a header are not read back by the reference.
        let size = u8::try_from(element).unwrap_or(1);
        let block = match word(1).unwrap_or(0) {
            0 => blocks::block_length(input.len(), size.into(), level, codec),
            block => to_usize(block.into())?,
        };
        let filters = Filters::of([0, 0, 0, 0, 0, filter], [0; PLACES], size.into(), false, context)?;
        let shape = context.client_data.get(8..).unwrap_or(&[]);
        let boxes = (u32::from(size) == element).then(|| Cut::boxes(input.len(), size.into(), block, shape)).flatten();
        let cut = boxes.unwrap_or_else(|| Cut::plain(input.len(), size.into(), block));
        let length = if cut.dimensions.is_some() { cut.block.saturating_mul(cut.count) } else { input.len() };
        let split = Packing::splits(codec, size.into(), cut.block);
        let written = Written { length, block: cut.block, size, filter, codec, split, as_it_is: false };
        Ok(Some(Plan { level, filters, written, cut }))
    }

    /// A frame with room for a chunk of `stored` bytes.
    fn frame(
        &self,
        input: &[u8],
        stored: usize,
        zeros: bool,
        workspace: &mut Workspace,
        context: &mut FilterContext<'_>,
    ) -> Result<Option<Vec<u8>>> {
        let Some(header) = self.header() else { return Ok(None) };
        let start = header.len();
        let mut out = context.buffer(start.saturating_add(stored).saturating_add(TAIL))?;
        let mut fill = || -> Option<()> {
            let (head, rest) = out.split_at_mut_checked(start)?;
            head.copy_from_slice(&header);
            let stored = if zeros { 0 } else { self.chunk(input, rest.get_mut(..stored)?, workspace)? };
            out.truncate(start.checked_add(stored)?);
            frame::finish(&mut out, stored, if zeros { ZEROS } else { 0 })
        };
        Ok(fill().map(|()| out))
    }

    fn header(&self) -> Option<Vec<u8>> {
        let codec = u8::try_from(self.written.codec.number()).ok()?;
        let level = u8::try_from(self.level).ok()?;
        let header = frame::Written {
            length: self.written.length,
            size: self.written.size.into(),
            block: self.written.block,
            codec_level: codec | level << 4,
            filter: self.written.filter,
            codec,
            dimensions: self.cut.dimensions.as_deref(),
        };
        header.header()
    }

    /// A chunk into `out`, which has room for one as it is; the number of bytes used.
    fn chunk(&self, input: &[u8], out: &mut [u8], workspace: &mut Workspace) -> Option<usize> {
        let packed = if self.level > 0 { self.pack(input, out, workspace) } else { None };
        let as_it_is = packed.is_none();
        if as_it_is {
            let (_, body) = out.split_at_mut_checked(HEADER)?;
            for (to, piece) in body.chunks_mut(self.cut.block).zip(self.cut.pieces(input)) {
                let (to, filler) = to.split_at_mut_checked(piece.len())?;
                to.copy_from_slice(piece);
                filler.fill(0);
            }
        }
        let stored = packed.unwrap_or(out.len());
        *out.first_chunk_mut()? = Written { as_it_is, ..self.written }.header(stored)?;
        Some(stored)
    }

    /// The blocks into `out`, after room for the header; the number of bytes used, or `None` where they do not shrink.
    fn pack(&self, input: &[u8], out: &mut [u8], workspace: &mut Workspace) -> Option<usize> {
        let streams = if self.written.split { self.filters.size } else { 1 };
        let packing = Packing { codec: self.written.codec, level: self.level, runs: true };
        let mut at = self.cut.count.checked_mul(WORD)?.checked_add(HEADER)?;
        out.get(..at)?;
        let Workspace { codecs, buffers, reference, boxed } = workspace;
        for (index, piece) in self.cut.pieces(input).enumerate() {
            let start = index.checked_mul(WORD)?.checked_add(HEADER)?;
            *out.get_mut(start..)?.first_chunk_mut()? = i32::try_from(at).ok()?.to_le_bytes();
            let block = match &self.cut.dimensions {
                Some(_) if piece.len() < self.cut.block => {
                    let (to, filler) = room(boxed, self.cut.block).split_at_mut_checked(piece.len())?;
                    to.copy_from_slice(piece);
                    filler.fill(0);
                    room(boxed, self.cut.block)
                }
                _ => piece,
            };
            if index == 0 && self.filters.need_reference() {
                reference.clear();
                reference.extend_from_slice(block);
            }
            let first = if index == 0 { None } else { Some(&reference[..]) };
            let streams = if block.len() == self.cut.block { streams } else { 1 };
            at = packing.encode(self.filters.apply(block, buffers, first), streams, out, at, codecs)?;
        }
        (at < out.len()).then_some(at)
    }
}

impl Cut {
    /// Blocks of about `block` bytes, the last one shorter.
    fn plain(length: usize, size: usize, block: usize) -> Self {
        let block = block.min(length);
        let block = match block.saturating_sub(block.checked_rem(size).unwrap_or(0)) {
            0 => size.min(length),
            whole => whole,
        };
        Cut { slab: length, block, count: length.div_ceil(block.max(1)), dimensions: None }
    }

    /// Boxes of about `block` bytes that lie together: whole in the last dimensions, cut in one, single in those
    /// before. `None` where the shape is not that of the data.
    fn boxes(length: usize, size: usize, block: usize, shape: &[u32]) -> Option<Self> {
        let shape = shape.iter().map(|&places| usize::try_from(places).ok()).collect::<Option<Vec<_>>>()?;
        let bytes = shape.iter().try_fold(size, |bytes, places| bytes.checked_mul(*places))?;
        if !(2..=MAX_DIMENSIONS).contains(&shape.len()) || bytes != length || length == 0 {
            return None;
        }
        let (mut inner, mut cut) = (size, shape.len().checked_sub(1)?);
        while cut > 0 && inner.checked_mul(*shape.get(cut)?)? <= block {
            inner = inner.checked_mul(*shape.get(cut)?)?;
            cut = cut.checked_sub(1)?;
        }
        let places = *shape.get(cut)?;
        // As equal as can be, so that little is filled up.
        let pieces = places.div_ceil(block.checked_div(inner).unwrap_or(1).max(1));
        let places_of_block = places.div_ceil(pieces.max(1));
        let (slab, block) = (inner.checked_mul(places)?, inner.checked_mul(places_of_block)?);
        let count = places.div_ceil(places_of_block).checked_mul(length.checked_div(slab)?)?;
        let mut boxes = alloc::vec![1; cut];
        boxes.push(places_of_block);
        boxes.extend(shape.get(cut.checked_add(1)?..)?);
        Some(Cut { slab, block, count, dimensions: Some(metadata(&shape, &boxes, size)?) })
    }

    /// What goes into each block.
    fn pieces<'a>(&self, input: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let block = self.block.max(1);
        input.chunks(self.slab.max(1)).flat_map(move |slab| slab.chunks(block))
    }
}

/// The shape of the data, which are one chunk, and of a block.
fn metadata(shape: &[usize], block: &[usize], size: usize) -> Option<Vec<u8>> {
    let rank = u8::try_from(shape.len()).ok()?;
    let marker = 0x90u8.checked_add(rank)?;
    let mut out = alloc::vec![0x97, 0, rank, marker];
    for &places in shape {
        out.push(0xd3);
        out.extend(i64::try_from(places).ok()?.to_be_bytes());
    }
    for shape in [shape, block] {
        out.push(marker);
        for &places in shape {
            out.push(0xd2);
            out.extend(i32::try_from(places).ok()?.to_be_bytes());
        }
    }
    let name = alloc::format!("|V{size}");
    out.extend([0, 0xdb]);
    out.extend(u32::try_from(name.len()).ok()?.to_be_bytes());
    out.extend(name.bytes());
    Some(out)
}
