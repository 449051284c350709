//! Objects copied within files and between them.

use super::{integers, is_clean, new_file, text};
use crate::files;
use hdf5_format::codec::Sizes;
use hdf5_format::edit::{CopyStyle, Version};
use hdf5_format::format::message::datatype::Datatype;
use hdf5_format::{File, Reference, Value};

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
