#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::value::{Array, DatasetNode, Elements, Storage, Value};
use crate::{Access, Store, StoreOptions};
use hdf5_format::io::MemoryFile;

fn memory() -> Store {
    StoreOptions::new().create_in(MemoryFile::new(Vec::new())).unwrap()
}

/// A store with a dataset "x" of these numbers.
fn with(shape: &[u64], maxshape: &[Option<u64>], fill: Option<i32>) -> (Store, ArrayView) {
    let store = memory();
    let numbers: Vec<i32> = (0..shape.iter().product::<u64>()).map(|n| i32::try_from(n).unwrap()).collect();
    let fill = fill.map(|number| number.to_le_bytes().to_vec());
    let storage = Storage { maxshape: Some(maxshape.to_vec()), fill, ..Storage::default() };
    let node = DatasetNode::new(Array::new(shape, &numbers).unwrap()).stored(storage);
    store.put_value("x", Value::from(node)).unwrap();
    let view = store.array("x").unwrap();
    (store, view)
}

#[test]
fn views_tell_what_they_are() {
    let (_, view) = with(&[4, 3], &[None, Some(3)], None);
    assert_eq!((view.shape(), view.maxshape()), (vec![4, 3], vec![None, Some(3)]));
    assert_eq!((view.ndim(), view.len(), view.is_empty()), (2, 4, false));
    assert_eq!((view.size().unwrap(), view.nbytes().unwrap()), (12, 48));
    assert_eq!((view.path().as_str(), view.dtype().to_string().as_str()), ("/x", "i32le"));
    let (_, empty) = with(&[0, 3], &[None, Some(3)], None);
    assert_eq!((empty.len(), empty.is_empty()), (0, true));
}

#[test]
fn parts_are_read_and_written() {
    let (_, view) = with(&[4, 3], &[None, Some(3)], None);
    assert_eq!(view.slice::<i32>(1..3).unwrap(), [3, 4, 5, 6, 7, 8]);
    assert_eq!(view.slice::<i64>((.., 2)).unwrap(), [2, 5, 8, 11]);
    assert_eq!(view.slice_array::<i32>((2, 1..)).unwrap().shape(), [2]);
    assert_eq!(view.read_vec::<i32>().unwrap().len(), 12);
    view.assign((1..3, 0), [-1, -2]).unwrap();
    view.assign(3, 9).unwrap();
    assert_eq!(view.read_vec::<i32>().unwrap(), [0, 1, 2, -1, 4, 5, -2, 7, 8, 9, 9, 9]);
    let before = view.read_vec::<i32>().unwrap();
    assert!(view.slice::<i32>(1..9).is_ok_and(|part| part.len() == 9), "ranges end where the array ends");
    assert!(view.slice::<i32>(9).is_err());
    assert!(view.assign(4, 1).is_err(), "assigning does not grow");
    assert!(view.assign(0, [1, 2]).is_err());
    assert!(view.assign(.., "text").is_err());
    assert_eq!(view.read_vec::<i32>().unwrap(), before);
}

#[test]
fn rows_beyond_the_end_make_it_grow_to_just_there() {
    let (_, view) = with(&[3], &[None], Some(-7));
    view.assign_rows(5, 50).unwrap();
    assert_eq!(view.read_vec::<i32>().unwrap(), [0, 1, 2, -7, -7, 50], "one element beyond what lies between");
    view.assign_rows(4, [40, 51, 60]).unwrap();
    assert_eq!(view.read_vec::<i32>().unwrap(), [0, 1, 2, -7, 40, 51, 60], "over the end");
    view.assign_rows(0, [10, 11]).unwrap();
    assert_eq!(view.read_vec::<i32>().unwrap(), [10, 11, 2, -7, 40, 51, 60], "within");
    view.assign_rows(7, [70]).unwrap();
    assert_eq!(view.len(), 8, "at the end");
    view.assign_rows(20, [0i32; 0]).unwrap();
    assert_eq!(view.len(), 8, "no rows, nothing to grow for");
    let (_, table) = with(&[2, 2], &[None, Some(2)], None);
    table.assign_rows(3, ndarray::arr2(&[[6, 7], [8, 9]])).unwrap();
    assert_eq!(table.shape(), [5, 2]);
    assert_eq!(table.slice::<i32>(2..).unwrap(), [0, 0, 6, 7, 8, 9]);
}

#[test]
fn rows_are_appended() {
    let (store, view) = with(&[3], &[None], None);
    let (clone, other) = (view.clone(), store.array("x").unwrap());
    view.append([3, 4]).unwrap();
    view.append(5).unwrap();
    assert_eq!(clone.shape(), [6], "clones are the same array");
    other.append([6]).unwrap();
    clone.append([7]).unwrap();
    let expected: Vec<i32> = (0..8).collect();
    assert_eq!(store.array("x").unwrap().read_vec::<i32>().unwrap(), expected, "no row is written over");
    let (_, table) = with(&[0, 2], &[None, Some(2)], None);
    table.append(ndarray::arr2(&[[1, 2]])).unwrap();
    table.append(ndarray::arr2(&[[3, 4], [5, 6]])).unwrap();
    assert_eq!((table.shape(), table.read_vec::<i32>().unwrap()), (vec![3, 2], vec![1, 2, 3, 4, 5, 6]));
}

#[test]
fn an_append_that_fails_changes_nothing() {
    let (_, view) = with(&[3], &[Some(4)], None);
    let unchanged = |view: &ArrayView| assert_eq!(view.read_vec::<i32>().unwrap(), [0, 1, 2]);
    for error in [
        view.append([3, 4]).unwrap_err(),
        view.append(["a"]).unwrap_err(),
        view.append([1i64 << 40]).unwrap_err(),
        view.append(ndarray::arr2(&[[1]])).unwrap_err(),
        view.assign_rows(9, 1).unwrap_err(),
        view.assign_rows(u64::MAX, 1).unwrap_err(),
        view.assign_rows(3, [1i64 << 40]).unwrap_err(),
        view.assign_rows(2, [1i64, 1 << 40]).unwrap_err(),
    ] {
        assert!(!error.to_string().is_empty());
        unchanged(&view);
    }
    view.append([3]).unwrap();
    assert_eq!(view.len(), 4);

    let store = memory();
    store.put_value("scalar", Value::Array(Array::new([], &[1]).unwrap())).unwrap();
    let scalar = store.array("scalar").unwrap();
    assert_eq!((scalar.len(), scalar.ndim()), (1, 0));
    assert!(scalar.append(2).unwrap_err().to_string().contains("no rows"));
    assert!(scalar.blocks::<i32>(8).err().unwrap().to_string().contains("no rows"));
    store.put("fixed", &vec![1, 2]).unwrap();
    let fixed = store.array("fixed").unwrap();
    assert!(fixed.append(3).is_err());
    assert_eq!(fixed.read_vec::<i32>().unwrap(), [1, 2]);
}

#[test]
fn blocks_keep_to_their_budget() {
    let (_, view) = with(&[10, 3], &[None, Some(3)], None);
    let blocks: Vec<Vec<i32>> = view.blocks(40).unwrap().collect::<hdf5_format::Result<_>>().unwrap();
    assert_eq!(blocks.iter().map(Vec::len).collect::<Vec<_>>(), [9, 9, 9, 3], "three rows of 12 bytes fit");
    assert_eq!(blocks.concat(), (0..30).collect::<Vec<i32>>());
    assert_eq!(view.blocks::<i32>(1).unwrap().count(), 10, "one row at least");
    assert_eq!(view.blocks::<i32>(u64::MAX).unwrap().count(), 1);
    let mut blocks = view.blocks::<i32>(12).unwrap();
    view.append(ndarray::arr2(&[[0, 0, 0]])).unwrap();
    assert_eq!(blocks.by_ref().count(), 10, "rows that came later are not among them");
    let (_, empty) = with(&[0, 3], &[None, Some(3)], None);
    assert_eq!(empty.blocks::<i32>(100).unwrap().count(), 0);
    assert!(view.blocks::<String>(100).unwrap().next().unwrap().is_err());
}

#[test]
fn views_are_resized_within_their_bounds() {
    let (_, view) = with(&[4, 3], &[None, Some(3)], Some(8));
    view.resize(&[2, 2]).unwrap();
    view.resize(&[3, 3]).unwrap();
    assert_eq!(view.read_vec::<i32>().unwrap(), [0, 1, 8, 3, 4, 8, 8, 8, 8], "what was cut off is gone");
    for wrong in [&[3, 4][..], &[3], &[3, 3, 1]] {
        assert!(view.resize(wrong).is_err());
        assert_eq!(view.shape(), [3, 3]);
    }
}

#[test]
fn views_of_files_for_reading_refuse_changes() {
    let memory = MemoryFile::new(Vec::new());
    let store = StoreOptions::new().create_in(memory.clone()).unwrap();
    let storage = Storage { maxshape: Some(vec![None]), ..Storage::default() };
    store.put_value("x", DatasetNode::new(Array::new([2], &[1, 2]).unwrap()).stored(storage).into()).unwrap();
    let _ = store.close().unwrap();
    let view = StoreOptions::new().read_from(memory.to_vec()).unwrap().array("x").unwrap();
    for error in [view.assign(0, 5), view.append(3), view.resize(&[1])] {
        assert!(error.unwrap_err().to_string().contains("reading only"));
    }
    assert_eq!(view.read_vec::<i32>().unwrap(), [1, 2]);
}

#[test]
fn lazy_arrays_stay_where_they_are() {
    let memory = MemoryFile::new(Vec::new());
    let store = StoreOptions::new().access(Access::Lazy).create_in(memory.clone()).unwrap();
    let matrix = ndarray::Array2::from_shape_fn((3, 4), |(i, j)| (i * 4 + j) as f64);
    // The elements of a transposed array are written in the order of its rows.
    let lazy = Lazy::new(matrix.clone().reversed_axes().into_dyn());
    assert!(lazy.view().is_none());
    assert!(lazy.live().unwrap_err().to_string().contains("in memory"));
    assert_eq!(lazy.shape(), [4, 3]);
    store.put("x", &lazy).unwrap();
    let live: Lazy<f64> = store.get("x").unwrap();
    assert_eq!((live.shape(), live.to_array().unwrap()), (vec![4, 3], matrix.t().to_owned().into_dyn()));
    live.live().unwrap().assign((0, 0), -0.5).unwrap();
    assert_eq!(live.to_vec().unwrap().first(), Some(&-0.5));
    assert_eq!(lazy.to_vec().unwrap().first(), Some(&0.0));

    let eager = StoreOptions::new();
    store.commit().unwrap();
    let read: Lazy<f64> = eager.read_from(memory.to_vec()).unwrap().get("x").unwrap();
    assert!(read.view().is_none());
    assert_eq!(read.to_vec().unwrap().first(), Some(&-0.5));

    // What stays in one file is copied to another.
    let other = memory_with(&live);
    assert_eq!(other.get::<Lazy<f64>>("copy").unwrap().to_vec().unwrap(), live.to_vec().unwrap());
    assert!(store.get::<Lazy<i8>>("x").unwrap().to_vec().is_err(), "no integer is -0.5");
    store.put("text", &"text".to_string()).unwrap();
    assert!(store.get::<Lazy<f64>>("text").is_err());
}

fn memory_with(lazy: &Lazy<f64>) -> Store {
    let store = memory();
    store.put("copy", lazy).unwrap();
    store
}

#[test]
fn lazy_values_are_arrays_in_their_file() {
    let store = StoreOptions::new().access(Access::Lazy).create_in(MemoryFile::new(Vec::new())).unwrap();
    store.put("x", &vec![1, 2, 3]).unwrap();
    let Value::Array(array) = store.value("x").unwrap() else { panic!("an array") };
    assert!(matches!(array.elements(), Elements::InFile(_)));
    assert_eq!((array.shape(), array.to_vec::<i32>().unwrap()), (&[3][..], vec![1, 2, 3]));
    assert_eq!(store.get::<Vec<i32>>("x").unwrap(), [1, 2, 3]);
    store.put("pair", &(1.5, vec![2.5])).unwrap();
    assert_eq!(store.get::<(f64, Vec<f64>)>("pair").unwrap(), (1.5, vec![2.5]));
}
