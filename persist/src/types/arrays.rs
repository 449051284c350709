//! `ndarray`'s arrays.

use super::{Dumping, Loading, Persist};
use crate::value::{Array, Value, expected};
use hdf5_format::{Load, Result, Store};
use ndarray::{ArrayBase, ArrayD, Dimension, IxDyn, OwnedRepr};

impl<T: Load + Store + Clone, D: Dimension> Persist for ArrayBase<OwnedRepr<T>, D> {
    fn dump(&self, _: &mut Dumping<'_>) -> Result<Value> {
        let shape: Vec<u64> = self.shape().iter().map(|&n| n as u64).collect();
        let ordered = self.as_standard_layout();
        Array::new(shape, ordered.as_slice().unwrap_or(&[])).map(Value::Array)
    }

    fn load(value: Value, _: &mut Loading<'_>) -> Result<Self> {
        let array = value.into_array()?;
        let shape: Option<Vec<usize>> = array.shape().iter().map(|&n| usize::try_from(n).ok()).collect();
        let shape = shape.ok_or_else(|| expected("an array that fits memory", &format!("{:?}", array.shape())))?;
        let wrong =
            |_| expected(&format!("an array of {:?} dimensions", D::NDIM), &format!("shape {:?}", array.shape()));
        ArrayD::from_shape_vec(IxDyn(&shape), array.to_vec()?).map_err(wrong)?.into_dimensionality().map_err(wrong)
    }
}
