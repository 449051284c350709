//! The fixtures.

use hdf5_format::{ExternalPolicy, File};
use std::path::{Path, PathBuf};

/// Root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The folder with the fixtures' files.
pub(crate) fn folder() -> PathBuf {
    root().join("fixtures/files")
}

/// Names of all fixtures that are files of their own, not members of another.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.ends_with(".h5"))
        .filter(|n| !matches!(n.as_str(), "family_1.h5" | "family_2.h5" | "family_3.h5" | "split.h5-r.h5"))
        .collect();
    names.sort();
    assert!(names.len() > 30, "the fixtures are there");
    names
}

/// Opens a fixture; it may open the others.
pub(crate) fn open(name: &str) -> File {
    let options = File::options().external(ExternalPolicy::Under(folder()));
    options.open(folder().join(name)).unwrap_or_else(|e| panic!("{e}"))
}
