//! New datasets and groups.

use super::change::encode;
use super::dataset::Dataset;
use super::element::Data;
use super::group::Group;
use super::new_attributes::NewAttributes;
use super::object::NamedDatatype;
use super::value::Value;
use super::write::Prepared;
use crate::dataset::file::FileCore;
use crate::dataset::stored::StoredDataset;
use crate::edit::{self, ExternalFile, GroupStyle, LayoutChoice, NewDataset};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Filters;
use crate::format::message::datatype::Datatype;
use crate::format::message::fill_value::{AllocTime, Fill, FillTime};
use crate::format::message::filter_pipeline::FilterDescription;
use crate::format::object_header::Times;
use crate::format::virtual_layout::VirtualMapping;
use crate::graph::object_header::ObjectHeader;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A dataset to be made: see [`Group::new_dataset`].
#[must_use]
pub struct DatasetBuilder<'a> {
    group: &'a Group,
    new: NewDataset,
    attributes: NewAttributes<'a>,
}

impl<'a> DatasetBuilder<'a> {
    pub(super) fn new(group: &'a Group, datatype: Datatype) -> Self {
        let attributes = NewAttributes::default();
        DatasetBuilder { group, new: NewDataset::new(datatype, Some(Vec::new())), attributes }
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

    /// True if elements go into the file with the header.
    pub(super) fn takes_elements(&self) -> bool {
        self.new.takes_elements()
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
    /// As for [`Group::create_group`], and if what is asked for contradicts itself or exceeds the format, or an attribute
    /// can not be stored.
    pub fn create(self, path: impl AsRef<[u8]>) -> Result<Dataset> {
        self.create_at_once(path.as_ref(), None)
    }

    /// Makes the dataset with values that fit, so many times.
    pub(super) fn create_at_once(self, path: &[u8], values: Option<(Prepared<'_>, usize)>) -> Result<Dataset> {
        let DatasetBuilder { group, new, attributes } = self;
        let object = group.create(path, |editor| {
            new.check()?;
            attributes.check(editor, &new.object)?;
            let elements =
                values.map(|(prepared, times)| prepared.unfinished(&new.datatype, times, editor)).transpose()?;
            let header = attributes.with(editor, |editor, attributes| {
                edit::create_dataset(editor, &new, elements.as_deref(), attributes)
            })?;
            new.committed.map_or(Ok(()), |datatype| edit::add_link(editor, datatype))?;
            if new.alloc_time != Some(AllocTime::Early) {
                return Ok(header);
            }
            let mut header = ObjectHeader::clone(&header);
            let stored = StoredDataset::load(&group.core, &header)?;
            edit::allocate_elements(editor, &mut header, &stored)?;
            Ok(Arc::new(header))
        })?;
        object.into_dataset()
    }
}

/// A group to be made: see [`Group::new_group`].
///
/// ```
/// # fn main() -> hdf5_format::Result<()> {
/// # let file = hdf5_format::CreateOptions::new().create_in(hdf5_format::io::MemoryFile::new(Vec::new()))?;
/// let run = file.root()?.new_group().attr("operator", "Ada").create("run1")?;
/// run.new_dataset_of::<f64>().attr("units", "degC").create_with("temperature", [20.5, 21.0])?;
/// assert_eq!(file.dataset("run1/temperature")?.attr::<String>("units")?, "degC");
/// # Ok(()) }
/// ```
#[must_use]
pub struct GroupBuilder<'a> {
    group: &'a Group,
    style: GroupStyle,
    attributes: NewAttributes<'a>,
}

/// Attributes of what is to be made. They are written with it: that is faster than to set them afterwards.
macro_rules! attributes {
    ($builder:ident) => {
        impl<'a> $builder<'a> {
            /// An attribute of values, with their type and shape, that is written with the object.
            pub fn attr(mut self, name: impl AsRef<[u8]>, data: impl Data + 'a) -> Self {
                self.attributes.add(self.group.core.ctx().sizes(), name.as_ref(), data);
                self
            }

            /// An attribute of elements as they are stored: see [`set_attr_raw`](crate::ObjectInfo::set_attr_raw).
            pub fn attr_raw(
                mut self,
                name: impl AsRef<[u8]>,
                datatype: &Datatype,
                shape: Option<&[u64]>,
                elements: &'a [u8],
            ) -> Self {
                self.attributes.add_raw(name.as_ref(), datatype, shape, elements);
                self
            }

            /// An attribute of dynamic values: see [`set_attr_values`](crate::ObjectInfo::set_attr_values).
            pub fn attr_values(
                mut self,
                name: impl AsRef<[u8]>,
                datatype: &Datatype,
                shape: Option<&[u64]>,
                values: &'a [Value],
            ) -> Self {
                self.attributes.add_values(name.as_ref(), datatype, shape, values);
                self
            }
        }
    };
}

attributes!(DatasetBuilder);
attributes!(GroupBuilder);

impl<'a> GroupBuilder<'a> {
    pub(super) fn new(group: &'a Group) -> Self {
        GroupBuilder { group, style: GroupStyle::default(), attributes: NewAttributes::default() }
    }

    /// What the group is like.
    pub fn style(mut self, style: &GroupStyle) -> Self {
        self.style = style.clone();
        self
    }

    /// Makes the group, at a path from the other.
    ///
    /// # Errors
    /// As for [`Group::create_group`], and if an attribute can not be stored.
    pub fn create(self, path: impl AsRef<[u8]>) -> Result<Group> {
        let GroupBuilder { group, style, attributes } = self;
        let object = group.create(path.as_ref(), |editor| {
            attributes.check(editor, &style.object)?;
            attributes.with(editor, |editor, attributes| edit::create_group(editor, &style, attributes))
        })?;
        object.into_group()
    }
}
