//! Versions of derived types: migrations, locks, dumpers that fail, labels that nobody knows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use hdf5_format::io::MemoryFile;
use hdf5_persist::*;

#[derive(Persist, Debug, PartialEq)]
#[persist(label = "Run", version = 1, namespace = "lab")]
struct Run1 {
    name: String,
    samples: Vec<f64>,
}

#[derive(Persist, Debug, PartialEq)]
#[persist(label = "Run", version = 3, namespace = "lab")]
struct Run3 {
    title: String,
    samples: Vec<f64>,
    rate: f64,
}

/// Version 2 calls the name a title, version 3 has a rate.
fn migrating(registry: &mut Registry) {
    registry
        .migration("Run", 1, |mut node| {
            let name = node.take_attr("name")?;
            node.attrs_mut().insert("title".into(), name);
            Ok(node)
        })
        .unwrap()
        .migration("Run", 2, |mut node| {
            node.attrs_mut().insert("rate".into(), Value::Float(0.5));
            Ok(node)
        })
        .unwrap();
}

fn lab(build: impl FnOnce(&mut Registry)) -> StoreOptions {
    let mut registry = Registry::new("lab");
    build(&mut registry);
    StoreOptions::new().registries(RegistryStack::new().with(registry).unwrap())
}

/// A committed file of an object of version 1.
fn old_file() -> Vec<u8> {
    let memory = MemoryFile::new(Vec::new());
    let store = StoreOptions::new().create_in(memory.clone()).unwrap();
    store.put("run", &Run1 { name: "first".into(), samples: vec![1.0, 2.0] }).unwrap();
    store.put("runs", &vec![Run1 { name: "second".into(), samples: vec![] }]).unwrap();
    let _ = store.close().unwrap();
    memory.to_vec()
}

fn new_run(title: &str, samples: &[f64]) -> Run3 {
    Run3 { title: title.into(), samples: samples.into(), rate: 0.5 }
}

#[test]
fn without_migrations_another_version_is_an_error() {
    let store = StoreOptions::new().read_from(old_file()).unwrap();
    let error = store.get::<Run3>("run").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("Run3 is of version 3"), "{error}");
    assert_eq!(error.path(), Some("lab/Run v1"));
    // With steps alone nobody loads version 3; with half of the steps nobody gets there.
    for build in [migrating as fn(&mut Registry), |r: &mut Registry| {
        r.register::<Run3>().unwrap().migration("Run", 1, Ok).unwrap();
    }] {
        let store = lab(build).read_from(old_file()).unwrap();
        assert!(store.get::<Run3>("run").is_err());
    }
}

#[test]
fn version_one_loads_as_three_through_two_steps() {
    let options = lab(|registry| {
        registry.register::<Run3>().unwrap();
        migrating(registry);
    });
    let bytes = old_file();
    let store = options.read_from(bytes.clone()).unwrap();
    assert_eq!(store.get::<Run3>("run").unwrap(), new_run("first", &[1.0, 2.0]));
    assert_eq!(store.get::<Vec<Run3>>("runs").unwrap(), [new_run("second", &[])]);
    assert_eq!(store.tag("run").unwrap().unwrap().version, Some(1), "loading changes nothing");

    // The file itself, for programs that have no steps.
    let folder = tempfile_folder("migrate");
    let path = folder.join("run.h5");
    std::fs::write(&path, &bytes).unwrap();
    let store = options.open(&path, Mode::ReadWrite).unwrap();
    let planned = store.migrations().unwrap();
    assert_eq!(planned.len(), 2);
    assert_eq!((&planned[0].from, &planned[0].to), (&Tag::new("lab", "Run", 1), &Tag::new("lab", "Run", 3)));
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "a dry run writes nothing");
    assert_eq!(store.migrate().unwrap(), planned);
    drop(store);
    let store = Store::open(&path, Mode::Read).unwrap();
    assert_eq!(store.get::<Run3>("run").unwrap(), new_run("first", &[1.0, 2.0]));
    assert_eq!(store.get::<Vec<Run3>>("runs").unwrap(), [new_run("second", &[])]);
    assert!(store.get::<Run1>("run").unwrap_err().to_string().contains("is of version 1"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_shared_is_migrated_once() {
    let memory = MemoryFile::new(Vec::new());
    let store = StoreOptions::new().create_in(memory.clone()).unwrap();
    let stack = RegistryStack::new();
    let run = |name: &str| Run1 { name: name.into(), samples: vec![1.0] }.dump(&mut Dumping::new(&stack)).unwrap();
    let (first, second, text) = (Identity(0), Identity(1), Identity(2));
    let values = [
        // Shares what is not migrated with a member that is.
        ("a", Value::Seq(vec![Value::Shared(text, Box::new("common".into()))])),
        ("b", Value::Seq(vec![Value::Same(text), run("three")])),
        ("alone", Value::Seq(vec![run("alone")])),
        (
            "plain",
            Value::Seq(vec![Value::Text("nothing to migrate".into()), Value::Shared(first, Box::new(run("one")))]),
        ),
        ("run", Value::Same(first)),
        (
            "runs",
            Value::Seq(vec![Value::Same(first), Value::Shared(second, Box::new(run("two"))), Value::Same(second)]),
        ),
        ("more", Value::Seq(vec![Value::Same(second)])),
    ];
    store.put_values(values).unwrap();
    let _ = store.close().unwrap();

    let folder = tempfile_folder("migrate-shared");
    let path = folder.join("runs.h5");
    std::fs::write(&path, memory.to_vec()).unwrap();
    let store = lab(migrating).open(&path, Mode::ReadWrite).unwrap();
    assert_eq!(store.migrate().unwrap().len(), 4);
    let _ = store.close().unwrap();
    let file = hdf5_format::File::from_bytes(std::fs::read(&path).unwrap()).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let address = |path: &str| file.group(path).unwrap().address();
    assert_eq!([address("run"), address("runs/0")], [address("plain/1"); 2]);
    assert_eq!([address("runs/2"), address("more/0")], [address("runs/1"); 2]);
    let text = |path: &str| file.get(path).unwrap().info().address();
    assert_eq!(text("a/0"), text("b/0"));
    let store = StoreOptions::new().over(file).unwrap();
    assert_eq!(store.get::<Run3>("run").unwrap(), new_run("one", &[1.0]));
    assert_eq!(store.get::<Vec<Run3>>("more").unwrap(), [new_run("two", &[1.0])]);
    assert_eq!(store.get::<Vec<Run3>>("alone").unwrap(), [new_run("alone", &[1.0])]);
}

fn tempfile_folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("hdf5-persist-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_loader_for_an_old_version_goes_before_steps() {
    let options = lab(|registry| {
        registry.register::<Run3>().unwrap();
        migrating(registry);
        registry
            .loader("Run", 1, |node, from| {
                let old = Run1::from_node(node, from)?;
                Ok(Run3 { title: old.name, samples: old.samples, rate: -1.0 })
            })
            .unwrap();
    });
    let store = options.read_from(old_file()).unwrap();
    assert_eq!(store.get::<Run3>("run").unwrap().rate, -1.0);
    assert!(store.get::<Run1>("run").unwrap_err().to_string().contains("another type"));
}

#[test]
fn a_frozen_registry_takes_no_type() {
    let mut registry = Registry::new("lab");
    registry.freeze();
    assert!(registry.register::<Run3>().err().unwrap().to_string().contains("is frozen"));
    assert!(registry.labels().is_empty());
}

#[test]
fn values_are_dumped_in_the_locked_version() {
    let mut registry = Registry::new("lab");
    registry
        .register::<Run3>()
        .unwrap()
        .dumper::<Run3, _>("Run", 1, |run, to| {
            Run1 { name: run.title.clone(), samples: run.samples.clone() }.to_node(to)
        })
        .unwrap();
    migrating(&mut registry);
    let mut stack = RegistryStack::new().with(registry).unwrap();
    let dumped = |stack: &RegistryStack| {
        let store = StoreOptions::new().registries(stack.clone()).create_in(MemoryFile::new(Vec::new())).unwrap();
        store.put("run", &new_run("t", &[1.0])).unwrap();
        assert_eq!(store.get::<Run3>("run").unwrap(), new_run("t", &[1.0]));
        store.tag("run").unwrap().unwrap().version
    };
    assert_eq!(dumped(&stack), Some(3));
    stack.lock_version::<Run3>(1).unwrap();
    assert_eq!(dumped(&stack), Some(1));
    assert!(stack.lock_version::<Run3>(2).unwrap_err().to_string().contains("no dumper of version 2; there are 1, 3"));
    assert_eq!(dumped(&stack), Some(1), "the lock that failed changed nothing");
    stack.unlock_version::<Run3>();
    assert_eq!(dumped(&stack), Some(3));
}

#[test]
fn a_dumper_that_fails_midway_leaves_no_trace() {
    struct Fails;
    struct Holder;
    let options = lab(|registry| {
        let fail =
            |_: &Fails, _: &mut Dumping<'_>| -> Result<GroupNode> { Err(Error::new(ErrorKind::Invalid, "out of ink")) };
        registry.dumper::<Fails, _>("Fails", 1, fail).unwrap();
        registry
            .dumper::<Holder, _>("Holder", 1, |_, to| {
                let group = GroupNode::new().member("good", to.dump(&vec![1.0, 2.0])?);
                Ok(group.member("bad", to.registered(&Fails)?))
            })
            .unwrap();
    });
    #[derive(Persist)]
    struct Document {
        first: Vec<f64>,
        #[persist(registered)]
        second: Holder,
    }
    let memory = MemoryFile::new(Vec::new());
    let store = options.create_in(memory.clone()).unwrap();
    store.put("old", &1).unwrap();
    store.commit().unwrap();
    let before = memory.to_vec();
    let document = Document { first: vec![1.0], second: Holder };
    for error in [
        store.put("new", &document).unwrap_err(),
        store.put("list", &vec![document]).unwrap_err(),
        store.replace("old", &Document { first: vec![], second: Holder }).unwrap_err(),
        store.put_registered("holder", &Holder).unwrap_err(),
    ] {
        assert!(error.to_string().contains("out of ink"), "{error}");
        assert_eq!(error.path(), Some("lab/Fails v1"));
    }
    assert_eq!((store.keys().unwrap(), store.get::<i32>("old").unwrap()), (vec!["old".to_string()], 1));
    store.commit().unwrap();
    assert_eq!(memory.to_vec(), before);

    // Nor does a whole file that is saved.
    let folder = tempfile_folder("trace");
    let path = folder.join("file.h5");
    let document = Document { first: vec![], second: Holder };
    assert!(options.save(&path, &document).is_err());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    options.save(&path, &7).unwrap();
    let saved = std::fs::read(&path).unwrap();
    assert!(options.save(&path, &document).is_err());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    assert_eq!(std::fs::read(&path).unwrap(), saved);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn unknown_labels_open_as_objects_and_are_rewritten_unchanged() {
    let unknown = Value::from(Object {
        tag: Tag::new("somebody's", "__import__('os').system('rm')", 12),
        node: GroupNode::new()
            .attr("attr", 1.5)
            .member("list", vec![Value::Int(1), Value::from("x"), Value::Null])
            .member(
                "inner",
                Object {
                    tag: Tag::new("", "Other", None),
                    node: DatasetNode::new(Array::new([2], &[1u16, 2]).unwrap()).attr("unit", "m").into(),
                },
            )
            .member("demand", GroupNode::new().member("late", 1).member("later", "two").on_demand())
            .into(),
    });
    let options = lab(|registry| {
        registry.register::<Run3>().unwrap();
    });
    let memory = MemoryFile::new(Vec::new());
    let store = options.create_in(memory.clone()).unwrap();
    store.put_value("x", unknown.clone()).unwrap();
    store.commit().unwrap();
    assert!(store.get::<Run3>("x").unwrap_err().to_string().contains("namespace"));
    assert!(store.get_any("x").unwrap_err().to_string().contains("no registry has the namespace \"somebody's\""));
    // Members on demand are not read, and come along all the same: to another place, and to their own.
    let opened = store.value("x").unwrap();
    store.put_value("copy", opened.clone()).unwrap();
    store.set_value("x", opened).unwrap();
    store.commit().unwrap();
    let whole = |value: &Value| {
        let Value::Object(object) = value else { panic!("an object: {value:?}") };
        let mut group = object.node.clone().into_group().unwrap();
        let demand = group.members.get_mut("demand").unwrap();
        let Value::Node(node) = &*demand else { panic!("a group: {demand:?}") };
        let mut node = node.as_ref().clone().into_group().unwrap();
        assert!(node.on_demand);
        for member in node.members.values_mut() {
            if let Value::Unread(slot) = member {
                *member = slot.read().unwrap();
            }
        }
        *demand = node.into();
        Value::from(Object { tag: object.tag.clone(), node: group.into() })
    };
    let store = StoreOptions::new().read_from(memory.to_vec()).unwrap();
    for name in ["x", "copy"] {
        let found = store.value(name).unwrap();
        let Value::Object(object) = &found else { panic!("an object") };
        let group = object.node.clone().into_group().unwrap();
        let Some(Value::Node(demand)) = group.members.get("demand") else { panic!("a group") };
        let late = demand.as_ref().clone().into_group().unwrap().members;
        assert!(late.values().all(|member| matches!(member, Value::Unread(_))));
        assert_eq!(whole(&found), unknown);
    }
    // The value of a field may be unknown as well.
    #[derive(Persist, Debug, PartialEq)]
    struct Holder {
        what: Value,
    }
    let store = StoreOptions::new().create_in(MemoryFile::new(Vec::new())).unwrap();
    let holder = Holder { what: Value::from(Object { tag: Tag::new("a", "B", 1), node: GroupNode::new().into() }) };
    store.put("h", &holder).unwrap();
    assert_eq!(store.get::<Holder>("h").unwrap(), holder);
}

#[test]
fn values_that_stores_share_are_told_apart() {
    // Two trees with shared values of their own, of which one is read on demand: numbers of identities are the same.
    let id = Identity(0);
    let pair = |text: &str| vec![Value::Shared(id, Box::new(Value::from(text))), Value::Same(id)];
    let (store, other) = (
        StoreOptions::new().create_in(MemoryFile::new(Vec::new())).unwrap(),
        StoreOptions::new().create_in(MemoryFile::new(Vec::new())).unwrap(),
    );
    other.put_value("g", GroupNode::new().member("inner", Value::Seq(pair("theirs"))).on_demand().into()).unwrap();
    let Value::Node(node) = other.value("g").unwrap() else { panic!("a group") };
    let unread = node.into_group().unwrap().take("inner").unwrap();
    assert!(matches!(unread, Value::Unread(_)));
    let mut items = pair("ours");
    items.insert(1, unread);
    store.put_value("x", Value::Seq(items.clone())).unwrap();
    let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    type Loaded = (String, Vec<String>, String);
    let expected: Loaded = ("ours".into(), texts(&["theirs", "theirs"]), "ours".into());
    assert_eq!(store.get::<Loaded>("x").unwrap(), expected);
    let stack = RegistryStack::new();
    assert_eq!(Loading::new(&stack).load::<Loaded>(Value::Tuple(items.clone())).unwrap(), expected);
    store.set_value("x", Value::Seq(items)).unwrap();
    assert_eq!(store.get::<Loaded>("x").unwrap(), expected);
}
