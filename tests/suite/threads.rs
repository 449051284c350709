//! Many threads read one file, and some change it.

use crate::edit::new_file;
use crate::files;
use h5_cli::digest;
use hdf5_format::edit::Version;

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
