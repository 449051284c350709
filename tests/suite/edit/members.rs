//! Files of several members on disk, and where they may be.

use hdf5_format::check::CheckOptions;
use hdf5_format::edit::{Driver, FileStyle, Version};
use hdf5_format::{CreateOptions, ErrorKind, ExternalPolicy, File, OpenOptions, RepackOptions};
use std::path::{Path, PathBuf};

/// A folder that is empty, and goes.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("members-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn options(&self) -> OpenOptions {
        File::options().external(ExternalPolicy::Under(self.0.clone()))
    }

    /// Lengths of the files, in the order of their names.
    fn lengths(&self) -> Vec<u64> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        files.iter().map(|path| std::fs::metadata(path).unwrap().len()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn family(low: Version) -> FileStyle {
    let mut style = FileStyle { driver: Some(Driver::Family { member_size: 2000 }), ..FileStyle::default() };
    style.bounds.low = low;
    style
}

fn numbers(path: &Path, options: OpenOptions, name: &str) -> Vec<i32> {
    options.open(path).unwrap().dataset(name).unwrap().read_vec().unwrap()
}

#[test]
fn families_grow_and_shrink() {
    for low in [Version::Earliest, Version::V18, Version::V200] {
        let folder = Folder::new("grow");
        let first = folder.at("f00000.h5");
        let file = CreateOptions::new().style(family(low)).create(&first).unwrap();
        let values: Vec<i32> = (0..2500).collect();
        file.create_dataset("x", &values).unwrap();
        file.commit().unwrap();
        drop(file);
        let mut lengths = folder.lengths();
        // The record of the commit may have needed one more.
        lengths.retain(|&n| n > 0);
        assert!(lengths.len() > 5 && lengths[..lengths.len() - 1].iter().all(|&n| n == 2000), "{lengths:?}");
        assert_eq!(numbers(&first, folder.options(), "x"), values);

        let file = folder.options().open_rw(&first).unwrap();
        file.dataset("x").unwrap().write_slice(1000..1003, [7, 8, 9]).unwrap();
        file.create_dataset("y", &values[..5]).unwrap();
        file.commit().unwrap();
        file.create_dataset("z", &values).unwrap();
        file.rollback().unwrap();
        assert!(file.check(CheckOptions::new().data(true)).damage().next().is_none());
        drop(file);
        assert_eq!(numbers(&first, folder.options(), "x")[999..1004], [999, 7, 8, 9, 1003]);

        let file = folder.options().open_rw(&first).unwrap();
        file.root().unwrap().delete("x").unwrap();
        file.compact().unwrap();
        drop(file);
        assert_eq!(numbers(&first, folder.options(), "y"), values[..5]);
        let whole = folder.at("whole.h5");
        folder.options().open(&first).unwrap().repack(&whole, &RepackOptions::new()).unwrap();
        assert_eq!(numbers(&whole, File::options(), "y"), values[..5]);
    }
}

#[test]
fn members_are_where_the_policy_allows_them() {
    let folder = Folder::new("policy");
    let first = folder.at("f0.h5");
    let create = |name: &str| CreateOptions::new().style(family(Version::V110)).create(folder.at(name));
    create("f0.h5").unwrap().create_dataset("x", [1; 2000]).unwrap();
    let refused = |options: OpenOptions| options.open_rw(&first).err().unwrap();
    assert_eq!(refused(File::options()).kind(), ErrorKind::Denied);
    assert!(refused(File::options()).to_string().contains("ExternalPolicy"));
    // Its own name is all that tells what the others are called.
    let moved = folder.at("g.h5");
    std::fs::copy(&first, &moved).unwrap();
    assert_eq!(folder.options().open_rw(&moved).err().unwrap().kind(), ErrorKind::Denied);
    assert!(create("h1.h5").err().unwrap().to_string().contains("zeros"));
    // Nothing that is a file of its own is taken for a member.
    File::create(folder.at("k1.h5")).unwrap();
    assert_eq!(create("k0.h5").err().unwrap().kind(), ErrorKind::Conflict);
    assert!(File::open(folder.at("k1.h5")).is_ok());
}

#[test]
fn what_was_there_goes() {
    let folder = Folder::new("anew");
    let create = || CreateOptions::new().style(family(Version::V110)).create(folder.at("f0.h5")).unwrap();
    let file = create();
    file.create_dataset("x", [1; 4000]).unwrap();
    file.commit().unwrap();
    drop(file);
    drop(create());
    let lengths = folder.lengths();
    assert!(lengths.len() > 5 && lengths[1..].iter().all(|&n| n == 0), "{lengths:?}");
    assert!(folder.options().open_rw(folder.at("f0.h5")).unwrap().root().unwrap().is_empty().unwrap());
}
