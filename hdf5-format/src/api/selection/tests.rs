use super::*;
use crate::dataset::axes::Axis;
use crate::dataset::wanted::{Asked, Wanted};
use crate::error::Result;
use crate::format::selection::{Selection, SlabDim};
use alloc::string::ToString;
use proptest::prelude::*;

fn shape(text: &str, dims: &[u64]) -> Option<Vec<u64>> {
    text.parse::<Select>().and_then(|s| s.resolve(dims)).ok().map(|(_, shape)| shape)
}

/// The places that a selection reads, in the order of the output.
fn places(select: &Select, dims: &[u64]) -> Result<Vec<u64>> {
    let (axes, orders) = match select.resolve(dims)?.0 {
        Wanted::Picks(picks) => {
            let mut out = vec![u64::MAX; picks.len() as usize];
            for p in picks.list() {
                (0..p.len).for_each(|i| out[(p.out + i) as usize] = p.place + i);
            }
            return Ok(out);
        }
        Wanted::Axes(axes) => (axes.clone(), vec![None; axes.len()]),
        Wanted::Ordered(o) => (o.axes().to_vec(), o.orders().to_vec()),
    };
    let mut out = vec![0];
    for ((axis, order), &len) in axes.iter().zip(&orders).zip(dims) {
        let along: Vec<u64> = match order {
            Some(order) => order.iter().map(|&i| axis.get(i as u64)).collect(),
            None => (0..axis.len()).map(|i| axis.get(i)).collect(),
        };
        out = out.iter().flat_map(|n| along.iter().map(move |c| n * len + c)).collect();
    }
    Ok(out)
}

#[test]
fn selects_as_numpy_does() {
    for (text, want) in [
        ("", vec![10, 20, 30]),
        ("...", vec![10, 20, 30]),
        ("3", vec![20, 30]),
        ("-1, ..., 2:5", vec![20, 3]),
        ("::3", vec![4, 20, 30]),
        ("2:100:4, -5:", vec![2, 5, 30]),
        ("5:2", vec![0, 20, 30]),
        ("[0, 3, 9], 1:2, 7", vec![3, 1]),
        ("-100:3", vec![3, 20, 30]),
        ("[3,1,-1,1], []", vec![4, 0, 30]),
        ("mask(10: 0, 4:6), 1", vec![3, 30]),
        ("mask(10: 0, 4:6)", vec![3, 20, 30]),
        ("..., mask(30: 29)", vec![10, 20, 1]),
        ("slab(1,4,2,3), slab(0,7,*,2)", vec![6, 6, 30]),
        ("slab(0,4,18446744073709551614,0)", vec![0, 20, 30]),
        ("{1,2,3; -1,-1,-1; 1,2,3}", vec![3]),
        ("{}", vec![0]),
        ("0 | 9 | 0", vec![1200]),
        ("| 3", vec![6000]),
        ("boxes(0,0,0:1,1,1; 1,1,1:1,1,2)", vec![9]),
    ] {
        assert_eq!(shape(text, &[10, 20, 30]), Some(want), "{text}");
    }
    for text in [
        "10",
        "-11",
        "a",
        "1:2:0",
        "1:2:-1",
        "0,0,0,0",
        "...,...",
        "1:2:3:4",
        "[10]",
        "[-11]",
        "{1,2}",
        "{10,0,0}",
        "{1,2,3; 1}",
        "mask(9:)",
        "mask(10: 3:2)",
        "mask(10: 10)",
        "mask(2,3: 1)",
        "slab(0,1,1)",
        "slab(9,1,1,2)",
        "0 | 10",
        "1,,2",
        "mask(10,20,30: 6000)",
        "slab(0,2,3,4)",
        // More coordinates than memory holds.
        "slab(0,4,66666466662,2)",
        "slab(0,4,18446744073709551614,3)",
        "slab(0,18446744073709551615,2,2)",
        "boxes(0,0:1,1)",
        "boxes(0,0,0:10,0,0)",
        "boxes(1,1,1:0,1,1)",
        "boxes()",
        "boxes(0,0,0:1,1)",
    ] {
        assert_eq!(shape(text, &[10, 20, 30]), None, "{text}");
    }
    assert_eq!(shape("", &[]), Some(vec![]));
    assert_eq!(shape("mask(: 0)", &[]), Some(vec![1]));
}

#[test]
fn masks_points_and_unions_are_found_in_their_order() {
    let dims = [3, 4];
    let of = |text: &str| places(&text.parse().unwrap(), &dims).unwrap();
    assert_eq!(of("mask(3,4: 1, 6:9)"), [1, 6, 7, 8]);
    assert_eq!(of("{2,3; 0,0; 1,-1; 0,0}"), [11, 0, 7, 0]);
    assert_eq!(of("1, ::2 | 0:2, 0 | {2,1; 0,0}"), [0, 4, 6, 9]);
    assert_eq!(of("[2,0], [1,3,1]"), [9, 11, 9, 1, 3, 1]);
    assert_eq!(places(&Select::mask(&[4], [false, true, true, false]), &[4]).unwrap(), [1, 2]);
    let long: Vec<bool> = (0..1000).map(|i| i % 97 == 5 || i / 100 == 4).collect();
    let want: Vec<u64> = (0..1000).filter(|&i| long[i as usize]).collect();
    assert_eq!(places(&Select::mask(&[1000], &long), &[1000]).unwrap(), want);
    assert_eq!(places(&Select::from(long), &[1000]).unwrap(), want);
}

#[test]
fn ranges_and_text_agree() {
    assert_eq!(Select::from((1..5, -1)), "1:5,-1".parse().unwrap());
    assert_eq!(Select::from((.., 2..)), ":,2:".parse().unwrap());
    assert_eq!(Select::from(-3..=-1), "-3:".parse().unwrap());
    assert_eq!(Select::from(..=-1), ":".parse().unwrap());
}

#[test]
fn selections_of_region_references() {
    let dims = [10, 10];
    let slab = |start, stride, count, block| SlabDim { start, stride, count, block };
    for (selection, text) in [
        (Selection::All, ""),
        (Selection::None, "{}"),
        (Selection::Points { rank: 2, coords: vec![3, 4, 1, 2] }, "{3,4; 1,2}"),
        (Selection::Hyperslab(vec![slab(1, 3, Some(2), Some(2)), slab(0, 1, Some(4), Some(1))]), "[1,2,4,5], 0:4"),
        (Selection::Hyperslab(vec![slab(1, 4, None, Some(2)), slab(2, 1, Some(1), None)]), "[1,2,5,6,9], 2:"),
        (Selection::Blocks { rank: 2, blocks: vec![5, 5, 6, 6, 0, 0, 0, 9, 6, 6, 7, 7] }, "0 | 5:7,5:7 | 6:8,6:8"),
    ] {
        let select = Select::from(&selection);
        assert_eq!(places(&select, &dims).unwrap(), places(&text.parse().unwrap(), &dims).unwrap(), "{text}");
        assert_eq!(select.to_string().parse::<Select>().unwrap(), select);
    }
}

#[cfg(feature = "ndarray")]
#[test]
fn slices_of_ndarray() {
    use ndarray::{Array2, Axis as Dim, s};
    let dims = [10, 12, 14];
    let same = |a: Select, b: &str| {
        assert_eq!(places(&a, &dims).unwrap(), places(&b.parse().unwrap(), &dims).unwrap(), "{b}");
    };
    same(s![1..4, -3.., ..;2].into(), "1:4, -3:, ::2");
    same((&s![-1, .., 3]).into(), "-1, :, 3");
    for refused in [Select::from(s![..;-1, .., ..]), Select::from(s![.., ndarray::NewAxis, 1, 1])] {
        let error = refused.resolve(&dims).unwrap_err().to_string();
        assert!(error.contains("no selection") && error.contains("read with"), "{error}");
    }
    let mask = Array2::from_shape_fn((3, 4), |(i, j)| i == j);
    assert_eq!(places(&(&mask).into(), &[3, 4]).unwrap(), [0, 5, 10]);
    let mut turned = mask.reversed_axes();
    turned.invert_axis(Dim(0));
    assert_eq!(places(&(&turned).into(), &[4, 3]).unwrap(), [5, 7, 9]);
}

fn slice(len: i64) -> impl Strategy<Value = Slice> {
    let bound = prop::option::of(-len - 2..len + 2);
    prop_oneof![
        (-len..len).prop_map(Slice::Index),
        (bound.clone(), bound, 1u64..4).prop_map(|(start, end, step)| Slice::Range { start, end, step }),
        prop::collection::vec(-len..len, 0..6).prop_map(Slice::List),
        prop::collection::vec(any::<bool>(), len as usize).prop_map(Slice::Mask),
        (0..len as u64, 1u64..4, 1u64..3).prop_map(|(start, stride, block)| Slice::Slab {
            start,
            stride: stride.max(block),
            count: u64::MAX,
            block
        }),
    ]
}

fn simple(dims: &'static [u64; 3]) -> impl Strategy<Value = Select> {
    let len = |d: usize| dims[d] as i64;
    let total = dims.iter().product::<u64>() as usize;
    prop_oneof![
        4 => (slice(len(0)), slice(len(1)), slice(len(2))).prop_map(|(a, b, c)| Select::new([a, b, c])),
        1 => slice(len(0)).prop_map(|a| Select::new([a])),
        2 => prop::collection::vec((-len(0)..len(0), 0..len(1), 0..len(2)), 0..12)
            .prop_map(|p| Select::points(p.into_iter().map(|(a, b, c)| [a, b, c]))),
        2 => prop::collection::vec(any::<bool>(), total).prop_map(move |mask| Select::mask(dims, mask)),
    ]
}

const DIMS: [u64; 3] = [5, 4, 7];

fn select() -> impl Strategy<Value = Select> {
    let union = prop::collection::vec(simple(&DIMS), 2..4)
        .prop_map(|all| all.into_iter().reduce(|a, b| a.or(b)).unwrap_or_default());
    prop_oneof![3 => simple(&DIMS), 1 => union]
}

proptest! {
    #[test]
    fn text_parses_back(select in select()) {
        prop_assert_eq!(select.to_string().parse::<Select>().unwrap(), select);
    }

    #[test]
    fn unions_are_sets(a in simple(&DIMS), b in simple(&DIMS)) {
        let mut want = places(&a, &DIMS).unwrap();
        want.extend(places(&b, &DIMS).unwrap());
        want.sort_unstable();
        want.dedup();
        prop_assert_eq!(places(&a.or(b), &DIMS).unwrap(), want);
    }

    #[test]
    fn parts_follow_each_other(select in select(), most in 1u64..50) {
        let (wanted, _) = select.resolve(&DIMS).unwrap();
        prop_assert_eq!(Asked::from(&wanted).len(), Some(places(&select, &DIMS).unwrap().len() as u64));
        let mut joined = vec![];
        for part in parts(wanted, &DIMS, most) {
            joined.extend(places(&part, &DIMS).unwrap());
        }
        prop_assert_eq!(joined, places(&select, &DIMS).unwrap());
    }
}

#[test]
fn every_coordinate_is_found_from_any_place() {
    for axis in [Axis::Steps { start: 2, step: 3, count: 4 }, Axis::List(vec![1, 2, 9]), Axis::all(0)] {
        for x in 0..15 {
            let want = (0..axis.len()).map(|i| axis.get(i)).find(|&c| c >= x);
            assert_eq!(axis.next_from(x), want, "{axis:?} from {x}");
        }
    }
}
