//! Choosing how to code each block, and writing it. The choices are those of libaec, so that the stream is too.

use super::client::Layout;
use super::entropy::{Pair, RUN_ALL, RUN_BLOCKS};
use super::groups::{GROUP, Group, pairwise};
use super::writer::Writer;
use crate::filter::simd::vectorized;

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
        || match layout.block.div_ceil(GROUP) {
            ..=1 => encode_groups::<1>(samples, out, layout),
            2 => encode_groups::<2>(samples, out, layout),
            3 => encode_groups::<3>(samples, out, layout),
            _ => encode_groups::<4>(samples, out, layout),
        },
    )
}

/// [`encode`] for blocks that `GROUPS` groups hold: their loops have a length that the compiler knows.
#[inline(always)]
fn encode_groups<const GROUPS: usize>(samples: &[u8], out: &mut [u8], layout: &Layout) -> Option<usize> {
    let mut encoder = Encoder::<GROUPS>::new(out, layout);
    for line in samples.chunks(layout.line.saturating_mul(layout.size)) {
        encoder.line(line, samples.len())?;
    }
    Some(encoder.writer.len()).filter(|&len| len <= samples.len())
}

struct Encoder<'a, const GROUPS: usize> {
    layout: Layout,
    max: u32,
    id_bits: u32,
    writer: Writer<'a>,
    /// Lower bits that suited the last block best.
    low: u32,
    /// Blocks of zeros not written yet.
    zeros: usize,
    /// The line's first sample, if the first of these blocks is the line's first.
    zeros_first: Option<u32>,
}

impl<'a, const GROUPS: usize> Encoder<'a, GROUPS> {
    #[inline(always)]
    fn new(out: &'a mut [u8], layout: &Layout) -> Self {
        let (max, id_bits) = (layout.max(), layout.id_bits());
        let writer = Writer::new(out);
        Encoder { layout: *layout, max, id_bits, writer, low: 0, zeros: 0, zeros_first: None }
    }

    /// One line, filled up to its length. `None` if the stream is longer than `limit` bytes or a sample too large.
    #[inline(always)]
    fn line(&mut self, line: &[u8], limit: usize) -> Option<()> {
        let Layout { block, size, nearest, .. } = self.layout;
        let blocks = self.layout.line.div_ceil(block);
        let mut rest = line;
        let mut done = 0usize;
        while !rest.is_empty() {
            let [mut values, mut befores] = [[[0; GROUP]; GROUPS]; 2];
            let count = load(rest, &mut values, block, &self.layout);
            if all_bits(&values) > self.max || self.writer.len() > limit {
                return None;
            }
            let first = (nearest && done == 0).then(|| values.as_flattened().first().copied().unwrap_or(0));
            if let Some(first) = first {
                let befores = befores.as_flattened_mut().iter_mut().zip(values.as_flattened());
                befores.fold(first, |before, (to, value)| {
                    *to = before;
                    *value
                });
            } else if nearest {
                let before = line.len().saturating_sub(rest.len()).saturating_sub(size);
                load(line.get(before..)?, &mut befores, block, &self.layout);
            }
            if nearest {
                differences(&mut values, &befores, self.max);
                clear(&mut values, count);
            }
            done = done.saturating_add(1);
            self.block(&values, first, done, blocks);
            rest = rest.get(block.saturating_mul(size)..).unwrap_or(&[]);
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
    fn block(&mut self, values: &[Group; GROUPS], first: Option<u32>, done: usize, blocks: usize) {
        let sum = sum(values, 0);
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
        let all = values.as_flattened().get(..self.layout.block).unwrap_or(&[]);
        let coded = all.get(usize::from(first.is_some())..).unwrap_or(&[]);
        let count = u32::try_from(coded.len()).unwrap_or(0);
        let split = self.choose_low(values, count);
        // A pair costs less as one number than as two only if its sum is below 2, and more from 3 on.
        let second = if sum < count { second_extension(all) } else { u32::MAX };
        let raw = count.wrapping_mul(self.layout.bits);
        if second <= split && second < raw {
            self.head(0, first, Some(1));
            for pair in all.as_chunks::<2>().0 {
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
    fn choose_low(&mut self, values: &[Group; GROUPS], count: u32) -> u32 {
        let cost = |low: u32| sum(values, low).wrapping_add(count.wrapping_mul(low.wrapping_add(1)));
        let most = self.layout.uncoded().wrapping_sub(2);
        let (below, above) = (self.low.saturating_sub(1), self.low.wrapping_add(1).min(most));
        let [cost_below, mut best, cost_above] = [cost(below), cost(self.low), cost(above)];
        if cost_above < best {
            (self.low, best) = (above, cost_above);
            while self.low < most && cost(self.low.wrapping_add(1)) < best {
                self.low = self.low.wrapping_add(1);
                best = cost(self.low);
            }
        } else if cost_below < best {
            (self.low, best) = (below, cost_below);
            while self.low > 0 && cost(self.low.wrapping_sub(1)) < best {
                self.low = self.low.wrapping_sub(1);
                best = cost(self.low);
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

/// The sum of the values shifted to the right.
#[inline(always)]
fn sum<const GROUPS: usize>(values: &[Group; GROUPS], shift: u32) -> u32 {
    let mut sum = 0u32;
    for group in values {
        let group = group.map(|value| value.wrapping_shr(shift));
        sum = sum.wrapping_add(group.iter().fold(0, |sum, value| sum.wrapping_add(*value)));
    }
    sum
}

/// The bits that any of the values has.
#[inline(always)]
fn all_bits<const GROUPS: usize>(values: &[Group; GROUPS]) -> u32 {
    values.iter().fold(0, |all, group| all | group.iter().fold(0, |all, value| all | value))
}

/// Bits of the second extension's code, after the number of the option.
#[inline(always)]
fn second_extension(values: &[u32]) -> u32 {
    let pairs = values.as_chunks::<2>().0;
    pairs.iter().fold(1u32, |bits, pair| bits.wrapping_add(Pair(pair[0], pair[1]).number()).wrapping_add(1))
}

/// Turns samples into differences from the samples before them.
#[inline(always)]
fn differences<const GROUPS: usize>(samples: &mut [Group; GROUPS], befores: &[Group; GROUPS], max: u32) {
    for (samples, befores) in samples.iter_mut().zip(befores) {
        *samples = pairwise(*samples, *befores, |sample, before| {
            let room = before.min(max.wrapping_sub(before));
            let difference = sample.wrapping_sub(before).cast_signed();
            let size = difference.unsigned_abs();
            let near = difference.wrapping_shl(1) ^ difference.wrapping_shr(31);
            if size <= room { near.cast_unsigned() } else { size.wrapping_add(room) }
        });
    }
}

/// Makes the values from the one at `count` on zero.
#[inline(always)]
fn clear<const GROUPS: usize>(values: &mut [Group; GROUPS], count: usize) {
    if count < values.as_flattened().len() {
        values.as_flattened_mut().iter_mut().skip(count).for_each(|value| *value = 0);
    }
}

/// Loads up to `most` samples and returns how many they are; the others become zero.
#[inline(always)]
fn load<const GROUPS: usize>(bytes: &[u8], samples: &mut [Group; GROUPS], most: usize, layout: &Layout) -> usize {
    match (layout.size, layout.big_endian) {
        (1, _) => load_all(bytes, samples, most, |&[byte]: &[u8; 1]| byte.into()),
        (2, false) => load_all(bytes, samples, most, |&bytes| u16::from_le_bytes(bytes).into()),
        (2, true) => load_all(bytes, samples, most, |&bytes| u16::from_be_bytes(bytes).into()),
        (_, false) => load_all(bytes, samples, most, |&bytes| u32::from_le_bytes(bytes)),
        (_, true) => load_all(bytes, samples, most, |&bytes| u32::from_be_bytes(bytes)),
    }
}

#[inline(always)]
fn load_all<const N: usize, const GROUPS: usize>(
    bytes: &[u8],
    samples: &mut [Group; GROUPS],
    most: usize,
    sample: impl Fn(&[u8; N]) -> u32,
) -> usize {
    let stored = bytes.as_chunks::<N>().0;
    let count = stored.len().min(most);
    let groups = stored.as_chunks::<GROUP>().0;
    if groups.len() >= samples.len() {
        for (samples, stored) in samples.iter_mut().zip(groups) {
            *samples = stored.each_ref().map(&sample);
        }
    } else {
        samples.as_flattened_mut().iter_mut().zip(stored).for_each(|(to, from)| *to = sample(from));
    }
    clear(samples, count);
    count
}
