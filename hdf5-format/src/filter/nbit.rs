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

use super::bits::{BitReader, BitWriter};
use super::{Filter, FilterContext};
use crate::codec::to_usize;
use crate::error::{Error, Result};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Filter 5.
#[derive(Clone, Copy, Debug, Default)]
pub struct NBit;

/// Deepest nesting of arrays and compounds.
const MAX_DEPTH: usize = 32;

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

/// What N-bit knows of a datatype.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NBitType {
    /// An integer or float with bits that are not significant.
    Atomic {
        /// Bytes.
        size: u32,
        /// True for big-endian.
        big_endian: bool,
        /// Significant bits.
        precision: u32,
        /// Bits below the significant ones.
        offset: u32,
    },
    /// Elements one after the other.
    Array {
        /// Bytes of all elements.
        size: u32,
        /// Type of an element.
        base: Box<NBitType>,
    },
    /// Members at byte offsets; the bytes between them are not stored.
    Compound {
        /// Bytes.
        size: u32,
        /// Byte offset and type of each member, in order of storing.
        members: Vec<(u32, NBitType)>,
    },
    /// Anything else, stored whole.
    Other {
        /// Bytes.
        size: u32,
    },
}

impl NBitType {
    /// Bytes of an element.
    pub fn size(&self) -> u32 {
        match self {
            NBitType::Atomic { size, .. }
            | NBitType::Array { size, .. }
            | NBitType::Compound { size, .. }
            | NBitType::Other { size } => *size,
        }
    }

    /// Client data of a dataset of this type with `elements` elements in a chunk.
    pub fn client_data(&self, elements: u32) -> Vec<u32> {
        let mut out = alloc::vec![0, u32::from(self.is_full()), elements];
        self.append(&mut out);
        let count = u32::try_from(out.len()).unwrap_or(u32::MAX);
        if let Some(first) = out.first_mut() {
            *first = count;
        }
        out
    }

    fn append(&self, out: &mut Vec<u32>) {
        match self {
            NBitType::Atomic { size, big_endian, precision, offset } => {
                out.extend([1, *size, u32::from(*big_endian), *precision, *offset]);
            }
            NBitType::Array { size, base } => {
                out.extend([2, *size]);
                base.append(out);
            }
            NBitType::Compound { size, members } => {
                out.extend([3, *size, u32::try_from(members.len()).unwrap_or(u32::MAX)]);
                for (offset, member) in members {
                    out.push(*offset);
                    member.append(out);
                }
            }
            NBitType::Other { size } => out.extend([4, *size]),
        }
    }

    /// True if there is nothing to leave out.
    fn is_full(&self) -> bool {
        match self {
            NBitType::Atomic { size, precision, offset, .. } => {
                *offset == 0 && u64::from(*precision) == u64::from(*size).saturating_mul(8)
            }
            NBitType::Array { base, .. } => base.is_full(),
            NBitType::Compound { members, .. } => members.iter().all(|(_, member)| member.is_full()),
            NBitType::Other { .. } => true,
        }
    }
}

/// The client data, checked: every leaf has at least one bit and lies inside its parent.
struct Packing {
    /// The whole chunk: an array of its elements.
    kind: Node,
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

impl Packing {
    /// `None` if the payload is the chunk itself.
    fn parse(context: &FilterContext<'_>) -> Result<Option<Self>> {
        let data = context.client_data;
        let &[count, raw, elements, ref kind @ ..] = data else {
            return Err(context.corrupt(format_args!("client data: expected at least 3 values, found {}", data.len())));
        };
        if to_usize(count.into())? != data.len() {
            return Err(context.corrupt(format_args!(
                "client data: its first value should be their number, {}, found {count}",
                data.len()
            )));
        }
        if raw == 1 {
            return Ok(None);
        }
        let mut words = Words { context, rest: kind };
        let base = words.node(0)?;
        let count = to_usize(elements.into())?;
        let Some(size) = base.size().checked_mul(count).filter(|&size| size <= context.output_limit) else {
            return Err(words.error(format_args!("{elements} elements of {} bytes exceed the chunk", base.size())));
        };
        Ok(Some(Packing { kind: Node::Repeat { base: Box::new(base), count, size } }))
    }

    /// Says what happened to chunks of a type that libhdf5 cannot pack.
    fn lost(&self, error: Error) -> Error {
        if self.kind.is_miscounted() {
            error.hint("libhdf5 packs this type (an array of compounds or arrays before other members) with losses")
        } else {
            error
        }
    }

    fn chunk_bytes(&self) -> usize {
        self.kind.size()
    }

    fn bits(&self) -> u64 {
        self.kind.bits()
    }
}

/// Reads the type out of the client data.
struct Words<'a, 'c> {
    context: &'a FilterContext<'c>,
    rest: &'a [u32],
}

impl Words<'_, '_> {
    fn error(&self, message: impl core::fmt::Display) -> Error {
        let at = self.context.client_data.len().saturating_sub(self.rest.len());
        self.context.corrupt(format_args!("client data before value {at}: {message}"))
    }

    fn next(&mut self) -> Result<u32> {
        let Some((&word, rest)) = self.rest.split_first() else {
            return Err(self.error("ends too early"));
        };
        self.rest = rest;
        Ok(word)
    }

    fn size(&mut self) -> Result<usize> {
        match self.next()? {
            0 => Err(self.error("expected a size, found 0")),
            size => to_usize(size.into()),
        }
    }

    fn node(&mut self, depth: usize) -> Result<Node> {
        if depth > MAX_DEPTH {
            return Err(self.error(format_args!("nested more than {MAX_DEPTH} deep")));
        }
        let class = self.next()?;
        let size = self.size()?;
        match class {
            1 => self.atomic(size).map(Node::Atomic),
            2 => {
                let copied = self.rest.first() == Some(&4);
                let base = self.node(depth.saturating_add(1))?;
                if copied {
                    // All bytes are, whatever the size of an element.
                    return Ok(Node::Copy { size });
                }
                match size.checked_div(base.size()) {
                    Some(count) if count > 0 => Ok(Node::Repeat { base: Box::new(base), count, size }),
                    _ => Err(self.error(format_args!("an array of {size} bytes has no element"))),
                }
            }
            3 => self.compound(size, depth),
            4 => Ok(Node::Copy { size }),
            other => Err(self.error(format_args!("expected a class of 1 to 4, found {other}"))),
        }
    }

    fn atomic(&mut self, size: usize) -> Result<Atomic> {
        let big_endian = match self.next()? {
            0 => false,
            1 => true,
            other => return Err(self.error(format_args!("expected byte order 0 or 1, found {other}"))),
        };
        let (precision, offset) = (self.next()?, self.next()?);
        let used = u64::from(precision).saturating_add(offset.into());
        if precision == 0 || used > (size as u64).saturating_mul(8) {
            return Err(self.error(format_args!("{precision} significant bits above {offset} do not fit {size} bytes")));
        }
        Ok(Atomic { size, big_endian, precision, offset })
    }

    fn compound(&mut self, size: usize, depth: usize) -> Result<Node> {
        let count = to_usize(self.next()?.into())?;
        // A member takes at least three values.
        if count == 0 || count > self.rest.len() / 3 {
            return Err(self.error(format_args!("a compound of {count} members in {} values", self.rest.len())));
        }
        let mut members = Vec::with_capacity(count);
        for _ in 0..count {
            let offset = to_usize(self.next()?.into())?;
            let member = self.node(depth.saturating_add(1))?;
            if offset.checked_add(member.size()).is_none_or(|end| end > size) {
                return Err(self.error(format_args!("a member at {offset} sticks out of {size} bytes")));
            }
            members.push((offset, member));
        }
        Ok(Node::Compound { size, members })
    }
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
