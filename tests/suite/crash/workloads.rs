//! Changes that make every structure grow and shrink, a few at a time with a commit after each.

use crate::files;
use hdf5_format::edit::{FileStyle, GroupStyle, Version, kept_file_space};
use hdf5_format::format::message::datatype::{
    BitPadding, ByteOrder, CharacterSet, Class, Datatype, StringPadding, VlenKind,
};
use hdf5_format::format::message::file_space_info::Strategy;
use hdf5_format::io::{MemoryFile, StorageMut};
use hdf5_format::{CreateOptions, File, Filters, Group, LinkKind, OpenOptions, Result, Select, Slice, Value};

/// Commits and what they change.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// How the file is made; `None` if it exists.
    pub(crate) style: Option<FileStyle>,
    /// The file if it exists.
    pub(crate) start: Vec<u8>,
    /// Commits after that which makes the file.
    pub(crate) steps: usize,
    change: fn(&File, usize) -> Result<()>,
}

impl Workload {
    /// Makes or opens the file.
    pub(crate) fn open(&self, storage: impl StorageMut + 'static) -> Result<File> {
        match &self.style {
            Some(style) => CreateOptions::new().style(style.clone()).create_in(storage),
            None => OpenOptions::new().open_rw_in(storage),
        }
    }

    /// Makes the changes of a step, from 0.
    pub(crate) fn change(&self, file: &File, step: usize) -> Result<()> {
        (self.change)(file, step)
    }
}

fn style(low: Version) -> FileStyle {
    let mut style = FileStyle::default();
    style.bounds.low = low;
    style
}

/// A style with small nodes, so that few entries make many.
fn small_nodes() -> FileStyle {
    FileStyle { leaf_k: 1, internal_k: 2, chunk_k: 1, ..style(Version::Earliest) }
}

pub(crate) fn int() -> Datatype {
    let class = Class::FixedPoint {
        order: ByteOrder::LittleEndian,
        low_pad: BitPadding::Zero,
        high_pad: BitPadding::Zero,
        signed: true,
        bit_offset: 0,
        precision: 32,
    };
    Datatype { version: 1, size: 4, class }
}

fn text() -> Datatype {
    let class = Class::String { padding: StringPadding::NullTerminated, charset: CharacterSet::Ascii };
    let base = Box::new(Datatype { version: 1, size: 1, class });
    let (kind, padding, charset) = (VlenKind::String, StringPadding::NullTerminated, CharacterSet::Utf8);
    Datatype { version: 1, size: 16, class: Class::Vlen { kind, padding, charset, base } }
}

/// Elements that tell steps apart.
fn ints(count: usize, step: usize) -> Vec<u8> {
    (0..count).flat_map(|i| i32::try_from(step * 100_003 + i * 7 + 1).unwrap().to_le_bytes()).collect()
}

fn slab(start: &[u64], count: &[u64]) -> Select {
    let slices = start.iter().zip(count).map(|(&start, &count)| Slice::Slab { start, stride: 1, count, block: 1 });
    Select::new(slices.collect::<Vec<_>>())
}

fn links(group: &Group, from: usize, to: usize, len: usize) -> Result<()> {
    (from..to).try_for_each(|i| group.link_path(format!("{:0len$}", i * 7919 % 10_007), format!("/target of {i}")))
}

fn unlink(group: &Group, from: usize, to: usize, len: usize) -> Result<()> {
    (from..to).try_for_each(|i| group.delete(format!("{:0len$}", i * 7919 % 10_007)))
}

/// Links come in seven steps and go in three.
fn links_of(file: &File, step: usize, each: usize, len: usize, make: impl Fn(&Group) -> Result<Group>) -> Result<()> {
    let root = file.root()?;
    let group = if step == 0 { make(&root)? } else { root.group("g")? };
    match step {
        0..7 => links(&group, step * each, (step + 1) * each, len),
        7 => unlink(&group, 0, each * 5, len),
        8 => unlink(&group, each * 5, each * 7 - 2, len),
        _ => unlink(&group, each * 7 - 2, each * 7, len),
    }
}

fn plain_group(root: &Group) -> Result<Group> {
    root.create_group("g")
}

fn ordered_group(root: &Group) -> Result<Group> {
    root.create_group_with("g", &GroupStyle::tracked(true))
}

fn attributes(file: &File, step: usize) -> Result<()> {
    let root = file.root()?;
    if step < 5 {
        return (step * 4..step * 4 + 4)
            .try_for_each(|i| root.set_attr_raw(format!("attribute {i}"), &int(), Some(&[3]), &ints(3, i)));
    }
    match step {
        5 => root.set_attr_raw("attribute 3", &int(), Some(&[40]), &ints(40, step)),
        6 => root.rename_attr("attribute 7", "another name"),
        7 => (8..18).try_for_each(|i| root.delete_attr(format!("attribute {i}"))),
        _ => root.set_attr_raw("attribute 2", &int(), Some(&[3]), &ints(3, 99)),
    }
}

/// A dataset that grows chunk by chunk, is written over, and shrinks.
fn chunks(file: &File, step: usize, max: &[Option<u64>], filtered: bool) -> Result<()> {
    let root = file.root()?;
    if step == 0 {
        let mut new = root.new_dataset(int()).shape([4, 4]).maxshape(max).chunks([2, 4]);
        if filtered {
            new = new.filter(&Filters::new().shuffle().gzip(1))?;
        }
        return new.create("d")?.write_raw(slab(&[0, 0], &[2, 4]), &ints(8, 1));
    }
    let mut dataset = root.dataset("d")?;
    let wide = max[1].is_none();
    match step {
        1..5 => {
            let rows = 4 + 16 * step as u64;
            let columns = if wide { 4 * (step as u64 + 1) } else { 4 };
            dataset.resize(&[rows, columns])?;
            let from = [rows - 16, columns - 4];
            dataset.write_raw(slab(&from, &[16, 4]), &ints(64, step))
        }
        5 => dataset.write_raw(slab(&[3, 1], &[9, 3]), &ints(27, step)),
        6 => dataset.resize(&[5, if wide { 6 } else { 4 }]),
        _ => {
            dataset.resize(&[12, 4])?;
            dataset.write_raw(Select::all(), &ints(48, step))
        }
    }
}

/// A dataset of a fixed extent, written a part at a time.
fn fixed(file: &File, step: usize, shape: [u64; 2], filtered: bool) -> Result<()> {
    let root = file.root()?;
    if step == 0 {
        let chunk = if filtered { [2, 3] } else { shape };
        let mut new = root.new_dataset(int()).shape(shape).chunks(chunk);
        if filtered {
            new = new.filter(&Filters::new().shuffle().gzip(1))?;
        }
        return new.create("d").map(|_| ());
    }
    let from = (step as u64 * 5) % (shape[0] - 3);
    root.dataset("d")?.write_raw(slab(&[from, 0], &[3, shape[1]]), &ints(3 * shape[1] as usize, step))
}

fn strings(file: &File, step: usize) -> Result<()> {
    let root = file.root()?;
    let value = |i: usize| Value::String(format!("{i} ").repeat(1 + (i * 37) % 90).into_bytes());
    if step == 0 {
        root.new_dataset(text()).shape([12]).maxshape([None]).chunks([4]).create("d")?;
    }
    root.set_attr_values("note", &text(), Some(&[]), &[value(step)])?;
    let values: Vec<Value> = (0..6).map(|i| value(step * 6 + i)).collect();
    root.dataset("d")?.write_values(slab(&[(step as u64 * 3) % 7], &[6]), &values)
}

fn tree(file: &File, step: usize) -> Result<()> {
    let root = file.root()?;
    match step {
        0..3 => {
            let top = root.create_group(format!("top {step}"))?;
            for i in 0..3 {
                let group = top.create_group(format!("group {i}"))?;
                group.set_attr_raw("a", &int(), Some(&[]), &ints(1, i))?;
                group.new_dataset(int()).shape([20]).create("contiguous")?.write_raw(Select::all(), &ints(20, i))?;
                let chunked = group.new_dataset(int()).shape([20]).chunks([7]).create("chunked")?;
                chunked.write_raw(Select::all(), &ints(20, step + 1))?;
            }
            let also = top.dataset("group 1/chunked")?;
            root.link_object(format!("also {step}"), &also)
        }
        3 => root.delete("top 1"),
        4 => root.rename("top 0/group 2", "moved"),
        5 => {
            root.delete("top 0")?;
            root.delete("top 2")
        }
        _ => {
            root.delete("also 0")?;
            root.delete("moved")
        }
    }
}

fn contiguous(file: &File, step: usize) -> Result<()> {
    let root = file.root()?;
    if step == 0 {
        let dataset = root.new_dataset(int()).shape([30, 10]).create("d")?;
        return dataset.write_raw(Select::all(), &ints(300, 1));
    }
    let dataset = root.dataset("d")?;
    match step {
        1..5 => dataset.write_raw(slab(&[step as u64 * 4, 2], &[9, 5]), &ints(45, step)),
        5 => dataset.write_raw(Select::all(), &ints(300, step)),
        _ => dataset.write_raw(slab(&[0, 0], &[28, 10]), &ints(280, step)),
    }
}

fn attribute(file: &File, step: usize) -> Result<()> {
    let root = file.root()?;
    match step {
        0 => (0..4).try_for_each(|i| root.set_attr_raw(format!("a{i}"), &int(), Some(&[5]), &ints(5, i))),
        1..6 => root.set_attr_raw(format!("a{}", step % 4), &int(), Some(&[step as u64]), &ints(step, step)),
        _ => root.delete_attr(format!("a{}", step % 4)),
    }
}

/// Datasets come and go, each in the room of one before.
fn reuse(file: &File, step: usize) -> Result<()> {
    let root = file.root()?;
    if step >= 2 {
        root.delete(format!("d{}", step - 2))?;
    }
    let count = [40, 90, 30, 60, 85, 20][step % 6];
    let new = root.new_dataset(int()).shape([count as u64]);
    let new = if step % 3 == 1 { new.chunks([25.min(count as u64)]) } else { new };
    new.create(format!("d{step}"))?.write_raw(Select::all(), &ints(count, step))
}

fn nothing(_: &File, _: usize) -> Result<()> {
    Ok(())
}

/// A file that h5py made, with a dataset whose chunks lie in one run.
fn implicit() -> Vec<u8> {
    let bytes = std::fs::read(files::folder().join("layouts_latest.h5")).unwrap();
    let memory = MemoryFile::new(bytes);
    let file = OpenOptions::new().open_rw_in(memory.clone()).unwrap();
    let root = file.root().unwrap();
    let others = root.links().into_iter().map(|link| link.unwrap()).filter(|link| link.display_name() != "implicit");
    for link in others.collect::<Vec<_>>() {
        match link.kind {
            LinkKind::Hard(_) => root.delete(link.display_name()).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    file.commit().unwrap();
    memory.to_vec()
}

pub(crate) fn all() -> Vec<Workload> {
    let new = |name, style, steps, change| Workload { name, style: Some(style), start: Vec::new(), steps, change };
    let user_block = |low| FileStyle { user_block: 512, root: GroupStyle::tracked(true), ..style(low) };
    let in_space = |space| FileStyle { file_space: Some(space), ..style(Version::V110) };
    vec![
        new("symbol table", small_nodes(), 10, |f, i| links_of(f, i, 6, 4, plain_group)),
        new("local heap", style(Version::Earliest), 10, |f, i| links_of(f, i, 3, 120, plain_group)),
        new("kept free space", in_space(kept_file_space(Strategy::FsmAggr, 4096)), 8, |f, i| {
            links_of(f, i, 6, 40, plain_group)
        }),
        new("kept free pages", in_space(kept_file_space(Strategy::Page, 4096)), 8, |f, i| {
            links_of(f, i, 6, 40, plain_group)
        }),
        new("dense links", style(Version::V110), 10, |f, i| links_of(f, i, 4, 9, plain_group)),
        new("fractal heap", style(Version::V18), 10, |f, i| links_of(f, i, 6, 250, plain_group)),
        new("version 2 B-trees", style(Version::V114), 10, |f, i| links_of(f, i, 28, 6, ordered_group)),
        new("version 2 B-trees, old file", style(Version::Earliest), 10, |f, i| links_of(f, i, 16, 9, ordered_group)),
        new("dense attributes", style(Version::V110), 9, attributes),
        new("dense attributes, no marks", style(Version::V18), 9, attributes),
        new("attributes replaced, marked", style(Version::V200), 9, attribute),
        new("attributes replaced", style(Version::Earliest), 9, attribute),
        new("version 1 B-tree of chunks", small_nodes(), 8, |f, i| chunks(f, i, &[None, Some(4)], false)),
        new("version 1 B-tree of chunks, filtered", small_nodes(), 8, |f, i| chunks(f, i, &[None, None], true)),
        new("extensible array", style(Version::V110), 8, |f, i| chunks(f, i, &[None, Some(4)], false)),
        new("extensible array, filtered", style(Version::V112), 8, |f, i| chunks(f, i, &[None, Some(4)], true)),
        new("version 2 B-tree of chunks", style(Version::V110), 8, |f, i| chunks(f, i, &[None, None], true)),
        new("version 2 B-tree of chunks, plain", style(Version::V200), 8, |f, i| chunks(f, i, &[None, None], false)),
        new("fixed array, plain", style(Version::V112), 8, |f, i| chunks(f, i, &[Some(90), Some(8)], false)),
        new("fixed array", style(Version::V110), 7, |f, i| fixed(f, i, [19, 7], true)),
        new("single chunk", style(Version::V200), 6, |f, i| fixed(f, i, [11, 5], false)),
        Workload {
            name: "implicit index",
            style: None,
            start: implicit(),
            steps: 4,
            change: |file, step| {
                let from = [step as u64 * 11, step as u64 * 3];
                file.dataset("implicit")?.write_raw(slab(&from, &[9, 20]), &ints(180, step))
            },
        },
        new("global heap", style(Version::V18), 8, strings),
        new("global heap, old style", small_nodes(), 8, strings),
        new("global heap, marked", style(Version::V110), 8, strings),
        new("trees deleted", style(Version::Earliest), 7, tree),
        new("trees deleted, new style", style(Version::V114), 7, tree),
        new("contiguous data", style(Version::Earliest), 8, contiguous),
        new("contiguous data, marked", style(Version::V110), 8, contiguous),
        new("space used again", style(Version::Earliest), 14, reuse),
        new("space used again, marked", style(Version::V114), 14, reuse),
        new("a file with a user block", user_block(Version::Earliest), 1, nothing),
        new("a file with a user block, marked", user_block(Version::V110), 1, nothing),
    ]
}
