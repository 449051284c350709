//! Times reading compounds and strings: `rows FILE ROUNDS`; prints seconds of the best round for each job.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a program for benchmarks")]

use hdf5_format::{File, H5Type, Result};
use std::time::Instant;

#[derive(H5Type)]
struct Row {
    time: u64,
    value: f64,
    flag: i32,
}

fn best(rounds: usize, mut job: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        std::hint::black_box(job()?);
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let rounds = words.get(2).and_then(|n| n.parse().ok()).unwrap_or(5);
    let file = File::open(words.get(1).expect("a file"))?;
    for name in ["packed", "aligned", "big", "chunked"] {
        let rows = file.dataset(name)?;
        let whole = best(rounds, || {
            let rows: Vec<Row> = rows.read_vec()?;
            Ok(rows.last().map_or(0.0, |r| r.value + r.time as f64 + f64::from(r.flag)))
        })?;
        let field = best(rounds, || Ok(rows.read_field::<f64>("value", ..)?.last().copied().unwrap_or(0.0)))?;
        println!("{name} {whole} {field}");
    }
    let strings = file.dataset("strings")?;
    let seconds = best(rounds, || Ok(strings.read_vec::<String>()?.len() as f64))?;
    println!("strings {seconds}");
    Ok(())
}
