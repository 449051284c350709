//! Many threads read one file, and some change it.

use crate::edit::new_file;
use crate::files;
use h5_cli::digest;
use hdf5_format::edit::Version;
use hdf5_format::io::MemoryFile;
use hdf5_format::{File, Group, RepackOptions};
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn one_and_two_decoding_threads_agree() {
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    let (one, two) = (pool(1), pool(2));
    for name in files::names() {
        let document = || digest::document(&files::open(&name));
        assert_eq!(one.install(document), two.install(document), "{name}");
    }
}

#[test]
fn eight_threads_share_a_file() {
    for name in ["layouts_latest.h5", "types_compound_latest.h5", "shared_tree.h5", "arrays_paged.h5"] {
        let file = files::open(name);
        let alone = digest::document(&file);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| digest::document(&file))).collect();
            threads.into_iter().for_each(|t| assert_eq!(t.join().unwrap(), alone, "{name}"));
        });
    }
}

#[test]
fn what_a_thread_changed_it_sees_whatever_the_others_change() {
    let (file, _) = new_file(Version::V18);
    let group = file.root().unwrap().create_group("g").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let group = group.clone();
            scope.spawn(move || {
                for n in 0..300 {
                    let name = format!("{thread}_{n}");
                    group.set_attr(&name, n).unwrap();
                    assert_eq!(group.attr::<i32>(&name).unwrap(), n, "{name}");
                    group.create_group(&name).unwrap();
                    assert!(group.contains(&name), "{name}");
                }
            });
        }
    });
    assert_eq!((group.attrs().len().unwrap(), group.len().unwrap()), (1200, 1200));
}

/// Threads read what is there while others change the structures that hold it.
fn read_while_changing(low: Version, read: impl Fn(&Group) + Sync, change: impl Fn(&Group, usize) + Sync) {
    let (file, _) = new_file(low);
    let group = file.root().unwrap().create_group("g").unwrap();
    (0..100).for_each(|n| change(&group, n));
    let left = AtomicUsize::new(2);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (group, left, change, read) = (&group, &left, &change, &read);
            scope.spawn(move || {
                for n in 0..800 {
                    change(group, 1000 + thread * 10000 + n);
                    if n % 10 == 0 {
                        group.file().commit().unwrap();
                    }
                }
                left.fetch_sub(1, Ordering::Release);
            });
            scope.spawn(move || {
                while left.load(Ordering::Acquire) > 0 {
                    read(group);
                }
            });
        }
    });
}

#[test]
fn attributes_are_read_while_others_come_and_go() {
    let change = |group: &Group, n: usize| {
        group.set_attr(format!("{n}"), n as i64).unwrap();
        if n >= 1000 && n.is_multiple_of(3) {
            group.delete_attr(format!("{n}")).unwrap();
        }
    };
    let read = |group: &Group| {
        (0..100).step_by(7).for_each(|n| assert_eq!(group.attr::<i64>(format!("{n}")).unwrap(), n));
        let some = group.attributes().unwrap().into_iter().map(|a| a.unwrap().name().to_vec()).collect::<Vec<_>>();
        assert!((0..100).all(|n| some.contains(&n.to_string().into_bytes())));
    };
    read_while_changing(Version::V18, read, change);
    read_while_changing(Version::Earliest, read, change);
}

#[test]
fn links_are_read_while_others_come_and_go() {
    let change = |group: &Group, n: usize| {
        group.create_dataset(format!("{n}"), [n as i64]).unwrap();
        if n >= 1000 && n.is_multiple_of(3) {
            group.delete(format!("{n}")).unwrap();
        }
    };
    let read = |group: &Group| {
        for n in (0..100).step_by(7) {
            let name = format!("{n}");
            assert_eq!(group.dataset(&name).unwrap().read_vec::<i64>().unwrap(), [n]);
        }
        let some = group.links().into_iter().map(|link| link.unwrap().name).collect::<Vec<_>>();
        assert!((0..100).all(|n| some.contains(&n.to_string().into_bytes())));
    };
    read_while_changing(Version::V18, read, change);
    read_while_changing(Version::Earliest, read, change);
}

#[test]
fn rows_are_read_while_others_are_appended() {
    for (low, unlimited) in [(Version::Earliest, 1), (Version::V110, 1), (Version::V110, 2)] {
        let change = |group: &Group, n: usize| {
            let rows = [n as i64; 8];
            if n == 0 {
                let max = if unlimited == 1 { [None, Some(8)] } else { [None, None] };
                let new = group.new_dataset_of::<i64>().shape([0, 8]).maxshape(max).chunks([1, 8]);
                new.create("rows").unwrap();
            }
            group.dataset("rows").unwrap().append(0, rows).unwrap();
        };
        let read = |group: &Group| {
            let dataset = group.dataset("rows").unwrap();
            let all = dataset.read_vec::<i64>().unwrap();
            assert!(all.len() >= 800 && (0..100).all(|n| all[n * 8..][..8] == [n as i64; 8]));
        };
        read_while_changing(low, read, change);
    }
}

#[test]
fn a_file_is_written_anew_as_it_is_between_two_changes() {
    let change = |group: &Group, n: usize| {
        group.create_dataset(format!("{n}"), [n as i64; 50]).unwrap();
        group.set_attr("last", n as i64).unwrap();
        if n >= 1000 && n.is_multiple_of(2) {
            group.delete(format!("{n}")).unwrap();
        }
    };
    let read = |group: &Group| {
        let memory = MemoryFile::new([]);
        group.file().repack_into(memory.clone(), &RepackOptions::new()).unwrap();
        let copy = File::from_bytes(memory.to_vec()).unwrap().group("g").unwrap();
        assert!(copy.len().unwrap() >= 100 && copy.attr::<i64>("last").is_ok());
        copy.iter().for_each(|member| {
            drop(member.unwrap().object.unwrap().into_dataset().unwrap().read_vec::<i64>().unwrap())
        });
    };
    read_while_changing(Version::V18, read, change);
}
