//! Workloads of the Python packages, done by us: `speed FOLDER [PART]` prints a line of JSON for each.
#![allow(clippy::print_stdout, missing_docs, reason = "a program for the judge")]

use hdf5_persist::*;
use std::path::Path;
use std::time::Instant;

struct Point {
    a: i64,
    b: String,
}

struct Pair {
    a: i64,
    b: String,
}

fn registries() -> Result<RegistryStack> {
    let mut registry = Registry::new("perf");
    registry.dumper("P", 1, |p: &Point, _| Ok(DatasetNode::new(Array::new([], &[p.a])?).attr("b", p.b.as_str())))?;
    registry.loader("P", 1, |node, from| {
        let mut node = node.into_dataset()?;
        let b = from.load(node.attrs.shift_remove("b").unwrap_or_default())?;
        Ok(Point { a: from.load(Value::Array(node.data))?, b })
    })?;
    registry.dumper("G", 1, |p: &Pair, _| Ok(GroupNode::new().member("a", p.a).member("b", p.b.as_str())))?;
    registry.loader("G", 1, |node, from| {
        let mut node = node.into_group()?;
        Ok(Pair { a: from.load(node.take("a")?)?, b: from.load(node.take("b")?)? })
    })?;
    RegistryStack::new().with(registry)
}

fn timed(what: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    work()?;
    println!("{{\"workload\": \"{what}\", \"seconds\": {:.6}}}", start.elapsed().as_secs_f64());
    Ok(())
}

fn preserve(folder: &Path) -> Result<()> {
    let options = StoreOptions::new().registries(registries()?).dialect(dialect::H5Preserve);
    let (points, pairs) = (folder.join("points.h5"), folder.join("pairs.h5"));
    timed("dump 10000 objects (scalar dataset + 1 attribute)", || {
        let store = options.open(&points, Mode::Write)?;
        for a in 0..10_000 {
            store.put_registered(&format!("o{a:05}"), &Point { a, b: format!("text {a}") })?;
        }
        store.close().map(|_| ())
    })?;
    timed("load 10000 objects", || {
        let store = options.open(&points, Mode::Read)?;
        let mut sum = 0;
        for key in store.keys()? {
            let point: Point = store.get_registered(&key)?;
            sum += point.a + i64::from(point.b.is_empty());
        }
        assert_eq!(sum, 49_995_000);
        Ok(())
    })?;
    timed("dump 3000 objects (group of int + str)", || {
        let store = options.open(&pairs, Mode::Write)?;
        for a in 0..3000 {
            store.put_registered(&format!("o{a:05}"), &Pair { a, b: format!("text {a}") })?;
        }
        store.close().map(|_| ())
    })?;
    timed("load 3000 objects", || {
        let store = options.open(&pairs, Mode::Read)?;
        let mut sum = 0;
        for key in store.keys()? {
            let pair: Pair = store.get_registered(&key)?;
            sum += pair.a + i64::from(pair.b.is_empty());
        }
        assert_eq!(sum, 4_498_500);
        Ok(())
    })
}

fn fresh(path: &Path, rows: usize) -> Result<()> {
    let node = GroupNode::new().attr("name", "x").member("data", Array::new([rows as u64], &vec![0.0f64; rows])?);
    let tag = Tag::new("perf_jangada", "E", None);
    StoreOptions::new().dialect(dialect::Jangada).save_value(path, Value::from(Object { tag, node: node.into() }))
}

fn growing(folder: &Path) -> Result<()> {
    let path = folder.join("growing.hdf5");
    let ten: Vec<f64> = (0..10).map(f64::from).collect();
    for (rows, what) in [(1000, "chunk 1000"), (3, "file created from 3 elements")] {
        fresh(&path, rows)?;
        timed(&format!("1000 appends of 10 f8, one open ({what})"), || {
            let store = Store::open(&path, Mode::ReadWrite)?;
            let data = store.array("root/data")?;
            for _ in 0..1000 {
                data.append(&ten)?;
            }
            store.close().map(|_| ())
        })?;
    }
    fresh(&path, 1000)?;
    timed("1000 appends of 10 f8, file reopened each time", || {
        for _ in 0..1000 {
            let store = Store::open(&path, Mode::ReadWrite)?;
            store.array("root/data")?.append(&ten)?;
            let _ = store.close()?;
        }
        Ok(())
    })?;
    let million: Vec<f64> = (0..1_000_000).map(f64::from).collect();
    fresh(&path, 3)?;
    timed("one append of 1e6 f8 to a file created from 3 elements", || {
        let store = Store::open(&path, Mode::ReadWrite)?;
        store.array("root/data")?.append(&million)?;
        store.close().map(|_| ())
    })?;
    timed("1000 lazy slices of 100", || {
        let store = Store::open(&path, Mode::Read)?;
        let data = store.array("root/data")?;
        let mut sum = 0.0;
        for i in 0..1000i64 {
            sum += data.slice::<f64>(i * 900..i * 900 + 100)?.iter().sum::<f64>();
        }
        assert!(sum > 0.0);
        Ok(())
    })
}

fn nested(folder: &Path) -> Result<()> {
    let path = folder.join("nested.hdf5");
    let item = |i: i64| -> Result<Value> {
        let node = GroupNode::new().attr("name", format!("n{i}")).member("data", Array::new([3], &[0.0, 1.0, 2.0])?);
        Ok(Value::from(Object { tag: Tag::new("perf_jangada", "E", None), node: node.into() }))
    };
    let items: Vec<Value> = (0..1000).map(item).collect::<Result<_>>()?;
    let bag =
        Object { tag: Tag::new("perf_jangada", "Bag", None), node: GroupNode::new().member("items", items).into() };
    let options = StoreOptions::new().dialect(dialect::Jangada);
    timed("save 1000 nested objects with 3-element arrays", || options.save_value(&path, Value::from(bag)))?;
    timed("load 1000 nested objects", || load_value(&path).map(|_| ()))
}

type Part = fn(&Path) -> Result<()>;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let folder = Path::new(&folder);
    // One part alone, for a profiler.
    let only = std::env::args().nth(2);
    let parts: [(&str, Part); 3] = [("preserve", preserve), ("growing", growing), ("nested", nested)];
    parts
        .iter()
        .filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name))
        .try_for_each(|(_, part)| part(folder))
}
