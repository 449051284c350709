//! What h5preserve's guide shows, in Rust: its files are read, and what is written here the package reads.
//!
//! `cargo run -p hdf5-persist --example h5preserve`

use hdf5_persist::{
    Array, DatasetNode, Delayed, DumpVersion, GroupNode, Handle, LoadVersion, Mode, OnDemand, Persist, Registry,
    RegistryStack, Result, StoreOptions, Tag,
};
use std::collections::BTreeMap;
use std::path::Path;

/// The dialect of the package, with a registry.
fn h5preserve(registry: Registry) -> Result<StoreOptions> {
    StoreOptions::new().registries(RegistryStack::new().with(registry)?).dialect_named("h5preserve")
}

/// A class with a dumper and a loader of version 1: the guide's first example.
#[derive(Debug, PartialEq, Clone)]
struct Experiment {
    data: Vec<i64>,
    time_started: i64,
}

fn experiment_registry() -> Result<Registry> {
    let mut registry = Registry::new("experiment");
    registry
        .dumper::<Experiment, _>("Experiment", 1, |experiment, _| {
            let data = Array::new([experiment.data.len() as u64], &experiment.data)?;
            Ok(DatasetNode::new(data).attr("time started", experiment.time_started))
        })?
        .loader("Experiment", 1, |node, from| {
            let mut dataset = node.into_dataset()?;
            let time_started = dataset.attrs.shift_remove("time started").unwrap_or_default();
            Ok(Experiment { data: dataset.data.to_vec()?, time_started: from.load(time_started)? })
        })?;
    Ok(registry)
}

/// The same form by the derive macro: the label, the namespace and the places are what the closures above say.
#[derive(Persist, Debug)]
#[persist(label = "Experiment", version = 1, namespace = "experiment", elements = "data")]
struct Derived {
    data: Vec<i64>,
    #[persist(rename = "time started")]
    time_started: i64,
}

pub(crate) fn experiment(folder: &Path) -> Result<()> {
    let path = folder.join("my_data_file.hdf5");
    let options = h5preserve(experiment_registry()?)?;
    let my_cool_experiment = Experiment { data: vec![1, 2, 3, 4, 5], time_started: 10 };

    let store = options.open(&path, Mode::Append)?;
    store.put_registered("cool experiment", &my_cool_experiment)?;
    let _ = store.close()?;

    let store = options.open(&path, Mode::Read)?;
    let loaded: Experiment = store.get_registered("cool experiment")?;
    assert_eq!(loaded.time_started, my_cool_experiment.time_started);
    assert_eq!(loaded, my_cool_experiment);
    drop(store);

    // Without a registry: the derived type has its own form.
    let store = StoreOptions::new().open(&path, Mode::ReadWrite)?;
    assert_eq!(store.dialect().name(), "h5preserve");
    let derived: Derived = store.get("cool experiment")?;
    assert_eq!((derived.data.as_slice(), derived.time_started), (&[1, 2, 3, 4, 5][..], 10));
    store.put("derived", &derived)?;
    let _ = store.close()?;
    let store = options.open(&path, Mode::Read)?;
    assert_eq!(store.get_registered::<Experiment>("derived")?, my_cool_experiment);
    Ok(())
}

/// A second version, and a dumper that is locked to the first.
pub(crate) fn locking(folder: &Path) -> Result<()> {
    let mut registry = experiment_registry()?;
    registry
        .dumper::<Experiment, _>("Experiment", 2, |experiment, to| {
            Ok(GroupNode::new().attr("started", experiment.time_started).member("data", to.dump(&experiment.data)?))
        })?
        .loader("Experiment", 2, |node, from| {
            let mut group = node.into_group()?;
            let time_started = from.load(group.take_attr("started")?)?;
            Ok(Experiment { data: from.load(group.take("data")?)?, time_started })
        })?;
    registry.freeze();
    assert!(registry.migration("Experiment", 1, Ok).is_err(), "frozen is frozen");
    let mut registries = RegistryStack::new().with(registry)?;
    let experiment = Experiment { data: vec![1], time_started: 3 };
    let path = folder.join("locked.hdf5");
    let version = |registries: &RegistryStack, name: &str| -> Result<Option<Tag>> {
        let options = StoreOptions::new().registries(registries.clone()).dialect_named("h5preserve")?;
        let store = options.open(&path, Mode::Append)?;
        store.put_registered(name, &experiment)?;
        let _ = store.close()?;
        let store = options.open(&path, Mode::Read)?;
        assert_eq!(store.get_registered::<Experiment>(name)?, experiment, "each version has its loader");
        store.tag(name)
    };
    assert_eq!(version(&registries, "latest")?, Some(Tag::new("experiment", "Experiment", 2)));

    registries.lock_version::<Experiment>(1)?;
    assert_eq!(version(&registries, "locked")?, Some(Tag::new("experiment", "Experiment", 1)));

    // A lock to what is not there fails here, not when something is dumped.
    let error = registries.lock_version::<Experiment>(9).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("no dumper of version 9; there are 1, 2"), "{error}");
    assert!(registries.lock_version::<Experiment>(DumpVersion::None).is_err());

    registries.unlock_version::<Experiment>();
    assert_eq!(version(&registries, "unlocked")?, Some(Tag::new("experiment", "Experiment", 2)));
    Ok(())
}

/// A class that holds others: dumpers give what they hold to `to`, loaders to `from`.
#[derive(Debug, PartialEq)]
struct Campaign {
    name: String,
    experiments: Vec<Experiment>,
    weights: (f64, f64),
    remark: Option<String>,
}

pub(crate) fn recursive_dumping(folder: &Path) -> Result<()> {
    let mut registry = experiment_registry()?;
    registry
        .dumper::<Campaign, _>("Campaign", 1, |campaign, to| {
            let mut runs = GroupNode::new();
            for (at, experiment) in campaign.experiments.iter().enumerate() {
                runs = runs.member(at.to_string(), to.registered(experiment)?);
            }
            Ok(GroupNode::new()
                .attr("name", campaign.name.as_str())
                .member("experiments", runs)
                .member("weights", to.dump(&campaign.weights)?)
                .member("remark", to.dump(&campaign.remark)?))
        })?
        .loader("Campaign", LoadVersion::All, |node, from| {
            let mut group = node.into_group()?;
            let runs = group.take("experiments")?.into_group()?;
            let experiments = runs.members.into_values().map(|run| from.registered(run)).collect::<Result<_>>()?;
            Ok(Campaign {
                name: from.load(group.take_attr("name")?)?,
                experiments,
                weights: from.load(group.take("weights")?)?,
                remark: from.load(group.take("remark")?)?,
            })
        })?;
    let options = h5preserve(registry)?;
    let path = folder.join("campaign.hdf5");
    let campaign = Campaign {
        name: "autumn".into(),
        experiments: (0..3).map(|n| Experiment { data: vec![n; 4], time_started: n }).collect(),
        weights: (0.25, 0.75),
        remark: None,
    };
    let store = options.open(&path, Mode::Write)?;
    store.put_registered("campaign", &campaign)?;
    let _ = store.close()?;
    let store = options.open(&path, Mode::Read)?;
    assert_eq!(store.get_registered::<Campaign>("campaign")?, campaign);
    // Each of the objects in it is one by itself.
    assert_eq!(store.get_registered::<Experiment>("campaign/experiments/1")?, campaign.experiments[1]);
    assert_eq!(store.objects()?.len(), 4);
    Ok(())
}

/// A mapping whose values are read when they are called for, and written through when they are set.
#[derive(Default)]
struct Mapping {
    values: BTreeMap<String, OnDemand<Vec<f64>>>,
    /// Where new values go.
    place: Option<Handle>,
}

impl Mapping {
    fn get(&self, key: &str) -> Result<Option<&Vec<f64>>> {
        self.values.get(key).map(OnDemand::get).transpose()
    }

    fn set(&mut self, key: &str, value: Vec<f64>) -> Result<()> {
        if let Some(known) = self.values.get_mut(key) {
            return known.set(value);
        }
        if let Some(place) = &self.place {
            place.set(key, &value)?;
        }
        self.values.insert(key.into(), OnDemand::new(value));
        Ok(())
    }

    fn read(&self) -> usize {
        self.values.values().filter(|value| value.is_read()).count()
    }
}

pub(crate) fn on_demand_mapping(folder: &Path) -> Result<()> {
    let mut registry = Registry::new("mapping");
    registry
        .dumper::<Mapping, _>("Mapping", 1, |mapping, to| {
            let mut group = GroupNode::new().on_demand();
            for (key, value) in &mapping.values {
                group = group.member(key, to.dump(value)?);
            }
            Ok(group)
        })?
        .loader("Mapping", 1, |node, from| {
            let members = node.into_group()?.members.into_iter();
            let values = members.map(|(key, value)| Ok((key, from.load(value)?))).collect::<Result<_>>()?;
            Ok(Mapping { values, place: None })
        })?;
    let options = h5preserve(registry)?;
    let path = folder.join("mapping.hdf5");
    let mut mapping = Mapping::default();
    for number in 0..20 {
        mapping.set(&format!("k{number}"), vec![f64::from(number); 1000])?;
    }
    let store = options.open(&path, Mode::Write)?;
    store.put_registered("mapping", &mapping)?;
    let _ = store.close()?;

    let store = options.open(&path, Mode::ReadWrite)?;
    let mut mapping: Mapping = store.get_registered("mapping")?;
    mapping.place = Some(store.object("mapping")?);
    assert_eq!((mapping.values.len(), mapping.read()), (20, 0), "nothing is read yet");
    assert_eq!(mapping.get("k7")?.map(|value| value[0]), Some(7.0));
    assert_eq!(mapping.read(), 1);
    mapping.set("k7", vec![-7.0])?;
    mapping.set("new", vec![0.5])?;
    let _ = store.close()?;
    // What can still read of the file keeps it open.
    drop(mapping);

    let store = options.open(&path, Mode::Read)?;
    let mapping: Mapping = store.get_registered("mapping")?;
    assert_eq!(mapping.get("k7")?, Some(&vec![-7.0]));
    assert_eq!(mapping.get("new")?, Some(&vec![0.5]));
    assert_eq!(mapping.get("none")?, None);
    assert_eq!((mapping.values.len(), mapping.read()), (21, 2));
    Ok(())
}

/// A class whose data come after it was dumped.
#[derive(Persist)]
#[persist(namespace = "solver")]
struct ContainerClass {
    name: String,
    data: Delayed<Vec<f64>>,
}

impl ContainerClass {
    /// Fills in the data, in the file too if this was dumped; they are set once.
    fn set_data(&mut self, data: Vec<f64>) -> Result<()> {
        self.data.fill(data)
    }
}

pub(crate) fn delayed_container(folder: &Path) -> Result<()> {
    let options = StoreOptions::new().dialect_named("h5preserve")?;
    let path = folder.join("delayed.hdf5");
    let new = |name: &str| ContainerClass { name: name.into(), data: Delayed::new() };
    let (mut solved, mut never) = (new("solved"), new("never"));
    let store = options.open(&path, Mode::Write)?;
    store.put("solved", &solved)?;
    store.put("never", &never)?;
    solved.set_data(vec![1.0, 2.0, 3.0])?;
    assert!(solved.set_data(vec![4.0]).is_err(), "data cannot be changed");
    // The package warns; here closing tells.
    assert_eq!(store.close()?.unfilled, ["/never/data"]);
    assert!(never.set_data(vec![5.0]).is_err(), "the store is closed");

    let store = options.open(&path, Mode::Read)?;
    let solved: ContainerClass = store.get("solved")?;
    assert_eq!((solved.name.as_str(), solved.data.get()), ("solved", Some(&vec![1.0, 2.0, 3.0])));
    assert!(store.get::<ContainerClass>("never")?.data.get().is_none());
    Ok(())
}

fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("hdf5-persist-h5preserve-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let all = [experiment, locking, recursive_dumping, on_demand_mapping, delayed_container];
    all.iter().try_for_each(|example| example(&folder))?;
    std::fs::remove_dir_all(&folder)?;
    println!("all is as it was");
    Ok(())
}
