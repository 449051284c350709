use super::*;
use crate::api::{CreateOptions, File, Group};
use crate::io::MemoryFile;
use crate::{FixedAscii, Opaque, Reference, Select, Single};
use alloc::string::{String, ToString};
use alloc::vec;
use num_complex::Complex;

fn file() -> File {
    CreateOptions::new().create_in(MemoryFile::new([])).unwrap()
}

type Deep = (String, Vec<Vec<String>>, [Vec<i16>; 2], Complex<f32>);

fn deep(i: i16) -> Deep {
    let text = "x".repeat(i as usize % 50);
    (text.clone(), vec![vec![text, String::from("y")]; i as usize % 3], [vec![i], vec![]], Complex::new(0.5, -1.0))
}

#[test]
fn arrays_are_what_they_were_read_from() {
    let (file, other) = (file(), file());
    let many: Vec<Deep> = (0..3000).map(deep).collect();
    file.create_dataset("deep", &many).unwrap();
    file.create_dataset("wide", vec![u128::MAX, 7]).unwrap();
    let mut wider = Datatype::opaque(24, "");
    wider.class = Datatype::integer(16, false, crate::format::message::datatype::ByteOrder::BigEndian).class;
    if let crate::format::message::datatype::Class::FixedPoint { precision, .. } = &mut wider.class {
        *precision = 192;
    }
    let bytes: Vec<u8> = (200..224).collect();
    file.root().unwrap().new_dataset(wider).create("wider").unwrap().write_raw(Select::all(), &bytes).unwrap();
    file.create_dataset("nan", f32::from_bits(0x7fc0_1234)).unwrap();
    file.create_dataset("text", vec![FixedAscii::<4>::new("ab").unwrap()]).unwrap();
    file.create_dataset("opaque", vec![Opaque([1, 2, 255])]).unwrap();
    file.create_dataset("none", Vec::<u16>::new()).unwrap();
    file.root().unwrap().new_dataset(Datatype::boolean()).null().create("null").unwrap();
    let object = file.dataset("wide").unwrap();
    let region = crate::RegionReference {
        dataset: object.address(),
        selection: crate::format::selection::Selection::Points { rank: 1, coords: vec![1] },
    };
    file.create_dataset("references", vec![object.reference(), Reference::Null]).unwrap();
    file.create_dataset("regions", vec![region.clone()]).unwrap();
    for name in file.root().unwrap().keys() {
        let dataset = file.dataset(&name).unwrap();
        let array = dataset.read_dyn(Select::all()).unwrap();
        let (ours, theirs) = (array.values().unwrap(), dataset.read_values(Select::all()).unwrap());
        assert!(name == "nan" || ours == theirs, "{name}");
        check_copy(&other.root().unwrap(), &name, &array);
        let again = DynArray::from_values(array.datatype(), array.shape(), &array.values().unwrap());
        assert!(array.is_null() || name == "nan" || again.unwrap() == array, "{name}");
    }
    assert_eq!(other.dataset("deep").unwrap().read_vec::<Deep>().unwrap(), many);
    assert_eq!(other.dataset("regions").unwrap().read_vec::<crate::RegionReference>().unwrap(), [region]);
    assert_eq!(other.dataset("nan").unwrap().read_scalar::<f32>().unwrap().to_bits(), 0x7fc0_1234);
    assert!(other.dataset("null").unwrap().space().is_null());
}

/// Writes an array as a dataset, as an attribute, and over elements that are there.
fn check_copy(group: &Group, name: &str, array: &DynArray) {
    let copy = group.create_dataset(name, array).unwrap();
    assert_eq!(copy.read_dyn(Select::all()).unwrap(), *array, "{name}");
    if array.len() < 100 {
        copy.set_attr("a", array).unwrap();
        assert_eq!(copy.attribute("a").unwrap().read_dyn().unwrap(), *array, "{name}");
    }
    if !array.is_null() {
        copy.write(array).unwrap();
        assert_eq!(copy.read_dyn(Select::all()).unwrap(), *array, "{name}");
    }
}

#[test]
fn elements_have_places() {
    let array = DynArray::new(ndarray::array![[1i16, 2, 3], [4, 5, 6]]).unwrap();
    assert_eq!(array.get(&[1, 2]).unwrap(), Value::Int(6));
    assert_eq!((array.shape(), array.len()), (&[2u64, 3][..], 6));
    for at in [&[2, 0][..], &[0, 3], &[0], &[]] {
        assert!(array.get(at).unwrap_err().to_string().contains("[2, 3]"));
    }
    assert_eq!(array.iter().map(|v| v.unwrap().as_i64().unwrap()).sum::<i64>(), 21);
    assert_eq!(array.to_ndarray::<f64>().unwrap(), ndarray::array![[1., 2., 3.], [4., 5., 6.]].into_dyn());
    assert!(DynArray::new([300i32]).unwrap().to_vec::<u8>().is_err());
    assert_eq!(DynArray::new(9u8).unwrap().get(&[]).unwrap(), Value::Uint(9));
    assert!(DynArray::null(array.datatype()).unwrap().get(&[]).is_err());
    assert!(DynArray::from_values(array.datatype(), &[2], &[Value::Int(1)]).is_err());
}

#[test]
fn arrays_show_themselves() {
    for (array, text) in [
        (DynArray::new(ndarray::array![[1i32, -2], [3, 4]]), "i32le [[1, -2], [3, 4]]"),
        (DynArray::new([1.0f64, f64::NAN]), "f64le [1.0, NaN]"),
        (
            DynArray::new(Single((String::from("a\"b"), true))),
            "{0: str utf8, 1: enum<i8>{FALSE=0, TRUE=1}} {0: \"a\\\"b\", 1: true}",
        ),
        (DynArray::new(vec![vec![1u8], vec![]]), "vlen<u8> [[1], []]"),
        (DynArray::new([i128::MIN]), "i128le [-170141183460469231731687303715884105728]"),
        (DynArray::new(Opaque([1, 171])), "opaque[2] x01ab"),
        (DynArray::new(Complex::new(1.0, -0.5)), "{r: f64le, i: f64le} 1.0-0.5i"),
        (DynArray::new(Reference::Null), "ref object null"),
        (DynArray::null(&Datatype::boolean()), "enum<i8>{FALSE=0, TRUE=1} null"),
    ] {
        assert_eq!(array.unwrap().to_string(), text);
    }
    let long = DynArray::new(vec![0u8; 5000]).unwrap().to_string();
    assert!(long.len() < 3100 && long.ends_with(", …]"), "{long}");
}

#[test]
fn values_are_converted_to_what_is_there() {
    let file = file();
    let wide = file.create_dataset("wide", [0i64; 3]).unwrap();
    wide.write(&DynArray::new([1u8, 2, 3]).unwrap()).unwrap();
    wide.write_slice(Select::from(1), &DynArray::new(-7i16).unwrap()).unwrap();
    assert_eq!(wide.read_vec::<i64>().unwrap(), [1, -7, 3]);
    let narrow = file.create_dataset("narrow", [0u8]).unwrap();
    assert!(narrow.write(&DynArray::new([256u16]).unwrap()).is_err());
    let lists = file.create_dataset("lists", vec![vec![0i64]]).unwrap();
    lists.write(&DynArray::new(vec![vec![1u8, 2]]).unwrap()).unwrap();
    assert_eq!(lists.read_vec::<Vec<i64>>().unwrap(), [[1, 2]]);
    assert_ne!(DynArray::new([1u8]).unwrap(), DynArray::new([1u16]).unwrap());
    assert_ne!(DynArray::new([1u8]).unwrap(), DynArray::new(1u8).unwrap());
    assert_ne!(DynArray::new(["a"]).unwrap(), DynArray::new(["b"]).unwrap());
}
