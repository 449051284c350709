//! Selections of every kind against a naive model, over every way to store elements; and what they cost.

use crate::allocations;
use hdf5_format::codec::Sizes;
use hdf5_format::edit::{Bounds, FileStyle, Version};
use hdf5_format::format::message::datatype::{ByteOrder, CharacterSet, Datatype};
use hdf5_format::io::{MemoryFile, Storage};
use hdf5_format::{CreateOptions, Dataset, File, Filters, Group, OpenOptions, Result, Select, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const DIMS: [usize; 3] = [11, 6, 9];
const TOTAL: usize = 11 * 6 * 9;

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n.max(1)
    }

    fn slice(&mut self, n: usize) -> (String, Vec<usize>) {
        let (start, step) = (self.below(n), 1 + self.below(3));
        match self.below(5) {
            0 => (format!("{}", start as i64 - n as i64), vec![start]),
            1 => (format!("{start}::{step}"), (start..n).step_by(step).collect()),
            2 => (":".into(), (0..n).collect()),
            3 => {
                let mut list: Vec<usize> = (0..n).filter(|_| self.below(2) == 0).collect();
                for i in 0..list.len() {
                    let other = self.below(list.len());
                    list.swap(i, other);
                }
                (format!("{list:?}"), list)
            }
            _ => {
                let list: Vec<usize> = (0..n).filter(|_| self.below(3) == 0).collect();
                let text: Vec<String> = list.iter().map(usize::to_string).collect();
                (format!("mask({n}: {})", text.join(", ")), list)
            }
        }
    }

    /// Text, and the places it selects in the order of the result.
    fn select(&mut self) -> (String, Vec<usize>) {
        match self.below(5) {
            0 => {
                let mask: Vec<bool> = (0..TOTAL).map(|_| self.below(4) == 0).collect();
                let select = Select::mask(&DIMS.map(|d| d as u64), &mask);
                (select.to_string(), (0..TOTAL).filter(|&i| mask[i]).collect())
            }
            1 => {
                let mut list: Vec<usize> = (0..30).map(|_| self.below(TOTAL)).collect();
                list.sort_by_key(|p| p * 7919 % TOTAL);
                list.dedup();
                let point = |p: &usize| format!("{},{},{}", p / 54, p / 9 % 6, p % 9);
                (format!("{{{}}}", list.iter().map(point).collect::<Vec<_>>().join("; ")), list)
            }
            2 => {
                let (a, b) = (self.orthogonal(), self.orthogonal());
                let mut all = [a.1, b.1].concat();
                all.sort_unstable();
                all.dedup();
                (format!("{} | {}", a.0, b.0), all)
            }
            _ => self.orthogonal(),
        }
    }

    fn orthogonal(&mut self) -> (String, Vec<usize>) {
        let along = DIMS.map(|n| self.slice(n));
        let mut places = vec![0];
        for ((_, list), n) in along.iter().zip(DIMS) {
            places = places.iter().flat_map(|p| list.iter().map(move |x| p * n + x)).collect();
        }
        (along.map(|(text, _)| text).join(", "), places)
    }
}

/// A dataset of every layout, and the index of chunks that the version makes.
fn datasets(root: &Group) -> Vec<(Dataset, Vec<i32>)> {
    let integers = || Datatype::integer(4, true, ByteOrder::LittleEndian);
    let new = || root.new_dataset(integers()).shape(DIMS.map(|d| d as u64)).fill(&Value::Int(-5)).unwrap();
    let gzip = Filters::new().shuffle().gzip(1);
    let all = [
        new().create("contiguous"),
        new().compact().create("compact"),
        new().chunks([4, 6, 2]).create("chunked"),
        new().chunks([4, 4, 4]).filter(&gzip).unwrap().create("gzip"),
        new().chunks([3, 4, 5]).maxshape([None, Some(6), Some(9)]).filter(&gzip).unwrap().create("grows"),
        new().chunks([5, 4, 5]).maxshape([None, None, None]).create("growing"),
        new().chunks([11, 6, 9]).filter(&gzip).unwrap().create("single"),
    ];
    all.into_iter().map(|d| (d.unwrap(), vec![-5; TOTAL])).collect()
}

fn check_read(dataset: &Dataset, model: &[i32], (text, places): &(String, Vec<usize>), random: &mut Random) {
    let want: Vec<i32> = places.iter().map(|&p| model[p]).collect();
    let select: Select = text.parse().unwrap();
    let path = dataset.path().to_string();
    assert_eq!(dataset.read_slice_vec::<i32>(&select).unwrap(), want, "{path} [{text}]");
    let mut memory = vec![77; want.len()];
    dataset.read_slice_into(&select, &mut memory).unwrap();
    assert_eq!(memory, want, "{path} [{text}] into memory");
    let most = 1 + random.below(100) as u64;
    let mut joined = Vec::new();
    for part in dataset.split(select.clone(), most).unwrap() {
        joined.extend(dataset.read_slice_vec::<i32>(part).unwrap());
    }
    assert_eq!(joined, want, "{path} [{text}] by {most}");
    if dataset.chunks().is_some() {
        let mut parts: Vec<i32> = Vec::new();
        for part in dataset.chunk_iter(&select).unwrap() {
            parts.extend(dataset.read_slice_vec::<i32>(part.select).unwrap());
        }
        let mut once: Vec<usize> = places.clone();
        once.sort_unstable();
        once.dedup();
        let mut once: Vec<i32> = once.into_iter().map(|p| model[p]).collect();
        // Chunks come in their own order.
        parts.sort_unstable();
        once.sort_unstable();
        assert_eq!(parts.len(), once.len(), "{path} [{text}] by chunk");
        assert!(parts == once || places.len() != parts.len(), "{path} [{text}] by chunk");
    }
}

#[test]
fn reads_and_writes_are_those_of_a_naive_model() {
    for low in [Version::Earliest, Version::V110] {
        let memory = MemoryFile::new([]);
        let style = FileStyle { bounds: Bounds { low, ..Bounds::default() }, ..FileStyle::default() };
        let file = CreateOptions::new().style(style).create_in(memory.clone()).unwrap();
        let mut all = datasets(&file.root().unwrap());
        let mut random = Random(11);
        for round in 0..25 {
            for (dataset, model) in &mut all {
                let (text, places) = random.select();
                let values: Vec<i32> = places.iter().map(|_| random.below(1000) as i32).collect();
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                dataset.write_raw(text.parse::<Select>().unwrap(), &bytes).unwrap();
                places.iter().zip(values).for_each(|(&p, v)| model[p] = v);
                let select = random.select();
                check_read(dataset, model, &select, &mut random);
            }
            if round % 8 == 0 {
                file.commit().unwrap();
            }
        }
        file.commit().unwrap();
        crate::edit::is_clean(&memory);
        let read = File::from_bytes(memory.to_vec()).unwrap();
        for (dataset, model) in &all {
            let dataset = read.dataset(dataset.path()).unwrap();
            assert_eq!(dataset.read_vec::<i32>().unwrap(), *model);
            for _ in 0..20 {
                let select = random.select();
                check_read(&dataset, model, &select, &mut random);
            }
            let repeated = dataset.read_slice_vec::<i32>(([3, 0, 3], 1, [0, 0])).unwrap();
            let at = |a: usize, c: usize| model[a * 54 + 9 + c];
            assert_eq!(repeated, [at(3, 0), at(3, 0), at(0, 0), at(0, 0), at(3, 0), at(3, 0)]);
        }
    }
}

#[test]
fn an_element_is_written_once() {
    let file = CreateOptions::new().create_in(MemoryFile::new([])).unwrap();
    let text = Datatype::vlen_string(CharacterSet::Utf8, Sizes::EIGHT);
    let dataset = file.root().unwrap().new_dataset(text).shape([4, 4]).create("x").unwrap();
    let words = ["a", "b"].map(|s| Value::String(s.into()));
    for refused in [Select::points([[0, 1], [0, -3]]), Select::from((0, [2, 2]))] {
        let error = dataset.write_values(refused, &words).unwrap_err().to_string();
        assert!(error.contains("more than once"), "{error}");
    }
    // What was refused changed nothing: the file goes on.
    dataset.write_values(Select::points([[3, 3], [0, 1]]), &words).unwrap();
    dataset.write_slice((1, [3, 0]), ["c", "d"]).unwrap();
    file.commit().unwrap();
    let read = dataset.read_slice_vec::<String>("{0,1; 3,3; 1,0; 1,3; 2,2}".parse::<Select>().unwrap()).unwrap();
    assert_eq!(read, ["b", "a", "d", "c", ""]);
}

/// Storage that counts what is read of it.
#[derive(Clone)]
struct Counted(Arc<(Vec<u8>, AtomicU64, AtomicU64)>);

impl Storage for Counted {
    fn len(&self) -> Result<u64> {
        Ok(self.0.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.0.1.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.0.2.fetch_add(1, Ordering::Relaxed);
        self.0.0.read_at(offset, buf)
    }
}

impl Counted {
    /// Bytes and calls of a piece of work.
    fn of(&self, work: impl FnOnce()) -> (u64, u64) {
        let now = || (self.0.1.load(Ordering::Relaxed), self.0.2.load(Ordering::Relaxed));
        let before = now();
        work();
        (now().0 - before.0, now().1 - before.1)
    }
}

#[test]
fn the_cost_is_that_of_what_is_asked_for() {
    let memory = MemoryFile::new([]);
    let file = CreateOptions::new().create_in(memory.clone()).unwrap();
    let root = file.root().unwrap();
    let bytes = || root.new_dataset(Datatype::integer(1, false, ByteOrder::LittleEndian)).shape([2000, 3000]);
    let gzip = Filters::new().gzip(1);
    for new in [bytes().create("contiguous"), bytes().chunks([100, 100]).filter(&gzip).unwrap().create("gzip")] {
        new.unwrap().write_raw(.., &vec![7u8; 6_000_000]).unwrap();
    }
    bytes().chunks([100, 100]).create("plain").unwrap().write_raw(.., &vec![7u8; 6_000_000]).unwrap();
    file.commit().unwrap();
    let counted = Counted(Arc::new((memory.to_vec(), AtomicU64::new(0), AtomicU64::new(0))));
    let file = OpenOptions::new().from_storage(counted.clone()).unwrap();
    // A thousand points in two chunks, alternating between them, from the last to the first.
    let points: Vec<[i64; 2]> = (0..1000).rev().map(|i| [i / 10 % 100, i % 10 + i % 2 * 2000]).collect();
    let read = |name: &str| {
        let dataset = file.dataset(name).unwrap();
        counted.of(|| {
            let values = dataset.read_slice_vec::<u8>(Select::points(points.iter().copied())).unwrap();
            assert!(values.len() == 1000 && values.iter().all(|&v| v == 7), "{name}");
        })
    };
    let (bytes, calls) = read("contiguous");
    assert!(bytes < 700_000 && calls < 250, "contiguous: {bytes} bytes in {calls} reads");
    // Besides what is known of the index, two chunks of about 30 bytes, and of 10 kB.
    let (bytes, calls) = read("gzip");
    assert!(bytes < 40_000 && calls < 30, "gzip: {bytes} bytes in {calls} reads");
    let (bytes, calls) = read("plain");
    assert!(bytes < 60_000 && calls < 30, "plain: {bytes} bytes in {calls} reads");
}

#[test]
fn memory_that_is_there_is_read_into_without_more() {
    let memory = MemoryFile::new([]);
    let file = CreateOptions::new().create_in(memory.clone()).unwrap();
    let values: Vec<f64> = (0..1_000_000).map(f64::from).collect();
    file.create_dataset("x", &values).unwrap();
    file.commit().unwrap();
    let read = File::from_bytes(memory.to_vec()).unwrap().dataset("x").unwrap();
    let mut out = vec![0f64; 900_000];
    let (done, most) = allocations::most_bytes(|| read.read_slice_into(100_000.., &mut out));
    done.unwrap();
    assert_eq!(out, values[100_000..]);
    assert!(most < 10_000, "{most} bytes for {} of elements", out.len() * 8);
    let wrong = read.read_slice_into(.., &mut out).unwrap_err().to_string();
    assert!(wrong.contains("900000") && wrong.contains("1000000"), "{wrong}");
    // Other types are converted.
    let mut small = [0u16; 3];
    read.read_slice_into([9, 3, 5], &mut small).unwrap();
    assert_eq!(small, [9, 3, 5]);
}

#[test]
fn parts_by_row_and_by_chunk() {
    let file = CreateOptions::new().create_in(MemoryFile::new([])).unwrap();
    let root = file.root().unwrap();
    let bytes = |dims: &[u64]| root.new_dataset(Datatype::integer(1, false, ByteOrder::LittleEndian)).shape(dims);
    let chunked = bytes(&[10, 6]).chunks([4, 4]).create("chunked").unwrap();
    let rows = |dataset: &Dataset, budget| -> Vec<String> { dataset.rows(budget).map(|s| s.to_string()).collect() };
    assert_eq!(rows(&chunked, 30), ["0:4", "4:8", "8:10"]);
    assert_eq!(rows(&chunked, 50), ["0:8", "8:10"]);
    assert_eq!(rows(&chunked, 13), ["0:2", "2:4", "4:6", "6:8", "8:10"]);
    assert_eq!(rows(&bytes(&[3, 100]).create("wide").unwrap(), 1), ["0:1", "1:2", "2:3"]);
    assert_eq!(rows(&bytes(&[]).create("scalar").unwrap(), 1), [""]);
    assert_eq!(rows(&bytes(&[5, 0]).create("empty").unwrap(), 1), Vec::<String>::new());
    chunked.write_raw((5.., ..2), &[1; 10]).unwrap();
    let parts: Vec<_> = chunked.chunk_iter((3..10, [5, 0, 0])).unwrap().collect();
    let shown: Vec<_> = parts.iter().map(|p| (p.offset.clone(), p.shape.clone(), p.select.to_string())).collect();
    let part = |offset: [u64; 2], shape: [u64; 2], text: &str| (offset.to_vec(), shape.to_vec(), text.to_string());
    let want = [
        part([0, 0], [4, 4], "3:4, [0]"),
        part([0, 4], [4, 2], "3:4, [5]"),
        part([4, 0], [4, 4], "4:8, [0]"),
        part([4, 4], [4, 2], "4:8, [5]"),
        part([8, 0], [2, 4], "8:10, [0]"),
        part([8, 4], [2, 2], "8:10, [5]"),
    ];
    assert_eq!(shown, want);
    let stored = chunked.stored_chunks(..).unwrap();
    let offsets: Vec<_> = stored.iter().map(|c| (c.part.offset.clone(), c.size)).collect();
    assert_eq!(offsets, [(vec![4, 0], 16), (vec![8, 0], 16)]);
    let few = chunked.stored_chunks(Select::points([[9, 5], [9, 0], [0, 0]])).unwrap();
    assert_eq!(few.iter().map(|c| c.part.select.to_string()).collect::<Vec<_>>(), ["{9,0}"]);
    assert!(root.dataset("wide").unwrap().chunk_iter(..).is_err());
}

#[test]
fn few_elements_of_many_chunks_are_looked_up_one_by_one() {
    let memory = MemoryFile::new([]);
    let file = CreateOptions::new().create_in(memory.clone()).unwrap();
    let root = file.root().unwrap();
    let new = root.new_dataset(Datatype::integer(1, false, ByteOrder::LittleEndian));
    let dataset = new.shape([1 << 20, 1 << 20]).chunks([8, 8]).create("x").unwrap();
    for i in 0..60_000 {
        dataset.write_raw((i * 17, i * 17 % 1000), &[9]).unwrap();
    }
    file.commit().unwrap();
    let counted = Counted(Arc::new((memory.to_vec(), AtomicU64::new(0), AtomicU64::new(0))));
    let dataset = OpenOptions::new().from_storage(counted.clone()).unwrap().dataset("x").unwrap();
    let far = [59_999 * 17, 0, 30_000 * 17];
    for select in [Select::from((far, [59_999 * 17 % 1000, 0])), Select::points(far.map(|i| [i, i % 1000]))] {
        let (bytes, calls) = counted.of(|| {
            let values = dataset.read_slice_vec::<u8>(&select).unwrap();
            assert_eq!(values.iter().map(|&v| u64::from(v)).sum::<u64>(), values.len().min(3) as u64 * 9, "{values:?}");
        });
        assert!(bytes < 100_000 && calls < 120, "{select}: {bytes} bytes in {calls} reads");
    }
    let stored = dataset.stored_chunks((500_000..500_100, ..)).unwrap();
    assert!(!stored.is_empty() && stored.len() <= 7, "{}", stored.len());
}
