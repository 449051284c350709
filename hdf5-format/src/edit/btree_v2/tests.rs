use super::*;
use crate::codec::Sizes;
use crate::edit::Version;
use crate::edit::testing::editor_with;
use crate::format::btree_v2::{ChildPointer, Layout};
use crate::graph::btree_v2::BTreeV2;
use crate::io::MemoryFile;
use alloc::collections::BTreeMap;
use core::ops::ControlFlow;

pub(super) const WIDTHS: [Sizes; 4] = [
    Sizes { offset: 8, length: 8 },
    Sizes { offset: 4, length: 4 },
    Sizes { offset: 2, length: 4 },
    Sizes { offset: 4, length: 8 },
];

fn editor(sizes: Sizes) -> (Editor, MemoryFile) {
    editor_with(Version::V18, |superblock| superblock.sizes = sizes)
}

fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |n| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    }
}

/// A key, big-endian so that bytes sort as numbers, and a value.
fn record(key: u32, value: u8) -> Vec<u8> {
    [&key.to_be_bytes()[..], &[value, 0]].concat()
}

fn key(record: &[u8]) -> u32 {
    u32::from_be_bytes(record[..4].try_into().unwrap())
}

fn compare(wanted: u32) -> impl FnMut(&FileContext, &[u8]) -> Result<Ordering> {
    move |_, record| Ok(key(record).cmp(&wanted))
}

fn parameters(node_size: u32) -> Parameters {
    Parameters { node_size, ..Parameters::small(RecordType::LinkName, 6) }
}

fn contents(editor: &Editor, tree: Address) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let tree = BTreeV2::open(editor.ctx(), tree, RecordType::LinkName).unwrap();
    tree.for_each(editor.ctx(), |record| {
        out.push(record.to_vec());
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    out
}

/// Records of every node, level by level from the root; counts and bounds are checked on the way.
fn shape(editor: &Editor, at: Address) -> Vec<Vec<u64>> {
    let (header, layout) = node::open(editor.ctx(), at).unwrap();
    let mut shape = alloc::vec![Vec::new(); usize::from(header.depth) + 1];
    let mut seen = Visited::new();
    let Some(root) = node::root(&header) else {
        assert_eq!((header.depth, header.total_records), (0, 0));
        return shape;
    };
    assert_eq!(node_shape(editor, &header, &layout, &mut seen, root, header.depth, &mut shape), header.total_records);
    shape
}

fn node_shape(
    editor: &Editor,
    header: &BTreeV2Header,
    layout: &Layout,
    seen: &mut Visited,
    pointer: ChildPointer,
    level: u16,
    shape: &mut Vec<Vec<u64>>,
) -> u64 {
    let node = node::load(editor.ctx(), seen, header, layout, pointer, level).unwrap();
    let least = layout.capacity(level) * u64::from(header.merge_percent) / 100;
    let least = if level == header.depth { 1 } else { least.max(1) };
    assert!((least..=layout.capacity(level)).contains(&pointer.records), "{} at level {level}", pointer.records);
    shape[usize::from(header.depth - level)].push(pointer.records);
    let below =
        node.children.iter().map(|child| node_shape(editor, header, layout, seen, child.pointer, level - 1, shape));
    let total = pointer.records + below.sum::<u64>();
    assert_eq!(pointer.total, total);
    total
}

#[test]
fn records_come_and_go_as_in_a_map() {
    let mut deepest = 0;
    for (round, &sizes) in WIDTHS.iter().enumerate() {
        for (node_size, range) in [(100, 300), (100, 3000), (128, 2000), (512, 4000)] {
            let (mut editor, _file) = editor(sizes);
            let before = editor.ctx().end();
            let tree = create(&mut editor, &parameters(node_size)).unwrap();
            let mut model: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
            let mut next = numbers(round as u64 * 7 + u64::from(node_size));
            for step in 0..4500 {
                let wanted = next(range) as u32;
                let new = record(wanted, step as u8);
                // Mostly growing, then mostly shrinking.
                let growing = (step / 1500) % 2 == 0;
                match (next(10), growing) {
                    (0, _) => {
                        let old = replace(&mut editor, tree, &new, &mut compare(wanted)).unwrap();
                        assert_eq!(old, model.get(&wanted).cloned());
                        if old.is_some() {
                            model.insert(wanted, new);
                        }
                    }
                    (1..=7, true) | (1..=2, false) => {
                        let done = insert(&mut editor, tree, &new, &mut compare(wanted));
                        assert_eq!(done.is_ok(), !model.contains_key(&wanted));
                        match done {
                            Ok(()) => drop(model.insert(wanted, new)),
                            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                        }
                    }
                    _ => {
                        // Near a key that is there, so that most removals find one.
                        let near = model.range(wanted..).next().map_or(wanted, |(&key, _)| key);
                        assert_eq!(remove(&mut editor, tree, &mut compare(near)).unwrap(), model.remove(&near));
                    }
                }
                assert_eq!(len(&mut editor, tree).unwrap(), model.len() as u64);
                if step % 100 == 0 || model.len() < 12 {
                    assert!(contents(&editor, tree).iter().eq(model.values()));
                    let shape = shape(&editor, tree);
                    deepest = deepest.max(shape.len());
                    let found = find(&mut editor, tree, &mut compare(wanted)).unwrap();
                    assert_eq!(found, model.get(&wanted).cloned());
                }
                if step % 777 == 0 {
                    editor.commit().unwrap();
                }
            }
            for key in model.keys().copied().collect::<Vec<_>>() {
                assert!(remove(&mut editor, tree, &mut compare(key)).unwrap().is_some());
            }
            assert_eq!(shape(&editor, tree), [[0u64; 0]; 1]);
            let mut left = 0;
            delete(&mut editor, tree, &mut |_, _| {
                left += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!(left, 0);
            editor.commit().unwrap();
            assert_eq!((editor.ctx().end(), editor.free_bytes()), (before, 0));
        }
    }
    assert!(deepest >= 4, "{deepest}");
}

#[test]
fn built_trees_can_be_changed() {
    for count in [0u32, 1, 9, 10, 11, 40, 41, 200, 1234] {
        let (mut editor, _file) = editor(Sizes::EIGHT);
        let before = editor.ctx().end();
        let mut key = 0;
        let tree = build(&mut editor, &parameters(100), count.into(), &mut |out| {
            out.extend(record(key, 1));
            key += 2;
            Ok(())
        });
        let tree = tree.unwrap();
        let all = (0..count).map(|n| record(n * 2, 1)).collect::<Vec<_>>();
        assert_eq!(contents(&editor, tree), all);
        shape(&editor, tree);
        for n in 0..count {
            insert(&mut editor, tree, &record(n * 2 + 1, 2), &mut compare(n * 2 + 1)).unwrap();
        }
        shape(&editor, tree);
        for n in (0..count * 2).step_by(3) {
            assert!(remove(&mut editor, tree, &mut compare(n)).unwrap().is_some());
        }
        shape(&editor, tree);
        let mut met = Vec::new();
        delete(&mut editor, tree, &mut |_, record| {
            met.push(record.to_vec());
            Ok(())
        })
        .unwrap();
        met.sort();
        let left = (0..count * 2).filter(|n| n % 3 != 0).map(|n| record(n, if n % 2 == 0 { 1 } else { 2 }));
        assert_eq!(met, left.collect::<Vec<_>>());
        assert_eq!((editor.ctx().end(), editor.free_bytes()), (before, 0));
    }
}

#[test]
fn building_checks_what_it_gets() {
    let (mut editor, _file) = editor(Sizes::EIGHT);
    let wrong = build(&mut editor, &parameters(100), 3, &mut |out| {
        out.extend([1; 5]);
        Ok(())
    });
    assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Invalid);
    for parameters in [
        Parameters { record_size: 0, ..parameters(100) },
        Parameters { split_percent: 101, ..parameters(100) },
        Parameters { split_percent: 0, merge_percent: 0, ..parameters(100) },
        Parameters { merge_percent: 50, ..parameters(100) },
        parameters(12),
    ] {
        assert!(create(&mut editor, &parameters).is_err(), "{parameters:?}");
    }
}

#[test]
fn nodes_that_could_not_be_read_are_refused() {
    let (mut editor, _file) = editor(Sizes::EIGHT);
    let tree = create(&mut editor, &parameters(u32::MAX)).unwrap();
    let end = editor.ctx().end();
    let error = insert(&mut editor, tree, &record(1, 1), &mut compare(1)).unwrap_err();
    assert_eq!((error.kind(), editor.ctx().end()), (ErrorKind::Limit, end));
}

#[test]
fn records_of_one_hash_are_told_apart() {
    // The order is that of the first byte, then of what a name stands for: here of the number itself.
    let (mut editor, _file) = editor(Sizes::EIGHT);
    let tree = create(&mut editor, &parameters(100)).unwrap();
    for n in 0..200u32 {
        let mut asked = 0;
        insert(&mut editor, tree, &record(7, n as u8), &mut |_, record| {
            asked += 1;
            Ok(record[4].cmp(&(n as u8)))
        })
        .unwrap();
        assert!(asked < 40);
    }
    assert_eq!(contents(&editor, tree), (0..200).map(|n| record(7, n)).collect::<Vec<_>>());
    let removed = remove(&mut editor, tree, &mut |_, record| Ok(record[4].cmp(&99))).unwrap();
    assert_eq!(removed, Some(record(7, 99)));
}

#[test]
fn a_change_that_fails_leaves_the_tree_as_it_was() {
    let (mut editor, _file) = editor(Sizes::EIGHT);
    let tree = create(&mut editor, &parameters(100)).unwrap();
    for n in 0..100 {
        insert(&mut editor, tree, &record(n * 2, 0), &mut compare(n * 2)).unwrap();
    }
    let bytes = |editor: &Editor| editor.read(Address(0), editor.ctx().end(), "file").unwrap();
    let (all, end) = (bytes(&editor), editor.ctx().end());
    for n in 0..100 {
        assert!(insert(&mut editor, tree, &record(n * 2, 1), &mut compare(n * 2)).is_err());
        // The comparison fails after some steps.
        for steps in 1..8 {
            let mut left = steps;
            let mut failing = |ctx: &FileContext, record: &[u8]| {
                left -= 1;
                if left == 0 { Err(Error::unsupported("enough")) } else { compare(n * 2 + 1)(ctx, record) }
            };
            if insert(&mut editor, tree, &record(n * 2 + 1, 1), &mut failing).is_ok() {
                remove(&mut editor, tree, &mut compare(n * 2 + 1)).unwrap();
            }
        }
    }
    assert_eq!(contents(&editor, tree).len(), 100);
    assert_eq!(bytes(&editor)[..96], all[..96]);
    shape(&editor, tree);
    assert!(editor.ctx().end() <= end + 10 * 100);
    assert!(insert(&mut editor, tree, b"short", &mut compare(1)).is_err());
    assert_eq!(
        delete(&mut editor, tree, &mut |_, _| Err(Error::unsupported("no"))).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(contents(&editor, tree).len(), 100);
}

#[test]
fn any_changed_byte_ends_in_an_answer() {
    let (mut editor, _file) = editor(Sizes::EIGHT);
    let tree = create(&mut editor, &parameters(100)).unwrap();
    for n in 0..60 {
        insert(&mut editor, tree, &record(n * 2, 0), &mut compare(n * 2)).unwrap();
    }
    let end = editor.ctx().end();
    let whole = editor.read(Address(0), end, "file").unwrap();
    let mut next = numbers(5);
    for at in 96..end {
        let mut bytes = whole.clone();
        bytes[at as usize] ^= 1 << next(8);
        fix_checksums(&mut bytes);
        let (mut editor, _file) = editor_with(Version::V18, |superblock| superblock.end = end);
        editor.write(Address(0), &bytes).unwrap();
        for wanted in [next(130) as u32, next(130) as u32, next(130) as u32] {
            let _ = insert(&mut editor, tree, &record(wanted, 0), &mut compare(wanted));
            let _ = remove(&mut editor, tree, &mut compare(wanted ^ 1));
            let _ = find(&mut editor, tree, &mut compare(wanted));
        }
        let _ = delete(&mut editor, tree, &mut |_, _| Ok(()));
    }
}

/// Makes the checksum of every node right again, as far as its own counts are those of this test.
fn fix_checksums(bytes: &mut [u8]) {
    use crate::codec::checksum::lookup3;
    let header = 96..96 + BTreeV2Header::encoded_len(Sizes::EIGHT) - 4;
    let sum = lookup3(&bytes[header.clone()], 0);
    bytes[header.end..header.end + 4].copy_from_slice(&sum.to_le_bytes());
    for start in 96..bytes.len() - 4 {
        let signature = &bytes[start..start + 4];
        if signature == b"BTLF" || signature == b"BTIN" {
            let end = (start + 100).min(bytes.len());
            // The checksum is where it was: the place where one of the right value would end the used part.
            for used in (10..end - start).rev() {
                if bytes[start + used..end].iter().all(|&b| b == 0) {
                    let sum = lookup3(&bytes[start..start + used - 4], 0);
                    bytes[start + used - 4..start + used].copy_from_slice(&sum.to_le_bytes());
                    break;
                }
            }
        }
    }
}
