//! Elements in external files.

use super::{integers, text};
use hdf5_format::edit::{Condition, ExternalFile};
use hdf5_format::io::{ExternalPolicy, MemoryFile};
use hdf5_format::{CreateOptions, Dataset, ErrorKind, File, OpenOptions};
use std::path::PathBuf;

/// A folder that goes at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("external-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn part(name: &str, offset: u64, size: Option<u64>) -> ExternalFile {
    ExternalFile { name: name.into(), offset, size }
}

fn new(policy: ExternalPolicy) -> (File, MemoryFile) {
    let memory = MemoryFile::new([]);
    let options = CreateOptions::new().open_options(OpenOptions::new().external(policy));
    (options.create_in(memory.clone()).unwrap(), memory)
}

fn dataset(file: &File, parts: &[ExternalFile]) -> Dataset {
    file.root().unwrap().new_dataset(integers()).shape([3, 4]).external(parts).create("e").unwrap()
}

#[test]
fn elements_go_to_the_parts_that_hold_them() {
    let folder = Folder::new("parts");
    std::fs::write(folder.0.join("a.bin"), [9; 12]).unwrap();
    let (file, memory) = new(ExternalPolicy::Under(folder.0.clone()));
    // Rows are cut in two, and one element is.
    let data = dataset(&file, &[part("a.bin", 4, Some(6)), part("b.bin", 0, Some(10)), part("a.bin", 20, None)]);
    data.write(std::array::from_fn::<_, 12, _>(|i| i as i32)).unwrap();
    data.write_slice((1..3, 2), [-1, -2]).unwrap();
    data.write_slice("{2, 3; 0, 0}".parse::<hdf5_format::Select>().unwrap(), [70, 50]).unwrap();
    file.commit().unwrap();
    let expected = [50, 1, 2, 3, 4, 5, -1, 7, 8, 9, -2, 70];
    assert_eq!(data.read_vec::<i32>().unwrap(), expected);
    let opened = File::options().external(ExternalPolicy::Under(folder.0.clone())).from_bytes(memory.to_vec()).unwrap();
    assert_eq!(opened.dataset("e").unwrap().read_vec::<i32>().unwrap(), expected);
    let bytes: Vec<u8> = expected.iter().flat_map(|v: &i32| v.to_le_bytes()).collect();
    let (a, b) = (std::fs::read(folder.0.join("a.bin")).unwrap(), std::fs::read(folder.0.join("b.bin")).unwrap());
    assert_eq!((&a[..4], &a[4..10], &a[10..12]), (&[9; 4][..], &bytes[..6], &[9; 2][..]));
    assert_eq!((&b[..], &a[20..]), (&bytes[6..16], &bytes[16..]));
}

#[test]
fn what_may_not_be_written_is_refused() {
    let folder = Folder::new("refused");
    let under = || ExternalPolicy::Under(folder.0.clone());
    for (policy, name, kind) in [
        (ExternalPolicy::Deny, "b.bin", ErrorKind::Denied),
        (under(), "../b.bin", ErrorKind::Denied),
        (under(), "/elsewhere/b.bin", ErrorKind::Denied),
        (under(), "no folder/b.bin", ErrorKind::NotFound),
    ] {
        let (file, _) = new(policy);
        let data = dataset(&file, &[part("a.bin", 0, Some(8)), part(name, 0, None)]);
        assert_eq!(data.write(7).unwrap_err().kind(), kind, "{name}");
        // Nothing is written, and the file itself is as it was.
        assert!(std::fs::read(folder.0.join("a.bin")).unwrap_or_default().is_empty());
        assert_eq!(file.condition().unwrap(), Condition::Sound);
        file.commit().unwrap();
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.0.join("../outside.bin"), folder.0.join("link.bin")).unwrap();
        let (file, _) = new(ExternalPolicy::Under(folder.0.clone()));
        assert!(dataset(&file, &[part("link.bin", 0, None)]).write(7).is_err());
        assert!(!folder.0.join("../outside.bin").exists());
    }
}

#[test]
fn elements_that_point_into_the_file_are_refused() {
    let folder = Folder::new("heap");
    let (file, _) = new(ExternalPolicy::Under(folder.0.clone()));
    let root = file.root().unwrap();
    let words = root.new_dataset(text()).shape([2]).external([part("w.bin", 0, None)]).create("w").unwrap();
    assert_eq!(words.write(["a", "b"]).unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(!folder.0.join("w.bin").exists());
}
