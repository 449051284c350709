//! What jangada's documentation of `Persistable` shows, in Rust: its files are read, and what is written here the package
//! reads.
//!
//! `cargo run -p hdf5-persist --example jangada`

use hdf5_format::Select;
use hdf5_persist::{Access, Error, ErrorKind, Handle, Lazy, Mode, Persist, Result, Store, StoreOptions, Timestamp};
use std::path::{Path, PathBuf};

/// The class `mymodule.Experiment`; the data can stay in the file.
#[derive(Persist, Debug)]
#[persist(namespace = "mymodule")]
struct Experiment {
    #[persist(default)]
    name: String,
    #[persist(default = "room")]
    temperature: f64,
    data: Lazy<f64>,
}

fn room() -> f64 {
    293.15
}

fn jangada() -> Result<StoreOptions> {
    StoreOptions::new().dialect_named("jangada")
}

fn numbers(count: usize) -> Lazy<f64> {
    Lazy::from_vec((0..count).map(|n| n as f64).collect())
}

/// The package's `with Experiment(path, mode=...) as exp`: the data stay in the file, and the handle writes single properties.
/// The file is closed at the end; until the experiment is dropped, it is open.
fn with<R>(path: &Path, mode: Mode, work: impl FnOnce(&Experiment, &Handle) -> Result<R>) -> Result<R> {
    let store = StoreOptions::new().access(Access::Lazy).open(path, mode)?;
    let done = work(&store.get("root")?, &store.object("root")?)?;
    store.close().map(|_| done)
}

pub(crate) fn save_and_load(folder: &Path) -> Result<()> {
    let path = folder.join("experiment.hdf5");
    let data = Lazy::from_vec(vec![1.2, 3.4, 5.6]);
    jangada()?.save(&path, &Experiment { name: "Test1".into(), temperature: 373.15, data })?;

    // The dialect is found by its marks.
    let experiment: Experiment = hdf5_persist::load(&path)?;
    assert_eq!((experiment.name.as_str(), experiment.temperature), ("Test1", 373.15));
    assert_eq!(experiment.data.to_vec()?, [1.2, 3.4, 5.6]);

    // Saving over a file replaces it as a whole.
    jangada()?.save(&path, &Experiment { name: "Test2".into(), temperature: 0.0, data: numbers(1) })?;
    assert_eq!(hdf5_persist::load::<Experiment>(&path)?.name, "Test2");

    // Several objects are several files.
    let names = ["morning", "afternoon"];
    let path = |name: &str| folder.join(name).with_extension("hdf5");
    for name in names {
        jangada()?.save(path(name), &Experiment { name: name.into(), temperature: room(), data: numbers(3) })?;
    }
    for name in names {
        assert_eq!(hdf5_persist::load::<Experiment>(path(name))?.name, name);
    }
    Ok(())
}

pub(crate) fn slicing(folder: &Path) -> Result<()> {
    let path = folder.join("large_data.hdf5");
    jangada()?.save(&path, &Experiment { name: "large".into(), temperature: 1.0, data: numbers(100_000) })?;

    with(&path, Mode::Read, |experiment, _| {
        // The data are not loaded; what is small is.
        assert_eq!((experiment.name.as_str(), experiment.data.shape()), ("large", vec![100_000]));
        let data = experiment.data.live()?;
        let chunk: Vec<f64> = data.slice(100..200)?;
        assert_eq!((chunk.len(), chunk[0]), (100, 100.0));
        assert_eq!(data.slice::<f64>(10)?, [10.0]);
        assert_eq!((data.ndim(), data.size()?, data.nbytes()?, data.dtype().size()), (1, 100_000, 800_000, 8));
        assert!(data.assign(0, 1.0).is_err(), "the file is open for reading");
        Ok(())
    })?;

    with(&path, Mode::ReadWrite, |experiment, handle| {
        let data = experiment.data.live()?;
        data.assign(50, 99.9)?;
        data.assign(10..20, 0.0)?;
        data.append([7.0, 8.0, 9.0])?;
        // One property, and nothing else, is written.
        handle.set("temperature", &21.5)
    })?;

    let experiment: Experiment = hdf5_persist::load(&path)?;
    let all = experiment.data.to_vec()?;
    assert_eq!((all.len(), all[50], all[9], all[10], all[20]), (100_003, 99.9, 9.0, 0.0, 20.0));
    assert_eq!((all.last(), experiment.temperature), (Some(&9.0), 21.5));

    // Beyond the end it grows, to just there.
    with(&path, Mode::ReadWrite, |experiment, _| {
        let data = experiment.data.live()?;
        data.resize(&[100])?;
        data.assign_rows(200, 99.9)?;
        assert_eq!(data.shape(), [201]);
        Ok(())
    })
}

pub(crate) fn incremental_collection(folder: &Path) -> Result<()> {
    let path = folder.join("timeseries.hdf5");
    let collect_measurements = |day: u32| vec![f64::from(day); 24];
    let start = Experiment { name: "Time Series".into(), temperature: room(), data: numbers(3) };
    jangada()?.save(&path, &start)?;
    for day in 0..10 {
        with(&path, Mode::ReadWrite, |experiment, _| experiment.data.live()?.append(collect_measurements(day)))?;
    }
    let experiment: Experiment = hdf5_persist::load(&path)?;
    let all = experiment.data.to_vec()?;
    assert_eq!((all.len(), all[2], all[3], all.last()), (243, 2.0, 0.0, Some(&9.0)));

    // Many appends in one opening are one commit.
    with(&path, Mode::ReadWrite, |experiment, _| {
        let data = experiment.data.live()?;
        (0..1000).try_for_each(|value| data.append(f64::from(value)))
    })?;
    assert_eq!(hdf5_persist::load::<Experiment>(&path)?.data.shape(), [1243]);
    Ok(())
}

#[derive(Persist, Debug, PartialEq)]
#[persist(namespace = "mymodule")]
struct Measurement {
    timestamp: Timestamp,
    value: f64,
}

#[derive(Persist, Debug, PartialEq)]
#[persist(label = "Experiment", namespace = "mymodule")]
struct Multipoint {
    name: String,
    measurements: Vec<Measurement>,
    operator: Option<String>,
}

pub(crate) fn nested_measurements(folder: &Path) -> Result<()> {
    const DAY: i64 = 86_400_000_000_000;
    let path = folder.join("multipoint.hdf5");
    let measurement = |day: i64| Measurement {
        timestamp: Timestamp::naive(1_704_067_200_000_000_000 + day * DAY),
        value: 1.2 + day as f64,
    };
    // The package loses the order of lists from the eleventh item on; it is kept here.
    let experiment =
        Multipoint { name: "Multi-point".into(), measurements: (0..13).map(measurement).collect(), operator: None };
    jangada()?.save(&path, &experiment)?;
    let loaded: Multipoint = hdf5_persist::load(&path)?;
    assert_eq!(loaded.measurements.len(), 13);
    assert_eq!(loaded.measurements[0].value, 1.2);
    assert_eq!(loaded, experiment);

    // A part of it, without the rest.
    let store = Store::open(&path, Mode::Read)?;
    assert_eq!(store.get::<Measurement>("root/measurements/12")?, experiment.measurements[12]);
    Ok(())
}

pub(crate) fn batch_processing(folder: &Path) -> Result<()> {
    let path = folder.join("data.hdf5");
    jangada()?.save(&path, &Experiment { name: "batch".into(), temperature: room(), data: numbers(10_500) })?;
    with(&path, Mode::Read, |dataset, _| {
        let data = dataset.data.live()?;
        let process = |chunk: &[f64]| chunk.iter().sum::<f64>();

        let chunk_size = 1000;
        let mut results = Vec::new();
        for start in (0..10_000).step_by(1000) {
            let chunk: Vec<f64> = data.slice(start..start + chunk_size)?;
            results.push(process(&chunk));
        }
        assert_eq!((results.len(), results[0]), (10, 499_500.0));

        // The same under a budget of bytes, to the last row.
        let blocks: Vec<f64> = data.blocks(8000)?.map(|block| block.map(|b| process(&b))).collect::<Result<_>>()?;
        assert_eq!((blocks.len(), &blocks[..10]), (11, &results[..]));
        assert_eq!(blocks.iter().sum::<f64>(), process(&data.slice::<f64>(Select::all())?));
        Ok(())
    })
}

/// Types whose files have an extension of their own.
trait Extension {
    const EXTENSION: &'static str = "hdf5";
}

#[derive(Persist, Debug, PartialEq)]
#[persist(namespace = "mymodule")]
struct MyData {
    data: Vec<i64>,
}

impl Extension for MyData {
    const EXTENSION: &'static str = "h5";
}

/// The path with the type's extension; a path with another is refused.
fn path_of<T: Extension>(path: &Path) -> Result<PathBuf> {
    match path.extension() {
        None => Ok(path.with_extension(T::EXTENSION)),
        Some(extension) if extension == T::EXTENSION => Ok(path.into()),
        Some(other) => {
            let text = format!("expected the extension {:?}, found {:?}", T::EXTENSION, other);
            Err(Error::new(ErrorKind::Invalid, text))
        }
    }
}

pub(crate) fn custom_extension(folder: &Path) -> Result<()> {
    let data = MyData { data: vec![1, 2, 3] };
    let path = path_of::<MyData>(&folder.join("output"))?;
    jangada()?.save(&path, &data)?;
    assert!(folder.join("output.h5").exists());
    assert_eq!(hdf5_persist::load::<MyData>(path_of::<MyData>(&folder.join("output.h5"))?)?, data);
    assert!(path_of::<MyData>(&folder.join("output.hdf5")).is_err());
    Ok(())
}

/// What the package has for a future version: chunks and filters of its own.
#[derive(Persist, Debug, PartialEq)]
#[persist(namespace = "mymodule")]
struct CompressedData {
    #[persist(chunks = [1000], filter = "shuffle,gzip=4")]
    data: Vec<i64>,
    /// What is computed anew is not saved.
    #[persist(skip)]
    mean: Option<i64>,
}

pub(crate) fn compression(folder: &Path) -> Result<()> {
    let (plain, small) = (folder.join("plain.hdf5"), folder.join("compressed.hdf5"));
    let data: Vec<i64> = (0..50_000).collect();
    jangada()?.save(&plain, &MyData { data: data.clone() })?;
    jangada()?.save(&small, &CompressedData { data: data.clone(), mean: Some(3) })?;
    let (before, after) = (std::fs::metadata(&plain)?.len(), std::fs::metadata(&small)?.len());
    assert!(after * 4 < before, "{after} bytes for {before}");
    assert_eq!(hdf5_persist::load::<CompressedData>(&small)?, CompressedData { data, mean: None });

    // Rows that are appended are compressed too.
    let store = Store::open(&small, Mode::ReadWrite)?;
    let array = store.array("root/data")?;
    assert_eq!(array.dataset()?.chunks(), Some(&[1000][..]));
    array.append((0..10_000).collect::<Vec<i64>>())?;
    let _ = store.close()?;
    drop(array);
    assert!(std::fs::metadata(&small)?.len() < before);
    assert_eq!(hdf5_persist::load::<CompressedData>(&small)?.data.len(), 60_000);
    Ok(())
}

fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("hdf5-persist-jangada-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let all = [
        save_and_load,
        slicing,
        incremental_collection,
        nested_measurements,
        batch_processing,
        custom_extension,
        compression,
    ];
    all.iter().try_for_each(|example| example(&folder))?;
    std::fs::remove_dir_all(&folder)?;
    println!("all is as it was");
    Ok(())
}
