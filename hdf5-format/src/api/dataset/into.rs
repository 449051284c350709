//! Reading into memory that the caller has.

use super::{Dataset, Load};
use crate::api::selection::Select;
use crate::codec::to_usize;
use crate::error::{Error, ErrorKind, Result};

impl Dataset {
    /// Reads the selected elements over `out`, which must have as many. Nothing is allocated for numbers that are stored
    /// as the machine has them.
    ///
    /// ```no_run
    /// # fn main() -> hdf5_format::Result<()> {
    /// # let dataset = hdf5_format::File::open("x.h5")?.dataset("x")?;
    /// let mut row = vec![0f64; 1000];
    /// for i in 0..100 {
    ///     dataset.read_slice_into((i, 0..1000), &mut row)?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`Dataset::read_slice_vec`], and if `out` has another length.
    pub fn read_slice_into<T: Load>(&self, selection: impl Into<Select>, out: &mut [T]) -> Result<()> {
        let (wanted, shape) = selection.into().resolve(self.shape()).map_err(|e| self.named(e))?;
        let count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).filter(|_| !self.space().is_null());
        let count = to_usize(count.unwrap_or(0))?;
        if count != out.len() {
            let text = alloc::format!("memory for {} elements, and {count} are selected", out.len());
            return Err(self.named(Error::new(ErrorKind::Shape, text)));
        }
        let plan = T::plan(self.dtype(), self.conversion).map_err(|e| self.named(e))?;
        self.now_read(|reader| {
            if let Some(bytes) = T::bytes_mut(&plan, out) {
                return reader.read_into_slice(&wanted, bytes);
            }
            if let Some(plain) = T::plain(&plan)
                && let Some(run) = reader.run(&wanted)?
            {
                return super::plain::read_over(&run, self.dtype().size(), &plain, out);
            }
            let values = self.elements_of::<T>(reader, &wanted)?;
            for (to, value) in out.iter_mut().zip(values) {
                *to = value;
            }
            Ok(())
        })
    }

    /// Reads the selected elements over an array or a view of one, whose shape must be that of the selection. Nothing is
    /// copied or allocated if the view is in C order and numbers are stored as the machine has them.
    ///
    /// ```no_run
    /// # fn main() -> hdf5_format::Result<()> {
    /// # let dataset = hdf5_format::File::open("x.h5")?.dataset("x")?;
    /// use ndarray::{Array2, s};
    /// let mut all = Array2::<f32>::zeros((20, 30));
    /// dataset.read_array_into((0..10, ..), all.slice_mut(s![10.., ..]))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`Dataset::read_slice_vec`], and if `out` has another shape.
    #[cfg(feature = "ndarray")]
    pub fn read_array_into<'a, T: Load + 'a, D: ndarray::Dimension>(
        &self,
        selection: impl Into<Select>,
        out: impl Into<ndarray::ArrayViewMut<'a, T, D>>,
    ) -> Result<()> {
        let (selection, mut out) = (selection.into(), out.into());
        let (_, shape) = selection.resolve(self.shape()).map_err(|e| self.named(e))?;
        if !out.shape().iter().map(|&n| n as u64).eq(shape.iter().copied()) {
            let text = alloc::format!("an array of shape {:?} for a selection of shape {shape:?}", out.shape());
            return Err(self.named(Error::new(ErrorKind::Shape, text)));
        }
        if let Some(slice) = out.as_slice_mut() {
            return self.read_slice_into(selection, slice);
        }
        let values = self.read_slice_vec::<T>(selection)?;
        for (to, value) in out.iter_mut().zip(values) {
            *to = value;
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "ndarray"))]
mod tests {
    use crate::api::CreateOptions;
    use crate::io::MemoryFile;
    use ndarray::{Array2, ArrayView2, s};

    #[test]
    fn arrays_are_filled_whatever_their_strides() {
        let file = CreateOptions::new().create_in(MemoryFile::new([])).unwrap();
        let values: Vec<f32> = (0..20).map(|i| i as f32).collect();
        let all = ArrayView2::from_shape((4, 5), &values).unwrap();
        let dataset = file.create_dataset("x", all.to_owned()).unwrap();
        let mut whole = Array2::<f32>::zeros((6, 7));
        dataset.read_array_into(.., whole.slice_mut(s![1..5, 1..6])).unwrap();
        assert_eq!(whole.slice(s![1..5, 1..6]), all);
        assert_eq!((whole.sum(), whole[[0, 0]], whole[[5, 6]]), (190.0, 0.0, 0.0));
        let mut rows = Array2::<f32>::zeros((4, 5));
        dataset.read_array_into(1..3, rows.slice_mut(s![2.., ..])).unwrap();
        assert_eq!(rows.slice(s![2.., ..]), all.slice(s![1..3, ..]));
        let mut turned = Array2::<f64>::zeros((5, 4)).reversed_axes();
        dataset.read_array_into(s![.., ..], &mut turned).unwrap();
        assert_eq!(turned, all.mapv(f64::from));
        let error = dataset.read_array_into((.., 1), &mut turned).unwrap_err().to_string();
        assert!(error.contains("[4, 5]") && error.contains("[4]"), "{error}");
    }
}
