//! Every fixture against libhdf5's answer.

use crate::files;
use h5_cli::digest;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Differences between two documents: every key that libhdf5's answer has must be there and equal.
fn compare(path: &str, expected: &Value, found: &Value, out: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let missing = Value::Null;
            for (key, value) in expected {
                compare(&format!("{path}.{key}"), value, found.get(key).unwrap_or(&missing), out);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| compare(&format!("{path}[{i}]"), a, b, out));
        }
        (a, b) if a == b => {}
        (a, b) => out.push(format!("{path}: expected {a}, found {b}")),
    }
}

fn sorted_links(document: &Value) -> Value {
    let mut links = document["links"].as_array().unwrap().clone();
    links.sort_by_key(|link| link["path"].to_string());
    Value::Array(links)
}

#[test]
fn agree_with_libhdf5() {
    let mut differences = Vec::new();
    let mut compared = 0;
    for name in files::names() {
        let answer = files::root().join(format!("fixtures/expected/{name}.json"));
        let document = digest::document(&files::open(&name));
        assert_eq!(document["status"], "ok", "{name}: {}", document["errors"]);
        let Ok(answer) = std::fs::read_to_string(answer) else { continue };
        let expected: Value = serde_json::from_str(&answer).unwrap();
        compared += 1;
        let paths = |d: &Value| d["objects"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(paths(&expected), paths(&document), "{name}");
        for (path, object) in expected["objects"].as_object().unwrap() {
            let found = &document["objects"][path];
            compare(&format!("{name} {path}"), object, found, &mut differences);
            let attributes = |o: &Value| o["attrs"].as_object().map(Map::len);
            assert_eq!(attributes(object), attributes(found), "{name} {path}");
        }
        compare(&format!("{name} links"), &sorted_links(&expected), &sorted_links(&document), &mut differences);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared >= 35, "{compared} fixtures have an answer");
}

#[test]
fn are_the_files_of_the_manifest() {
    let manifest = std::fs::read_to_string(files::root().join("fixtures/manifest.json")).unwrap();
    let manifest: Vec<Value> = serde_json::from_str(&manifest).unwrap();
    assert!(manifest.len() > 40);
    for entry in manifest {
        let name = entry["name"].as_str().unwrap();
        let sum = Sha256::digest(std::fs::read(files::folder().join(name)).unwrap());
        let sum: String = sum.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(entry["sha256"], sum, "{name}");
    }
}

/// libhdf5 2.0 does not read this file; what was written is known from the script that made it.
#[test]
fn a_cache_image_is_read() {
    let file = files::open("cache_image.h5");
    for i in 0..20 {
        let dataset = file.dataset(format!("g{i}/x")).unwrap();
        assert_eq!(dataset.read_vec::<i32>().unwrap(), [0, 7, 14, 21, 28, 35]);
        assert_eq!(dataset.attr::<i64>("a").unwrap(), i);
    }
}

#[test]
fn members_of_a_family_and_a_split_file_are_joined() {
    let family: Vec<i32> = files::open("family_0.h5").dataset("x").unwrap().read_vec().unwrap();
    assert_eq!(family, (0..1500).map(|i| i * 7 % 1001).collect::<Vec<_>>());
    let split: Vec<i32> = files::open("split.h5-m.h5").dataset("x").unwrap().read_vec().unwrap();
    assert_eq!(split, (0..100).map(|i| i * 7 % 1001).collect::<Vec<_>>());
    let editing = hdf5_format::File::open_rw(files::folder().join("split.h5-m.h5")).err().unwrap();
    assert_eq!(editing.kind(), hdf5_format::ErrorKind::Unsupported, "{editing}");
    assert!(editing.to_string().contains("h5 repack"), "{editing}");
}

#[test]
fn other_files_are_opened_only_if_allowed() {
    use hdf5_format::{ErrorKind, File};
    for (name, path) in [("groups_new.h5", "external"), ("external.h5", "x"), ("virtual_latest.h5", "parts")] {
        let closed = File::open(files::folder().join(name)).unwrap();
        let denied = closed.dataset(path).and_then(|d| d.read_vec::<i32>()).unwrap_err();
        assert_eq!(denied.kind(), ErrorKind::Denied, "{name}: {denied}");
        assert!(files::open(name).dataset(path).unwrap().read_vec::<i32>().is_ok(), "{name}");
    }
    assert!(File::open(files::folder().join("family_0.h5")).is_err());
}
