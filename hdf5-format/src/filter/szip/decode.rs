//! Reading the stream.

use super::client::{Layout, MAX_BLOCK};
use super::entropy::{Pair, RUN_ALL, RUN_BLOCKS};
use crate::error::Error;
use crate::filter::FilterContext;
use crate::filter::bits::field;
use crate::filter::simd::vectorized;

/// Values or samples of one block; those past its length are any number.
type Block = [u32; MAX_BLOCK];

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
            let mut decoder = Decoder { layout: *layout, reader: Reader { data: stream, at: 0 }, before: 0 };
            let whole = out.len().saturating_sub(out.len().checked_rem(layout.size).unwrap_or(0));
            let (samples, rest) = out.split_at_mut_checked(whole).unwrap_or_default();
            rest.fill(0);
            samples.chunks_mut(layout.line.saturating_mul(layout.size)).try_for_each(
                #[inline(always)]
                |line| decoder.line(line),
            )
        },
    )
}

struct Decoder<'a> {
    layout: Layout,
    reader: Reader<'a>,
    /// The sample before the block.
    before: u32,
}

impl Decoder<'_> {
    /// One line, or as much of it as there is room for.
    #[inline(always)]
    fn line(&mut self, out: &mut [u8]) -> Result<(), Damage> {
        let Layout { block, line, size, .. } = self.layout;
        let blocks = line.div_ceil(block);
        let mut rest = out;
        let mut done = 0usize;
        while !rest.is_empty() {
            let (count, values) = self.block(done, blocks)?;
            let room = rest.len().min(count.saturating_mul(block).saturating_mul(size));
            let Some((out, next)) = rest.split_at_mut_checked(room) else { break };
            match values {
                None => fill(out, if self.layout.nearest { self.before } else { 0 }, &self.layout),
                Some(mut samples) => {
                    if self.layout.nearest {
                        self.before = restore(&mut samples, block, self.before, self.layout.max());
                    }
                    store(&samples, out, &self.layout);
                }
            }
            (rest, done) = (next, done.saturating_add(count));
        }
        Ok(())
    }

    /// The values of the next block, or `None` for a run of this many blocks of zeros. `done` blocks of the line's
    /// `blocks` are behind.
    #[inline(always)]
    fn block(&mut self, done: usize, blocks: usize) -> Result<(usize, Option<Block>), Damage> {
        let Layout { block, bits, nearest, .. } = self.layout;
        let coded = self.reader.bits(self.layout.id_bits());
        let special = coded == 0;
        let second = special && self.reader.bits(1) == 1;
        // The line's first sample is no value: its place among the values is zero.
        let first = if nearest && done == 0 {
            self.before = self.reader.bits(bits);
            1usize
        } else {
            0
        };
        let mut values = [0; MAX_BLOCK];
        if special {
            if !second {
                return self.run(done, blocks).map(|count| (count, None));
            }
            self.second_extension(&mut values, block)?;
            if first == 1 {
                values[0] = 0;
            }
        } else {
            let values = values.get_mut(first..block).unwrap_or(&mut []);
            if coded == self.layout.uncoded() {
                self.reader.fields(values, bits);
            } else {
                self.split(values, coded.wrapping_sub(1))?;
            }
        }
        if self.reader.is_past_end() {
            return Err(Damage::Truncated);
        }
        Ok((1, Some(values)))
    }

    /// Values divided by 2^`low` in unary, then their `low` lower bits.
    #[inline(always)]
    fn split(&mut self, values: &mut [u32], low: u32) -> Result<(), Damage> {
        self.reader.unary(values)?;
        let most = self.layout.max().wrapping_shr(low);
        let above = values.iter().fold(0u32, |above, &value| above | u32::from(value > most));
        if above != 0 {
            return Err(Damage::TooLarge);
        }
        if low > 0 {
            let mut lower = [0; MAX_BLOCK];
            self.reader.fields(lower.get_mut(..values.len()).unwrap_or(&mut []), low);
            values.iter_mut().zip(&lower).for_each(|(value, lower)| *value = value.wrapping_shl(low) | lower);
        }
        Ok(())
    }

    /// Pairs of values as one number in unary.
    #[inline(always)]
    fn second_extension(&mut self, values: &mut Block, block: usize) -> Result<(), Damage> {
        let mut numbers = [0; MAX_BLOCK / 2];
        let numbers = numbers.get_mut(..block / 2).unwrap_or(&mut []);
        self.reader.unary(numbers)?;
        let mut most = 0;
        for (pair, number) in values.as_chunks_mut::<2>().0.iter_mut().zip(numbers) {
            let Pair(first, second) = Pair::of(*number);
            *pair = [first, second];
            most = most.max(first).max(second);
        }
        if most > self.layout.max() { Err(Damage::TooLarge) } else { Ok(()) }
    }

    /// Blocks of a run of zeros.
    #[inline(always)]
    fn run(&mut self, done: usize, blocks: usize) -> Result<usize, Damage> {
        let mut number = [0];
        self.reader.unary(&mut number)?;
        if self.reader.is_past_end() {
            return Err(Damage::Truncated);
        }
        let left = blocks.saturating_sub(done);
        let count = match number {
            [number @ ..=3] => number.saturating_add(1) as usize,
            // All blocks up to the next multiple of RUN_BLOCKS in the line.
            [RUN_ALL] => left.min(RUN_BLOCKS.saturating_sub(done.wrapping_rem(RUN_BLOCKS))),
            [number] => number as usize,
        };
        if count > left { Err(Damage::Run { blocks: count, left }) } else { Ok(count) }
    }
}

/// Turns the differences of a block into samples, and returns the last one. A difference is counted from the sample
/// before: 0, -1, 1, -2, 2 ... as long as both are within 0 to `max`, then on to the other side alone.
#[inline(always)]
fn restore(values: &mut Block, block: usize, before: u32, max: u32) -> u32 {
    let values = values.get_mut(..block).unwrap_or(&mut []);
    // As if no difference met an end of the range: additions alone. Where one does, the samples are not these.
    let mut samples = [0u32; MAX_BLOCK];
    let mut sample = before;
    let mut outside = 0u32;
    for (to, &value) in samples.iter_mut().zip(values.iter()) {
        let room = sample.min(max.wrapping_sub(sample));
        outside |= u32::from(value.wrapping_add(1) >> 1 > room);
        sample = sample.wrapping_add(zigzag(value));
        *to = sample;
    }
    if outside == 0 {
        values.iter_mut().zip(&samples).for_each(|(to, from)| *to = *from);
        return sample;
    }
    restore_at_ends(values, before, max)
}

/// 0, -1, 1, -2, 2 ...
#[inline(always)]
fn zigzag(value: u32) -> u32 {
    (value >> 1) ^ 0u32.wrapping_sub(value & 1)
}

#[inline(never)]
fn restore_at_ends(values: &mut [u32], before: u32, max: u32) -> u32 {
    let mut sample = before;
    for value in values {
        let above = max.wrapping_sub(sample);
        sample = if value.wrapping_add(1) >> 1 <= sample.min(above) {
            sample.wrapping_add(zigzag(*value))
        } else if sample < above {
            *value
        } else {
            max.wrapping_sub(*value)
        };
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
    out.chunks_mut(MAX_BLOCK.saturating_mul(layout.size)).for_each(|out| store(&samples, out, layout));
}

/// The bits of the stream in turn.
struct Reader<'a> {
    data: &'a [u8],
    /// Bits read. Bits past the end are zero.
    at: u64,
}

/// Bits that a load has at least, whatever bit of a byte it starts at.
const LOADED: u32 = 57;

impl Reader<'_> {
    #[inline(always)]
    fn bit_len(&self) -> u64 {
        (self.data.len() as u64).saturating_mul(8)
    }

    #[inline(always)]
    fn is_past_end(&self) -> bool {
        self.at > self.bit_len()
    }

    /// A number of 1 to 32 bits.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "at most 32 bits")]
    fn bits(&mut self, width: u32) -> u32 {
        let value = field(self.data, self.at, width) as u32;
        self.at = self.at.wrapping_add(width.into());
        value
    }

    /// Numbers of 1 to 31 bits.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "at most 31 bits")]
    fn fields(&mut self, values: &mut [u32], width: u32) {
        for value in values {
            *value = field(self.data, self.at, width) as u32;
            self.at = self.at.wrapping_add(width.into());
        }
    }

    /// Numbers in unary: as many zeros, then a one.
    #[inline(always)]
    fn unary(&mut self, values: &mut [u32]) -> Result<(), Damage> {
        // Where the ones are, counted from here.
        let mut ones = [0u32; MAX_BLOCK];
        let mut rest = ones.get_mut(..values.len()).unwrap_or(&mut []);
        let mut base = 0u32;
        loop {
            let start = self.at.wrapping_add(base.into());
            let mut word = field(self.data, start, LOADED).reverse_bits().wrapping_shr(64u32.wrapping_sub(LOADED));
            let here = rest.len().min(word.count_ones() as usize);
            let Some((now, later)) = rest.split_at_mut_checked(here) else { break };
            for one in now {
                *one = base.wrapping_add(word.trailing_zeros());
                word &= word.wrapping_sub(1);
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
            if start > self.bit_len() {
                return Err(Damage::Truncated);
            }
            base = base.checked_add(LOADED).ok_or(Damage::TooLarge)?;
        }
        let mut next = 0u32;
        for (value, &one) in values.iter_mut().zip(&ones) {
            *value = one.wrapping_sub(next);
            next = one.wrapping_add(1);
        }
        self.at = self.at.wrapping_add(next.into());
        Ok(())
    }
}
