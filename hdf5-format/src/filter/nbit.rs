//! N-bit: only the significant bits of each element.
//!
//! | | |
//! |---|---|
//! | id | 5 |
//! | name | `nbit` |
//! | client data | `[0]` number of values, `[1]` 1 if all bits are significant, `[2]` elements, `[3..]` the type: see below |
//! | payload | the significant bits of all elements, most significant first, without gaps; the last byte filled with 0 |
//! | reference | File Format Specification, "N-bit Filter"; HDF5 Reference Manual, H5Pset_nbit |
//! | done by | this file |
//!
//! ```text
//! atomic    1, bytes, order (0 little-endian, 1 big-endian), significant bits, bits below them
//! array     2, bytes, type of the elements
//! compound  3, bytes, members, then for each: byte offset, type
//! other     4, bytes: every bit is significant
//! ```
//! With `[1]` = 1 the payload is the chunk itself, and the type may be missing. Bits that are not significant come back
//! as zero.
//!
//! libhdf5 (2.0, and before) loses data of compounds in which members follow an array of arrays or compounds. Such
//! chunks are declined here: an optional filter then leaves them as they are.

mod describe;
mod parse;

pub use describe::NBitType;

use self::parse::Packing;
use super::bits::{BitReader, BitWriter};
use super::{Filter, FilterContext};
use crate::codec::to_usize;
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Filter 5.
#[derive(Clone, Copy, Debug, Default)]
pub struct NBit;

impl Filter for NBit {
    fn id(&self) -> u16 {
        5
    }

    fn name(&self) -> &str {
        "nbit"
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        let Some(packing) = Packing::parse(context)? else { return Ok(input) };
        let len = packing.chunk_bytes();
        let (need, have) = (packing.bits(), (input.len() as u64).saturating_mul(8));
        if need > have {
            return Err(packing.lost(context.corrupt(format_args!("expected {need} bits, found {have}"))));
        }
        if have.saturating_sub(need) > 16 && packing.kind.is_miscounted() {
            return Err(packing.lost(context.corrupt(format_args!("expected only {need} bits, found {have}"))));
        }
        let mut out = if packing.kind.has_gaps() { context.zeroed(len)? } else { context.buffer(len)? };
        packing.kind.unpack(&mut BitReader::new(&input), &mut out);
        context.recycle(input);
        Ok(Cow::Owned(out))
    }

    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let Some(packing) = Packing::parse(context)? else { return Ok(Some(input.to_vec())) };
        if packing.kind.is_miscounted() {
            return Ok(None);
        }
        if packing.chunk_bytes() != input.len() {
            return Err(context.invalid(format_args!(
                "expected a chunk of {} bytes, found {}",
                packing.chunk_bytes(),
                input.len()
            )));
        }
        let mut out = context.buffer(to_usize(packing.bits().div_ceil(8))?)?;
        out.clear();
        let mut writer = BitWriter::new(out);
        packing.kind.pack(input, &mut writer);
        Ok(Some(writer.finish()))
    }

    fn encoded_limit(&self, plain: usize, _: &[u32]) -> usize {
        // Writers may add a byte after the last bit.
        plain.saturating_add(8)
    }
}

/// A type with its sizes in bytes as `usize`.
enum Node {
    Atomic(Atomic),
    Repeat { base: Box<Node>, count: usize, size: usize },
    Compound { size: usize, members: Vec<(usize, Node)> },
    Copy { size: usize },
}

#[derive(Clone, Copy)]
struct Atomic {
    size: usize,
    big_endian: bool,
    precision: u32,
    offset: u32,
}

impl Node {
    fn size(&self) -> usize {
        match self {
            Node::Atomic(Atomic { size, .. })
            | Node::Repeat { size, .. }
            | Node::Compound { size, .. }
            | Node::Copy { size } => *size,
        }
    }

    /// Bits of one element in the payload.
    fn bits(&self) -> u64 {
        match self {
            Node::Atomic(atomic) => atomic.precision.into(),
            Node::Repeat { base, count, .. } => base.bits().saturating_mul(*count as u64),
            Node::Compound { members, .. } => members.iter().fold(0, |sum, (_, m)| m.bits().saturating_add(sum)),
            Node::Copy { size } => (*size as u64).saturating_mul(8),
        }
    }

    /// True if libhdf5 (up to 2.0 at least), after an element of this type, takes the parameters of what follows from
    /// the wrong place: it goes back to those of the elements of an array of arrays or compounds.
    fn ends_astray(&self) -> bool {
        match self {
            Node::Repeat { base, .. } => !matches!(**base, Node::Atomic(_)),
            Node::Compound { members, .. } => members.last().is_some_and(|(_, member)| member.ends_astray()),
            Node::Atomic(_) | Node::Copy { .. } => false,
        }
    }

    /// True if libhdf5 does not read back what it packs of this type.
    fn is_miscounted(&self) -> bool {
        match self {
            Node::Atomic(_) | Node::Copy { .. } => false,
            Node::Repeat { base, .. } => base.is_miscounted(),
            Node::Compound { members, .. } => {
                members.iter().rev().skip(1).any(|(_, member)| member.ends_astray())
                    || members.iter().any(|(_, member)| member.is_miscounted())
            }
        }
    }

    /// True if unpacking may leave bytes of the output alone.
    fn has_gaps(&self) -> bool {
        match self {
            Node::Atomic(_) | Node::Copy { .. } => false,
            Node::Compound { .. } => true,
            Node::Repeat { base, count, size } => base.size().checked_mul(*count) != Some(*size) || base.has_gaps(),
        }
    }

    /// Fills `out`, one element. The reader has all its bits.
    fn unpack(&self, reader: &mut BitReader<'_>, out: &mut [u8]) {
        match self {
            Node::Atomic(atomic) => atomic.unpack(reader, out),
            Node::Repeat { base, count, .. } => match &**base {
                Node::Atomic(atomic) => atomic.unpack_run(reader, out),
                base => out.chunks_exact_mut(base.size()).take(*count).for_each(|out| base.unpack(reader, out)),
            },
            Node::Compound { members, .. } => {
                for (offset, member) in members {
                    let end = offset.saturating_add(member.size());
                    if let Some(out) = out.get_mut(*offset..end) {
                        member.unpack(reader, out);
                    }
                }
            }
            Node::Copy { .. } => copy_out(reader, out),
        }
    }

    /// Appends one element.
    fn pack(&self, input: &[u8], writer: &mut BitWriter) {
        match self {
            Node::Atomic(atomic) => atomic.pack(input, writer),
            Node::Repeat { base, count, .. } => {
                input.chunks_exact(base.size()).take(*count).for_each(|input| base.pack(input, writer));
            }
            Node::Compound { members, .. } => {
                for (offset, member) in members {
                    let end = offset.saturating_add(member.size());
                    if let Some(input) = input.get(*offset..end) {
                        member.pack(input, writer);
                    }
                }
            }
            Node::Copy { .. } => input.iter().for_each(|&byte| writer.write(byte.into(), 8)),
        }
    }
}

/// Whole bytes, at any bit position.
fn copy_out(reader: &mut BitReader<'_>, out: &mut [u8]) {
    let (words, rest) = out.as_chunks_mut::<8>();
    words.iter_mut().for_each(|word| *word = reader.read(64).to_be_bytes());
    for byte in rest {
        [.., *byte] = reader.read(8).to_be_bytes();
    }
}

impl Atomic {
    /// Elements one after the other, as many as `out` holds.
    fn unpack_run(&self, reader: &mut BitReader<'_>, out: &mut [u8]) {
        match (self.size, self.big_endian) {
            (1, _) => self.unpack_words::<1, false>(reader, out),
            (2, false) => self.unpack_words::<2, false>(reader, out),
            (2, true) => self.unpack_words::<2, true>(reader, out),
            (4, false) => self.unpack_words::<4, false>(reader, out),
            (4, true) => self.unpack_words::<4, true>(reader, out),
            (8, false) => self.unpack_words::<8, false>(reader, out),
            (8, true) => self.unpack_words::<8, true>(reader, out),
            _ => out.chunks_exact_mut(self.size).for_each(|out| self.unpack_bytes(reader, out)),
        }
    }

    fn unpack(&self, reader: &mut BitReader<'_>, out: &mut [u8]) {
        self.unpack_run(reader, out);
    }

    #[inline(always)]
    fn unpack_words<const N: usize, const BIG: bool>(&self, reader: &mut BitReader<'_>, out: &mut [u8]) {
        let (width, offset) = (self.precision, self.offset);
        for out in out.as_chunks_mut::<N>().0 {
            *out = word_bytes::<N, BIG>(reader.read(width).wrapping_shl(offset));
        }
    }

    /// Elements of any size, a byte at a time from the most significant one that has significant bits.
    fn unpack_bytes(&self, reader: &mut BitReader<'_>, out: &mut [u8]) {
        out.fill(0);
        self.for_each_byte(|index, shift, width| {
            let [.., low] = reader.read(width).to_be_bytes();
            if let Some(byte) = out.get_mut(index) {
                *byte = low.wrapping_shl(shift);
            }
        });
    }

    fn pack(&self, input: &[u8], writer: &mut BitWriter) {
        self.for_each_byte(|index, shift, width| {
            let byte = input.get(index).copied().unwrap_or(0);
            writer.write(byte.wrapping_shr(shift).into(), width);
        });
    }

    /// Calls with the index of each byte that has significant bits, in order of storing, the bits below them and
    /// their number.
    fn for_each_byte(&self, mut call: impl FnMut(usize, u32, u32)) {
        let top = self.offset.saturating_add(self.precision);
        for byte in (self.offset / 8..top.div_ceil(8)).rev() {
            let first = byte.saturating_mul(8);
            let low = self.offset.saturating_sub(first);
            let high = top.saturating_sub(first).min(8);
            let place = byte as usize;
            let index = if self.big_endian { self.size.saturating_sub(place).saturating_sub(1) } else { place };
            call(index, low, high.saturating_sub(low));
        }
    }
}

/// The `N` low bytes of a word, in file order.
#[inline(always)]
pub(super) fn word_bytes<const N: usize, const BIG: bool>(word: u64) -> [u8; N] {
    let mut out = [0; N];
    if BIG {
        let bytes = word.to_be_bytes();
        out.copy_from_slice(bytes.last_chunk::<N>().unwrap_or(&[0; N]));
    } else {
        let bytes = word.to_le_bytes();
        out.copy_from_slice(bytes.first_chunk::<N>().unwrap_or(&[0; N]));
    }
    out
}

#[cfg(test)]
mod tests;
