//! Objects copied within files and between them.

use super::{integers, is_clean, new_file, text};
use crate::files;
use hdf5_format::check::{CheckOptions, Code};
use hdf5_format::codec::{Address, Sizes};
use hdf5_format::edit::{CopyStyle, Version};
use hdf5_format::format::message::datatype::Datatype;
use hdf5_format::io::{ExternalKind, ExternalPolicy, MemoryFile, Resolver, Storage};
use hdf5_format::{Error, ErrorKind, File, Group, LinkKind, Reference, Result, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A group with an object of each kind, linked and referred to.
fn sample(file: &File) {
    let root = file.root().unwrap();
    let group = root.create_group("group").unwrap();
    let data = group.new_dataset(integers()).shape([3]).create("data").unwrap();
    data.write_values(.., &[1, 2, 3].map(Value::Int)).unwrap();
    let words = group.new_dataset(text()).shape([2]).chunks([2]).create("words").unwrap();
    words.write_values(.., &["first", "second"].map(|w| Value::String(w.into()))).unwrap();
    let kind = group.commit_datatype("kind", &integers()).unwrap();
    group.new_dataset(integers()).committed(&kind).create("of kind").unwrap();
    group.link_object("data again", &data).unwrap();
    group.link_path("soft", "/group/data").unwrap();
    group.link_external("elsewhere", "other.h5", "/x").unwrap();
    group.link_object("itself", &group).unwrap();
    let references = Datatype::object_reference(Sizes::EIGHT);
    let targets = [data.address(), root.address(), group.address()];
    let values = targets.map(|target| Value::Reference(Reference::Object(target)));
    group.set_attr_values("targets", &references, Some(&[3]), &values).unwrap();
    file.commit().unwrap();
}

fn targets(file: &File, path: &str) -> Vec<Value> {
    file.group(path).unwrap().attribute("targets").unwrap().read_values().unwrap()
}

#[test]
fn a_copy_has_all_that_the_original_has() {
    for low in [Version::Earliest, Version::V200] {
        let (file, memory) = new_file(low);
        sample(&file);
        let root = file.root().unwrap();
        root.copy("group", "copy").unwrap();
        file.commit().unwrap();
        is_clean(&memory);
        let (old, new) = (file.group("group").unwrap(), file.group("copy").unwrap());
        assert_eq!(old.keys(), new.keys());
        assert_eq!(new.dataset("data").unwrap().read_vec::<i32>().unwrap(), [1, 2, 3]);
        assert_eq!(new.dataset("words").unwrap().read_vec::<String>().unwrap(), ["first", "second"]);
        let address = |path: &str| file.get(path).unwrap().info().address();
        assert_eq!(address("copy/data"), address("copy/data again"));
        assert_ne!(address("copy/data"), address("group/data"));
        assert_eq!(address("copy/itself"), address("copy"));
        assert_eq!(new.dataset("of kind").unwrap().committed_datatype(), Some(address("copy/kind")));
        // Within a file references lead where they led.
        assert_eq!(targets(&file, "group"), targets(&file, "copy"));
        // What is done to one is not done to the other.
        new.dataset("data").unwrap().write_values(.., &[7, 8, 9].map(Value::Int)).unwrap();
        root.delete("group").unwrap();
        file.commit().unwrap();
        assert_eq!(new.dataset("words").unwrap().read_vec::<String>().unwrap(), ["first", "second"]);
        let kind = new.named_datatype("kind").unwrap();
        assert_eq!(kind.reference_count(), 2);
    }
}

#[test]
fn a_copy_that_is_without_its_committed_type_gets_one_without_a_name() {
    let (file, memory) = new_file(Version::V110);
    sample(&file);
    let root = file.root().unwrap();
    root.copy("group/of kind", "copy").unwrap();
    file.commit().unwrap();
    let original = file.named_datatype("group/kind").unwrap();
    let copied = file.dataset("copy").unwrap().committed_datatype();
    assert!(copied.is_some() && copied != Some(original.address()));
    assert_eq!(original.reference_count(), 2, "the copy does not count");
    is_clean(&memory);
    root.delete("copy").unwrap();
    file.commit().unwrap();
    is_clean(&memory);
}

#[test]
fn references_lead_to_copies_in_another_file() {
    let (source, _) = new_file(Version::V110);
    sample(&source);
    let (target, memory) = new_file(Version::V18);
    let root = target.root().unwrap();
    let group = source.group("group").unwrap();
    root.copy_object(&group, "here", &CopyStyle::default()).unwrap();
    target.commit().unwrap();
    is_clean(&memory);
    let address = |path: &str| Value::Reference(Reference::Object(target.get(path).unwrap().info().address()));
    // The root was not copied.
    let expected = [address("here/data"), Value::Reference(Reference::Null), address("here")];
    assert_eq!(targets(&target, "here"), expected);
    let mut style = CopyStyle::default();
    (style.shallow, style.without_attributes) = (true, true);
    root.copy_object(&source.root().unwrap(), "shallow", &style).unwrap();
    assert!(target.group("shallow/group").unwrap().is_empty().unwrap());
    assert!(target.group("shallow/group").unwrap().attribute("targets").is_err());
}

/// Opens files in memory by their names, and counts how often.
#[derive(Default)]
struct Named {
    files: BTreeMap<&'static str, Vec<u8>>,
    opened: AtomicUsize,
}

impl Resolver for Named {
    fn resolve(&self, _: ExternalKind, name: &str) -> Result<Arc<dyn Storage>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let bytes = self.files.get(name).ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no file {name}")))?;
        Ok(Arc::new(MemoryFile::new(bytes.clone())))
    }
}

/// A file whose links and references lead out of `group`, and the one that it names.
fn branching() -> (File, Arc<Named>) {
    let numbers = |group: &Group, name: &str, values: &[i32]| {
        let data = group.new_dataset(integers()).shape([values.len() as u64]).create(name).unwrap();
        data.write(values).unwrap();
        data
    };
    let references = Datatype::object_reference(Sizes::EIGHT);
    let refer = |object: &hdf5_format::ObjectInfo, to: &[Address]| {
        let values: Vec<Value> = to.iter().map(|&to| Value::Reference(Reference::Object(to))).collect();
        object.set_attr_values("to", &references, Some(&[to.len() as u64]), &values).unwrap();
    };
    let (other, other_memory) = new_file(Version::V110);
    let root = other.root().unwrap();
    let group = root.create_group("group").unwrap();
    refer(&group, &[numbers(&root, "x", &[1, 2, 3]).address()]);
    group.link_path("x", "/x").unwrap();
    group.link_external("back", "main.h5", "/group").unwrap();
    other.commit().unwrap();

    let (file, memory) = new_file(Version::V110);
    let root = file.root().unwrap();
    let group = root.create_group("group").unwrap();
    let inside = numbers(&group, "inside", &[4]);
    let outside = numbers(&root, "outside", &[5, 6]);
    let far = root.create_group("far").unwrap();
    numbers(&far, "deep", &[7]);
    refer(&outside, &[far.address(), group.address()]);
    refer(&group, &[outside.address(), inside.address()]);
    for (name, path) in [("s in", "inside"), ("s out", "/outside"), ("s self", "/group"), ("s none", "/none")] {
        group.link_path(name, path).unwrap();
    }
    for (name, path) in [("e", "/x"), ("e again", "/x"), ("e group", "/group"), ("e none", "/none")] {
        group.link_external(name, "other.h5", path).unwrap();
    }
    group.link_external("e no file", "none.h5", "/").unwrap();
    file.commit().unwrap();
    let files = BTreeMap::from([("other.h5", other_memory.to_vec()), ("main.h5", memory.to_vec())]);
    let named = Arc::new(Named { files, ..Named::default() });
    let options = File::options().external(ExternalPolicy::Resolver(named.clone()));
    (options.from_bytes(memory.to_vec()).unwrap(), named)
}

/// Copies `group` into a new file.
fn expanded(change: impl FnOnce(&mut CopyStyle)) -> (File, MemoryFile) {
    let (source, _) = branching();
    let (target, memory) = new_file(Version::V110);
    let mut style = CopyStyle::default();
    change(&mut style);
    target.root().unwrap().copy_object(&source.group("group").unwrap(), "copy", &style).unwrap();
    target.commit().unwrap();
    is_clean(&memory);
    let report = File::from_bytes(memory.to_vec()).unwrap().check(CheckOptions::new().data(true));
    assert!(report.findings.iter().all(|f| f.code == Code::Unused), "{:?}", report.findings);
    (target, memory)
}

fn link(file: &File, path: &str) -> LinkKind {
    let (group, name) = path.rsplit_once('/').unwrap();
    file.group(group).unwrap().link(name).unwrap().kind
}

fn is_soft(file: &File, path: &str) -> bool {
    matches!(link(file, path), LinkKind::Soft(_))
}

fn is_external(file: &File, path: &str) -> bool {
    matches!(link(file, path), LinkKind::External { .. })
}

#[test]
fn soft_links_are_expanded() {
    let (file, _) = expanded(|style| style.expand_soft = true);
    let address = |path: &str| file.get(path).unwrap().info().address();
    assert_eq!(address("copy/s in"), address("copy/inside"));
    assert_eq!(address("copy/s self"), address("copy"));
    assert_eq!(file.dataset("copy/s out").unwrap().read_vec::<i32>().unwrap(), [5, 6]);
    assert!(is_soft(&file, "copy/s none") && is_external(&file, "copy/e"));
    // What was copied for a link is referred to.
    let expected = ["copy/s out", "copy/inside"].map(|path| Value::Reference(Reference::Object(address(path))));
    assert_eq!(file.group("copy").unwrap().attribute("to").unwrap().read_values().unwrap(), expected);
}

#[test]
fn external_links_are_expanded() {
    let (file, _) = expanded(|style| style.expand_external = true);
    let address = |path: &str| file.get(path).unwrap().info().address();
    assert_eq!(file.dataset("copy/e").unwrap().read_vec::<i32>().unwrap(), [1, 2, 3]);
    assert_eq!(address("copy/e"), address("copy/e again"));
    assert!(is_soft(&file, "copy/s in") && is_soft(&file, "copy/e group/x"));
    assert!(is_external(&file, "copy/e none") && is_external(&file, "copy/e no file"));
    // Files that name each other end where files may no longer name others.
    assert_eq!(file.dataset("copy/e group/back/inside").unwrap().read_vec::<i32>().unwrap(), [4]);
    let around = "/e group/back".repeat(4);
    assert!(is_external(&file, &format!("copy{around}/e")), "{around}");
    let (file, _) = expanded(|style| (style.expand_soft, style.expand_external, style.shallow) = (true, true, true));
    assert_eq!(file.dataset("copy/s out").unwrap().read_vec::<i32>().unwrap(), [5, 6]);
    assert!(file.group("copy/e group").unwrap().is_empty().unwrap());
}

#[test]
fn files_are_opened_once_and_only_if_allowed() {
    let (source, named) = branching();
    let mut style = CopyStyle::default();
    style.expand_external = true;
    let (target, _) = new_file(Version::V110);
    target.root().unwrap().copy_object(&source.group("group").unwrap(), "copy", &style).unwrap();
    // One after the other to the greatest depth, and the missing file from each that names it.
    assert_eq!(named.opened.load(Ordering::Relaxed), 8 + 4);
    let closed = File::from_bytes(named.files["main.h5"].clone()).unwrap();
    let (target, memory) = new_file(Version::V110);
    let error = target.root().unwrap().copy_object(&closed.group("group").unwrap(), "copy", &style).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    target.rollback().unwrap();
    target.commit().unwrap();
    is_clean(&memory);
}

#[test]
fn what_is_referred_to_is_copied() {
    let (file, _) = expanded(|style| style.expand_references = true);
    let to = |object: &hdf5_format::ObjectInfo| match &object.attribute("to").unwrap().read_values().unwrap()[..] {
        [Value::Reference(Reference::Object(a)), Value::Reference(Reference::Object(b))] => [*a, *b],
        other => panic!("{other:?}"),
    };
    let address = |path: &str| file.get(path).unwrap().info().address();
    let [outside, inside] = to(&file.group("copy").unwrap());
    assert_eq!(inside, address("copy/inside"));
    let outside = file.dataset(format!("~obj_pointed_by_{}", outside.0)).unwrap();
    assert_eq!(outside.read_vec::<i32>().unwrap(), [5, 6]);
    let [far, group] = to(&outside);
    assert_eq!(group, address("copy"));
    let deep = file.dataset(format!("~obj_pointed_by_{}/deep", far.0)).unwrap();
    assert_eq!(deep.read_vec::<i32>().unwrap(), [7]);
    assert_eq!(file.root().unwrap().keys().len(), 3);
    // Without, they are null; of objects in other files too.
    let (file, _) = expanded(|style| style.expand_external = true);
    let values = file.group("copy/e group").unwrap().attribute("to").unwrap().read_values().unwrap();
    assert_eq!(values, [Value::Reference(Reference::Object(file.get("copy/e").unwrap().info().address()))]);
}

#[test]
fn every_dataset_of_the_fixtures_is_copied() {
    let mut copied = 0;
    for name in files::names() {
        let source = files::open(&name);
        let (target, memory) = new_file(Version::Earliest);
        let root = target.root().unwrap();
        let style = CopyStyle::default();
        if source.superblock().sizes != Sizes::EIGHT {
            continue;
        }
        for member in source.root().unwrap().iter().filter_map(Result::ok) {
            let Ok(object) = member.object else { continue };
            let path = member.link.display_name();
            root.copy_object(object.info(), &path, &style).unwrap_or_else(|e| panic!("{name}: {e}"));
            if let (Ok(old), Ok(new)) = (source.dataset(&path), target.dataset(&path)) {
                if !old.external_files().unwrap().is_empty() {
                    continue;
                }
                let references = hdf5_format::datatype::contains_reference(old.dtype());
                let same = old.read_raw(..).ok() == new.read_raw(..).ok();
                let whole = old.read_values(..).ok() == new.read_values(..).ok();
                assert!(
                    references || same || whole || old.virtual_mappings().is_ok_and(|m| !m.is_empty()),
                    "{name} {path}"
                );
                copied += 1;
            }
        }
        target.commit().unwrap();
        is_clean(&memory);
    }
    assert!(copied > 100, "{copied}");
}
