use super::*;
use crate::codec::Writer;
use crate::format::fractal_heap::{DoublingTable, FractalHeapHeader};
use crate::format::shared_message_table::IndexType;
use crate::limits::Limits;
use alloc::sync::Arc;

/// A header of version 2 at offset 0 with one datatype message.
fn file(flags: u8, body: &[u8]) -> FileContext {
    let mut w = Writer::new(Sizes::EIGHT);
    let len = u8::try_from(body.len()).unwrap();
    w.bytes(b"OHDR\x02\0");
    w.bytes(&[len + 4, 3, len, 0, flags]);
    w.bytes(body);
    w.checksum_from(0);
    let bytes = w.into_bytes();
    let len = bytes.len() as u64;
    FileContext::new(Arc::new(bytes), 0, len, Sizes::EIGHT, Limits::default())
}

fn message(flags: u8, body: &[u8]) -> Message {
    let flags = MessageFlags(flags);
    Message { kind: MessageKind::Datatype, flags, creation_index: None, body: body.into(), offset: 99 }
}

#[test]
fn follows_a_pointer_to_a_committed_datatype() {
    let ctx = file(0, b"type");
    let target = resolve(&ctx, &message(2, &[2, 2, 0, 0, 0, 0, 0, 0, 0, 0])).unwrap();
    assert_eq!(target, SharedTarget { body: b"type".to_vec(), offset: 11, committed: Some(Address(0)), heap_id: None });
    let own = resolve(&ctx, &message(0, b"own")).unwrap();
    assert_eq!(own, SharedTarget { body: b"own".to_vec(), offset: 99, committed: None, heap_id: None });
}

#[test]
fn refuses_chains_missing_kinds_and_missing_heaps() {
    let pointer = [2, 2, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(resolve(&file(2, &pointer), &message(2, &pointer)).unwrap_err().to_string().contains("another pointer"));
    let dataspace = Message { kind: MessageKind::Dataspace, ..message(2, &pointer) };
    assert!(resolve(&file(0, b"type"), &dataspace).is_err());
    assert!(resolve(&file(0, b"type"), &message(2, &[3, 1, 0, 0, 0, 0, 0, 0, 0, 0])).is_err());
}

#[test]
fn finds_messages_in_the_heap_of_their_kind() {
    let header = FractalHeapHeader {
        id_len: 8,
        huge_ids_wrapped: false,
        checksums: false,
        max_managed: 64,
        next_huge_id: 0,
        huge_btree: None,
        free_space: 0,
        free_manager: None,
        managed_space: 0,
        allocated_space: 0,
        iterator_offset: 0,
        managed_objects: 0,
        huge_bytes: 0,
        huge_objects: 0,
        tiny_bytes: 4,
        tiny_objects: 1,
        table: DoublingTable {
            width: 4,
            start_block: 512,
            max_direct: 4096,
            max_bits: 32,
            start_rows: 1,
            root: None,
            root_rows: 0,
        },
        filter: None,
    };
    let mut w = Writer::new(Sizes::EIGHT);
    header.encode(&mut w).unwrap();
    let bytes = w.into_bytes();
    let len = bytes.len() as u64;
    let ctx = FileContext::new(Arc::new(bytes), 0, len, Sizes::EIGHT, Limits::default());
    let index = |kind: MessageKind, heap| SharedMessageIndex {
        index_type: IndexType::List,
        message_kinds: 1 << kind.id(),
        min_message_size: 0,
        list_max: 50,
        btree_min: 40,
        message_count: 1,
        index: None,
        heap,
    };
    let table = SharedMessageTable {
        indexes: alloc::vec![
            index(MessageKind::Dataspace, Some(Address(7))),
            index(MessageKind::Attribute, None),
            index(MessageKind::Datatype, Some(Address(0))),
        ],
    };
    let shared = SharedMessages::open(&ctx, Address(0), table);
    let ctx = ctx.with_shared_messages(shared);
    // A pointer whose heap id holds the object itself.
    let pointer = b"\x03\x01\x23type\0\0\0";
    let target = resolve(&ctx, &message(2, pointer)).unwrap();
    assert_eq!((target.body.as_slice(), target.committed), (&b"type"[..], None));
    for kind in [MessageKind::Dataspace, MessageKind::Attribute, MessageKind::FillValue] {
        assert!(resolve(&ctx, &Message { kind, ..message(2, pointer) }).is_err(), "{kind}");
    }
}
