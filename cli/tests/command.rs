//! The `h5` command as a user meets it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The folder with the fixtures' files.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fixtures/files")
}

fn h5(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_h5")).args(args).env("NO_COLOR", "1").current_dir(folder()).output().unwrap()
}

fn text(args: &[&str]) -> String {
    let output = h5(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn shows_trees_and_lists() {
    let tree = text(&["tree", "superblock_0.h5"]);
    assert_eq!(tree, "/ (1 member)\n└── x  (5) i32le, 20 B\n");
    let list = text(&["ls", "-l", "layouts_latest.h5"]);
    let filtered = "filtered  (60, 40) i32le, chunks (16, 16), shuffle+gzip=6+fletcher32";
    assert!(list.lines().any(|l| l.starts_with(filtered)), "{list}");
    assert!(text(&["tree", "--json", "groups_old.h5"]).contains("\"dangling\""));
    let all = text(&["ls", "-r", "groups_new.h5"]);
    assert_eq!(all.lines().filter(|l| l.starts_with("n200/child ")).count(), 200);
    // A group that leads back to itself is gone into once.
    assert!(all.lines().filter(|l| l.starts_with("cycle")).count() == 1, "{all}");
    assert!(text(&["ls", "-r", "--json", "groups_new.h5"]).contains("\"n200/child 000\""));
}

#[test]
fn prints_values_in_every_format() {
    assert_eq!(text(&["cat", "superblock_3.h5", "x"]), "0 7 14 21 28\n");
    assert_eq!(text(&["cat", "layouts_latest.h5::/contiguous[1:3, 0:3]"]), "280 287 294\n560 567 574\n");
    assert_eq!(text(&["cat", "superblock_3.h5", "x", "--format", "json", "-s", "::2"]), "[0,14,28]\n");
    let csv = text(&["cat", "types_compound_latest.h5", "mixed", "-f", "csv"]);
    assert_eq!(csv, "n,text\n1,one\n2,two\n");
    let npy = h5(&["cat", "superblock_3.h5", "x", "-f", "npy"]).stdout;
    assert!(npy.starts_with(b"\x93NUMPY\x01\x00") && npy.len() == 128 + 20);
    assert_eq!(text(&["attrs", "attributes_ordered.h5", "--name", "z"]), "z\n");
}

#[test]
fn errors_say_what_is_wrong_and_end_with_a_code() {
    let error = |args: &[&str], code: i32, part: &str| {
        let output = h5(args);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
        assert!(message.contains(part), "{args:?}: {message}");
    };
    error(&["tree", "nothing.h5"], 1, "No such file");
    error(&["cat", "superblock_3.h5", "y"], 1, "/y: no link named \"y\"");
    error(&["cat", "superblock_3.h5"], 1, "is a group");
    error(&["cat", "superblock_3.h5", "x", "-s", "9"], 1, "out of range");
    error(&["cat", "superblock_3.h5", "x", "-s", "a"], 1, "is not a slice");
    error(&["tree", "external_data.bin"], 1, "not an HDF5 file");
    error(&["--follow", "none", "cat", "external.h5", "x"], 1, "was not opened");
    error(&["cat", "superblock_3.h5", "x", "-o", "superblock_3.h5"], 1, "superblock_3.h5: ");
    error(&["frobnicate"], 2, "unrecognized subcommand");
}

#[test]
fn every_command_is_in_the_documents() {
    let root = folder().join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let changelog = std::fs::read_to_string(root.join("CHANGELOG.md")).unwrap();
    let help = text(&["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<&str> =
        commands.filter_map(|line| line.strip_prefix("  ")?.split_once(' ')).map(|(name, _)| name).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty() && *name != "help").collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        assert!(readme.contains(&format!("`{name}`")) || readme.contains(&format!("-- {name} ")), "{name}: README.md");
        let told = changelog.contains(&format!("`{name}`")) || changelog.contains(&format!("`h5 {name}`"));
        assert!(told, "{name}: CHANGELOG.md");
    }
}

#[test]
fn the_demo_makes_a_file_and_shows_it() {
    let folder = std::env::temp_dir().join(format!("h5-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("demo.h5");
    let shown = text(&["demo", file.to_str().unwrap()]);
    assert!(shown.contains("temperature  (24, 4) f64le"), "{shown}");
    assert!(shown.contains("Zürich"), "{shown}");
    assert!(!h5(&["demo", file.to_str().unwrap()]).status.success(), "an existing file is not overwritten");
    std::fs::remove_dir_all(folder).unwrap();
}

/// The page for those who know HDF5's tools: every command of ours in its table does something, and succeeds.
#[test]
fn the_commands_of_the_porting_page_work() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/porting.md")).unwrap();
    let folder = std::env::temp_dir().join(format!("h5-porting-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (file, new) = (folder.join("demo.h5"), folder.join("new.h5"));
    let mut commands = 0;
    for row in page.lines().filter(|line| line.starts_with("| `h5")) {
        let command = row.split('`').nth(3).unwrap();
        let made = Command::new(env!("CARGO_BIN_EXE_h5")).arg("demo").arg(&file).output().unwrap();
        assert!(made.status.success());
        let words = command.split(' ').skip(1);
        let words: Vec<String> = words
            .map(|word| word.replace("FILE", file.to_str().unwrap()).replace("NEW", new.to_str().unwrap()))
            .collect();
        let done = Command::new(env!("CARGO_BIN_EXE_h5")).args(&words).output().unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
        commands += 1;
        let _ = (std::fs::remove_file(&file), std::fs::remove_file(&new));
    }
    assert!(commands > 10);
    std::fs::remove_dir_all(&folder).unwrap();
}
