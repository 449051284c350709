//! Arrays that stay in their file.

use crate::value::{Array, Elements};
use hdf5_format::datatype::contains_address;
use hdf5_format::edit::Condition;
use hdf5_format::{Conversion, Data, Dataset, Datatype, Error, ErrorKind, Load, Result, Select, encode_elements};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An array that stays in its file: parts of it are read and written, and it grows.
///
/// Clones are the same array: what one of them appends, the others have. Rows that are appended to an array of a store wait
/// in memory until they fill a chunk, or something is read or committed.
#[derive(Clone)]
pub struct ArrayView {
    inner: Shared,
    datatype: Datatype,
}

/// What all views of one array of a store have together.
pub(crate) type Shared = Arc<Mutex<Growing>>;

/// A dataset, and the rows that wait to be written behind its last.
pub(crate) struct Growing {
    dataset: Dataset,
    waiting: Vec<u8>,
    rows: u64,
    /// Rows are written when so many bytes wait.
    most: usize,
}

/// Bytes that wait at most, whatever the chunks.
const MOST_WAITING: usize = 4 << 20;

/// Bytes that may wait even if chunks are smaller.
const FEW: usize = 64 << 10;

impl Growing {
    fn new(dataset: Dataset, most: usize) -> Self {
        Growing { dataset, waiting: Vec::new(), rows: 0, most }
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let shape = self.dataset.shape().to_vec();
        let old = shape.first().copied().unwrap_or(0);
        let end = old.saturating_add(self.rows);
        grow(&mut self.dataset, &shape, end)?;
        if let Err(error) = self.dataset.write_raw(row_range(old, end), &self.waiting) {
            // The error that matters is the first one.
            let _ = self.dataset.resize(&shape);
            return Err(error);
        }
        self.forget();
        Ok(())
    }

    /// Forgets what waits.
    fn forget(&mut self) {
        self.waiting.clear();
        self.rows = 0;
    }

    /// Forgets what waits, and looks at the file again.
    pub(crate) fn roll_back(&mut self) -> Result<()> {
        self.forget();
        self.dataset.refresh()
    }

    /// True if rows wait.
    pub(crate) fn waits(&self) -> bool {
        self.rows > 0
    }

    /// Appends rows: to those that wait if these are few and of a type that is stored in place.
    fn append(&mut self, rows: u64, data: impl Data) -> Result<()> {
        let datatype = self.dataset.dtype();
        let sound = self.dataset.file().condition().is_ok_and(|condition| condition == Condition::Sound);
        if self.most == 0 || contains_address(datatype) || !sound {
            self.flush()?;
            return self.dataset.append(0, data);
        }
        let now = self.dataset.shape().first().copied().unwrap_or(0).saturating_add(self.rows);
        let end = now.checked_add(rows);
        let most = self.dataset.maxshape().first().copied().flatten();
        if end.is_none_or(|end| most.is_some_and(|most| end > most)) {
            let text = format!("{rows} rows behind {now}; the array grows to {most:?} at most");
            return Err(Error::new(ErrorKind::Shape, text).on(self.dataset.path()));
        }
        encode_elements(datatype, Conversion::Exact, data, &mut self.waiting).map_err(|e| e.on(self.dataset.path()))?;
        self.rows = self.rows.saturating_add(rows);
        if self.waiting.len() >= self.most { self.flush() } else { Ok(()) }
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        // A store that is dropped was not committed: nobody waits for these rows.
        let _ = self.flush();
    }
}

impl std::fmt::Debug for ArrayView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArrayView").field("path", &self.path()).field("shape", &self.shape()).finish()
    }
}

impl ArrayView {
    /// The array that a dataset is.
    pub fn new(dataset: Dataset) -> Self {
        let datatype = dataset.dtype().clone();
        ArrayView { inner: Arc::new(Mutex::new(Growing::new(dataset, 0))), datatype }
    }

    /// The array that a dataset of a store is: rows may wait, since the store has them written before it commits.
    pub(crate) fn waiting(dataset: Dataset) -> Self {
        let datatype = dataset.dtype().clone();
        let size = u64::try_from(datatype.size()).unwrap_or(u64::MAX);
        let chunk =
            dataset.chunks().map_or(0, |lengths| lengths.iter().fold(size, |n, &length| n.saturating_mul(length)));
        let most = usize::try_from(chunk).unwrap_or(usize::MAX).clamp(FEW, MOST_WAITING);
        ArrayView { inner: Arc::new(Mutex::new(Growing::new(dataset, most))), datatype }
    }

    /// The view that others have of the same array.
    pub(crate) fn of_shared(inner: &Shared) -> Self {
        let datatype = lock(inner).dataset.dtype().clone();
        ArrayView { inner: Arc::clone(inner), datatype }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner
    }

    fn lock(&self) -> MutexGuard<'_, Growing> {
        lock(&self.inner)
    }

    /// The dataset, with all rows written.
    fn whole(&self) -> Result<Dataset> {
        let mut inner = self.lock();
        inner.flush()?;
        Ok(inner.dataset.clone())
    }

    /// The dataset, as it is in the file now.
    ///
    /// # Errors
    /// Rows that wait cannot be written.
    pub fn dataset(&self) -> Result<Dataset> {
        self.whole()
    }

    /// Path of the dataset.
    pub fn path(&self) -> String {
        self.lock().dataset.path().into()
    }

    /// Lengths of the dimensions.
    pub fn shape(&self) -> Vec<u64> {
        let inner = self.lock();
        let mut shape = inner.dataset.shape().to_vec();
        if let Some(rows) = shape.first_mut() {
            *rows = rows.saturating_add(inner.rows);
        }
        shape
    }

    /// What the lengths may grow to; `None` without bound.
    pub fn maxshape(&self) -> Vec<Option<u64>> {
        self.lock().dataset.maxshape()
    }

    /// Type of the elements.
    pub fn dtype(&self) -> &Datatype {
        &self.datatype
    }

    /// The number of dimensions.
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// The number of rows: the first length; 1 for a scalar.
    pub fn len(&self) -> u64 {
        self.shape().first().copied().unwrap_or(1)
    }

    /// True if there is no element.
    pub fn is_empty(&self) -> bool {
        self.shape().contains(&0)
    }

    /// The number of elements.
    ///
    /// # Errors
    /// It exceeds 64 bits.
    pub fn size(&self) -> Result<u64> {
        let overflow = || Error::new(ErrorKind::Limit, "more elements than 64 bits can count");
        self.shape().iter().try_fold(1u64, |n, &length| n.checked_mul(length)).ok_or_else(overflow)
    }

    /// Bytes of all elements.
    ///
    /// # Errors
    /// They exceed 64 bits.
    pub fn nbytes(&self) -> Result<u64> {
        let size: u64 = self.datatype.size().try_into().unwrap_or(u64::MAX);
        self.size()?.checked_mul(size).ok_or_else(|| Error::new(ErrorKind::Limit, "more bytes than 64 bits can count"))
    }

    /// All elements, in C order.
    ///
    /// # Errors
    /// The type is of another kind, a value does not fit, or the file is damaged.
    pub fn read_vec<T: Load>(&self) -> Result<Vec<T>> {
        self.whole()?.read_vec()
    }

    /// The selected elements, in C order: only these are read.
    ///
    /// # Errors
    /// As [`read_vec`](ArrayView::read_vec), and if the selection does not fit the shape.
    pub fn slice<T: Load>(&self, selection: impl Into<Select>) -> Result<Vec<T>> {
        self.whole()?.read_slice_vec(selection)
    }

    /// The selected elements as an array.
    ///
    /// # Errors
    /// As [`slice`](ArrayView::slice).
    pub fn slice_array<T: Load>(&self, selection: impl Into<Select>) -> Result<ndarray::ArrayD<T>> {
        self.whole()?.read_slice(selection)
    }

    /// All elements in memory, as they are stored.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn read_array(&self) -> Result<Array> {
        crate::dialect::raw::read_elements(&self.whole()?)
    }

    /// Parts of whole rows, each of at most `budget` bytes (one row at least), in order.
    ///
    /// # Errors
    /// The array has no dimensions, or a part cannot be read.
    pub fn blocks<T: Load>(&self, budget: u64) -> Result<impl Iterator<Item = Result<Vec<T>>> + use<T>> {
        let dataset = self.whole()?;
        let rows = dataset.shape().first().copied();
        let rows = rows.ok_or_else(|| Error::new(ErrorKind::Shape, "a scalar has no rows").on(dataset.path()))?;
        let row = self.nbytes()?.checked_div(rows).unwrap_or(0);
        let most = budget.checked_div(row.max(1)).unwrap_or(0).max(1);
        let mut start = 0u64;
        Ok(std::iter::from_fn(move || {
            let end = start.saturating_add(most).min(rows);
            let part = (start < end).then(|| dataset.read_slice_vec(row_range(start, end)));
            start = end;
            part
        }))
    }

    /// Writes to the selected elements; the selection lies within the shape.
    ///
    /// # Errors
    /// The values do not fit the selection or the type, or the file is for reading only. Nothing is written then.
    pub fn assign(&self, selection: impl Into<Select>, data: impl Data) -> Result<()> {
        let mut inner = self.lock();
        inner.flush()?;
        inner.dataset.write_slice(selection, data)
    }

    /// Writes rows from one on; the array grows if it ends before the last of them, and to just there.
    ///
    /// # Errors
    /// The rows are of another shape, the array cannot grow, or the file is for reading only. Nothing is changed then.
    pub fn assign_rows(&self, start: u64, data: impl Data) -> Result<()> {
        let mut inner = self.lock();
        let shape = inner.dataset.shape().to_vec();
        let given = data.shape();
        let rows = match (given.split_first(), shape.split_first()) {
            (Some((&rows, row)), Some((_, inner))) if row == inner => rows,
            (None, Some((_, []))) => 1,
            _ => {
                let text = format!("expected rows of an array of shape {shape:?}, found shape {given:?}");
                return Err(Error::new(ErrorKind::Shape, text).on(inner.dataset.path()));
            }
        };
        let end =
            start.checked_add(rows).ok_or_else(|| Error::new(ErrorKind::Limit, "more rows than 64 bits can count"))?;
        if rows == 0 {
            return Ok(());
        }
        let old = shape.first().copied().unwrap_or(0);
        if start == old.saturating_add(inner.rows) && !given.is_empty() {
            return inner.append(rows, data);
        }
        inner.flush()?;
        let dataset = &mut inner.dataset;
        let shape = dataset.shape().to_vec();
        if end <= shape.first().copied().unwrap_or(0) {
            return dataset.write_slice(row_range(start, end), data);
        }
        grow(dataset, &shape, end)?;
        let done = dataset.write_slice(row_range(start, end), data);
        if done.is_err() {
            // The error that matters is the first one.
            let _ = dataset.resize(&shape);
        }
        done
    }

    /// Adds rows at the end.
    ///
    /// # Errors
    /// As [`assign_rows`](ArrayView::assign_rows).
    pub fn append(&self, data: impl Data) -> Result<()> {
        let rows = self.shape().first().copied();
        match rows {
            Some(rows) => self.assign_rows(rows, data),
            None => Err(Error::new(ErrorKind::Shape, "a scalar has no rows to append to").on(self.path())),
        }
    }

    /// Gives the array another shape, within what it may grow to.
    ///
    /// # Errors
    /// The shape has another rank or is too large, or the file is for reading only.
    pub fn resize(&self, shape: &[u64]) -> Result<()> {
        let mut inner = self.lock();
        inner.flush()?;
        inner.dataset.resize(shape)
    }
}

fn lock(inner: &Shared) -> MutexGuard<'_, Growing> {
    // A handle that was being resized reads its extent anew when it is next resized.
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

fn grow(dataset: &mut Dataset, shape: &[u64], rows: u64) -> Result<()> {
    let mut shape = shape.to_vec();
    if let Some(first) = shape.first_mut() {
        *first = rows;
    }
    dataset.resize(&shape)
}

/// Rows of an array in memory's reach: more than 63 bits number, no file has.
fn row_range(start: u64, end: u64) -> Select {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    Select::from(number(start)..number(end))
}

/// The elements of an array in memory: what views give after reading.
impl From<&ArrayView> for Elements {
    fn from(view: &ArrayView) -> Self {
        Elements::InFile(view.clone())
    }
}
