//! Many threads read one file.

use crate::files;
use h5_cli::digest;

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
