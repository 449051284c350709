//! Fields that are read, or written, at another time than what holds them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use hdf5_format::io::MemoryFile;
use hdf5_persist::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file in memory that counts the bytes that are read of it.
struct Counting(Vec<u8>, Arc<AtomicU64>);

impl hdf5_format::io::Storage for Counting {
    fn len(&self) -> Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.1.fetch_add(buf.len() as u64, Ordering::Relaxed);
        hdf5_format::io::Storage::read_at(&self.0, offset, buf)
    }
}

fn memory() -> (Store, MemoryFile) {
    let memory = MemoryFile::new(Vec::new());
    (StoreOptions::new().create_in(memory.clone()).unwrap(), memory)
}

/// A store that counts what is read, and the count.
fn counting(memory: &MemoryFile, options: StoreOptions) -> (Store, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    (options.read_from(Counting(memory.to_vec(), Arc::clone(&count))).unwrap(), count)
}

#[derive(Persist)]
#[persist(on_demand)]
struct Archive {
    name: String,
    first: OnDemand<Vec<f64>>,
    second: OnDemand<Vec<f64>>,
    index: Vec<u32>,
}

const MANY: usize = 100_000;
const BYTES: u64 = 8 * MANY as u64;

fn archive() -> Archive {
    Archive {
        name: "a".into(),
        first: OnDemand::new(vec![1.0; MANY]),
        second: OnDemand::new(vec![2.0; MANY]),
        index: vec![1, 2, 3],
    }
}

#[test]
fn nothing_is_read_before_it_is_called_for() {
    let (store, memory) = memory();
    store.put("x", &archive()).unwrap();
    let _ = store.close().unwrap();
    let (store, count) = counting(&memory, StoreOptions::new());
    let archive: Archive = store.get("x").unwrap();
    let read = count.load(Ordering::Relaxed);
    assert!(read < 100_000, "{read} bytes are read for the names, the text and three numbers");
    assert_eq!((archive.name.as_str(), archive.index.as_slice()), ("a", &[1, 2, 3][..]));
    assert!(!archive.first.is_read() && !archive.second.is_read());
    assert_eq!(archive.second.get().unwrap()[0], 2.0);
    let (before, read) = (read, count.load(Ordering::Relaxed));
    assert!((BYTES..BYTES + 100_000).contains(&(read - before)), "{} bytes are read for one of them", read - before);
    assert!(!archive.first.is_read() && archive.second.is_read());
    let before = count.load(Ordering::Relaxed);
    assert_eq!(archive.second.get().unwrap().len(), MANY);
    assert_eq!(count.load(Ordering::Relaxed), before, "what was read is kept");
}

#[test]
fn what_is_set_on_demand_is_written_through() {
    let (store, memory) = memory();
    store.put("x", &archive()).unwrap();
    let mut archive: Archive = store.get("x").unwrap();
    archive.first.set(vec![7.0]).unwrap();
    assert_eq!(store.get::<Vec<f64>>("x/first").unwrap(), [7.0]);
    assert_eq!(archive.first.get().unwrap(), &[7.0]);
    archive.first.forget();
    assert!(!archive.first.is_read());
    store.replace("x/first", &vec![8.0]).unwrap();
    assert_eq!(archive.first.get().unwrap(), &[8.0], "it is read again");
    let mut own = OnDemand::new(1.5);
    own.forget();
    assert_eq!(own.get().unwrap(), &1.5, "nothing to read it from again");
    // Replaced by itself, with what was not read.
    store.replace("x", &archive).unwrap();
    let again: Archive = store.get("x").unwrap();
    assert_eq!((again.first.get().unwrap(), again.second.get().unwrap().len()), (&vec![8.0], MANY));
    let _ = store.close().unwrap();

    let reading = StoreOptions::new().read_from(memory.to_vec()).unwrap();
    let mut archive: Archive = reading.get("x").unwrap();
    assert!(archive.first.set(vec![]).unwrap_err().to_string().contains("reading only"));
    assert_eq!(archive.first.get().unwrap(), &[8.0], "it is what it was");
}

#[test]
fn members_that_are_not_read_may_be_gone() {
    let (store, _memory) = memory();
    store.put("x", &archive()).unwrap();
    let archive: Archive = store.get("x").unwrap();
    store.remove("x/first").unwrap();
    let error = archive.first.get().unwrap_err();
    assert!(error.path().is_some_and(|path| path.contains("first")), "{error}");
    store.replace("x/second", &"text".to_string()).unwrap();
    assert!(archive.second.get().is_err());
}

#[derive(Persist)]
struct Recording {
    rate: f64,
    #[persist(lazy, resizable, chunks = [4096])]
    samples: Lazy<f32>,
    notes: Vec<String>,
}

#[test]
fn lazy_fields_stay_in_their_file_however_it_is_opened() {
    let (store, memory) = memory();
    let recording = Recording { rate: 0.5, samples: Lazy::from_vec(vec![0.25; MANY]), notes: vec!["one".into()] };
    store.put("x", &recording).unwrap();
    let _ = store.close().unwrap();
    for options in [StoreOptions::new(), StoreOptions::new().access(Access::Lazy)] {
        let (store, count) = counting(&memory, options);
        let recording: Recording = store.get("x").unwrap();
        assert!(count.load(Ordering::Relaxed) < 50_000);
        assert_eq!((recording.rate, recording.notes.len(), recording.samples.shape()), (0.5, 1, vec![MANY as u64]));
        let before = count.load(Ordering::Relaxed);
        assert_eq!(recording.samples.live().unwrap().slice::<f32>(10..12).unwrap(), [0.25, 0.25]);
        assert!(count.load(Ordering::Relaxed) - before < 50_000, "one chunk of many");
    }
}

#[test]
fn lazy_stores_read_no_arrays() {
    #[derive(Persist)]
    struct Plain {
        rate: f64,
        samples: Lazy<f64>,
    }
    let (store, memory) = memory();
    store.put("x", &Plain { rate: 1.0, samples: Lazy::from_vec(vec![0.5; MANY]) }).unwrap();
    let _ = store.close().unwrap();
    let (store, count) = counting(&memory, StoreOptions::new().access(Access::Lazy));
    let plain: Plain = store.get("x").unwrap();
    assert!(plain.samples.view().is_some() && plain.rate == 1.0);
    assert!(count.load(Ordering::Relaxed) < 50_000);
    let (store, count) = counting(&memory, StoreOptions::new());
    assert!(store.get::<Plain>("x").unwrap().samples.view().is_none());
    assert!(count.load(Ordering::Relaxed) > BYTES);
}

#[derive(Persist, Debug, Clone)]
struct Solution {
    name: String,
    result: Delayed<Vec<f64>>,
    error: Delayed<f64>,
}

fn unsolved() -> Solution {
    Solution { name: "s".into(), result: Delayed::new(), error: Delayed::new() }
}

#[test]
fn delayed_values_are_filled_in_later() {
    let (store, memory) = memory();
    let mut solution = unsolved();
    store.put("x", &solution).unwrap();
    assert_eq!(store.unfilled(), ["/x/result", "/x/error"]);
    assert!(!store.contains("x/result"));
    store.commit().unwrap();
    // What waits is not there for readers.
    let loaded: Solution = StoreOptions::new().read_from(memory.to_vec()).unwrap().get("x").unwrap();
    assert!(loaded.result.get().is_none() && loaded.name == "s");

    solution.result.fill(vec![1.0, 2.0]).unwrap();
    assert_eq!(solution.result.get(), Some(&vec![1.0, 2.0]));
    assert_eq!(store.get::<Vec<f64>>("x/result").unwrap(), [1.0, 2.0]);
    assert_eq!(store.unfilled(), ["/x/error"]);
    assert!(solution.result.fill(vec![]).unwrap_err().to_string().contains("filled once"));
    assert_eq!(store.get::<Vec<f64>>("x/result").unwrap(), [1.0, 2.0]);

    // As if it had been stored with what holds it.
    let direct = Solution { name: "s".into(), result: Delayed::ready(vec![1.0, 2.0]), error: Delayed::new() };
    store.put("direct", &direct).unwrap();
    assert_eq!(store.value("direct").unwrap(), store.value("x").unwrap());
    let closed = store.close().unwrap();
    assert_eq!(closed.unfilled, ["/x/error", "/direct/error"]);
    assert!(solution.error.fill(1.0).unwrap_err().to_string().contains("closed"));
    assert!(solution.error.get().is_none(), "what was not written is not there");
    let loaded: Solution = StoreOptions::new().read_from(memory.to_vec()).unwrap().get("x").unwrap();
    assert_eq!((loaded.result.get(), loaded.error.get()), (Some(&vec![1.0, 2.0]), None));
}

#[test]
fn delayed_values_without_a_store_are_filled_in_memory() {
    let (store, _memory) = memory();
    let mut solution = unsolved();
    solution.result.fill(vec![3.0]).unwrap();
    store.put("x", &solution).unwrap();
    assert_eq!(store.unfilled(), ["/x/error"]);
    assert_eq!(store.get::<Solution>("x").unwrap().result.get(), Some(&vec![3.0]));
    // A slot has one place.
    let error = store.put("y", &solution).unwrap_err().to_string();
    assert!(error.contains("one place"), "{error}");
    assert_eq!((store.keys().unwrap(), store.unfilled().len()), (vec!["x".to_string()], 1));
    // Nobody waits for what was taken away.
    store.remove("x").unwrap();
    assert!(store.unfilled().is_empty());
    assert!(solution.error.fill(1.0).is_err());
    assert!(store.close().unwrap().unfilled.is_empty());
}

#[test]
fn a_delayed_value_that_cannot_be_written_stays_delayed() {
    #[derive(Persist)]
    struct Text {
        late: Delayed<Vec<String>>,
    }
    let options = StoreOptions::new().dialect_named("h5preserve").unwrap();
    let store = options.create_in(MemoryFile::new(Vec::new())).unwrap();
    let mut text = Text { late: Delayed::new() };
    store.put("x", &text).unwrap();
    assert!(text.late.fill(vec!["no form there".into()]).is_err());
    assert!(text.late.get().is_none() && !store.contains("x/late"));
    assert_eq!(store.unfilled(), ["/x/late"]);
    text.late.fill(vec![]).unwrap();
    assert!(store.unfilled().is_empty());
}

#[test]
fn a_rollback_takes_the_places_of_delayed_values_back() {
    let (store, _memory) = memory();
    let mut text = Solution { name: "s".into(), result: Delayed::new(), error: Delayed::new() };
    store.put("x", &text).unwrap();
    store.rollback().unwrap();
    assert!(store.unfilled().is_empty());
    store.put("y", &text).unwrap();
    store.commit().unwrap();
    text.result.fill(vec![1.0]).unwrap();
    assert_eq!(store.unfilled(), ["/y/error"]);
    store.rollback().unwrap();
    assert_eq!(store.unfilled(), ["/y/result", "/y/error"]);
    text.error.fill(0.5).unwrap();
    assert_eq!(store.close().unwrap().unfilled, ["/y/result"]);
}

#[test]
fn a_closed_store_lets_others_have_its_file() {
    let folder = std::env::temp_dir().join(format!("persist-close-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("closed.h5");
    let archive = Archive {
        name: "n".into(),
        first: OnDemand::new(vec![1.0, 2.0]),
        second: OnDemand::new(vec![3.0]),
        index: vec![1],
    };
    let store = Store::create(&path).unwrap();
    store.put("x", &archive).unwrap();
    store.put("rows", &vec![1i64, 2]).unwrap();
    let clone = store.clone();
    drop(store.close().unwrap());
    for mode in [Mode::ReadWrite, Mode::Read] {
        let store = Store::open(&path, mode).unwrap();
        let (view, handle, other) = (store.array("rows").unwrap(), store.object("x").unwrap(), store.clone());
        let archive: Archive = store.get("x").unwrap();
        drop(store.close().unwrap());
        // Nobody holds the file any more.
        drop(Store::open(&path, Mode::ReadWrite).unwrap().close().unwrap());
        let refused = [
            view.read_vec::<i64>().map(drop),
            view.assign(0, 5i64),
            view.append([3i64]),
            handle.get::<String>("name").map(drop),
            handle.set("name", &"other".to_string()),
            other.get::<Vec<i64>>("rows").map(drop),
            other.put("new", &1i64),
            other.commit(),
            archive.first.get().map(drop),
        ];
        for done in refused {
            let error = done.unwrap_err();
            assert!(error.to_string().contains("closed") || mode == Mode::Read, "{error}");
        }
        assert_eq!(view.shape(), [2]);
    }
    assert!(clone.get::<Vec<i64>>("rows").is_err());
    let store = Store::open(&path, Mode::Read).unwrap();
    assert_eq!(store.get::<Vec<i64>>("rows").unwrap(), [1, 2]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_new_file_takes_its_name_when_it_can() {
    let folder = std::env::temp_dir().join(format!("persist-name-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("new.h5");
    let store = Store::create(&path).unwrap();
    store.put("x", &1i64).unwrap();
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("in the way"), "").unwrap();
    assert!(store.commit().is_err());
    std::fs::remove_dir_all(&path).unwrap();
    store.put("y", &2i64).unwrap();
    store.commit().unwrap();
    drop(store);
    let store = Store::open(&path, Mode::Read).unwrap();
    assert_eq!((store.get::<i64>("x").unwrap(), store.get::<i64>("y").unwrap()), (1, 2));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    drop(store);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[derive(Persist)]
#[persist(on_demand)]
struct Packed {
    #[persist(chunks = [512], filter = "shuffle,gzip=6", resizable)]
    now: OnDemand<Vec<i64>>,
    #[persist(chunks = [512], filter = "gzip")]
    later: Delayed<Vec<i64>>,
    #[persist(chunks = [7])]
    fixed: Vec<i64>,
}

#[test]
fn what_is_written_later_is_stored_as_its_field_is() {
    let (store, _memory) = memory();
    let mut packed = Packed { now: OnDemand::new(vec![1; 1000]), later: Delayed::new(), fixed: vec![0; 10] };
    store.put("x", &packed).unwrap();
    let form = |name: &str| {
        let dataset = store.file().dataset(format!("x/{name}")).unwrap();
        let filters: Vec<u16> = dataset.filters().iter().map(|f| f.id).collect();
        (dataset.shape().to_vec(), dataset.chunks().map(<[u64]>::to_vec), dataset.maxshape(), filters)
    };
    packed.later.fill((0..5000).collect()).unwrap();
    assert_eq!(form("later"), (vec![5000], Some(vec![512]), vec![Some(5000)], vec![1]));
    let mut packed: Packed = store.get("x").unwrap();
    packed.now.set((0..3000).collect()).unwrap();
    assert_eq!(form("now"), (vec![3000], Some(vec![512]), vec![None], vec![2, 1]));
    assert_eq!(store.get::<Vec<i64>>("x/now").unwrap()[2999], 2999);
    let handle = store.object("x").unwrap();
    handle.set("now", &vec![1i64, 2]).unwrap();
    assert_eq!(form("now"), (vec![2], Some(vec![512]), vec![None], vec![2, 1]));
    handle.set("fixed", &vec![1i64, 2]).unwrap();
    assert_eq!(form("fixed"), (vec![2], Some(vec![2]), vec![Some(2)], vec![]));
    handle.set("fixed", &vec![1.5]).unwrap();
    assert_eq!(handle.get::<Vec<f64>>("fixed").unwrap(), [1.5]);
    handle.set("now", &vec!["a".to_string()]).unwrap();
    assert_eq!(handle.get::<Vec<String>>("now").unwrap(), ["a"]);
}
