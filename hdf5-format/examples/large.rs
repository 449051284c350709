//! Writes a dataset of many MiB row by row, reads it back the same way, and prints the seconds of both and the most memory
//! that was in use: `large contiguous|chunked|gzip MIB FILE`. The file is left.

use hdf5_format::{CreateOptions, File, Filters};
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Values of a row: 1 MiB.
const COLUMNS: usize = 1 << 17;
/// Rows and columns of a chunk.
const CHUNK: [u64; 2] = [4, 1 << 15];

fn row(number: i64, out: &mut Vec<f64>) {
    out.clear();
    out.extend((0..COLUMNS as i64).map(|i| ((number * 31 + i / 7) % 4099) as f64));
}

/// MiB that this process had in memory at most, where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? >> 10)
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, layout, mib, path] = args.as_slice() else { return Err("large LAYOUT MIB FILE".into()) };
    let rows: i64 = mib.parse()?;
    let start = Instant::now();
    let file = CreateOptions::new().create(path)?;
    let root = file.root()?;
    let dataset = root.new_dataset_of::<f64>().shape([rows as u64, COLUMNS as u64]);
    let dataset = match layout.as_str() {
        "contiguous" => dataset,
        "chunked" => dataset.chunks(CHUNK),
        "gzip" => dataset.chunks(CHUNK).filter(&"shuffle,gzip=1".parse::<Filters>()?)?,
        other => return Err(format!("{other}?").into()),
    };
    let dataset = dataset.create("x")?;
    // As many rows as a chunk has: half written chunks would be made twice.
    let (mut values, mut some) = (Vec::new(), Vec::new());
    for first in (0..rows).step_by(4) {
        let end = (first + 4).min(rows);
        some.clear();
        for number in first..end {
            row(number, &mut values);
            some.extend_from_slice(&values);
        }
        dataset.write_slice((first..end, ..), &some)?;
    }
    file.commit()?;
    let (written, most) = (start.elapsed().as_secs_f64(), peak());
    drop((dataset, root, file));

    let start = Instant::now();
    let dataset = File::open(path)?.dataset("x")?;
    for first in (0..rows).step_by(4) {
        let end = (first + 4).min(rows);
        let found: Vec<f64> = dataset.read_slice_vec((first..end, ..))?;
        for (number, found) in (first..end).zip(found.chunks(COLUMNS)) {
            row(number, &mut values);
            if found != values {
                return Err(format!("row {number} reads differently").into());
            }
        }
    }
    let shown = |peak: Option<u64>| peak.map_or("unknown".into(), |mib| format!("{mib} MiB"));
    let read = start.elapsed().as_secs_f64();
    println!("{layout}: written in {written:.1} s, {}; read in {read:.1} s, {} in all", shown(most), shown(peak()));
    Ok(())
}
