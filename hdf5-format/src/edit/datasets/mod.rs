//! New datasets and committed datatypes.

use super::attributes::NewAttribute;
use super::chunk_index::{NewChunks, choose};
use super::header::{MAX_BODY, Room, message};
use super::style::ObjectStyle;
use super::{Editor, Purpose, Version, finish_heap, insert_heap_object, local_heap, shared};
use crate::codec::Address;
use crate::error::{Error, Result};
use crate::format::message::MessageKind;
use crate::format::message::dataspace::{Dataspace, SpaceClass};
use crate::format::message::datatype::Datatype;
use crate::format::message::external_files::{ExternalFiles, Slot};
use crate::format::message::fill_value::{AllocTime, Fill, FillTime, FillValue};
use crate::format::message::filter_pipeline::{FilterDescription, FilterPipeline};
use crate::format::message::layout::{DataLayout, Storage};
use crate::format::message::shared::SharedPointer;
use crate::format::object_header::MessageFlags;
use crate::format::virtual_layout::{self, VirtualMapping};
use crate::graph::object_header::{Message, ObjectHeader};
use alloc::sync::Arc;
use alloc::vec::Vec;

mod check;

/// Where a new dataset's elements go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LayoutChoice {
    /// In the object header: at most 64 KiB.
    Compact,
    /// In one run of the file.
    #[default]
    Contiguous,
    /// In chunks of these lengths.
    Chunked(Vec<u64>),
    /// In these files, one after the other.
    External(Vec<ExternalFile>),
    /// In other datasets.
    Virtual(Vec<VirtualMapping>),
}

/// A part of a file that holds elements of a dataset and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalFile {
    /// Name.
    pub name: Vec<u8>,
    /// First byte.
    pub offset: u64,
    /// Bytes; `None`: all that follow.
    pub size: Option<u64>,
}

/// A dataset to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewDataset {
    pub(crate) datatype: Datatype,
    /// The committed datatype that it uses instead of its own.
    pub(crate) committed: Option<Address>,
    /// Lengths, and what they may grow to; `None`: no elements at all ("null").
    pub(crate) shape: Option<Vec<u64>>,
    pub(crate) max_shape: Option<Vec<Option<u64>>>,
    pub(crate) layout: LayoutChoice,
    pub(crate) filters: Vec<FilterDescription>,
    pub(crate) fill: Fill,
    pub(crate) fill_time: FillTime,
    pub(crate) alloc_time: Option<AllocTime>,
    /// Chunks that stick out of the extent are not filtered.
    pub(crate) unfiltered_edges: bool,
    /// Attributes, times and comment.
    pub(crate) object: ObjectStyle,
}

impl NewDataset {
    pub(crate) fn new(datatype: Datatype, shape: Option<Vec<u64>>) -> Self {
        NewDataset {
            datatype,
            committed: None,
            shape,
            max_shape: None,
            layout: LayoutChoice::default(),
            filters: Vec::new(),
            fill: Fill::Default,
            fill_time: FillTime::IfSet,
            alloc_time: None,
            unfiltered_edges: false,
            object: ObjectStyle::default(),
        }
    }

    fn alloc_time(&self) -> AllocTime {
        self.alloc_time.filter(|&time| time != AllocTime::Default).unwrap_or(match self.layout {
            LayoutChoice::Compact => AllocTime::Early,
            LayoutChoice::Contiguous | LayoutChoice::External(_) => AllocTime::Late,
            LayoutChoice::Chunked(_) | LayoutChoice::Virtual(_) => AllocTime::Incremental,
        })
    }

    fn fill_value(&self, editor: &Editor) -> FillValue {
        FillValue {
            version: editor.bounds().low.fill_value(),
            alloc_time: self.alloc_time(),
            fill_time: self.fill_time,
            fill: self.fill.clone(),
        }
    }

    /// True if elements can go into the file with the header: all of them, as they are.
    pub(crate) fn takes_elements(&self) -> bool {
        matches!(self.layout, LayoutChoice::Compact | LayoutChoice::Contiguous)
    }

    fn data_layout(&self, editor: &mut Editor, elements: Option<&[u8]>) -> Result<DataLayout> {
        let bytes = self.bytes()?;
        let storage = match (&self.layout, elements.filter(|e| !e.is_empty() && e.len() as u64 == bytes)) {
            (LayoutChoice::Compact, Some(elements)) => Storage::Compact { data: elements.to_vec(), offset: 0 },
            (LayoutChoice::Contiguous, Some(elements)) => {
                let address = allocate_contiguous(editor, bytes)?;
                editor.write_raw(address, elements)?;
                Storage::Contiguous { address: Some(address), size: Some(bytes) }
            }
            (LayoutChoice::Compact, None) => {
                let mut data = alloc::vec![0; crate::codec::to_usize(bytes)?];
                if let Fill::User(element) = &self.fill {
                    data.chunks_exact_mut(element.len().max(1)).for_each(|to| to.copy_from_slice(element));
                }
                Storage::Compact { data, offset: 0 }
            }
            (LayoutChoice::Contiguous | LayoutChoice::External(_), _) => {
                Storage::Contiguous { address: None, size: Some(bytes) }
            }
            (LayoutChoice::Virtual(mappings), _) => {
                let storage = Storage::Virtual { mappings: place_mappings(editor, mappings)? };
                return Ok(DataLayout { version: VIRTUAL_VERSION, storage });
            }
            (LayoutChoice::Chunked(chunk), _) => {
                let shape = self.shape.as_deref().unwrap_or(&[]);
                let max: Vec<Option<u64>> =
                    self.max_shape.clone().unwrap_or_else(|| shape.iter().map(|&d| Some(d)).collect());
                let early = self.alloc_time() == AllocTime::Early;
                let filtered = !self.filters.is_empty();
                let new = NewChunks {
                    dims: shape,
                    max_dims: &max,
                    chunk,
                    element_size: self.datatype.size.into(),
                    filtered,
                    early,
                    unfiltered_edges: self.unfiltered_edges,
                };
                let layout = choose(editor.bounds(), &new)?;
                return Ok(DataLayout { version: layout.version, storage: Storage::Chunked(layout) });
            }
        };
        Ok(DataLayout { version: 3, storage })
    }
}

/// The extent of these lengths; `None` for none at all, empty for a scalar.
pub(crate) fn dataspace(editor: &Editor, shape: Option<&[u64]>, max: Option<Vec<Option<u64>>>) -> Dataspace {
    let version = editor.bounds().low.dataspace();
    match shape {
        None => Dataspace { version: 2, class: SpaceClass::Null, dims: Vec::new(), max: None },
        Some([]) => Dataspace { version, class: SpaceClass::Scalar, dims: Vec::new(), max: None },
        Some(dims) => Dataspace { version, class: SpaceClass::Simple, dims: dims.to_vec(), max },
    }
}

/// Version of the layout of virtual datasets.
const VIRTUAL_VERSION: u8 = 4;
/// Most bytes of a compact dataset: the layout message has four more.
const COMPACT_LIMIT: u64 = MAX_BODY as u64 - 4;
/// Bytes of messages for which a dataset's header has room: libhdf5's choice.
const RESERVE: usize = 256;

/// Writes a dataset with attributes, each of another name, and with all `elements` where it
/// [takes](NewDataset::takes_elements) them: its header.
///
/// # Errors
/// What is asked for contradicts itself, exceeds the format, or the file is full.
pub(crate) fn create(
    editor: &mut Editor,
    new: &NewDataset,
    elements: Option<&[u8]>,
    attributes: &[NewAttribute<'_>],
) -> Result<Arc<ObjectHeader>> {
    new.check()?;
    let mut messages = Vec::new();
    let mut body = editor.writer();
    dataspace(editor, new.shape.as_deref(), new.max_shape.clone()).encode(&mut body)?;
    messages.push(message(MessageKind::Dataspace, 0, body.into_bytes()));
    messages.push(datatype_message(editor, &new.datatype, new.committed)?);
    let fill = new.fill_value(editor);
    let mut body = editor.writer();
    fill.encode(&mut body)?;
    messages.push(message(MessageKind::FillValue, MessageFlags::CONSTANT, body.into_bytes()));
    if let (Fill::User(value), false) = (&new.fill, editor.bounds().low.is_new_style()) {
        let mut body = editor.writer();
        body.uint(value.len() as u64, 4)?;
        body.bytes(value);
        messages.push(message(MessageKind::OldFillValue, MessageFlags::CONSTANT, body.into_bytes()));
    }
    if !new.filters.is_empty() {
        let mut body = editor.writer();
        let version = editor.bounds().low.filter_pipeline();
        FilterPipeline { version, filters: new.filters.clone() }.encode(&mut body)?;
        messages.push(message(MessageKind::FilterPipeline, MessageFlags::CONSTANT, body.into_bytes()));
    }
    if let LayoutChoice::External(files) = &new.layout {
        let body = place_names(editor, files)?;
        messages.push(message(MessageKind::ExternalFiles, 0, body));
    }
    let layout = new.data_layout(editor, elements)?;
    let mut body = editor.writer();
    layout.encode(&mut body)?;
    messages.push(message(MessageKind::DataLayout, 0, body.into_bytes()));
    let used: usize = messages.iter().map(|m| m.body.len().saturating_add(8)).sum();
    new.object.create(editor, messages, Room::Attributes(RESERVE.saturating_sub(used)), attributes)
}

/// The mappings of a virtual dataset, in the global heap.
fn place_mappings(editor: &mut Editor, mappings: &[VirtualMapping]) -> Result<Option<(Address, u32)>> {
    if editor.bounds().high < Version::V110 {
        return Err(Error::unsupported("virtual datasets need version v110 of the format")
            .with_hint("raise the upper version bound"));
    }
    if mappings.is_empty() {
        return Ok(None);
    }
    let mut body = editor.writer();
    virtual_layout::encode(mappings, editor.bounds().low.selection(), &mut body)?;
    let place = insert_heap_object(editor, body.as_slice())?;
    finish_heap(editor)?;
    Ok(Some(place))
}

/// The external file list, whose names are in a local heap.
fn place_names(editor: &mut Editor, files: &[ExternalFile]) -> Result<Vec<u8>> {
    let hint = files.iter().fold(8u64, |sum, file| sum.saturating_add(file.name.len() as u64).saturating_add(8));
    let heap = local_heap::create(editor, hint)?;
    let mut slots = Vec::new();
    for file in files {
        let name_offset = local_heap::insert(editor, heap, &file.name)?;
        slots.push(Slot { name_offset, offset: file.offset, size: file.size });
    }
    let mut body = editor.writer();
    ExternalFiles { heap, slots }.encode(&mut body)?;
    Ok(body.into_bytes())
}

/// Writes a committed datatype: its header.
///
/// # Errors
/// The type does not fit a message, or the file is full.
pub(crate) fn commit_datatype(
    editor: &mut Editor,
    datatype: &Datatype,
    object: &ObjectStyle,
) -> Result<Arc<ObjectHeader>> {
    let mut message = datatype_message(editor, datatype, None)?;
    message.flags = MessageFlags(message.flags.0 | MessageFlags::DONT_SHARE);
    object.create(editor, alloc::vec![message], Room::Beyond(0), &[])
}

/// The message of a datatype, or a pointer to a committed one.
fn datatype_message(editor: &Editor, datatype: &Datatype, committed: Option<Address>) -> Result<Message> {
    let mut body = editor.writer();
    let mut flags = MessageFlags::CONSTANT;
    match committed {
        Some(address) => {
            SharedPointer::Object(address).encode(&mut body)?;
            flags |= MessageFlags::SHARED;
        }
        None => datatype.encode_at_least(&mut body, editor.bounds().low.datatype())?,
    }
    Ok(message(MessageKind::Datatype, flags, body.into_bytes()))
}

/// Puts a changed layout in the place of the old one in a header that is stored afterwards.
pub(crate) fn set_layout(editor: &mut Editor, header: &mut ObjectHeader, layout: &DataLayout) -> Result<()> {
    let mut body = editor.writer();
    layout.encode(&mut body)?;
    replace(editor, header, MessageKind::DataLayout, body.into_bytes())
}

/// Puts a changed extent in the place of the old one in a header that is stored afterwards.
pub(crate) fn set_dataspace(editor: &mut Editor, header: &mut ObjectHeader, space: &Dataspace) -> Result<()> {
    let mut body = editor.writer();
    space.encode(&mut body)?;
    replace(editor, header, MessageKind::Dataspace, body.into_bytes())
}

/// What other headers have too, or may have, becomes this header's own.
fn replace(editor: &mut Editor, header: &mut ObjectHeader, kind: MessageKind, body: Vec<u8>) -> Result<()> {
    let offset = header.offset;
    if let Some(old) = header.find(kind) {
        shared::drop_message(editor, header, old)?;
    }
    let old = header.messages.iter_mut().find(|m| m.kind == kind);
    let old =
        old.ok_or_else(|| Error::corrupt("object header", offset, alloc::format!("no {} message", kind.name())))?;
    old.body = body.into();
    old.flags = MessageFlags(old.flags.0 & !(MessageFlags::SHARED | MessageFlags::SHAREABLE));
    Ok(())
}

/// Room for the elements of a contiguous dataset.
pub(super) fn allocate_contiguous(editor: &mut Editor, bytes: u64) -> Result<Address> {
    editor.allocate(Purpose::RawData, bytes)
}
