//! Free space that a file keeps for whoever opens it next, and files in pages.

use super::{integers, is_clean, reopened};
use hdf5_format::check::CheckOptions;
use hdf5_format::edit::{Bounds, FileStyle, Version, file_space, kept_file_space};
use hdf5_format::format::message::file_space_info::{FileSpaceInfo, Strategy};
use hdf5_format::io::MemoryFile;
use hdf5_format::{CreateOptions, File, RepackOptions};

fn new_file(low: Version, space: FileSpaceInfo) -> (File, MemoryFile) {
    let bounds = Bounds { low, ..Bounds::default() };
    let style = FileStyle { bounds, file_space: Some(space), ..FileStyle::default() };
    let memory = MemoryFile::new([]);
    (CreateOptions::new().style(style).create_in(memory.clone()).unwrap(), memory)
}

fn fill(file: &File, names: impl Iterator<Item = u64>) {
    let root = file.root().unwrap();
    for i in names {
        let data = root.new_dataset(integers()).shape([10 + 60 * i]).create(format!("d{i}")).unwrap();
        data.write_raw(.., &vec![i as u8 + 1; 40 + 240 * i as usize]).unwrap();
    }
}

fn holds(file: &File, i: u64) {
    let values = file.dataset(format!("d{i}")).unwrap().read_vec::<i32>().unwrap();
    assert!(values.len() as u64 == 10 + 60 * i && values.iter().all(|&v| v == i32::from_ne_bytes([i as u8 + 1; 4])));
}

/// Bytes that the file lists as free, and those that nothing uses and no list has.
fn listed(memory: &MemoryFile) -> (u64, u64) {
    let report = File::from_bytes(memory.to_vec()).unwrap().check(CheckOptions::new());
    (report.free, report.unused)
}

/// Settings of files that keep lists, and that leave this to libhdf5.
fn settings() -> [FileSpaceInfo; 3] {
    [(Strategy::FsmAggr, 4096), (Strategy::Page, 4096), (Strategy::Page, 8192)]
        .map(|(strategy, page)| kept_file_space(strategy, page))
}

#[test]
fn the_next_opening_uses_what_is_free() {
    let space = kept_file_space(Strategy::FsmAggr, 4096);
    for low in [Version::Earliest, Version::V18, Version::V110] {
        let (file, memory) = new_file(low, space.clone());
        fill(&file, 0..20);
        file.commit().unwrap();
        for i in (0..20).step_by(2) {
            file.root().unwrap().delete(format!("d{i}")).unwrap();
        }
        file.commit().unwrap();
        is_clean(&memory);
        let (free, unused) = listed(&memory);
        assert!(free > 15_000 && unused < 200, "{free} listed, {unused} not");
        let len = memory.to_vec().len();
        drop(file);
        let file = reopened(&memory);
        fill(&file, (0..18).step_by(2));
        file.commit().unwrap();
        is_clean(&memory);
        assert!(memory.to_vec().len() <= len + 4096, "from {len} to {}", memory.to_vec().len());
        (0..18).for_each(|i| holds(&file, i));
        drop(file);
        // An opening that changes nothing leaves everything.
        let before = memory.to_vec();
        reopened(&memory).commit().unwrap();
        assert_eq!(memory.to_vec(), before);
    }
}

#[test]
fn lists_of_pages_are_used_and_go() {
    let memory = MemoryFile::new(std::fs::read(crate::files::folder().join("space_page.h5")).unwrap());
    let (len, free) = (memory.to_vec().len(), listed(&memory).0);
    let file = reopened(&memory);
    file.root().unwrap().new_dataset(integers()).shape([16]).create("new").unwrap().write_raw(.., &[7; 64]).unwrap();
    file.commit().unwrap();
    is_clean(&memory);
    assert!(free > 600 && listed(&memory).0 == 0 && memory.to_vec().len() <= len);
    assert_eq!(file.dataset("new").unwrap().read_raw(..).unwrap().0, [7; 64]);
}

#[test]
fn pages_end_with_the_file() {
    for space in [file_space(Strategy::Page, 512), kept_file_space(Strategy::Page, 2048)] {
        let (file, memory) = new_file(Version::V110, space.clone());
        for step in 0..12 {
            fill(&file, step..step + 1);
            if step % 3 == 2 {
                file.root().unwrap().delete(format!("d{}", step - 1)).unwrap();
            }
            file.commit().unwrap();
            assert_eq!(memory.to_vec().len() as u64 % space.page_size, 0);
            is_clean(&memory);
        }
        fill(&file, 30..32);
        file.rollback().unwrap();
        fill(&file, 40..41);
        file.commit().unwrap();
        is_clean(&memory);
        holds(&file, 40);
    }
}

#[test]
fn a_repack_keeps_free_space_as_the_original() {
    let (file, _) = new_file(Version::V18, kept_file_space(Strategy::FsmAggr, 4096));
    fill(&file, 0..3);
    file.commit().unwrap();
    let memory = MemoryFile::new([]);
    file.repack_into(memory.clone(), &RepackOptions::new()).unwrap();
    is_clean(&memory);
    let file = reopened(&memory);
    file.root().unwrap().delete("d2").unwrap();
    file.commit().unwrap();
    assert!(listed(&memory).0 > 400);
}

#[test]
fn wrong_settings_are_refused() {
    let small = file_space(Strategy::Page, 100);
    let untracked = kept_file_space(Strategy::None, 4096);
    let without = FileSpaceInfo { persist: true, ..file_space(Strategy::FsmAggr, 4096) };
    for space in [small, untracked, without] {
        let style = FileStyle { file_space: Some(space), ..FileStyle::default() };
        assert!(CreateOptions::new().style(style).create_in(MemoryFile::new([])).is_err());
    }
}

#[test]
fn what_is_listed_is_free_at_any_moment() {
    let clean = |file: &File, when: &str| {
        let report = file.check(CheckOptions::new().data(true));
        assert!(report.damage().next().is_none(), "{when}: {:#?}", report.findings);
    };
    for space in settings() {
        let (file, memory) = new_file(Version::V18, space);
        fill(&file, 0..12);
        file.commit().unwrap();
        (0..12).step_by(3).for_each(|i| file.root().unwrap().delete(format!("d{i}")).unwrap());
        clean(&file, "before the commit");
        file.commit().unwrap();
        clean(&file, "after the commit");
        let committed = memory.to_vec();
        drop(file);
        let file = reopened(&memory);
        fill(&file, 0..1);
        clean(&file, "with changes of a second opening");
        file.rollback().unwrap();
        clean(&file, "after a rollback");
        fill(&file, (0..12).step_by(3));
        // Raw data lies in what the committed lists say is free, and the committed state knows nothing of it.
        is_clean(&memory);
        assert_eq!(listed(&memory), listed(&MemoryFile::new(committed)));
        file.commit().unwrap();
        is_clean(&memory);
        (0..12).for_each(|i| holds(&file, i));
    }
}

#[test]
fn compacting_lists_what_a_walk_finds() {
    // Shorter ranges are not listed, and so not known at the next opening.
    let space = FileSpaceInfo { threshold: 4000, ..kept_file_space(Strategy::FsmAggr, 4096) };
    let (file, memory) = new_file(Version::V110, space);
    fill(&file, 0..30);
    file.commit().unwrap();
    (10..20).step_by(2).for_each(|i| file.root().unwrap().delete(format!("d{i}")).unwrap());
    file.commit().unwrap();
    let (free, unused) = listed(&memory);
    assert!(free >= 4000 && unused >= 4000, "{free} {unused}");
    drop(file);
    let file = reopened(&memory);
    (5..9).for_each(|i| file.root().unwrap().delete(format!("d{i}")).unwrap());
    let compaction = file.compact().unwrap();
    is_clean(&memory);
    assert!(compaction.free >= free + unused);
    assert_eq!(listed(&memory).0 + listed(&memory).1, compaction.free);
    (20..30).for_each(|i| holds(&file, i));
}
