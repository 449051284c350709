use super::*;
use crate::codec::Writer;
use crate::edit::testing::editor_with;
use crate::edit::{Editor, Version};
use crate::graph::global_heap::HeapReader;
use alloc::vec;
use alloc::vec::Vec;

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

type Model = BTreeMap<(Address, u32), Vec<u8>>;

fn check(editor: &Editor, model: &Model) {
    let mut reader = HeapReader::new(editor.ctx());
    for (&(address, index), data) in model {
        assert_eq!(reader.get(address, index).unwrap(), data);
    }
    // Nothing else is in the collections.
    let mut addresses: Vec<Address> = model.keys().map(|&(address, _)| address).collect();
    addresses.dedup();
    let objects = addresses.iter().map(|&address| Collection::load(editor, address).unwrap().count());
    assert_eq!(objects.sum::<usize>(), model.len());
}

fn all_given_back(editor: &mut Editor) {
    editor.commit().unwrap();
    assert_eq!((editor.superblock.end, editor.free_bytes()), (96, 0));
}

#[test]
fn objects_come_and_go() {
    for (seed, sizes) in [(8, 8), (4, 4), (8, 2), (4, 8)].into_iter().enumerate() {
        let mut next = numbers(seed as u64);
        let mut editor = editor(sizes);
        let mut heap = GlobalHeapEditor::default();
        let mut model = Model::new();
        for round in 0..12_000 {
            let add = next(100) < if round % 6000 < 3000 { 75 } else { 25 };
            if add || model.is_empty() {
                let longest = [40, 40, 40, 40, 40, 300, 5000, 20_000][if next(10) == 0 { next(8) as usize } else { 0 }];
                let data = vec![round as u8; next(longest) as usize];
                let id = heap.insert(&mut editor, &data).unwrap();
                assert!(id.1 > 0 && model.insert(id, data).is_none());
            } else {
                let at = next(model.len() as u64) as usize;
                let id = *model.keys().nth(at).unwrap();
                heap.remove(&mut editor, id.0, id.1).unwrap();
                model.remove(&id);
            }
            match next(1500) {
                0 => {
                    heap.finish(&mut editor).unwrap();
                    editor.commit().unwrap();
                    check(&editor, &model);
                }
                1 => {
                    heap.finish(&mut editor).unwrap();
                    heap = GlobalHeapEditor::default();
                    check(&editor, &model);
                }
                2 => heap.write_changed(&mut editor).unwrap(),
                _ => {}
            }
        }
        heap.finish(&mut editor).unwrap();
        check(&editor, &model);
        for (address, index) in model.into_keys() {
            heap.remove(&mut editor, address, index).unwrap();
        }
        heap.finish(&mut editor).unwrap();
        assert!(heap.open.is_none() && heap.roomy.free.is_empty() && heap.roomy.by_free.is_empty());
        all_given_back(&mut editor);
    }
}

#[test]
fn the_bytes_are_those_of_libhdf5() {
    let mut editor = editor((8, 8));
    let mut heap = GlobalHeapEditor::default();
    for text in [&b"first"[..], b"", b"the third one"] {
        heap.insert(&mut editor, text).unwrap();
    }
    heap.remove(&mut editor, Address(96), 1).unwrap();
    heap.finish(&mut editor).unwrap();
    let bytes = editor.read(Address(96), 4096, "collection").unwrap();
    let mut expected = Writer::new(Sizes::EIGHT);
    GlobalHeapCollection::encode(&[(2, b""), (3, b"the third one")], 4096, &mut expected).unwrap();
    assert_eq!(bytes, expected.into_bytes());
}

#[test]
fn collections_fit_what_comes() {
    let mut editor = editor((8, 8));
    let mut heap = GlobalHeapEditor::default();
    // Small objects in collections that double, the last cut to a multiple of 4096.
    let ids: Vec<_> = (0..20_000u32).map(|n| heap.insert(&mut editor, &n.to_le_bytes()).unwrap()).collect();
    heap.finish(&mut editor).unwrap();
    let mut addresses: Vec<u64> = ids.iter().map(|id| id.0.0).collect();
    addresses.dedup();
    let starts = [0u64, 4096, 12_288, 28_672, 61_440, 126_976, 192_512, 258_048, 323_584, 389_120, 454_656];
    assert_eq!(addresses, starts.map(|start| start + 96));
    assert_eq!(ids[0], (Address(96), 1));
    let last = Collection::load(&editor, Address(454_656 + 96)).unwrap();
    assert_eq!((last.len % 4096, editor.space.end()), (0, last.address.0 + last.len));
    assert!(last.free() < 4096 + 24);
    // Large ones alone, without anything to spare, while the open one stays open.
    let before = heap.insert(&mut editor, b"x").unwrap();
    let large = heap.insert(&mut editor, &[7; 100_001]).unwrap();
    assert_eq!(Collection::load(&editor, large.0).unwrap().len, 16 + 16 + 100_008);
    assert_eq!(heap.insert(&mut editor, b"y").unwrap(), (before.0, before.1 + 1));
    heap.finish(&mut editor).unwrap();
    assert_eq!(HeapReader::new(editor.ctx()).get(large.0, large.1).unwrap(), [7; 100_001]);
}

#[test]
fn space_is_used_again() {
    let mut editor = editor((8, 8));
    let mut heap = GlobalHeapEditor::default();
    let mut ids: Vec<_> = (0..50_000).map(|_| heap.insert(&mut editor, &[1; 20]).unwrap()).collect();
    heap.finish(&mut editor).unwrap();
    editor.commit().unwrap();
    let end = editor.superblock.end;
    for round in 0..4u8 {
        // A new session each time, with values a bit longer and shorter.
        let mut heap = GlobalHeapEditor::default();
        for id in &mut ids {
            heap.remove(&mut editor, id.0, id.1).unwrap();
            *id = heap.insert(&mut editor, &[round; 24][..20 + usize::from(round) % 3]).unwrap();
        }
        heap.finish(&mut editor).unwrap();
        editor.commit().unwrap();
        // The committed objects stay until the commit: there is one copy more, not one for each round.
        assert!(editor.superblock.end < 2 * end + 65_536, "{} after {end}", editor.superblock.end);
    }
    let mut reader = HeapReader::new(editor.ctx());
    ids.iter().for_each(|id| assert_eq!(reader.get(id.0, id.1).unwrap(), [3; 20]));
}

#[test]
fn references_are_counted() {
    let mut editor = editor((8, 8));
    let mut writer = editor.writer();
    GlobalHeapCollection::encode_header(4096, &mut writer).unwrap();
    GlobalHeapCollection::encode_object(5, 3, b"three times", &mut writer).unwrap();
    GlobalHeapCollection::encode_object(2, 1, b"once", &mut writer).unwrap();
    let used = writer.position() as u64;
    GlobalHeapCollection::encode_free(used, 4096, &mut writer).unwrap();
    let address = editor.place(Purpose::GlobalHeap, writer.as_slice()).unwrap();
    for left in [2, 1] {
        let mut heap = GlobalHeapEditor::default();
        heap.remove(&mut editor, address, 5).unwrap();
        heap.finish(&mut editor).unwrap();
        let bytes = editor.read(address, 4096, "collection").unwrap();
        assert_eq!(bytes[16..20], [5, 0, left, 0]);
        assert_eq!(HeapReader::new(editor.ctx()).get(address, 5).unwrap(), b"three times");
    }
    let mut heap = GlobalHeapEditor::default();
    heap.remove(&mut editor, address, 5).unwrap();
    assert!(heap.remove(&mut editor, address, 5).is_err());
    heap.finish(&mut editor).unwrap();
    let bytes = editor.read(address, 4096, "collection").unwrap();
    assert_eq!(bytes[16..20], [2, 0, 1, 0]);
    heap.remove(&mut editor, address, 2).unwrap();
    all_given_back(&mut editor);
}

#[test]
fn indices_end_and_are_used_again() {
    let mut editor = editor((8, 8));
    let len = 3 << 20;
    let address = editor.allocate(Purpose::GlobalHeap, len).unwrap();
    let mut collection = Collection::new(address, len, Sizes::EIGHT).unwrap();
    for n in 1..=u16::MAX {
        assert!(collection.free() > 0);
        assert_eq!(collection.insert(&[7; 4]).unwrap(), n);
    }
    assert!(collection.free() == 0 && collection.insert(&[]).is_err());
    for n in [9, 65_535, 1, 400] {
        assert_eq!(collection.remove(n).unwrap(), Removed::Object);
    }
    assert!(collection.remove(9).is_err() && collection.remove(0).is_err() && collection.remove(65_537).is_err());
    let mut again: Vec<u16> = (0..2).map(|_| collection.insert(&[8; 4]).unwrap()).collect();
    collection.remove(70).unwrap();
    again.extend((0..3).map(|_| collection.insert(&[8; 4]).unwrap()));
    assert!(collection.insert(&[]).is_err());
    again.sort();
    assert_eq!(again, [1, 9, 70, 400, 65_535]);
    collection.write(&mut editor).unwrap();
    let loaded = Collection::load(&editor, address).unwrap();
    assert_eq!((loaded.count(), loaded.free()), (65_535, 0));
    let mut reader = HeapReader::new(editor.ctx());
    for n in 1..=65_535u32 {
        let expected = if again.contains(&(n as u16)) { [8; 4] } else { [7; 4] };
        assert_eq!(reader.get(address, n).unwrap(), expected);
    }
}

#[test]
fn a_collection_may_be_full_to_the_last_byte() {
    for last in [4024usize, 4032, 4040, 4048] {
        let mut editor = editor((8, 8));
        let mut heap = GlobalHeapEditor::default();
        let a = heap.insert(&mut editor, &[1; 8]).unwrap();
        let b = heap.insert(&mut editor, &vec![2; last]).unwrap();
        assert_eq!(a.0 == b.0, last <= 4040);
        heap.finish(&mut editor).unwrap();
        check(&editor, &[(a, vec![1; 8]), (b, vec![2; last])].into_iter().collect());
        heap.remove(&mut editor, b.0, b.1).unwrap();
        heap.remove(&mut editor, a.0, a.1).unwrap();
        all_given_back(&mut editor);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut narrow = editor((8, 2));
    let mut heap = GlobalHeapEditor::default();
    assert_eq!(heap.insert(&mut narrow, &[0; 65_500]).unwrap_err().kind(), ErrorKind::Limit);
    assert!(heap.insert(&mut narrow, &[0; 65_496]).is_ok());
    let mut short = editor((2, 8));
    let mut model = Model::new();
    let error = loop {
        match heap_insert(&mut short, &mut model) {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(model.len() > 14);
    check(&short, &model);
}

/// A session for each object.
fn heap_insert(editor: &mut Editor, model: &mut Model) -> Result<()> {
    let mut heap = GlobalHeapEditor::default();
    let data = vec![model.len() as u8; 30];
    let id = heap.insert(editor, &data)?;
    heap.finish(editor)?;
    model.insert(id, data);
    Ok(())
}

#[test]
fn damage_is_an_error() {
    let mut editor = editor((8, 8));
    let mut heap = GlobalHeapEditor::default();
    let id = heap.insert(&mut editor, b"here").unwrap();
    heap.finish(&mut editor).unwrap();
    editor.commit().unwrap();
    for (address, index) in
        [(id.0, 2), (id.0, 0), (id.0, 65_537), (Address(0), 1), (Address(97), 1), (Address(1 << 40), 1)]
    {
        let mut heap = GlobalHeapEditor::default();
        assert!(heap.remove(&mut editor, address, index).is_err());
        heap.finish(&mut editor).unwrap();
    }
    assert_eq!(editor.overlay.dirty_bytes(), 0);
    let mut next = numbers(3);
    for _ in 0..2000 {
        for _ in 0..1 + next(3) {
            editor.write(Address(96 + next(64)), &[next(256) as u8]).unwrap();
        }
        let mut heap = GlobalHeapEditor::default();
        if heap.remove(&mut editor, id.0, 1 + next(2) as u32).is_ok() {
            heap.insert(&mut editor, b"more").unwrap();
            heap.finish(&mut editor).unwrap();
        }
        editor.rollback().unwrap();
    }
}
