//! Choosing how to code each block, and writing it. The choices are those of libaec, so that the stream is too.

use super::client::{Layout, MAX_BLOCK};
use super::entropy::{Pair, RUN_ALL, RUN_BLOCKS};
use super::writer::Writer;
use crate::filter::simd::vectorized;

/// Values that vector instructions work on together.
const GROUP: usize = 8;

/// Values or samples of one block; those past its length are zero.
type Block = [u32; MAX_BLOCK];

/// The stream of these samples at the start of `out`, and its length in bytes. `None` if it is longer than `samples`, or
/// would not restore them: bits above those of a sample, part of a sample. `out` is longer by [`MARGIN`].
///
/// [`MARGIN`]: super::writer::MARGIN
pub(super) fn encode(samples: &[u8], out: &mut [u8], layout: &Layout) -> Option<usize> {
    if samples.len().checked_rem(layout.size)? != 0 {
        return None;
    }
    vectorized(
        #[inline(always)]
        || {
            let mut encoder = Encoder::new(out, layout);
            for line in samples.chunks(layout.line.saturating_mul(layout.size)) {
                encoder.line(line, samples.len())?;
            }
            Some(encoder.writer.len()).filter(|&len| len <= samples.len())
        },
    )
}

struct Encoder<'a> {
    layout: Layout,
    max: u32,
    id_bits: u32,
    writer: Writer<'a>,
    /// The sample before the block.
    before: u32,
    /// Lower bits that suited the last block best.
    low: u32,
    /// Blocks of zeros not written yet.
    zeros: usize,
    /// The line's first sample, if the first of these blocks is the line's first.
    zeros_first: Option<u32>,
}

impl<'a> Encoder<'a> {
    #[inline(always)]
    fn new(out: &'a mut [u8], layout: &Layout) -> Self {
        let (max, id_bits) = (layout.max(), layout.id_bits());
        let writer = Writer::new(out);
        Encoder { layout: *layout, max, id_bits, writer, before: 0, low: 0, zeros: 0, zeros_first: None }
    }

    /// One line, filled up to its length. `None` if the stream is longer than `limit` bytes or a sample too large.
    #[inline(always)]
    fn line(&mut self, line: &[u8], limit: usize) -> Option<()> {
        let Layout { block, size, nearest, .. } = self.layout;
        let blocks = self.layout.line.div_ceil(block);
        let mut done = 0usize;
        for bytes in line.chunks(block.saturating_mul(size)) {
            let count = bytes.len().checked_div(size)?;
            let mut values = [0; MAX_BLOCK];
            load(bytes, &mut values, &self.layout);
            if values.iter().fold(0, |all, &sample| all | sample) > self.max || self.writer.len() > limit {
                return None;
            }
            let first = (nearest && done == 0).then_some(values[0]);
            if nearest {
                self.before = differences(&mut values, count, first.unwrap_or(self.before), self.max);
            }
            done = done.saturating_add(1);
            self.block(&values, first, done, blocks);
        }
        // Blocks of padding.
        for done in done..blocks {
            self.zeros = self.zeros.saturating_add(1);
            self.end_run(done.saturating_add(1), blocks);
        }
        Some(())
    }

    /// The block after which `done` of the line's `blocks` are done.
    #[inline(always)]
    fn block(&mut self, values: &Block, first: Option<u32>, done: usize, blocks: usize) {
        let block = self.layout.block;
        let groups = values.as_chunks::<GROUP>().0;
        let groups = groups.get(..block.div_ceil(GROUP)).unwrap_or(groups);
        let values = values.get(..block).unwrap_or(values);
        let coded = values.get(usize::from(first.is_some())..).unwrap_or(&[]);
        let count = u32::try_from(coded.len()).unwrap_or(0);
        let [sum] = sums(groups, [0]);
        if sum == 0 {
            if self.zeros == 0 {
                self.zeros_first = first;
            }
            self.zeros = self.zeros.saturating_add(1);
            return self.end_run(done, blocks);
        }
        if self.zeros > 0 {
            self.run(false);
        }
        let split = self.choose_low(groups, count);
        // A pair costs less as one number than as two only if its sum is below 2, and more from 3 on.
        let second = if sum < count { second_extension(values) } else { u32::MAX };
        let raw = count.wrapping_mul(self.layout.bits);
        if second <= split && second < raw {
            self.head(0, first, Some(1));
            for pair in values.as_chunks::<2>().0 {
                self.writer.push_unary(Pair(pair[0], pair[1]).number());
            }
        } else if split < raw {
            self.head(self.low.wrapping_add(1), first, None);
            self.writer.push_all_unary(coded, self.low);
            if self.low > 0 {
                self.writer.push_all(coded, self.low);
            }
        } else {
            self.head(self.layout.uncoded(), first, None);
            self.writer.push_all(coded, self.layout.bits);
        }
    }

    /// What comes before the values of a block.
    #[inline(always)]
    fn head(&mut self, id: u32, first: Option<u32>, special: Option<u32>) {
        self.writer.push(id.into(), self.id_bits);
        if let Some(bit) = special {
            self.writer.push(bit.into(), 1);
        }
        if let Some(sample) = first {
            self.writer.push(sample.into(), self.layout.bits);
        }
    }

    /// Sets `low` to the number of lower bits with the shortest code, and returns the bits of the code. The lengths are
    /// convex in `low`; of equal ones the nearest to that of the last block is taken.
    #[inline(always)]
    fn choose_low(&mut self, groups: &[[u32; GROUP]], count: u32) -> u32 {
        let cost = |sum: u32, low: u32| sum.wrapping_add(count.wrapping_mul(low.wrapping_add(1)));
        let most = self.layout.uncoded().wrapping_sub(2);
        let low = self.low;
        let (below, above) = (low.wrapping_sub(1), low.wrapping_add(1));
        let [sum_below, sum, sum_above] = sums(groups, [low.saturating_sub(1), low, above]);
        let mut best = cost(sum, low);
        if low < most && cost(sum_above, above) < best {
            (self.low, best) = (above, cost(sum_above, above));
            while self.low < most {
                let next = self.low.wrapping_add(1);
                let [sum] = sums(groups, [next]);
                if cost(sum, next) >= best {
                    break;
                }
                (self.low, best) = (next, cost(sum, next));
            }
        } else if low > 0 && cost(sum_below, below) < best {
            (self.low, best) = (below, cost(sum_below, below));
            while self.low > 0 {
                let next = self.low.wrapping_sub(1);
                let [sum] = sums(groups, [next]);
                if cost(sum, next) >= best {
                    break;
                }
                (self.low, best) = (next, cost(sum, next));
            }
        }
        best
    }

    /// Writes the run of zeros where it has to end.
    #[inline(always)]
    fn end_run(&mut self, done: usize, blocks: usize) {
        if done == blocks || done.wrapping_rem(RUN_BLOCKS) == 0 {
            self.run(true);
        }
    }

    /// Writes the run of zeros. `all`: it ends where all runs end.
    fn run(&mut self, all: bool) {
        let first = self.zeros_first.take();
        self.head(0, first, Some(0));
        let zeros = u32::try_from(self.zeros).unwrap_or(u32::MAX);
        self.writer.push_unary(match zeros {
            ..=4 => zeros.saturating_sub(1),
            _ if all => RUN_ALL,
            _ => zeros,
        });
        self.zeros = 0;
    }
}

/// Sums of the values shifted to the right.
#[inline(always)]
fn sums<const N: usize>(groups: &[[u32; GROUP]], shifts: [u32; N]) -> [u32; N] {
    let mut all = [[0u32; GROUP]; N];
    for group in groups {
        for (sums, shift) in all.iter_mut().zip(shifts) {
            for (sum, value) in sums.iter_mut().zip(group) {
                *sum = sum.wrapping_add(value.wrapping_shr(shift));
            }
        }
    }
    all.map(|sums| sums.iter().fold(0, |total: u32, &sum| total.wrapping_add(sum)))
}

/// Bits of the second extension's code, after the number of the option.
#[inline(always)]
fn second_extension(values: &[u32]) -> u32 {
    let pairs = values.as_chunks::<2>().0;
    pairs.iter().fold(1u32, |bits, pair| bits.wrapping_add(Pair(pair[0], pair[1]).number()).wrapping_add(1))
}

/// Turns the first `count` samples of a block into differences and the others into zero; returns the last sample.
#[inline(always)]
fn differences(samples: &mut Block, count: usize, before: u32, max: u32) -> u32 {
    let mut befores = [before; MAX_BLOCK];
    befores[1..].copy_from_slice(&samples[..MAX_BLOCK - 1]);
    let last = count.checked_sub(1).and_then(|last| samples.get(last)).copied().unwrap_or(before);
    for (value, before) in samples.iter_mut().zip(befores) {
        let room = before.min(max.wrapping_sub(before));
        let difference = value.wrapping_sub(before).cast_signed();
        let size = difference.unsigned_abs();
        let near = difference.wrapping_shl(1) ^ difference.wrapping_shr(31);
        *value = if size <= room { near.cast_unsigned() } else { size.wrapping_add(room) };
    }
    samples.get_mut(count..).unwrap_or(&mut []).fill(0);
    last
}

#[inline(always)]
fn load(bytes: &[u8], samples: &mut Block, layout: &Layout) {
    match (layout.size, layout.big_endian) {
        (1, _) => samples.iter_mut().zip(bytes).for_each(|(to, &from)| *to = from.into()),
        (2, false) => load_all(bytes, samples, |&bytes| u16::from_le_bytes(bytes).into()),
        (2, true) => load_all(bytes, samples, |&bytes| u16::from_be_bytes(bytes).into()),
        (_, false) => load_all(bytes, samples, |&bytes| u32::from_le_bytes(bytes)),
        (_, true) => load_all(bytes, samples, |&bytes| u32::from_be_bytes(bytes)),
    }
}

#[inline(always)]
fn load_all<const N: usize>(bytes: &[u8], samples: &mut Block, sample: impl Fn(&[u8; N]) -> u32) {
    samples.iter_mut().zip(bytes.as_chunks::<N>().0).for_each(|(to, from)| *to = sample(from));
}
