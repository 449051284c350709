//! A dataset as its object header describes it.

use super::cache::ChunkCache;
use super::file::FileCore;
use super::read::Reader;
use super::virtual_extent;
use crate::codec::Address;
use crate::error::{Error, Result};
use crate::filter::Pipeline;
use crate::format::message::MessageKind;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::Datatype;
use crate::format::message::external_files::ExternalFiles;
use crate::format::message::fill_value::{AllocTime, Fill, FillValue};
use crate::format::message::filter_pipeline::FilterPipeline;
use crate::format::message::layout::{DataLayout, Storage};
use crate::graph::object_header::{Message, ObjectHeader};
use crate::graph::{FileContext, shared};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a dataset is: its type, extent, storage, filters and fill value.
pub struct StoredDataset {
    /// Type of the elements.
    pub datatype: Datatype,
    /// Header of the committed datatype, if the type is one.
    pub committed: Option<Address>,
    /// Extent.
    pub dataspace: Dataspace,
    /// Where the elements are.
    pub layout: DataLayout,
    /// Filters as the file lists them.
    pub filters: FilterPipeline,
    /// The filters, ready to decode; or why they are not. Data may still be readable without them.
    pub pipeline: Result<Pipeline>,
    /// Value of elements never written.
    pub fill: FillValue,
    /// External raw files, in the order of the data they hold.
    pub external: Option<ExternalFiles>,
    /// Decoded chunks, kept for the next small read.
    pub(super) cache: ChunkCache,
}

impl StoredDataset {
    /// Reads the messages of a dataset's header.
    pub fn load(core: &Arc<FileCore>, header: &ObjectHeader) -> Result<Self> {
        StoredDataset::load_nested(core, header, 0)
    }

    /// As [`StoredDataset::load`], for the source of a virtual dataset `depth` sources away.
    pub(super) fn load_nested(core: &Arc<FileCore>, header: &ObjectHeader, depth: usize) -> Result<Self> {
        let ctx = core.ctx();
        let (datatype, committed) = datatype(ctx, header)?;
        let dataspace = dataspace(ctx, header)?;
        let layout = required(ctx, header, MessageKind::DataLayout)?;
        let layout = DataLayout::parse_of(&mut layout.cursor(ctx.sizes(), "data layout"), datatype.size())?;
        let filters = match optional(ctx, header, MessageKind::FilterPipeline)? {
            Some(m) => FilterPipeline::parse(&mut m.cursor(ctx.sizes(), "filter pipeline"))?,
            None => FilterPipeline::default(),
        };
        let pipeline = Pipeline::new(&filters.filters, core.filters());
        let fill = fill_value(ctx, header, &layout)?;
        let external = match optional(ctx, header, MessageKind::ExternalFiles)? {
            Some(m) => Some(ExternalFiles::parse(&mut m.cursor(ctx.sizes(), "external file list"))?),
            None => None,
        };
        let cache = ChunkCache::default();
        let mut dataset =
            StoredDataset { datatype, committed, dataspace, layout, filters, pipeline, fill, external, cache };
        dataset.set_virtual_extent(core, depth);
        Ok(dataset)
    }

    /// An unlimited virtual dataset reaches as far as its sources do; as far as it says where they can not be opened.
    fn set_virtual_extent(&mut self, core: &Arc<FileCore>, depth: usize) {
        let Storage::Virtual { .. } = self.layout.storage else { return };
        let max = self.max_dims();
        let mappings = Reader { core, dataset: self, depth }.virtual_mappings();
        let dims = mappings.and_then(|m| virtual_extent::extent(core, &m, &self.dataspace.dims, &max, depth));
        if let Ok(dims) = dims {
            self.dataspace.dims = dims;
        }
    }

    /// Bytes of one stored element.
    pub fn element_size(&self) -> usize {
        self.datatype.size()
    }

    /// Maximal extent: `None` in a dimension is unlimited.
    pub fn max_dims(&self) -> Vec<Option<u64>> {
        self.dataspace.max_dims()
    }

    /// The bytes of the element that stands where nothing was written; zeros if none is defined or it is not to be
    /// written.
    pub fn fill_element(&self) -> Vec<u8> {
        self.fill.element(self.element_size())
    }
}

/// The datatype message of an object, followed to the committed datatype where it is shared.
pub fn datatype(ctx: &FileContext, header: &ObjectHeader) -> Result<(Datatype, Option<Address>)> {
    let message = find(header, MessageKind::Datatype)?;
    let target = shared::resolve(ctx, message)?;
    let mut cursor = target.cursor(ctx.sizes(), "datatype");
    let datatype = Datatype::parse(&mut cursor, ctx.limits())?;
    Ok((datatype, target.committed))
}

pub(crate) fn dataspace(ctx: &FileContext, header: &ObjectHeader) -> Result<Dataspace> {
    let message = required(ctx, header, MessageKind::Dataspace)?;
    Dataspace::parse(&mut message.cursor(ctx.sizes(), "dataspace"))
}

/// The fill value; where there is no message, space is allocated when libhdf5 does so for the layout.
pub(crate) fn fill_value(ctx: &FileContext, header: &ObjectHeader, layout: &DataLayout) -> Result<FillValue> {
    if let Some(m) = optional(ctx, header, MessageKind::FillValue)? {
        return FillValue::parse(&mut m.cursor(ctx.sizes(), "fill value"));
    }
    match optional(ctx, header, MessageKind::OldFillValue)? {
        Some(m) => FillValue::parse_old(&mut m.cursor(ctx.sizes(), "old fill value")),
        None => {
            let alloc_time = match layout.storage {
                Storage::Compact { .. } => AllocTime::Early,
                Storage::Contiguous { .. } => AllocTime::Late,
                Storage::Chunked(_) | Storage::Virtual { .. } => AllocTime::Incremental,
            };
            Ok(FillValue { fill: Fill::Undefined, alloc_time, ..FillValue::default() })
        }
    }
}

fn find(header: &ObjectHeader, kind: MessageKind) -> Result<&Message> {
    header.find(kind).ok_or_else(|| {
        Error::corrupt("object header", header.offset, alloc::format!("a dataset without a {} message", kind.name()))
    })
}

pub(crate) fn required(ctx: &FileContext, header: &ObjectHeader, kind: MessageKind) -> Result<shared::SharedTarget> {
    shared::resolve(ctx, find(header, kind)?)
}

pub(crate) fn optional(
    ctx: &FileContext,
    header: &ObjectHeader,
    kind: MessageKind,
) -> Result<Option<shared::SharedTarget>> {
    header.find(kind).map(|m| shared::resolve(ctx, m)).transpose()
}
