//! Times reading compounds and strings: `rows FILE [--mapped]` answers each job named on a line of its input with its
//! seconds. Mapping needs the feature `mmap`.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a program for benchmarks")]

use hdf5_format::{Dataset, File, H5Type, Result};
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

#[derive(H5Type)]
struct Row {
    time: u64,
    value: f64,
    flag: i32,
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let path = args.next().expect("a file");
    let file = if args.next().is_some_and(|a| a == "--mapped") { mapped(&path)? } else { File::open(&path)? };
    let (mut open, mut memory) = (HashMap::new(), Vec::new());
    for line in std::io::stdin().lines() {
        let line = line?;
        let (what, name) = line.split_once(' ').expect("a job and a dataset");
        if !open.contains_key(name) {
            open.insert(name.to_string(), file.dataset(name)?);
        }
        let dataset: &Dataset = &open[name];
        if what == "over" && memory.is_empty() {
            memory = dataset.read_vec::<Row>()?;
        }
        let start = Instant::now();
        match what {
            "rows" => drop(black_box(dataset.read_vec::<Row>()?)),
            "over" => dataset.read_slice_into(.., black_box(&mut memory))?,
            "field" => drop(black_box(dataset.read_field::<f64>("value", ..)?)),
            _ => drop(black_box(dataset.read_vec::<String>()?)),
        }
        println!("{}", start.elapsed().as_secs_f64());
    }
    let sum: f64 = memory.iter().map(|r| r.value + r.time as f64 + f64::from(r.flag)).sum();
    eprintln!("{sum}");
    Ok(())
}

#[cfg(feature = "mmap")]
#[allow(unsafe_code)]
fn mapped(path: &str) -> Result<File> {
    // SAFETY: the benchmark has written the file and leaves it alone.
    File::from_storage(unsafe { hdf5_format::io::MappedFile::open(path)? })
}

#[cfg(not(feature = "mmap"))]
fn mapped(_: &str) -> Result<File> {
    panic!("built without the feature mmap")
}
