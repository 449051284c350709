use super::*;
use crate::edit::testing::editor_with;
use crate::edit::{Editor, Version};
use crate::graph::FileContext;
use alloc::collections::BTreeMap;
use alloc::vec;

/// Pseudo-random numbers below a bound.
fn numbers(mut seed: u64) -> impl FnMut(u64) -> u64 {
    move |n| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % n
    }
}

fn editor(sizes: (u8, u8)) -> Editor {
    let sizes = Sizes::new(sizes.0, sizes.1).unwrap();
    editor_with(Version::Earliest, |superblock| superblock.sizes = sizes).0
}

fn prefix(ctx: &FileContext, address: Address) -> LocalHeap {
    *LocalHeapReader::open(ctx, address).unwrap().heap()
}

/// The texts are there, disjoint from each other and from the free blocks, and the kept list is that of the file.
fn check(editor: &mut Editor, address: Address, texts: &BTreeMap<u64, Vec<u8>>) {
    let heap = prefix(editor.ctx(), address);
    let list = FreeList::load(editor.ctx(), &heap).unwrap();
    if let Some(mut kept) = editor.local_heaps.take(address) {
        let loose = core::mem::take(&mut kept.loose);
        assert_eq!(kept, list);
        kept.loose = loose;
        editor.local_heaps.put(address, kept);
    }
    let reader = LocalHeapReader::open(editor.ctx(), address).unwrap();
    assert_eq!(&*reader.text(editor.ctx(), 0).unwrap(), b"");
    let mut list = list;
    let mut taken = Vec::new();
    for (&offset, text) in texts {
        assert_eq!(&*reader.text(editor.ctx(), offset).unwrap(), &text[..]);
        assert_eq!(offset % 8, 0);
        let end = offset + room(text.len() as u64);
        assert!(end <= heap.data_len);
        // It overlaps nothing that is free.
        taken.push((offset, end));
        list.clone().give(offset, end - offset, editor.superblock.sizes).unwrap();
    }
    assert!(taken.windows(2).all(|w| w[0].1 <= w[1].0));
    list.give(0, 8, editor.superblock.sizes).unwrap();
}

fn all_given_back(editor: &mut Editor) {
    editor.commit().unwrap();
    assert_eq!((editor.superblock.end, editor.free_bytes()), (96, 0));
}

#[test]
fn texts_come_and_go() {
    for sizes in [(8, 8), (4, 4), (8, 2), (2, 4), (2, 2)] {
        let mut next = numbers(u64::from(sizes.0) * 16 + u64::from(sizes.1));
        let mut editor = editor(sizes);
        let address = create(&mut editor, 64).unwrap();
        let mut texts = BTreeMap::new();
        for round in 0..3000 {
            if texts.is_empty() || next(100) < if round < 1500 { 60 } else { 40 } {
                let longest = if next(50) == 0 { 300 } else { 20 };
                let text = vec![b'a' + (round % 26) as u8; next(longest) as usize];
                let offset = insert(&mut editor, address, &text).unwrap();
                assert!(texts.insert(offset, text).is_none());
            } else {
                let at = next(texts.len() as u64) as usize;
                let offset = *texts.keys().nth(at).unwrap();
                let text = texts.remove(&offset).unwrap();
                remove(&mut editor, address, &[(offset, text.len() as u64)]).unwrap();
            }
            match next(200) {
                0 => editor.commit().unwrap(),
                1 => editor.forget_kept(),
                2..10 => check(&mut editor, address, &texts),
                _ => {}
            }
        }
        check(&mut editor, address, &texts);
        clear(&mut editor, address).unwrap();
        check(&mut editor, address, &BTreeMap::new());
        let heap = prefix(editor.ctx(), address);
        assert_eq!(FreeList::load(editor.ctx(), &heap).unwrap().tail(heap.data_len), heap.data_len - 8);
        delete(&mut editor, address).unwrap();
        all_given_back(&mut editor);
    }
}

#[test]
fn a_new_heap_is_as_libhdf5_makes_it_for_a_group() {
    for (sizes, len) in [((8, 8), 88), ((4, 4), 80), ((2, 2), 80), ((8, 4), 80), ((4, 8), 88), ((2, 8), 88)] {
        let mut editor = editor(sizes);
        let address = create(&mut editor, 64).unwrap();
        let heap = prefix(editor.ctx(), address);
        let data = Address(address.0 + LocalHeap::encoded_len(editor.superblock.sizes) as u64);
        assert_eq!(heap, LocalHeap { data_len: len, free_list: Some(8), data });
        check(&mut editor, address, &BTreeMap::new());
    }
}

#[test]
fn the_segment_doubles_where_it_lies_or_elsewhere() {
    let mut editor = editor((8, 8));
    let address = create(&mut editor, 0).unwrap();
    let first = prefix(editor.ctx(), address);
    assert_eq!(first.data_len, 24);
    // At the end of the file it grows in place.
    let a = insert(&mut editor, address, &[b'a'; 30]).unwrap();
    let grown = prefix(editor.ctx(), address);
    assert_eq!((a, grown.data_len, grown.data, grown.free_list), (8, 48, first.data, None));
    let after = editor.allocate(Purpose::BTree, 8).unwrap();
    let b = insert(&mut editor, address, &[b'b'; 10]).unwrap();
    let moved = prefix(editor.ctx(), address);
    // The eight bytes that were left before are part of it.
    assert_eq!((b, moved.data_len, moved.data, moved.free_list), (40, 96, Address(after.0 + 8), Some(56)));
    assert_eq!(editor.free_bytes(), 48);
    check(&mut editor, address, &[(a, vec![b'a'; 30]), (b, vec![b'b'; 10])].into_iter().collect());
    // A long text needs more than twice the segment.
    insert(&mut editor, address, &[b'c'; 1000]).unwrap();
    assert_eq!(prefix(editor.ctx(), address).data_len, 56 + 1008);
    delete(&mut editor, address).unwrap();
    editor.release(Purpose::BTree, after, 8);
    all_given_back(&mut editor);
}

#[test]
fn what_is_too_short_for_a_block_comes_back_with_its_neighbour() {
    for kept in [true, false] {
        let mut editor = editor((8, 8));
        let address = create(&mut editor, 64).unwrap();
        let offsets: Vec<u64> = (0..5).map(|_| insert(&mut editor, address, b"short").unwrap()).collect();
        let head = |editor: &Editor| prefix(editor.ctx(), address).free_list;
        remove(&mut editor, address, &[(offsets[1], 5)]).unwrap();
        assert_eq!(head(&editor), Some(48));
        if !kept {
            // The file does not say that it is free.
            editor.forget_kept();
        }
        // Two that touch go back together, and with what is loose beside them.
        remove(&mut editor, address, &[(offsets[3], 5), (offsets[2], 5)]).unwrap();
        let first = if kept { offsets[1] } else { offsets[2] };
        assert_eq!(head(&editor), Some(first));
        check(&mut editor, address, &[(8, b"short".to_vec()), (40, b"short".to_vec())].into_iter().collect());
        remove(&mut editor, address, &[(offsets[4], 5)]).unwrap();
        let heap = prefix(editor.ctx(), address);
        assert_eq!(FreeList::load(editor.ctx(), &heap).unwrap().tail(heap.data_len), 88 - first);
        remove(&mut editor, address, &[(offsets[0], 5)]).unwrap();
        assert_eq!(head(&editor), Some(if kept { offsets[0] } else { first }));
    }
}

#[test]
fn what_is_too_short_for_a_block_is_taken_by_its_like() {
    let mut editor = editor((8, 8));
    let address = create(&mut editor, 64).unwrap();
    let offsets: Vec<u64> = (0..5).map(|_| insert(&mut editor, address, b"short").unwrap()).collect();
    remove(&mut editor, address, &[(offsets[1], 5)]).unwrap();
    remove(&mut editor, address, &[(offsets[3], 5)]).unwrap();
    assert!(remove(&mut editor, address, &[(offsets[3], 5)]).is_err());
    editor.forget_kept();
    let gone = insert(&mut editor, address, b"new").unwrap();
    assert!(gone > offsets[4]);
    remove(&mut editor, address, &[(offsets[0], 5), (offsets[2], 5)]).unwrap();
    assert_eq!(insert(&mut editor, address, b"new").unwrap(), offsets[0]);
    assert_eq!(insert(&mut editor, address, b"new").unwrap(), offsets[2]);
}

#[test]
fn narrow_lengths_end_the_heap() {
    let mut editor = editor((4, 2));
    let address = create(&mut editor, 64).unwrap();
    let mut count = 0;
    let error = loop {
        match insert(&mut editor, address, &[b'x'; 900]) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((count, error.kind(), prefix(editor.ctx(), address).data_len), (72, ErrorKind::Limit, 65_528));
    assert!(create(&mut editor, 65_520).is_err());
    assert!(insert(&mut editor, address, &[b'x'; 400]).is_ok());
    delete(&mut editor, address).unwrap();
    all_given_back(&mut editor);
}

#[test]
fn damage_is_an_error() {
    let mut editor = editor((8, 8));
    let address = create(&mut editor, 64).unwrap();
    let offset = insert(&mut editor, address, b"name").unwrap();
    let heap = prefix(editor.ctx(), address);
    for texts in [&[(heap.data_len, 3)][..], &[(u64::MAX, 3)], &[(16, 3)], &[(offset, 8)], &[(offset, 4), (offset, 4)]]
    {
        assert!(remove(&mut editor, address, texts).is_err(), "{texts:?}");
    }
    check(&mut editor, address, &[(offset, b"name".to_vec())].into_iter().collect());
    let block = |next, len| [1u64.to_le_bytes(), next, len].concat()[8..].to_vec();
    for (at, bytes) in
        [(16u64, block(16u64.to_le_bytes(), 32u64.to_le_bytes())), (16, block([0; 8], [80, 0, 0, 0, 0, 0, 0, 0]))]
    {
        editor.forget_kept();
        editor.write(Address(heap.data.0 + at), &bytes).unwrap();
        assert!(insert(&mut editor, address, b"x").is_err());
        assert!(remove(&mut editor, address, &[(offset, 4)]).is_err());
    }
    // A segment over its own prefix.
    write_prefix(&mut editor, address, &LocalHeap { free_list: None, data: Address(address.0 + 8), ..heap }).unwrap();
    assert!(insert(&mut editor, address, b"x").is_err());
    assert!(delete(&mut editor, address).is_err());
}
