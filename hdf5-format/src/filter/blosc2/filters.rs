//! The filters of a block, each in its place of six.

use crate::error::Result;
use crate::filter::blosc::sort::{self, room};
use crate::filter::{FilterContext, shuffle};
use alloc::vec::Vec;

/// Filters of a chunk.
pub(super) const PLACES: usize = 6;

/// One filter that changes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Elements of so many bytes, sorted by bytes.
    Bytes(usize),
    /// Sorted by bits; all elements or none where `all`, else up to a multiple of eight.
    Bits { all: bool },
    /// Exclusive or with the first block; in that, with the element before.
    Differences,
    /// Differences of neighbours in each of so many equal parts.
    ByteDifferences(usize),
}

/// The filters of a chunk, in the order of writing, without those that leave nothing to undo.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    /// Bytes of an element.
    pub(super) size: usize,
    pub(super) steps: Vec<Step>,
}

/// The buffers between filters.
#[derive(Default)]
pub(super) struct Buffers {
    pub(super) from: Vec<u8>,
    pub(super) to: Vec<u8>,
    pub(super) spare: Vec<u8>,
}

impl Filters {
    /// The filters with these ids and parameters, of a chunk of this version.
    pub(super) fn of(
        ids: [u8; PLACES],
        parameters: [u8; PLACES],
        size: usize,
        all: bool,
        context: &FilterContext<'_>,
    ) -> Result<Self> {
        let mut steps = Vec::new();
        for (id, parameter) in ids.into_iter().zip(parameters) {
            let own = if parameter == 0 { size } else { usize::from(parameter) };
            match id {
                // None, or precision that is gone.
                0 | 4 | 36 => {}
                1 => steps.push(Step::Bytes(own)),
                2 => steps.push(Step::Bits { all }),
                3 => steps.push(Step::Differences),
                35 => steps.push(Step::ByteDifferences(own)),
                _ => return Err(context.unsupported(format_args!("filter {id} of Blosc 2 blocks"))),
            }
        }
        Ok(Filters { size, steps })
    }

    /// True where all blocks need the first one.
    pub(super) fn need_reference(&self) -> bool {
        self.steps.contains(&Step::Differences)
    }

    /// Undoes the filters on the bytes in `buffers.from`, of which there are as many as `out` has. `reference` is the
    /// first block, unless this is it.
    pub(super) fn undo(&self, buffers: &mut Buffers, out: &mut [u8], reference: Option<&[u8]>) {
        let Buffers { from, to, spare } = buffers;
        let len = out.len();
        for (index, step) in self.steps.iter().enumerate().rev() {
            let into = if index == 0 { &mut *out } else { room(to, len) };
            match *step {
                Step::Bytes(size) => shuffle::unshuffle(room(from, len), into, size),
                Step::Bits { all } => {
                    let sorted = sorted_bits(len, self.size, all);
                    sort::untranspose(room(from, len), into, room(spare, len), self.size, sorted);
                }
                Step::Differences => {
                    into.copy_from_slice(room(from, len));
                    undo_differences(into, reference, self.size);
                }
                Step::ByteDifferences(parts) => {
                    into.copy_from_slice(room(from, len));
                    undo_byte_differences(into, parts);
                }
            }
            core::mem::swap(from, to);
        }
    }

    /// Applies the filters to `block`; what comes out. `reference` is the first block, unless this is it.
    pub(super) fn apply<'a>(&self, block: &'a [u8], buffers: &'a mut Buffers, reference: Option<&[u8]>) -> &'a [u8] {
        let Buffers { from, to, spare } = buffers;
        let len = block.len();
        if self.steps.is_empty() {
            return block;
        }
        for (index, step) in self.steps.iter().enumerate() {
            core::mem::swap(from, to);
            let (input, into) = (if index == 0 { block } else { room(from, len) }, room(to, len));
            match *step {
                Step::Bytes(size) => shuffle::shuffle(input, into, size),
                Step::Bits { all } => {
                    let sorted = sorted_bits(len, self.size, all);
                    sort::transpose(input, into, room(spare, len), self.size, sorted);
                }
                Step::Differences => differences(input, into, reference, self.size),
                Step::ByteDifferences(parts) => byte_differences(input, into, parts),
            }
        }
        room(to, len)
    }
}

fn sorted_bits(len: usize, size: usize, all: bool) -> usize {
    let octets = sort::whole_octets(len, size);
    if all && len.saturating_sub(octets) >= size { 0 } else { octets }
}

/// Bytes of the elements that are compared, for elements of `size` bytes.
fn width(size: usize) -> usize {
    match size {
        1 | 2 | 4 | 8 => size,
        size if size.is_multiple_of(8) => 8,
        _ => 1,
    }
}

/// What is left over after the last whole element stays as it is.
fn whole(len: usize, width: usize) -> usize {
    len.saturating_sub(len.checked_rem(width).unwrap_or(0))
}

fn differences(input: &[u8], out: &mut [u8], reference: Option<&[u8]>, size: usize) {
    let width = width(size);
    out.copy_from_slice(input);
    let out = out.split_at_mut(whole(input.len(), width)).0;
    match reference {
        Some(reference) => out.iter_mut().zip(reference).for_each(|(byte, other)| *byte ^= other),
        None => out.iter_mut().skip(width).zip(input).for_each(|(byte, before)| *byte ^= before),
    }
}

fn undo_differences(out: &mut [u8], reference: Option<&[u8]>, size: usize) {
    let width = width(size);
    let out = out.split_at_mut(whole(out.len(), width)).0;
    match (reference, width) {
        (Some(reference), _) => out.iter_mut().zip(reference).for_each(|(byte, other)| *byte ^= other),
        (None, 1) => running::<1>(out),
        (None, 2) => running::<2>(out),
        (None, 4) => running::<4>(out),
        (None, _) => running::<8>(out),
    }
}

/// Each element with all before it.
fn running<const N: usize>(out: &mut [u8]) {
    let mut sum = [0; N];
    for element in out.as_chunks_mut::<N>().0 {
        sum.iter_mut().zip(*element).for_each(|(sum, byte)| *sum ^= byte);
        *element = sum;
    }
}

/// Each of the equal parts, what is left over not among them.
fn parts_of(bytes: &mut [u8], parts: usize) -> impl Iterator<Item = &mut [u8]> {
    let len = bytes.len().checked_div(parts).unwrap_or(0);
    bytes.chunks_exact_mut(len.max(1)).take(if len == 0 { 0 } else { parts })
}

fn byte_differences(input: &[u8], out: &mut [u8], parts: usize) {
    out.copy_from_slice(input);
    for part in parts_of(out, parts) {
        let mut before = 0u8;
        for byte in part {
            let this = *byte;
            *byte = this.wrapping_sub(core::mem::replace(&mut before, this));
        }
    }
}

fn undo_byte_differences(out: &mut [u8], parts: usize) {
    for part in parts_of(out, parts) {
        let mut sum = 0u8;
        for byte in part {
            sum = sum.wrapping_add(*byte);
            *byte = sum;
        }
    }
}
