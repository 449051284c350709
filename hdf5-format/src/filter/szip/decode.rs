//! Reading the stream.

use super::client::{Layout, MAX_BLOCK};
use super::entropy::{Pair, RUN_ALL, RUN_BLOCKS};
use super::reader::Reader;
use crate::error::Error;
use crate::filter::FilterContext;
use crate::filter::simd::vectorized;

/// Values or samples of one block; those past its length do not count.
pub(super) type Block = [u32; MAX_BLOCK];

/// Why a stream is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// It ends before the chunk does.
    Truncated,
    /// A value has more bits than a sample.
    TooLarge,
    /// A run of more blocks than are left in the line.
    Run { blocks: usize, left: usize },
}

impl Damage {
    #[cold]
    pub(super) fn error(self, stream: usize, chunk: usize, context: &FilterContext<'_>) -> Error {
        match self {
            Damage::Truncated => {
                context.corrupt(format_args!("{stream} bytes are cut short: they are not all of a chunk of {chunk}"))
            }
            Damage::TooLarge => context.corrupt("a value has more bits than a sample"),
            Damage::Run { blocks, left } => {
                context.corrupt(format_args!("a run of {blocks} blocks, but only {left} are left in the line"))
            }
        }
    }
}

/// Restores as many samples as fit into `out`; bytes left over become zero.
pub(super) fn decode(stream: &[u8], out: &mut [u8], layout: &Layout) -> Result<(), Damage> {
    vectorized(
        #[inline(always)]
        || {
            let mut decoder = Decoder::new(stream, layout);
            let whole = out.len().saturating_sub(out.len().checked_rem(layout.size).unwrap_or(0));
            let (samples, rest) = out.split_at_mut_checked(whole).unwrap_or_default();
            rest.fill(0);
            for line in samples.chunks_mut(layout.line.saturating_mul(layout.size)) {
                decoder.line(line)?;
            }
            Ok(())
        },
    )
}

struct Decoder<'a> {
    layout: Layout,
    max: u32,
    id_bits: u32,
    reader: Reader<'a>,
    /// The sample before the block.
    before: u32,
}

impl<'a> Decoder<'a> {
    #[inline(always)]
    fn new(stream: &'a [u8], layout: &Layout) -> Self {
        let reader = Reader::new(stream);
        Decoder { layout: *layout, max: layout.max(), id_bits: layout.id_bits(), reader, before: 0 }
    }

    /// One line, or as much of it as there is room for.
    #[inline(always)]
    fn line(&mut self, out: &mut [u8]) -> Result<(), Damage> {
        let Layout { block, line, size, nearest, .. } = self.layout;
        let blocks = line.div_ceil(block);
        let block_bytes = block.saturating_mul(size);
        let mut rest = out;
        let mut done = 0usize;
        while !rest.is_empty() {
            let mut values = [0; MAX_BLOCK];
            let run = self.block(&mut values, done, blocks)?;
            if run > 0 {
                let room = rest.len().min(run.saturating_mul(block_bytes));
                let Some((out, next)) = rest.split_at_mut_checked(room) else { break };
                fill(out, if nearest { self.before } else { 0 }, &self.layout);
                (rest, done) = (next, done.saturating_add(run));
                continue;
            }
            let room = rest.len().min(block_bytes);
            let Some((out, next)) = rest.split_at_mut_checked(room) else { break };
            if nearest {
                self.before = restore(&mut values, block, self.before, self.max);
            }
            store(&values, out, &self.layout);
            (rest, done) = (next, done.saturating_add(1));
        }
        Ok(())
    }

    /// Reads the values of a block, and returns 0; for a run of blocks of zeros, their number. `done` blocks of the
    /// line's `blocks` are behind.
    #[inline(always)]
    fn block(&mut self, values: &mut Block, done: usize, blocks: usize) -> Result<usize, Damage> {
        let Layout { block, bits, nearest, .. } = self.layout;
        let id = self.reader.bits(self.id_bits);
        let second = id == 0 && self.reader.bits(1) == 1;
        // The line's first sample is no value: its place among the values is zero.
        let first = nearest && done == 0;
        if first {
            self.before = self.reader.bits(bits);
        }
        if id == 0 && !second {
            return self.run(done, blocks);
        }
        if second {
            self.second_extension(values, block)?;
        } else {
            let count = block.saturating_sub(usize::from(first));
            if id == self.layout.uncoded() {
                self.reader.fields(values, count, bits);
            } else {
                self.split(values, count, id.wrapping_sub(1))?;
            }
            if first {
                values.copy_within(..MAX_BLOCK - 1, 1);
            }
        }
        if first {
            values[0] = 0;
        }
        if self.reader.is_past_end() { Err(Damage::Truncated) } else { Ok(0) }
    }

    /// Values divided by 2^`low` in unary, then their `low` lower bits.
    #[inline(always)]
    fn split(&mut self, values: &mut Block, count: usize, low: u32) -> Result<(), Damage> {
        self.reader.unary(values, count)?;
        let most = self.max.wrapping_shr(low);
        if values.iter().fold(false, |above, &value| above | (value > most)) {
            return Err(Damage::TooLarge);
        }
        if low > 0 {
            let mut lower = [0; MAX_BLOCK];
            self.reader.fields(&mut lower, count, low);
            values.iter_mut().zip(&lower).for_each(|(value, lower)| *value = value.wrapping_shl(low) | lower);
        }
        Ok(())
    }

    /// Pairs of values as one number in unary.
    #[inline(always)]
    fn second_extension(&mut self, values: &mut Block, block: usize) -> Result<(), Damage> {
        let mut numbers = [0; MAX_BLOCK];
        self.reader.unary(&mut numbers, block / 2)?;
        let mut most = 0;
        for (pair, number) in values.as_chunks_mut::<2>().0.iter_mut().zip(numbers) {
            let Pair(first, second) = Pair::of(number);
            *pair = [first, second];
            most = most.max(first).max(second);
        }
        if most > self.max { Err(Damage::TooLarge) } else { Ok(()) }
    }

    /// Blocks of a run of zeros: at least one.
    #[inline(always)]
    fn run(&mut self, done: usize, blocks: usize) -> Result<usize, Damage> {
        let mut number = [0; MAX_BLOCK];
        self.reader.unary(&mut number, 1)?;
        if self.reader.is_past_end() {
            return Err(Damage::Truncated);
        }
        let left = blocks.saturating_sub(done);
        let count = match number[0] {
            number @ ..RUN_ALL => number.saturating_add(1) as usize,
            // All blocks up to the next multiple of RUN_BLOCKS in the line.
            RUN_ALL => left.min(RUN_BLOCKS.saturating_sub(done.wrapping_rem(RUN_BLOCKS))),
            number => number as usize,
        };
        if count > left { Err(Damage::Run { blocks: count, left }) } else { Ok(count) }
    }
}

/// Turns the differences of a block into samples, and returns the last one. A difference is counted from the sample
/// before: 0, -1, 1, -2, 2 ... as long as both are within 0 to `max`, then on to the other side alone.
#[inline(always)]
fn restore(values: &mut Block, block: usize, before: u32, max: u32) -> u32 {
    // What does not depend on the sample before comes first: the loop below is one long chain of operations.
    let (mut near, mut least, mut span) = ([0u32; MAX_BLOCK], [0u32; MAX_BLOCK], [0u32; MAX_BLOCK]);
    for (((near, least), span), &value) in near.iter_mut().zip(&mut least).zip(&mut span).zip(values.iter()) {
        *near = (value >> 1) ^ 0u32.wrapping_sub(value & 1);
        // Both sides are there if least <= sample before <= max - least.
        let half = value.wrapping_add(1) >> 1;
        let both = half <= max >> 1;
        *least = if both { half } else { u32::MAX };
        *span = if both { max.wrapping_sub(half.wrapping_mul(2)) } else { 0 };
    }
    let mut sample = before;
    for (((value, near), least), span) in values.iter_mut().zip(near).zip(least).zip(span).take(block) {
        let one_side = if sample <= max >> 1 { *value } else { max.wrapping_sub(*value) };
        let both_sides = sample.wrapping_add(near);
        sample = if sample.wrapping_sub(least) <= span { both_sides } else { one_side };
        *value = sample;
    }
    sample
}

#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "samples have as many bits as the bytes that they are stored in")]
fn store(samples: &Block, out: &mut [u8], layout: &Layout) {
    match (layout.size, layout.big_endian) {
        (1, _) => out.iter_mut().zip(samples).for_each(|(to, &from)| *to = from as u8),
        (2, false) => store_all(samples, out, |sample| (sample as u16).to_le_bytes()),
        (2, true) => store_all(samples, out, |sample| (sample as u16).to_be_bytes()),
        (_, false) => store_all(samples, out, u32::to_le_bytes),
        (_, true) => store_all(samples, out, u32::to_be_bytes),
    }
}

#[inline(always)]
fn store_all<const N: usize>(samples: &[u32], out: &mut [u8], bytes: impl Fn(u32) -> [u8; N]) {
    out.as_chunks_mut::<N>().0.iter_mut().zip(samples).for_each(|(to, &from)| *to = bytes(from));
}

/// The same sample everywhere.
#[inline(always)]
fn fill(out: &mut [u8], sample: u32, layout: &Layout) {
    let samples = [sample; MAX_BLOCK];
    for out in out.chunks_mut(MAX_BLOCK.saturating_mul(layout.size)) {
        store(&samples, out, layout);
    }
}
