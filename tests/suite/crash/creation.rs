//! Disks that fail while a file is made: an error each time, and nothing that could be taken for what it is not.

use super::content::content;
use super::faults::{Fault, FaultDisk};
use super::workloads::{self, Workload};
use hdf5_format::check::CheckOptions;
use hdf5_format::edit::Durability;
use hdf5_format::io::MemoryFile;
use hdf5_format::{CreateOptions, File, OpenOptions, Result};
use rayon::prelude::*;

fn make(workload: &Workload, disk: &FaultDisk, durability: Durability) -> Result<File> {
    let style = workload.style.clone().unwrap();
    CreateOptions::new().style(style).durability(durability).create_in(disk.clone())
}

/// What a file holds; `None` if it is refused.
fn held(bytes: &[u8]) -> Option<u64> {
    let read = content(&File::from_bytes(bytes).ok()?).unwrap();
    // Opening for writing finishes a commit that was interrupted.
    let disk = MemoryFile::new(bytes);
    let file = OpenOptions::new().open_rw_in(disk).unwrap();
    let damage: Vec<String> = file.check(CheckOptions::new()).damage().map(ToString::to_string).collect();
    assert!(damage.is_empty() && content(&file).unwrap() == read, "it opens, and is damaged: {damage:?}");
    Some(read)
}

#[test]
fn a_file_that_could_not_be_made_is_none() {
    let workloads = workloads::all();
    let made = workloads.par_iter().filter(|workload| workload.style.is_some());
    let cases: usize = made.map(|w| all(w, Durability::Atomic) + all(w, Durability::Fast)).sum();
    assert!(cases > 1_000, "{cases} cases");
}

/// A file of something else, which is written over.
fn old(workload: &Workload) -> Vec<u8> {
    let disk = FaultDisk::new(&[], None);
    let file = make(workload, &disk, Durability::Atomic).unwrap();
    file.root().unwrap().set_attr_raw("old", &workloads::int(), Some(&[1]), &[1, 2, 3, 4]).unwrap();
    file.commit().unwrap();
    disk.bytes()
}

fn all(workload: &Workload, durability: Durability) -> usize {
    let old = old(workload);
    let mut cases = 0;
    for start in [&[][..], &old] {
        let disk = FaultDisk::new(start, None);
        let file = make(workload, &disk, durability).unwrap();
        let (calls, writing) = (disk.calls(), disk.writing());
        let empty = Some(content(&file).unwrap());
        for at in 0..calls {
            for (fault, forever) in
                [Fault::Fails, Fault::Full, Fault::Lies].into_iter().flat_map(|f| [(f, false), (f, true)])
            {
                let disk = FaultDisk::new(start, Some((at, fault, forever)));
                let made = make(workload, &disk, durability);
                let broken = (disk.bytes(), disk.durable());
                disk.repair();
                let name = format!("{}, {durability:?}, call {at}, {fault:?}", workload.name);
                match &made {
                    // What a full disk need not refuse, or a read that is not needed.
                    Ok(file) => assert_eq!(Some(content(file).unwrap()), empty, "{name}"),
                    Err(error) => {
                        let text = error.to_string();
                        assert!(text.contains("error") || text.contains("no space"), "{name}: {text}");
                        assert!(!text.contains("last commit"), "{name}: {text}");
                    }
                }
                assert!(made.is_err() || fault == Fault::Full || !writing.contains(&at), "{name}: no error");
                // The old file is whole until it is gone.
                let untouched = made.is_err() && broken.0 == start;
                for bytes in [broken.0, broken.1] {
                    let found = held(&bytes);
                    assert!(found.is_none() || found == empty || untouched || bytes == start, "{name}");
                }
                drop(made);
                make(workload, &disk, durability).unwrap();
                assert_eq!((held(&disk.bytes()), held(&disk.durable())), (empty, empty), "{name}");
                cases += 1;
            }
        }
    }
    cases
}
