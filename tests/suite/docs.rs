//! What the documents say: the tests that they name are there.

use crate::files;
use std::fs;
use std::path::Path;

/// True if a file or a folder holds tests.
fn has_tests(path: &Path) -> bool {
    let within = |path: &Path| fs::read_to_string(path).is_ok_and(|text| text.contains("#[test]"));
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().any(|entry| has_tests(&entry.path())),
        Err(_) => within(path),
    }
}

/// A module of the library as a path: its file, its folder, or a file of its tests.
fn module_has_tests(name: &str) -> bool {
    let module = name.trim_end_matches("::tests").replace("::", "/");
    let base = files::root().join("hdf5-format/src").join(module);
    has_tests(&base) || has_tests(&base.with_extension("rs"))
}

fn fixture(pattern: &str) -> bool {
    let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
    let fits =
        |name: &str| name.starts_with(start) && name.ends_with(end) && (pattern.contains('*') || name == pattern);
    let mut entries = fs::read_dir(files::folder()).unwrap().flatten();
    entries.any(|entry| fits(&entry.file_name().to_string_lossy()))
}

/// True if there is what a row of docs/capabilities.md names as a test.
fn is_there(name: &str) -> bool {
    let root = files::root();
    let suite =
        |name: &str| fs::read_to_string(root.join("tests/suite/fixtures.rs")).unwrap().contains(&format!("fn {name}("));
    match name {
        "edit" => has_tests(&root.join("tests/suite/edit")),
        _ if name.ends_with(".h5") => fixture(name),
        _ if name.starts_with("golden/") => root.join("hdf5-format/src/filter").join(name).exists(),
        _ if name.ends_with(".py") => root.join(name).exists(),
        _ if name.contains('/') => has_tests(&root.join(name)),
        _ => module_has_tests(name) || suite(name),
    }
}

#[test]
fn each_capability_has_a_test() {
    let text = fs::read_to_string(files::root().join("docs/capabilities.md")).unwrap();
    let rows =
        text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| part") && !line.starts_with("| ---"));
    let (mut wrong, mut named) = (Vec::new(), 0);
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [part, read, write, edit, tests] = cells[..] else { panic!("{row}") };
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && [read, write, edit].iter().any(|cell| !matches!(*cell, "no" | "-")) {
            wrong.push(format!("{part}: no test"));
        }
        wrong.extend(names.iter().filter(|name| !is_there(name)).map(|name| format!("{part}: {name} is not there")));
        named += names.len();
    }
    assert!(wrong.is_empty() && named > 80, "{named} tests named\n{}", wrong.join("\n"));
    assert!(!is_there("nothing.h5") && !is_there("graph::nothing::tests") && !is_there("tests/suite/nothing.rs"));
}
