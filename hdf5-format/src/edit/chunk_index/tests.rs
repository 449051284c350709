use super::*;
use crate::codec::Sizes;
use crate::edit::{Version, testing};
use crate::graph::chunk_index::ChunkIndex;
use alloc::collections::BTreeMap;
use alloc::vec;

type Model = BTreeMap<Vec<u64>, StoredChunk>;

fn editor(sizes: Sizes, chunk_k: u16) -> Editor {
    testing::editor_with(Version::V110, |superblock| (superblock.sizes, superblock.chunk_k) = (sizes, chunk_k)).0
}

const WIDE: Sizes = Sizes::EIGHT;
const NARROW: Sizes = Sizes { offset: 4, length: 4 };
const MIXED: Sizes = Sizes { offset: 4, length: 8 };

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// A dataset whose index is changed at random.
struct Case {
    sizes: Sizes,
    chunk_k: u16,
    version: u8,
    index: ChunkIndexKind,
    filtered: bool,
    /// Chunks along each dimension that are used, and which dimensions are unlimited.
    chunks: Vec<u64>,
    unlimited: Vec<bool>,
    steps: u64,
}

impl Case {
    fn layout(&self) -> ChunkedLayout {
        let chunk: Vec<u64> = (0..self.chunks.len() as u64).map(|d| d + 2).collect();
        ChunkedLayout { version: self.version, flags: 0, chunk, element_size: 4, index: self.index, address: None }
    }

    fn max_dims(&self) -> Vec<Option<u64>> {
        let chunk = self.layout().chunk;
        // The last chunk sticks out.
        let max = |((n, len), unlimited): ((&u64, u64), &bool)| (!unlimited).then_some(n * len - 1);
        self.chunks.iter().zip(chunk).zip(&self.unlimited).map(max).collect()
    }

    fn chunk(&self, random: &mut Random) -> StoredChunk {
        let bytes = self.layout().chunk_bytes().unwrap();
        let address = Address(random.below(0xffff_fff0));
        let (size, filter_mask) =
            if self.filtered { (1 + random.below(bytes + 50), random.below(1 << 31) as u32) } else { (bytes, 0) };
        StoredChunk { address, size, filter_mask }
    }

    fn run(&self, seed: u64) {
        let mut random = Random(seed);
        let mut editor = editor(self.sizes, self.chunk_k);
        let mut index = ChunkIndexEditor::open(&editor, self.layout(), &self.max_dims(), self.filtered).unwrap();
        let mut model = Model::new();
        let volume: u64 = self.chunks.iter().product();
        for step in 0..self.steps {
            // Mostly in order, or anywhere; phases of growing and of shrinking.
            let number = if (step / 500) % 3 == 0 { step % volume } else { random.below(volume) };
            let mut scaled = vec![0; self.chunks.len()];
            let mut rest = number;
            for (s, n) in scaled.iter_mut().zip(&self.chunks).rev() {
                (*s, rest) = (rest % n, rest / n);
            }
            let growing = (step / 1000) % 2 == 0;
            match random.below(10) {
                0 => assert_eq!(index.lookup(&mut editor, &scaled).unwrap(), model.get(&scaled).copied()),
                1..=7 if growing => {
                    let chunk = self.chunk(&mut random);
                    assert_eq!(index.set(&mut editor, &scaled, chunk).unwrap(), model.insert(scaled, chunk));
                }
                8 => {
                    let chunk = self.chunk(&mut random);
                    assert_eq!(index.set(&mut editor, &scaled, chunk).unwrap(), model.insert(scaled, chunk));
                }
                _ => assert_eq!(index.remove(&mut editor, &scaled).unwrap(), model.remove(&scaled)),
            }
            if random.below(400) == 0 {
                self.compare(&mut editor, &mut index, &model);
                if random.below(2) == 0 {
                    let layout = index.layout().clone();
                    index = ChunkIndexEditor::open(&editor, layout, &self.max_dims(), self.filtered).unwrap();
                }
            }
        }
        self.compare(&mut editor, &mut index, &model);
        self.prune(&mut editor, &mut index, &mut model, &mut random);
        self.compare(&mut editor, &mut index, &model);
        let mut left = Model::new();
        index
            .delete(&mut editor, &mut |_, scaled, chunk| {
                left.insert(scaled.to_vec(), chunk);
                Ok(())
            })
            .unwrap();
        assert_eq!(left, model);
        assert_eq!((editor.ctx().end(), editor.free_bytes()), (96, 0), "space is left over");
    }

    /// The graph's reader sees what the model has.
    fn compare(&self, editor: &mut Editor, index: &mut ChunkIndexEditor, model: &Model) {
        let layout = index.finish(editor).unwrap().clone();
        let max_dims = self.max_dims();
        let dims: Vec<u64> = max_dims.iter().map(|m| m.unwrap_or(1)).collect();
        let reader = ChunkIndex::new(&layout, &dims, &max_dims, self.filtered).unwrap();
        let mut found = Model::new();
        let rank = self.chunks.len();
        reader
            .visit(editor.ctx(), &vec![0; rank], &vec![u64::MAX; rank], &mut |r| {
                let chunk = StoredChunk { address: r.address, size: r.size, filter_mask: r.filter_mask };
                assert_eq!(found.insert(r.scaled.to_vec(), chunk), None);
                Ok(())
            })
            .unwrap();
        assert_eq!(&found, model);
    }

    fn prune(&self, editor: &mut Editor, index: &mut ChunkIndexEditor, model: &mut Model, random: &mut Random) {
        let chunk = self.layout().chunk;
        let ends: Vec<u64> = self.chunks.iter().map(|n| n / 2 + random.below(n / 2 + 1)).collect();
        let dims: Vec<u64> = ends.iter().zip(chunk).map(|(n, len)| (n * len).saturating_sub(1)).collect();
        let mut pruned = Model::new();
        index
            .prune(editor, &dims, &mut |_, scaled, chunk| {
                assert_eq!(pruned.insert(scaled.to_vec(), chunk), None);
                Ok(())
            })
            .unwrap();
        let outside = |scaled: &[u64]| scaled.iter().zip(&ends).any(|(s, end)| s >= end);
        let expected: Model = model.iter().filter(|(s, _)| outside(s)).map(|(s, c)| (s.clone(), *c)).collect();
        assert_eq!(pruned, expected);
        model.retain(|scaled, _| !outside(scaled));
    }
}

fn cases(index: ChunkIndexKind, version: u8, shapes: &[(&[u64], &[bool])], steps: u64) {
    for (i, &(chunks, unlimited)) in shapes.iter().enumerate() {
        for (sizes, filtered) in [(WIDE, false), (NARROW, true), (MIXED, false), (WIDE, true)] {
            let (chunks, unlimited) = (chunks.to_vec(), unlimited.to_vec());
            Case { sizes, chunk_k: 2, version, index, filtered, chunks, unlimited, steps }.run(i as u64);
        }
    }
}

#[test]
fn btree_v1_at_random() {
    let shapes: [(&[u64], &[bool]); 3] =
        [(&[700], &[true]), (&[20, 30], &[true, false]), (&[5, 9, 11], &[false, true, true])];
    cases(ChunkIndexKind::BTreeV1, 3, &shapes, 6000);
}

#[test]
fn btree_v1_of_usual_nodes() {
    let (chunks, unlimited) = (vec![50, 80], vec![true, true]);
    Case {
        sizes: WIDE,
        chunk_k: 32,
        version: 3,
        index: ChunkIndexKind::BTreeV1,
        filtered: false,
        chunks,
        unlimited,
        steps: 20_000,
    }
    .run(1);
}

#[test]
fn fixed_arrays_at_random() {
    let shapes: [(&[u64], &[bool]); 3] = [(&[7], &[false]), (&[20, 30], &[false; 2]), (&[5, 9, 11], &[false; 3])];
    for (page_bits, version) in [(10, 4), (3, 5), (1, 4)] {
        cases(ChunkIndexKind::FixedArray { page_bits }, version, &shapes, 4000);
    }
    cases(ChunkIndexKind::FixedArray { page_bits: 10 }, 4, &[(&[1500, 2], &[false; 2])], 6000);
}

#[test]
fn extensible_arrays_at_random() {
    let usual = ChunkIndexKind::ExtensibleArray {
        max_bits: 32,
        index_elements: 4,
        min_pointers: 4,
        min_elements: 16,
        page_bits: 10,
    };
    let small = ChunkIndexKind::ExtensibleArray {
        max_bits: 14,
        index_elements: 3,
        min_pointers: 2,
        min_elements: 2,
        page_bits: 2,
    };
    let direct_pages = ChunkIndexKind::ExtensibleArray {
        max_bits: 12,
        index_elements: 1,
        min_pointers: 8,
        min_elements: 1,
        page_bits: 1,
    };
    let shapes: [(&[u64], &[bool]); 4] = [
        (&[1500], &[true]),
        (&[40, 30], &[true, false]),
        (&[40, 30], &[false, true]),
        (&[5, 29, 11], &[false, true, false]),
    ];
    for (index, version) in [(usual, 4), (small, 5), (direct_pages, 4)] {
        cases(index, version, &shapes, 4000);
    }
    cases(usual, 4, &[(&[60_000], &[true])], 4000);
}

#[test]
fn single_chunks() {
    for (filtered, parts) in [(true, Some((0, 0))), (false, None)] {
        let index = ChunkIndexKind::Single { filtered: parts };
        let (chunks, unlimited) = (vec![1, 1], vec![false; 2]);
        Case { sizes: WIDE, chunk_k: 2, version: 4, index, filtered, chunks, unlimited, steps: 2000 }.run(3);
    }
}

#[test]
fn btree_v2_at_random() {
    let shapes: [(&[u64], &[bool]); 3] =
        [(&[700], &[true]), (&[20, 30], &[true, true]), (&[5, 9, 11], &[false, true, true])];
    for (node_size, version) in [(2048, 4), (300, 5), (260, 4)] {
        let index = ChunkIndexKind::BTreeV2 { node_size, split_percent: 100, merge_percent: 40 };
        cases(index, version, &shapes, 6000);
    }
}
