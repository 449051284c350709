//! Reads and writes selections that are given as text on standard input, a command a line with tabs between its words:
//!
//! ```text
//! read FILE DATASET SELECTION           the elements as stored
//! split FILE DATASET MOST SELECTION     the same, by parts of at most so many elements
//! chunks FILE DATASET SELECTION         the same, by chunk: each part's selection, and its elements
//! write FILE DATASET SELECTION BYTES    followed by as many bytes: elements as stored
//! commit FILE                           what was written
//! mask FILE DATASET BYTES               followed by a byte for each element, 0 or 1: times a read of doubles
//! points FILE DATASET RANK BYTES        followed by coordinates of 8 bytes: the same
//! into FILE DATASET SELECTION           times a read of doubles into memory that is there
//! ```
//! An answer is a line, `ok SHAPE COUNT`, and so many bytes; or `error` and what is wrong.

use hdf5_format::{Dataset, File, Select};
use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, Read, Write};
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The files that are open, and whether for writing.
#[derive(Default)]
struct Files(HashMap<String, (bool, File)>);

impl Files {
    fn dataset(&mut self, path: &str, name: &str, write: bool) -> Result<Dataset> {
        if self.0.get(path).is_none_or(|(writable, _)| *writable != write) {
            self.0.remove(path);
            let options = File::options().external(hdf5_format::ExternalPolicy::Under(
                std::path::Path::new(path).parent().unwrap_or(std::path::Path::new(".")).into(),
            ));
            let file = if write { options.open_rw(path)? } else { options.open(path)? };
            self.0.insert(path.into(), (write, file));
        }
        Ok(self.0.get(path).ok_or("not open")?.1.dataset(name)?)
    }
}

fn shape(dims: &[u64]) -> String {
    let dims: Vec<String> = dims.iter().map(u64::to_string).collect();
    if dims.is_empty() { "scalar".into() } else { dims.join(",") }
}

/// The least seconds of some runs.
fn seconds(mut run: impl FnMut() -> Result<Vec<f64>>) -> Result<(f64, Vec<f64>)> {
    let mut best = f64::MAX;
    let mut values = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        values = run()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok((best, values))
}

fn answer(files: &mut Files, words: &[&str], input: &mut dyn Read) -> Result<(String, Vec<u8>)> {
    let mut body = |count: &str| -> Result<Vec<u8>> {
        let mut bytes = vec![0; count.parse()?];
        input.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    match *words {
        ["read", file, dataset, select] => {
            let (bytes, dims) = files.dataset(file, dataset, false)?.read_raw(select.parse::<Select>()?)?;
            Ok((shape(&dims), bytes))
        }
        ["split", file, dataset, most, select] => {
            let (dataset, mut bytes) = (files.dataset(file, dataset, false)?, Vec::new());
            for part in dataset.split(select.parse()?, most.parse()?)? {
                bytes.extend(dataset.read_raw(part)?.0);
            }
            Ok((shape(&dataset.selected_shape(select.parse::<Select>()?)?), bytes))
        }
        ["chunks", file, dataset, select] => {
            let dataset = files.dataset(file, dataset, false)?;
            let (mut text, mut bytes) = (String::new(), Vec::new());
            for part in dataset.chunk_iter(select.parse::<Select>()?)? {
                write!(text, "{}\t", part.select)?;
                bytes.extend(dataset.read_raw(part.select)?.0);
            }
            let mut all = (text.len() as u64).to_le_bytes().to_vec();
            all.extend(text.bytes().chain(bytes));
            Ok(("parts".into(), all))
        }
        ["write", file, dataset, select, count] => {
            let bytes = body(count)?;
            files.dataset(file, dataset, true)?.write_raw(select.parse::<Select>()?, &bytes)?;
            Ok(("written".into(), Vec::new()))
        }
        ["commit", file] => {
            files.0.remove(file).ok_or("not open")?.1.commit()?;
            Ok(("committed".into(), Vec::new()))
        }
        ["mask", file, dataset, count] => {
            let mask: Vec<bool> = body(count)?.into_iter().map(|b| b != 0).collect();
            let dataset = files.dataset(file, dataset, false)?;
            let (best, values) = seconds(|| Ok(dataset.read_slice_vec(Select::mask(dataset.shape(), &mask))?))?;
            Ok((best.to_string(), values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        }
        ["points", file, dataset, rank, count] => {
            let bytes = body(count)?;
            let coords: Vec<i64> = bytes.as_chunks::<8>().0.iter().map(|c| i64::from_le_bytes(*c)).collect();
            let (dataset, rank) = (files.dataset(file, dataset, false)?, rank.parse()?);
            let (best, values) = seconds(|| Ok(dataset.read_slice_vec(Select::point_list(rank, coords.clone()))?))?;
            Ok((best.to_string(), values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        }
        ["into", file, dataset, select] => {
            let (dataset, select) = (files.dataset(file, dataset, false)?, select.parse::<Select>()?);
            let count: u64 = dataset.selected_shape(&select)?.iter().product();
            let mut memory = vec![0f64; usize::try_from(count)?];
            let (best, _) = seconds(|| Ok(dataset.read_slice_into(&select, &mut memory).map(|()| Vec::new())?))?;
            Ok((best.to_string(), memory.iter().flat_map(|v| v.to_le_bytes()).collect()))
        }
        _ => Err(format!("no command: {}", words.join(" ")).into()),
    }
}

fn main() -> Result<()> {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let (mut files, mut line) = (Files::default(), String::new());
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let words: Vec<&str> = line.trim_end_matches('\n').split('\t').collect();
        match answer(&mut files, &words, &mut input) {
            Ok((text, bytes)) => {
                writeln!(output, "ok {text} {}", bytes.len())?;
                output.write_all(&bytes)?;
            }
            Err(error) => writeln!(output, "error {}", error.to_string().replace('\n', " "))?,
        }
        output.flush()?;
    }
}
