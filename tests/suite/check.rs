//! `File::check`: sound files are clean, damaged copies are told apart, and what is unused is known and used again.

use crate::files;
use hdf5_format::check::{CheckOptions, Code, Report, SpaceBlock};
use hdf5_format::codec::checksum::lookup3;
use hdf5_format::edit::{Bounds, FileStyle, GroupStyle, Version};
use hdf5_format::format::message::datatype::{Class, VlenKind};
use hdf5_format::io::MemoryFile;
use hdf5_format::{CreateOptions, File, OpenOptions, Value};
use std::sync::Arc;

fn all() -> CheckOptions {
    CheckOptions::new().data(true).blocks(true)
}

fn check(bytes: Vec<u8>) -> Report {
    File::options().salvage(true).from_bytes(bytes).unwrap().check(all())
}

fn codes(report: &Report) -> Vec<Code> {
    let mut codes: Vec<Code> = report.findings.iter().map(|finding| finding.code).collect();
    codes.dedup();
    codes
}

fn fixture(name: &str) -> (Vec<u8>, Report) {
    let bytes = std::fs::read(files::folder().join(name)).unwrap();
    let report = check(bytes.clone());
    assert!(report.is_clean(), "{name}: {:?}", report.findings);
    (bytes, report)
}

fn block<'r>(report: &'r Report, structure: &str, path: &str) -> &'r SpaceBlock {
    let found = report.blocks.iter().find(|block| block.structure == structure && &*block.path == path);
    found.unwrap_or_else(|| panic!("no {structure} of {path} in {:#?}", report.usage))
}

/// Where a block's bytes are.
fn range(block: &SpaceBlock) -> std::ops::Range<usize> {
    block.offset as usize..(block.offset + block.len) as usize
}

fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    bytes[at..at + new.len()].copy_from_slice(new);
}

/// Writes the checksum of a structure that ends with one.
fn seal(bytes: &mut [u8], range: std::ops::Range<usize>) {
    let sum = lookup3(&bytes[range.start..range.end - 4], 0);
    put(bytes, range.end - 4, &sum.to_le_bytes());
}

fn expect(bytes: Vec<u8>, code: Code) -> Report {
    let report = check(bytes);
    assert!(codes(&report).contains(&code), "expected {code}: {:#?}", report.findings);
    report
}

#[test]
fn sound_files_are_clean() {
    for name in files::names() {
        let report = files::open(&name).check(all());
        assert!(report.is_clean(), "{name}: {:#?}", report.findings);
        assert_eq!(report.used + report.free + report.unused, report.size, "{name}");
        let sum: u64 = report.blocks.iter().map(|block| block.len).sum();
        assert_eq!(report.used, sum, "{name}: blocks do not overlap");
    }
}

#[test]
fn free_space_that_a_file_keeps_is_all_that_it_does_not_use() {
    for name in ["space_fsm.h5", "space_page.h5"] {
        let (_, report) = fixture(name);
        assert!(report.free > 600 && report.unused == 0, "{name}: {report:?}");
    }
    let (_, report) = fixture("space_none.h5");
    assert!(report.free == 0 && report.unused > 0 && codes(&report) == [Code::Unused]);
}

#[test]
fn every_damaged_checksum_is_found() {
    let sums = ["groups_new.h5", "attributes_ordered.h5", "btree2_deep.h5", "layouts_latest.h5", "arrays_paged.h5"];
    for name in sums.into_iter().chain(["shared_list.h5", "shared_tree.h5", "heap_filtered.h5", "space_fsm.h5"]) {
        let (bytes, report) = fixture(name);
        let mut structures = std::collections::BTreeMap::new();
        for block in &report.blocks {
            structures.entry(block.structure).or_insert(block);
        }
        let plain = ["contiguous data", "chunk", "chunks", "global heap collection", "superblock"];
        let objects =
            ["huge fractal heap object", "v1 B-tree node", "symbol table node", "local heap", "local heap data"];
        for (structure, block) in structures {
            // Without checksum, or one of its own that is tried elsewhere.
            let old = bytes[block.offset as usize] == 1;
            if plain.contains(&structure) || objects.contains(&structure) || structure.contains("chunk B-tree") || old {
                continue;
            }
            let mut broken = bytes.clone();
            // Behind the signature and the version, and ahead of any padding.
            broken[block.offset as usize + 6] ^= 0x10;
            let opened = File::options().salvage(true).from_bytes(broken);
            let report = opened.unwrap().check(all());
            assert!(!report.is_clean(), "{name}: {structure} at {:#x}", block.offset);
            assert!(!report.complete, "{name}: {structure}: what is unused is not certain");
        }
    }
}

#[test]
fn ends_and_tails() {
    let (bytes, _) = fixture("superblock_3.h5");
    let mut longer = bytes.clone();
    longer.extend([0; 100]);
    let report = File::from_bytes(longer).unwrap().check(all());
    assert!(report.is_clean() && codes(&report).contains(&Code::Trailing));
    let mut shorter = bytes;
    shorter.truncate(shorter.len() - 8);
    expect(shorter, Code::PastEnd);
}

#[test]
fn links_and_names_of_old_groups() {
    let (bytes, report) = fixture("layouts_earliest.h5");
    let header = block(&report, "object header", "/");
    let mut broken = bytes.clone();
    broken[header.offset as usize + 4] -= 1;
    let report = expect(broken, Code::LinkCount);
    assert_eq!(report.damage().next().unwrap().path.as_deref(), Some("/"));

    let mut broken = bytes.clone();
    broken[header.offset as usize + 4] += 1;
    let report = expect(broken, Code::ExtraLinks);
    assert!(report.is_clean() && !report.complete);

    // The first two entries of a symbol table node change places.
    let leaf = report.blocks.iter().find(|b| b.structure == "symbol table node" && bytes[b.offset as usize + 6] > 1);
    let at = leaf.unwrap().offset as usize + 8;
    let mut broken = bytes.clone();
    let (first, second) = (bytes[at..at + 40].to_vec(), bytes[at + 40..at + 80].to_vec());
    put(&mut broken, at, &second);
    put(&mut broken, at + 40, &first);
    expect(broken.clone(), Code::Order);
    expect(broken, Code::Index);

    // The superblock caches another heap of the root.
    let mut broken = bytes.clone();
    broken[88] ^= 8;
    expect(broken, Code::StaleCache);

    // All names lie in a free block.
    let heap = block(&report, "local heap", "/");
    let data = block(&report, "local heap data", "/");
    let mut broken = bytes.clone();
    put(&mut broken, heap.offset as usize + 16, &8u64.to_le_bytes());
    put(&mut broken, data.offset as usize + 8, &1u64.to_le_bytes());
    put(&mut broken, data.offset as usize + 16, &(data.len - 8).to_le_bytes());
    expect(broken, Code::FreeInUse);
}

#[test]
fn messages_that_a_header_does_not_count() {
    let (mut bytes, report) = fixture("groups_old.h5");
    let header = range(block(&report, "object header", "/"));
    let counted = u16::from_le_bytes([bytes[header.start + 2], bytes[header.start + 3]]);
    put(&mut bytes, header.start + 2, &(counted - 1).to_le_bytes());
    // libhdf5 reads such a header, and so do we.
    assert!(!File::from_bytes(bytes.clone()).unwrap().root().unwrap().keys().is_empty());
    expect(bytes, Code::Structure);
}

#[test]
fn indexes_of_new_groups() {
    let (bytes, report) = fixture("btree2_deep.h5");
    let header = block(&report, "v2 B-tree header", "/");
    let mut broken = bytes.clone();
    // Records of the whole tree, before the checksum.
    broken[header.offset as usize + 26] ^= 1;
    seal(&mut broken, range(header));
    expect(broken, Code::Count);

    let heap = block(&report, "fractal heap header", "/");
    let mut broken = bytes;
    broken[heap.offset as usize + 70] ^= 1;
    seal(&mut broken, range(heap));
    expect(broken, Code::Count);
}

#[test]
fn free_space_in_use() {
    let (bytes, report) = fixture("space_fsm.h5");
    let lists = report.blocks.iter().filter(|block| block.structure == "free-space sections");
    let pairs = lists.flat_map(|list| report.holes.iter().map(move |&hole| (range(list), hole)));
    let place = |(list, hole): (std::ops::Range<usize>, (u64, u64))| {
        let place = bytes[list.clone()].windows(8).position(|window| window == hole.0.to_le_bytes())?;
        Some((list.start + place, list, hole.0 + hole.1))
    };
    let (at, list, used) = pairs.filter_map(place).next().expect("a section's offset is in the list");
    let mut broken = bytes.clone();
    // The section moves onto what follows it.
    put(&mut broken, at, &used.to_le_bytes());
    let in_use = (list.start..=list.end - 4)
        .rev()
        .find(|&end| bytes[end..end + 4] == lookup3(&bytes[list.start..end], 0).to_le_bytes());
    let end = in_use.expect("the list has a checksum");
    seal(&mut broken, list.start..end + 4);
    expect(broken, Code::FreeInUse);
}

#[test]
fn data_of_every_kind() {
    let (bytes, report) = fixture("layouts_earliest.h5");
    let chunked = report.blocks.iter().filter(|b| b.structure == "chunk B-tree node");
    let (mut sizes, mut moved) = (0, 0);
    for node in chunked {
        let key = node.offset as usize + 24;
        let mut broken = bytes.clone();
        broken[key] ^= 1;
        sizes += usize::from(codes(&check(broken)).contains(&Code::DataSize));
        // The first chunk lies where the node itself is.
        let mut broken = bytes.clone();
        let child = (0..4).map(|n| key + 16 + 8 * n).find(|&at| {
            let address = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
            report.blocks.iter().any(|b| b.structure == "chunk" && b.offset == address)
        });
        let Some(child) = child else { continue };
        put(&mut broken, child, &node.offset.to_le_bytes());
        moved += usize::from(codes(&check(broken)).contains(&Code::Overlap));
    }
    assert!(sizes > 0 && moved > 0, "{sizes} sizes, {moved} overlaps");

    let (bytes, report) = fixture("layouts_latest.h5");
    let mut found = 0;
    for chunk in report.blocks.iter().filter(|b| b.structure == "chunk" && &*b.path == "/filtered") {
        let mut broken = bytes.clone();
        broken[range(chunk).start + chunk.len as usize / 2] ^= 4;
        let report = check(broken.clone());
        found += usize::from(codes(&report).contains(&Code::Data));
        let metadata = File::from_bytes(broken).unwrap().check(CheckOptions::new());
        assert!(metadata.is_clean(), "chunks are not decoded unless asked for");
    }
    assert!(found > 3, "{found} chunks");

    let (bytes, report) = fixture("types_text.h5");
    let heap = report.blocks.iter().find(|b| b.structure == "global heap collection").unwrap();
    let mut broken = bytes;
    // The first object gets another number.
    broken[heap.offset as usize + 16] = 0xfe;
    expect(broken, Code::HeapObject);
}

/// Storage that stays when the file is closed.
fn memory() -> Arc<MemoryFile> {
    Arc::new(MemoryFile::new(Vec::new()))
}

fn add(file: &File, from: usize, to: usize) {
    let root = file.root().unwrap();
    let datatype = files::open("superblock_0.h5").dataset("x").unwrap().dtype().clone();
    for i in from..to {
        let dataset = root.new_dataset(datatype.clone()).shape([16]).create(format!("dataset {i:05}")).unwrap();
        dataset.write_raw(.., &[7; 64]).unwrap();
    }
}

fn known_and_found(file: &File) -> (u64, u64) {
    let report = file.check(CheckOptions::new());
    assert!(report.is_clean(), "{:#?}", report.findings);
    (file.free_bytes().unwrap(), report.unused)
}

#[test]
fn deleted_space_is_used_again() {
    let storage = memory();
    let file = CreateOptions::new().create_in(Arc::clone(&storage)).unwrap();
    add(&file, 0, 10_000);
    file.commit().unwrap();
    let full = storage.to_vec().len();
    let delete = |file: &File, from: usize| {
        let root = file.root().unwrap();
        (from..from + 1000).for_each(|i| root.delete(format!("dataset {i:05}")).unwrap());
        file.commit().unwrap();
    };
    delete(&file, 3000);
    let (known, found) = known_and_found(&file);
    assert_eq!(known, found, "what the editor knows to be free is what nothing uses");
    add(&file, 10_000, 11_000);
    file.commit().unwrap();
    let len = storage.to_vec().len();
    assert!(len <= full + full / 50, "{len} of {full} bytes in one session");
    let full = len;

    delete(&file, 5000);
    drop(file);
    let open = |reuse| OpenOptions::new().reuse_space(reuse).open_rw_in(Arc::clone(&storage)).unwrap();
    assert_eq!(open(false).free_bytes().unwrap(), 0);
    let file = open(true);
    let (known, found) = known_and_found(&file);
    assert!(known == found && found > 100_000, "{known} of {found}");
    add(&file, 11_000, 12_000);
    file.commit().unwrap();
    let len = storage.to_vec().len();
    assert!(len <= full + full / 50, "{len} of {full} bytes in another session");
}

/// Random changes: after each commit the editor knows all that nothing uses.
#[test]
fn no_change_loses_space() {
    let datatype = files::open("superblock_0.h5").dataset("x").unwrap().dtype().clone();
    let bounds = [Version::Earliest, Version::V18, Version::V110, Version::V114];
    for (seed, low) in (0..24u64).zip(bounds.into_iter().cycle()) {
        let mut state = seed;
        let mut next = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let style = FileStyle { bounds: Bounds { low, ..Bounds::default() }, ..FileStyle::default() };
        let file = CreateOptions::new().style(style).create_in(memory()).unwrap();
        let mut names: Vec<String> = vec!["/".into()];
        let mut made = 0;
        for step in 0..160u64 {
            let at = names[next(names.len() as u64) as usize].clone();
            let Ok(group) = file.group(&at) else { continue };
            made += 1;
            let name = format!("{}{made}", ["n", "a long name that takes room in heaps "][next(2) as usize]);
            let path = format!("{}/{name}", at.trim_end_matches('/'));
            match next(9) {
                0 => {
                    let style =
                        GroupStyle { link_order: [None, Some(true)][next(2) as usize], ..GroupStyle::default() };
                    group.create_group_with(&name, &style).unwrap();
                    names.push(path);
                }
                1 | 2 => {
                    let dataset = group.new_dataset(datatype.clone()).shape([next(300) + 1]).create(&name).unwrap();
                    let bytes = vec![step as u8; 4 * dataset.shape()[0] as usize];
                    dataset.write_raw(.., &bytes).unwrap();
                    names.push(path);
                }
                3 | 4 => {
                    let max = [vec![Some(400), Some(400)], vec![None, Some(400)], vec![None, None]];
                    let mut dataset = group
                        .new_dataset(datatype.clone())
                        .shape([20, 20])
                        .maxshape(max[next(3) as usize].clone())
                        .chunks([next(7) + 1, next(7) + 1])
                        .filter(&"gzip=1".parse().unwrap())
                        .unwrap()
                        .create(&name)
                        .unwrap();
                    dataset.write_raw(.., &[step as u8; 1600]).unwrap();
                    dataset.resize(&[next(40) + 1, next(40) + 1]).unwrap();
                    let bytes = vec![next(256) as u8; 4 * dataset.shape().iter().product::<u64>() as usize];
                    dataset.write_raw(.., &bytes).unwrap();
                    names.push(path);
                }
                5 | 6 => {
                    let object = file.get(&names[next(names.len() as u64) as usize]).unwrap();
                    for n in 0..next(12) {
                        let len = if next(9) == 0 { 3000 } else { next(20) + 1 };
                        let data = vec![3; 4 * len as usize];
                        object.info().set_attr_raw(format!("a{n}"), &datatype, Some(&[len]), &data).unwrap();
                    }
                    if next(3) == 0 && object.info().attribute("a0").is_ok() {
                        object.info().delete_attr("a0").unwrap();
                    }
                }
                7 => {
                    group.link_path(&name, "/nowhere").unwrap();
                }
                _ => {
                    let victim = next(names.len() as u64) as usize;
                    if victim > 0 {
                        let path = names.swap_remove(victim);
                        names.retain(|name| !name.starts_with(&format!("{path}/")));
                        file.root().unwrap().delete(&path).unwrap();
                    }
                }
            }
            if next(20) == 0 || step == 159 {
                file.commit().unwrap();
                let (known, found) = known_and_found(&file);
                assert_eq!(known, found, "seed {seed}, step {step}");
            }
        }
    }
}

#[test]
fn collections_that_were_given_back_are_not_filled_on() {
    let texts = files::open("types_text.h5");
    let text = texts.root().unwrap().iter().find_map(|member| {
        let dataset = member.ok()?.object.ok()?.into_dataset().ok()?;
        matches!(dataset.dtype().class, Class::Vlen { kind: VlenKind::String, .. }).then(|| dataset.dtype().clone())
    });
    let text = text.expect("the fixture has text of variable length");
    let file = CreateOptions::new().create_in(memory()).unwrap();
    let value = |text: &str| [Value::String(text.as_bytes().to_vec())];
    let root = file.root_object().unwrap();
    for round in 0..3 {
        root.info().set_attr_values("text", &text, Some(&[]), &value("first")).unwrap();
        file.commit().unwrap();
        root.info().delete_attr("text").unwrap();
        file.commit().unwrap();
        file.reclaim().unwrap();
        add(&file, 20 * round, 20 * round + 20);
        root.info().set_attr_values("text", &text, Some(&[]), &value("second")).unwrap();
        file.commit().unwrap();
        let report = file.check(all());
        assert!(report.is_clean(), "{:#?}", report.findings);
        assert_eq!(file.root_object().unwrap().info().attr::<String>("text").unwrap(), "second");
    }
}

#[test]
fn the_tail_is_cut_off() {
    let storage = memory();
    let file = CreateOptions::new().create_in(Arc::clone(&storage)).unwrap();
    add(&file, 0, 10);
    file.commit().unwrap();
    let small = storage.to_vec().len() as u64;
    add(&file, 10, 200);
    file.commit().unwrap();
    drop(file);
    // A library that knows nothing of the holes it leaves.
    let file = OpenOptions::new().open_rw_in(Arc::clone(&storage)).unwrap();
    let root = file.root().unwrap();
    (10..200).for_each(|i| root.delete(format!("dataset {i:05}")).unwrap());
    assert!(file.reclaim().is_err(), "there are changes that are not committed");
    let done = file.compact().unwrap();
    assert!(done.after < done.before, "{done:?}, {small} before");
    let last = check(storage.to_vec()).blocks.last().map(|block| block.offset + block.len);
    assert_eq!(last, Some(done.after), "nothing unused at the end");
    assert_eq!(storage.to_vec().len() as u64, done.after);
    assert_eq!(known_and_found(&file), (done.free, done.free));
    assert_eq!(file.root().unwrap().links().len(), 10);
}

#[test]
fn nothing_is_reused_in_a_damaged_file() {
    let storage = memory();
    let file = CreateOptions::new().create_in(Arc::clone(&storage)).unwrap();
    add(&file, 0, 50);
    file.commit().unwrap();
    drop(file);
    let report = check(storage.to_vec());
    let header = block(&report, "object header", "/dataset 00007");
    let mut bytes = storage.to_vec();
    bytes[header.offset as usize] = 9;
    let open =
        |reuse| OpenOptions::new().reuse_space(reuse).open_rw_in(Arc::new(MemoryFile::new(bytes.clone()))).unwrap();
    assert_eq!(open(true).free_bytes().unwrap(), 0);
    assert!(open(false).reclaim().is_err());
}
