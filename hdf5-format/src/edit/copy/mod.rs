//! Copying objects with all that is below them, within a file or from another one.
//!
//! Objects are made first and linked, each once, however many links lead to it; what refers to objects by address
//! (references in elements and attributes) is written when all of them are there. References to what was not copied
//! stay within a file, and become null in another one, unless what they lead to is to be copied too.

mod data;
mod expand;
mod pointers;

use super::chunk_index::suggested_chunk;
use super::datasets::{self, ExternalFile, LayoutChoice, NewDataset};
use super::style::ObjectStyle;
use super::{
    Editor, GroupStyle, NewAttribute, Version, add_link, commit_datatype, create_dataset, create_group, finish_heap,
    link, set_attribute,
};
use crate::codec::{Address, Sizes};
use crate::dataset::file::FileCore;
use crate::dataset::read::Reader;
use crate::dataset::stored::{self, StoredDataset};
use crate::datatype::pointers::Pointers;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Filters;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::{Class, Datatype};
use crate::format::message::fill_value::{AllocTime, Fill};
use crate::format::message::layout::Storage;
use crate::graph::attributes::{AttributeRecord, Attributes};
use crate::graph::global_heap::HeapReader;
use crate::graph::links::{Link, LinkTarget, Links};
use crate::graph::object_header::{ObjectHeader, ObjectType};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a copy is like, where not as the original.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyStyle {
    /// Of a group only the objects that it links to, those of groups below it not.
    pub shallow: bool,
    /// No attributes.
    pub without_attributes: bool,
    /// In place of soft links, copies of what they lead to. Those that lead nowhere stay what they are.
    pub expand_soft: bool,
    /// In place of external links, copies of what they lead to. Those that lead nowhere stay what they are; an error
    /// tells of files that may not be opened.
    pub expand_external: bool,
    /// Into another file, copies of what elements and attributes refer to. Those that nothing else leads to are linked
    /// to from the root group, as `~obj_pointed_by_` and their address.
    pub expand_references: bool,
    /// Versions of structures are at least those that the file's bounds ask for, instead of those of each object.
    pub by_bounds: bool,
    /// Other filters for chunked datasets, and chunks for those that are large enough for them to pay.
    pub filters: Option<Filters>,
    /// Other chunks, for datasets of as many dimensions.
    pub chunks: Option<Vec<u64>>,
}

/// How far a repack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes of elements that are in the new file, as the old one stores them.
    pub done: u64,
    /// Bytes of the old file, which holds more than elements.
    pub total: u64,
}

/// Copies objects of a file into that of an editor.
pub(crate) struct Copier<'s> {
    source: &'s Arc<FileCore>,
    target: Arc<FileCore>,
    /// Both are the same file.
    within: bool,
    style: &'s CopyStyle,
    heap: HeapReader<'s>,
    made: BTreeMap<Address, Made>,
    /// What other files were opened for links to them.
    others: expand::Others,
    /// Objects that are there but for what they hold.
    todo: Vec<Task>,
    /// What holds references.
    late: Vec<Task>,
    watch: Option<&'s Watch<'s>>,
    /// Bytes of elements that were copied, as the source stores them.
    moved: u64,
}

/// Told the bytes of elements that were copied so far.
pub(crate) type Watch<'w> = dyn Fn(u64) + Send + Sync + 'w;

/// A copy.
struct Made {
    address: Address,
    /// The link that its header counts from the start is there.
    counted: bool,
}

/// Something to be done for an object and its copy.
struct Task {
    from: Address,
    to: Address,
    path: String,
    what: What,
    depth: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Attributes,
    Links,
    Elements,
}

/// Bytes of a dataset from which on filters are worth chunks.
const LEAST_FILTERED: u64 = 1024;

fn stored_chunk(stored: &StoredDataset) -> Option<&Vec<u64>> {
    match &stored.layout.storage {
        Storage::Chunked(layout) => Some(&layout.chunk),
        _ => None,
    }
}

impl<'s> Copier<'s> {
    /// Copies from `source` to `target`, the file of the editor.
    pub(crate) fn new(source: &'s Arc<FileCore>, target: &Arc<FileCore>, style: &'s CopyStyle) -> Self {
        let (made, others, todo, late) = Default::default();
        let (heap, within) = (HeapReader::new(source.ctx()), Arc::ptr_eq(source, target));
        let (watch, moved, target) = (None, 0, Arc::clone(target));
        Copier { source, target, within, style, heap, made, others, todo, late, watch, moved }
    }

    /// Tells how far it is.
    pub(crate) fn watched(self, watch: &'s Watch<'s>) -> Self {
        Copier { watch: Some(watch), ..self }
    }

    /// More bytes of elements are copied.
    fn moved(&mut self, bytes: u64) {
        self.moved = self.moved.saturating_add(bytes);
        self.watch.inspect(|watch| watch(self.moved));
    }

    /// The copy of an object, counting one link to it; what it holds follows with [`finish`](Self::finish).
    ///
    /// # Errors
    /// The object is damaged, or the file is full.
    pub(crate) fn object(&mut self, editor: &mut Editor, from: Address, path: String) -> Result<Address> {
        self.object_at(editor, from, path, 0)
    }

    /// Takes an object that is there for the copy of another; what that holds follows.
    pub(crate) fn take_for(&mut self, from: Address, to: Address, path: String) -> Result<()> {
        self.made.insert(from, Made { address: to, counted: true });
        let header = ObjectHeader::load(self.source.ctx(), from)?;
        self.tasks(&header, to, path, 0);
        Ok(())
    }

    /// Copies what the objects hold, and the objects that groups link to.
    ///
    /// # Errors
    /// Something is damaged, or the file is full.
    pub(crate) fn finish(&mut self, editor: &mut Editor) -> Result<()> {
        while !self.todo.is_empty() || !self.late.is_empty() {
            while let Some(task) = self.todo.pop() {
                self.run(editor, &task, false).map_err(|e| e.on(&task.path))?;
            }
            // These may lead to more objects.
            for task in core::mem::take(&mut self.late) {
                self.run(editor, &task, true).map_err(|e| e.on(&task.path))?;
            }
        }
        finish_heap(editor)
    }

    fn object_at(&mut self, editor: &mut Editor, from: Address, path: String, depth: usize) -> Result<Address> {
        if let Some(made) = self.made.get_mut(&from) {
            let (address, counted) = (made.address, core::mem::replace(&mut made.counted, true));
            if counted {
                add_link(editor, address)?;
            }
            return Ok(address);
        }
        let header = ObjectHeader::load(self.source.ctx(), from).map_err(|e| e.on(&path))?;
        let bounds = editor.bounds();
        let made = self.make(editor, &header);
        editor.set_bounds(bounds);
        let address = made.map_err(|e| e.on(&path))?.address;
        self.made.insert(from, Made { address, counted: true });
        self.tasks(&header, address, path, depth);
        Ok(address)
    }

    /// Notes what is to be done for an object that is there. The last is done first.
    fn tasks(&mut self, header: &ObjectHeader, to: Address, path: String, depth: usize) {
        let mut add = |what, path| self.todo.push(Task { from: header.address, to, path, what, depth });
        match header.object_type() {
            ObjectType::Group if !self.style.shallow || depth == 0 => add(What::Links, path.clone()),
            ObjectType::Dataset => add(What::Elements, path.clone()),
            _ => {}
        }
        if !self.style.without_attributes {
            add(What::Attributes, path);
        }
    }

    fn run(&mut self, editor: &mut Editor, task: &Task, late: bool) -> Result<()> {
        let ctx = self.source.ctx();
        let header = ObjectHeader::load(ctx, task.from)?;
        match task.what {
            What::Attributes => self.attributes(editor, &header, task, late),
            What::Elements => self.elements(editor, &header, task, late),
            What::Links => self.links(editor, &header, task),
        }
    }

    /// Puts a task off until all objects are there.
    fn put_off(&mut self, task: &Task) {
        let Task { from, to, ref path, what, depth } = *task;
        self.late.push(Task { from, to, path: path.clone(), what, depth });
    }

    fn make(&mut self, editor: &mut Editor, header: &ObjectHeader) -> Result<Arc<ObjectHeader>> {
        self.set_low(editor, if header.version == 1 { Version::Earliest } else { Version::V18 });
        match header.object_type() {
            ObjectType::Group => create_group(editor, &GroupStyle::of(self.source.ctx(), header)?, &[]),
            ObjectType::Dataset => self.dataset(editor, header),
            ObjectType::Datatype => {
                let (datatype, _) = stored::datatype(self.source.ctx(), header)?;
                self.check_widths(editor, &Pointers::of(&datatype)?)?;
                commit_datatype(editor, &datatype, &ObjectStyle::of(self.source.ctx(), header))
            }
            ObjectType::Unknown => Err(Error::unsupported("the object is neither group, dataset nor datatype")),
        }
    }

    /// New structures are at least of the version that the original has.
    fn set_low(&self, editor: &mut Editor, original: Version) {
        if !self.style.by_bounds {
            let bounds = editor.bounds();
            editor.set_bounds(super::Bounds { low: original.min(bounds.high), ..bounds });
        }
    }

    fn check_widths(&self, editor: &Editor, pointers: &Pointers) -> Result<()> {
        let (from, to): (Sizes, Sizes) = (self.source.ctx().sizes(), editor.ctx().sizes());
        if pointers.is_empty() || from.offset == to.offset {
            return Ok(());
        }
        let text = format!("elements with addresses of {} bytes, in a file whose have {}", from.offset, to.offset);
        Err(Error::unsupported(text).with_hint("copy into a file with addresses of the same width"))
    }

    /// The copy of a committed datatype, counting one more use. It is one without a name unless the original is linked to
    /// from what is copied: as libhdf5 does it, within a file too.
    fn committed(&mut self, editor: &mut Editor, from: Address) -> Result<Address> {
        self.object_at(editor, from, format!("datatype at {from}"), 1)
    }

    fn dataset(&mut self, editor: &mut Editor, header: &ObjectHeader) -> Result<Arc<ObjectHeader>> {
        let stored = StoredDataset::load(self.source, header)?;
        let pointers = Pointers::of(&stored.datatype)?;
        self.check_widths(editor, &pointers)?;
        let layout_version = match stored.layout.version {
            0..=3 => editor.bounds().low,
            4 => Version::V110,
            _ => Version::V200,
        };
        self.set_low(editor, layout_version.max(editor.bounds().low));
        let mut new = NewDataset::new(stored.datatype.clone(), None);
        new.committed = match stored.committed {
            Some(from) => Some(self.committed(editor, from)?),
            None => None,
        };
        if !stored.dataspace.is_null() {
            new.shape = Some(stored.dataspace.dims.clone());
            new.max_shape = stored.dataspace.max.clone();
        }
        new.layout = self.layout(&stored)?;
        new.filters = stored.filters.filters.clone();
        if let Storage::Chunked(layout) = &stored.layout.storage {
            new.unfiltered_edges = layout.unfiltered_edges();
        }
        new.fill = stored.fill.fill.clone();
        if let Fill::User(element) = &mut new.fill
            && !self.hides_fill(&stored, &pointers)?
        {
            self.values(editor, &pointers, element, stored.element_size())?;
            finish_heap(editor)?;
        }
        new.fill_time = stored.fill.fill_time;
        new.alloc_time = Some(stored.fill.alloc_time);
        new.object = ObjectStyle::of(self.source.ctx(), header);
        self.restyle(&stored, &mut new)?;
        create_dataset(editor, &new, None, &[])
    }

    /// True if the fill value is a reference that no element can ever have: it is left as it is then, since the object
    /// it leads to need not be there yet.
    fn hides_fill(&self, stored: &StoredDataset, pointers: &Pointers) -> Result<bool> {
        let dims = &stored.dataspace.dims;
        let fixed = stored.max_dims().iter().zip(dims).all(|(max, &dim)| *max == Some(dim));
        let only = matches!(stored.datatype.class, Class::Reference { .. });
        let written = match &stored.layout.storage {
            Storage::Compact { .. } => true,
            Storage::Contiguous { address, .. } => address.is_some(),
            Storage::Chunked(layout) => {
                let chunks = dims
                    .iter()
                    .zip(&layout.chunk)
                    .try_fold(1u64, |n, (&dim, &chunk)| n.checked_mul(dim.div_ceil(chunk.max(1))));
                let reader = Reader { core: self.source, dataset: stored, depth: 0 };
                reader.num_chunks()? == chunks
            }
            Storage::Virtual { .. } => false,
        };
        Ok(only && fixed && written && pointers.has_references())
    }

    fn layout(&self, stored: &StoredDataset) -> Result<LayoutChoice> {
        let reader = Reader { core: self.source, dataset: stored, depth: 0 };
        Ok(match &stored.layout.storage {
            Storage::Compact { .. } => LayoutChoice::Compact,
            Storage::Contiguous { .. } if stored.external.is_some() => {
                let slots = reader.external_slots()?;
                LayoutChoice::External(
                    slots.into_iter().map(|s| ExternalFile { name: s.name, offset: s.offset, size: s.size }).collect(),
                )
            }
            Storage::Contiguous { .. } => LayoutChoice::Contiguous,
            Storage::Chunked(layout) => LayoutChoice::Chunked(layout.chunk.clone()),
            Storage::Virtual { .. } => LayoutChoice::Virtual(reader.virtual_mappings()?),
        })
    }

    /// Other chunks and filters, where they were asked for and are possible.
    fn restyle(&self, stored: &StoredDataset, new: &mut NewDataset) -> Result<()> {
        let dims = stored.dataspace.dims.as_slice();
        let in_file = matches!(new.layout, LayoutChoice::Contiguous | LayoutChoice::Chunked(_));
        if dims.is_empty() || dims.contains(&0) || !in_file {
            return Ok(());
        }
        let mut chunk = match (&new.layout, &self.style.chunks) {
            (_, Some(chunk)) if chunk.len() == dims.len() => {
                let max = stored.max_dims();
                let most = dims.iter().zip(&max).map(|(&dim, max)| max.map_or(u64::MAX, |max| max.max(dim)));
                Some(chunk.iter().zip(most).map(|(&chunk, most)| chunk.min(most)).collect())
            }
            (LayoutChoice::Chunked(chunk), _) => Some(chunk.clone()),
            _ => None,
        };
        // What filters would see of elements in the heap is where they are.
        let wanted = self.style.filters.as_ref().filter(|_| !crate::datatype::contains_address(&stored.datatype));
        let kept = Filters::of(&new.filters);
        let changed = chunk.is_some() && chunk.as_ref() != stored_chunk(stored);
        let filters = match wanted {
            Some(filters) => {
                let bytes = dims.iter().fold(u64::from(stored.datatype.size), |n, &dim| n.saturating_mul(dim));
                if chunk.is_none() && !filters.is_empty() && bytes >= LEAST_FILTERED {
                    chunk = Some(suggested_chunk(dims, stored.datatype.size.into()));
                }
                Some(filters)
            }
            None => Some(&kept).filter(|_| changed && !new.filters.is_empty()),
        };
        if let (Some(filters), Some(chunk)) = (filters, &chunk) {
            let fill = stored.fill_element();
            let described = filters.describe(self.target.filters(), &stored.datatype, chunk, Some(&fill));
            match described {
                Ok(described) => new.filters = described,
                // Filters that do not suit this type are for other datasets.
                Err(error) if !changed && error.kind() != ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(chunk) = chunk {
            if matches!(new.layout, LayoutChoice::Contiguous) && new.alloc_time == Some(AllocTime::Late) {
                new.alloc_time = None;
            }
            new.layout = LayoutChoice::Chunked(chunk);
        }
        Ok(())
    }

    fn links(&mut self, editor: &mut Editor, header: &ObjectHeader, task: &Task) -> Result<()> {
        let ctx = self.source.ctx();
        let mut links = Links::open(ctx, header)?.list(ctx).into_iter().collect::<Result<Vec<Link>>>()?;
        links.sort_by_key(|link| link.creation_order);
        for Link { name, target, .. } in links {
            let path = format!("{}/{}", task.path.trim_end_matches('/'), String::from_utf8_lossy(&name));
            let value = match target {
                LinkTarget::Hard(from) => {
                    let depth = task.depth.saturating_add(1);
                    LinkTarget::Hard(self.object_at(editor, from, path, depth)?)
                }
                other => self.expand(editor, task, other, path)?,
            };
            link(editor, task.to, &name, value)?;
        }
        Ok(())
    }

    fn attributes(&mut self, editor: &mut Editor, header: &ObjectHeader, task: &Task, late: bool) -> Result<()> {
        let ctx = self.source.ctx();
        let mut records = Attributes::open(ctx, header)?.list(ctx)?.into_iter().collect::<Result<Vec<_>>>()?;
        records.sort_by_key(|record| record.creation_order);
        let mut parsed = Vec::new();
        for record in &records {
            let datatype = Datatype::parse(&mut record.datatype.cursor(ctx.sizes(), "datatype"), ctx.limits())?;
            let pointers = Pointers::of(&datatype)?;
            if pointers.has_references() && !late {
                self.put_off(task);
                return Ok(());
            }
            parsed.push((datatype, pointers));
        }
        for (record, (datatype, pointers)) in records.iter().zip(&parsed) {
            let named = |e: Error| e.on(format!("{}@{}", task.path, String::from_utf8_lossy(&record.name)));
            self.attribute(editor, task.to, record, datatype, pointers).map_err(named)?;
        }
        Ok(())
    }

    fn attribute(
        &mut self,
        editor: &mut Editor,
        to: Address,
        record: &AttributeRecord,
        datatype: &Datatype,
        pointers: &Pointers,
    ) -> Result<()> {
        self.check_widths(editor, pointers)?;
        let ctx = self.source.ctx();
        let space = Dataspace::parse(&mut record.dataspace.cursor(ctx.sizes(), "dataspace"))?;
        let count = if space.is_null() { Some(0) } else { space.dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d)) };
        let bytes = count.and_then(|n| n.checked_mul(datatype.size.into())).and_then(|n| usize::try_from(n).ok());
        let data = bytes.and_then(|n| record.data.get(..n));
        let mut data = data.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the value is cut short"))?.to_vec();
        self.values(editor, pointers, &mut data, datatype.size())?;
        let committed = match record.datatype.committed {
            Some(from) => Some(self.committed(editor, from)?),
            None => None,
        };
        let shape = (!space.is_null()).then_some(space.dims.as_slice());
        let dataspace = datasets::dataspace(editor, shape, space.max);
        let new = NewAttribute { name: &record.name, datatype, committed, dataspace: &dataspace, data: &data };
        set_attribute(editor, to, &new).map(|_| ())
    }
}
