//! Arrays in and out of files.

use super::DynArray;
use crate::api::attribute::Attribute;
use crate::api::dataset::Dataset;
use crate::api::selection::Select;
use crate::error::Result;

impl Dataset {
    /// The selected elements, whatever their type; of a null space nothing is selected.
    ///
    /// # Errors
    /// As for [`read_raw`](Dataset::read_raw), and if a heap that a value points into is damaged.
    pub fn read_dyn(&self, selection: impl Into<Select>) -> Result<DynArray> {
        if self.space().is_null() {
            return DynArray::null(self.dtype());
        }
        let (wanted, shape) = selection.into().resolve(self.shape()).map_err(|e| self.named(e))?;
        self.now_read(|reader| {
            DynArray::of_stored(self.core.ctx(), self.dtype(), Some(shape.clone()), reader.read(&wanted)?)
        })
    }
}

impl Attribute {
    /// The elements, whatever their type.
    ///
    /// # Errors
    /// A heap that a value points into is damaged.
    pub fn read_dyn(&self) -> Result<DynArray> {
        let shape = (!self.space().is_null()).then(|| self.shape().to_vec());
        DynArray::of_stored(self.context(), self.dtype(), shape, self.raw().to_vec()).map_err(|e| self.named(e))
    }
}
