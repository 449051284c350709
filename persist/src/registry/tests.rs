#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::stack::Choice;
use super::*;
use crate::types::Dumping;
use crate::value::{GroupNode, Object, Tag, Value};
use crate::{RegistryStack, Store, StoreOptions};
use hdf5_format::io::MemoryFile;

/// What a loader answers: its name.
#[derive(Debug, PartialEq)]
struct Loaded(&'static str);

#[derive(Debug, PartialEq, Clone)]
struct Thing(i64);

fn group(number: i64) -> GroupNode {
    GroupNode::new().attr("number", number)
}

/// A registry of loaders for "Thing" of these versions, each of which answers its version.
fn loaders(versions: &[(LoadVersion, &'static str)]) -> RegistryStack {
    let mut registry = Registry::new("ns");
    for &(version, name) in versions {
        registry.loader("Thing", version, move |_, _| Ok(Loaded(name))).unwrap();
    }
    RegistryStack::new().with(registry).unwrap()
}

fn chosen(stack: &RegistryStack, version: impl Into<Option<i64>>) -> Option<&'static str> {
    let object = Object { tag: Tag::new("ns", "Thing", version), node: group(0).into() };
    let loaded = Loading::new(stack).registered::<Loaded>(Value::from(object));
    loaded.ok().map(|Loaded(name)| name)
}

#[test]
fn loaders_are_asked_in_their_order() {
    use LoadVersion::{All, Any, N, None as Unversioned};
    let order = [(Unversioned, "none"), (All, "all"), (N(2), "two"), (Any, "any")];
    let stack = loaders(&order);
    assert_eq!(chosen(&stack, None), Some("none"));
    assert_eq!(chosen(&stack, 2), Some("all"), "all goes before the loader of the version");
    let stack = loaders(&order[1..]);
    assert_eq!((chosen(&stack, None), chosen(&stack, 2), chosen(&stack, 7)), (Some("all"), Some("all"), Some("all")));
    let stack = loaders(&order[2..]);
    assert_eq!((chosen(&stack, None), chosen(&stack, 2), chosen(&stack, 7)), (Some("any"), Some("two"), Some("any")));
    let stack = loaders(&[order[0], order[2], order[3]]);
    assert_eq!((chosen(&stack, None), chosen(&stack, 2), chosen(&stack, 7)), (Some("none"), Some("two"), Some("any")));
    let stack = loaders(&order[2..3]);
    assert_eq!((chosen(&stack, None), chosen(&stack, 2), chosen(&stack, 7)), (None, Some("two"), None));
    assert_eq!(chosen(&loaders(&order[..1]), 2), None, "a loader for no version is not for a version");
}

#[test]
fn steps_come_after_the_version_and_before_any() {
    let mut registry = Registry::new("ns");
    registry.loader("Thing", 3, |mut node, from| from.load::<i64>(node.take_attr("number")?).map(Thing)).unwrap();
    registry.loader("Thing", 1, |_, _| Ok(Thing(-1))).unwrap();
    registry.loader("Thing", LoadVersion::Any, |_, _| Ok(Thing(-9))).unwrap();
    for from in 0..3 {
        let step = move |mut node: Node| {
            let number: i128 = match node.take_attr("number")? {
                Value::Int(number) => number,
                other => panic!("{other:?}"),
            };
            node.attrs_mut().insert("number".into(), Value::Int(number * 10 + i128::from(from)));
            Ok(node)
        };
        registry.migration("Thing", from, step).unwrap();
    }
    let stack = RegistryStack::new().with(registry).unwrap();
    let load = |version: i64| {
        let object = Object { tag: Tag::new("ns", "Thing", version), node: group(7).into() };
        Loading::new(&stack).registered::<Thing>(Value::from(object)).unwrap()
    };
    assert_eq!(load(3), Thing(7));
    assert_eq!(load(2), Thing(72), "one step");
    assert_eq!(load(1), Thing(-1), "its own loader goes before steps");
    assert_eq!(load(0), Thing(-1), "steps end at the first version with a loader");
    assert_eq!(load(4), Thing(-9), "no step leads on: the loader for any");
}

#[test]
fn a_failing_step_and_a_failing_loader_name_the_object() {
    let fail = || Error::new(ErrorKind::Invalid, "no good");
    let mut registry = Registry::new("ns");
    registry.migration("Thing", 1, move |_| Err(fail())).unwrap();
    registry.loader("Thing", 2, move |_, _| -> Result<Thing> { Err(fail()) }).unwrap();
    let stack = RegistryStack::new().with(registry).unwrap();
    for version in [1, 2] {
        let object = Object { tag: Tag::new("ns", "Thing", version), node: group(7).into() };
        let error = Loading::new(&stack).registered::<Thing>(Value::from(object)).unwrap_err();
        assert!(error.to_string().contains("no good"), "{error}");
        assert_eq!(error.path(), Some(format!("ns/Thing v{version}").as_str()));
    }
}

#[test]
fn errors_tell_what_is_missing() {
    let stack = loaders(&[(LoadVersion::N(1), "one"), (LoadVersion::N(2), "two")]);
    for (tag, why) in [
        (Tag::new("other", "Thing", 1), "no registry has the namespace \"other\""),
        (Tag::new("ns", "Thong", 1), "registry \"ns\" has no loader of the label \"Thong\""),
        (Tag::new("ns", "Thing", 3), "no loader of \"Thing\" is for version 3; there are 1, 2"),
        (Tag::new("ns", "Thing", None), "no loader of \"Thing\" is for version none; there are 1, 2"),
    ] {
        let object = Object { tag, node: group(0).into() };
        let error = Loading::new(&stack).registered::<Loaded>(Value::from(object)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let error = Loading::new(&stack).registered::<Loaded>(Value::Int(1)).unwrap_err().to_string();
    assert!(error.contains("expected an object, found an integer"), "{error}");
    let known = stack.choose(&Tag::new("ns", "Thing", 9));
    assert!(matches!(known, Choice::NoLoader(versions) if versions == [LoadVersion::N(1), LoadVersion::N(2)]));
}

/// Dumpers without version and of the versions 1 and 2.
fn dumpers(versions: &[DumpVersion]) -> RegistryStack {
    let mut registry = Registry::new("ns");
    for &version in versions {
        registry.dumper::<Thing, _>("Thing", version, |thing, _| Ok(group(thing.0))).unwrap();
    }
    RegistryStack::new().with(registry).unwrap()
}

fn version_of(stack: &RegistryStack) -> Option<i64> {
    match Dumping::new(stack).registered(&Thing(1)).unwrap() {
        Value::Object(object) => object.tag.version,
        other => panic!("{other:?}"),
    }
}

#[test]
fn dumpers_are_taken_in_their_order() {
    use DumpVersion::{N, None as Unversioned};
    let mut stack = dumpers(&[N(1), N(10), N(2)]);
    assert_eq!(version_of(&stack), Some(10), "the latest");
    stack.lock_version::<Thing>(1).unwrap();
    assert_eq!(version_of(&stack), Some(1), "the locked one");
    stack.lock_version::<Thing>(2).unwrap();
    assert_eq!(version_of(&stack), Some(2));
    stack.unlock_version::<Thing>();
    assert_eq!(version_of(&stack), Some(10));
    let mut stack = dumpers(&[N(1), Unversioned, N(2)]);
    assert_eq!(version_of(&stack), None, "the one without version goes before the latest");
    stack.lock_version::<Thing>(2).unwrap();
    assert_eq!(version_of(&stack), Some(2));
    stack.lock_version::<Thing>(Unversioned).unwrap();
    assert_eq!(version_of(&stack), None);
}

#[test]
fn locks_on_what_is_not_there_fail_at_once() {
    let mut stack = dumpers(&[DumpVersion::N(1), DumpVersion::N(2)]);
    let error = stack.lock_version::<Thing>(9).unwrap_err().to_string();
    assert!(error.contains("Thing has no dumper of version 9; there are 1, 2"), "{error}");
    let error = stack.lock_version::<Thing>(DumpVersion::None).unwrap_err().to_string();
    assert!(error.contains("version none"), "{error}");
    let error = stack.lock_version::<Loaded>(1).unwrap_err().to_string();
    assert!(error.contains("no registry dumps") && error.contains("Loaded"), "{error}");
    assert_eq!(version_of(&stack), Some(2), "a lock that fails locks nothing");
}

#[test]
fn nothing_is_registered_after_freezing() {
    let mut registry = Registry::new("ns");
    registry.loader("Thing", 1, |_, _| Ok(Loaded("one"))).unwrap();
    assert!(!registry.is_frozen());
    registry.freeze();
    assert!(registry.is_frozen());
    let errors = [
        registry.dumper::<Thing, _>("Thing", 1, |thing, _| Ok(group(thing.0))).err(),
        registry.loader("Thing", 2, |_, _| Ok(Loaded("two"))).err(),
        registry.migration("Thing", 1, Ok).err(),
    ];
    for error in errors {
        assert!(error.expect("it fails").to_string().contains("registry \"ns\" is frozen: \"Thing\" is not added"));
    }
    assert_eq!(registry.labels(), ["Thing"]);
    let stack = RegistryStack::new().with(registry).unwrap();
    assert_eq!((chosen(&stack, 1), chosen(&stack, 2)), (Some("one"), None));
}

#[test]
fn a_version_is_registered_once() {
    let mut registry = Registry::new("ns");
    registry.dumper::<Thing, _>("Thing", 1, |thing, _| Ok(group(thing.0))).unwrap();
    registry.loader("Thing", LoadVersion::Any, |_, _| Ok(Loaded("any"))).unwrap();
    registry.migration("Thing", 1, Ok).unwrap();
    let error = registry.dumper::<Thing, _>("Other", 1, |thing, _| Ok(group(thing.0))).err().unwrap().to_string();
    assert!(error.contains("has a dumper for") && error.contains("of version 1"), "{error}");
    let error = registry.loader("Thing", LoadVersion::Any, |_, _| Ok(Loaded("any"))).err().unwrap().to_string();
    assert!(error.contains("has a loader for Thing of version any"), "{error}");
    assert!(registry.migration("Thing", 1, Ok).is_err());
    let stack = RegistryStack::new().with(registry).unwrap();
    assert!(stack.with(Registry::new("ns")).err().unwrap().to_string().contains("\"ns\""));
}

#[test]
fn the_first_registry_that_has_a_type_dumps_it() {
    let with = |name: &str, version: i64| {
        let mut registry = Registry::new(name);
        registry.dumper::<Thing, _>("Thing", version, |thing, _| Ok(group(thing.0))).unwrap();
        registry
    };
    let stack = RegistryStack::new().with(Registry::new("empty")).unwrap();
    let stack = stack.with(with("first", 1)).unwrap().with(with("second", 2)).unwrap();
    assert_eq!(stack.registries().map(Registry::namespace).collect::<Vec<_>>(), ["empty", "first", "second"]);
    let Value::Object(object) = Dumping::new(&stack).registered(&Thing(1)).unwrap() else { panic!("an object") };
    assert_eq!(object.tag, Tag::new("first", "Thing", 1));
}

fn store(stack: &RegistryStack) -> Store {
    StoreOptions::new().registries(stack.clone()).create_in(MemoryFile::new(Vec::new())).unwrap()
}

#[test]
fn migrations_change_what_is_nested_and_leave_the_rest() {
    let mut registry = Registry::new("ns");
    for from in [1, 2] {
        let step = move |mut node: Node| {
            node.attrs_mut().insert(format!("step{from}"), Value::Bool(true));
            Ok(node)
        };
        registry.migration("Thing", from, step).unwrap();
    }
    let stack = RegistryStack::new().with(registry).unwrap();
    let thing = |version: i64, inner: Option<Value>| {
        let node = inner.into_iter().fold(group(version), |node, value| node.member("inner", value));
        Value::from(Object { tag: Tag::new("ns", "Thing", version), node: node.into() })
    };
    let store = store(&stack);
    let other = Value::from(Object { tag: Tag::new("else", "Thing", 1), node: group(1).into() });
    let list = Value::Seq(vec![thing(2, None), Value::Null, thing(3, None)]);
    let demand = GroupNode::new().member("late", thing(1, None)).on_demand();
    store.put_value("a", thing(1, Some(thing(2, None)))).unwrap();
    store.put_value("b", Value::from(GroupNode::new().member("list", list))).unwrap();
    store.put_value("c", other.clone()).unwrap();
    store.put_value("d", Value::from(demand)).unwrap();
    let planned = store.migrations().unwrap();
    let mut paths: Vec<(&str, Option<i64>)> = planned.iter().map(|m| (m.path.as_str(), m.from.version)).collect();
    paths.sort();
    assert_eq!(paths, [("/a", Some(1)), ("/a/inner", Some(2)), ("/b/list/0", Some(2)), ("/d/late", Some(1))]);
    assert!(planned.iter().all(|m| m.to == Tag::new("ns", "Thing", 3)));
    assert_eq!(store.tag("a").unwrap().unwrap().version, Some(1), "planning changes nothing");

    let mut done = store.migrate().unwrap();
    let mut planned = planned;
    done.sort_by(|a, b| a.path.cmp(&b.path));
    planned.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(done, planned);
    assert!(store.migrations().unwrap().is_empty());
    let steps = |path: &str| {
        let handle = store.object(path).unwrap();
        (handle.get::<bool>("step1").is_ok(), handle.get::<bool>("step2").is_ok())
    };
    assert_eq!((steps("a"), steps("a/inner"), steps("b/list/0")), ((true, true), (false, true), (false, true)));
    assert_eq!((steps("b/list/2"), steps("d/late")), ((false, false), (true, true)));
    assert_eq!(store.value("c").unwrap(), other);
    let Value::Node(node) = store.value("d").unwrap() else { panic!("a group") };
    assert!(node.into_group().unwrap().on_demand);
}

#[test]
fn a_migration_that_fails_leaves_everything_as_it_was() {
    let mut registry = Registry::new("ns");
    let step = |node: Node| match node.attrs().get("number") {
        Some(Value::Int(2)) => Err(Error::new(ErrorKind::Invalid, "not this one")),
        _ => Ok(GroupNode::new().into()),
    };
    registry.migration("Thing", 1, step).unwrap();
    let store = store(&RegistryStack::new().with(registry).unwrap());
    let things: Vec<Value> = (1..=2)
        .map(|number| Value::from(Object { tag: Tag::new("ns", "Thing", 1), node: group(number).into() }))
        .collect();
    store.put_value("a", things[0].clone()).unwrap();
    store.put_value("b", things[1].clone()).unwrap();
    store.commit().unwrap();
    let error = store.migrate().unwrap_err();
    assert!(error.to_string().contains("not this one"), "{error}");
    assert_eq!(error.path(), Some("/b"));
    assert_eq!((store.value("a").unwrap(), store.value("b").unwrap()), (things[0].clone(), things[1].clone()));
}
