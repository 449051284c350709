//! Typed arrays, in memory or in their file.

use super::ArrayView;
use crate::types::{Dumping, Loading, Persist, Place};
use crate::value::{Array, Elements, Value};
use hdf5_format::{Error, ErrorKind, Load, Result, Select, Store as StoreElement};
use ndarray::{ArrayD, IxDyn};

/// An array of numbers that is in memory, or stays in its file: what is open is read and written in parts.
#[derive(Clone, Debug)]
pub struct Lazy<T>(State<T>);

#[derive(Clone, Debug)]
enum State<T> {
    Memory(ArrayD<T>),
    File(ArrayView),
}

impl<T: Load + StoreElement + Clone> Lazy<T> {
    /// An array in memory.
    pub fn new(array: impl Into<ArrayD<T>>) -> Self {
        Lazy(State::Memory(array.into()))
    }

    /// Values in a row, in memory.
    pub fn from_vec(values: Vec<T>) -> Self {
        Lazy::new(ndarray::Array1::from_vec(values).into_dyn())
    }

    /// The array in its file, if it is there.
    pub fn view(&self) -> Option<&ArrayView> {
        match &self.0 {
            State::File(view) => Some(view),
            State::Memory(_) => None,
        }
    }

    /// The array in its file.
    ///
    /// # Errors
    /// It is in memory: what holds it was not opened lazily.
    pub fn live(&self) -> Result<&ArrayView> {
        self.view().ok_or_else(|| {
            Error::new(ErrorKind::Conflict, "the array is in memory")
                .with_hint("Store::open with Access::Lazy keeps it in its file")
        })
    }

    /// Lengths of the dimensions.
    pub fn shape(&self) -> Vec<u64> {
        match &self.0 {
            State::File(view) => view.shape(),
            State::Memory(array) => array.shape().iter().map(|&n| n as u64).collect(),
        }
    }

    /// The whole array in memory.
    ///
    /// # Errors
    /// The elements are of another kind, or cannot be read.
    pub fn to_array(&self) -> Result<ArrayD<T>> {
        match &self.0 {
            State::File(view) => view.slice_array(Select::all()),
            State::Memory(array) => Ok(array.clone()),
        }
    }

    /// All elements, in C order.
    ///
    /// # Errors
    /// As [`to_array`](Lazy::to_array).
    pub fn to_vec(&self) -> Result<Vec<T>> {
        match &self.0 {
            State::File(view) => view.read_vec(),
            State::Memory(array) => Ok(array.iter().cloned().collect()),
        }
    }
}

impl<T: Load + StoreElement + Clone> Persist for Lazy<T> {
    const PLACE: Place = Place::Member;
    const RAW: bool = true;

    fn dump(&self, _: &mut Dumping<'_>) -> Result<Value> {
        match &self.0 {
            State::File(view) => Ok(Value::Array(Array::in_file(view.clone()))),
            State::Memory(array) => {
                let shape: Vec<u64> = array.shape().iter().map(|&n| n as u64).collect();
                let ordered = array.as_standard_layout();
                Array::new(shape, ordered.as_slice().unwrap_or(&[])).map(Value::Array)
            }
        }
    }

    /// What was left in its store stays there, however the store was opened.
    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
        let array = match value {
            Value::Unread(slot) => Array::in_file(slot.array()?),
            value => from.load::<Array>(value)?,
        };
        if let Elements::InFile(view) = array.elements() {
            return Ok(Lazy(State::File(view.clone())));
        }
        let shape: Vec<usize> = array.shape().iter().filter_map(|&n| usize::try_from(n).ok()).collect();
        let wrong = |e: ndarray::ShapeError| Error::new(ErrorKind::Shape, e.to_string());
        ArrayD::from_shape_vec(IxDyn(&shape), array.to_vec()?).map_err(wrong).map(Lazy::new)
    }
}
