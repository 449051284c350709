use super::*;
use crate::codec::Writer;
use crate::limits::Limits;
use alloc::sync::Arc;

const SIZES: Sizes = Sizes { offset: 4, length: 4 };

fn context(file: Vec<u8>) -> FileContext {
    let len = file.len() as u64;
    FileContext::new(Arc::new(file), 0, len, SIZES, Limits::default())
}

fn load(file: &[u8]) -> Result<ObjectHeader> {
    ObjectHeader::load(&context(file.to_vec()), Address(0))
}

/// A message of version 1.
fn v1(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0, u8::try_from(body.len()).unwrap(), 0, flags, 0, 0, 0], body].concat()
}

/// A header of version 1 that counts `count` messages.
fn header_v1(count: u8, messages: &[Vec<u8>]) -> Vec<u8> {
    let messages = messages.concat();
    let mut out = alloc::vec![1, 0, count, 0, 2, 0, 0, 0];
    out.extend(u32::try_from(messages.len()).unwrap().to_le_bytes());
    out.extend([0; 4]);
    out.extend(messages);
    out
}

/// A message of version 2 without creation index.
fn v2(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, u8::try_from(body.len()).unwrap(), 0, flags], body].concat()
}

fn with_checksum(parts: &[&[u8]]) -> Vec<u8> {
    let mut w = Writer::new(SIZES);
    parts.iter().for_each(|p| w.bytes(p));
    w.checksum_from(0);
    w.into_bytes()
}

fn header_v2(messages: &[Vec<u8>]) -> Vec<u8> {
    let messages = messages.concat();
    with_checksum(&[b"OHDR\x02\0", &[u8::try_from(messages.len()).unwrap()], &messages])
}

fn continuation(address: u32, len: usize) -> Vec<u8> {
    [address.to_le_bytes(), u32::try_from(len).unwrap().to_le_bytes()].concat()
}

#[test]
fn reads_both_versions_and_every_chunk() {
    let second = v1(8, 0, &[3; 8]);
    let next = v1(0x10, 0, &continuation(200, second.len()));
    let mut file = header_v1(4, &[v1(1, 0, &[1; 8]), next, v1(3, 1, &[2; 8])]);
    file.resize(200, 0);
    file.extend(&second);
    let header = load(&file).unwrap();
    assert_eq!((header.version, header.ref_count, header.message_count), (1, 2, 4));
    let kinds: Vec<u16> = header.messages.iter().map(|m| m.kind.id()).collect();
    assert_eq!(kinds, [1, 3, 8]);
    assert_eq!(
        header.chunks,
        [HeaderChunk { address: Address(0), len: 64 }, HeaderChunk { address: Address(200), len: 16 },]
    );
    assert_eq!(header.object_type(), ObjectType::Dataset);
    assert_eq!(header.find(MessageKind::DataLayout).unwrap().offset, 208);
    for len in 0..file.len() {
        assert!(load(&file[..len]).is_err(), "{len}");
    }

    let second = with_checksum(&[b"OCHK", &v2(2, 0, &[9]), &[0; 2]]);
    let next = v2(0x10, 0, &continuation(300, second.len()));
    let mut file = header_v2(&[v2(0x16, 0, &[0, 5, 0, 0, 0]), next, alloc::vec![0; 3]]);
    file.resize(300, 0);
    file.extend(&second);
    let header = load(&file).unwrap();
    assert_eq!((header.version, header.ref_count, header.message_count), (2, 5, 3));
    assert_eq!(header.object_type(), ObjectType::Group);
    for len in 0..file.len() {
        assert!(load(&file[..len]).is_err(), "{len}");
    }
    for at in (0..32).chain(300..file.len()) {
        let mut bad = file.clone();
        bad[at] ^= 0x40;
        assert!(load(&bad).is_err(), "{at}");
    }
}

#[test]
fn reads_headers_longer_than_the_first_read() {
    let messages: Vec<_> = (0..40).map(|_| v1(0x0d, 0, &[7; 16])).collect();
    assert_eq!(load(&header_v1(40, &messages)).unwrap().all(MessageKind::Comment).count(), 40);
}

#[test]
fn counts_every_message() {
    let messages = [v1(0, 0, &[]), v1(0, 0, &[0; 8]), v1(0x0d, 0, &[0; 8])];
    assert_eq!(load(&header_v1(3, &messages)).unwrap().message_count, 3);
    assert_eq!(load(&header_v1(9, &messages)).unwrap().message_count, 3);
    // As libhdf5 2.0, which reads each chunk to its end.
    assert_eq!(load(&header_v1(2, &messages)).unwrap().message_count, 3);
}

#[test]
fn refuses_loops_and_overlaps() {
    let file = header_v1(9, &[v1(0x10, 0, &continuation(0, 16))]);
    assert!(load(&file).unwrap_err().to_string().contains("overlaps"));
    // A chunk that leads to itself.
    let mut file = header_v1(9, &[v1(0x10, 0, &continuation(100, 16))]);
    file.resize(100, 0);
    file.extend(v1(0x10, 0, &continuation(100, 16)));
    assert!(load(&file).unwrap_err().to_string().contains("overlaps"));
}

#[test]
fn bounds_the_number_of_chunks() {
    let mut file = header_v1(200, &[v1(0x10, 0, &continuation(32, 16))]);
    for i in 1..100u32 {
        file.extend(v1(0x10, 0, &continuation(32 + 16 * i, 16)));
    }
    file.extend(v1(0, 0, &[0; 8]));
    assert_eq!(load(&file).unwrap().chunks.len(), 101);
    let limits = Limits { header_chunks: 100, ..Limits::default() };
    let context = FileContext::new(Arc::new(file.clone()), 0, file.len() as u64, SIZES, limits);
    assert_eq!(ObjectHeader::load(&context, Address(0)).unwrap_err().kind(), crate::ErrorKind::Limit);
}

#[test]
fn refuses_what_the_version_forbids() {
    assert!(load(&header_v1(1, &[v1(0x16, 0, &[0, 5, 0, 0, 0, 0, 0, 0])])).is_err());
    assert!(load(&header_v1(1, &[v1(1, 0, &[0; 4])])).is_err());
    assert!(load(&header_v1(1, &[v1(1, 0, &[0; 8]), alloc::vec![0; 4]])).is_err());
    // A gap next to a NIL message.
    assert!(load(&header_v2(&[v2(0, 0, &[0; 8]), alloc::vec![0; 3]])).is_err());
    assert!(load(b"what is this, with some length").is_err());
}

#[test]
fn unknown_messages_matter_only_if_they_say_so() {
    let header = |flags| load(&header_v2(&[v2(0x50, flags, &[1, 2])]));
    assert_eq!(header(0x18).unwrap().messages[0].kind, MessageKind::Unknown(0x50));
    assert_eq!(header(0x80).unwrap_err().kind(), crate::ErrorKind::Unsupported);
}
