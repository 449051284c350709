//! Every fixture written anew: what is in it stays.

use super::is_clean;
use crate::files;
use h5_cli::digest;
use hdf5_format::edit::{Bounds, Version};
use hdf5_format::io::MemoryFile;
use hdf5_format::{File, Filters, Layout, Object, RepackOptions};
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// What of an object's description must stay, whatever the versions of structures.
const KEPT: [&str; 9] = ["kind", "shape", "maxshape", "dtype", "values", "space", "committed", "filters", "attrs"];

fn differences(name: &str, before: &Value, after: &Value) -> Vec<String> {
    let objects = |d: &Value| d["objects"].as_object().cloned().unwrap_or_default();
    let (before_objects, after_objects) = (objects(before), objects(after));
    let mut out = Vec::new();
    for path in before_objects.keys().chain(after_objects.keys()) {
        let (old, new) = (before_objects.get(path), after_objects.get(path));
        for key in KEPT {
            let of = |o: Option<&Value>| o.map(|o| o[key].clone());
            if of(old) != of(new) {
                out.push(format!("{name} {path} {key}: {:?} is now {:?}", of(old), of(new)));
            }
        }
    }
    if before["links"].as_array().map(Vec::len) != after["links"].as_array().map(Vec::len) {
        out.push(format!("{name}: other links"));
    }
    out
}

fn repacked(file: &File, options: &RepackOptions) -> (File, MemoryFile) {
    let memory = MemoryFile::new([]);
    let copy = file.repack_into(memory.clone(), options).unwrap_or_else(|e| panic!("{e}"));
    (copy, memory)
}

#[test]
fn every_fixture_stays_what_it_is() {
    let bounds = |low| RepackOptions::new().bounds(Bounds { low, ..Bounds::default() });
    let all = [RepackOptions::new(), bounds(Version::Earliest), bounds(Version::V18), bounds(Version::V200)];
    let mut wrong = Vec::new();
    for name in files::names() {
        let file = files::open(&name);
        let before = digest::document(&file);
        for options in &all {
            let (copy, memory) = repacked(&file, options);
            wrong.extend(differences(&name, &before, &digest::document(&copy)));
            is_clean(&memory);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn it_tells_how_far_it_is() {
    let file = files::open("layouts_earliest.h5");
    let mut stored = 0;
    for member in file.root().unwrap().iter() {
        if let Ok(Object::Dataset(dataset)) = member.unwrap().object
            && dataset.layout() != Layout::Compact
        {
            stored += dataset.storage_size().unwrap();
        }
    }
    // Chunks as they are, and elements that are stored otherwise.
    for options in [RepackOptions::new(), RepackOptions::new().filters(Filters::new().gzip(1)).chunks([7, 5])] {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        repacked(&file, &options.progress(move |progress| tell.lock().unwrap().push(progress)));
        let told = told.lock().unwrap();
        assert!(told.len() > 5 && told.is_sorted_by_key(|progress| progress.done));
        let last = told.last().unwrap();
        assert!(last.done == stored && last.done < last.total, "{last:?}, {stored} bytes stored");
    }
}

#[test]
fn filters_and_chunks_are_changed() {
    let file = files::open("layouts_latest.h5");
    let options = RepackOptions::new().filters(Filters::new().shuffle().gzip(1)).chunks([7, 5]);
    let (copy, memory) = repacked(&file, &options);
    is_clean(&memory);
    for name in ["contiguous", "chunked", "filtered", "second_unlimited", "implicit"] {
        let (old, new) = (file.dataset(name).unwrap(), copy.dataset(name).unwrap());
        assert_eq!(new.chunks(), Some(&[7, 5][..]), "{name}");
        assert_eq!(new.filters().iter().map(|f| f.id).collect::<Vec<_>>(), [2, 1], "{name}");
        assert_eq!(old.read_vec::<i64>().unwrap(), new.read_vec::<i64>().unwrap(), "{name}");
        assert_eq!(old.maxshape(), new.maxshape(), "{name}");
    }
}

#[test]
fn user_blocks_stay_and_change() {
    let (file, memory) = super::new_file(Version::V110);
    file.root().unwrap().create_group("g").unwrap();
    file.commit().unwrap();
    let file = File::from_bytes(memory.to_vec()).unwrap();
    let (copy, with_block) = repacked(&file, &RepackOptions::new().user_block(1024));
    assert_eq!((copy.user_block(), copy.root().unwrap().keys()), (1024, vec!["g".to_string()]));
    let mut bytes = with_block.to_vec();
    bytes[..5].copy_from_slice(b"hello");
    let file = File::from_bytes(bytes).unwrap();
    let (_, kept) = repacked(&file, &RepackOptions::new());
    assert_eq!(kept.to_vec()[..6], *b"hello\0");
    let (copy, _) = repacked(&file, &RepackOptions::new().user_block(0));
    assert_eq!(copy.user_block(), 0);
}
