//! Writing elements, also those of other datasets that a virtual one shows, and those in external files.

use super::change::change;
use super::element::Conversion;
use super::file::File;
use super::group::shown;
use crate::codec::to_usize;
use crate::dataset::external;
use crate::dataset::file::FileCore;
use crate::dataset::picks::{Picks, Runs};
use crate::dataset::read::Reader;
use crate::dataset::stored::StoredDataset;
use crate::dataset::virtual_write::{self, Part};
use crate::dataset::wanted::{Asked, Wanted};
use crate::edit::{self, Editor, Owned};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::layout::Storage;
use crate::graph::object_header::ObjectHeader;
use crate::io::ExternalKind;
use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Writes elements of a dataset, and gives back what those before kept in the heap.
///
/// Other files that hold sources are opened for writing before anything is changed, and committed when all is written.
pub(super) fn put(
    core: &Arc<FileCore>,
    editor: &mut Editor,
    header: &mut ObjectHeader,
    (stored, asked): (&StoredDataset, &Wanted),
    elements: &[u8],
    how: Conversion,
) -> Result<()> {
    if matches!(stored.layout.storage, Storage::Virtual { .. }) {
        return put_virtual(core, editor, (stored, asked), elements, how, Old::GivenBack);
    }
    if stored.external.is_some() {
        return put_external(core, (stored, asked), elements);
    }
    let old = Owned::of_elements(core, stored, asked)?;
    edit::write_elements(editor, header, stored, asked, elements)?;
    old.release(editor)
}

/// Finds out, before heap values are written, whether elements of a virtual dataset, or in external files, have places to
/// go to.
pub(super) fn check_places(core: &Arc<FileCore>, stored: &StoredDataset, asked: &Wanted) -> Result<()> {
    if stored.external.is_some() {
        return check_plain(stored);
    }
    let Storage::Virtual { .. } = stored.layout.storage else { return Ok(()) };
    let bytes = Asked::from(asked).bytes(stored.element_size()).unwrap_or(u64::MAX);
    places(core, (stored, asked), &alloc::vec![0; to_usize(bytes)?], Conversion::Exact).map(|_| ())
}

/// Writes elements as they are, which may be those that are there.
pub(super) fn put_raw(
    core: &Arc<FileCore>,
    editor: &mut Editor,
    header: &mut ObjectHeader,
    (stored, asked): (&StoredDataset, &Wanted),
    elements: &[u8],
    how: Conversion,
) -> Result<()> {
    match stored.layout.storage {
        Storage::Virtual { .. } => put_virtual(core, editor, (stored, asked), elements, how, Old::Kept),
        Storage::Contiguous { .. } if stored.external.is_some() => put_external(core, (stored, asked), elements),
        _ => edit::write_elements(editor, header, stored, asked, elements),
    }
}

/// What becomes of the heap values of elements that are written over.
#[derive(Clone, Copy)]
enum Old {
    GivenBack,
    Kept,
}

fn put_virtual(
    core: &Arc<FileCore>,
    editor: &mut Editor,
    (stored, asked): (&StoredDataset, &Wanted),
    elements: &[u8],
    how: Conversion,
    old: Old,
) -> Result<()> {
    let parts = places(core, (stored, asked), elements, how)?;
    let mut others: BTreeMap<Vec<u8>, File> = BTreeMap::new();
    for name in parts.iter().filter_map(|part| part.file.as_ref()) {
        if !others.contains_key(name) {
            let file = open(core, name).map_err(|e| e.prefixed(format!("source file {:?}", shown(name))))?;
            others.insert(name.clone(), file);
        }
    }
    for part in &parts {
        match part.file.as_ref().and_then(|name| others.get(name)) {
            Some(file) => change(&file.core, |editor| put_part(&file.core, editor, part, old))?,
            None => put_part(core, editor, part, old)?,
        }
    }
    others.values().try_for_each(File::commit)
}

/// Which elements of a virtual dataset go where.
fn places(
    core: &Arc<FileCore>,
    (stored, asked): (&StoredDataset, &Wanted),
    elements: &[u8],
    how: Conversion,
) -> Result<Vec<Part>> {
    let (picks, elements) = picked((stored, asked), elements)?;
    let reader = Reader { core, dataset: stored, depth: 0 };
    virtual_write::parts(&reader, &picks, &elements, how)
}

/// A selection as picks, and the elements in their order.
fn picked<'a>(
    (stored, asked): (&StoredDataset, &'a Wanted),
    elements: &'a [u8],
) -> Result<(Cow<'a, Picks>, Cow<'a, [u8]>)> {
    edit::check_elements(stored, asked, elements)?;
    let dims = &stored.dataspace.dims;
    Ok(match asked {
        Wanted::Picks(picks) => (Cow::Borrowed(picks), Cow::Borrowed(elements)),
        Wanted::Axes(axes) => (Cow::Owned(Picks::in_order(&Runs::of_axes(axes, dims)?)), Cow::Borrowed(elements)),
        Wanted::Ordered(ordered) => {
            let sorted = ordered.sorted(elements, stored.element_size())?;
            (Cow::Owned(Picks::in_order(&Runs::of_axes(ordered.axes(), dims)?)), Cow::Owned(sorted))
        }
    })
}

/// Writes elements that are in external files, at once: no commit waits for them, and no rollback takes them back.
fn put_external(core: &Arc<FileCore>, (stored, asked): (&StoredDataset, &Wanted), elements: &[u8]) -> Result<()> {
    check_plain(stored)?;
    let (picks, elements) = picked((stored, asked), elements)?;
    external::write(core, stored, &picks, &elements)
}

/// What points into the file would be in external files before it is in this one.
fn check_plain(stored: &StoredDataset) -> Result<()> {
    if crate::datatype::contains_address(&stored.datatype) {
        return Err(Error::unsupported("elements in external files that hold references or have variable length"));
    }
    Ok(())
}

fn put_part(core: &Arc<FileCore>, editor: &mut Editor, part: &Part, old: Old) -> Result<()> {
    let mut header = ObjectHeader::load(editor.ctx(), part.address)?;
    let stored = StoredDataset::load(core, &header)?;
    let picks = Wanted::Picks(part.picks.clone());
    let old = match old {
        Old::GivenBack => Owned::of_elements(core, &stored, &picks)?,
        Old::Kept => Owned::default(),
    };
    edit::write_elements(editor, &mut header, &stored, &picks, &part.elements)?;
    old.release(editor)
}

/// Opens another file, as its reader is opened, for writing.
fn open(core: &FileCore, name: &[u8]) -> Result<File> {
    let options = core.options();
    if options.name.as_ref().is_some_and(|own| own.as_bytes() == name) {
        return Err(Error::new(
            ErrorKind::Conflict,
            "a source in the file itself, which is named as if it were another",
        )
        .with_hint("such sources are in the file \".\""));
    }
    let storage = options.external.open_mut(ExternalKind::VirtualSource, name)?;
    let mut open = File::options().limits(options.limits.clone()).external(options.external.clone());
    open.filters = options.filters.clone();
    open.name = Some(String::from_utf8_lossy(name).into_owned());
    open.open_rw_in(storage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::selection::{Selection, SlabDim};
    use crate::format::virtual_layout::VirtualMapping;
    use crate::io::{ExternalPolicy, MemoryFile, Resolver, Storage as Bytes, StorageMut};
    use crate::{CreateOptions, Dataset, OpenOptions, Select};
    use alloc::vec;

    /// `len` coordinates from `start`, `stride` apart; without an end if it is `None`.
    fn slab(start: u64, stride: u64, count: Option<u64>) -> Selection {
        Selection::Hyperslab(vec![SlabDim { start, stride, count, block: Some(1) }])
    }

    fn mapping(file: &str, dataset: &str, from: Selection, to: Selection) -> VirtualMapping {
        VirtualMapping {
            source_file: file.into(),
            source_dataset: dataset.into(),
            source_selection: from,
            virtual_selection: to,
        }
    }

    fn new_virtual<T: crate::Store>(file: &File, name: &str, len: u64, mappings: Vec<VirtualMapping>) -> Dataset {
        file.root().unwrap().new_dataset_of::<T>().shape([len]).virtual_mappings(mappings).create(name).unwrap()
    }

    fn ints(file: &File, name: &str) -> Vec<i32> {
        file.dataset(name).unwrap().read_vec().unwrap()
    }

    #[test]
    fn sources_of_the_file_are_written() {
        let file = CreateOptions::new().create_in(MemoryFile::new([])).unwrap();
        file.create_dataset("even", [0i16; 4]).unwrap();
        file.create_dataset("odd", [0i64; 6]).unwrap();
        let maps = vec![
            mapping(".", "even", Selection::All, slab(0, 2, Some(4))),
            mapping(".", "odd", slab(1, 1, Some(4)), slab(1, 2, Some(4))),
        ];
        let all = new_virtual::<i32>(&file, "all", 9, maps);
        all.write_slice(0..8, [1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        assert_eq!((ints(&file, "even"), ints(&file, "odd")), (vec![1, 3, 5, 7], vec![0, 2, 4, 6, 8, 0]));
        all.write_slice("{3; 0}".parse::<Select>().unwrap(), [40, 10]).unwrap();
        all.write_slice("[6,5]".parse::<Select>().unwrap(), [70, 60]).unwrap();
        assert_eq!(ints(&file, "all"), [10, 2, 3, 40, 5, 60, 70, 8, 0]);
        // The last element is in no source, and 70000 is no element of one: nothing is written.
        for (at, values) in [(7..9, [0, 0]), (0..2, [70_000, 0])] {
            assert!(all.write_slice(at, values).is_err());
        }
        assert_eq!(ints(&file, "all"), [10, 2, 3, 40, 5, 60, 70, 8, 0]);
        let nested =
            new_virtual::<i64>(&file, "nested", 4, vec![mapping(".", "all", slab(0, 1, Some(4)), Selection::All)]);
        nested.write_raw(Select::all(), &[5i64, 6, 7, 8].map(i64::to_le_bytes).concat()).unwrap();
        assert_eq!(ints(&file, "all"), [5, 6, 7, 8, 5, 60, 70, 8, 0]);
        nested.clone().with_conversion(Conversion::Clamp).write_slice(2, i64::MAX).unwrap();
        assert_eq!(ints(&file, "even"), [5, 32767, 5, 70]);
    }

    #[test]
    fn strings_and_numbered_sources_are_written() {
        let file = CreateOptions::new().create_in(MemoryFile::new([])).unwrap();
        file.create_dataset("words", ["a", "b"]).unwrap();
        let words = new_virtual::<String>(&file, "v", 2, vec![mapping(".", "words", Selection::All, Selection::All)]);
        words.write(["cc", ""]).unwrap();
        assert_eq!(file.dataset("words").unwrap().read_vec::<String>().unwrap(), ["cc", ""]);
        for i in 0..3 {
            file.create_dataset(alloc::format!("part{i}"), [0u8]).unwrap();
        }
        let maps = vec![mapping(".", "part%b", Selection::All, slab(0, 1, None))];
        let root = file.root().unwrap();
        let parts = root.new_dataset_of::<u8>().shape([3]).maxshape([None]).virtual_mappings(maps);
        parts.create("parts").unwrap().write([7u8, 8, 9]).unwrap();
        assert_eq!((ints(&file, "part0"), ints(&file, "part2")), (vec![7], vec![9]));
    }

    /// One other file, which may be written or not.
    struct One(MemoryFile, bool);

    impl Resolver for One {
        fn resolve(&self, _: ExternalKind, name: &str) -> Result<Arc<dyn Bytes>> {
            if name == "other.h5" {
                Ok(Arc::new(self.0.clone()))
            } else {
                Err(Error::new(ErrorKind::NotFound, "no file"))
            }
        }

        fn resolve_mut(&self, kind: ExternalKind, name: &str) -> Result<Arc<dyn StorageMut>> {
            self.resolve(kind, name)?;
            if self.1 { Ok(Arc::new(self.0.clone())) } else { Err(Error::new(ErrorKind::Denied, "read only")) }
        }
    }

    #[test]
    fn sources_in_other_files_are_written_or_nothing_is() {
        let other = MemoryFile::new([]);
        let file = CreateOptions::new().create_in(other.clone()).unwrap();
        file.create_dataset("x", [1i32, 2, 3]).unwrap();
        file.create_dataset("words", ["a", "b", "c"]).unwrap();
        file.commit().unwrap();
        drop(file);
        let there = |name: &str| ints(&File::from_bytes(other.to_vec()).unwrap(), name);
        for writable in [false, true] {
            let memory = MemoryFile::new([]);
            CreateOptions::new().create_in(memory.clone()).unwrap();
            let policy = ExternalPolicy::Resolver(Arc::new(One(other.clone(), writable)));
            let file = OpenOptions::new().external(policy).open_rw_in(memory).unwrap();
            file.create_dataset("own", [0i32; 3]).unwrap();
            let maps = || {
                let own = mapping(".", "own", Selection::All, slab(0, 1, Some(3)));
                vec![own, mapping("other.h5", "x", Selection::All, slab(3, 1, Some(3)))]
            };
            let missing = mapping("nowhere.h5", "x", Selection::All, slab(6, 1, Some(3)));
            let both = new_virtual::<i32>(&file, "both", 9, maps().into_iter().chain([missing]).collect());
            assert_eq!(both.write([7; 9]).unwrap_err().kind(), ErrorKind::NotFound);
            let words = new_virtual::<String>(
                &file,
                "words",
                3,
                vec![mapping("other.h5", "words", Selection::All, Selection::All)],
            );
            assert!(words.write(["x"; 3]).is_err());
            let done = both.write_slice(..6, [9, 8, 7, 6, 5, 4]);
            let (own, x) = if writable { ([9, 8, 7], [6, 5, 4]) } else { ([0, 0, 0], [1, 2, 3]) };
            assert_eq!(done.is_ok(), writable, "{done:?}");
            if let Err(error) = done {
                assert!(error.to_string().contains("other.h5"), "{error}");
            }
            assert_eq!((ints(&file, "own"), there("x")), (own.to_vec(), x.to_vec()));
        }
    }
}
