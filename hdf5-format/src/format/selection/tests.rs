use super::*;
use crate::codec::{Sizes, Writer, testing};
use alloc::string::String;
use alloc::vec;
use proptest::prelude::*;

fn dim(start: u64, stride: u64, count: Option<u64>, block: Option<u64>) -> SlabDim {
    SlabDim { start, stride, count, block }
}

fn parse(bytes: &[u8]) -> Result<Selection> {
    Selection::parse(&mut Cursor::new(bytes, 0, "selection", Sizes::EIGHT))
}

fn encoded(selection: &Selection, low: u8) -> Vec<u8> {
    let mut writer = Writer::new(Sizes::EIGHT);
    selection.encode_at_least(&mut writer, low).unwrap();
    assert_eq!(selection.encoded_len(low).unwrap(), writer.position());
    writer.into_bytes()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|n| n.to_le_bytes()).collect()
}

/// Region references as libhdf5 2.0 writes them, with the lower bound that it wrote them for.
#[test]
fn golden_bytes() {
    let slab = Selection::Hyperslab(vec![dim(1, 5, Some(2), Some(2)), dim(2, 1, Some(1), Some(3))]);
    let blocks = Selection::Blocks { rank: 2, blocks: vec![0, 0, 0, 1, 1, 0, 1, 2, 2, 1, 2, 2] };
    let points = Selection::Points { rank: 2, coords: vec![1, 2, 3, 4] };
    let unlimited = Selection::Hyperslab(vec![dim(0, 2, None, Some(1)), dim(0, 1, Some(1), Some(10))]);
    for (low, selection, hex) in [
        (1, &Selection::None, "00000000 01000000 00000000 00000000"),
        (3, &Selection::All, "03000000 01000000 00000000 00000000"),
        (1, &points, "01000000 01000000 00000000 18000000 02000000 02000000 01000000 02000000 03000000 04000000"),
        (3, &points, "01000000 02000000 02 02000000 0200 0100 0200 0300 0400"),
        (
            2,
            &slab,
            "02000000 01000000 00000000 28000000 02000000 02000000 01000000 02000000 02000000 04000000 06000000
             02000000 07000000 04000000",
        ),
        (3, &slab, "02000000 03000000 01 02 02000000 0100 0500 0200 0200 0200 0100 0100 0300"),
        (
            1,
            &blocks,
            "02000000 01000000 00000000 38000000 02000000 03000000 00000000 00000000 00000000 01000000 01000000
             00000000 01000000 02000000 02000000 01000000 02000000 02000000",
        ),
        (
            3,
            &blocks,
            "02000000 03000000 00 02 02000000 0300 0000 0000 0000 0100 0100 0000 0100 0200 0200 0100 0200 0200",
        ),
        (
            1,
            &unlimited,
            "02000000 02000000 01 44000000 02000000 0000000000000000 0200000000000000 ffffffffffffffff
             0100000000000000 0000000000000000 0100000000000000 0100000000000000 0a00000000000000",
        ),
        (3, &unlimited, "02000000 03000000 01 02 02000000 0000 0200 ffff 0100 0000 0100 0100 0a00"),
    ] {
        assert_eq!(encoded(selection, low), bytes(hex));
        assert_eq!(&parse(&bytes(hex)).unwrap(), selection);
    }
}

#[test]
fn parses_what_it_encodes() {
    for selection in [
        Selection::None,
        Selection::All,
        Selection::Points { rank: 2, coords: vec![1, 2, 3, 4] },
        Selection::Points { rank: 1, coords: vec![] },
        Selection::Points { rank: 1, coords: vec![1 << 40] },
        Selection::Blocks { rank: 2, blocks: vec![0, 0, 1, 1, 5, 5, 5, 7] },
        Selection::Blocks { rank: 1, blocks: vec![0, 1 << 40, 5, 6] },
        Selection::Hyperslab(vec![dim(1, 4, Some(3), Some(2)), dim(0, 4, None, Some(2))]),
        Selection::Hyperslab(vec![dim(1, 1, Some(1), None)]),
        Selection::Hyperslab(vec![dim(1 << 40, 1, Some(1), Some(5))]),
        Selection::Hyperslab(vec![dim(3, 7, Some(1 << 30), Some(5))]),
    ] {
        for low in 1..=3 {
            let encode = |s: &Selection, w: &mut Writer| s.encode_at_least(w, low);
            testing::round_trip(&selection, Sizes::EIGHT, Selection::parse, encode);
        }
    }
}

#[test]
fn lists_of_blocks_that_form_a_grid_are_regular() {
    let list = |rank: u32, numbers: &[u32]| {
        let count = numbers.len() as u32 / rank / 2;
        let mut all = vec![2, 1, 0, 8 + 4 * numbers.len() as u32, rank, count];
        all.extend(numbers);
        parse(&words(&all)).unwrap()
    };
    let slab = |dims: &[SlabDim]| Selection::Hyperslab(dims.to_vec());
    assert_eq!(list(1, &[3, 5]), slab(&[dim(3, 1, Some(1), Some(3))]));
    assert_eq!(list(1, &[10, 12, 3, 5]), slab(&[dim(3, 7, Some(2), Some(3))]));
    // Neighbours are one block, and what is listed twice counts once.
    assert_eq!(list(1, &[0, 1, 2, 3, 4, 5, 2, 3]), slab(&[dim(0, 1, Some(1), Some(6))]));
    assert_eq!(
        list(2, &[0, 0, 0, 1, 0, 5, 0, 6, 3, 0, 3, 1, 3, 5, 3, 6]),
        slab(&[dim(0, 3, Some(2), Some(1)), dim(0, 5, Some(2), Some(2))])
    );
    // A corner is missing; distances differ; lengths differ; blocks overlap.
    assert!(matches!(list(2, &[0, 0, 0, 1, 0, 5, 0, 6, 3, 0, 3, 1]), Selection::Blocks { .. }));
    for irregular in [&[0u32, 0, 2, 2, 5, 5][..], &[0, 0, 2, 3], &[0, 2, 1, 3]] {
        assert!(matches!(list(1, irregular), Selection::Blocks { .. }));
    }
}

#[test]
fn refuses_each_broken_rule() {
    for bytes in [
        // Type, version; rank; number of points; corners.
        words(&[4, 1, 0, 0]),
        words(&[0, 2, 0, 0]),
        words(&[1, 3, 0, 0]),
        words(&[2, 4, 0, 0]),
        words(&[1, 1, 0, 8, 0, 0]),
        words(&[1, 1, 0, 8, 33, 0]),
        words(&[1, 1, 0, 8, 1, u32::MAX]),
        words(&[2, 1, 0, 16, 1, 1, 5, 4]),
        // Width; irregular in version 2.
        bytes("01000000 02000000 03 01000000 000000 "),
        bytes(
            "02000000 02000000 00 24000000 01000000 0000000000000000 0100000000000000 0100000000000000 0100000000000000",
        ),
        bytes("02000000 03000000 00 08 01000000 0100000000000000 0100000000000000 ffffffffffffffff"),
    ] {
        testing::refused(&bytes, Sizes::EIGHT, Selection::parse);
    }
    let refused = |dims: &[SlabDim]| {
        testing::refused(&encoded(&Selection::Hyperslab(dims.to_vec()), 3), Sizes::EIGHT, Selection::parse);
    };
    refused(&[dim(0, 0, Some(1), Some(1))]);
    refused(&[dim(0, 1, Some(1), Some(0))]);
    refused(&[dim(0, 1, Some(2), Some(2))]);
    refused(&[dim(0, 1, None, Some(2))]);
    refused(&[dim(0, 1, None, None)]);
    refused(&[dim(0, 9, Some(2), None)]);
    refused(&[dim(0, 1, None, Some(1)), dim(0, 1, None, Some(1))]);
    refused(&[dim(u64::MAX - 1, 1, Some(1), Some(2))]);
    refused(&[dim(0, 1 << 40, Some(1 << 40), Some(2))]);
}

#[test]
fn does_not_write_what_it_could_not_read() {
    let refused = |s: Selection| assert!(s.encode(&mut Writer::new(Sizes::EIGHT)).is_err());
    refused(Selection::Hyperslab(vec![]));
    refused(Selection::Hyperslab(vec![dim(0, 1, Some(1), Some(1)); 33]));
    refused(Selection::Points { rank: 2, coords: vec![1, 2, 3] });
    refused(Selection::Points { rank: 0, coords: vec![] });
}

/// A hyperslab as lists of blocks give it back: no stride where there is one block, no neighbouring blocks.
fn any_dim() -> impl Strategy<Value = SlabDim> {
    (0u64..70_000, 1u64..9, 1u64..70_000, 1u64..5).prop_map(|(start, block, gap, count)| {
        dim(start, if count == 1 { 1 } else { block + gap }, Some(count), Some(block))
    })
}

proptest! {
    #[test]
    fn any_slab_survives_the_way_there_and_back(dims in prop::collection::vec(any_dim(), 1..5), low in 1u8..=3) {
        let slab = Selection::Hyperslab(dims);
        prop_assert_eq!(parse(&encoded(&slab, low)).unwrap(), slab);
    }

    #[test]
    fn damaged_bytes_are_survived(
        dims in prop::collection::vec(any_dim(), 1..3),
        low in 1u8..=3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encoded(&Selection::Hyperslab(dims), low);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(selection) = parse(&bytes) {
            encoded(&selection, low);
        }
    }
}
