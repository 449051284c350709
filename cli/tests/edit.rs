//! The commands that change files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder that goes at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("h5-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// A folder with `data.h5`: `/run1/temperature`, `/run1/station`, a group with a link, all made by `h5 demo`.
    fn with_demo(name: &str) -> Self {
        let folder = Folder::new(name);
        folder.text(&["demo", "data.h5"]);
        folder
    }

    fn h5(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_h5")).args(args).env("NO_COLOR", "1").current_dir(&self.0).output().unwrap()
    }

    /// What is printed on standard output; nothing may be on the other one.
    fn text(&self, args: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.h5(args);
        let said = String::from_utf8_lossy(&stderr);
        assert!(status.success() && said.is_empty(), "{args:?}: {said}");
        String::from_utf8(stdout).unwrap()
    }

    fn fails(&self, args: &[&str], part: &str) {
        let output = self.h5(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(part), "{args:?}: {said}");
    }

    fn write(&self, name: &str, lines: &[&str]) {
        std::fs::write(self.0.join(name), lines.join("\n")).unwrap();
    }

    fn length(&self, name: &str) -> u64 {
        std::fs::metadata(self.0.join(name)).unwrap().len()
    }

    /// The names in the folder.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn links_and_groups_are_made_moved_and_taken_away() {
    let folder = Folder::with_demo("links");
    folder.text(&["mkdir", "-p", "data.h5", "/a/b/c", "/d"]);
    folder.fails(&["mkdir", "data.h5", "/d"], "there is a link");
    folder.fails(&["mkdir", "data.h5", "/x/y"], "x");
    folder.text(&["mv", "data.h5", "/run1/temperature", "/a/b/t"]);
    folder.text(&["ln", "data.h5", "/a/b/t", "/hard"]);
    folder.text(&["ln", "data.h5", "/a/b/t", "/soft", "--soft"]);
    folder.text(&["ln", "data.h5", "/x", "/there", "--external", "other.h5"]);
    folder.text(&["rm", "data.h5", "/a/b/c", "/run1@missing", "--force"]);
    folder.fails(&["rm", "data.h5", "/a/b/c"], "no link");
    let tree = folder.text(&["tree", "data.h5"]);
    for line in ["soft -> /a/b/t", "there -> other.h5::/x", "hard  (24, 4) f64le", "t  (24, 4) f64le"] {
        assert!(tree.lines().any(|l| l.contains(line)), "{line} is missing\n{tree}");
    }
    assert!(!tree.contains("temperature") && !tree.contains("── c"), "{tree}");
    folder.text(&["check", "data.h5", "--data"]);
}

#[test]
fn a_command_that_fails_changes_nothing() {
    let folder = Folder::with_demo("whole");
    let before = std::fs::read(folder.0.join("data.h5")).unwrap();
    folder.fails(&["mkdir", "data.h5", "/new", "/run1"], "there is a link");
    folder.fails(&["rm", "data.h5", "/run1", "/nothing"], "nothing");
    folder.fails(&["set", "data.h5::/run1/temperature[0:2]", "[1, 2, 3]"], "");
    assert!(std::fs::read(folder.0.join("data.h5")).unwrap() == before);
}

#[test]
fn values_and_attributes_are_set() {
    let folder = Folder::with_demo("set");
    let set = |target: &str, value: &str, more: &[&str]| {
        folder.text(&[&["set", &format!("data.h5::{target}"), value], more].concat());
    };
    let attribute = |name: &str| folder.text(&["attrs", "data.h5", "/run1", "--name", name]);
    for (value, more, printed) in [
        ("kelvin", &[][..], "kelvin\n"),
        ("2.5", &["--type", "f32"], "2.5\n"),
        ("[[1, 2], [3, 4]]", &[], "1\n2\n3\n4\n"),
        ("true", &[], "true\n"),
    ] {
        let name = format!("made by {value}");
        set(&format!("/run1@{name}"), value, more);
        assert_eq!(attribute(&name), printed);
    }
    assert!(folder.text(&["attrs", "data.h5", "/run1"]).contains("made by 2.5 = 2.5  f32le"));
    folder.text(&["mv", "data.h5", "/run1@made by true", "@truth"]);
    assert_eq!(attribute("truth"), "true\n");
    folder.text(&["rm", "data.h5", "/run1@truth"]);
    folder.fails(&["attrs", "data.h5", "/run1", "--name", "truth"], "truth");
    set("/run1/temperature[0:2, 1]", "[7, 8.5]", &[]);
    set("/run1/temperature[2]", "-1", &[]);
    assert_eq!(folder.text(&["cat", "data.h5::/run1/temperature[0:3, 1:3]"]), "7 5.7\n8.5 7.1\n-1 -1\n");
    folder.fails(&["set", "data.h5::/run1@units", "1", "--type", "i7"], "is no type");
    folder.fails(&["set", "data.h5::/run1@mixed", "[1, \"a\"]"], "different kinds");
}

#[test]
fn objects_are_copied_within_a_file_and_to_others() {
    let folder = Folder::with_demo("cp");
    folder.text(&["cp", "data.h5::/run1", "/run2"]);
    folder.text(&["cp", "data.h5::/run1/temperature", "other.h5::/deep/below/t", "--parents"]);
    folder.text(&["cp", "data.h5::/run1", "other.h5::/run1", "--no-attrs"]);
    let values = folder.text(&["cat", "data.h5", "/run1/temperature"]);
    for (file, path) in
        [("data.h5", "/run2/temperature"), ("other.h5", "/deep/below/t"), ("other.h5", "/run1/temperature")]
    {
        assert_eq!(folder.text(&["cat", file, path]), values, "{file} {path}");
        folder.text(&["check", file, "--data"]);
    }
    assert_ne!(folder.text(&["attrs", "data.h5", "/run1/temperature"]), "");
    assert_eq!(folder.text(&["attrs", "other.h5", "/run1/temperature"]), "");
    folder.fails(&["cp", "/run1", "/run2"], "expected FILE::PATH");
    folder.fails(&["cp", "data.h5::/run1", "new.h5::/no/parents"], "no");
    assert_eq!(folder.names(), ["data.h5", "other.h5"], "nothing is left of a new file");
}

#[test]
fn copies_take_the_place_of_links() {
    let folder = Folder::with_demo("expand");
    folder.text(&["mkdir", "data.h5", "/links"]);
    folder.text(&["ln", "data.h5", "/run1/temperature", "/links/soft", "--soft"]);
    folder.text(&["cp", "data.h5::/run1", "other.h5::/run1"]);
    folder.text(&["ln", "data.h5", "/run1/temperature", "/links/external", "--external", "other.h5"]);
    folder.text(&["cp", "data.h5::/links", "alone.h5::/links", "--expand-soft", "--expand-external"]);
    folder.text(&["cp", "data.h5::/links", "/here", "--expand-external"]);
    folder.fails(&["cp", "data.h5::/links", "/no", "--expand-external", "--follow", "none"], "was not opened");
    let values = folder.text(&["cat", "data.h5", "/run1/temperature"]);
    std::fs::remove_file(folder.0.join("other.h5")).unwrap();
    for (file, path) in [("alone.h5", "/links/soft"), ("alone.h5", "/links/external"), ("data.h5", "/here/external")] {
        assert_eq!(folder.text(&["cat", file, path]), values, "{file} {path}");
        folder.text(&["check", file, "--data"]);
    }
}

const CREATE: &str = r#"{"op": "create", "libver": "v110"}"#;
const GROUP: &str = r#"{"op": "group", "path": "/g"}"#;
const FLUSH: &str = r#"{"op": "flush"}"#;
const DATASET: &str = r#"{"op": "dataset", "path": "/d", "shape": [20000], "layout": "contiguous", "data": 1,
    "dtype": {"class": "int", "size": 8, "signed": true}}"#;

#[test]
fn edits_are_applied_up_to_the_last_commit_before_a_failure() {
    let folder = Folder::new("apply");
    folder.write("bad", &[CREATE, GROUP, r#"{"op": "delete", "path": "/x"}"#]);
    folder.fails(&["apply", "bad", "new.h5"], "line 3: delete");
    assert_eq!(folder.names(), ["bad"], "nothing is left of a new file");
    folder.fails(&["apply", "nothing", "new.h5"], "nothing: ");

    folder.write("half", &[CREATE, GROUP, FLUSH, r#"{"op": "group", "path": "/h"}"#, "{"]);
    folder.fails(&["apply", "half", "new.h5"], "line 5: not JSON");
    assert_eq!(folder.text(&["ls", "new.h5"]), "g\n");

    folder.write("whole", &[r#"{"op": "group", "path": "/h"}"#, FLUSH, "", &DATASET.replace('\n', "")]);
    assert_eq!(folder.text(&["apply", "whole", "new.h5", "--verbose"]), "2\n4\n");
    assert_eq!(folder.text(&["ls", "new.h5"]), "d\ng\nh\n");
    assert_eq!(folder.names(), ["bad", "half", "new.h5", "whole"]);
}

#[test]
fn repeated_edits_do_not_let_a_file_grow() {
    let folder = Folder::new("grow");
    let dataset = DATASET.replace('\n', "");
    folder.write("first", &[CREATE, GROUP, &dataset]);
    folder
        .write("again", &[r#"{"op": "delete", "path": "/d"}"#, FLUSH, GROUP.replace("/g", "/g/h").as_str(), &dataset]);
    folder.write("undo", &[r#"{"op": "delete", "path": "/g/h"}"#]);
    folder.text(&["apply", "first", "new.h5"]);
    let mut lengths = Vec::new();
    for _ in 0..6 {
        folder.text(&["apply", "again", "new.h5"]);
        folder.text(&["apply", "undo", "new.h5"]);
        lengths.push(folder.length("new.h5"));
    }
    assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
    folder.text(&["apply", "again", "new.h5", "--no-reuse"]);
    assert!(folder.length("new.h5") > lengths[0]);
    folder.text(&["check", "new.h5", "--data"]);
}

/// A file with unused bytes inside and at its end.
fn with_holes(folder: &Folder) -> (u64, u64) {
    let dataset = |path: &str| DATASET.replace('\n', "").replace("/d", path);
    let delete = |path: &str| format!(r#"{{"op": "delete", "path": "{path}"}}"#);
    folder.write("make", &[CREATE, &dataset("/a"), &dataset("/b"), &dataset("/c")]);
    folder.write("delete", &[&delete("/a"), &delete("/c")]);
    folder.text(&["apply", "make", "data.h5"]);
    let full = folder.length("data.h5");
    // The end is padded, so that there is something to be cut off.
    folder.text(&["apply", "delete", "data.h5"]);
    (full, folder.length("data.h5"))
}

#[test]
fn compact_gives_back_what_is_unused() {
    let folder = Folder::new("compact");
    let (full, before) = with_holes(&folder);
    let values = folder.text(&["cat", "data.h5", "/b", "--all"]);
    let said = folder.text(&["compact", "data.h5"]);
    let after = folder.length("data.h5");
    assert!(after <= before && after < full - 150_000, "{said}, {full}");
    assert!(said.starts_with(&format!("data.h5: {after} bytes, was {before}; 16")), "{said}");
    assert!(said.ends_with("inside are unused, and --full gives them back\n"), "{said}");

    let said: serde_json::Value =
        serde_json::from_str(&folder.text(&["compact", "data.h5", "--full", "--json"])).unwrap();
    let least = folder.length("data.h5");
    assert!(least < 170_000 && said["before"] == after && said["after"] == least, "{said}");
    assert!(said["unused"].as_u64().unwrap() < 1000, "{said}");
    assert_eq!(folder.text(&["cat", "data.h5", "/b", "--all"]), values);
    folder.text(&["check", "data.h5", "--data"]);

    assert_eq!(folder.text(&["compact", "data.h5", "--full", "--quiet"]), "");
    assert_eq!(folder.length("data.h5"), least);
    assert_eq!(folder.names(), ["data.h5", "delete", "make"]);
}

#[test]
fn compact_refuses_damage() {
    let folder = Folder::new("refuse");
    with_holes(&folder);
    let path = folder.0.join("data.h5");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(4).rposition(|four| four == b"OHDR").unwrap();
    bytes[at + 20] ^= 0x40;
    std::fs::write(&path, &bytes).unwrap();
    folder.fails(&["compact", "data.h5"], "not certain");
    assert!(std::fs::read(&path).unwrap() == bytes);
}

#[test]
fn repack_writes_anew_and_says_how_long_files_are() {
    let folder = Folder::with_demo("repack");
    let before = folder.text(&["digest", "data.h5"]);
    // Standard error is no terminal here: `text` finds no bar there.
    let said = folder.text(&["repack", "data.h5", "copy.h5", "--libver", "v200", "--filter", "gzip=1"]);
    assert_eq!(said, format!("copy.h5: {} bytes, was {}\n", folder.length("copy.h5"), folder.length("data.h5")));
    assert!(folder.text(&["ls", "-l", "copy.h5", "/run1"]).contains("gzip=1"));
    folder.fails(&["repack", "data.h5", "copy.h5"], "--force");
    assert_eq!(folder.text(&["repack", "data.h5", "copy.h5", "--force", "--quiet"]), "");
    assert_eq!(
        folder.text(&["cat", "copy.h5", "/run1/temperature"]),
        folder.text(&["cat", "data.h5", "/run1/temperature"])
    );
    folder.text(&["repack", "data.h5"]);
    let shapes = |digest: &str| digest.matches("\"shape\"").count();
    assert_eq!(shapes(&folder.text(&["digest", "data.h5"])), shapes(&before));
    folder.fails(&["repack", "data.h5", "x.h5", "--libver", "v113"], "is no version");
    folder.fails(&["repack", "data.h5", "x.h5", "--libver", "v112:v18"], "above");
    folder.fails(&["repack", "data.h5", "x.h5", "--filter", "gzap"], "gzap");
    assert_eq!(folder.names(), ["copy.h5", "data.h5"]);
}

#[cfg(unix)]
#[test]
fn a_file_that_is_replaced_stays_where_links_lead() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::with_demo("symlink");
    std::fs::create_dir(folder.0.join("far")).unwrap();
    std::fs::rename(folder.0.join("data.h5"), folder.0.join("far/data.h5")).unwrap();
    std::os::unix::fs::symlink("far/data.h5", folder.0.join("link.h5")).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    std::fs::set_permissions(folder.0.join("far/data.h5"), PermissionsExt::from_mode(0o640)).unwrap();
    folder.text(&["repack", "link.h5", "--userblock", "512"]);
    assert!(std::fs::symlink_metadata(folder.0.join("link.h5")).unwrap().is_symlink());
    assert!(std::fs::read(folder.0.join("far/data.h5")).unwrap().starts_with(&[0; 8]), "it has a user block now");
    assert_eq!(mode(&folder.0.join("far/data.h5")), 0o640);
    assert_eq!(folder.names(), ["far", "link.h5"]);
}

#[test]
fn recover_and_check_say_what_they_find() {
    let folder = Folder::with_demo("recover");
    assert!(folder.text(&["recover", "data.h5"]).contains("nothing to do"));
    let said: serde_json::Value =
        serde_json::from_str(&folder.text(&["recover", "data.h5", "--dry-run", "--json"])).unwrap();
    assert_eq!(said["found"], "clean");
    let said = folder.text(&["check", "data.h5"]);
    assert!(said.starts_with("2 groups, 2 datasets, ") && said.ends_with("no damage found\n"), "{said}");

    let path = folder.0.join("data.h5");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[8..middle].iter_mut().skip(100).step_by(7).for_each(|byte| *byte ^= 0x55);
    std::fs::write(&path, bytes).unwrap();
    let found = folder.h5(&["check", "data.h5"]);
    assert!(matches!(found.status.code(), Some(1 | 2)), "{found:?}");
    folder.write("text", &["no file of this format"]);
    assert_eq!(folder.h5(&["check", "text"]).status.code(), Some(2));
}

#[test]
fn objects_are_shown_and_migrated() {
    use hdf5_format::io::MemoryFile;
    use hdf5_persist::{GroupNode, Object, StoreOptions, Tag, Value};
    let folder = Folder::with_demo("objects");
    let path = folder.0.join("runs.h5");
    let run = |version| {
        let node = GroupNode::new().attr("t", 293.15).attr("old", 1).into();
        Value::from(Object { tag: Tag::new("lab", "Run", version), node })
    };
    // In memory: another test's child may hold on to a file's lock for a moment.
    let memory = MemoryFile::new(Vec::new());
    let store = StoreOptions::new().create_in(memory.clone()).unwrap();
    store.put_values([("first", run(1)), ("second", run(2))]).unwrap();
    assert!(store.close().unwrap().unfilled.is_empty());
    std::fs::write(&path, memory.to_vec()).unwrap();
    let said = folder.text(&["objects", "runs.h5"]);
    assert_eq!(said, "dialect native, 2 objects\n/first   lab/Run v1\n/second  lab/Run v2\n");

    let step = r#"[{"namespace": "lab", "label": "Run", "from": 1,
        "rename": {"t": "temperature"}, "remove": ["old"], "add": {"unit": "K"}}]"#;
    folder.write("steps.json", &[step]);
    let said = folder.text(&["migrate", "runs.h5", "--steps", "steps.json", "--dry-run"]);
    assert_eq!(said, "/first  lab/Run v1 -> lab/Run v2\n1 would be migrated\n");
    folder.text(&["migrate", "runs.h5", "--steps", "steps.json"]);
    let said: serde_json::Value = serde_json::from_str(&folder.text(&["objects", "runs.h5", "--json"])).unwrap();
    assert_eq!(said["objects"][0]["version"], 2);
    {
        let memory = MemoryFile::new(std::fs::read(&path).unwrap());
        let store = StoreOptions::new().read_from(memory).unwrap();
        let first = store.object("first").unwrap();
        assert_eq!(first.get::<f64>("temperature").unwrap(), 293.15);
        assert_eq!((first.get::<String>("unit").unwrap().as_str(), first.get::<i32>("old").is_err()), ("K", true));
    }
    folder.text(&["migrate", "runs.h5", "--to", "h5preserve", "-o", "theirs.h5"]);
    let said = folder.text(&["objects", "theirs.h5"]);
    assert!(said.starts_with("dialect h5preserve, 2 objects"), "{said}");
    assert!(!folder.h5(&["migrate", "runs.h5", "--to", "jangada", "-o", "theirs.h5"]).status.success());
    folder.write("wrong.json", &[r#"[{"label": "Run", "form": 1}]"#]);
    assert!(!folder.h5(&["migrate", "runs.h5", "--steps", "wrong.json"]).status.success());
}

#[test]
fn differences_are_told() {
    let folder = Folder::with_demo("diff");
    std::fs::copy(folder.0.join("data.h5"), folder.0.join("other.h5")).unwrap();
    assert_eq!(folder.text(&["diff", "data.h5", "other.h5"]), "");
    let differs = |args: &[&str]| {
        let Output { status, stdout, stderr } = folder.h5(args);
        assert!(status.code() == Some(1) && stderr.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    };
    // Another version, other chunks and filters: the same content.
    folder.text(&["repack", "data.h5", "new.h5", "--libver", "earliest", "--filter", "shuffle,gzip=1"]);
    assert_eq!(folder.text(&["diff", "data.h5", "new.h5"]), "");
    assert!(differs(&["diff", "--storage", "data.h5", "new.h5"]).contains("/run1/temperature: filters"));
    // Each sort of difference.
    folder.text(&["set", "other.h5::/run1/temperature[1,2]", "99"]);
    folder.text(&["set", "other.h5::/run1/temperature@units", "K"]);
    folder.text(&["mkdir", "other.h5", "/more"]);
    folder.text(&["rm", "other.h5", "/run1/station"]);
    folder.text(&["ln", "--soft", "other.h5", "/run1", "/again"]);
    let all = differs(&["diff", "data.h5", "other.h5"]);
    let lines: Vec<&str> = all.lines().collect();
    let expected = [
        "/again: soft link to /run1, only in other.h5",
        "/more: object, only in other.h5",
        "/run1/station: object, only in data.h5",
        "/run1/temperature@units: value \"degree Celsius\" | \"K\"",
    ];
    for line in expected {
        assert!(lines.contains(&line), "{line}\n{all}");
    }
    let values = lines.iter().position(|l| l.starts_with("/run1/temperature: 1 of ")).unwrap();
    assert!(lines[values + 1].starts_with("  [1, 2] ") && lines[values + 1].ends_with(" | 99"), "{all}");
    assert!(!differs(&["diff", "-q", "--no-attrs", "data.h5", "other.h5"]).contains("99"));
    assert!(
        folder
            .text(&["diff", "--abs", "100", "--no-attrs", "data.h5::/run1/temperature", "other.h5::/run1/temperature"])
            .is_empty()
    );
    let json: serde_json::Value = serde_json::from_str(&differs(&["diff", "--json", "data.h5", "other.h5"])).unwrap();
    let found = json.as_array().unwrap().iter().find(|d| d["what"] == "values" && d["path"] == "/run1/temperature");
    assert_eq!(found.unwrap()["first"][0]["at"], serde_json::json!([1, 2]));
    let kinds = differs(&["diff", "data.h5::/run1", "other.h5::/run1/temperature"]);
    assert!(kinds.contains("/: kind group | dataset"), "{kinds}");
    let missing = folder.h5(&["diff", "data.h5", "nothing.h5"]);
    assert!(missing.status.code() == Some(2) && !missing.stderr.is_empty());
}

#[test]
fn differences_of_huge_datasets_are_sought_where_something_is() {
    let folder = Folder::new("diff-huge");
    for (name, at) in [("a.h5", 5), ("b.h5", 6)] {
        let file = hdf5_format::File::create(folder.0.join(name)).unwrap();
        let root = file.root().unwrap();
        let new = root.new_dataset_of::<i32>().shape([1 << 40, 1 << 20]).chunks([4, 4]);
        new.create("huge").unwrap().write_slice((1i64 << 39, at), [7]).unwrap();
        file.commit().unwrap();
    }
    let Output { status, stdout, .. } = folder.h5(&["diff", "a.h5", "b.h5"]);
    let said = String::from_utf8(stdout).unwrap();
    let expected =
        "/huge: 2 of 1152921504606846976 elements differ\n  [549755813888, 5] 7 | 0\n  [549755813888, 6] 0 | 7\n";
    assert!(status.code() == Some(1) && said == expected, "{said}");
}
