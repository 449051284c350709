use super::*;
use crate::codec::checksum::lookup3;
use crate::codec::{Address, Sizes, Writer};
use crate::format::btree_v2::RecordType;
use crate::format::btree_v2::records::LinkNameRecord;
use crate::format::symbol_table_entry::{CacheType, SymbolTableEntry};
use crate::graph::testing::{HeapPlan, Image, header};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

fn hard(name: &str, address: u64) -> Link {
    let target = LinkTarget::Hard(Address(address));
    Link { name: name.as_bytes().to_vec(), utf8: false, creation_order: None, target }
}

fn soft(name: &str, path: &str) -> Link {
    let target = LinkTarget::Soft(path.as_bytes().to_vec());
    Link { name: name.as_bytes().to_vec(), utf8: false, creation_order: None, target }
}

fn message(link: &Link, sizes: Sizes) -> Vec<u8> {
    let Link { name, utf8, creation_order, target } = link.clone();
    let mut w = Writer::new(sizes);
    LinkMessage { creation_order, utf8, name, value: target }.encode(&mut w).unwrap();
    w.into_bytes()
}

fn link_info(sizes: Sizes, heap: Option<Address>, name_index: Option<Address>) -> Vec<u8> {
    let mut w = Writer::new(sizes);
    let info = LinkInfo { next_order: Some(9), heap, name_index, order_indexed: true, order_index: None };
    info.encode(&mut w).unwrap();
    w.into_bytes()
}

/// A symbol table message for these links, in the order of their names.
fn old_style(image: &mut Image, links: &[Link]) -> Vec<u8> {
    let text = |link: &Link| match &link.target {
        LinkTarget::Soft(path) => path.clone(),
        _ => Vec::new(),
    };
    let texts: Vec<_> = links.iter().flat_map(|link| [link.name.clone(), text(link)]).collect();
    let texts: Vec<_> = texts.iter().map(Vec::as_slice).collect();
    let (heap, offsets) = image.local_heap(&texts);
    let entry = |(link, offsets): (&Link, &[u64])| {
        let (header, cache) = match link.target {
            LinkTarget::Hard(address) if address.0 % 2 == 0 => (Some(address), CacheType::None),
            LinkTarget::Hard(address) => (Some(address), CacheType::Group { btree: address, heap }),
            _ => (None, CacheType::SoftLink { value_offset: offsets[1] as u32 }),
        };
        SymbolTableEntry { name_offset: offsets[0], header, cache }
    };
    let entries: Vec<_> = links.iter().zip(offsets.chunks(2)).map(entry).collect();
    let btree = image.group_tree(&entries, 2);
    let mut w = image.writer();
    SymbolTableMessage { btree, heap }.encode(&mut w).unwrap();
    w.into_bytes()
}

/// Link info of a dense group with these links.
fn dense(image: &mut Image, links: &[Link]) -> Vec<u8> {
    let messages: Vec<_> = links.iter().map(|link| message(link, image.sizes)).collect();
    let (heap, ids) = image.fractal_heap(&HeapPlan::new(128, 512), &messages);
    let records = links.iter().zip(ids).map(|(link, id)| (lookup3(&link.name, 0), link.name.clone(), id));
    let mut records: Vec<_> = records.collect();
    records.sort();
    let record = |(hash, _, id): &(u32, Vec<u8>, Vec<u8>)| {
        let mut w = image.writer();
        LinkNameRecord { hash: *hash, id: id.as_slice().try_into().unwrap() }.encode(&mut w).unwrap();
        w.into_bytes()
    };
    let records: Vec<_> = records.iter().map(record).collect();
    let names = image.btree_v2(RecordType::LinkName, 512, &records);
    link_info(image.sizes, Some(heap), Some(names))
}

fn open(image: &Image, messages: &[(MessageKind, Vec<u8>)]) -> Links {
    Links::open(&image.context(), &header(messages)).unwrap()
}

/// The list is the expected links by name and so much damage, and every link is found by its name.
fn check(image: &Image, links: &Links, expected: &[Link], damage: usize) {
    let ctx = image.context();
    let list = links.list(&ctx);
    let good: Vec<&Link> = list.iter().flatten().collect();
    let mut expected: Vec<&Link> = expected.iter().collect();
    expected.sort_by_key(|link| &link.name);
    assert_eq!(good, expected);
    assert!(list.iter().take(good.len()).all(Result::is_ok));
    assert_eq!(list.len() - good.len(), damage);
    for link in expected {
        assert_eq!(links.get(&ctx, &link.name).unwrap().as_ref(), Some(link));
        let longer = [link.name.as_slice(), b"x"].concat();
        if damage == 0 && !good.iter().any(|l| l.name == longer) {
            assert_eq!(links.get(&ctx, &longer).unwrap(), None);
        }
    }
}

/// Hard and soft links in ascending order of their names.
fn many(count: u64) -> Vec<Link> {
    let link = |n| match n % 3 {
        0 => soft(&format!("name{n:05}"), &format!("/path/{n}")),
        _ => hard(&format!("name{n:05}"), n),
    };
    (0..count).map(link).collect()
}

#[test]
fn old_style_groups_of_any_size() {
    for sizes in [Sizes::EIGHT, Sizes { offset: 4, length: 8 }] {
        for count in [0, 1, 5, 200] {
            let mut image = Image::new(sizes);
            let table = old_style(&mut image, &many(count));
            let links = open(&image, &[(MessageKind::SymbolTable, table)]);
            assert_eq!((links.storage(), links.creation_order()), (GroupStorage::SymbolTable, (false, false)));
            assert_eq!(links.count(&image.context()).unwrap(), count);
            check(&image, &links, &many(count), 0);
        }
    }
}

#[test]
fn damage_in_an_old_style_group_hides_little() {
    let mut image = Image::new(Sizes::EIGHT);
    let table = old_style(&mut image, &many(40));
    let at = image.bytes.windows(4).position(|w| w == b"SNOD").unwrap();
    // The first entry's name lies outside the heap, the third entry (a soft link before) has no header.
    image.bytes[at + 8..at + 16].fill(0x7f);
    image.bytes[at + 8 + 3 * 40 + 16] = 0;
    let links = open(&image, &[(MessageKind::SymbolTable, table.clone())]);
    let rest: Vec<_> = many(40).into_iter().enumerate().filter(|(n, _)| ![0, 3].contains(n)).map(|(_, l)| l).collect();
    check(&image, &links, &rest, 2);
    assert!(links.get(&image.context(), b"name00003").is_err());
    // Without the heap there are no names.
    let heap = image.bytes.windows(4).position(|w| w == b"HEAP").unwrap();
    image.bytes[heap] = b'X';
    let links = open(&image, &[(MessageKind::SymbolTable, table)]);
    check(&image, &links, &[], 1);
    assert!(links.get(&image.context(), b"name00009").is_err());
    assert_eq!(links.count(&image.context()).unwrap(), 40);
}

#[test]
fn a_name_is_found_in_spite_of_damage_on_the_way_to_it() {
    let mut image = Image::new(Sizes::EIGHT);
    let table = old_style(&mut image, &many(40));
    let links = open(&image, &[(MessageKind::SymbolTable, table)]);
    let root = image.bytes.len() - crate::format::btree_v1::KeyType::Group.node_len(2, image.sizes);
    assert!(image.bytes[root..].starts_with(b"TREE"));
    // The right key of the root's first child, which every lookup compares.
    image.bytes[root + 24 + 16..root + 24 + 24].fill(0x7f);
    let ctx = image.context();
    for link in many(40) {
        assert_eq!(links.get(&ctx, &link.name).unwrap(), Some(link));
    }
    assert!(links.get(&ctx, b"name00003x").is_err());
}

#[test]
fn links_in_the_header() {
    let image = Image::new(Sizes::EIGHT);
    let external = LinkTarget::External { file: b"f.h5".to_vec(), path: b"/x".to_vec() };
    let user = LinkTarget::UserDefined { class: 70, data: alloc::vec![1, 2] };
    let with = |name: &str, target, order| Link { utf8: true, creation_order: Some(order), target, ..hard(name, 0) };
    let all = [with("ü", external, 3), soft("b", "/a"), with("a", user, 1), hard("c", 4)];
    let mut messages = alloc::vec![(MessageKind::LinkInfo, link_info(image.sizes, None, None))];
    messages.extend(all.iter().map(|link| (MessageKind::Link, message(link, image.sizes))));
    let links = open(&image, &messages);
    assert_eq!((links.storage(), links.creation_order()), (GroupStorage::Compact, (true, true)));
    check(&image, &links, &all, 0);
    // A damaged link, and a second one of a name.
    messages.push((MessageKind::Link, alloc::vec![1, 0xff]));
    messages.push((MessageKind::Link, message(&hard("b", 99), image.sizes)));
    let links = open(&image, &messages);
    check(&image, &links, &all, 2);
    assert_eq!(links.count(&image.context()).unwrap(), 6);
    assert!(links.get(&image.context(), b"not there").is_err());
}

#[test]
fn link_info_goes_before_a_symbol_table() {
    let mut image = Image::new(Sizes::EIGHT);
    let table = old_style(&mut image, &many(3));
    let info = link_info(image.sizes, None, None);
    let link = message(&hard("new", 2), image.sizes);
    let messages = [(MessageKind::SymbolTable, table), (MessageKind::LinkInfo, info), (MessageKind::Link, link)];
    check(&image, &open(&image, &messages), &[hard("new", 2)], 0);
    let error = Links::open(&image.context(), &header(&[])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TypeMismatch);
}

#[test]
fn links_in_a_heap() {
    for count in [0, 1, 50, 600] {
        let mut image = Image::new(Sizes::EIGHT);
        let info = dense(&mut image, &many(count));
        let links = open(&image, &[(MessageKind::LinkInfo, info)]);
        assert_eq!(links.storage(), GroupStorage::Dense);
        assert_eq!(links.count(&image.context()).unwrap(), count);
        check(&image, &links, &many(count), 0);
    }
}

/// Two names of the same hash.
fn collision() -> (String, String) {
    let mut names = BTreeMap::new();
    for n in 0.. {
        let name = format!("n{n}");
        if let Some(other) = names.insert(lookup3(name.as_bytes(), 0), name.clone()) {
            return (other, name);
        }
    }
    unreachable!()
}

#[test]
fn names_of_the_same_hash_are_told_apart() {
    let (one, two) = collision();
    let mut all = many(60);
    all.extend([hard(&one, 2), soft(&two, "/x")]);
    let mut image = Image::new(Sizes::EIGHT);
    let info = dense(&mut image, &all);
    check(&image, &open(&image, &[(MessageKind::LinkInfo, info)]), &all, 0);
}

#[test]
fn damage_in_a_dense_group_hides_little() {
    let all = many(300);
    let mut image = Image::new(Sizes::EIGHT);
    let info = dense(&mut image, &all);
    let message = (MessageKind::LinkInfo, info);
    for signature in [b"FHDB", b"BTLF"] {
        let mut image = Image { bytes: image.bytes.clone(), sizes: image.sizes };
        let at = image.bytes.windows(4).position(|w| w == signature).unwrap();
        image.bytes[at + 20] ^= 1;
        let ctx = image.context();
        let links = open(&image, core::slice::from_ref(&message));
        let list = links.list(&ctx);
        let good: Vec<_> = list.iter().flatten().collect();
        assert!(good.len() > 200 && good.len() < 300, "{}", good.len());
        assert!(good.iter().all(|link| links.get(&ctx, &link.name).unwrap().as_ref() == Some(link)));
        let lost = all.iter().find(|link| !good.contains(link)).unwrap();
        assert!(links.get(&ctx, &lost.name).is_err());
    }
    for signature in [b"FRHP", b"BTHD"] {
        let mut image = Image { bytes: image.bytes.clone(), sizes: image.sizes };
        let at = image.bytes.windows(4).position(|w| w == signature).unwrap();
        image.bytes[at + 6] ^= 1;
        check(&image, &open(&image, core::slice::from_ref(&message)), &[], 1);
    }
    let no_index = link_info(image.sizes, Some(Address(64)), None);
    check(&image, &open(&image, &[(MessageKind::LinkInfo, no_index)]), &[], 1);
}

#[test]
fn entries_that_share_an_object_do_not_multiply_it() {
    let mut image = Image::new(Sizes::EIGHT);
    let long = hard(&"x".repeat(60_000), 2);
    let plan = HeapPlan::new(65536, 65536);
    let (heap, ids) = image.fractal_heap(&plan, &[message(&long, image.sizes)]);
    let mut w = image.writer();
    LinkNameRecord { hash: 1, id: ids[0].as_slice().try_into().unwrap() }.encode(&mut w).unwrap();
    let names = image.btree_v2(RecordType::LinkName, 512, &alloc::vec![w.into_bytes(); 2000]);
    let info = link_info(image.sizes, Some(heap), Some(names));
    let links = open(&image, &[(MessageKind::LinkInfo, info)]);
    let list = links.list(&image.context());
    assert!(list.len() < 300, "{}", list.len());
    assert!(list.last().unwrap().is_err());
    assert!(list.iter().any(|l| l.as_ref().is_err_and(|e| e.kind() == ErrorKind::Limit)));
}

#[test]
fn any_changed_byte_ends_in_an_answer() {
    let mut image = Image::new(Sizes::EIGHT);
    let old = (MessageKind::SymbolTable, old_style(&mut image, &many(9)));
    let new = (MessageKind::LinkInfo, dense(&mut image, &many(9)));
    for at in 0..image.bytes.len() {
        let mut image = Image { bytes: image.bytes.clone(), sizes: image.sizes };
        image.bytes[at] ^= 0x41;
        for message in [&old, &new] {
            let links = open(&image, core::slice::from_ref(message));
            assert!(links.list(&image.context()).len() < 100);
            let _ = (links.get(&image.context(), b"name00004"), links.count(&image.context()));
        }
    }
}
