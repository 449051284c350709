use super::*;
use alloc::collections::BTreeSet;

fn points(selection: &Selection, extent: &[u64]) -> Vec<Vec<u64>> {
    let mut out = vec![];
    for_each_point(selection, extent, |p| out.push(p.to_vec())).unwrap();
    out
}

fn dim(start: u64, stride: u64, count: Option<u64>, block: Option<u64>) -> SlabDim {
    SlabDim { start, stride, count, block }
}

#[test]
fn a_hyperslab_is_listed_in_c_order() {
    let slab = Selection::Hyperslab(vec![dim(1, 3, Some(2), Some(2)), dim(0, 2, Some(2), Some(1))]);
    let want: Vec<Vec<u64>> = [1, 2, 4, 5].iter().flat_map(|&x| [vec![x, 0], vec![x, 2]]).collect();
    assert_eq!(points(&slab, &[9, 9]), want);
    assert_eq!(point_count(&slab, &[9, 9]).unwrap(), 8);
    assert_eq!(bounds(&slab, &[9, 9]).unwrap(), (vec![1, 0], vec![5, 2]));
}

#[test]
fn overlapping_blocks_count_once() {
    let blocks = vec![0, 0, 2, 2, 1, 1, 3, 3, 0, 3, 0, 3, 1, 1, 1, 1];
    let selection = Selection::Blocks { rank: 2, blocks: blocks.clone() };
    let mut want = BTreeSet::new();
    for b in blocks.chunks(4) {
        for x in b[0]..=b[2] {
            for y in b[1]..=b[3] {
                want.insert(vec![x, y]);
            }
        }
    }
    assert_eq!(points(&selection, &[4, 4]), want.iter().cloned().collect::<Vec<_>>());
    assert_eq!(point_count(&selection, &[4, 4]).unwrap(), want.len() as u64);
}

#[test]
fn unlimited_slabs_are_clipped_to_the_extent() {
    let count = |selection: Selection, len| point_count(&clip(&selection, &[len]).unwrap(), &[len]).unwrap();
    let blocks = || Selection::Hyperslab(vec![dim(2, 5, None, Some(3))]);
    assert!(is_unlimited(&blocks()));
    assert_eq!(count(blocks(), 2), 0);
    assert_eq!(count(blocks(), 5), 3);
    assert_eq!(count(blocks(), 10), 6);
    let tail = || Selection::Hyperslab(vec![dim(2, 1, Some(1), None)]);
    assert_eq!(count(tail(), 10), 8);
    assert_eq!(count(tail(), 2), 0);
}

#[test]
fn everything_and_nothing() {
    assert_eq!(points(&Selection::All, &[2, 2]).len(), 4);
    assert_eq!(points(&Selection::All, &[2, 0]).len(), 0);
    assert_eq!(points(&Selection::None, &[2, 2]).len(), 0);
    assert_eq!(points(&Selection::All, &[]).len(), 1);
}

#[test]
fn a_grid_of_blocks_is_a_regular_hyperslab() {
    let slab = vec![dim(1, 3, Some(2), Some(2)), dim(0, 2, Some(2), Some(1))];
    let mut blocks = vec![];
    for slab in Boxes::new(&Selection::Hyperslab(slab.clone()), &[9, 9]).unwrap().iter() {
        slab.for_each_block(&mut |first, last| blocks.extend(first.iter().chain(last).copied()));
    }
    assert_eq!(blocks.len(), 16);
    assert_eq!(regular(&Selection::Blocks { rank: 2, blocks: blocks.clone() }), Some(slab));
    blocks.truncate(12);
    assert_eq!(regular(&Selection::Blocks { rank: 2, blocks }), None);
}
