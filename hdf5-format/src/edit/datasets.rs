//! New datasets and committed datatypes.

use super::chunk_index::{NewChunks, choose};
use super::header::{self, HeaderStyle, MAX_BODY, message};
use super::{Editor, Purpose};
use crate::codec::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::MAX_FILTERS;
use crate::format::message::MessageKind;
use crate::format::message::dataspace::{Dataspace, SpaceClass};
use crate::format::message::datatype::Datatype;
use crate::format::message::fill_value::{AllocTime, Fill, FillTime, FillValue};
use crate::format::message::filter_pipeline::{FilterDescription, FilterPipeline};
use crate::format::message::layout::{DataLayout, Storage};
use crate::format::message::shared::SharedPointer;
use crate::format::object_header::MessageFlags;
use crate::graph::object_header::{Message, ObjectHeader};
use alloc::string::String;
use alloc::vec::Vec;

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
    /// Attributes carry their order of creation; `Some(true)`: and are indexed by it.
    pub(crate) track_order: Option<bool>,
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
            track_order: None,
        }
    }

    /// Bytes of all elements.
    fn bytes(&self) -> Result<u64> {
        let size = u64::from(self.datatype.size);
        let shape = self.shape.as_deref();
        let bytes = shape.map_or(Some(0), |shape| shape.iter().try_fold(size, |n, &d| n.checked_mul(d)));
        bytes.ok_or_else(|| Error::new(ErrorKind::Shape, "the dataset has more bytes than 64 bits can count"))
    }

    /// Everything that can be wrong with it, before anything is written.
    fn check(&self) -> Result<()> {
        let wrong = |text: String| Err(Error::new(ErrorKind::Shape, text));
        let rank = self.shape.as_ref().map_or(0, Vec::len);
        if rank > 32 {
            return wrong(alloc::format!("{rank} dimensions, expected at most 32"));
        }
        if let Some(max) = &self.max_shape {
            let shape = self.shape.as_deref().unwrap_or(&[]);
            if max.len() != rank {
                return wrong(alloc::format!("maxshape has {} dimensions, the shape {rank}", max.len()));
            }
            for (i, (&now, max)) in shape.iter().zip(max).enumerate() {
                if let Some(max) = max.filter(|&max| max < now) {
                    return wrong(alloc::format!("dimension {i} has length {now}, more than its maximum {max}"));
                }
            }
        }
        let bytes = self.bytes()?;
        let grows = self.max_shape.as_ref().is_some_and(|max| {
            max.iter().zip(self.shape.as_deref().unwrap_or(&[])).any(|(max, &now)| *max != Some(now))
        });
        match &self.layout {
            LayoutChoice::Compact if bytes > COMPACT_LIMIT => wrong(alloc::format!(
                "{bytes} bytes exceed the {COMPACT_LIMIT} of a compact dataset; use a contiguous or chunked layout"
            )),
            LayoutChoice::Chunked(chunk) => self.check_chunk(chunk, rank),
            _ if grows && self.layout == LayoutChoice::Compact => {
                wrong("only a chunked dataset can have a maxshape that is not its shape".into())
            }
            LayoutChoice::Contiguous if self.max_shape.as_ref().is_some_and(|m| m.iter().any(Option::is_none)) => {
                wrong("only a chunked dataset can grow without bound: give chunk lengths".into())
            }
            _ if !self.filters.is_empty() => {
                wrong("only a chunked dataset can have filters: give chunk lengths".into())
            }
            _ => Ok(()),
        }
    }

    fn check_chunk(&self, chunk: &[u64], rank: usize) -> Result<()> {
        let wrong = |text: String| Err(Error::new(ErrorKind::Shape, text));
        let Some(shape) = self.shape.as_deref().filter(|shape| !shape.is_empty()) else {
            return wrong("a scalar or null dataset can not be chunked".into());
        };
        if chunk.len() != rank {
            return wrong(alloc::format!("chunks have {} dimensions, the dataset {rank}", chunk.len()));
        }
        if self.filters.len() > MAX_FILTERS {
            return wrong(alloc::format!("{} filters, expected at most {MAX_FILTERS}", self.filters.len()));
        }
        for (i, (&chunk, &now)) in chunk.iter().zip(shape).enumerate() {
            if chunk == 0 {
                return wrong(alloc::format!("chunks have length 0 along dimension {i}"));
            }
            let max = self.max_shape.as_ref().and_then(|m| m.get(i)).copied().unwrap_or(Some(now));
            if let Some(max) = max.filter(|&max| max < chunk && now > 0) {
                return wrong(alloc::format!("chunks have length {chunk} along dimension {i}, of at most {max}"));
            }
        }
        let bytes = chunk.iter().try_fold(u64::from(self.datatype.size), |n, &c| n.checked_mul(c));
        match bytes {
            Some(bytes) if bytes <= u64::from(u32::MAX) => Ok(()),
            _ => wrong("a chunk has more than 4 GiB".into()),
        }
    }

    fn alloc_time(&self) -> AllocTime {
        self.alloc_time.filter(|&time| time != AllocTime::Default).unwrap_or(match self.layout {
            LayoutChoice::Compact => AllocTime::Early,
            LayoutChoice::Contiguous => AllocTime::Late,
            LayoutChoice::Chunked(_) => AllocTime::Incremental,
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

    fn data_layout(&self, editor: &mut Editor) -> Result<DataLayout> {
        let bytes = self.bytes()?;
        let storage = match &self.layout {
            LayoutChoice::Compact => {
                let mut data = alloc::vec![0; crate::codec::to_usize(bytes)?];
                if let Fill::User(element) = &self.fill {
                    data.chunks_exact_mut(element.len().max(1)).for_each(|to| to.copy_from_slice(element));
                }
                Storage::Compact { data, offset: 0 }
            }
            LayoutChoice::Contiguous => Storage::Contiguous { address: None, size: Some(bytes) },
            LayoutChoice::Chunked(chunk) => {
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
                    unfiltered_edges: false,
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

/// Most bytes of a compact dataset: the layout message has four more.
const COMPACT_LIMIT: u64 = MAX_BODY as u64 - 4;
/// Bytes of messages for which a dataset's header has room: libhdf5's choice.
const RESERVE: usize = 256;

/// Writes a dataset without elements: its header.
///
/// # Errors
/// What is asked for contradicts itself, exceeds the format, or the file is full.
pub(crate) fn create(editor: &mut Editor, new: &NewDataset) -> Result<ObjectHeader> {
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
    let layout = new.data_layout(editor)?;
    let mut body = editor.writer();
    layout.encode(&mut body)?;
    messages.push(message(MessageKind::DataLayout, 0, body.into_bytes()));
    let used: usize = messages.iter().map(|m| m.body.len().saturating_add(8)).sum();
    let style = HeaderStyle {
        v2: editor.bounds().low.is_new_style() || new.track_order.is_some(),
        attribute_order: new.track_order,
        reserve: RESERVE.saturating_sub(used),
        ..HeaderStyle::default()
    };
    header::create(editor, style, messages)
}

/// Writes a committed datatype: its header.
///
/// # Errors
/// The type does not fit a message, or the file is full.
pub(crate) fn commit_datatype(editor: &mut Editor, datatype: &Datatype) -> Result<ObjectHeader> {
    let message = datatype_message(editor, datatype, None)?;
    let style = HeaderStyle { v2: editor.bounds().low.is_new_style(), ..HeaderStyle::default() };
    header::create(editor, style, alloc::vec![message])
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
pub(crate) fn set_layout(editor: &Editor, header: &mut ObjectHeader, layout: &DataLayout) -> Result<()> {
    let mut body = editor.writer();
    layout.encode(&mut body)?;
    replace(header, MessageKind::DataLayout, body.into_bytes())
}

/// Puts a changed extent in the place of the old one in a header that is stored afterwards.
pub(crate) fn set_dataspace(editor: &Editor, header: &mut ObjectHeader, space: &Dataspace) -> Result<()> {
    let mut body = editor.writer();
    space.encode(&mut body)?;
    replace(header, MessageKind::Dataspace, body.into_bytes())
}

fn replace(header: &mut ObjectHeader, kind: MessageKind, body: Vec<u8>) -> Result<()> {
    let offset = header.offset;
    let old = header.messages.iter_mut().find(|m| m.kind == kind);
    let old =
        old.ok_or_else(|| Error::corrupt("object header", offset, alloc::format!("no {} message", kind.name())))?;
    old.body = body.into();
    old.flags = MessageFlags(old.flags.0 & !MessageFlags::SHARED);
    Ok(())
}

/// Room for the elements of a contiguous dataset.
pub(super) fn allocate_contiguous(editor: &mut Editor, bytes: u64) -> Result<Address> {
    editor.allocate(Purpose::RawData, bytes)
}
