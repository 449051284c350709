//! N-bit packing and unpacking.

use super::{Atomic, Kind, Node};
use crate::filter::bits::{BitWriter, field, word_bytes, word_of};

/// Bytes of compounds that are unpacked member by member before the next ones.
const BLOCK: usize = 1 << 14;

/// Elements at regular distances, in the chunk and in the payload.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// First byte of the first element, and bytes from one to the next.
    byte: usize,
    byte_step: usize,
    /// First bit of the first element, and bits from one to the next.
    bit: u64,
    bit_step: u64,
    count: usize,
}

impl Run {
    /// One element at the start.
    pub(super) fn one(size: usize, bits: u64) -> Self {
        Run { byte: 0, byte_step: size, bit: 0, bit_step: bits, count: 1 }
    }

    /// The run moved to a part of each element.
    fn part(self, byte: usize, bit: u64) -> Self {
        Run { byte: self.byte.saturating_add(byte), bit: self.bit.saturating_add(bit), ..self }
    }

    /// `count` parts of `size` bytes and `bits` bits of the element at `index`, the first at its start.
    fn inside(self, index: usize, size: usize, bits: u64, count: usize) -> Self {
        let byte = self.byte.saturating_add(index.saturating_mul(self.byte_step));
        let bit = self.bit.saturating_add(self.bit_step.saturating_mul(index as u64));
        Run { byte, byte_step: size, bit, bit_step: bits, count }
    }

    /// Calls with each element's bytes, from its first byte on, and its first bit.
    #[inline(always)]
    fn for_each(self, out: &mut [u8], mut call: impl FnMut(&mut [u8], u64)) {
        let mut bit = self.bit;
        let elements = out.get_mut(self.byte..).unwrap_or(&mut []).chunks_mut(self.byte_step.max(1));
        for element in elements.take(self.count) {
            call(element, bit);
            bit = bit.wrapping_add(self.bit_step);
        }
    }
}

impl Node {
    /// Fills the elements of `run` in `out`. All their bits are in `data`.
    pub(super) fn unpack(&self, data: &[u8], out: &mut [u8], run: Run) {
        match &self.kind {
            Kind::Atomic(atomic) => atomic.unpack(self.size, data, out, run),
            Kind::Repeat { base, count } => unpack_repeat(base, *count, data, out, run),
            Kind::Compound(members) => {
                for member in members {
                    member.node.unpack(data, out, run.part(member.offset, member.bit_offset));
                }
            }
            Kind::Copy => run.for_each(out, |element, bit| {
                if let Some(element) = element.get_mut(..self.size) {
                    copy_out(data, bit, element);
                }
            }),
        }
    }

    /// Appends one element.
    pub(super) fn pack(&self, input: &[u8], writer: &mut BitWriter) {
        match &self.kind {
            Kind::Atomic(atomic) => atomic.pack(self.size, input, writer),
            Kind::Repeat { base, count } => match base.kind {
                Kind::Atomic(atomic) => atomic.pack(base.size, input, writer),
                _ => input.chunks_exact(base.size).take(*count).for_each(|element| base.pack(element, writer)),
            },
            Kind::Compound(members) => {
                for member in members {
                    let end = member.offset.saturating_add(member.node.size);
                    if let Some(input) = input.get(member.offset..end) {
                        member.node.pack(input, writer);
                    }
                }
            }
            Kind::Copy => input.iter().for_each(|&byte| writer.write(byte.into(), 8)),
        }
    }
}

/// The longer of the two loops, over elements of the run and over parts of an element, is the inner one.
fn unpack_repeat(base: &Node, count: usize, data: &[u8], out: &mut [u8], run: Run) {
    if run.count > count {
        for part in 0..count {
            let byte = part.saturating_mul(base.size);
            base.unpack(data, out, run.part(byte, base.bits.saturating_mul(part as u64)));
        }
        return;
    }
    // Compounds go over their elements once for each member: those should stay in the cache.
    let block = if matches!(base.kind, Kind::Compound(_)) { BLOCK.checked_div(base.size) } else { Some(count) };
    let block = block.unwrap_or(1).max(1);
    for index in 0..run.count {
        let all = run.inside(index, base.size, base.bits, count);
        for start in (0..count).step_by(block) {
            base.unpack(data, out, all.inside(start, base.size, base.bits, block.min(count.saturating_sub(start))));
        }
    }
}

/// Whole bytes, at any bit position.
fn copy_out(data: &[u8], mut bit: u64, out: &mut [u8]) {
    for bytes in out.chunks_mut(8) {
        let word = field(data, bit, 64).to_be_bytes();
        bytes.iter_mut().zip(word).for_each(|(to, from)| *to = from);
        bit = bit.wrapping_add(64);
    }
}

impl Atomic {
    fn unpack(self, size: usize, data: &[u8], out: &mut [u8], run: Run) {
        match (size, self.big_endian) {
            (1, _) => self.unpack_words::<1, false>(data, out, run),
            (2, false) => self.unpack_words::<2, false>(data, out, run),
            (2, true) => self.unpack_words::<2, true>(data, out, run),
            (4, false) => self.unpack_words::<4, false>(data, out, run),
            (4, true) => self.unpack_words::<4, true>(data, out, run),
            (8, false) => self.unpack_words::<8, false>(data, out, run),
            (8, true) => self.unpack_words::<8, true>(data, out, run),
            _ => run.for_each(out, |element, bit| {
                if let Some(element) = element.get_mut(..size) {
                    self.unpack_bytes(data, bit, element);
                }
            }),
        }
    }

    #[inline(always)]
    fn unpack_words<const N: usize, const BIG: bool>(self, data: &[u8], out: &mut [u8], run: Run) {
        let (width, offset) = (self.precision, self.offset);
        let element = |bit| word_bytes::<N, BIG>(field(data, bit, width).wrapping_shl(offset));
        if run.byte_step != N {
            run.for_each(out, |out, bit| {
                if let Some(out) = out.first_chunk_mut::<N>() {
                    *out = element(bit);
                }
            });
            return;
        }
        let mut bit = run.bit;
        for out in out.get_mut(run.byte..).unwrap_or(&mut []).as_chunks_mut::<N>().0.iter_mut().take(run.count) {
            *out = element(bit);
            bit = bit.wrapping_add(run.bit_step);
        }
    }

    /// An element of any size, a byte at a time from the most significant one that has significant bits.
    fn unpack_bytes(self, data: &[u8], mut bit: u64, element: &mut [u8]) {
        element.fill(0);
        self.for_each_byte(element.len(), |index, shift, width| {
            let [.., low] = field(data, bit, width).to_be_bytes();
            bit = bit.wrapping_add(width.into());
            if let Some(byte) = element.get_mut(index) {
                *byte = low.wrapping_shl(shift);
            }
        });
    }

    /// Appends elements one after the other, as many as `input` holds.
    fn pack(self, size: usize, input: &[u8], writer: &mut BitWriter) {
        match (size, self.big_endian) {
            (1, _) => self.pack_words::<1, false>(input, writer),
            (2, false) => self.pack_words::<2, false>(input, writer),
            (2, true) => self.pack_words::<2, true>(input, writer),
            (4, false) => self.pack_words::<4, false>(input, writer),
            (4, true) => self.pack_words::<4, true>(input, writer),
            (8, false) => self.pack_words::<8, false>(input, writer),
            (8, true) => self.pack_words::<8, true>(input, writer),
            _ => input.chunks_exact(size).for_each(|element| {
                self.for_each_byte(size, |index, shift, width| {
                    let byte = element.get(index).copied().unwrap_or(0);
                    writer.write(byte.wrapping_shr(shift).into(), width);
                });
            }),
        }
    }

    #[inline(always)]
    fn pack_words<const N: usize, const BIG: bool>(self, input: &[u8], writer: &mut BitWriter) {
        for element in input.as_chunks::<N>().0 {
            writer.write(word_of::<N, BIG>(element).wrapping_shr(self.offset), self.precision);
        }
    }

    /// Calls with the index of each byte that has significant bits, in order of storing, the bits below them and
    /// their number.
    fn for_each_byte(self, size: usize, mut call: impl FnMut(usize, u32, u32)) {
        let top = self.offset.saturating_add(self.precision);
        for byte in (self.offset / 8..top.div_ceil(8)).rev() {
            let first = byte.saturating_mul(8);
            let low = self.offset.saturating_sub(first);
            let high = top.saturating_sub(first).min(8);
            let place = byte as usize;
            let index = if self.big_endian { size.saturating_sub(place).saturating_sub(1) } else { place };
            call(index, low, high.saturating_sub(low));
        }
    }
}
