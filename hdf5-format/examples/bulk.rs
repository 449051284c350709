//! Makes many small things in a new file and prints the seconds it took: `bulk groups|datasets|attributes|churn N
//! earliest|v200 FILE`. `churn` makes datasets, deletes a tenth of them and makes as many again in a second opening.

use hdf5_format::edit::{Bounds, FileStyle, Version};
use hdf5_format::format::message::datatype::{ByteOrder, Datatype};
use hdf5_format::{CreateOptions, File, Group, Value};
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn datasets(root: &Group, names: impl Iterator<Item = usize>, float: &Datatype) -> Result<()> {
    for i in names {
        let dataset = root.new_dataset(float.clone()).shape([10]).create(format!("dataset{i:06}"))?;
        let bytes: Vec<u8> = (0..10).flat_map(|n| (i as f64 + f64::from(n)).to_le_bytes()).collect();
        dataset.write_raw(.., &bytes)?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, what, count, version, path] = args.as_slice() else { return Err("bulk WHAT N VERSION FILE".into()) };
    let count: usize = count.parse()?;
    let low = if version == "earliest" { Version::Earliest } else { Version::V200 };
    let style = FileStyle { bounds: Bounds { low, ..Bounds::default() }, ..FileStyle::default() };
    let float = Datatype::float(8, ByteOrder::LittleEndian)?;
    let start = Instant::now();
    let file = CreateOptions::new().style(style).create(path)?;
    let root = file.root()?;
    match what.as_str() {
        "groups" => (0..count).try_for_each(|i| root.create_group(format!("group{i:06}")).map(drop))?,
        "attributes" => {
            let value = |i: usize| [Value::Float(i as f64)];
            (0..count).try_for_each(|i| root.set_attr_values(format!("attr{i:06}"), &float, Some(&[]), &value(i)))?;
        }
        "datasets" | "churn" => datasets(&root, 0..count, &float)?,
        other => return Err(format!("{other}?").into()),
    }
    file.commit()?;
    if what == "churn" {
        drop((root, file));
        let before = std::fs::metadata(path)?.len();
        let file = File::open_rw(path)?;
        let root = file.root()?;
        (0..count).step_by(10).try_for_each(|i| root.delete(format!("dataset{i:06}")))?;
        file.commit()?;
        datasets(&root, (0..count).step_by(10), &float)?;
        file.commit()?;
        println!("{} {}", before, std::fs::metadata(path)?.len());
        return Ok(());
    }
    println!("{}", start.elapsed().as_secs_f64());
    Ok(())
}
