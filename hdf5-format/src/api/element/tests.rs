use super::*;
use crate::io::MemoryFile;
use crate::{CreateOptions, Data, File};
use alloc::string::String;
use alloc::vec;
use half::{bf16, f16};
use num_complex::Complex;

fn file() -> File {
    CreateOptions::new().create_in(MemoryFile::new(vec![])).unwrap()
}

fn same<T: Load + PartialEq + core::fmt::Debug, const N: usize>(
    file: &File,
    name: &str,
    data: impl Data + Clone,
    expected: [T; N],
) {
    file.create_dataset(name, data.clone()).unwrap();
    file.root().unwrap().set_attr(name, data).unwrap();
    let attribute = file.root().unwrap().attribute(name).unwrap();
    assert_eq!(file.dataset(name).unwrap().read_vec::<T>().unwrap(), expected);
    assert_eq!(attribute.read_vec::<T>().unwrap(), expected);
}

#[test]
fn every_type_is_read_as_it_was_written() {
    let file = file();
    same(&file, "u8", &[1u8, 255], [1u8, 255]);
    same(&file, "i128", i128::MIN, [i128::MIN]);
    same(&file, "u128", vec![u128::MAX, 3], [u128::MAX, 3u128]);
    same(&file, "usize", usize::MAX, [usize::MAX]);
    same(&file, "f16", f16::from_f32(1.5), [f16::from_f32(1.5)]);
    same(&file, "bf16", bf16::from_f32(-2.5), [bf16::from_f32(-2.5)]);
    same(&file, "bool", [true, false], [true, false]);
    same(&file, "complex", Complex::new(1.0, -2.0), [Complex::new(1.0, -2.0)]);
    let native = NativeComplex(Complex::new(1.5f32, -2.0));
    same(&file, "native", native, [native]);
    assert_eq!(file.dataset("native").unwrap().dtype().to_string(), "complex<f32le>");
    assert_eq!(file.dataset("native").unwrap().read_scalar::<Complex<f64>>().unwrap(), Complex::new(1.5, -2.0));
    same(&file, "string", String::from("naïve"), [String::from("naïve")]);
    same(&file, "fixed", FixedAscii::<5>::new("abc").unwrap(), [FixedAscii::<5>::new("abc").unwrap()]);
    same(&file, "wide", FixedUnicode::<5>::new("äb").unwrap(), [FixedUnicode::<5>::new("äb").unwrap()]);
    same(&file, "ascii", VarLenAscii("x".into()), [VarLenAscii("x".into())]);
    same(&file, "opaque", Opaque([1, 2, 3]), [Opaque([1, 2, 3])]);
    same(&file, "vlen", vec![vec![1i16, 2], vec![]], [vec![1i16, 2], vec![]]);
    same(&file, "nested", Single(vec![vec![String::from("a")], vec![]]).0, [vec![String::from("a")], vec![]]);
    same(&file, "array", vec![[[1u8, 2, 3], [4, 5, 6]]], [[[1u8, 2, 3], [4, 5, 6]]]);
    same(&file, "tuple", vec![(1u8, String::from("a"), 0.5)], [(1u8, String::from("a"), 0.5)]);
    assert_eq!(file.dataset("array").unwrap().dtype().to_string(), "[2][3] u8");
    assert_eq!(file.dataset("tuple").unwrap().dtype().to_string(), "{0: u8, 1: str utf8, 2: f64le}");
    assert_eq!(file.dataset("array").unwrap().read_vec::<[u16; 6]>().unwrap(), [[1, 2, 3, 4, 5, 6]]);
    let text = file.dataset("string").unwrap().read_vec::<Vec<u8>>().unwrap();
    assert_eq!(text, ["naïve".as_bytes()]);
    let object = file.dataset("u8").unwrap().address();
    same(&file, "ref", Reference::Object(object), [Reference::Object(object)]);
}

#[test]
fn handles_show_what_was_changed_through_them() {
    let file = file();
    let dataset = file.create_dataset("x", [1, 2]).unwrap();
    dataset.set_attr("units", "m").unwrap();
    assert_eq!(dataset.attr::<String>("units").unwrap(), "m");
    assert_eq!(dataset.attr_or("scale", 2.0).unwrap(), 2.0);
    dataset.set_attr("units", [1, 2]).unwrap();
    assert_eq!(dataset.attr_vec::<i32>("units").unwrap(), [1, 2]);
    assert_eq!(dataset.attributes().unwrap().len(), 1);
    dataset.delete_attr("units").unwrap();
    assert!(dataset.attribute("units").is_err());
    file.root().unwrap().link_object("y", &dataset).unwrap();
    file.root().unwrap().link_object("z", file.root().unwrap().get("x").unwrap()).unwrap();
    assert_eq!(dataset.reference_count(), 3);
}

#[test]
fn rows_are_appended_along_any_axis() {
    let file = file();
    let root = file.root().unwrap();
    let builder = root.new_dataset_of::<i32>().shape([0, 2]).maxshape([None, None]).chunks([4, 4]);
    let mut dataset = builder.create("d").unwrap();
    dataset.append(0, [1, 2, 3, 4]).unwrap();
    dataset.append(0, [5, 6]).unwrap();
    dataset.append(1, [7, 8, 9]).unwrap();
    assert_eq!(dataset.shape(), [3, 3]);
    assert_eq!(dataset.read_vec::<i32>().unwrap(), [1, 2, 7, 3, 4, 8, 5, 6, 9]);
    assert!(dataset.append(0, [1, 2]).is_err());
    assert!(dataset.append(2, [1, 2, 3]).is_err());
    assert!(dataset.append(0, ["a", "b", "c"]).is_err());
    assert_eq!(dataset.shape(), [3, 3]);
}

#[test]
fn scales_are_found_from_both_sides() {
    let file = file();
    let (speed, time) = (file.create_dataset("speed", [1.5, 2.5]).unwrap(), file.create_dataset("t", [0, 1]).unwrap());
    assert!(speed.scales(0).unwrap().is_empty() && speed.scales(1).is_err());
    speed.attach_scale(0, &time).unwrap();
    speed.attach_scale(0, &time).unwrap();
    assert!(time.is_scale() && !speed.is_scale());
    assert_eq!(speed.scales(0).unwrap().iter().map(|s| s.address()).collect::<Vec<_>>(), [time.address()]);
    assert!(time.attach_scale(0, &speed).is_err() && speed.make_scale("x").is_err());
    speed.set_label(0, "größe").unwrap();
    assert_eq!(speed.label(0).unwrap().as_deref(), Some("größe"));
    speed.detach_scale(0, &time).unwrap();
    assert!(speed.scales(0).unwrap().is_empty() && speed.detach_scale(0, &time).is_err());
    assert!(time.attribute("REFERENCE_LIST").is_err());
}

#[test]
fn values_that_do_not_fit_change_nothing() {
    let file = file();
    let root = file.root().unwrap();
    root.new_dataset_of::<u8>().shape([3]).create_with("x", [1, 2, 3]).unwrap();
    let dataset = file.dataset("x").unwrap();
    let error = dataset.write([1, 256, 3]).unwrap_err();
    assert!(error.to_string().contains("value 1, 256,"), "{error}");
    assert!(dataset.write([1, 2]).unwrap_err().to_string().contains("[2]"));
    assert!(dataset.write(["a"]).unwrap_err().to_string().contains("elements that hold strings"));
    root.create_dataset("s", ["a", "b"]).unwrap();
    file.commit().unwrap();
    let strings = file.dataset("s").unwrap();
    assert!(strings.write(["good", "b\0d"]).unwrap_err().to_string().contains("NUL"));
    assert!(root.create_dataset("t", ["a\0"]).is_err());
    assert!(!root.contains("t"));
    // Nothing went into a heap: the file is as it was committed, and can be changed on.
    strings.write("x").unwrap();
    assert_eq!(strings.read_vec::<String>().unwrap(), ["x", "x"]);
    dataset.with_conversion(Conversion::Clamp).write([-1.0, 2.5, 1e9]).unwrap();
    assert_eq!(file.dataset("x").unwrap().read_vec::<u16>().unwrap(), [0, 2, 255]);
}

#[test]
fn errors_say_what_was_wanted() {
    let file = file();
    file.create_dataset("pairs", vec![(1u8, 2.5f64)]).unwrap();
    let pairs = file.dataset("pairs").unwrap();
    let text = pairs.read_vec::<(u8, String)>().unwrap_err().to_string();
    assert!(text.contains("a tuple.1: expected UTF-8 or ASCII strings, found f64le"), "{text}");
    let text = pairs.read_vec::<(u8, f64, u8)>().unwrap_err().to_string();
    assert!(text.contains("no member \"2\""), "{text}");
    let text = pairs.read_vec::<(u8, u8)>().unwrap_err().to_string();
    assert!(text.contains("field 1: ") && text.contains("2.5"), "{text}");
    let text = file.dataset("pairs").unwrap().write(vec![(1u8,)]).unwrap_err().to_string();
    assert!(text.contains("no field for the member \"1\""), "{text}");
}
