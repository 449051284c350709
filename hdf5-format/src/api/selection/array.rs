//! Slices and masks of `ndarray`.

use super::{Kind, Select, Slice};
use alloc::format;
use alloc::vec::Vec;
use ndarray::{ArrayBase, Data, Dimension, SliceInfo, SliceInfoElem};

/// The slices of `ndarray`'s `s!`. Steps back and new axes are refused where the selection is used.
impl<T: AsRef<[SliceInfoElem]>, I: Dimension, O: Dimension> From<&SliceInfo<T, I, O>> for Select {
    fn from(info: &SliceInfo<T, I, O>) -> Self {
        let mut slices = Vec::new();
        let signed = |i: isize| i64::try_from(i).unwrap_or(i64::MAX);
        for elem in AsRef::<[SliceInfoElem]>::as_ref(info) {
            match *elem {
                SliceInfoElem::Index(i) => slices.push(Slice::Index(signed(i))),
                SliceInfoElem::NewAxis => {
                    let why = "read without it, and insert the axis into the array";
                    return Select(Kind::Refused(why, "a new axis".into()));
                }
                SliceInfoElem::Slice { start, end, step } => match u64::try_from(step) {
                    Ok(step) => {
                        let start = (start != 0).then(|| signed(start));
                        slices.push(Slice::Range { start, end: end.map(signed), step });
                    }
                    Err(_) => {
                        let why = "read with a positive step, and reverse the array with invert_axis";
                        return Select(Kind::Refused(why, format!("a step of {step}")));
                    }
                },
            }
        }
        Select::new(slices)
    }
}

impl<T: AsRef<[SliceInfoElem]>, I: Dimension, O: Dimension> From<SliceInfo<T, I, O>> for Select {
    fn from(info: SliceInfo<T, I, O>) -> Self {
        Select::from(&info)
    }
}

/// A mask of the dataset's shape.
impl<S: Data<Elem = bool>, D: Dimension> From<&ArrayBase<S, D>> for Select {
    fn from(mask: &ArrayBase<S, D>) -> Self {
        let shape: Vec<u64> = mask.shape().iter().map(|&n| n as u64).collect();
        match mask.as_slice() {
            Some(slice) => Select::mask(&shape, slice),
            None => Select::mask(&shape, mask.iter().copied().collect::<Vec<bool>>()),
        }
    }
}
