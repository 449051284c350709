use super::*;
use crate::codec::Writer;
use crate::format::cache_image::{CacheImage, Entry};
use crate::format::message::btree_k::BTreeK;
use crate::format::shared_message_table::{IndexType, SharedMessageIndex, SharedMessageTable};
use crate::format::superblock::Root;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec;

const ROOT: u64 = 0x100;
const EXTENSION: u64 = 0x200;
const END: u64 = 0x400;

fn superblock(version: u8) -> Superblock {
    Superblock {
        version,
        sizes: Sizes::EIGHT,
        leaf_k: 4,
        internal_k: 16,
        chunk_k: 32,
        flags: 0,
        base: 0,
        free_space: None,
        extension: None,
        end: END,
        driver_info: None,
        root: Root { header: Address(ROOT), cached: None },
    }
}

fn put(file: &mut [u8], at: u64, bytes: &[u8]) {
    let at = usize::try_from(at).unwrap();
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// An object header of version 2.
fn header(messages: &[(u8, &[u8])]) -> Vec<u8> {
    let body: Vec<u8> = messages
        .iter()
        .flat_map(|&(kind, body)| [&[kind, u8::try_from(<[u8]>::len(body)).unwrap(), 0, 0], body].concat())
        .collect();
    let mut w = Writer::new(Sizes::EIGHT);
    w.bytes(b"OHDR\x02\0");
    w.u8(u8::try_from(body.len()).unwrap());
    w.bytes(&body);
    w.checksum_from(0);
    w.into_bytes()
}

fn encoded(encode: impl FnOnce(&mut Writer) -> Result<()>) -> Vec<u8> {
    let mut w = Writer::new(Sizes::EIGHT);
    encode(&mut w).unwrap();
    w.into_bytes()
}

/// A file of `END` bytes with a superblock, an empty root header and, if the superblock says so, an extension.
fn file(superblock: &Superblock, extension: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = vec![0; usize::try_from(END).unwrap()];
    put(&mut out, 0, &encoded(|w| superblock.encode(w)));
    put(&mut out, ROOT, &header(&[]));
    put(&mut out, EXTENSION, &header(extension));
    out
}

fn open_bytes(bytes: Vec<u8>, options: OpenOptions<'_>) -> Result<OpenedFile> {
    open(Arc::new(bytes), Limits::default(), options)
}

fn open_plain(bytes: Vec<u8>) -> Result<OpenedFile> {
    open_bytes(bytes, OpenOptions::default())
}

const SALVAGE: OpenOptions<'_> = OpenOptions { salvage: true, name: None, members: None, joined: false };

#[test]
fn finds_the_superblock_behind_a_user_block() {
    for version in 0..=3 {
        for (user_block, stored) in [(0, 0), (512, 512), (2048, 2048), (1024, 0), (0, 512)] {
            let there = Superblock { base: stored, end: END + stored, ..superblock(version) };
            let bytes = [vec![7; user_block], file(&there, &[])].concat();
            let opened = open_plain(bytes).unwrap();
            assert_eq!(opened.user_block, user_block as u64);
            assert_eq!((opened.context.base(), opened.context.end()), (user_block as u64, END));
            assert_eq!(opened.warnings.len(), usize::from(user_block as u64 != stored));
            assert_eq!(opened.superblock.root.header, Address(ROOT));
        }
        assert!(open_plain([vec![7; 700], file(&superblock(version), &[])].concat()).is_err());
    }
}

#[test]
fn refuses_truncated_files_unless_asked_to_salvage() {
    for version in 0..=3 {
        let mut bytes = file(&superblock(version), &[]);
        bytes.truncate(0x300);
        let error = open_plain(bytes.clone()).err().unwrap().to_string();
        assert!(error.contains("expected 1024 bytes") && error.contains("found 768"), "{error}");
        let opened = open_bytes(bytes, SALVAGE).unwrap();
        assert_eq!((opened.context.end(), opened.warnings.len()), (0x300, 1));
    }
    let longer = [file(&superblock(3), &[]), vec![0; 100]].concat();
    assert_eq!(open_plain(longer.clone()).unwrap().context.end(), END);
    assert_eq!(open_bytes(longer, SALVAGE).unwrap().context.end(), END + 100);
}

#[test]
fn opens_files_of_dead_writers_with_a_warning() {
    for (flags, cut, opens) in [(1, 0, true), (5, 0, true), (5, 0x100, true), (1, 0x100, false)] {
        let mut bytes = file(&Superblock { flags, ..superblock(3) }, &[]);
        bytes.truncate(bytes.len() - cut);
        let opened = open_plain(bytes);
        assert_eq!(opened.is_ok(), opens);
        assert!(opened.ok().is_none_or(|o| o.warnings[0].kind() == ErrorKind::Locked));
    }
    assert!(open_plain(file(&Superblock { flags: 1, ..superblock(2) }, &[])).unwrap().warnings.is_empty());
}

#[test]
fn says_what_other_files_are() {
    for (bytes, words, kind) in [
        (&b""[..], "empty", ErrorKind::Corrupt),
        (b"CDF\x01abcdefgh", "netCDF classic", ErrorKind::Corrupt),
        (b"OHDH\0\0\0\0\0", "onion", ErrorKind::Unsupported),
        (b"some text", "no HDF5 signature", ErrorKind::Corrupt),
    ] {
        let error = open_plain(bytes.to_vec()).err().unwrap();
        assert!(error.to_string().contains(words) && error.kind() == kind, "{error}");
    }
}

fn with_extension(messages: &[(u8, &[u8])]) -> Vec<u8> {
    file(&Superblock { extension: Some(Address(EXTENSION)), ..superblock(2) }, messages)
}

#[test]
fn heeds_the_extension() {
    let k = encoded(|w| BTreeK { chunk: 7, group_internal: 8, group_leaf: 9 }.encode(w));
    let table_message = [&[0u8][..], &0x300u64.to_le_bytes(), &[1]].concat();
    let table = SharedMessageTable {
        indexes: vec![SharedMessageIndex {
            index_type: IndexType::List,
            message_kinds: 1 << 3,
            min_message_size: 1,
            list_max: 50,
            btree_min: 40,
            message_count: 0,
            index: None,
            heap: Some(Address(0x80)),
        }],
    };
    let root = header(&[(0x0d, b"newer\0")]);
    let entry = Entry {
        kind: 0,
        flags: 1,
        ring: 1,
        age: 0,
        children: 0,
        dirty_children: 0,
        lru_rank: 1,
        address: Address(ROOT),
        parents: Vec::new(),
        image: root,
    };
    let image = encoded(|w| CacheImage { entries: vec![entry] }.encode(w));
    let image_message = [&[0u8][..], &0x380u64.to_le_bytes(), &(image.len() as u64).to_le_bytes()].concat();
    let mut bytes = with_extension(&[(0x13, &k), (0x0f, &table_message), (0x18, &image_message)]);
    put(&mut bytes, 0x300, &encoded(|w| table.encode(w)));
    put(&mut bytes, 0x380, &image);

    let opened = open_plain(bytes.clone()).unwrap();
    let found = &opened.superblock;
    assert_eq!((found.chunk_k, found.internal_k, found.leaf_k), (7, 8, 9));
    assert_eq!(opened.context.shared_messages().unwrap().table(), &table);
    let root = ObjectHeader::load(&opened.context, Address(ROOT)).unwrap();
    assert!(root.has(MessageKind::Comment));

    for at in [EXTENSION, 0x300, 0x380] {
        let mut bad = bytes.clone();
        bad[usize::try_from(at).unwrap() + 10] ^= 1;
        assert!(open_plain(bad.clone()).is_err(), "{at:#x}");
        assert!(!open_bytes(bad, SALVAGE).unwrap().warnings.is_empty(), "{at:#x}");
    }
}

#[test]
fn a_damaged_file_space_message_is_only_a_warning() {
    let opened = open_plain(with_extension(&[(0x17, &[1, 9])])).unwrap();
    assert_eq!((opened.warnings.len(), opened.file_space), (1, None));
}

type Files = BTreeMap<String, Vec<u8>>;

fn open_first(files: &Files, name: &str, allow: bool) -> Result<OpenedFile> {
    let members = |name: &str| -> Result<Arc<dyn Storage>> {
        match files.get(name) {
            Some(bytes) if allow => Ok(Arc::new(bytes.clone())),
            Some(_) => Err(Error::new(ErrorKind::Denied, "not allowed")),
            None => Err(Error::new(ErrorKind::NotFound, "no such file")),
        }
    };
    let options = OpenOptions { salvage: false, name: Some(name), members: Some(&members), joined: false };
    open_bytes(files[name].clone(), options)
}

fn split_family(bytes: &[u8], size: usize) -> Files {
    bytes.chunks(size).enumerate().map(|(i, part)| (alloc::format!("f{i:03}.h5"), part.to_vec())).collect()
}

#[test]
fn joins_families_with_driver_information() {
    let message = [&b"\0NCSAfami\x08\0"[..], &600u64.to_le_bytes()].concat();
    let files = split_family(&with_extension(&[(0x14, &message)]), 600);
    let opened = open_first(&files, "f000.h5", true).unwrap();
    assert_eq!((opened.context.end(), opened.driver.unwrap().id), (END, *b"NCSAfami"));
    let denied = open_first(&files, "f000.h5", false).err().unwrap();
    assert!(denied.kind() == ErrorKind::Denied && denied.to_string().contains("f001.h5"), "{denied}");
    let alone = open_plain(files["f000.h5"].clone()).err().unwrap();
    assert_eq!(alone.kind(), ErrorKind::Denied);
}

#[test]
fn joins_families_by_their_names() {
    for size in [40, 100, 600] {
        let files = split_family(&file(&superblock(0), &[]), size);
        let opened = open_first(&files, "f000.h5", true).unwrap();
        assert!(ObjectHeader::load(&opened.context, Address(ROOT)).is_ok());
        assert!(open_first(&files, "f000.h5", false).is_err());
    }
    // A file of its own is no member, whatever its name.
    let mut files = split_family(&file(&superblock(0), &[]), 600);
    files.insert("f001.h5".to_string(), file(&superblock(0), &[]));
    assert!(open_first(&files, "f000.h5", true).is_err());
}

#[test]
fn joins_split_files() {
    let mut information = vec![1u8, 1, 3, 1, 1, 1, 0, 0];
    for n in [0u64, END, 1 << 40, 64] {
        information.extend(n.to_le_bytes());
    }
    information.extend(b"%s-m.h5\0%s-r.h5\0");
    let len = u16::try_from(information.len()).unwrap();
    let message = [&b"\0NCSAmult"[..], &len.to_le_bytes(), &information].concat();
    let whole = with_extension(&[(0x14, &message)]);
    let files = Files::from([("x-m.h5".to_string(), whole.clone()), ("x-r.h5".to_string(), vec![9; 64])]);
    let opened = open_first(&files, "x-m.h5", true).unwrap();
    assert_eq!(&*opened.context.raw(Address((1 << 40) + 60), 4, "raw").unwrap(), [9; 4]);
    let denied = open_first(&files, "x-m.h5", false).err().unwrap();
    assert!(denied.kind() == ErrorKind::Denied && denied.to_string().contains("x-r.h5"), "{denied}");
    let renamed = Files::from([("renamed".to_string(), whole)]);
    assert_eq!(open_first(&renamed, "renamed", true).err().unwrap().kind(), ErrorKind::Denied);
}
