//! A string of bits, most significant first.

/// Bytes after the limit of a stream that a [`Writer`] needs: a block is written before the length is looked at.
pub(super) const MARGIN: usize = 256;

/// Most bits of a number: with the pending ones they stay below 64.
const MAX_WIDTH: u32 = 56;

/// Numbers that are put into words together.
const GROUP: usize = 8;

pub(super) struct Writer<'a> {
    out: &'a mut [u8],
    /// Whole bytes written.
    at: usize,
    /// Bits after them, from the top.
    pending: u64,
    /// Their number, below 8 between calls.
    count: u32,
}

impl<'a> Writer<'a> {
    /// What does not fit into `out` is lost.
    pub(super) fn new(out: &'a mut [u8]) -> Self {
        Writer { out, at: 0, pending: 0, count: 0 }
    }

    /// Bytes of the stream, the last one filled up with zero bits.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.at.saturating_add(usize::from(self.count > 0))
    }

    /// A number of at most `width` bits, which are at most [`MAX_WIDTH`].
    #[inline(always)]
    pub(super) fn push(&mut self, number: u64, width: u32) {
        let count = self.count.wrapping_add(width);
        let word = self.pending | number.wrapping_shl(64u32.wrapping_sub(count));
        if let Some(room) = self.out.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut) {
            *room = word.to_be_bytes();
        }
        self.at = self.at.wrapping_add((count >> 3) as usize);
        self.pending = word.wrapping_shl(count & !7);
        self.count = count & 7;
    }

    /// As many zeros, then a one.
    #[inline(always)]
    pub(super) fn push_unary(&mut self, mut zeros: u32) {
        while zeros >= MAX_WIDTH {
            self.push(0, MAX_WIDTH);
            zeros = zeros.wrapping_sub(MAX_WIDTH);
        }
        self.push(1, zeros.wrapping_add(1));
    }

    /// Each number divided by 2^`low`, in unary: less than 2^32 bits.
    #[inline(always)]
    pub(super) fn push_all_unary(&mut self, numbers: &[u32], low: u32) {
        let (groups, rest) = numbers.as_chunks::<GROUP>();
        for group in groups {
            let zeros = group.map(|number| number.wrapping_shr(low));
            // The ones are set from the last one backwards.
            let mut ones = [0; GROUP];
            let mut width = 0u32;
            for (one, zeros) in ones.iter_mut().zip(zeros).rev() {
                *one = 1u64.wrapping_shl(width);
                width = width.wrapping_add(zeros).wrapping_add(1);
            }
            if width <= MAX_WIDTH {
                self.push(ones.iter().fold(0, |word, one| word | one), width);
            } else {
                zeros.iter().for_each(|&zeros| self.push_unary(zeros));
            }
        }
        rest.iter().for_each(|number| self.push_unary(number.wrapping_shr(low)));
    }

    /// The lower `width` bits of each number, 1 to 28.
    #[inline(always)]
    pub(super) fn push_all(&mut self, numbers: &[u32], width: u32) {
        let lower = 1u64.wrapping_shl(width).wrapping_sub(1);
        let (groups, rest) = numbers.as_chunks::<GROUP>();
        for group in groups {
            let [a, b, c, d, e, f, g, h] = group.map(|number| u64::from(number) & lower);
            let join = |high: u64, low: u64, width: u32| high.wrapping_shl(width) | low;
            let pairs = [join(a, b, width), join(c, d, width), join(e, f, width), join(g, h, width)];
            let two = width.wrapping_mul(2);
            if two > MAX_WIDTH / 2 {
                pairs.iter().for_each(|&pair| self.push(pair, two));
                continue;
            }
            let four = width.wrapping_mul(4);
            let [high, low] = [join(pairs[0], pairs[1], two), join(pairs[2], pairs[3], two)];
            if four > MAX_WIDTH / 2 {
                self.push(high, four);
                self.push(low, four);
            } else {
                self.push(join(high, low, four), width.wrapping_mul(8));
            }
        }
        rest.iter().for_each(|&number| self.push(u64::from(number) & lower, width));
    }
}
