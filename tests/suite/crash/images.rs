//! Which images of an epoch are looked at.

use super::disk::{Epoch, Fate, Op, image, is_record};

/// Bytes that a disk writes as a whole or not at all.
const SECTOR: usize = 512;

/// Numbers that look random and are the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n.max(1)
    }
}

/// How many images are looked at.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// Epochs of at most this many operations are enumerated in full.
    pub(crate) all: usize,
    /// Subsets tried of larger ones.
    pub(crate) subsets: usize,
    /// Cuts tried of each write.
    pub(crate) cuts: usize,
    /// Subsets of the others that each cut is tried with.
    pub(crate) company: usize,
}

/// Hands over the images of an epoch: every prefix, each operation dropped and each kept alone, other subsets, writes
/// cut at sectors (the record at any byte), lengths without their bytes, and lengths set late.
pub(crate) fn each(epoch: &Epoch, effort: Effort, random: &mut Random, visit: &mut dyn FnMut(Vec<u8>, &[Fate])) {
    let mut see = |fates: &[Fate]| visit(image(&epoch.base, &epoch.ops, fates), fates);
    fates(&epoch.ops, &|_| epoch.base.len(), effort, random, &mut see);
}

/// Hands over the fates of operations, each on a file that was durable up to a length.
pub(crate) fn fates(
    ops: &[Op],
    durable: &dyn Fn(usize) -> usize,
    effort: Effort,
    random: &mut Random,
    see: &mut dyn FnMut(&[Fate]),
) {
    let n = ops.len();
    let fate = |kept: bool| if kept { Fate::Kept } else { Fate::Dropped };
    if n <= effort.all {
        for set in 0..1usize << n {
            see(&(0..n).map(|i| fate(set >> i & 1 == 1)).collect::<Vec<_>>());
        }
    } else {
        for i in 0..=n {
            see(&(0..n).map(|j| fate(j < i)).collect::<Vec<_>>());
            see(&(0..n).map(|j| fate(j != i)).collect::<Vec<_>>());
            see(&(0..n).map(|j| fate(j == i)).collect::<Vec<_>>());
        }
        for _ in 0..effort.subsets {
            let part = random.below(100);
            see(&(0..n).map(|_| fate(random.below(100) < part)).collect::<Vec<_>>());
        }
    }
    for (i, op) in ops.iter().enumerate() {
        let mut special: Vec<Fate> = Vec::new();
        match op {
            Op::Write { offset, bytes } => {
                for cut in cuts(*offset, bytes, effort.cuts, random) {
                    special.extend([Fate::Head(cut), Fate::LongHead(cut), Fate::Tail(cut)]);
                }
                if offset + bytes.len() > durable(i) {
                    special.extend([Fate::Hole(0), Fate::Hole(0xaa)]);
                }
            }
            Op::SetLen(_) => special.push(Fate::Late),
            Op::Sync => {}
        }
        for special in special {
            // Among all others, with those before it, and among some.
            let mut fates = vec![Fate::Kept; n];
            fates[i] = special;
            see(&fates);
            fates[i + 1..].fill(Fate::Dropped);
            see(&fates);
            for _ in 0..effort.company {
                let part = 50 + random.below(50);
                for (_, slot) in fates.iter_mut().enumerate().filter(|&(j, _)| j != i) {
                    *slot = fate(random.below(100) < part);
                }
                see(&fates);
            }
        }
    }
}

/// Places where a write may be torn.
fn cuts(offset: usize, bytes: &[u8], most: usize, random: &mut Random) -> Vec<usize> {
    let first = SECTOR - offset % SECTOR;
    let mut cuts: Vec<usize> = (first..bytes.len()).step_by(SECTOR).collect();
    while cuts.len() > most {
        cuts.swap_remove(random.below(cuts.len()));
    }
    if is_record(bytes) {
        cuts.extend((0..most).map(|_| random.below(bytes.len())));
        cuts.extend([bytes.len() - 1, bytes.len() - 8, bytes.len() - 20]);
    }
    cuts
}
