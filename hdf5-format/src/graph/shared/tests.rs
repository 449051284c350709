use super::*;
use crate::codec::Writer;
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
    assert_eq!(target, SharedTarget { body: b"type".to_vec(), offset: 11, committed: Some(Address(0)) });
    let own = resolve(&ctx, &message(0, b"own")).unwrap();
    assert_eq!(own, SharedTarget { body: b"own".to_vec(), offset: 99, committed: None });
}

#[test]
fn refuses_chains_missing_kinds_and_missing_heaps() {
    let pointer = [2, 2, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(resolve(&file(2, &pointer), &message(2, &pointer)).unwrap_err().to_string().contains("another pointer"));
    let dataspace = Message { kind: MessageKind::Dataspace, ..message(2, &pointer) };
    assert!(resolve(&file(0, b"type"), &dataspace).is_err());
    assert!(resolve(&file(0, b"type"), &message(2, &[3, 1, 0, 0, 0, 0, 0, 0, 0, 0])).is_err());
}
