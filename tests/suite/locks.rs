//! Files that are open are locked, within a program too.

use hdf5_format::io::Locking;
use hdf5_format::{CreateOptions, ErrorKind, File, OpenOptions, Result};
use std::path::PathBuf;

/// A path of its own for a test; what is there goes with it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        Place(std::env::temp_dir().join(format!("locks-{name}-{}.h5", std::process::id())))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The options under test, whatever the environment says.
fn on() -> OpenOptions {
    File::options().locking(Locking::BestEffort)
}

fn kind(result: Result<File>) -> Option<ErrorKind> {
    result.err().map(|error| {
        assert!(error.hint().is_some() && error.to_string().contains("locks-"), "{error}");
        error.kind()
    })
}

#[test]
fn one_writer_or_many_readers() {
    let place = Place::new("one");
    let path = &place.0;
    let file = CreateOptions::new().open_options(on()).create(path).unwrap();
    assert_eq!(kind(on().open_rw(path)), Some(ErrorKind::Locked));
    assert_eq!(kind(on().open(path)), Some(ErrorKind::Locked));
    assert_eq!(on().recover(path).err().map(|e| e.kind()), Some(ErrorKind::Locked));
    let without = File::options().locking(Locking::Off);
    assert!(without.clone().open(path).is_ok() && without.open_rw(path).is_ok());
    // An object keeps the file open.
    let root = file.root().unwrap();
    drop(file);
    assert_eq!(kind(on().open(path)), Some(ErrorKind::Locked));
    drop(root);
    let (a, b) = (on().open(path).unwrap(), on().open(path).unwrap());
    assert_eq!(kind(on().open_rw(path)), Some(ErrorKind::Locked));
    drop((a, b));
    assert_eq!(kind(on().open_rw(path)), None);
}

#[test]
fn what_is_open_is_not_replaced() {
    let place = Place::new("replaced");
    let path = &place.0;
    let create = || CreateOptions::new().open_options(on()).create(path);
    let file = create().unwrap();
    file.root().unwrap().create_group("kept").unwrap();
    file.commit().unwrap();
    assert_eq!(kind(create()), Some(ErrorKind::Locked));
    drop(file);
    let reader = on().open(path).unwrap();
    assert!(reader.group("kept").is_ok());
    assert_eq!(kind(create()), Some(ErrorKind::Locked));
    drop(reader);
    assert_eq!(create().unwrap().root().unwrap().len().unwrap(), 0);
}
