//! Each barrier of a commit is needed: without it the sweep finds a bad image.

use super::disk::Ignore;
use super::{sweep, workloads};

fn bad_without(what: Ignore, workload: &str) -> Vec<String> {
    let all = workloads::all();
    let workload = all.iter().find(|w| w.name == workload).unwrap();
    sweep::run(workload, Some(what)).bad
}

#[test]
fn data_come_before_the_record() {
    for workload in ["dense links", "trees deleted", "fixed array"] {
        assert!(!bad_without(Ignore::Sync(0), workload).is_empty(), "{workload}");
    }
}

#[test]
fn the_record_comes_before_the_change() {
    for workload in ["dense links", "trees deleted", "fixed array"] {
        assert!(!bad_without(Ignore::Sync(1), workload).is_empty(), "{workload}");
    }
}

#[test]
fn the_change_comes_before_the_record_goes() {
    for workload in ["dense links", "trees deleted", "fixed array"] {
        assert!(!bad_without(Ignore::Sync(2), workload).is_empty(), "{workload}");
    }
}

#[test]
fn the_mark_keeps_other_libraries_out() {
    assert!(!bad_without(Ignore::Mark, "dense links").is_empty());
}

#[test]
fn recovery_has_barriers_too() {
    for n in 0..2 {
        assert!(!bad_without(Ignore::InRecovery(n), "dense links").is_empty(), "{n}");
    }
}
