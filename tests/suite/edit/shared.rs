//! Messages that headers share.

use super::{integers, is_clean, reopened};
use hdf5_format::check::{CheckOptions, Code};
use hdf5_format::edit::{Bounds, FileStyle, Shareable, Sharing, SharingIndex, Version};
use hdf5_format::format::message::datatype::{ByteOrder, Datatype};
use hdf5_format::io::MemoryFile;
use hdf5_format::{CreateOptions, File, Filters, RepackOptions, Value};

const ALL: [Shareable; 5] =
    [Shareable::Dataspace, Shareable::Datatype, Shareable::FillValue, Shareable::FilterPipeline, Shareable::Attribute];

fn sharing_file(low: Version, indexes: Vec<SharingIndex>) -> (File, MemoryFile) {
    let sharing = Sharing { list_max: 6, btree_min: 4, ..Sharing::new(indexes) };
    let style =
        FileStyle { bounds: Bounds { low, ..Bounds::default() }, sharing: Some(sharing), ..FileStyle::default() };
    let memory = MemoryFile::new([]);
    (CreateOptions::new().style(style).create_in(memory.clone()).unwrap(), memory)
}

fn one(kinds: &[Shareable], min_size: u32) -> Vec<SharingIndex> {
    vec![SharingIndex { kinds: kinds.to_vec(), min_size }]
}

/// Type, count and B-tree or list of the first index.
fn first_index(memory: &MemoryFile) -> (u8, u16) {
    let bytes = memory.to_vec();
    let at = bytes.windows(4).position(|w| w == b"SMTB").unwrap();
    (bytes[at + 5], u16::from_le_bytes([bytes[at + 16], bytes[at + 17]]))
}

fn pair(size: u64) -> Datatype {
    let wide = Datatype::integer(8, true, ByteOrder::BigEndian);
    Datatype::compound([("a".into(), wide.clone()), (format!("b{size}"), wide)])
}

fn fill(file: &File, count: u64) {
    let root = file.root().unwrap();
    for i in 0..count {
        let filters = Filters::new().gzip(u32::try_from(i % 3).unwrap() + 1);
        let new = root.new_dataset(pair(i % 4)).shape([4 + i % 3, 2]).maxshape([None, Some(2)]).chunks([2, 2]);
        let data = new.filter(&filters).unwrap().create(format!("d{i}")).unwrap();
        for k in 0..i % 12 {
            let value: Vec<Value> = (0..3).map(|n| Value::Int(n + i64::try_from(k).unwrap())).collect();
            data.set_attr_values(format!("a{k}"), &integers(), Some(&[3]), &value).unwrap();
        }
    }
}

#[test]
fn headers_share_what_they_have_in_common() {
    for low in [Version::Earliest, Version::V18, Version::V110, Version::V200] {
        for min_size in [1, 20, 60_000] {
            let (file, memory) = sharing_file(low, one(&ALL, min_size));
            fill(&file, 30);
            file.commit().unwrap();
            is_clean(&memory);
            let (kind, count) = first_index(&memory);
            assert_eq!(kind == 1, count > 6, "{low:?} {min_size}: {count}");
            assert_eq!(count == 0, min_size == 60_000);
            drop(file);
            let file = reopened(&memory);
            for i in 0..30u64 {
                let data = file.dataset(format!("d{i}")).unwrap();
                assert_eq!(data.shape(), [4 + i % 3, 2]);
                assert_eq!(data.attributes().unwrap().len() as u64, i % 12);
                if i % 12 > 1 {
                    assert_eq!(data.attr_vec::<i32>("a1").unwrap(), [1, 2, 3]);
                }
            }
        }
    }
}

#[test]
fn with_the_last_use_a_message_goes() {
    for low in [Version::Earliest, Version::V110] {
        let (file, memory) = sharing_file(low, one(&ALL, 1));
        let empty = first_index(&memory);
        fill(&file, 30);
        file.commit().unwrap();
        drop(file);
        let file = reopened(&memory);
        let root = file.root().unwrap();
        for i in 0..30u64 {
            let mut data = file.dataset(format!("d{i}")).unwrap();
            data.resize(&[9, 2]).unwrap();
            if i % 12 > 2 {
                data.rename_attr("a0", "renamed").unwrap();
                data.set_attr_values("a1", &integers(), Some(&[]), &[Value::Int(7)]).unwrap();
                data.delete_attr("a2").unwrap();
            }
            if i % 7 == 0 {
                file.commit().unwrap();
                is_clean(&memory);
            }
        }
        root.copy("d29", "copy").unwrap();
        file.commit().unwrap();
        is_clean(&memory);
        root.delete("copy").unwrap();
        for i in 0..30u64 {
            root.delete(format!("d{i}")).unwrap();
            file.commit().unwrap();
            is_clean(&memory);
        }
        assert_eq!(first_index(&memory), empty);
    }
}

#[test]
fn a_rollback_takes_uses_back() {
    let (file, memory) = sharing_file(Version::V110, one(&ALL, 1));
    fill(&file, 5);
    file.commit().unwrap();
    let before = first_index(&memory);
    let bytes = memory.to_vec();
    file.root().unwrap().delete("d1").unwrap();
    file.rollback().unwrap();
    assert_eq!(memory.to_vec(), bytes);
    fill_one_more(&file);
    file.commit().unwrap();
    is_clean(&memory);
    assert!(first_index(&memory).1 >= before.1);
}

fn fill_one_more(file: &File) {
    let root = file.root().unwrap();
    root.new_dataset(pair(1)).shape([4, 2]).create("more").unwrap();
}

#[test]
fn a_repack_shares_as_the_original() {
    let (file, _) = sharing_file(Version::V18, one(&[Shareable::Datatype, Shareable::Attribute], 8));
    fill(&file, 12);
    file.commit().unwrap();
    let memory = MemoryFile::new([]);
    file.repack_into(memory.clone(), &RepackOptions::new()).unwrap();
    is_clean(&memory);
    let bytes = memory.to_vec();
    let at = bytes.windows(4).position(|w| w == b"SMTB").unwrap();
    assert_eq!(bytes[at + 6..at + 16], [8, 16, 8, 0, 0, 0, 6, 0, 4, 0]);
    assert!(first_index(&memory).1 > 0);
}

#[test]
fn wrong_set_ups_are_refused() {
    let index = |kinds: &[Shareable]| SharingIndex { kinds: kinds.to_vec(), min_size: 1 };
    let two = vec![index(&[Shareable::Datatype]), index(&[Shareable::Datatype])];
    for indexes in [vec![], two, vec![index(&[])], vec![index(&[Shareable::Datatype]); 9]] {
        let style = FileStyle { sharing: Some(Sharing::new(indexes)), ..FileStyle::default() };
        assert!(CreateOptions::new().style(style).create_in(MemoryFile::new([])).is_err());
    }
    let sharing = Sharing { list_max: 10, btree_min: 12, ..Sharing::new(vec![index(&[Shareable::Datatype])]) };
    let style = FileStyle { sharing: Some(sharing), ..FileStyle::default() };
    assert!(CreateOptions::new().style(style).create_in(MemoryFile::new([])).is_err());
}

#[test]
fn counts_that_disagree_are_found() {
    let (file, memory) = sharing_file(Version::V110, one(&[Shareable::Datatype], 8));
    fill(&file, 9);
    file.commit().unwrap();
    let mut bytes = memory.to_vec();
    let list = bytes.windows(4).position(|w| w == b"SMLI").unwrap();
    let records = usize::from(first_index(&memory).1) * 17;
    assert_eq!(bytes[list + 4], 0);
    for (change, code) in [(1u8, Code::ExtraUses), (255, Code::Count)] {
        let old = bytes[list + 9];
        bytes[list + 9] = old.wrapping_add(change);
        let sum = hdf5_format::codec::checksum::lookup3(&bytes[list..list + 4 + records], 0);
        bytes[list + 4 + records..list + 8 + records].copy_from_slice(&sum.to_le_bytes());
        let report = File::from_bytes(bytes.clone()).unwrap().check(CheckOptions::new());
        assert!(report.findings.iter().any(|f| f.code == code), "{:?}", report.findings);
        bytes[list + 9] = old;
    }
}
