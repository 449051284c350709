use super::*;
use crate::edit::Version;
use crate::edit::testing::editor_with;
use crate::format::free_space::{FreeSpaceHeader, FreeSpaceSections, Section, SectionKind};
use crate::graph::fractal_heap::FractalHeap;
use crate::io::MemoryFile;
use alloc::format;
use alloc::string::String;
use geometry::Span;

const WIDTHS: [Sizes; 4] = [
    Sizes { offset: 8, length: 8 },
    Sizes { offset: 4, length: 4 },
    Sizes { offset: 2, length: 4 },
    Sizes { offset: 8, length: 4 },
];

/// Small blocks, so that few objects make many.
const SMALL: Parameters<'static> =
    Parameters { id_len: 8, max_managed: 150, start_block: 64, max_direct: 256, max_bits: 24, ..Parameters::LINKS };

/// fletcher32, which makes every block four bytes longer.
const FLETCHER: [u8; 8] = [2, 1, 3, 0, 0, 0, 0, 0];

fn editor(sizes: Sizes) -> (Editor, MemoryFile) {
    editor_with(Version::V18, |superblock| superblock.sizes = sizes)
}

fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |n| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    }
}

pub(super) type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// What is stored of a heap is what its objects make of it.
fn verify(editor: &Editor, address: Address, model: &Model) {
    assert_eq!(differences(editor, address, model), [] as [String; 0]);
}

/// Where what is stored of a heap is not what its objects make of it.
pub(super) fn differences(editor: &Editor, address: Address, model: &Model) -> Vec<String> {
    let mut out = Vec::new();
    let mut check = |what: &str, stored: String, expected: String| {
        if stored != expected {
            out.push(format!("{what}: {stored}, expected {expected}"));
        }
    };
    macro_rules! same {
        ($what:expr, $stored:expr, $expected:expr) => {
            check($what, format!("{:?}", $stored), format!("{:?}", $expected))
        };
    }
    let ctx = editor.ctx();
    let graph = FractalHeap::open(ctx, address).unwrap();
    let mut reader = graph.reader(ctx);
    for (id, object) in model {
        assert_eq!(&*reader.object(id).unwrap().bytes, object);
    }
    let mut heap = HeapEditor::open(ctx, address).unwrap();
    let (mut managed, mut huge, mut tiny) = (Vec::new(), Vec::new(), Vec::new());
    for (id, object) in model {
        match heap.parse_id(ctx, id).unwrap() {
            HeapId::Managed { offset, len } => managed.push((offset, len)),
            HeapId::Huge(_) => huge.push(object.len() as u64),
            HeapId::Tiny(_) => tiny.push(object.len() as u64),
        }
    }
    let header = heap.header.clone();
    same!("huge", (header.huge_objects, header.huge_bytes), (huge.len(), huge.iter().sum::<u64>()));
    same!("tiny", (header.tiny_objects, header.tiny_bytes), (tiny.len(), tiny.iter().sum::<u64>()));
    same!("index of huge objects", header.huge_btree.is_some(), !huge.is_empty());
    managed.sort_unstable();
    let used: u64 = managed.iter().map(|&(_, len)| len).sum();
    let rows = u32::from(header.table.root_rows);
    same!("managed objects", header.managed_objects, managed.len());
    if managed.is_empty() {
        same!("root", (header.table.root, rows), (None::<Address>, 0));
        let spaces = (header.managed_space, header.allocated_space, header.iterator_offset, header.free_space);
        same!("spaces", spaces, (0, 0, 0, 0));
        same!("manager", header.free_manager, None::<Address>);
        return out;
    }
    same!("managed space", header.managed_space, heap.geometry.span(rows));
    same!("free space", header.free_space, heap.geometry.capacity(rows) - used);
    // Blocks with objects exist, and no others.
    let mut blocks: Vec<Span> = managed.iter().map(|&(offset, _)| heap.geometry.block_at(offset)).collect();
    blocks.dedup();
    same!("allocated space", header.allocated_space, blocks.iter().map(|block| block.size).sum::<u64>());
    let end = blocks.last().unwrap().end();
    if rows > 0 {
        same!("last block", heap.last_end(ctx, u64::MAX).unwrap(), end);
        same!("iterator", header.iterator_offset, end);
    }
    let mut free = Vec::new();
    let mut objects = managed.iter().peekable();
    for block in &blocks {
        heap.existing(ctx, block.start).unwrap();
        let mut at = block.start + heap.geometry.prefix;
        while let Some(&&(offset, len)) = objects.peek().filter(|(offset, _)| *offset < block.end()) {
            assert!(offset >= at, "objects overlap");
            free.push((at, offset - at));
            at = offset + len;
            objects.next();
        }
        assert!(at <= block.end());
        free.push((at, block.end() - at));
    }
    free.retain(|&(_, len)| len > 0);
    let mut gaps = Vec::new();
    let mut at = 0;
    for block in &blocks {
        if at < block.start {
            gaps.push((at, block.start));
        }
        at = block.end();
    }
    let listed = heap.load_free(ctx).unwrap();
    same!("free stretches", listed.singles().collect::<Vec<_>>(), free);
    same!("missing blocks", listed.gaps().collect::<Vec<_>>(), gaps);
    same!("manager", header.free_manager.is_some(), !free.is_empty() || !gaps.is_empty());
    if let Some(at) = header.free_manager {
        let stored = manager::load_header(ctx, at).unwrap();
        let (sections, [count, space]) = sections(ctx, &stored, &heap.geometry, &free, &gaps);
        let singles = sections.iter().filter(|section| section.kind == SectionKind::Single).count();
        same!("sorted", sections.is_sorted_by_key(|section| (section.size, section.offset)), true);
        same!("sections of stretches", singles, free.len());
        same!("list", stored.sections_used, stored.sections_allocated);
        same!("sections", (stored.section_count, stored.serialised_count), (count, sections.len()));
        same!("space of sections", stored.total_space, space);
    }
    out
}

/// The sections of a manager, and how many there should be, rows of missing blocks counted one by one, and their space.
fn sections(
    ctx: &FileContext,
    header: &FreeSpaceHeader,
    geometry: &Geometry,
    free: &[(u64, u64)],
    gaps: &[(u64, u64)],
) -> (Vec<Section>, [u64; 2]) {
    let list = header.sections.unwrap();
    let block = ctx.block(list, header.sections_used, "list").unwrap();
    let sections = FreeSpaceSections::parse(&mut ctx.cursor(&block, list, "list"), header).unwrap().sections;
    let (mut count, mut space) = (free.len() as u64, free.iter().map(|&(_, len)| len).sum::<u64>());
    for &(start, end) in gaps {
        // A row of a table counts once, however many of its blocks are free.
        let mut at = start;
        let mut last = None;
        while at < end {
            let block = geometry.block_at(at);
            let row = table_and_row(geometry, at);
            if last != Some(row) {
                count += 1;
                space += block.size - geometry.prefix;
                last = Some(row);
            }
            at = block.end();
        }
    }
    (sections, [count, space])
}

fn table_and_row(geometry: &Geometry, offset: u64) -> (u64, u32) {
    let mut table = 0;
    loop {
        let (row, column) = geometry.table.locate(offset - table);
        if geometry.is_direct(row) {
            return (table, row);
        }
        table += geometry.entry_offset(u64::from(row) * u64::from(geometry.table.width) + u64::from(column));
    }
}

struct Mix {
    steps: usize,
    most: u64,
    huge: bool,
}

/// Random insertions, removals and overwritten objects; the heap is closed and opened now and then.
fn churn(editor: &mut Editor, parameters: &Parameters<'_>, mix: &Mix, seed: u64) -> u16 {
    let before = editor.ctx().end();
    let address = create(editor, parameters).unwrap();
    let mut model = Model::new();
    let mut next = numbers(seed);
    let mut heap = HeapEditor::open(editor.ctx(), address).unwrap();
    let mut tallest = 0;
    for step in 0..mix.steps {
        let growing = (step * 5 / mix.steps).is_multiple_of(2);
        let chance = next(10);
        if (growing && chance < 6) || (!growing && chance < 2) {
            let len = match next(20) {
                0 => next(8),
                1 if mix.huge => u64::from(parameters.max_managed) + next(300),
                _ => next(mix.most),
            };
            let object: Vec<u8> = (0..=len).map(|_| next(256) as u8).collect();
            let id = heap.insert(editor, &object).unwrap();
            assert_eq!(id.len(), usize::from(parameters.id_len));
            assert_eq!(&*heap.get(editor.ctx(), &id).unwrap(), object);
            let old = model.insert(id, object.clone());
            if object.len() <= heap.ids.max_tiny() {
                if old.is_some() {
                    heap.remove(editor, &model.iter().find(|(_, o)| **o == object).unwrap().0.clone()).unwrap();
                }
            } else {
                assert_eq!(old, None, "an id is given twice");
            }
        } else if !model.is_empty() {
            let nth = next(model.len() as u64) as usize;
            let (id, object) = model.iter().nth(nth).map(|(id, object)| (id.clone(), object.clone())).unwrap();
            assert_eq!(&*heap.get(editor.ctx(), &id).unwrap(), object);
            if chance == 9 {
                let new: Vec<u8> = object.iter().map(|b| !b).collect();
                match heap.overwrite(editor, &id, &new) {
                    Ok(()) => drop(model.insert(id.clone(), new.clone())),
                    Err(_) => assert!(object.len() <= heap.ids.max_tiny() || heap.ids.huge_direct),
                }
                assert!(heap.overwrite(editor, &id, &[&new[..], &[0]].concat()).is_err());
            } else {
                heap.remove(editor, &id).unwrap();
                model.remove(&id);
            }
        }
        if step % 97 == 0 || model.len() < 3 && step % 5 == 0 {
            heap.finish(editor).unwrap();
            verify(editor, address, &model);
            if step % 3 == 0 {
                editor.commit().unwrap();
            }
            heap = HeapEditor::open(editor.ctx(), address).unwrap();
            tallest = tallest.max(heap.header.table.root_rows);
        }
    }
    // All of it goes: half one by one, the rest at once; then again all one by one.
    let ids: Vec<Vec<u8>> = model.keys().cloned().collect();
    for id in &ids[..ids.len() / 2] {
        heap.remove(editor, id).unwrap();
        model.remove(id);
    }
    heap.finish(editor).unwrap();
    verify(editor, address, &model);
    if seed.is_multiple_of(2) {
        let mut heap = HeapEditor::open(editor.ctx(), address).unwrap();
        for id in model.keys().rev() {
            heap.remove(editor, id).unwrap();
        }
        assert!(heap.is_empty());
        heap.finish(editor).unwrap();
        verify(editor, address, &Model::new());
    }
    delete(editor, address).unwrap();
    editor.commit().unwrap();
    assert_eq!((editor.ctx().end(), editor.free_bytes()), (before, 0));
    tallest
}

#[test]
fn objects_come_and_go_as_in_a_map() {
    let mut tallest = 0;
    for (n, &sizes) in WIDTHS.iter().enumerate() {
        for most in [30, 140] {
            for seed in 0..4 {
                let (mut editor, _file) = editor(sizes);
                let mix = Mix { steps: 1200, most, huge: true };
                tallest = tallest.max(churn(&mut editor, &SMALL, &mix, n as u64 * 8 + seed));
            }
        }
    }
    assert!(tallest >= 8, "{tallest}");
}

#[test]
fn other_shapes() {
    for (n, parameters) in [
        Parameters { checksums: false, ..SMALL },
        Parameters { width: 1, ..SMALL },
        Parameters { width: 2, start_rows: 4, ..SMALL },
        Parameters { width: 8, max_direct: 1024, start_rows: 0, max_bits: 16, ..SMALL },
        // Huge objects named by their address, long tiny ones.
        Parameters { id_len: 30, ..SMALL },
        Parameters { id_len: 17, ..SMALL },
        Parameters::LINKS,
        Parameters::ATTRIBUTES,
    ]
    .iter()
    .enumerate()
    {
        for seed in 0..2 {
            let (mut editor, _file) = editor(Sizes::EIGHT);
            churn(&mut editor, parameters, &Mix { steps: 1500, most: 140, huge: true }, n as u64 * 2 + seed);
        }
    }
}

#[test]
fn many_levels() {
    for seed in 0..2 {
        let (mut editor, _file) = editor(Sizes::EIGHT);
        let parameters = Parameters { width: 2, max_direct: 128, max_managed: 100, ..SMALL };
        let rows = churn(&mut editor, &parameters, &Mix { steps: 8000, most: 40, huge: false }, seed);
        assert!(rows >= 8, "{rows}");
    }
}

#[test]
fn filtered_blocks_and_objects() {
    for id_len in [8, 29] {
        for seed in 0..3 {
            let (mut editor, _file) = editor(Sizes::EIGHT);
            let parameters = Parameters { id_len, pipeline: &FLETCHER, ..SMALL };
            churn(&mut editor, &parameters, &Mix { steps: 1000, most: 100, huge: true }, seed);
        }
    }
}

#[test]
fn the_way_from_one_block_to_tables_and_back() {
    let (mut editor, _file) = editor(Sizes::EIGHT);
    let address = create(&mut editor, &Parameters::LINKS).unwrap();
    let state = |editor: &Editor| {
        let header = load_header(editor.ctx(), address).unwrap();
        let (root, table) = (header.table.root.is_some(), header.table.root_rows);
        (root, table, header.managed_space, header.allocated_space, header.iterator_offset, header.free_space)
    };
    assert_eq!(state(&editor), (false, 0, 0, 0, 0, 0));
    let mut ids = Vec::new();
    let mut insert = |editor: &mut Editor, len: usize| {
        let mut heap = HeapEditor::open(editor.ctx(), address).unwrap();
        ids.push(heap.insert(editor, &alloc::vec![1; len]).unwrap());
        heap.finish(editor).unwrap();
    };
    insert(&mut editor, 491);
    assert_eq!(state(&editor), (true, 0, 512, 512, 0, 0));
    insert(&mut editor, 100);
    assert_eq!(state(&editor), (true, 1, 2048, 1024, 1024, 3 * 491 - 100));
    // Too large for the first two rows: they are skipped, and the root has four times the rows.
    insert(&mut editor, 1500);
    assert_eq!(state(&editor), (true, 4, 16384, 3072, 10240, 8 * 491 + 4 * 1003 + 4 * 2027 - 491 - 1600));
    // Into the free space that was skipped.
    insert(&mut editor, 1000);
    assert_eq!(state(&editor).3, 4096);
    let remove = |editor: &mut Editor, n: usize| {
        let mut heap = HeapEditor::open(editor.ctx(), address).unwrap();
        heap.remove(editor, &ids[n]).unwrap();
        // Not there any more.
        let end = editor.ctx().end();
        assert!(heap.remove(editor, &ids[n]).is_err());
        assert_eq!(editor.ctx().end(), end);
        heap.finish(editor).unwrap();
    };
    remove(&mut editor, 2);
    assert!(state(&editor).0);
    assert_eq!((state(&editor).1, state(&editor).4), (4, 5120));
    remove(&mut editor, 3);
    assert_eq!(state(&editor), (true, 2, 4096, 1024, 1024, 8 * 491 - 591));
    remove(&mut editor, 1);
    assert_eq!(state(&editor), (true, 0, 512, 512, 512, 0));
    remove(&mut editor, 0);
    assert_eq!(state(&editor), (false, 0, 0, 0, 0, 0));
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let (mut editor, _file) = editor(Sizes::EIGHT);
    for parameters in [
        Parameters { id_len: 6, ..Parameters::LINKS },
        Parameters { id_len: 5000, ..Parameters::LINKS },
        Parameters { max_managed: 65516, ..Parameters::LINKS },
        Parameters { start_block: 500, ..Parameters::LINKS },
        Parameters { width: 3, ..Parameters::LINKS },
    ] {
        assert!(create(&mut editor, &parameters).is_err(), "{parameters:?}");
    }
    let address = create(&mut editor, &SMALL).unwrap();
    let mut heap = HeapEditor::open(editor.ctx(), address).unwrap();
    assert!(heap.insert(&mut editor, &[]).is_err());
    for id in [&[0u8; 7][..], &[0; 8], &[0, 1, 0, 0, 5, 0, 0, 0], &[0x10, 1, 0, 0, 0, 0, 0, 0], &[0x80; 8], &[0x2f; 8]]
    {
        assert!(heap.get(editor.ctx(), id).is_err());
        assert!(heap.remove(&mut editor, id).is_err());
        assert!(heap.overwrite(&mut editor, id, b"x").is_err());
    }
    assert_eq!(heap.header, heap.old);
}

#[test]
fn a_heap_that_is_full_says_so() {
    let (mut editor, _file) = editor(Sizes::EIGHT);
    let parameters = Parameters { max_bits: 10, max_managed: 100, ..SMALL };
    let address = create(&mut editor, &parameters).unwrap();
    let mut heap = HeapEditor::open(editor.ctx(), address).unwrap();
    let mut ids = Vec::new();
    let error = loop {
        match heap.insert(&mut editor, &[7; 40]) {
            Ok(id) => ids.push(id),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(ids.len() > 15, "{}", ids.len());
    heap.remove(&mut editor, &ids.pop().unwrap()).unwrap();
    ids.push(heap.insert(&mut editor, &[8; 40]).unwrap());
    heap.finish(&mut editor).unwrap();
    let model = ids.iter().map(|id| (id.clone(), alloc::vec![7; 40])).collect::<Model>();
    let mut model = model;
    model.insert(ids.last().unwrap().clone(), alloc::vec![8; 40]);
    verify(&editor, address, &model);
}

#[test]
fn any_changed_byte_ends_in_an_answer() {
    let (mut first, _file) = editor(Sizes::EIGHT);
    let address = create(&mut first, &SMALL).unwrap();
    let mut heap = HeapEditor::open(first.ctx(), address).unwrap();
    let mut next = numbers(11);
    let mut ids = Vec::new();
    for n in 0..150u64 {
        ids.push(heap.insert(&mut first, &alloc::vec![n as u8; 8 + next(100) as usize]).unwrap());
        if n % 20 == 0 {
            ids.push(heap.insert(&mut first, &[n as u8; 200]).unwrap());
        }
    }
    for n in (0..100).rev().step_by(3) {
        heap.remove(&mut first, &ids.remove(n)).unwrap();
    }
    heap.finish(&mut first).unwrap();
    let end = first.ctx().end();
    let whole = first.read(Address(0), end, "file").unwrap();
    // Blocks with checksums at their end.
    let mut blocks = Vec::new();
    for (signature, len) in [(b"FRHP", 142), (b"FSHD", 82)] {
        let at = whole.windows(4).position(|w| w == signature).unwrap();
        blocks.push((at, len));
    }
    let manager = manager::load_header(first.ctx(), heap_manager(&first, address)).unwrap();
    blocks.push((manager.sections.unwrap().0 as usize, manager.sections_used as usize));
    let mut heap = HeapEditor::open(first.ctx(), address).unwrap();
    heap.last_end(first.ctx(), u64::MAX).unwrap();
    let tables: Vec<(Address, u32)> = heap.tables.values().map(|table| (table.address, table.rows)).collect();
    for (address, rows) in tables {
        blocks.push((address.0 as usize, heap.table_len(first.ctx(), rows) as usize));
    }
    assert!(blocks.len() >= 5);
    for (start, len) in blocks {
        for at in start..start + len - 4 {
            for _ in 0..2 {
                let mut bytes = whole.clone();
                bytes[at] = match next(3) {
                    0 => next(256) as u8,
                    1 => bytes[at] ^ 1 << next(8),
                    _ => 0xff,
                };
                let sum = crate::codec::checksum::lookup3(&bytes[start..start + len - 4], 0);
                bytes[start + len - 4..start + len].copy_from_slice(&sum.to_le_bytes());
                let (mut editor, _file) = editor_with(Version::V18, |superblock| superblock.end = end);
                editor.write(Address(0), &bytes).unwrap();
                let Ok(mut heap) = HeapEditor::open(editor.ctx(), address) else {
                    assert!(delete(&mut editor, address).is_err());
                    continue;
                };
                for _ in 0..10 {
                    let _ = heap.insert(&mut editor, &alloc::vec![9; 1 + next(160) as usize]);
                    let _ = heap.remove(&mut editor, &ids[next(ids.len() as u64) as usize]);
                    let _ = heap.get(editor.ctx(), &ids[next(ids.len() as u64) as usize]);
                }
                let _ = heap.finish(&mut editor);
                let _ = delete(&mut editor, address);
            }
        }
    }
}

fn heap_manager(editor: &Editor, address: Address) -> Address {
    load_header(editor.ctx(), address).unwrap().free_manager.unwrap()
}

#[test]
fn a_manager_of_early_numbers_is_kept() {
    // The percentages and the class count of an existing manager are another writer's.
    let (mut editor, _file) = editor(Sizes::EIGHT);
    let address = create(&mut editor, &SMALL).unwrap();
    let mut heap = HeapEditor::open(editor.ctx(), address).unwrap();
    heap.insert(&mut editor, &[1; 20]).unwrap();
    heap.finish(&mut editor).unwrap();
    let at = heap_manager(&editor, address);
    let header = manager::load_header(editor.ctx(), at).unwrap();
    let changed = FreeSpaceHeader { expand_percent: 130, ..header };
    let mut writer = editor.writer();
    changed.encode(&mut writer).unwrap();
    editor.write(at, writer.as_slice()).unwrap();
    let mut heap = HeapEditor::open(editor.ctx(), address).unwrap();
    heap.insert(&mut editor, &[1; 10]).unwrap();
    heap.finish(&mut editor).unwrap();
    assert_eq!(heap_manager(&editor, address), at);
    assert_eq!(manager::load_header(editor.ctx(), at).unwrap().expand_percent, 130);
}

#[test]
fn an_error_that_loses_the_list_of_free_space_counts_as_a_change() {
    let (mut editor, _) = editor(WIDTHS[0]);
    let heap = create(&mut editor, &SMALL).unwrap();
    let fails = |editor: &mut Editor| {
        let before = editor.changes();
        let refused = Error::new(ErrorKind::Invalid, "refused");
        change(editor, heap, |_, _| Err::<(), _>(refused)).unwrap_err();
        editor.changes() != before
    };
    assert!(!fails(&mut editor));
    let put = |editor: &mut Editor| change(editor, heap, |editor, heap| heap.insert(editor, &[7; 20])).unwrap();
    put(&mut editor);
    editor.settle().unwrap();
    assert!(!fails(&mut editor));
    let id = put(&mut editor);
    // Readers see the object, not the list.
    let graph = FractalHeap::open(editor.ctx(), heap).unwrap();
    assert_eq!(&*graph.object(editor.ctx(), &id).unwrap().bytes, &[7; 20]);
    assert!(fails(&mut editor));
}
