//! Datasets: extent, type, storage, and reading.

use super::canonical::{Canonical, ObjectNames};
use super::decode;
use super::element::{Conversion, Load, Source};
use super::object::ObjectInfo;
use super::selection::Select;
use super::value::Value;
use crate::codec::{Address, to_usize};
use crate::dataset::axes::{Axis, box_bytes};
use crate::dataset::external::ExternalSlot;
use crate::dataset::read::Reader;
use crate::dataset::stored::StoredDataset;
use crate::dataset::wanted::{Asked, Wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Pipeline;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::Datatype;
use crate::format::message::fill_value::FillValue;
use crate::format::message::filter_pipeline::FilterDescription;
use crate::format::message::layout::{ChunkIndexKind, Storage};
use crate::format::virtual_layout::VirtualMapping;
use crate::graph::object_header::ObjectHeader;
use alloc::sync::Arc;
use alloc::vec::Vec;

mod into;
mod parts;
mod plain;

pub use parts::{ChunkPart, StoredChunk};

/// A dataset. Attributes, path and address: see [`ObjectInfo`], to which it dereferences.
///
/// Opening reads the header only; data is read by the `read` methods, and only what they ask for.
#[derive(Clone)]
pub struct Dataset {
    info: ObjectInfo,
    stored: Arc<StoredDataset>,
    pub(super) conversion: Conversion,
}

/// How a dataset stores its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// In the object header.
    Compact,
    /// In one run of the file, or in external files.
    Contiguous,
    /// In chunks, found by the index named.
    Chunked(&'static str),
    /// In other datasets.
    Virtual,
}

impl core::ops::Deref for Dataset {
    type Target = ObjectInfo;

    fn deref(&self) -> &ObjectInfo {
        &self.info
    }
}

/// Bytes of elements that are read at once where they are converted.
const STEP_BYTES: u64 = 256 << 10;

/// Bytes that [`Dataset::for_each_block`] reads at once, unless a row of chunks is larger.
const BLOCK_BYTES: u64 = 8 << 20;

impl Dataset {
    pub(super) fn new(info: ObjectInfo) -> Result<Self> {
        let stored = StoredDataset::load(&info.core, &info.header)?;
        Ok(Dataset { info, stored: Arc::new(stored), conversion: Conversion::Exact })
    }

    /// The dataset's messages: type, extent, layout, filters, fill value, external files.
    pub fn stored(&self) -> &StoredDataset {
        &self.stored
    }

    /// Length of each dimension; empty for a scalar and a null space.
    pub fn shape(&self) -> &[u64] {
        &self.stored.dataspace.dims
    }

    /// Maximal length of each dimension; `None` is unlimited.
    pub fn maxshape(&self) -> Vec<Option<u64>> {
        self.stored.max_dims()
    }

    /// Number of dimensions.
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements: 1 for a scalar, 0 for a null space.
    ///
    /// # Errors
    /// More than 64 bits can count.
    pub fn size(&self) -> Result<u64> {
        self.stored.dataspace.element_count().map_err(|e| self.named(e))
    }

    /// Scalar, simple or null.
    pub fn space(&self) -> &Dataspace {
        &self.stored.dataspace
    }

    /// Type of the elements.
    pub fn dtype(&self) -> &Datatype {
        &self.stored.datatype
    }

    /// Header of the committed datatype, if the type is one.
    pub fn committed_datatype(&self) -> Option<Address> {
        self.stored.committed
    }

    /// How the elements are stored.
    pub fn layout(&self) -> Layout {
        match &self.stored.layout.storage {
            Storage::Compact { .. } => Layout::Compact,
            Storage::Contiguous { .. } => Layout::Contiguous,
            Storage::Virtual { .. } => Layout::Virtual,
            Storage::Chunked(chunked) => Layout::Chunked(match chunked.index {
                ChunkIndexKind::BTreeV1 => "btree1",
                ChunkIndexKind::Single { .. } => "single",
                ChunkIndexKind::Implicit => "implicit",
                ChunkIndexKind::FixedArray { .. } => "fixed_array",
                ChunkIndexKind::ExtensibleArray { .. } => "extensible_array",
                ChunkIndexKind::BTreeV2 { .. } => "btree2",
            }),
        }
    }

    /// Lengths of a chunk, if the dataset is chunked.
    pub fn chunks(&self) -> Option<&[u64]> {
        match &self.stored.layout.storage {
            Storage::Chunked(chunked) => Some(&chunked.chunk),
            _ => None,
        }
    }

    /// The filters, in the order in which writing applies them.
    pub fn filters(&self) -> &[FilterDescription] {
        &self.stored.filters.filters
    }

    /// The filters as code; an error names one that this build lacks.
    ///
    /// # Errors
    /// A mandatory filter is unknown.
    pub fn pipeline(&self) -> Result<&Pipeline> {
        self.stored.pipeline.as_ref().map_err(|e| self.named(e.clone()))
    }

    /// The fill value and when it is written.
    pub fn fill_value(&self) -> &FillValue {
        &self.stored.fill
    }

    /// External files that hold the elements, in order; none for most datasets.
    ///
    /// # Errors
    /// The heap with their names is damaged.
    pub fn external_files(&self) -> Result<Vec<ExternalSlot>> {
        self.now_read(|reader| reader.external_slots())
    }

    /// Which elements of which datasets a virtual dataset shows; none for others.
    ///
    /// # Errors
    /// The heap object that holds the mappings is damaged.
    pub fn virtual_mappings(&self) -> Result<Vec<VirtualMapping>> {
        self.now_read(|reader| reader.virtual_mappings())
    }

    /// The extent of the source of an unlimited mapping, if it can be opened.
    pub fn source_shape(&self, mapping: &VirtualMapping) -> Option<Vec<u64>> {
        self.now_read(|reader| Ok(reader.source_extent(mapping))).ok()?
    }

    /// Number of allocated chunks; `None` if the dataset is not chunked.
    ///
    /// # Errors
    /// The chunk index is damaged.
    pub fn num_chunks(&self) -> Result<Option<u64>> {
        self.now_read(|reader| reader.num_chunks())
    }

    /// Bytes that the elements take in the file, filtered as they are.
    ///
    /// # Errors
    /// The chunk index is damaged.
    pub fn storage_size(&self) -> Result<u64> {
        self.now_read(|reader| reader.storage_size())
    }

    /// The same dataset, whose values are read and written by another rule: [`Conversion::Exact`] refuses what the other
    /// type does not have, and is what handles begin with.
    #[must_use]
    pub fn with_conversion(mut self, conversion: Conversion) -> Self {
        self.conversion = conversion;
        self
    }

    /// All elements, in C order.
    ///
    /// # Errors
    /// The type is of another kind, a value does not fit, the result is larger than the limits, or the storage is
    /// damaged.
    pub fn read_vec<T: Load>(&self) -> Result<Vec<T>> {
        self.read_slice_vec(Select::all())
    }

    /// The selected elements, in C order; points in theirs.
    ///
    /// # Errors
    /// As for [`Dataset::read_vec`], and if the selection does not fit the shape.
    pub fn read_slice_vec<T: Load>(&self, selection: impl Into<Select>) -> Result<Vec<T>> {
        self.elements(&selection.into()).map(|(values, _)| values)
    }

    /// The selected elements, and the shape of the result.
    fn elements<T: Load>(&self, selection: &Select) -> Result<(Vec<T>, Vec<u64>)> {
        let (wanted, shape) = selection.resolve(self.shape()).map_err(|e| self.named(e))?;
        let values = self.now_read(|reader| self.elements_of(reader, &wanted))?;
        Ok((values, shape))
    }

    fn elements_of<T: Load>(&self, reader: &Reader<'_>, wanted: &Wanted) -> Result<Vec<T>> {
        let bytes = if self.space().is_null() { 0 } else { reader.selected_bytes(wanted)? };
        let size = self.dtype().size();
        let count = to_usize(bytes)?.checked_div(size).unwrap_or(0);
        let plan = T::plan(self.dtype(), self.conversion)?;
        let mut fill = |out: &mut [u8]| reader.read_into_zeroed(wanted, out);
        if let Some(values) = T::load_direct(&plan, count, &mut fill) {
            return values;
        }
        if let Some(values) = self.plain_of(reader, wanted, &plan)? {
            return Ok(values);
        }
        let mut source = Source::new(self.core.ctx());
        let (mut values, mut raw) = (Vec::with_capacity(count), Vec::new());
        self.each_step(wanted, size, &mut |part| {
            reader.read_into(part, &mut raw)?;
            T::load_into(&plan, size, &raw, &mut source, &mut values)
        })?;
        Ok(values)
    }

    /// The selected elements, if they are one run of the machine's values.
    fn plain_of<T: Load>(&self, reader: &Reader<'_>, wanted: &Wanted, plan: &T::Plan) -> Result<Option<Vec<T>>> {
        let Some(plain) = T::plain(plan) else { return Ok(None) };
        let Some(run) = reader.run(wanted)? else { return Ok(None) };
        plain::read(&run, self.dtype().size(), &plain).map(Some)
    }

    /// Hands a selection over in parts; single elements, which may lie in any order, at once.
    fn each_step(&self, wanted: &Wanted, size: usize, visit: &mut dyn FnMut(Asked<'_>) -> Result<()>) -> Result<()> {
        match wanted {
            Wanted::Axes(axes) => self.steps(axes, size).iter().try_for_each(|axes| visit(axes.into())),
            other => visit(other.into()),
        }
    }

    /// Parts of a selection, in C order, whose bytes stay in the cache between reading and converting; of chunked
    /// datasets whole rows of chunks, as many as the cores work on at once.
    fn steps(&self, axes: &[Axis], size: usize) -> Vec<Vec<Axis>> {
        let Some((first, rest)) = axes.split_first() else { return alloc::vec![axes.to_vec()] };
        let row = box_bytes(rest.iter().map(Axis::len), size as u64).unwrap_or(u64::MAX).max(1);
        let most = match (self.layout(), self.chunks().and_then(<[u64]>::first)) {
            (Layout::Virtual, _) => return alloc::vec![axes.to_vec()],
            (_, Some(&chunk)) => {
                let cores = if self.filters().is_empty() { 1 } else { 16 };
                let rows = (STEP_BYTES.saturating_mul(cores)).checked_div(row).unwrap_or(1);
                rows.div_ceil(chunk.max(1)).saturating_mul(chunk)
            }
            _ => STEP_BYTES.checked_div(row).unwrap_or(1),
        };
        let step = |part: Axis| core::iter::once(part).chain(rest.iter().cloned()).collect();
        first.aligned_parts(most, self.chunks().and_then(<[u64]>::first).copied()).into_iter().map(step).collect()
    }

    /// One member of a compound's elements, in C order; `a.b` is the member `b` of the member `a`.
    ///
    /// ```
    /// # fn main() -> hdf5_format::Result<()> {
    /// # let file = hdf5_format::CreateOptions::new().create_in(hdf5_format::io::MemoryFile::new(Vec::new()))?;
    /// let points = file.create_dataset("points", vec![(1u8, 0.5), (2, 1.5)])?;
    /// assert_eq!(points.read_field::<f64>("1", ..)?, [0.5, 1.5]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`Dataset::read_slice_vec`], and if there is no such member.
    pub fn read_field<T: Load>(&self, name: &str, selection: impl Into<Select>) -> Result<Vec<T>> {
        let (wanted, _) = selection.into().resolve(self.shape()).map_err(|e| self.named(e))?;
        self.now_read(|reader| self.field_of(reader, name, &wanted))
    }

    fn field_of<T: Load>(&self, reader: &Reader<'_>, name: &str, wanted: &Wanted) -> Result<Vec<T>> {
        let row = self.dtype().size().max(1);
        let (at, datatype) = super::element::member(self.dtype(), name)?;
        let (size, plan) = (datatype.size(), T::plan(datatype, self.conversion)?);
        let (mut raw, mut column) = (Vec::new(), Vec::new());
        let (mut values, mut source) = (Vec::new(), Source::new(self.core.ctx()));
        values.reserve(to_usize(reader.selected_bytes(wanted)?)?.checked_div(row).unwrap_or(0));
        self.each_step(wanted, row, &mut |part| {
            reader.read_into(part, &mut raw)?;
            column.clear();
            super::element::gather(&raw, row, at, size, &mut column);
            T::load_into(&plan, size, &column, &mut source, &mut values)
        })?;
        Ok(values)
    }

    /// The element of a scalar dataset.
    ///
    /// # Errors
    /// There are more or fewer elements, or as for [`Dataset::read_vec`].
    pub fn read_scalar<T: Load>(&self) -> Result<T> {
        let mut values = self.read_vec::<T>()?;
        match (values.pop(), values.is_empty()) {
            (Some(value), true) => Ok(value),
            _ => Err(self.named(Error::new(ErrorKind::Shape, "expected one element"))),
        }
    }

    /// All elements as an array.
    ///
    /// # Errors
    /// As for [`Dataset::read_vec`].
    #[cfg(feature = "ndarray")]
    pub fn read<T: Load>(&self) -> Result<ndarray::ArrayD<T>> {
        self.read_slice(Select::all())
    }

    /// The selected elements as an array; dimensions selected by a single index are dropped.
    ///
    /// # Errors
    /// As for [`Dataset::read_slice_vec`].
    #[cfg(feature = "ndarray")]
    pub fn read_slice<T: Load>(&self, selection: impl Into<Select>) -> Result<ndarray::ArrayD<T>> {
        let (values, shape) = self.elements(&selection.into())?;
        let shape = shape.iter().map(|&n| to_usize(n)).collect::<Result<Vec<_>>>()?;
        ndarray::ArrayD::from_shape_vec(shape, values)
            .map_err(|e| self.named(Error::new(ErrorKind::Shape, alloc::format!("{e}"))))
    }

    /// The selected elements as stored, in C order, and the shape of the result.
    ///
    /// # Errors
    /// The selection does not fit the shape, the result is larger than the limits, or the storage is damaged.
    pub fn read_raw(&self, selection: impl Into<Select>) -> Result<(Vec<u8>, Vec<u64>)> {
        let (wanted, shape) = selection.into().resolve(self.shape()).map_err(|e| self.named(e))?;
        let raw = self.now_read(|reader| reader.read(&wanted))?;
        Ok((raw, shape))
    }

    /// The selected elements as dynamic values, in C order.
    ///
    /// # Errors
    /// As for [`Dataset::read_raw`], and if a heap that a value points into is damaged.
    pub fn read_values(&self, selection: impl Into<Select>) -> Result<Vec<Value>> {
        let (wanted, _) = selection.into().resolve(self.shape()).map_err(|e| self.named(e))?;
        self.now_read(|reader| decode::decode_all(self.core.ctx(), self.dtype(), &reader.read(&wanted)?))
    }

    /// The shape of what a selection reads.
    ///
    /// # Errors
    /// The selection does not fit the dataset's shape.
    pub fn selected_shape(&self, selection: impl Into<Select>) -> Result<Vec<u64>> {
        selection.into().resolve(self.shape()).map(|(_, shape)| shape).map_err(|e| self.named(e))
    }

    /// Splits a selection into parts of about `most` elements that follow each other in the order of the result.
    ///
    /// # Errors
    /// The selection does not fit the dataset's shape.
    pub fn split(&self, selection: Select, most: u64) -> Result<impl Iterator<Item = Select> + use<>> {
        let (wanted, _) = selection.resolve(self.shape()).map_err(|e| self.named(e))?;
        Ok(super::selection::parts(wanted, self.shape(), most))
    }

    /// Hands all elements, as stored and in C order, to `visit` in blocks of bounded size. A chunk is decoded once
    /// unless one row of chunks is larger than memory should hold.
    ///
    /// # Errors
    /// The storage is damaged, or `visit` fails.
    pub fn for_each_block(&self, mut visit: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut buffer = Vec::new();
        self.each_block(&mut Vec::new(), &mut |axes| {
            self.now_read(|reader| reader.read_into(axes, &mut buffer))?;
            visit(&buffer)
        })
    }

    /// Splits the extent into blocks that follow each other in C order: `fixed` leading coordinates, a range of the
    /// next dimension, the rest whole.
    fn each_block(&self, fixed: &mut Vec<Axis>, visit: &mut dyn FnMut(&[Axis]) -> Result<()>) -> Result<()> {
        let dims = self.shape();
        let rest = dims.get(fixed.len()..).unwrap_or(&[]);
        let Some((&len, below)) = rest.split_first() else { return visit(fixed) };
        let row = box_bytes(below.iter().copied(), self.stored.element_size() as u64).unwrap_or(u64::MAX);
        let rows = match BLOCK_BYTES.checked_div(row) {
            None => len,
            Some(rows) => self.whole_chunks(fixed.len(), rows, row),
        };
        let mut start = 0u64;
        while start < len {
            let count = rows.max(1).min(len.saturating_sub(start));
            fixed.push(Axis::Steps { start, step: 1, count });
            if rows == 0 {
                self.each_block(fixed, visit)?;
            } else {
                let depth = fixed.len();
                fixed.extend(below.iter().map(|&n| Axis::all(n)));
                visit(fixed)?;
                fixed.truncate(depth);
            }
            fixed.pop();
            start = start.saturating_add(count);
        }
        Ok(())
    }

    /// `rows` rounded so that blocks hold whole chunks, where a row of chunks is not too large; 0 if even one row
    /// is.
    fn whole_chunks(&self, dim: usize, rows: u64, row_bytes: u64) -> u64 {
        let Some(&chunk) = self.chunks().and_then(|c| c.get(dim)) else { return rows };
        if rows >= chunk {
            return rows.saturating_sub(rows.checked_rem(chunk).unwrap_or(0));
        }
        if chunk.saturating_mul(row_bytes) <= BLOCK_BYTES.saturating_mul(6) { chunk } else { rows }
    }

    /// Appends the canonical bytes of all elements, block by block, to `sink`: see [`canonical`](super::canonical).
    ///
    /// # Errors
    /// The storage or a heap that a value points into is damaged.
    pub fn canonical(&self, names: &dyn ObjectNames, mut sink: impl FnMut(&[u8])) -> Result<()> {
        let mut canonical = Canonical::new(self.core.ctx(), self.dtype(), names)?;
        let mut out = Vec::new();
        self.for_each_block(|block| {
            self.core.consistently(|| {
                out.clear();
                canonical.encode(block, &mut out).map_err(|e| self.named(e))
            })?;
            sink(&out);
            Ok(())
        })
    }

    /// Looks again at what the file says of the dataset, after it was changed through another handle.
    ///
    /// # Errors
    /// Its header is damaged, or it is gone.
    pub fn refresh(&mut self) -> Result<()> {
        let stored = self.core.consistently(|| {
            let header = ObjectHeader::load(self.core.ctx(), self.address())?;
            StoredDataset::load(&self.core, &header)
        });
        self.set_stored(stored.map_err(|e| self.named(e))?);
        Ok(())
    }

    pub(super) fn set_stored(&mut self, stored: StoredDataset) {
        self.stored = Arc::new(stored);
    }

    /// The dataset as it is now: a file that is being changed may have moved its elements.
    fn now(&self) -> Result<Arc<StoredDataset>> {
        if !self.core.is_changing() {
            return Ok(Arc::clone(&self.stored));
        }
        let header = ObjectHeader::load(self.core.ctx(), self.address())?;
        StoredDataset::load(&self.core, &header).map(Arc::new)
    }

    /// Reads something of the dataset as it is between two changes: `read` may be called more than once.
    pub(super) fn now_read<T>(&self, mut read: impl FnMut(&Reader<'_>) -> Result<T>) -> Result<T> {
        let found = self.core.consistently(|| read(&self.reader(&*self.now()?)));
        found.map_err(|e| self.named(e))
    }

    fn reader<'a>(&'a self, dataset: &'a StoredDataset) -> Reader<'a> {
        Reader { core: &self.info.core, dataset, depth: 0 }
    }

    pub(super) fn named(&self, error: Error) -> Error {
        error.on(self.path())
    }
}
