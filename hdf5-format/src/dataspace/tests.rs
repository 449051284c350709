use super::*;
use alloc::collections::BTreeSet;
use proptest::prelude::*;

fn points(selection: &Selection, extent: &[u64]) -> Vec<Vec<u64>> {
    let mut out = vec![];
    for_each_point(selection, extent, |p| out.push(p.to_vec())).unwrap();
    out
}

fn dim(start: u64, stride: u64, count: u64, block: u64) -> SlabDim {
    SlabDim { start, stride, count: Some(count), block: Some(block) }
}

/// The elements of a selection in their order, by looking at every element of the extent.
fn naive(selection: &Selection, extent: &[u64]) -> Vec<Vec<u64>> {
    if let Selection::Points { rank, coords } = selection {
        return coords.chunks(*rank).map(<[u64]>::to_vec).collect();
    }
    let along = |d: &SlabDim, x: u64| {
        (0..d.count.unwrap()).any(|i| (0..d.block.unwrap()).any(|b| d.start + i * d.stride + b == x))
    };
    let selected = |p: &[u64]| match selection {
        Selection::All => true,
        Selection::Hyperslab(dims) => dims.iter().zip(p).all(|(d, x)| along(d, *x)),
        Selection::Blocks { rank, blocks } => blocks.chunks(rank * 2).any(|b| {
            let (first, last) = b.split_at(*rank);
            p.iter().zip(first).zip(last).all(|((x, f), l)| f <= x && x <= l)
        }),
        _ => false,
    };
    let mut all = vec![vec![]];
    for &len in extent {
        all = all.iter().flat_map(|p: &Vec<u64>| (0..len).map(move |x| [&p[..], &[x]].concat())).collect();
    }
    all.retain(|p| selected(p));
    all
}

fn place(point: &[u64], extent: &[u64]) -> u64 {
    point.iter().zip(extent).fold(0, |n, (x, d)| n * d + x)
}

#[test]
fn a_hyperslab_is_listed_in_c_order() {
    let slab = Selection::Hyperslab(vec![dim(1, 3, 2, 2), dim(0, 2, 2, 1)]);
    let want: Vec<Vec<u64>> = [1, 2, 4, 5].iter().flat_map(|&x| [vec![x, 0], vec![x, 2]]).collect();
    assert_eq!(points(&slab, &[9, 9]), want);
    assert_eq!(point_count(&slab, &[9, 9]).unwrap(), 8);
    assert_eq!(bounds(&slab, &[9, 9]).unwrap(), (vec![1, 0], vec![5, 2]));
}

#[test]
fn overlapping_blocks_count_once() {
    let blocks = vec![0, 0, 2, 2, 1, 1, 3, 3, 0, 3, 0, 3, 1, 1, 1, 1];
    let selection = Selection::Blocks { rank: 2, blocks };
    assert_eq!(points(&selection, &[4, 4]), naive(&selection, &[4, 4]));
    assert_eq!(point_count(&selection, &[4, 4]).unwrap(), naive(&selection, &[4, 4]).len() as u64);
}

#[test]
fn everything_and_nothing() {
    assert_eq!(points(&Selection::All, &[2, 2]).len(), 4);
    assert_eq!(points(&Selection::All, &[2, 0]).len(), 0);
    assert_eq!(points(&Selection::None, &[2, 2]).len(), 0);
    assert_eq!(points(&Selection::All, &[]).len(), 1);
    let scalar = Elements::new(&Selection::All, &[]).unwrap();
    assert_eq!(scalar.runs(0..1).collect::<Vec<_>>(), [Run { number: 0, start: 0, len: 1 }]);
    assert!(scalar.within(&[], &[]).eq(core::iter::once(0..1)));
}

#[test]
fn whole_rows_are_one_run() {
    let extent = [10, 20, 30];
    let runs = |selection: &Selection| {
        let elements = Elements::new(selection, &extent).unwrap();
        elements.runs(0..elements.len()).map(|r| (r.start, r.len)).collect::<Vec<_>>()
    };
    assert_eq!(runs(&Selection::All), [(0, 6000)]);
    let rows = Selection::Hyperslab(vec![dim(2, 1, 3, 1), dim(0, 20, 1, 20), dim(0, 1, 30, 1)]);
    assert_eq!(runs(&rows), [(1200, 1800)]);
    let parts = Selection::Hyperslab(vec![dim(2, 5, 2, 1), dim(3, 4, 2, 2), dim(0, 30, 1, 30)]);
    assert_eq!(runs(&parts), [(1290, 60), (1410, 60), (4290, 60), (4410, 60)]);
    let points = Selection::Points { rank: 3, coords: vec![0, 0, 29, 0, 1, 0, 0, 0, 5] };
    assert_eq!(runs(&points), [(29, 2), (5, 1)]);
}

#[test]
fn huge_selections_cost_nothing() {
    let extent = [1 << 30, 1 << 30];
    let all = Elements::new(&Selection::All, &extent).unwrap();
    assert_eq!(all.len(), 1 << 60);
    assert_eq!(all.runs(5..1 << 59).count(), 1);
    // One far corner of a column of blocks, and of an L of two long blocks.
    let column = Selection::Hyperslab(vec![dim(0, 2, 1 << 29, 1), dim(7, 1, 1, 1)]);
    let column = Elements::new(&column, &extent).unwrap();
    let found = column.within(&[1_000_000_000, 0], &[1_000_000_003, 9]);
    assert!(found.eq(core::iter::once(500_000_000..500_000_002)));
    let last = (1 << 30) - 1;
    let corner = Selection::Blocks { rank: 2, blocks: vec![0, 0, last, 0, last, 0, last, last] };
    let corner = Elements::new(&corner, &extent).unwrap();
    assert_eq!(corner.len(), (1 << 31) - 1);
    assert!(corner.within(&[0, 5], &[1 << 30, 8]).eq(core::iter::once(last + 5..last + 8)));
    let there = 4 * (1 << 30) + 7;
    let pair = Pair { from: there, to: there, len: 1 };
    assert!(pairs(&column, &column, &[4, 0], &[5, 9]).unwrap().eq(core::iter::once(pair)));
}

#[test]
fn refuses_what_does_not_fit() {
    let new = |selection: Selection, extent: &[u64]| Elements::new(&selection, extent).map(|e| e.len());
    assert!(new(Selection::Hyperslab(vec![dim(0, 1, 1, 5)]), &[4]).is_err());
    assert!(new(Selection::Hyperslab(vec![dim(0, 1, 1, 5)]), &[5, 5]).is_err());
    assert!(new(Selection::Hyperslab(vec![dim(0, 1, 3, 2)]), &[9]).is_err());
    assert!(new(Selection::Hyperslab(vec![SlabDim { count: None, ..dim(0, 1, 1, 1) }]), &[5]).is_err());
    assert!(new(Selection::Points { rank: 1, coords: vec![9] }, &[9]).is_err());
    assert!(new(Selection::Blocks { rank: 1, blocks: vec![0, 9] }, &[9]).is_err());
    assert!(new(Selection::All, &[1 << 40, 1 << 40]).is_err());
    assert_eq!(new(Selection::Hyperslab(vec![dim(9, 1, 0, 1)]), &[4]).unwrap(), 0);
    assert_eq!(new(Selection::All, &[0, 1 << 40]).unwrap(), 0);
    let (two, three) = (Selection::Hyperslab(vec![dim(0, 1, 1, 2)]), Selection::All);
    let (two, three) = (Elements::new(&two, &[3]).unwrap(), Elements::new(&three, &[3]).unwrap());
    assert!(pairs(&two, &three, &[0], &[3]).is_err());
}

#[test]
fn overlapping_blocks_are_bounded() {
    // Block i reaches from i to the end along both dimensions.
    let n = 4000;
    let blocks = (0..n).flat_map(|i| [i, n - i, n, n]).collect();
    let error = Elements::new(&Selection::Blocks { rank: 2, blocks }, &[n + 1, n + 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    // As many blocks apart from each other are no trouble.
    let blocks = (0..n).flat_map(|i| [i, (i * 7) % n, i, (i * 7) % n]).collect();
    assert_eq!(point_count(&Selection::Blocks { rank: 2, blocks }, &[n + 1, n + 1]).unwrap(), n);
}

#[test]
fn corners_of_blocks() {
    let slab = Selection::Hyperslab(vec![dim(1, 3, 2, 2), dim(0, 2, 2, 1)]);
    let mut blocks = vec![];
    for slab in Boxes::new(&slab, &[9, 9]).unwrap().iter() {
        slab.for_each_block(&mut |first, last| blocks.extend(first.iter().chain(last).copied()));
    }
    assert_eq!(blocks, [1, 0, 2, 0, 1, 2, 2, 2, 4, 0, 5, 0, 4, 2, 5, 2]);
}

const EXTENT: [u64; 3] = [4, 5, 6];

fn any_selection() -> impl Strategy<Value = Selection> {
    let axis = |len: u64| {
        (0..len, 1..=len, 1..4u64, 0..3u64).prop_map(move |(start, block, count, gap)| {
            let block = block.min(len - start);
            let stride = block + gap;
            let count = count.min((len - start - block) / stride + 1);
            dim(start, stride, count, block)
        })
    };
    let corner = || (0..EXTENT[0], 0..EXTENT[1], 0..EXTENT[2]).prop_map(|(a, b, c)| vec![a, b, c]);
    let block = (corner(), corner()).prop_map(|(a, b)| {
        let low = a.iter().zip(&b).map(|(x, y)| *x.min(y));
        low.chain(a.iter().zip(&b).map(|(x, y)| *x.max(y))).collect::<Vec<_>>()
    });
    prop_oneof![
        Just(Selection::All),
        Just(Selection::None),
        (axis(EXTENT[0]), axis(EXTENT[1]), axis(EXTENT[2])).prop_map(|(a, b, c)| Selection::Hyperslab(vec![a, b, c])),
        prop::collection::vec(corner(), 0..20).prop_map(|p| Selection::Points { rank: 3, coords: p.concat() }),
        prop::collection::vec(block, 0..6).prop_map(|b| Selection::Blocks { rank: 3, blocks: b.concat() }),
    ]
}

fn any_box() -> impl Strategy<Value = (Vec<u64>, Vec<u64>)> {
    (0..5u64, 0..6u64, 0..7u64, 0..6u64, 0..7u64, 0..8u64).prop_map(|(a, b, c, d, e, f)| (vec![a, b, c], vec![d, e, f]))
}

proptest! {
    #[test]
    fn agrees_with_looking_at_every_element(selection in any_selection()) {
        let want = naive(&selection, &EXTENT);
        prop_assert_eq!(points(&selection, &EXTENT), want.clone());
        prop_assert_eq!(point_count(&selection, &EXTENT).unwrap(), want.len() as u64);
        let elements = Elements::new(&selection, &EXTENT).unwrap();
        let want: Vec<u64> = want.iter().map(|p| place(p, &EXTENT)).collect();
        let n = want.len() as u64;
        for (a, b) in [(0, n), (n / 3, n), (n / 4, n / 2), (n, n)] {
            let mut number = a;
            let mut got = vec![];
            for run in elements.runs(a..b) {
                prop_assert_eq!(run.number, number);
                number += run.len;
                got.extend(run.start..run.start + run.len);
            }
            prop_assert_eq!(&got, &want[a as usize..b as usize]);
        }
    }

    #[test]
    fn boxes_hold_the_same_elements(selection in any_selection()) {
        prop_assume!(!matches!(selection, Selection::Points { .. }));
        let mut got = BTreeSet::new();
        for slab in Boxes::new(&selection, &EXTENT).unwrap().iter() {
            slab.for_each_block(&mut |first, last| {
                let block = Selection::Blocks { rank: 3, blocks: [first, last].concat() };
                for point in naive(&block, &EXTENT) {
                    assert!(got.insert(point));
                }
            });
        }
        prop_assert_eq!(got.into_iter().collect::<Vec<_>>(), naive(&selection, &EXTENT));
    }

    #[test]
    fn finds_what_lies_in_a_box(selection in any_selection(), (low, high) in any_box()) {
        let inside = |p: &Vec<u64>| p.iter().zip(&low).zip(&high).all(|((x, l), h)| x >= l && x < h);
        let all = naive(&selection, &EXTENT);
        let want: Vec<u64> = (0..).zip(&all).filter(|(_, p)| inside(p)).map(|(i, _)| i).collect();
        let elements = Elements::new(&selection, &EXTENT).unwrap();
        let got: Vec<u64> = elements.within(&low, &high).flatten().collect();
        prop_assert_eq!(got, want);
    }

    #[test]
    fn pairs_elements_of_the_same_number(a in any_selection(), b in any_selection(), (low, high) in any_box()) {
        let (from, to) = (naive(&a, &EXTENT), naive(&b, &EXTENT));
        let n = from.len().min(to.len());
        // As many of both: the first ones, as points.
        let cut = |selection: &Selection, all: &[Vec<u64>]| {
            let same = all.len() == n;
            if same { selection.clone() } else { Selection::Points { rank: 3, coords: all[..n].concat() } }
        };
        let (a, b) = (cut(&a, &from), cut(&b, &to));
        let (a, b) = (Elements::new(&a, &EXTENT).unwrap(), Elements::new(&b, &EXTENT).unwrap());
        let inside = |p: &Vec<u64>| p.iter().zip(&low).zip(&high).all(|((x, l), h)| x >= l && x < h);
        let want: Vec<(u64, u64)> = from
            .iter()
            .zip(&to)
            .filter(|(_, t)| inside(t))
            .map(|(f, t)| (place(f, &EXTENT), place(t, &EXTENT)))
            .collect();
        let got: Vec<(u64, u64)> =
            pairs(&a, &b, &low, &high).unwrap().flat_map(|p| (0..p.len).map(move |i| (p.from + i, p.to + i))).collect();
        prop_assert_eq!(got, want);
    }
}
