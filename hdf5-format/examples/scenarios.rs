//! Does one scenario of the benchmark kit: `scenarios NAME FILE` prints a line of JSON with seconds and a checksum.
//!
//! Names, files, data and the checksum are the kit's: see `benches/scenarios/README.md`.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a program for benchmarks")]

use hdf5_format::edit::{Bounds, FileStyle, Version};
use hdf5_format::{
    CreateOptions, Dataset, Error, ErrorKind, File, Filters, Group, H5Type, Object, OpenOptions, Result, Slice,
};
use std::time::Instant;

const CONTIGUOUS: usize = 64 << 20;
const ROWS: usize = 32_768;
const COLUMNS: usize = 1024;

/// A sum of 64-bit words, each times its place; every part is padded to whole words.
#[derive(Default)]
struct Checksum {
    words: u64,
    sum: u64,
}

impl Checksum {
    fn push(&mut self, bytes: &[u8]) {
        let (whole, rest) = bytes.as_chunks::<8>();
        whole.iter().for_each(|word| self.word(*word));
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.word(word);
        }
    }

    fn word(&mut self, word: [u8; 8]) {
        let place = 2 * self.words + 1;
        self.sum = self.sum.wrapping_add(u64::from_le_bytes(word).wrapping_mul(place));
        self.words += 1;
    }

    fn of(bytes: &[u8]) -> u64 {
        let mut checksum = Checksum::default();
        checksum.push(bytes);
        checksum.sum
    }

    fn of_numbers<T: bytemuck::NoUninit>(values: &[T]) -> u64 {
        Checksum::of(bytemuck::cast_slice(values))
    }

    fn of_texts(texts: &[String]) -> u64 {
        let joined: String = texts.iter().flat_map(|text| [text.as_str(), "\0"]).collect();
        Checksum::of(joined.as_bytes())
    }
}

/// What a scenario took and gave.
struct Done {
    seconds: f64,
    checksum: u64,
    note: String,
}

fn timed<T>(work: impl FnOnce() -> Result<T>, checksum: impl FnOnce(T) -> u64) -> Result<Done> {
    let start = Instant::now();
    let result = work()?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Done { seconds, checksum: checksum(result), note: String::new() })
}

/// The kit's random numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

fn ramp(count: usize) -> Vec<f64> {
    (0..count).map(|i| i as f64 * 0.5).collect()
}

/// A sine with drift and noise, as a converter of 1/1024 gives it.
fn wave(count: usize) -> Vec<f64> {
    let mut random = Random(7);
    let mut noise = || (0..4).map(|_| (random.next() & 15) as f64).sum::<f64>() - 30.0;
    let value = |i: usize| 2000.0 * (i as f64 * std::f64::consts::TAU / 5000.0).sin() + i as f64 * 1e-5;
    (0..count).map(|i| (value(i).round() + noise()) / 1024.0).collect()
}

fn words(count: usize) -> Vec<String> {
    let mut random = Random(3);
    let mut word = |i: usize| {
        let len = 5 + (random.next() % 36) as usize;
        let mut text = format!("{i:x}-");
        while text.len() < len {
            text.push(char::from(b'a' + (random.next() % 26) as u8));
        }
        text
    };
    (0..count).map(&mut word).collect()
}

#[derive(H5Type, Clone)]
struct Record {
    id: i64,
    value: f64,
    w: f32,
}

fn create(path: &str, low: Version) -> Result<(File, Group)> {
    let style = FileStyle { bounds: Bounds { low, ..Bounds::default() }, ..FileStyle::default() };
    let file = CreateOptions::new().style(style).create(path)?;
    let root = file.root()?;
    Ok((file, root))
}

/// A new file with what `fill` puts into its root.
fn make(path: &str, low: Version, fill: impl FnOnce(&Group) -> Result<()>) -> Result<()> {
    let (file, root) = create(path, low)?;
    fill(&root)?;
    file.commit()
}

fn read(name: &str, path: &str) -> Result<Done> {
    let dataset = |name: &str| File::open(path)?.dataset(name);
    let floats = |values: Vec<f64>| Checksum::of_numbers(&values);
    match name {
        "R1" | "R3" | "R4" | "R4n" | "R4t2" | "R6a" | "R6b" | "R6c" | "R14" => {
            timed(|| dataset("d")?.read_vec::<f64>(), floats)
        }
        "R1b" => {
            let (mut values, dataset) = (vec![1f64; CONTIGUOUS], dataset("d")?);
            timed(|| dataset.read_slice_into(.., &mut values).map(|()| values), floats)
        }
        "R2" => timed(|| slices(&dataset("d")?), |checksum| checksum.sum),
        "R5" => timed(|| dataset("d")?.read_slice_vec::<f64>((.., 300)), floats),
        "R7" => timed(|| dataset("s")?.read_vec::<String>(), |texts| Checksum::of_texts(&texts)),
        "R8" => timed(|| Ok(dataset("t")?.read_raw(..)?.0), |raw| Checksum::of(&raw)),
        "R8f" => timed(|| dataset("t")?.read_field::<f64>("value", ..), floats),
        "R9n" => timed(|| Ok(sorted(File::open(path)?.root()?.keys())), |names| Checksum::of_texts(&names)),
        "R9s" | "R9d" => timed(|| groups(&File::open(path)?.root()?), |names| Checksum::of_texts(&names)),
        "R10" => timed(|| small_datasets(&File::open(path)?), |checksum| checksum.sum),
        "R11a" => timed(
            || {
                let group = File::open(path)?.group("g")?;
                (0..10_000).map(|k| group.attr::<f64>(format!("a{:05}", k * 7919 % 10_000))).collect()
            },
            floats,
        ),
        "R11b" => timed(
            || {
                let group = File::open(path)?.group("g")?;
                group.attributes()?.into_iter().map(|attribute| attribute?.read::<f64>()).collect()
            },
            floats,
        ),
        "R13x1" | "R13x2" | "R13x4" => {
            let threads = name[4..].parse().expect("a number of threads");
            timed(|| side_by_side(&File::open(path)?, threads), |checksum| checksum.sum)
        }
        "R15" => timed(|| dataset("d0777")?.read_slice_vec::<f64>(..10), floats),
        "R16" => timed(|| dataset("d")?.read_slice_vec::<f64>(Slice::steps(.., 7)), floats),
        "R17" => timed(|| Ok(dataset("s")?.read_raw(..)?.0), |raw| Checksum::of(&raw)),
        _ if name.starts_with("R12") && name.ends_with("one") => {
            timed(|| dataset("d")?.read_slice_vec::<i32>(654_321), |values| Checksum::of_numbers(&values))
        }
        _ if name.starts_with("R12") => {
            timed(|| dataset("d")?.read_vec::<i32>(), |values| Checksum::of_numbers(&values))
        }
        _ => Err(Error::new(ErrorKind::Unsupported, "no such scenario")),
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// 10,000 slices at random; the first and the last element of each count.
fn slices(dataset: &Dataset) -> Result<Checksum> {
    let (mut random, mut checksum, mut slice) = (Random(42), Checksum::default(), vec![0f64; 1000]);
    for _ in 0..10_000 {
        let start = (random.next() % (CONTIGUOUS as u64 - 1000)) as i64;
        dataset.read_slice_into(start..start + 1000, &mut slice)?;
        checksum.push(&slice[0].to_le_bytes());
        checksum.push(&slice[999].to_le_bytes());
    }
    Ok(checksum)
}

fn groups(root: &Group) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for member in root.iter() {
        let member = member?;
        if let Object::Group(group) = member.object? {
            assert!(group.is_empty()?);
        }
        names.push(member.link.display_name());
    }
    Ok(sorted(names))
}

fn small_datasets(file: &File) -> Result<Checksum> {
    let mut checksum = Checksum::default();
    for i in 0..5000 {
        let dataset = file.dataset(format!("d{i:05}"))?;
        checksum.push(bytemuck::cast_slice(&dataset.read_vec::<f64>()?));
        checksum.push(&dataset.attr::<f64>("gain")?.to_le_bytes());
        checksum.push(dataset.attr::<String>("units")?.as_bytes());
    }
    Ok(checksum)
}

/// Four datasets, each read by one of the threads.
fn side_by_side(file: &File, threads: usize) -> Result<Checksum> {
    let own = |first: usize| -> Result<Vec<(usize, Vec<f64>)>> {
        let mine = (first..4).step_by(threads);
        mine.map(|k| Ok((k, file.dataset(format!("d{k}"))?.read_vec::<f64>()?))).collect()
    };
    let parts: Result<Vec<_>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|first| scope.spawn(move || own(first))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    });
    let mut all: Vec<_> = parts?.into_iter().flatten().collect();
    all.sort_by_key(|&(k, _)| k);
    let mut checksum = Checksum::default();
    all.iter().for_each(|(_, values)| checksum.push(bytemuck::cast_slice(values)));
    Ok(checksum)
}

fn write(name: &str, path: &str) -> Result<Done> {
    match name {
        "W1" => {
            let values = ramp(CONTIGUOUS);
            let fill = |root: &Group| root.create_dataset("d", &values[..]).map(drop);
            timed(|| make(path, Version::V18, fill), |()| Checksum::of_numbers(&values))
        }
        "W2" => {
            let values = wave(ROWS * COLUMNS);
            let fill = |root: &Group| {
                let new = root.new_dataset_of::<f64>().shape([ROWS as u64, COLUMNS as u64]).chunks([512, 256]);
                new.filter(&Filters::new().shuffle().gzip(4))?.create_with("d", &values).map(drop)
            };
            timed(|| make(path, Version::V18, fill), |()| Checksum::of_numbers(&values))
        }
        "W3" => {
            let values = ramp(10);
            let one = |root: &Group, i| root.create_dataset(format!("d{i:05}"), &values[..]).map(drop);
            let fill = |root: &Group| (0..20_000).try_for_each(|i| one(root, i));
            timed(|| make(path, Version::V18, fill), |()| Checksum::of_numbers(&values.repeat(20_000)))
        }
        "W4" => {
            let names: Vec<String> = (0..20_000).map(|i| format!("g{i:05}")).collect();
            let fill = |root: &Group| names.iter().try_for_each(|name| root.create_group(name).map(drop));
            timed(|| make(path, Version::V18, fill), |()| Checksum::of_texts(&names))
        }
        "W5" | "W5f" => append(path, if name == "W5f" { 1000 } else { usize::MAX }),
        "W6" => {
            let values: Vec<f64> = (0..10_000).map(|i| f64::from(i) * 1.5).collect();
            let fill = |root: &Group| {
                let group = root.create_group("g")?;
                values.iter().enumerate().try_for_each(|(i, value)| group.set_attr(format!("a{i:05}"), *value))
            };
            timed(|| make(path, Version::V110, fill), |()| Checksum::of_numbers(&values))
        }
        "W7" => {
            let words = words(300_000);
            let fill = |root: &Group| root.create_dataset("s", &words[..]).map(drop);
            timed(|| make(path, Version::V18, fill), |()| Checksum::of_texts(&words))
        }
        "W8" => {
            let record = |i: i64| Record { id: i * 3, value: i as f64 * 0.25, w: i as f32 * 0.5 };
            let records: Vec<Record> = (0..1_000_000).map(record).collect();
            let fill = |root: &Group| root.create_dataset("t", &records[..]).map(drop);
            let packed = |r: &Record| {
                let bytes = [&r.id.to_le_bytes()[..], &r.value.to_le_bytes(), &r.w.to_le_bytes()];
                bytes.concat()
            };
            let sum = |()| Checksum::of(&records.iter().flat_map(packed).collect::<Vec<u8>>());
            timed(|| make(path, Version::V18, fill), sum)
        }
        _ => Err(Error::new(ErrorKind::Unsupported, "no such scenario")),
    }
}

/// Rows appended one by one, committed after so many.
fn append(path: &str, commit_after: usize) -> Result<Done> {
    let rows = std::env::var("W5_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(100_000);
    let fill = |i: usize, row: &mut [f32]| row.iter_mut().enumerate().for_each(|(j, value)| *value = (i + j) as f32);
    let mut row = vec![0f32; 1000];
    let write = || {
        let (file, root) = create(path, Version::V110)?;
        let new = root.new_dataset_of::<f32>().shape([0, 1000]).maxshape([None, Some(1000)]);
        let mut dataset = new.chunks([64, 1000]).create("d")?;
        for i in 0..rows {
            fill(i, &mut row);
            dataset.append(0, &row)?;
            if (i + 1).is_multiple_of(commit_after) {
                file.commit()?;
            }
        }
        file.commit()
    };
    timed(write, |()| {
        let (mut checksum, mut row) = (Checksum::default(), vec![0f32; 1000]);
        for i in 0..rows {
            fill(i, &mut row);
            checksum.push(bytemuck::cast_slice(&row));
        }
        checksum.sum
    })
}

fn edit(name: &str, path: &str) -> Result<Done> {
    match name {
        "E1" => {
            let values: Vec<f64> = (0..512).map(|i| f64::from(i) * 3.0).collect();
            let edit = || {
                let file = File::open_rw(path)?;
                file.dataset("d")?.write_slice(12_345_678..12_346_190, &values[..])?;
                file.commit()
            };
            timed(edit, |()| Checksum::of_numbers(&values))
        }
        "E2" | "E2r" => {
            let size = || std::fs::metadata(path).map_or(0, |found| found.len());
            let before = size();
            let sessions = if name == "E2r" { 5 } else { 1 };
            let done = timed(|| (0..sessions).try_for_each(|session| replace(path, session, sessions > 1)), |()| 0)?;
            Ok(Done { note: format!("size {before} -> {}", size()), ..done })
        }
        "E3" | "E3s" => {
            let edit = || {
                let file = File::open_rw(path)?;
                let dataset = file.dataset("d00000")?;
                for i in 0..1000 {
                    dataset.set_attr("k", f64::from(i))?;
                    file.commit()?;
                }
                Ok(())
            };
            timed(edit, |()| Checksum::of_numbers(&[999f64]))
        }
        _ => Err(Error::new(ErrorKind::Unsupported, "no such scenario")),
    }
}

/// Deletes 1,000 of 10,000 datasets, and adds as many of the same size; in what became free in earlier sessions, if it is to
/// be looked for.
fn replace(path: &str, session: usize, reuse_space: bool) -> Result<()> {
    let file = OpenOptions::new().reuse_space(reuse_space).open_rw(path)?;
    let (root, values) = (file.root()?, ramp(100));
    for i in 0..1000 {
        root.delete(match session.checked_sub(1) {
            None => format!("d{:05}", i * 10),
            Some(before) => format!("n{before}_{i:05}"),
        })?;
    }
    file.commit()?;
    (0..1000).try_for_each(|i| root.create_dataset(format!("n{session}_{i:05}"), &values[..]).map(drop))?;
    file.commit()
}

fn main() {
    let mut args = std::env::args().skip(1);
    let (name, path) = (args.next().expect("a scenario"), args.next().expect("a file"));
    let done = match name.get(..1) {
        Some("W") => write(&name, &path),
        Some("E") => edit(&name, &path),
        _ => read(&name, &path),
    };
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = memory.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()).unwrap_or("0");
    match done {
        Ok(Done { seconds, checksum, note }) => println!(
            "{{\"scenario\": \"{name}\", \"seconds\": {seconds:.9}, \"checksum\": \"{checksum:016x}\", \"bytes\": 0, \
             \"rss_kb\": {memory}, \"note\": \"{note}\"}}"
        ),
        Err(error) => {
            let kind = if error.kind() == ErrorKind::Unsupported { "unsupported" } else { "error" };
            println!("{{\"scenario\": \"{name}\", \"{kind}\": \"{}\"}}", error.to_string().escape_default());
        }
    }
}
