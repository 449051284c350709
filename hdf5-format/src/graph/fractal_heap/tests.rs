use super::*;
use crate::codec::{Sizes, Writer};
use crate::error::ErrorKind;
use crate::format::btree_v2::RecordType;
use crate::format::btree_v2::records::HugeRecord;
use crate::format::fractal_heap::{DirectBlock, HeapFilter, HugeId};
use crate::graph::testing::{HeapPlan, Image, empty_heap};
use proptest::prelude::*;

fn objects(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| alloc::vec![n as u8; 1 + n * 7 % 40]).collect()
}

fn check(image: &Image, address: Address, ids: &[Vec<u8>], objects: &[Vec<u8>]) {
    let ctx = image.context();
    let heap = FractalHeap::open(&ctx, address).unwrap();
    let mut reader = heap.reader(&ctx);
    for (id, object) in ids.iter().zip(objects) {
        // Twice: the second time the block is known to be right.
        for _ in 0..2 {
            assert_eq!(&*heap.get(&ctx, id).unwrap(), object);
        }
        let found = reader.object(id).unwrap();
        assert_eq!(&*found.bytes, object);
        assert!(image.bytes[found.offset as usize..].starts_with(object));
    }
}

#[test]
fn managed_objects_in_direct_and_indirect_blocks() {
    for (count, rows) in [(1, 0), (20, 2), (200, 5), (1500, 8)] {
        let mut image = Image::new(Sizes::EIGHT);
        let objects = objects(count);
        let (address, ids) = image.fractal_heap(&HeapPlan::new(128, 256), &objects);
        assert_eq!(ids.len(), count);
        let heap = FractalHeap::open(&image.context(), address).unwrap();
        assert_eq!(heap.header().table.root_rows, rows, "{count}");
        check(&image, address, &ids, &objects);
    }
}

#[test]
fn blocks_without_checksums_and_narrow_addresses() {
    let mut image = Image::new(Sizes { offset: 4, length: 4 });
    let plan = HeapPlan { checksums: false, ..HeapPlan::new(128, 512) };
    let objects = objects(300);
    let (address, ids) = image.fractal_heap(&plan, &objects);
    check(&image, address, &ids, &objects);
}

#[test]
fn tiny_objects_are_in_their_ids() {
    let mut image = Image::new(Sizes::EIGHT);
    let (address, _) = image.fractal_heap(&HeapPlan::new(128, 256), &[]);
    let ctx = image.context();
    let heap = FractalHeap::open(&ctx, address).unwrap();
    assert_eq!(&*heap.get(&ctx, b"\x22abc\0\0\0").unwrap(), b"abc");
    assert!(heap.get(&ctx, b"\x2fabc\0\0\0").is_err());
    assert!(heap.get(&ctx, &[0; 7]).is_err());
    assert!(heap.get(&ctx, &[]).is_err());
}

/// A heap with huge objects only, by id or by address.
fn huge(image: &mut Image, id_len: u16, objects: &[&[u8]]) -> (Address, Vec<Vec<u8>>) {
    let mut records = Vec::new();
    let mut ids = Vec::new();
    let mut header = empty_heap(&HeapPlan { id_len, ..HeapPlan::new(128, 256) });
    let form = IdForm::new(&header, image.sizes);
    for (n, object) in objects.iter().enumerate() {
        let mut w = image.writer();
        w.bytes(object);
        let (address, len) = (image.put(w), object.len() as u64);
        let record = HugeRecord { address, len, filtered: None, id: Some(n as u64 + 1) };
        let mut w = image.writer();
        record.encode(&mut w).unwrap();
        records.push(w.into_bytes());
        let id = if form.huge_direct {
            HugeId::Direct { address, len, filtered: None }
        } else {
            HugeId::Indirect(n as u64 + 1)
        };
        let mut w = image.writer();
        HeapId::Huge(id).encode(&mut w, form).unwrap();
        ids.push(w.into_bytes());
    }
    header.huge_btree = Some(image.btree_v2(RecordType::Huge, 512, &records));
    let mut w = image.writer();
    header.encode(&mut w).unwrap();
    (image.put(w), ids)
}

#[test]
fn huge_objects_by_id_and_by_address() {
    for id_len in [8, 17] {
        let mut image = Image::new(Sizes::EIGHT);
        let long = alloc::vec![7; 5000];
        let (address, mut ids) = huge(&mut image, id_len, &[b"first", &long, b"third"]);
        let ctx = image.context();
        let heap = FractalHeap::open(&ctx, address).unwrap();
        let got = ids.iter().map(|id| heap.get(&ctx, id).unwrap().into_owned()).collect::<Vec<_>>();
        assert_eq!(got, [&b"first"[..], &long, b"third"]);
        assert_eq!(&*heap.reader(&ctx).object(&ids[1]).unwrap().bytes, long);
        ids[0][1..8].fill(0xfe);
        assert_eq!(heap.get(&ctx, &ids[0]).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

/// A filter pipeline message: shuffle of elements of 1 byte, which changes nothing.
const PIPELINE: [u8; 12] = [2, 1, 2, 0, 0, 0, 1, 0, 1, 0, 0, 0];

#[test]
fn filtered_blocks_and_objects() {
    let mut image = Image::new(Sizes::EIGHT);
    let plan = HeapPlan { id_len: 29, ..HeapPlan::new(128, 256) };
    let mut header = empty_heap(&plan);
    let address = image.reserve(FractalHeapHeader::encoded_len(image.sizes, PIPELINE.len() as u16));
    let mut w = image.writer();
    DirectBlock { heap: address, offset: 0 }.encode(&mut w, 4, true, b"managed", 128).unwrap();
    header.table.root = Some(image.put(w));
    header.filter = Some(HeapFilter { root_len: 128, root_mask: 0, pipeline: PIPELINE.to_vec() });
    let mut w = image.writer();
    header.encode(&mut w).unwrap();
    image.put_at(address, w);
    let mut w = image.writer();
    w.bytes(b"huge object");
    let place = image.put(w);
    let ctx = image.context();
    let heap = FractalHeap::open(&ctx, address).unwrap();
    let id = |id: HeapId<'_>| {
        let mut w = Writer::new(image.sizes);
        id.encode(&mut w, heap.id_form()).unwrap();
        w.into_bytes()
    };
    let prefix = DirectBlock::prefix_len(image.sizes, 4, true) as u64;
    let managed = id(HeapId::Managed { offset: prefix, len: 7 });
    let large = id(HeapId::Huge(HugeId::Direct { address: place, len: 11, filtered: Some((0, 11)) }));
    for (id, object) in [(managed, &b"managed"[..]), (large, b"huge object")] {
        assert_eq!(&*heap.get(&ctx, &id).unwrap(), object);
        assert_eq!(&*heap.reader(&ctx).object(&id).unwrap().bytes, object);
    }
    let bomb = id(HeapId::Huge(HugeId::Direct { address: place, len: 11, filtered: Some((0, 1 << 40)) }));
    assert_eq!(heap.get(&ctx, &bomb).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn objects_outside_their_block_are_refused() {
    let mut image = Image::new(Sizes::EIGHT);
    let (address, _) = image.fractal_heap(&HeapPlan::new(128, 256), &objects(20));
    let ctx = image.context();
    let heap = FractalHeap::open(&ctx, address).unwrap();
    for (offset, len) in [(0, 5), (120, 9), (22, 200), (1 << 31, 1), (u64::from(u32::MAX), 1)] {
        let mut w = image.writer();
        let id = HeapId::Managed { offset, len };
        id.encode(&mut w, IdForm { length_width: 2, ..heap.id_form() }).unwrap();
        assert!(heap.get(&ctx, w.as_slice()).is_err(), "{len} at {offset}");
        assert!(heap.reader(&ctx).object(w.as_slice()).is_err(), "{len} at {offset}");
    }
}

#[test]
fn a_damaged_block_hides_only_its_objects() {
    let mut image = Image::new(Sizes::EIGHT);
    let objects = objects(200);
    let (address, ids) = image.fractal_heap(&HeapPlan::new(128, 256), &objects);
    let block = image.bytes.windows(4).position(|w| w == b"FHDB").unwrap();
    image.bytes[block + 30] ^= 1;
    let ctx = image.context();
    let heap = FractalHeap::open(&ctx, address).unwrap();
    let mut reader = heap.reader(&ctx);
    let broken = ids.iter().filter(|id| reader.object(id).is_err()).count();
    assert!((1..30).contains(&broken), "{broken}");
    assert_eq!(ids.iter().filter(|id| heap.get(&ctx, id).is_err()).count(), broken);
}

#[test]
fn a_block_of_another_heap_or_place_is_refused() {
    let mut image = Image::new(Sizes::EIGHT);
    let (address, ids) = image.fractal_heap(&HeapPlan { checksums: false, ..HeapPlan::new(128, 256) }, &objects(20));
    for at in [5, 13] {
        let block = image.bytes.windows(4).position(|w| w == b"FHDB").unwrap();
        let mut image = Image { bytes: image.bytes.clone(), sizes: image.sizes };
        image.bytes[block + at] ^= 1;
        let ctx = image.context();
        assert!(FractalHeap::open(&ctx, address).unwrap().get(&ctx, &ids[0]).is_err());
    }
}

#[test]
fn any_changed_byte_ends_in_an_answer() {
    let mut image = Image::new(Sizes::EIGHT);
    let plan = HeapPlan { checksums: false, ..HeapPlan::new(64, 128) };
    let (address, ids) = image.fractal_heap(&plan, &(0..60).map(|n| alloc::vec![n; 20]).collect::<Vec<_>>());
    for at in 0..image.bytes.len() {
        let mut image = Image { bytes: image.bytes.clone(), sizes: image.sizes };
        image.bytes[at] ^= 0x81;
        let ctx = image.context();
        if let Ok(heap) = FractalHeap::open(&ctx, address) {
            let mut reader = heap.reader(&ctx);
            ids.iter().step_by(7).for_each(|id| drop(reader.object(id)));
        }
    }
}

proptest! {
    #[test]
    fn any_header_and_id_end_in_an_answer(
        numbers in prop::array::uniform8(0u64..1 << 40), bits in 0u16..70, width in 0u32..12, start in 0u32..40,
        direct in 0u32..40, rows in 0u16..70, id in prop::collection::vec(any::<u8>(), 0..20), id_len in 1u16..30,
    ) {
        let mut image = Image::new(Sizes::EIGHT);
        let mut header = empty_heap(&HeapPlan { id_len, ..HeapPlan::new(128, 256) });
        header.max_managed = numbers[0] as u32;
        header.huge_btree = Some(Address(numbers[1] % 300));
        header.table.max_bits = bits;
        header.table.width = 1 << width;
        header.table.start_block = 1 << start;
        header.table.max_direct = 1 << direct;
        header.table.root = Some(Address(numbers[2] % 300));
        header.table.root_rows = rows;
        let mut w = image.writer();
        header.encode(&mut w).unwrap();
        let address = image.put(w);
        let ctx = image.context();
        if let Ok(heap) = FractalHeap::open(&ctx, address) {
            let _ = heap.get(&ctx, &id);
            let _ = heap.reader(&ctx).object(&id);
        }
    }
}
