//! Files made, changed, copied and repacked.

mod copy;
mod external;
mod free_space;
mod members;
mod repack;
mod shared;

use hdf5_format::codec::Sizes;
use hdf5_format::edit::{Bounds, FileStyle, Version};
use hdf5_format::format::message::datatype::{ByteOrder, CharacterSet, Datatype};
use hdf5_format::io::{MemoryFile, Storage, StorageMut};
use hdf5_format::{CreateOptions, ErrorKind, File, Filters, OpenOptions, Select, Slice, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A new file in memory, and the bytes it has after each commit.
pub(super) fn new_file(low: Version) -> (File, MemoryFile) {
    let memory = MemoryFile::new([]);
    let style = FileStyle { bounds: Bounds { low, ..Bounds::default() }, ..FileStyle::default() };
    (CreateOptions::new().style(style).create_in(memory.clone()).unwrap(), memory)
}

fn integers() -> Datatype {
    Datatype::integer(4, true, ByteOrder::LittleEndian)
}

fn text() -> Datatype {
    Datatype::vlen_string(CharacterSet::Utf8, Sizes::EIGHT)
}

/// Nothing is damaged, and no byte is lost but for a few.
pub(super) fn is_clean(memory: &MemoryFile) {
    let file = File::from_bytes(memory.to_vec()).unwrap();
    let report = file.check(hdf5_format::check::CheckOptions::new().data(true));
    let damage: Vec<String> = report.damage().map(ToString::to_string).collect();
    assert!(damage.is_empty(), "{}", damage.join("\n"));
}

fn reopened(memory: &MemoryFile) -> File {
    OpenOptions::new().open_rw_in(memory.clone()).unwrap()
}

#[test]
fn what_is_written_is_read_after_each_opening() {
    for low in [Version::Earliest, Version::V18, Version::V110, Version::V200] {
        let (file, memory) = new_file(low);
        let root = file.root().unwrap();
        let filters = Filters::new().shuffle().gzip(4).fletcher32();
        let mut grown = root
            .new_dataset(integers())
            .shape([10, 6])
            .maxshape([None, Some(6)])
            .chunks([4, 4])
            .filter(&filters)
            .unwrap()
            .fill(&Value::Int(-1))
            .unwrap()
            .create("grown")
            .unwrap();
        let values: Vec<Value> = (0..60).map(Value::Int).collect();
        grown.write_values(.., &values).unwrap();
        grown.resize(&[5, 6]).unwrap();
        grown.resize(&[9, 6]).unwrap();
        let names = root.new_dataset(text()).shape([3]).create("names").unwrap();
        let words = ["one", "", "and a longer third"].map(|word| Value::String(word.into()));
        names.write_values(.., &words).unwrap();
        names.set_attr_values("unit", &text(), Some(&[]), &[Value::String(b"kelvin".to_vec())]).unwrap();
        file.commit().unwrap();
        drop((root, grown, names, file));
        let file = reopened(&memory);
        let grown = file.dataset("grown").unwrap();
        let expected: Vec<i32> = (0..54).map(|i| if i < 30 { i } else { -1 }).collect();
        assert_eq!(grown.read_vec::<i32>().unwrap(), expected, "{low:?}");
        let part: Select = "2:8:3, ::2".parse().unwrap();
        grown.write_values(part.clone(), &(0..6).map(|n| Value::Int(n + 900)).collect::<Vec<_>>()).unwrap();
        assert_eq!(grown.read_slice_vec::<i32>(part).unwrap(), (900..906).collect::<Vec<_>>());
        let names = file.dataset("names").unwrap();
        assert_eq!(names.read_vec::<String>().unwrap(), ["one", "", "and a longer third"]);
        assert_eq!(names.attr::<String>("unit").unwrap(), "kelvin");
        file.commit().unwrap();
        is_clean(&memory);
    }
}

#[test]
fn many_links_and_attributes_come_and_go() {
    for low in [Version::Earliest, Version::V200] {
        let (file, memory) = new_file(low);
        let root = file.root().unwrap();
        file.commit().unwrap();
        let empty = memory.to_vec().len();
        let group = root.create_group("group").unwrap();
        for i in 0..300u32 {
            group.create_group(format!("link {i}")).unwrap();
            group.set_attr_values(format!("attribute {i}"), &integers(), Some(&[]), &[Value::Int(i.into())]).unwrap();
        }
        file.commit().unwrap();
        is_clean(&memory);
        for i in (0..300).step_by(2) {
            group.delete(format!("link {i}")).unwrap();
            group.delete_attr(format!("attribute {i}")).unwrap();
            group.rename(format!("link {}", i + 1), format!("moved {i}")).unwrap();
        }
        file.commit().unwrap();
        is_clean(&memory);
        let found = reopened(&memory);
        let found = found.group("group").unwrap();
        assert_eq!(found.keys().len(), 150);
        assert_eq!(found.attr::<i32>("attribute 7").unwrap(), 7);
        assert!(found.attribute("attribute 8").is_err());
        root.delete("group").unwrap();
        file.commit().unwrap();
        is_clean(&memory);
        // All space is given back but for the root's own.
        assert!(memory.to_vec().len() <= empty + 600, "{} of {empty}", memory.to_vec().len());
    }
}

#[test]
fn values_of_variable_length_leave_no_trace() {
    let (file, memory) = new_file(Version::V110);
    let root = file.root().unwrap();
    let long = |n: usize| Value::String(vec![b'x'; 3000 + n]);
    let dataset = root.new_dataset(text()).shape([20]).chunks([6]).create("texts").unwrap();
    let write = |n: usize| dataset.write_values(.., &(0..20).map(|i| long(i + n)).collect::<Vec<_>>()).unwrap();
    write(0);
    file.commit().unwrap();
    write(1);
    file.commit().unwrap();
    let once = memory.to_vec().len();
    for n in 2..12 {
        write(n);
        dataset.set_attr_values("last", &text(), Some(&[]), &[long(n)]).unwrap();
        file.commit().unwrap();
    }
    assert!(memory.to_vec().len() < once + 40_000, "{} after {once}", memory.to_vec().len());
    assert_eq!(dataset.read_vec::<String>().unwrap()[3].len(), 3014);
    root.delete("texts").unwrap();
    file.commit().unwrap();
    is_clean(&memory);
    assert!(memory.to_vec().len() < 2000, "{}", memory.to_vec().len());
}

#[test]
fn wrong_requests_change_nothing() {
    let (file, memory) = new_file(Version::Earliest);
    let root = file.root().unwrap();
    let mut dataset = root.new_dataset(integers()).shape([4]).create("data").unwrap();
    file.commit().unwrap();
    let before = memory.to_vec();
    let kind = |done: hdf5_format::Result<()>| done.unwrap_err().kind();
    assert_eq!(kind(root.create_group("data").map(drop)), ErrorKind::Conflict);
    assert_eq!(kind(root.create_group("no/such/group").map(drop)), ErrorKind::NotFound);
    assert_eq!(kind(root.create_group("a\0b").map(drop)), ErrorKind::Invalid);
    assert_eq!(kind(root.delete("nothing")), ErrorKind::NotFound);
    assert_eq!(kind(root.rename("data", "data")), ErrorKind::Conflict);
    assert_eq!(kind(dataset.resize(&[5])), ErrorKind::Shape);
    assert_eq!(kind(dataset.write_raw(.., &[0; 15])), ErrorKind::Shape);
    assert_eq!(kind(dataset.write_values(.., &[Value::Float(0.5)])), ErrorKind::TypeMismatch);
    assert_eq!(kind(root.new_dataset(integers()).shape([4]).chunks([0]).create("x").map(drop)), ErrorKind::Shape);
    let large = vec![0u8; 70_000];
    let bytes = Datatype::opaque(70_000, "");
    let error = root.set_attr_raw("large", &bytes, Some(&[]), &large).unwrap_err();
    assert!(error.to_string().contains("v18"), "{error}");
    file.commit().unwrap();
    assert_eq!(memory.to_vec(), before);
    let read_only = File::from_bytes(before).unwrap();
    let error = read_only.root().unwrap().create_group("x").map(drop).unwrap_err();
    assert!(error.to_string().contains("open_rw"), "{error}");
}

#[test]
fn a_rollback_takes_all_back() {
    let (file, memory) = new_file(Version::V18);
    let root = file.root().unwrap();
    root.create_group("kept").unwrap();
    file.commit().unwrap();
    let before = memory.to_vec();
    for i in 0..50 {
        root.create_group(format!("gone {i}")).unwrap();
    }
    root.delete("kept").unwrap();
    file.rollback().unwrap();
    assert_eq!(root.keys(), ["kept"]);
    root.create_group("new").unwrap();
    file.rollback().unwrap();
    file.commit().unwrap();
    let after = File::from_bytes(memory.to_vec()).unwrap();
    assert_eq!(after.root().unwrap().keys(), ["kept"]);
    assert_eq!(memory.to_vec().len(), before.len());
}

#[test]
fn values_that_are_there_are_not_copied() {
    let values = vec![0.5f64; 1 << 20];
    let (file, memory) = new_file(Version::V110);
    // The storage grows here and not in what is counted.
    memory.set_len(10 << 20).unwrap();
    let root = file.root().unwrap();
    let (dataset, most) = crate::allocations::most_bytes(|| root.create_dataset("x", &values[..]).unwrap());
    assert!(most < 100_000, "{most}");
    assert_eq!(dataset.read_vec::<f64>().unwrap(), values);
    let mut over = vec![1f64; 1 << 20];
    let (_, most) = crate::allocations::most_bytes(|| dataset.read_slice_into(.., &mut over).unwrap());
    assert!(most < 100_000 && over == values, "{most}");
}

/// Storage that counts the bytes written to it.
struct Counted(MemoryFile, Arc<AtomicU64>);

impl Storage for Counted {
    fn len(&self) -> hdf5_format::Result<u64> {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> hdf5_format::Result<()> {
        self.0.read_at(offset, buf)
    }
}

impl StorageMut for Counted {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> hdf5_format::Result<()> {
        self.1.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.0.write_at(offset, bytes)
    }

    fn set_len(&self, len: u64) -> hdf5_format::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> hdf5_format::Result<()> {
        self.0.sync()
    }
}

#[test]
fn a_row_is_written_without_its_chunk() {
    let written = Arc::new(AtomicU64::new(0));
    let storage = Counted(MemoryFile::new([]), Arc::clone(&written));
    let file = CreateOptions::new().create_in(storage).unwrap();
    let root = file.root().unwrap();
    let new = root.new_dataset_of::<f32>().shape([0, 1000]).maxshape([None, Some(1000)]);
    let mut dataset = new.chunks([64, 1000]).create("x").unwrap();
    for i in 0..128u16 {
        dataset.append(0, [f32::from(i); 1000]).unwrap();
    }
    file.commit().unwrap();
    let chunks = 2 * 64 * 1000 * 4;
    let written = written.load(Ordering::Relaxed);
    assert!(written < 2 * chunks + 20_000, "{written} bytes for chunks of {chunks}");
    let column: Vec<f32> = (0..128u16).map(f32::from).collect();
    assert_eq!(dataset.read_slice_vec::<f32>((.., 999)).unwrap(), column);
}

#[test]
fn parts_of_a_chunk_change_nothing_else_of_it() {
    for filters in [Filters::new(), Filters::new().gzip(1)] {
        let (file, memory) = new_file(Version::V110);
        let root = file.root().unwrap();
        let new = root.new_dataset_of::<u16>().shape([7, 9, 11]).chunks([3, 4, 5]);
        let dataset = new.filter(&filters).unwrap().create("x").unwrap();
        let mut model = vec![0u16; 7 * 9 * 11];
        let mut seed = 5u64;
        let mut next = |n: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize % n
        };
        for round in 1..300u16 {
            // A range with steps, or one place, along each axis.
            let axes = [7, 9, 11].map(|len| {
                let (start, end, step) = (next(len), next(len) + 1, next(3) + 1);
                (start..end.max(start + 1), step)
            });
            let slices =
                axes.clone().map(|(range, step)| Slice::steps(range.start as i64..range.end as i64, step as u64));
            let [a, b, c] = axes.map(|(range, step)| range.step_by(step));
            let mut values = Vec::new();
            for (x, y, z) in
                a.flat_map(|x| b.clone().map(move |y| (x, y))).flat_map(|(x, y)| c.clone().map(move |z| (x, y, z)))
            {
                let value = round * 100 + values.len() as u16 % 100;
                model[(x * 9 + y) * 11 + z] = value;
                values.push(value);
            }
            dataset.write_slice(Select::new(slices), &values).unwrap();
            if round % 50 == 0 {
                file.commit().unwrap();
            }
        }
        assert_eq!(dataset.read_vec::<u16>().unwrap(), model);
        file.commit().unwrap();
        is_clean(&memory);
    }
}

#[test]
fn references_to_what_was_deleted_lead_nowhere() {
    for low in [Version::Earliest, Version::V200] {
        let (file, memory) = new_file(low);
        let root = file.root().unwrap();
        root.create_group("group").unwrap();
        root.create_dataset("data", [1, 2, 3]).unwrap();
        root.create_group("last").unwrap();
        let references: Vec<_> = ["group", "data"].map(|name| file.get(name).unwrap().info().reference()).into();
        file.commit().unwrap();
        root.delete("group").unwrap();
        root.delete("data").unwrap();
        file.rollback().unwrap();
        assert!(references.iter().all(|r| file.dereference(r).is_ok()));
        root.delete("group").unwrap();
        root.delete("data").unwrap();
        file.commit().unwrap();
        let after = reopened(&memory);
        assert!(references.iter().all(|r| file.dereference(r).is_err() && after.dereference(r).is_err()));
        is_clean(&memory);
    }
}

#[test]
fn space_is_taken_early_where_asked_for() {
    use hdf5_format::format::message::fill_value::AllocTime;
    for low in [Version::Earliest, Version::V110] {
        let (file, memory) = new_file(low);
        let root = file.root().unwrap();
        let early = |name: &str| {
            root.new_dataset(integers())
                .alloc_time(AllocTime::Early)
                .fill(&Value::Int(7))
                .map(|d| (d, name.to_string()))
        };
        let (new, name) = early("contiguous").unwrap();
        let contiguous = new.shape([5]).create(name).unwrap();
        let (new, name) = early("implicit").unwrap();
        new.shape([5, 3]).chunks([2, 2]).create(name).unwrap();
        let (new, name) = early("growing").unwrap();
        let mut growing = new.shape([3]).maxshape([None]).chunks([2]).create(name).unwrap();
        growing.resize(&[9]).unwrap();
        assert_eq!((contiguous.storage_size().unwrap(), growing.num_chunks().unwrap()), (20, Some(5)));
        file.commit().unwrap();
        is_clean(&memory);
        let file = reopened(&memory);
        for (name, count) in [("contiguous", 5), ("implicit", 15), ("growing", 9)] {
            assert_eq!(file.dataset(name).unwrap().read_vec::<i32>().unwrap(), vec![7; count], "{name}");
        }
    }
}

#[test]
fn what_a_file_keeps_for_its_next_opening_is_taken_over() {
    for (name, path) in [("cache_image.h5", "g3/x"), ("space_fsm.h5", ""), ("space_page.h5", "")] {
        let memory = MemoryFile::new(std::fs::read(crate::files::folder().join(name)).unwrap());
        let before = h5_cli::digest::document(&File::from_bytes(memory.to_vec()).unwrap());
        let file = reopened(&memory);
        file.root().unwrap().create_group("new").unwrap();
        file.commit().unwrap();
        is_clean(&memory);
        let file = reopened(&memory);
        file.root().unwrap().delete("new").unwrap();
        file.commit().unwrap();
        is_clean(&memory);
        let after = File::from_bytes(memory.to_vec()).unwrap();
        let document = h5_cli::digest::document(&after);
        for (path, object) in before["objects"].as_object().unwrap() {
            assert_eq!(object["values"], document["objects"][path]["values"], "{name} {path}");
        }
        if !path.is_empty() {
            assert_eq!(after.dataset(path).unwrap().read_vec::<i32>().unwrap(), [0, 7, 14, 21, 28, 35]);
        }
    }
}

#[test]
fn external_and_virtual_datasets_are_made() {
    use hdf5_format::edit::ExternalFile;
    use hdf5_format::format::selection::Selection;
    use hdf5_format::format::virtual_layout::VirtualMapping;
    let (file, memory) = new_file(Version::Earliest);
    let root = file.root().unwrap();
    let part = ExternalFile { name: b"raw.bin".to_vec(), offset: 8, size: None };
    let external = root.new_dataset(integers()).shape([4]).external([part]).comment("elsewhere").create("e").unwrap();
    assert_eq!(external.external_files().unwrap()[0].name, b"raw.bin");
    let source = root.new_dataset(integers()).shape([4]).create("source").unwrap();
    source.write_values(.., &[4, 5, 6, 7].map(Value::Int)).unwrap();
    let mapping = VirtualMapping {
        source_file: b".".to_vec(),
        source_dataset: b"/source".to_vec(),
        source_selection: Selection::All,
        virtual_selection: Selection::All,
    };
    root.new_dataset(integers()).shape([4]).virtual_mappings([mapping]).create("v").unwrap();
    file.commit().unwrap();
    is_clean(&memory);
    let file = File::from_bytes(memory.to_vec()).unwrap();
    assert_eq!(file.dataset("v").unwrap().read_vec::<i32>().unwrap(), [4, 5, 6, 7]);
    assert_eq!(file.dataset("e").unwrap().comment().unwrap(), b"elsewhere");
    let repacked = file.repack_into(MemoryFile::new([]), &hdf5_format::RepackOptions::new()).unwrap();
    assert_eq!(repacked.dataset("v").unwrap().read_vec::<i32>().unwrap(), [4, 5, 6, 7]);
    assert_eq!(repacked.dataset("e").unwrap().external_files().unwrap()[0].offset, 8);
}
