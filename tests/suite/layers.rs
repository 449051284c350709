//! The rules of the code base that a program can check.

use crate::files;
use std::fs;
use std::path::{Path, PathBuf};

/// A layer imports only from layers of a lower rank, or from itself.
const RANKS: &[(&str, u8)] = &[
    ("error", 0),
    ("limits", 0),
    ("sync", 0),
    ("io", 1),
    ("codec", 2),
    ("format", 3),
    ("datatype", 4),
    ("dataspace", 4),
    ("filter", 4),
    ("graph", 5),
    ("dataset", 6),
    ("edit", 7),
    ("check", 8),
    ("api", 9),
];

fn rank(layer: &str) -> Option<u8> {
    RANKS.iter().find(|(name, _)| *name == layer).map(|&(_, rank)| rank)
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// What comes before the tests of a file.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

#[test]
fn layers_import_downwards_only() {
    let root = files::root().join("hdf5-format/src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let mut broken = Vec::new();
    let mut imports = 0;
    for path in paths {
        let name = path.strip_prefix(&root).unwrap();
        let first = name.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        let Some(own) = rank(first) else { continue };
        if name.ends_with("tests.rs") || name.ends_with("testing.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for part in without_tests(&text).split("crate::").skip(1) {
            let layer: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let Some(other) = rank(&layer) else { continue };
            imports += 1;
            if other > own || (other == own && layer != first && own != 0) {
                broken.push(format!("{} imports {layer}", name.display()));
            }
        }
    }
    assert!(imports > 200, "imports are found: {imports}");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_source_file_is_too_long() {
    let mut paths = Vec::new();
    for folder in ["hdf5-format/src", "cli/src"] {
        sources(&files::root().join(folder), &mut paths);
    }
    for path in paths.iter().filter(|p| !p.ends_with("tests.rs")) {
        let lines = without_tests(&fs::read_to_string(path).unwrap()).lines().count();
        assert!(lines <= 800, "{} has {lines} lines", path.display());
    }
}
