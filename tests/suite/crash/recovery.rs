//! What recovering says and does about each thing that may be left.

use super::disk::{SimDisk, epochs, image};
use super::workloads;
use hdf5_format::codec::{Cursor, Sizes, Writer};
use hdf5_format::edit::Recovery;
use hdf5_format::format::superblock::Superblock;
use hdf5_format::io::MemoryFile;
use hdf5_format::{ErrorKind, File, OpenOptions};

/// A version 3 file with some content, and the same with a commit that was interrupted before anything was in place.
fn files() -> (Vec<u8>, Vec<u8>) {
    let all = workloads::all();
    let workload = all.iter().find(|w| w.name == "dense attributes").unwrap();
    let disk = SimDisk::default();
    let file = workload.open(disk.clone()).unwrap();
    for step in 0..3 {
        workload.change(&file, step).unwrap();
        file.commit().unwrap();
    }
    let interrupted = epochs(&[], &disk.ops(), &[]).into_iter().map(|epoch| image(&epoch.base, &[], &[]));
    let found = |bytes: &Vec<u8>| matches!(File::options().recovery_in(bytes.clone()), Ok(Recovery::Commit { .. }));
    (disk.bytes(), interrupted.filter(found).last().unwrap())
}

fn look(bytes: &[u8]) -> Recovery {
    File::options().recovery_in(bytes.to_vec()).unwrap()
}

fn flagged(bytes: &[u8], flags: u32) -> Vec<u8> {
    let superblock = Superblock::parse(&mut Cursor::new(bytes, 0, "superblock", Sizes::EIGHT)).unwrap();
    let mut writer = Writer::new(superblock.sizes);
    Superblock { flags, ..superblock }.encode(&mut writer).unwrap();
    let mut bytes = bytes.to_vec();
    bytes[..writer.as_slice().len()].copy_from_slice(writer.as_slice());
    bytes
}

#[test]
fn a_commit_is_finished() {
    let (clean, interrupted) = files();
    assert_eq!(look(&clean), Recovery::Clean);
    let Recovery::Commit { blocks, bytes } = look(&interrupted) else { panic!("no commit") };
    assert!(blocks >= 2 && bytes > 100);
    // Reading shows it, says so, and writes nothing.
    let file = File::from_bytes(interrupted.as_slice()).unwrap();
    assert!(file.warnings()[0].to_string().contains("h5 recover"));
    assert_eq!(file.root().unwrap().attributes().unwrap().len(), 12);
    let disk = MemoryFile::new(interrupted);
    assert_eq!(File::options().recover_in(disk.clone()).unwrap(), Recovery::Commit { blocks, bytes });
    assert_eq!(disk.to_vec(), clean);
    assert_eq!(File::options().recover_in(disk.clone()).unwrap(), Recovery::Clean);
    assert!(File::from_bytes(disk.to_vec()).unwrap().warnings().is_empty());
}

#[test]
fn marks_go_where_the_file_is_whole() {
    let (clean, _) = files();
    for (flags, kind) in [(3, Recovery::Mark), (1, Recovery::ForeignMark), (5, Recovery::ForeignMark)] {
        let marked = flagged(&clean, flags);
        assert_eq!(look(&marked), kind);
        let disk = MemoryFile::new(marked);
        let opened = OpenOptions::new().open_rw_in(disk.clone());
        if kind == Recovery::ForeignMark {
            assert_eq!(opened.err().unwrap().kind(), ErrorKind::Locked);
            assert_eq!(File::options().recover_in(disk.clone()).unwrap(), kind);
        } else {
            assert!(opened.is_ok());
        }
        assert_eq!(disk.to_vec(), clean);
    }
}

#[test]
fn a_mark_on_a_damaged_file_stays() {
    let (clean, _) = files();
    let mut marked = flagged(&clean, 1);
    let header = File::from_bytes(clean).unwrap().root_address();
    let place = usize::try_from(header.0).unwrap() + 30;
    marked[place] ^= 0x55;
    assert!(File::options().recovery_in(marked.clone()).is_err());
    let disk = MemoryFile::new(marked.as_slice());
    let error = File::options().recover_in(disk.clone()).unwrap_err();
    assert!(error.to_string().contains("the mark stays"), "{error}");
    assert_eq!(disk.to_vec(), marked);
}
