//! Converts elements between datatypes, for a judge: lines of `exact|clamp FROM TO BYTES` in hexadecimal, datatypes as
//! HDF5's datatype messages; a line of bytes for each, or `error: …`.
#![allow(clippy::expect_used, clippy::panic, reason = "a program for the judge")]

use hdf5_format::codec::{Cursor, Sizes};
use hdf5_format::datatype::convert::{Conversion, elements};
use hdf5_format::{Datatype, Limits};
use std::io::{BufRead, Write};

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).expect("a hexadecimal digit");
    let pair = |pair: &[u8]| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).expect("two digits");
    hex.as_bytes().chunks_exact(2).map(pair).collect()
}

fn datatype(hex: &str) -> hdf5_format::Result<Datatype> {
    let message = bytes(hex);
    Datatype::parse(&mut Cursor::new(&message, 0, "datatype", Sizes::EIGHT), &Limits::default())
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let [how, from, to, data] = words[..] else { panic!("expected four words, found {line:?}") };
        let how = if how == "exact" { Conversion::Exact } else { Conversion::Clamp };
        let done = datatype(from).and_then(|from| elements(&from, &datatype(to)?, how, bytes(data)));
        match done {
            Ok(converted) => {
                converted.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
                writeln!(out)?;
            }
            Err(error) => writeln!(out, "error: {error}")?,
        }
    }
    Ok(())
}
