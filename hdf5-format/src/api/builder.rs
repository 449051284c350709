//! New datasets.

use super::change::encode;
use super::dataset::Dataset;
use super::group::Group;
use super::object::NamedDatatype;
use super::value::Value;
use crate::dataset::file::FileCore;
use crate::dataset::stored::StoredDataset;
use crate::edit::{self, ExternalFile, LayoutChoice, NewDataset};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Filters;
use crate::format::message::datatype::Datatype;
use crate::format::message::fill_value::{AllocTime, Fill, FillTime};
use crate::format::message::filter_pipeline::FilterDescription;
use crate::format::object_header::Times;
use crate::format::virtual_layout::VirtualMapping;
use alloc::vec::Vec;

/// A dataset to be made: see [`Group::new_dataset`].
#[must_use]
pub struct DatasetBuilder<'a> {
    group: &'a Group,
    new: NewDataset,
}

impl<'a> DatasetBuilder<'a> {
    pub(super) fn new(group: &'a Group, datatype: Datatype) -> Self {
        DatasetBuilder { group, new: NewDataset::new(datatype, Some(Vec::new())) }
    }

    /// Lengths of the dimensions; none for a scalar, which is the default.
    pub fn shape(mut self, shape: impl Into<Vec<u64>>) -> Self {
        self.new.shape = Some(shape.into());
        self
    }

    /// The datatype that the elements will have.
    pub fn datatype(&self) -> &Datatype {
        &self.new.datatype
    }

    pub(super) fn core(&self) -> &FileCore {
        &self.group.core
    }

    /// Whether it is known how many elements there will be.
    pub(super) fn has_shape(&self) -> bool {
        self.new.shape.as_ref().is_none_or(|shape| !shape.is_empty())
    }

    pub(super) fn shape_now(&self) -> Vec<u64> {
        self.new.shape.clone().unwrap_or_default()
    }

    /// No elements at all.
    pub fn null(mut self) -> Self {
        self.new.shape = None;
        self
    }

    /// What the lengths may grow to; `None` without bound.
    pub fn maxshape(mut self, max: impl Into<Vec<Option<u64>>>) -> Self {
        self.new.max_shape = Some(max.into());
        self
    }

    /// Elements in chunks of these lengths.
    pub fn chunks(mut self, chunk: impl Into<Vec<u64>>) -> Self {
        self.new.layout = LayoutChoice::Chunked(chunk.into());
        self
    }

    /// Elements in the object header: for a few bytes.
    pub fn compact(mut self) -> Self {
        self.new.layout = LayoutChoice::Compact;
        self
    }

    /// Elements in parts of other files, one after the other; this file only names them.
    pub fn external(mut self, files: impl Into<Vec<ExternalFile>>) -> Self {
        self.new.layout = LayoutChoice::External(files.into());
        self
    }

    /// Elements that are those of other datasets.
    pub fn virtual_mappings(mut self, mappings: impl Into<Vec<VirtualMapping>>) -> Self {
        self.new.layout = LayoutChoice::Virtual(mappings.into());
        self
    }

    /// Chunks that stick out of the extent are not filtered.
    pub fn unfiltered_edges(mut self) -> Self {
        self.new.unfiltered_edges = true;
        self
    }

    /// When space for elements is taken: with the dataset, with the first of them, or chunk by chunk.
    pub fn alloc_time(mut self, time: AllocTime) -> Self {
        self.new.alloc_time = Some(time);
        self
    }

    /// When the fill value is written into new space.
    pub fn fill_time(mut self, time: FillTime) -> Self {
        self.new.fill_time = time;
        self
    }

    /// Times of the object, in seconds since 1970; none by default.
    pub fn times(mut self, times: Times) -> Self {
        self.new.object.times = Some(times);
        self
    }

    /// A comment on the object, without NUL.
    pub fn comment(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.new.object.comment = Some(text.into());
        self
    }

    /// Filters in order of writing. The type, the chunk lengths and the fill value come first.
    ///
    /// # Errors
    /// A filter is not in this build, or does not suit the type or the chunk; or no chunk lengths were given.
    pub fn filter(mut self, filters: &Filters) -> Result<Self> {
        let LayoutChoice::Chunked(chunk) = &self.new.layout else {
            return Err(Error::new(ErrorKind::Invalid, "filters work on chunks").with_hint("give chunk lengths first"));
        };
        let fill = match &self.new.fill {
            Fill::User(element) => Some(element.clone()),
            Fill::Default => Some(alloc::vec![0; self.new.datatype.size()]),
            Fill::Undefined => None,
        };
        let registry = self.group.core.filters();
        self.new.filters = filters.describe(registry, &self.new.datatype, chunk, fill.as_deref())?;
        Ok(self)
    }

    /// Filters in order of writing, as they are described in the file.
    pub fn filters_raw(mut self, filters: impl Into<Vec<FilterDescription>>) -> Self {
        self.new.filters = filters.into();
        self
    }

    /// The element that stands where nothing was written, as it is stored.
    pub fn fill_raw(mut self, element: impl Into<Vec<u8>>) -> Self {
        self.new.fill = Fill::User(element.into());
        self
    }

    /// The value that stands where nothing was written.
    ///
    /// # Errors
    /// It is of another kind than the type, or does not fit it.
    pub fn fill(self, value: &Value) -> Result<Self> {
        let element = encode(&self.group.core, &self.new.datatype, core::slice::from_ref(value))?;
        Ok(self.fill_raw(element))
    }

    /// Attributes carry their order of creation, and are indexed by it if `indexed`.
    pub fn track_order(mut self, indexed: bool) -> Self {
        self.new.object.attribute_order = Some(indexed);
        self
    }

    /// Uses a committed datatype instead of one of its own.
    pub fn committed(mut self, datatype: &NamedDatatype) -> Self {
        self.new.committed = Some(datatype.address());
        self.new.datatype = datatype.dtype().clone();
        self
    }

    /// Makes the dataset, at a path from the group.
    ///
    /// # Errors
    /// As for [`Group::create_group`], and if what is asked for contradicts itself or exceeds the format.
    pub fn create(self, path: impl AsRef<[u8]>) -> Result<Dataset> {
        let DatasetBuilder { group, new } = self;
        let object = group.create(path.as_ref(), |editor| {
            let mut header = edit::create_dataset(editor, &new)?;
            new.committed.map_or(Ok(()), |datatype| edit::add_link(editor, datatype))?;
            if new.alloc_time == Some(AllocTime::Early) {
                let stored = StoredDataset::load(&group.core, &header)?;
                edit::allocate_elements(editor, &mut header, &stored)?;
            }
            Ok(header)
        })?;
        object.into_dataset()
    }
}
