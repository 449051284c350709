//! Writes a dataset that is larger than memory should be, row by row, reads it back, and prints the seconds and the most
//! memory it took: `stream GIB chunked|contiguous|gzip FILE`.

use hdf5_format::format::message::datatype::{ByteOrder, Datatype};
use hdf5_format::{File, Filters, Select};
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Elements of a row: 8 MiB.
const ROW: u64 = 1 << 20;

/// Most memory of this process so far, in MiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
}

fn element(index: u64) -> [u8; 8] {
    (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).to_le_bytes()
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, gib, layout, path] = args.as_slice() else { return Err("stream GIB LAYOUT FILE".into()) };
    let rows = gib.parse::<u64>()? << 7;
    let start = Instant::now();
    let file = File::create(path)?;
    let root = file.root()?;
    let new = root.new_dataset(Datatype::integer(8, false, ByteOrder::LittleEndian)).shape([rows, ROW]);
    let new = match layout.as_str() {
        "contiguous" => new,
        "gzip" => new.chunks([1, ROW / 4]).filter(&Filters::new().shuffle().gzip(1))?,
        _ => new.chunks([1, ROW / 4]),
    };
    let dataset = new.create("data")?;
    let mut bytes = Vec::new();
    for row in 0..rows {
        bytes.clear();
        bytes.extend((0..ROW).flat_map(|i| element(row * ROW + i)));
        dataset.write_raw(format!("{row}, :").parse::<Select>()?, &bytes)?;
    }
    file.commit()?;
    drop((dataset, root, file));
    let (written, memory) = (start.elapsed().as_secs_f64(), most_memory());
    let start = Instant::now();
    let mut next = 0;
    File::open(path)?.dataset("data")?.for_each_block(|block| {
        for stored in block.as_chunks::<8>().0 {
            assert_eq!(*stored, element(next), "element {next}");
            next += 1;
        }
        Ok(())
    })?;
    assert_eq!(next, rows * ROW);
    println!(
        "written in {written:.1} s with {memory} MiB, read in {:.1} s with {} MiB",
        start.elapsed().as_secs_f64(),
        most_memory()
    );
    Ok(())
}
