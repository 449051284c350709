use super::*;
use crate::codec::checksum::lookup3;
use crate::codec::{Address, Sizes, Writer};
use crate::format::btree_v2::RecordType;
use crate::format::btree_v2::records::AttributeRecord as Entry;
use crate::format::message::attribute::{AttributeMessage, Part};
use crate::format::message::shared::SharedPointer;
use crate::format::shared_message_table::{IndexType, SharedMessageIndex, SharedMessageTable};
use crate::graph::shared::SharedMessages;
use crate::graph::testing::{HeapPlan, Image, header};
use alloc::format;
use alloc::string::String;

const SIZES: Sizes = Sizes::EIGHT;

/// An attribute message with a datatype `[7; 8]` unless it is given, dataspace `[8; 4]` and the name as data.
fn message(version: u8, name: &str, datatype: Option<&[u8]>) -> Vec<u8> {
    let part = |shared, body| Part { shared, offset: 0, body };
    let mut w = Writer::new(SIZES);
    let message = AttributeMessage {
        version,
        utf8: version == 3,
        name: name.as_bytes(),
        datatype: part(datatype.is_some(), datatype.unwrap_or(&[7; 8])),
        dataspace: part(false, &[8; 4]),
        data: name.as_bytes(),
    };
    message.encode(&mut w).unwrap();
    w.into_bytes()
}

fn attribute_info(heap: Option<Address>, name_index: Option<Address>) -> (MessageKind, Vec<u8>) {
    let mut w = Writer::new(SIZES);
    let info = AttributeInfo { next_index: Some(3), heap, name_index, order_indexed: false, order_index: None };
    info.encode(&mut w).unwrap();
    (MessageKind::AttributeInfo, w.into_bytes())
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("attribute {n:04}")).collect()
}

/// Attribute info of an object with these messages in a heap, or in the shared heap; in their order.
fn dense(image: &mut Image, entries: &[(String, Place)]) -> (MessageKind, Vec<u8>) {
    let own: Vec<_> = entries.iter().filter(|e| matches!(e.1, Place::Own)).map(|e| message(3, &e.0, None)).collect();
    let (heap, own) = image.fractal_heap(&HeapPlan { id_len: 8, ..HeapPlan::new(128, 1024) }, &own);
    let mut own = own.into_iter();
    let mut records = Vec::new();
    for (order, (name, place)) in entries.iter().enumerate() {
        let (id, flags) = match place {
            Place::Own => (own.next().unwrap(), 0),
            Place::Shared(id) => (id.clone(), 2),
        };
        let id = id.as_slice().try_into().unwrap();
        records.push(Entry { id, flags, order: order as u32, hash: Some(lookup3(name.as_bytes(), 0)) });
    }
    records.sort_by_key(|r| r.hash);
    let record = |r: &Entry| {
        let mut w = image.writer();
        r.encode(&mut w).unwrap();
        w.into_bytes()
    };
    let records: Vec<_> = records.iter().map(record).collect();
    let index = image.btree_v2(RecordType::AttributeName, 512, &records);
    attribute_info(Some(heap), Some(index))
}

enum Place {
    Own,
    Shared(Vec<u8>),
}

/// The list is the attributes of these names and so much damage, and each is found by its name.
fn check(ctx: &FileContext, header: &ObjectHeader, names: &[String], damage: usize) {
    let attributes = Attributes::open(ctx, header).unwrap();
    let list = attributes.list(ctx).unwrap();
    let good: Vec<_> = list.iter().flatten().collect();
    let mut names: Vec<_> = names.iter().map(String::as_bytes).collect();
    names.sort_unstable();
    assert_eq!(good.iter().map(|a| a.name.as_slice()).collect::<Vec<_>>(), names);
    assert!(list.iter().take(good.len()).all(Result::is_ok));
    assert_eq!(list.len() - good.len(), damage);
    for attribute in good {
        assert!(attribute.data.starts_with(&attribute.name));
        assert_eq!(attribute.dataspace.body, [8; 4]);
        assert_eq!(attributes.get(ctx, &attribute.name).unwrap().as_ref(), Some(attribute));
    }
    if damage == 0 {
        assert!(attributes.get(ctx, b"not there").unwrap().is_none());
    }
}

#[test]
fn attributes_in_the_header() {
    let image = Image::new(SIZES);
    let body = |version, name| (MessageKind::Attribute, message(version, name, None));
    let mut header = header(&[body(3, "c"), body(1, "a"), body(2, "b")]);
    for (n, message) in header.messages.iter_mut().enumerate() {
        (message.creation_index, message.offset) = (Some(n as u16), 1000);
    }
    let ctx = image.context();
    let names = ["a", "b", "c"].map(String::from);
    check(&ctx, &header, &names, 0);
    let attributes = Attributes::open(&ctx, &header).unwrap();
    assert!(!attributes.dense() && attributes.creation_order() == (false, false));
    assert_eq!(attributes.count().unwrap(), 3);
    let got = attributes.get(&ctx, b"c").unwrap().unwrap();
    assert_eq!((got.utf8, got.creation_order, got.offset), (true, None, 1000));
    assert_eq!((got.datatype.body.as_slice(), got.datatype.offset), (&[7; 8][..], 1000 + 9 + 2));
    // With tracking; a damaged one and a second one of a name.
    let mut messages = header.messages.clone();
    messages.push(Message { body: alloc::vec![9; 3].into(), ..messages[0].clone() });
    messages.push(messages[0].clone());
    let header = ObjectHeader { flags: 4, messages, ..header };
    check(&ctx, &header, &names, 2);
    let attributes = Attributes::open(&ctx, &header).unwrap();
    assert!(attributes.get(&ctx, b"not there").is_err());
    assert_eq!(attributes.get(&ctx, b"b").unwrap().unwrap().creation_order, Some(2));
    assert_eq!(attributes.count().unwrap(), 5);
}

#[test]
fn attributes_in_a_heap() {
    for count in [0, 1, 30, 400] {
        let mut image = Image::new(SIZES);
        let entries: Vec<_> = names(count).into_iter().map(|name| (name, Place::Own)).collect();
        let header = header(&[dense(&mut image, &entries)]);
        let ctx = image.context();
        check(&ctx, &header, &names(count), 0);
        let attributes = Attributes::open(&ctx, &header).unwrap();
        assert_eq!(attributes.count().unwrap(), count as u64);
        assert!(attributes.dense() && attributes.creation_order() == (true, false));
        for (order, name) in names(count).iter().enumerate() {
            let got = attributes.get(&ctx, name.as_bytes()).unwrap().unwrap();
            assert_eq!(got.creation_order, Some(order as u32));
            assert!(image.bytes[got.offset as usize..].starts_with(&[3, 0]));
        }
    }
}

#[test]
fn damage_in_a_heap_hides_little() {
    let mut image = Image::new(SIZES);
    let entries: Vec<_> = names(200).into_iter().map(|name| (name, Place::Own)).collect();
    let header = header(&[dense(&mut image, &entries)]);
    for signature in [b"FHDB", b"BTLF", b"FRHP", b"BTHD"] {
        let mut image = Image { bytes: image.bytes.clone(), sizes: image.sizes };
        let at = image.bytes.windows(4).position(|w| w == signature).unwrap();
        image.bytes[at + 20] ^= 1;
        let ctx = image.context();
        let attributes = Attributes::open(&ctx, &header).unwrap();
        let list = attributes.list(&ctx);
        if signature == b"FRHP" || signature == b"BTHD" {
            assert!(list.is_err() && attributes.get(&ctx, b"attribute 0000").is_err());
            continue;
        }
        let good: Vec<_> = list.unwrap().into_iter().flatten().collect();
        assert!(good.len() > 100 && good.len() < 200, "{}", good.len());
        assert!(good.iter().all(|a| attributes.get(&ctx, &a.name).unwrap().as_ref() == Some(a)));
    }
}

/// A committed datatype: a header of version 1 with a datatype message.
fn committed(image: &mut Image) -> Address {
    let mut w = image.writer();
    w.bytes(&[1, 0, 1, 0, 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0]);
    w.bytes(&[3, 0, 8, 0, 0, 0, 0, 0]);
    w.bytes(&[5; 8]);
    image.put(w)
}

#[test]
fn shared_datatypes_are_looked_up() {
    let mut image = Image::new(SIZES);
    let address = committed(&mut image);
    let pointer = |address| {
        let mut w = Writer::new(SIZES);
        SharedPointer::Object(address).encode(&mut w).unwrap();
        w.into_bytes()
    };
    let good = (MessageKind::Attribute, message(3, "good", Some(&pointer(address))));
    let bad = (MessageKind::Attribute, message(3, "bad", Some(&pointer(Address(3)))));
    let header = header(&[good, bad]);
    let ctx = image.context();
    check(&ctx, &header, &["good".into()], 1);
    let attributes = Attributes::open(&ctx, &header).unwrap();
    let got = attributes.get(&ctx, b"good").unwrap().unwrap();
    assert_eq!((got.datatype.body, got.datatype.committed), (alloc::vec![5; 8], Some(address)));
    assert!(attributes.get(&ctx, b"bad").is_err());
}

#[test]
fn attributes_shared_between_headers() {
    let mut image = Image::new(SIZES);
    let shared: Vec<_> = names(40);
    let bodies: Vec<_> = shared.iter().map(|name| message(3, name, None)).collect();
    let (heap, ids) = image.fractal_heap(&HeapPlan { id_len: 8, ..HeapPlan::new(128, 1024) }, &bodies);
    let table = SharedMessageTable {
        indexes: alloc::vec![SharedMessageIndex {
            index_type: IndexType::List,
            message_kinds: 1 << 12,
            min_message_size: 0,
            list_max: 50,
            btree_min: 40,
            message_count: 40,
            index: None,
            heap: Some(heap),
        }],
    };
    let mut entries: Vec<_> = shared.into_iter().zip(ids.clone()).map(|(n, id)| (n, Place::Shared(id))).collect();
    entries.extend((0..20).map(|n| (format!("own {n}"), Place::Own)));
    let dense = header(&[dense(&mut image, &entries)]);
    let mut pointer = image.writer();
    SharedPointer::Heap(ids[3].as_slice().try_into().unwrap()).encode(&mut pointer).unwrap();
    let mut compact = header(&[(MessageKind::Attribute, pointer.into_bytes())]);
    compact.messages[0].flags = MessageFlags(MessageFlags::SHARED);
    let ctx = image.context();
    check(&ctx, &compact, &[], 1);
    let ctx = ctx.clone().with_shared_messages(SharedMessages::open(&ctx, Address(0), table));
    check(&ctx, &compact, &["attribute 0003".into()], 0);
    let all: Vec<_> = entries.into_iter().map(|(name, _)| name).collect();
    check(&ctx, &dense, &all, 0);
}

#[test]
fn any_changed_byte_ends_in_an_answer() {
    let mut image = Image::new(SIZES);
    let entries: Vec<_> = names(12).into_iter().map(|name| (name, Place::Own)).collect();
    let header = header(&[dense(&mut image, &entries)]);
    for at in 0..image.bytes.len() {
        let mut image = Image { bytes: image.bytes.clone(), sizes: image.sizes };
        image.bytes[at] ^= 0x21;
        let ctx = image.context();
        let attributes = Attributes::open(&ctx, &header).unwrap();
        let _ = (attributes.list(&ctx), attributes.get(&ctx, b"attribute 0004"));
    }
}
