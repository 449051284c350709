//! Arrays that stay in their file.

use crate::value::{Array, Elements};
use hdf5_format::{Data, Dataset, Datatype, Error, ErrorKind, Load, Result, Select};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An array that stays in its file: parts of it are read and written, and it grows.
///
/// Clones are the same array: what one of them appends, the others have.
#[derive(Clone)]
pub struct ArrayView {
    dataset: Arc<Mutex<Dataset>>,
    datatype: Datatype,
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
        ArrayView { dataset: Arc::new(Mutex::new(dataset)), datatype }
    }

    fn lock(&self) -> MutexGuard<'_, Dataset> {
        // A handle that was being resized reads its extent anew when it is next resized.
        self.dataset.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The dataset, as it is now.
    pub fn dataset(&self) -> Dataset {
        self.lock().clone()
    }

    /// Path of the dataset.
    pub fn path(&self) -> String {
        self.lock().path().into()
    }

    /// Lengths of the dimensions.
    pub fn shape(&self) -> Vec<u64> {
        self.lock().shape().to_vec()
    }

    /// What the lengths may grow to; `None` without bound.
    pub fn maxshape(&self) -> Vec<Option<u64>> {
        self.lock().maxshape()
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
        self.lock().size()
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
        self.dataset().read_vec()
    }

    /// The selected elements, in C order: only these are read.
    ///
    /// # Errors
    /// As [`read_vec`](ArrayView::read_vec), and if the selection does not fit the shape.
    pub fn slice<T: Load>(&self, selection: impl Into<Select>) -> Result<Vec<T>> {
        self.dataset().read_slice_vec(selection)
    }

    /// The selected elements as an array.
    ///
    /// # Errors
    /// As [`slice`](ArrayView::slice).
    pub fn slice_array<T: Load>(&self, selection: impl Into<Select>) -> Result<ndarray::ArrayD<T>> {
        self.dataset().read_slice(selection)
    }

    /// All elements in memory, as they are stored.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn read_array(&self) -> Result<Array> {
        crate::dialect::raw::read_elements(&self.dataset())
    }

    /// Parts of whole rows, each of at most `budget` bytes (one row at least), in order.
    ///
    /// # Errors
    /// The array has no dimensions, or a part cannot be read.
    pub fn blocks<T: Load>(&self, budget: u64) -> Result<impl Iterator<Item = Result<Vec<T>>> + use<T>> {
        let dataset = self.dataset();
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
        self.lock().write_slice(selection, data)
    }

    /// Writes rows from one on; the array grows if it ends before the last of them, and to just there.
    ///
    /// # Errors
    /// The rows are of another shape, the array cannot grow, or the file is for reading only. Nothing is changed then.
    pub fn assign_rows(&self, start: u64, data: impl Data) -> Result<()> {
        let mut dataset = self.lock();
        let shape = dataset.shape().to_vec();
        let (given, old) = (data.shape(), shape.first().copied());
        let rows = match (given.split_first(), shape.split_first()) {
            (Some((&rows, inner)), Some((_, row))) if inner == row => rows,
            (None, Some((_, []))) => 1,
            _ => {
                let text = format!("expected rows of an array of shape {shape:?}, found shape {given:?}");
                return Err(Error::new(ErrorKind::Shape, text).on(dataset.path()));
            }
        };
        let end =
            start.checked_add(rows).ok_or_else(|| Error::new(ErrorKind::Limit, "more rows than 64 bits can count"))?;
        let old = old.unwrap_or(0);
        if rows == 0 {
            return Ok(());
        }
        if start == old && !given.is_empty() {
            return dataset.append(0, data);
        }
        if end > old {
            self.grow(&mut dataset, &shape, end)?;
            let done = dataset.write_slice(row_range(start, end), data);
            if done.is_err() {
                // The error that matters is the first one.
                let _ = dataset.resize(&shape);
            }
            return done;
        }
        dataset.write_slice(row_range(start, end), data)
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
        self.lock().resize(shape)
    }

    fn grow(&self, dataset: &mut Dataset, shape: &[u64], rows: u64) -> Result<()> {
        let mut shape = shape.to_vec();
        if let Some(first) = shape.first_mut() {
            *first = rows;
        }
        dataset.resize(&shape)
    }
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
