//! Datasets: where their elements are.

use super::elements::may_point;
use super::report::Code;
use super::walk::Checker;
use crate::codec::Address;
use crate::dataset::axes::box_bytes;
use crate::dataset::stored;
use crate::error::Result;
use crate::filter::Pipeline;
use crate::format::message::MessageKind;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::Datatype;
use crate::format::message::external_files::ExternalFiles;
use crate::format::message::fill_value::Fill;
use crate::format::message::filter_pipeline::FilterPipeline;
use crate::format::message::layout::{DataLayout, Storage};
use crate::graph::FileContext;
use crate::graph::local_heap::LocalHeapReader;
use crate::graph::object_header::ObjectHeader;
use alloc::format;

/// Bytes of contiguous elements read at once.
const PIECE: u64 = 1 << 20;

/// What the messages of a dataset's header say.
pub(super) struct Described {
    pub(super) datatype: Datatype,
    pub(super) dataspace: Dataspace,
    pub(super) filtered: bool,
    pub(super) pipeline: Result<Pipeline>,
}

fn layout(ctx: &FileContext, header: &ObjectHeader, element: usize) -> Result<DataLayout> {
    let message = stored::required(ctx, header, MessageKind::DataLayout)?;
    DataLayout::parse_of(&mut message.cursor(ctx.sizes(), "data layout"), element)
}

fn filters(ctx: &FileContext, header: &ObjectHeader) -> Result<FilterPipeline> {
    match stored::optional(ctx, header, MessageKind::FilterPipeline)? {
        Some(message) => FilterPipeline::parse(&mut message.cursor(ctx.sizes(), "filter pipeline")),
        None => Ok(FilterPipeline::default()),
    }
}

impl Checker<'_> {
    pub(super) fn dataset(&mut self, header: &ObjectHeader) {
        let ctx = self.ctx;
        let datatype = self.note(stored::datatype(ctx, header));
        if let Some((_, Some(committed))) = datatype {
            self.used_type(committed);
        }
        self.external(header);
        let dataspace = self.note(stored::dataspace(ctx, header));
        let filters = self.note(filters(ctx, header));
        let (Some((datatype, _)), Some(dataspace)) = (datatype, dataspace) else { return };
        let layout = self.note(layout(ctx, header, datatype.size()));
        let (Some(layout), Some(filters)) = (layout, filters) else { return };
        if let Some(fill) = self.note(stored::fill_value(ctx, header, &layout))
            && let Fill::User(element) = &fill.fill
        {
            self.elements(&datatype, element);
        }
        let pipeline = Pipeline::new(&filters.filters, self.core.filters());
        let described = Described { datatype, dataspace, filtered: !filters.filters.is_empty(), pipeline };
        match &layout.storage {
            Storage::Compact { data, offset } => self.compact(&described, data, *offset),
            Storage::Contiguous { address, size } => {
                if let Some(address) = address {
                    self.contiguous(&described, *address, *size);
                }
            }
            Storage::Chunked(layout) => self.chunks(&described, layout),
            Storage::Virtual { mappings } => mappings.map_or((), |mappings| self.mappings(mappings)),
        }
    }

    /// The heap with the names of external files.
    fn external(&mut self, header: &ObjectHeader) {
        let ctx = self.ctx;
        let message = stored::optional(ctx, header, MessageKind::ExternalFiles).and_then(|message| {
            message.map(|m| ExternalFiles::parse(&mut m.cursor(ctx.sizes(), "external file list"))).transpose()
        });
        if let Some(Some(list)) = self.note(message) {
            let heap = LocalHeapReader::open(&self.surveyed, list.heap);
            self.note(heap);
        }
    }

    fn compact(&mut self, described: &Described, data: &[u8], offset: u64) {
        if let Some(wanted) = described.bytes()
            && wanted > data.len() as u64
        {
            let text = format!("compact data: expected {wanted} bytes, found {}", data.len());
            self.finding(Code::DataSize, Some(offset), text);
        }
        self.elements(&described.datatype, data);
    }

    fn contiguous(&mut self, described: &Described, address: Address, size: Option<u64>) {
        let wanted = described.bytes();
        let len = size.or(wanted).unwrap_or(0);
        let noted = self.survey.block(address, len, "contiguous data");
        self.note(noted);
        if let Some(wanted) = wanted.filter(|&wanted| wanted > len) {
            let text = format!("contiguous data: expected {wanted} bytes, found {len}");
            self.at(Code::DataSize, address, text);
        }
        if !may_point(&described.datatype) || len == 0 {
            return;
        }
        if !self.options.data {
            self.heaps.unread = true;
            return;
        }
        let element = described.datatype.size().max(1) as u64;
        let step = PIECE.checked_div(element).unwrap_or(1).max(1).saturating_mul(element);
        let mut at = 0u64;
        while at < len {
            let piece = self.ctx.raw(Address(address.0.saturating_add(at)), step.min(len.saturating_sub(at)), "data");
            let Some(piece) = self.note(piece) else { return };
            self.elements(&described.datatype, &piece);
            at = at.saturating_add(step);
        }
    }
}

impl Described {
    /// Bytes of all elements.
    fn bytes(&self) -> Option<u64> {
        if self.dataspace.is_null() {
            return Some(0);
        }
        box_bytes(self.dataspace.dims.iter().copied(), self.datatype.size() as u64)
    }
}
