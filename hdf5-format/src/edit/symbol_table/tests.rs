use super::*;
use crate::codec::Sizes;
use crate::edit::testing::editor_with;
use crate::edit::{Editor, Version};
use crate::format::message::MessageKind;
use crate::graph::links::{LinkTarget, Links};
use crate::graph::object_header::ObjectHeader;
use crate::graph::testing::header;
use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec;

/// Pseudo-random numbers below a bound.
fn numbers(mut seed: u64) -> impl FnMut(u64) -> u64 {
    move |n| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % n
    }
}

fn editor(sizes: (u8, u8), leaf_k: u16, internal_k: u16) -> Editor {
    let sizes = Sizes::new(sizes.0, sizes.1).unwrap();
    let change = |superblock: &mut crate::format::superblock::Superblock| {
        (superblock.sizes, superblock.leaf_k, superblock.internal_k) = (sizes, leaf_k, internal_k);
    };
    editor_with(Version::Earliest, change).0
}

#[derive(Clone, Debug, PartialEq)]
enum Model {
    Object(Address),
    Soft(Vec<u8>),
}

type Names = BTreeMap<Vec<u8>, Model>;

impl Model {
    fn target(&self) -> Target<'_> {
        match self {
            Model::Object(header) => Target::Object { header: *header, group: None },
            Model::Soft(text) => Target::Soft(text),
        }
    }
}

fn group_header(editor: &Editor, table: &SymbolTableMessage) -> ObjectHeader {
    let mut writer = editor.writer();
    table.encode(&mut writer).unwrap();
    header(&[(MessageKind::SymbolTable, writer.into_bytes())])
}

fn listed(editor: &Editor, table: &SymbolTableMessage) -> Names {
    let links = Links::open(editor.ctx(), &group_header(editor, table)).unwrap();
    let listed = links.list(editor.ctx()).into_iter().map(|link| {
        let link = link.unwrap();
        let model = match link.target {
            LinkTarget::Hard(header) => Model::Object(header),
            LinkTarget::Soft(text) => Model::Soft(text),
            other => panic!("{other:?}"),
        };
        (link.name, model)
    });
    listed.collect()
}

/// The tree obeys all rules: levels, siblings, keys, order; nothing in the heap overlaps. Nodes at each level from the
/// top down, as their numbers of children; entries of the leaves.
fn verify(editor: &Editor, table: &SymbolTableMessage) -> Vec<Vec<usize>> {
    let (ctx, shape) = (editor.ctx(), Shape::of(editor).unwrap());
    let heap = LocalHeapReader::open(ctx, table.heap).unwrap();
    let text = |offset: u64| heap.text(ctx, offset).unwrap().into_owned();
    let root = shape.node(ctx, Some(table.btree), None).unwrap();
    let mut counts = Vec::new();
    let mut level = vec![(table.btree, root.clone())];
    let mut tall = root.level;
    while tall > 0 {
        counts.push(level.iter().map(|(_, node)| node.children.len()).collect());
        tall -= 1;
        check_level(&level);
        let children = level.iter().flat_map(|(_, node)| node.children.iter().copied());
        let next: Vec<_> = children.map(|c| (c.unwrap(), shape.node(ctx, c, Some(tall)).unwrap())).collect();
        // Each child's outer keys are the parent's.
        let keys = level.iter().flat_map(|(_, node)| node.keys.windows(2));
        for (keys, (_, child)) in keys.zip(&next) {
            assert_eq!((keys[0], keys[1]), (child.keys[0], *child.keys.last().unwrap()));
        }
        level = next;
    }
    counts.push(level.iter().map(|(_, node)| node.children.len()).collect());
    check_level(&level);
    let (mut entries, mut last) = (Vec::new(), Vec::new());
    for (_, node) in &level {
        for (keys, &child) in node.keys.windows(2).zip(&node.children) {
            let (_, leaf) = shape.leaf(ctx, child).unwrap();
            assert_eq!(text(keys[0]), last);
            for entry in &leaf.entries {
                let name = text(entry.name_offset);
                assert!(name > last);
                last = name;
            }
            assert_eq!(keys[1], leaf.entries.last().unwrap().name_offset);
            entries.push(leaf.entries.len());
        }
    }
    counts.push(entries);
    counts
}

fn check_level(level: &[(Address, BTreeV1Node)]) {
    assert_eq!((level[0].1.left, level.last().unwrap().1.right), (None, None));
    for pair in level.windows(2) {
        let ((a, left), (b, right)) = (&pair[0], &pair[1]);
        assert_eq!((left.right, right.left), (Some(*b), Some(*a)));
        assert_eq!(left.keys.last(), right.keys.first());
    }
}

fn all_given_back(editor: &mut Editor) {
    editor.commit().unwrap();
    assert_eq!((editor.superblock.end, editor.free_bytes()), (96, 0));
}

/// Names with much in common, short and long.
fn name(next: &mut impl FnMut(u64) -> u64, of: u64) -> Vec<u8> {
    let n = next(of);
    let prefix: &[u8] = match n % 5 {
        0 => b"",
        1 => b"the same beginning of many names ",
        2 => &[b'l'; 90],
        3 => &[0xff, 0xfe],
        _ => b"a",
    };
    [prefix, n.to_string().as_bytes()].concat()
}

#[test]
fn links_come_and_go() {
    let shapes = [((8, 8), 1, 1), ((8, 8), 1, 2), ((4, 4), 2, 1), ((8, 4), 4, 2), ((4, 8), 2, 4), ((8, 8), 4, 16)];
    for (at, (sizes, leaf_k, internal_k)) in shapes.into_iter().enumerate() {
        let mut next = numbers(at as u64);
        let mut editor = editor(sizes, leaf_k, internal_k);
        let table = create(&mut editor, USUAL_HINT).unwrap();
        let mut names = Names::new();
        for round in 0..6000 {
            let name = name(&mut next, 3000);
            let target = match next(3) {
                0 => Model::Soft(vec![b'/'; 1 + next(30) as usize]),
                _ => Model::Object(Address(next(96))),
            };
            let add = next(100) < if round % 3000 < 1500 { 80 } else { 20 };
            match names.get(&name) {
                None => {
                    assert_eq!(find(&mut editor, &table, &name).unwrap(), None);
                    assert_eq!(remove(&mut editor, &table, &name).unwrap_err().kind(), ErrorKind::NotFound);
                    if add {
                        insert(&mut editor, &table, &name, target.target()).unwrap();
                        names.insert(name, target);
                    }
                }
                Some(_) if add => {
                    let error = insert(&mut editor, &table, &name, target.target()).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Conflict);
                    remove(&mut editor, &table, &name).unwrap();
                    insert(&mut editor, &table, &name, target.target()).unwrap();
                    names.insert(name, target);
                }
                Some(_) => {
                    remove(&mut editor, &table, &name).unwrap();
                    names.remove(&name);
                }
            }
            if next(900) == 0 {
                verify(&editor, &table);
                assert_eq!(listed(&editor, &table), names);
                let links = Links::open(editor.ctx(), &group_header(&editor, &table)).unwrap();
                for name in names.keys() {
                    assert!(links.lookup(editor.ctx(), name).unwrap().is_some());
                }
            }
            if next(500) == 0 {
                editor.commit().unwrap();
            }
        }
        verify(&editor, &table);
        assert_eq!(listed(&editor, &table), names);
        let mut count = 0;
        let all = delete(&mut editor, &table, |_, _| {
            count += 1;
            Ok(())
        });
        all.unwrap();
        assert_eq!(count, names.len());
        all_given_back(&mut editor);
    }
}

#[test]
fn emptied_in_any_order() {
    for (leaf_k, internal_k, count) in [(1, 1, 700u64), (1, 2, 700), (2, 2, 1000), (4, 1, 1000), (4, 16, 3000)] {
        let mut next = numbers(count);
        for (insert_order, remove_order) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2), (0, 2), (2, 0)] {
            let mut editor = editor((8, 8), leaf_k, internal_k);
            let table = create(&mut editor, USUAL_HINT).unwrap();
            let mut order = |which: u64| {
                let mut all: Vec<u64> = (0..count).collect();
                match which {
                    0 => {}
                    1 => all.reverse(),
                    _ => (1..all.len()).for_each(|i| all.swap(i, next(i as u64 + 1) as usize)),
                }
                all
            };
            for n in order(insert_order) {
                let target = Target::Object { header: Address(n % 96), group: None };
                insert(&mut editor, &table, format!("{n:07}").as_bytes(), target).unwrap();
            }
            let counts = verify(&editor, &table);
            assert!(counts.len() < if internal_k == 1 { 32 } else { 16 }, "{} levels", counts.len());
            for (round, n) in order(remove_order).into_iter().enumerate() {
                remove(&mut editor, &table, format!("{n:07}").as_bytes()).unwrap();
                if round % 300 == 0 {
                    verify(&editor, &table);
                }
            }
            let root = Shape::of(&editor).unwrap().node(editor.ctx(), Some(table.btree), None).unwrap();
            assert_eq!((root.level, root.children.len(), root.keys.len()), (0, 0, 0));
            // The heap has all its room again.
            let heap = *LocalHeapReader::open(editor.ctx(), table.heap).unwrap().heap();
            assert_eq!(heap.free_list, Some(8));
            insert(&mut editor, &table, b"again", Target::Soft(b"x")).unwrap();
            verify(&editor, &table);
            delete(&mut editor, &table, |_, _| Ok(())).unwrap();
            all_given_back(&mut editor);
        }
    }
}

#[test]
fn nodes_split_and_shrink_as_those_of_libhdf5() {
    let mut editor = editor((8, 8), 4, 16);
    let table = create(&mut editor, USUAL_HINT).unwrap();
    for n in 0..300 {
        insert(&mut editor, &table, format!("n{n:04}").as_bytes(), Target::Soft(b"x")).unwrap();
    }
    // What h5py 3.16 (libhdf5 2.0) makes of the same links.
    let counts = verify(&editor, &table);
    assert_eq!(counts[..2], [vec![3], vec![28, 28, 18]]);
    assert!(counts[2][..73].iter().all(|&entries| entries == 4) && counts[2][73] == 8);
    assert_eq!(LocalHeapReader::open(editor.ctx(), table.heap).unwrap().heap().data_len, 5632);
    for n in (0..300).filter(|n| n % 7 != 0) {
        remove(&mut editor, &table, format!("n{n:04}").as_bytes()).unwrap();
    }
    let counts = verify(&editor, &table);
    assert_eq!(counts, [vec![3], vec![16, 16, 11], vec![1; 43]]);
}

#[test]
fn entries_cache_groups_and_texts() {
    let mut editor = editor((8, 8), 4, 16);
    let table = create(&mut editor, USUAL_HINT).unwrap();
    let inner = create(&mut editor, USUAL_HINT).unwrap();
    let target = Target::Object { header: Address(40), group: Some(inner) };
    insert(&mut editor, &table, b"group", target).unwrap();
    let cache = CacheType::Group { btree: inner.btree, heap: inner.heap };
    let entry = SymbolTableEntry { name_offset: 8, header: Some(Address(40)), cache };
    assert_eq!(find(&mut editor, &table, b"group").unwrap(), Some(entry));
    // Soft links bring their text, and take it along.
    insert(&mut editor, &table, b"soft", Target::Soft(b"/somewhere/else")).unwrap();
    let soft = find(&mut editor, &table, b"soft").unwrap().unwrap();
    assert_eq!((soft.header, soft.cache), (None, CacheType::SoftLink { value_offset: 24 }));
    assert_eq!(remove(&mut editor, &table, b"soft").unwrap(), soft);
    assert_eq!(remove(&mut editor, &table, b"group").unwrap(), entry);
    assert!(listed(&editor, &table).is_empty());
}

#[test]
fn refuses_what_is_no_link() {
    let mut editor = editor((8, 8), 4, 16);
    let table = create(&mut editor, USUAL_HINT).unwrap();
    let object = Target::Object { header: Address(40), group: None };
    insert(&mut editor, &table, b"a", object).unwrap();
    editor.commit().unwrap();
    let outside = Target::Object { header: Address(1 << 40), group: None };
    let cases: [(&[u8], Target<'_>, ErrorKind); 6] = [
        (b"", object, ErrorKind::Invalid),
        (b"a\0b", object, ErrorKind::Invalid),
        (b"b", Target::Soft(b""), ErrorKind::Invalid),
        (b"b", Target::Soft(b"\0"), ErrorKind::Invalid),
        (b"b", outside, ErrorKind::Corrupt),
        (b"a", object, ErrorKind::Conflict),
    ];
    for (name, target, kind) in cases {
        assert_eq!(insert(&mut editor, &table, name, target).unwrap_err().kind(), kind);
    }
    assert_eq!(editor.overlay.dirty_bytes(), 0);
}

#[test]
fn a_full_file_leaves_the_group_as_it_was() {
    for sizes in [(2, 2), (2, 8), (8, 2)] {
        let mut editor = editor(sizes, 2, 2);
        let table = create(&mut editor, USUAL_HINT).unwrap();
        let mut names = Names::new();
        let mut next = numbers(5);
        let mut refused = 0;
        while refused < 40 {
            let name = [&name(&mut next, 5000)[..], &[b'x'; 60]].concat();
            let target = Model::Soft(vec![b'/'; 1 + next(30) as usize]);
            let (end, free) = (editor.space.end(), editor.free_bytes());
            match insert(&mut editor, &table, &name, target.target()) {
                Ok(()) => assert_eq!(names.insert(name, target), None),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Limit);
                    refused += 1;
                    verify(&editor, &table);
                    assert_eq!(listed(&editor, &table), names);
                    assert_eq!(editor.space.end() - editor.free_bytes(), end - free);
                }
            }
        }
        assert!(names.len() > 100);
        delete(&mut editor, &table, |_, _| Ok(())).unwrap();
        all_given_back(&mut editor);
    }
}

#[test]
fn damage_is_an_error_and_nothing_hangs() {
    let mut next = numbers(77);
    let mut editor = editor((8, 8), 1, 1);
    let table = create(&mut editor, USUAL_HINT).unwrap();
    for n in 0..60 {
        insert(&mut editor, &table, format!("{n:03}").as_bytes(), Target::Soft(b"12345678")).unwrap();
    }
    editor.commit().unwrap();
    let superblock = editor.superblock.clone();
    let (mut failed, mut worked) = (0, 0);
    for _ in 0..3000 {
        for _ in 0..1 + next(4) {
            let address = Address(96 + next(superblock.end - 104));
            let bytes = match next(3) {
                0 => (96 + next(superblock.end)).to_le_bytes().to_vec(),
                1 => vec![next(256) as u8],
                _ => editor.read(Address(96 + next(superblock.end - 104)), 8, "any").unwrap(),
            };
            editor.write(address, &bytes).unwrap();
        }
        let name = format!("{:03}", next(80));
        let before = editor.overlay.dirty_bytes();
        let done = match next(4) {
            0 => insert(&mut editor, &table, name.as_bytes(), Target::Soft(b"/")),
            1 => insert(&mut editor, &table, name.as_bytes(), Target::Soft(b"/")),
            2 => remove(&mut editor, &table, name.as_bytes()).map(drop),
            _ => delete(&mut editor, &table, |_, _| Ok(())),
        };
        match done {
            Ok(()) => worked += 1,
            Err(error) => {
                failed += 1;
                if error.kind() == ErrorKind::Corrupt {
                    assert!(editor.overlay.dirty_bytes() <= before + 64, "{error}");
                }
            }
        }
        editor.rollback().unwrap();
    }
    assert!(failed > 500 && worked > 500, "{failed} {worked}");
    verify(&editor, &table);
}

#[test]
fn deletion_of_a_damaged_table_gives_nothing_back() {
    let mut editor = editor((8, 8), 1, 1);
    let table = create(&mut editor, USUAL_HINT).unwrap();
    for n in 0..20 {
        insert(&mut editor, &table, format!("{n:03}").as_bytes(), Target::Soft(b"x")).unwrap();
    }
    let shape = Shape::of(&editor).unwrap();
    let mut root = shape.node(editor.ctx(), Some(table.btree), None).unwrap();
    root.children[1] = root.children[0];
    let mut writer = editor.writer();
    root.encode(&mut writer, 1).unwrap();
    editor.write(table.btree, writer.as_slice()).unwrap();
    let free = editor.free_bytes();
    assert!(delete(&mut editor, &table, |_, _| panic!("called")).is_err());
    assert_eq!(editor.free_bytes(), free);
}
