//! Writing Rust values: datasets, selections, attributes.

use super::builder::DatasetBuilder;
use super::change::change;
use super::dataset::Dataset;
use super::element::{Conversion, Data, Sink, Store, Stored};
use super::file::File;
use super::group::Group;
use super::object::ObjectInfo;
use super::put::{check_places, put};
use super::selection::{Select, Slice};
use super::value::Value;
use crate::codec::{Address, to_usize};
use crate::dataset::axes::box_bytes;
use crate::dataset::file::FileCore;
use crate::dataset::stored::StoredDataset;
use crate::dataset::wanted::Wanted;
use crate::datatype::{contains_address, contains_vlen};
use crate::edit::{self, Editor};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::datatype::Datatype;
use crate::graph::object_header::ObjectHeader;
use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

/// Values that are known to fit their datatype.
pub(super) enum Prepared<'a> {
    /// Stored elements.
    Elements(Cow<'a, [u8]>),
    /// Values that keep something in the heap, which is written with them.
    Values(Stored<'a>),
}

impl<'a> Prepared<'a> {
    /// Finds out whether values fit, before anything is changed.
    pub(super) fn new(datatype: &Datatype, values: Stored<'a>, editor: &Editor) -> Result<Self> {
        if let Some(bytes) = values.bytes {
            return Ok(Prepared::Elements(Cow::Borrowed(bytes)));
        }
        // Nothing is put into a heap yet: values are stored to see that they can be.
        let bytes = box_bytes([values.count as u64], datatype.size() as u64).unwrap_or(u64::MAX);
        let mut elements = alloc::vec![0; to_usize(bytes)?];
        let mut nowhere = |_: &[u8]| Ok((Address(0), 0));
        values.store(&mut elements, &mut Sink::new(editor.ctx().sizes(), &mut nowhere))?;
        let inside = !contains_vlen(datatype) && !contains_address(datatype);
        Ok(if inside { Prepared::Elements(Cow::Owned(elements)) } else { Prepared::Values(values) })
    }

    /// Values of which that is known already.
    pub(super) fn known(values: Stored<'a>) -> Self {
        values.bytes.map_or(Prepared::Values(values), |bytes| Prepared::Elements(Cow::Borrowed(bytes)))
    }

    /// The stored elements, `times` over; what they keep in the heap is written, for each anew.
    pub(super) fn elements(self, datatype: &Datatype, times: usize, editor: &mut Editor) -> Result<Cow<'a, [u8]>> {
        let keeps = matches!(self, Prepared::Values(_));
        let elements = self.unfinished(datatype, times, editor);
        if keeps {
            edit::finish_heap(editor)?;
        }
        elements
    }

    /// As [`elements`](Self::elements), before the heap is [finished](edit::finish_heap).
    pub(super) fn unfinished(self, datatype: &Datatype, times: usize, editor: &mut Editor) -> Result<Cow<'a, [u8]>> {
        let values = match self {
            Prepared::Elements(elements) if times == 1 => return Ok(elements),
            Prepared::Elements(elements) => return Ok(Cow::Owned(elements.repeat(times))),
            Prepared::Values(values) => values,
        };
        let (sizes, run) = (editor.ctx().sizes(), values.count.saturating_mul(datatype.size()));
        let mut out = alloc::vec![0; run.saturating_mul(times)];
        let mut insert = |object: &[u8]| edit::insert_heap_object(editor, object);
        let mut sink = Sink::new(sizes, &mut insert);
        let done = out.chunks_exact_mut(run.max(1)).try_for_each(|run| values.store(run, &mut sink));
        done.map(|()| Cow::Owned(out))
    }
}

/// What is done with values.
pub(super) type Use<'a> = &'a mut dyn FnMut(Stored<'_>) -> Result<()>;
/// Hands over values as elements of a datatype.
pub(super) type Give<'a> = &'a mut dyn FnMut(&Datatype, Use<'_>) -> Result<()>;

/// Dynamic values as elements of a datatype.
pub(super) fn with_values<R>(datatype: &Datatype, values: &[Value], use_values: impl FnOnce(Stored<'_>) -> R) -> R {
    let store = |out: &mut [u8], sink: &mut Sink<'_>| super::encode::store_all(datatype, values, out, sink);
    use_values(Stored::new(values.len(), &store))
}

/// How often values of one shape go into elements of another: one value stands for all.
fn times(shape: &[u64], wanted: &[u64]) -> Result<usize> {
    let count = |dims: &[u64]| dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
    let same = shape.iter().filter(|&&d| d != 1).eq(wanted.iter().filter(|&&d| d != 1));
    if same || (shape.len() == 1 && count(shape) == count(wanted)) {
        return Ok(1);
    }
    match count(wanted) {
        Some(wanted) if shape.is_empty() => to_usize(wanted),
        _ => {
            let message = format!("values of shape {shape:?} for elements of shape {wanted:?}");
            Err(Error::new(ErrorKind::Shape, message).with_hint("one value is repeated; other shapes must be equal"))
        }
    }
}

impl Dataset {
    /// Writes all elements; one value stands for all of them.
    ///
    /// ```
    /// # fn main() -> hdf5_format::Result<()> {
    /// # let file = hdf5_format::CreateOptions::new().create_in(hdf5_format::io::MemoryFile::new(Vec::new()))?;
    /// let dataset = file.create_dataset("x", &[1.5, 2.5, 3.5])?;
    /// dataset.write(&[4.0, 5.0, 6.0])?;
    /// dataset.write_slice(1.., 0.0)?;
    /// assert_eq!(dataset.read_vec::<f64>()?, [4.0, 0.0, 0.0]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The shape is another, a value does not fit the type, or the file is open for reading only; of a virtual dataset,
    /// an element is in none of its sources; external files, or sources in other files, may not be written. Nothing is
    /// written then.
    ///
    /// External files and sources in other files are written at once: a rollback does not take that back.
    pub fn write(&self, data: impl Data) -> Result<()> {
        self.write_slice(Select::all(), data)
    }

    /// Writes the selected elements, in C order of the selection (points in theirs); one value stands for all of them.
    ///
    /// # Errors
    /// As for [`write`](Dataset::write), and if the selection does not fit the shape or names an element twice.
    pub fn write_slice(&self, selection: impl Into<Select>, data: impl Data) -> Result<()> {
        let (selection, shape) = (selection.into(), data.shape());
        self.store_slice(&selection, &shape, &mut |datatype, store| data.with(datatype, self.conversion, store)?)
    }

    /// Writes values to the selected places, in C order of the selection; to points in theirs.
    ///
    /// # Errors
    /// As for [`write_slice`](Dataset::write_slice): a value is of another kind than the dataset's type, or does not fit.
    pub fn write_values(&self, selection: impl Into<Select>, values: &[Value]) -> Result<()> {
        let shape = [values.len() as u64];
        self.store_slice(&selection.into(), &shape, &mut |datatype, store| with_values(datatype, values, store))
    }

    /// Writes what `give` hands over for a datatype.
    fn store_slice(&self, selection: &Select, shape: &[u64], give: Give<'_>) -> Result<()> {
        let done = change(&self.core, |editor| {
            let (mut header, stored) = self.latest(editor)?;
            let (asked, wanted) = selection.resolve_once(&stored.dataspace.dims)?;
            give(&stored.datatype, &mut |values| {
                let prepared = Prepared::new(&stored.datatype, values, editor)?;
                let times = times(shape, &wanted)?;
                self.put_prepared(editor, &mut header, (&stored, &asked), (prepared, times))
            })
        });
        done.map_err(|e| e.on(self.path()))
    }

    /// Writes values that fit, so many times, over all elements.
    fn store_all(&self, prepared: Prepared<'_>, times: usize) -> Result<()> {
        let done = change(&self.core, |editor| {
            let (mut header, stored) = self.latest(editor)?;
            let (asked, _) = Select::all().resolve_once(&stored.dataspace.dims)?;
            self.put_prepared(editor, &mut header, (&stored, &asked), (prepared, times))
        });
        done.map_err(|e| e.on(self.path()))
    }

    pub(super) fn latest(&self, editor: &mut Editor) -> Result<(ObjectHeader, StoredDataset)> {
        let header = ObjectHeader::clone(&*edit::look_at_header(editor, self.address())?);
        let stored = StoredDataset::load(&self.core, &header)?;
        Ok((header, stored))
    }

    fn put_prepared(
        &self,
        editor: &mut Editor,
        header: &mut ObjectHeader,
        (stored, asked): (&StoredDataset, &Wanted),
        (prepared, times): (Prepared<'_>, usize),
    ) -> Result<()> {
        if let Prepared::Values(_) = prepared {
            check_places(&self.core, stored, asked)?;
        }
        let elements = prepared.elements(&stored.datatype, times, editor)?;
        put(&self.core, editor, header, (stored, asked), &elements, self.conversion)
    }
}

impl Dataset {
    /// Makes the dataset longer along an axis and writes values there: as many as whole rows take, in C order.
    ///
    /// # Errors
    /// The values are of another shape or do not fit the type, the axis can not grow so far, or the file is open for
    /// reading only. Nothing is changed then.
    pub fn append(&mut self, axis: usize, data: impl Data) -> Result<()> {
        let done = change(&self.core, |editor| {
            let (mut header, stored) = self.latest(editor)?;
            let rows = rows(&stored.dataspace.dims, axis, &data.shape())?;
            let mut grown = stored.dataspace.dims.clone();
            let mut slices: Vec<Slice> = grown.iter().map(|_| Slice::ALL).collect();
            if let (Some(len), Some(slice)) = (grown.get_mut(axis), slices.get_mut(axis)) {
                *slice = Slice::Slab { start: *len, stride: rows.max(1), count: 1, block: rows };
                *len = len.saturating_add(rows);
            }
            data.with(&stored.datatype, self.conversion, |values| {
                let prepared = Prepared::new(&stored.datatype, values, editor)?;
                let resized = self.resized(editor, &mut header, &stored, &grown)?;
                let (asked, _) = Select::new(slices).resolve_once(&grown)?;
                self.put_prepared(editor, &mut header, (&resized, &asked), (prepared, 1))?;
                Ok(resized)
            })?
        });
        let resized = done.map_err(|e| e.on(self.path()))?;
        self.set_stored(resized);
        Ok(())
    }
}

/// How many rows along an axis values of a shape are.
fn rows(shape: &[u64], axis: usize, values: &[u64]) -> Result<u64> {
    let count = |dims: &[u64]| dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).unwrap_or(u64::MAX);
    let mut row = shape.to_vec();
    if axis >= shape.len() {
        let message = format!("axis {axis} of a dataset of {} dimensions", shape.len());
        return Err(Error::new(ErrorKind::Shape, message));
    }
    row.remove(axis);
    let mut across = values.to_vec();
    if values.len() == shape.len() {
        let rows = across.remove(axis);
        if across == row {
            return Ok(rows);
        }
    }
    // One row without its axis, or the values of whole rows one after the other.
    let (all, one) = (count(values), count(&row));
    if values == row || (values.len() == 1 && axis == 0 && all.checked_rem(one) == Some(0)) {
        return Ok(all.checked_div(one).unwrap_or(0));
    }
    let message = format!("values of shape {values:?} appended along axis {axis} of shape {shape:?}");
    Err(Error::new(ErrorKind::Shape, message))
}

impl Group {
    /// Creates a dataset that holds values, with their type and shape.
    ///
    /// ```
    /// # fn main() -> hdf5_format::Result<()> {
    /// # let file = hdf5_format::CreateOptions::new().create_in(hdf5_format::io::MemoryFile::new(Vec::new()))?;
    /// let run = file.create_group("run1")?;
    /// run.create_dataset("temperature", &[20.5, 21.0])?.set_attr("units", "degC")?;
    /// run.create_dataset("names", &["a", "bc"])?;
    /// assert_eq!(file.dataset("run1/names")?.read_vec::<String>()?, ["a", "bc"]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`create_group`](Group::create_group), and if a value can not be stored.
    pub fn create_dataset<D: Data>(&self, path: impl AsRef<[u8]>, data: D) -> Result<Dataset> {
        self.new_dataset(data.datatype(self.core.ctx().sizes())).create_with(path, data)
    }

    /// Starts the description of a new dataset with elements of a Rust type.
    pub fn new_dataset_of<T: Store + ?Sized>(&self) -> DatasetBuilder<'_> {
        self.new_dataset(T::datatype(self.core.ctx().sizes()))
    }
}

impl DatasetBuilder<'_> {
    /// Makes the dataset, at a path from the group, with the shape of values unless it was given one, and writes them.
    ///
    /// # Errors
    /// As for [`create`](DatasetBuilder::create), and if the values do not fit the type or the shape; there is no new
    /// dataset then.
    pub fn create_with<D: Data>(mut self, path: impl AsRef<[u8]>, data: D) -> Result<Dataset> {
        if data.is_null() {
            return self.null().create(path);
        }
        if !self.has_shape() {
            self = self.shape(data.shape());
        }
        let shape = data.shape();
        self.make(path.as_ref(), &shape, &mut |datatype, values| data.with(datatype, Conversion::Exact, values)?)
    }

    /// Makes the dataset, at a path from the group, and writes elements as they are stored: all of them, in C order.
    ///
    /// # Errors
    /// As for [`create_with`](DatasetBuilder::create_with).
    pub fn create_with_raw(self, path: impl AsRef<[u8]>, elements: &[u8]) -> Result<Dataset> {
        let shape = self.shape_now();
        self.make(path.as_ref(), &shape, &mut |datatype, values| Stored::with_elements(elements, datatype, values))
    }

    /// Makes the dataset, at a path from the group, and writes dynamic values: all of them, in C order.
    ///
    /// # Errors
    /// As for [`create_with`](DatasetBuilder::create_with).
    pub fn create_with_values(self, path: impl AsRef<[u8]>, values: &[Value]) -> Result<Dataset> {
        let shape = [values.len() as u64];
        self.make(path.as_ref(), &shape, &mut |datatype, use_values| with_values(datatype, values, use_values))
    }

    /// Makes the dataset with values of a shape that `give` hands over. Those that do not go into the file with its header
    /// are written afterwards.
    fn make(self, path: &[u8], shape: &[u64], give: Give<'_>) -> Result<Dataset> {
        let shown = |e: Error| e.on(crate::api::group::shown(path));
        let wanted = self.shape_now();
        let times = times(shape, &wanted).map_err(shown)?;
        let expected = wanted.iter().try_fold(self.datatype().size() as u64, |n, &d| n.checked_mul(d));
        let (datatype, mut builder, mut made) = (self.datatype().clone(), Some(self), None);
        let done = give(&datatype, &mut |values| {
            let Some(builder) = builder.take() else { return Ok(()) };
            let bytes = values.bytes.map(|bytes| (bytes.len() as u64).checked_mul(times as u64));
            if bytes.is_some_and(|bytes| bytes != expected) {
                let text = format!("{bytes:?} bytes for a dataset of {expected:?} bytes");
                return Err(Error::new(ErrorKind::Shape, text));
            }
            let prepared = Prepared::new(&datatype, values, &super::change::lock(builder.core())?.lock())?;
            made = Some(if builder.takes_elements() {
                builder.create_at_once(path, Some((prepared, times)))?
            } else {
                let dataset = builder.create(path)?;
                dataset.store_all(prepared, times)?;
                dataset
            });
            Ok(())
        });
        done.map_err(shown)?;
        made.ok_or_else(|| shown(Error::new(ErrorKind::Invalid, "no values were handed over")))
    }
}

impl ObjectInfo {
    /// Sets an attribute to values, with their type and shape, new or in the place of the one of its name.
    ///
    /// # Errors
    /// The name is no name, a value can not be stored, the attribute is too long for the object, or the file is open for
    /// reading only.
    pub fn set_attr<D: Data>(&self, name: impl AsRef<[u8]>, data: D) -> Result<()> {
        let name = name.as_ref();
        let named = |e: Error| e.on(format!("{}@{}", self.path(), super::group::shown(name)));
        let datatype = data.datatype(self.core.ctx().sizes());
        let shape = data.shape();
        let stored = |values: Stored<'_>| elements(&self.core, &datatype, values);
        let elements = data.with(&datatype, Conversion::Exact, stored).and_then(|e| e);
        self.set_attr_raw(name, &datatype, (!data.is_null()).then_some(&shape), &elements.map_err(named)?)
    }
}

/// Values as stored elements; what they keep in the heap is written.
pub(super) fn elements(core: &FileCore, datatype: &Datatype, values: Stored<'_>) -> Result<Vec<u8>> {
    change(core, |editor| {
        let prepared = Prepared::new(datatype, values, editor)?;
        prepared.elements(datatype, 1, editor).map(Cow::into_owned)
    })
}

impl File {
    /// Creates a dataset that holds values: see [`Group::create_dataset`].
    ///
    /// # Errors
    /// As there.
    pub fn create_dataset<D: Data>(&self, path: impl AsRef<[u8]>, data: D) -> Result<Dataset> {
        self.root()?.create_dataset(path, data)
    }

    /// Creates a group: see [`Group::create_group`].
    ///
    /// # Errors
    /// As there.
    pub fn create_group(&self, path: impl AsRef<[u8]>) -> Result<Group> {
        self.root()?.create_group(path)
    }
}
