//! Appends to a file and commits, over and over, until it is killed; prints the number of each commit that returned.
//!
//! ```text
//! append run FILE [COMMITS]      append check FILE
//! ```
//! `check` prints the number of the commit that the file holds, after it compared everything with it.

#![allow(clippy::unwrap_used, missing_docs)]

use hdf5_format::edit::{FileStyle, Version};
use hdf5_format::format::message::datatype::{BitPadding, ByteOrder, Class, Datatype};
use hdf5_format::{CreateOptions, Error, ErrorKind, File, Filters, Result, Select, Slice};
use std::io::Write;

/// Rows that a commit appends.
const ROWS: u64 = 50;
/// A group comes with every so many commits.
const GROUPS: u64 = 3;

fn int() -> Datatype {
    let class = Class::FixedPoint {
        order: ByteOrder::LittleEndian,
        low_pad: BitPadding::Zero,
        high_pad: BitPadding::Zero,
        signed: true,
        bit_offset: 0,
        precision: 64,
    };
    Datatype { version: 1, size: 8, class }
}

fn rows(from: u64, to: u64) -> Vec<u8> {
    (from..to).flat_map(|row| (row * 3).to_le_bytes()).collect()
}

fn create(path: &str) -> Result<File> {
    let mut style = FileStyle::default();
    // A name decides the versions, so that both kinds of superblock are met.
    style.bounds.low = if path.contains("new") { Version::V110 } else { Version::Earliest };
    let file = CreateOptions::new().style(style).create(path)?;
    let root = file.root()?;
    let new = root.new_dataset(int()).shape([0]).maxshape([None]).chunks([64]);
    new.filter(&Filters::new().shuffle().gzip(1))?.create("rows")?;
    root.new_dataset(int()).shape([400]).create("state")?.write_raw(Select::all(), &[0; 3200])?;
    root.set_attr_raw("commit", &int(), Some(&[]), &0u64.to_le_bytes())?;
    file.commit()?;
    Ok(file)
}

fn commit(file: &File, number: u64) -> Result<()> {
    let root = file.root()?;
    let mut dataset = root.dataset("rows")?;
    dataset.resize(&[number * ROWS])?;
    let new = Slice::Slab { start: (number - 1) * ROWS, stride: 1, count: ROWS, block: 1 };
    dataset.write_raw(Select::new([new]), &rows((number - 1) * ROWS, number * ROWS))?;
    let part = Slice::Slab { start: 10, stride: 1, count: 380, block: 1 };
    root.dataset("state")?.write_raw(Select::new([part]), &number.to_le_bytes().repeat(380))?;
    if number.is_multiple_of(GROUPS) {
        let group = root.create_group(format!("group {}", number / GROUPS))?;
        group.set_attr_raw("number", &int(), Some(&[]), &number.to_le_bytes())?;
    }
    root.set_attr_raw("commit", &int(), Some(&[]), &number.to_le_bytes())?;
    file.commit()
}

fn check(file: &File) -> Result<u64> {
    let wrong = |what: &str| Err(Error::new(ErrorKind::Corrupt, format!("{what} is not that of the commit")));
    let root = file.root()?;
    let number: u64 = root.attr("commit")?;
    if root.dataset("rows")?.read_raw(Select::all())?.0 != rows(0, number * ROWS) {
        return wrong("rows");
    }
    let state = root.dataset("state")?.read_raw(Select::all())?.0;
    if state[80..3120] != number.to_le_bytes().repeat(380) {
        return wrong("state");
    }
    if root.len()? != 2 + number / GROUPS {
        return wrong("the number of groups");
    }
    for i in 1..=number / GROUPS {
        let found: u64 = root.group(format!("group {i}"))?.attr("number")?;
        if found != i * GROUPS {
            return wrong("a group");
        }
    }
    Ok(number)
}

fn run(path: &str, commits: u64) -> Result<()> {
    let file = if std::path::Path::new(path).exists() { File::open_rw(path)? } else { create(path)? };
    let mut number = check(&file)?;
    let mut out = std::io::stdout();
    for _ in 0..commits {
        number += 1;
        commit(&file, number)?;
        writeln!(out, "{number}").and_then(|()| out.flush())?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", path] => run(path, u64::MAX),
        ["run", path, commits] => run(path, commits.parse().unwrap_or(0)),
        ["check", path] => {
            println!("{}", check(&File::open(path)?)?);
            Ok(())
        }
        _ => Err(Error::new(ErrorKind::Invalid, "append run FILE [COMMITS] | append check FILE")),
    }
}
