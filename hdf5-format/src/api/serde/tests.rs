use crate::api::{CreateOptions, DynArray, Value};
use crate::format::message::datatype::{ByteOrder, Class, StringPadding};
use crate::io::MemoryFile;
use crate::{Address, Datatype, Opaque, Reference, Select, Single, ValueSeed};
use alloc::string::{String, ToString};
use alloc::vec;
use num_complex::Complex;
use serde::de::DeserializeSeed;

/// An array as JSON, and that as the same array.
fn same(array: crate::Result<DynArray>, json: &str) {
    let array = array.unwrap();
    assert_eq!(serde_json::to_string(&array).unwrap(), json);
    assert_eq!(serde_json::from_str::<DynArray>(json).unwrap(), array, "{json}");
}

#[test]
fn arrays_are_json_and_come_back() {
    let rows = ndarray::array![[1i16, -2], [3, 4]];
    same(DynArray::new(rows), r#"{"datatype":"i16le","shape":[2,2],"values":[[1,-2],[3,4]]}"#);
    let wide = [u128::MAX, 1 << 64, 7];
    let text = r#"[340282366920938463463374607431768211455,18446744073709551616,7]"#;
    same(DynArray::new(wide), &alloc::format!(r#"{{"datatype":"u128le","shape":[3],"values":{text}}}"#));
    same(DynArray::new(i128::MIN), &alloc::format!(r#"{{"datatype":"i128le","shape":[],"values":{}}}"#, i128::MIN));
    same(DynArray::new([u64::MAX]), r#"{"datatype":"u64le","shape":[1],"values":[18446744073709551615]}"#);
    let floats = [0.1, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    same(DynArray::new(floats), r#"{"datatype":"f64le","shape":[5],"values":[0.1,-0.0,"NaN","Infinity","-Infinity"]}"#);
    same(DynArray::new(true), r#"{"datatype":"enum<i8>{FALSE=0, TRUE=1}","shape":[],"values":true}"#);
    same(
        DynArray::new(Complex::new(1.5f32, f32::NAN)),
        r#"{"datatype":"{r: f32le, i: f32le}","shape":[],"values":{"re":1.5,"im":"NaN"}}"#,
    );
    same(DynArray::new(Opaque([10, 255])), r#"{"datatype":"opaque[2]","shape":[],"values":"x0aff"}"#);
    let deep = Single((String::from("ä\""), vec![vec![1u8], vec![]], [[1u16, 2], [3, 4]]));
    same(
        DynArray::new(deep),
        r#"{"datatype":"{0: str utf8, 1: vlen<vlen<u8>>, 2: [2][2] u16le}","shape":[],"values":{"0":"ä\"","1":[[1],[]],"2":[1,2,3,4]}}"#,
    );
    let references = vec![Reference::Null, Reference::Object(Address(800))];
    same(DynArray::new(references), r#"{"datatype":"ref object","shape":[2],"values":[null,{"object":800}]}"#);
    same(
        DynArray::null(&Datatype::boolean()),
        r#"{"datatype":"enum<i8>{FALSE=0, TRUE=1}","shape":null,"values":null}"#,
    );
    same(DynArray::new(vec![0u8; 0]), r#"{"datatype":"u8","shape":[0],"values":[]}"#);
}

#[test]
fn enumerations_go_by_name() {
    let colours: Datatype = "enum<u8>{RED=1, GREEN=2}".parse().unwrap();
    let named = |value, name: Option<&str>| Value::Enum { value, name: name.map(String::from) };
    let values = [named(2, Some("GREEN")), named(9, None)];
    let array = DynArray::from_values(&colours, &[2], &values);
    same(array, r#"{"datatype":"enum<u8>{RED=1, GREEN=2}","shape":[2],"values":["GREEN",9]}"#);
}

#[test]
fn datatypes_that_the_notation_cuts_short_are_whole() {
    let mut spaces = Datatype::string(4, crate::format::message::datatype::CharacterSet::Ascii);
    let class = Class::String {
        padding: StringPadding::SpacePadded,
        charset: crate::format::message::datatype::CharacterSet::Ascii,
    };
    spaces.class = class;
    let json = serde_json::to_string(&spaces).unwrap();
    assert!(json.starts_with(r#"{"notation":"str[4]","message":"x"#), "{json}");
    assert_eq!(serde_json::from_str::<Datatype>(&json).unwrap().class, spaces.class);
    for text in [r#""nothing""#, r#"{"notation":"u8"}"#, r#"{"message":"x1"}"#, r#"{"message":"x11"}"#, "7"] {
        assert!(serde_json::from_str::<Datatype>(text).is_err(), "{text}");
    }
}

#[test]
fn references_say_where_they_point() {
    let file = CreateOptions::new().create_in(MemoryFile::new([])).unwrap();
    let dataset = file.create_dataset("x", [1u8, 2, 3]).unwrap();
    let selection = crate::format::selection::Selection::Points { rank: 1, coords: vec![2] };
    let region = crate::RegionReference { dataset: dataset.address(), selection };
    let array = file.create_dataset("r", region).unwrap().read_dyn(Select::all()).unwrap();
    let json = serde_json::to_string(&array.get(&[]).unwrap()).unwrap();
    assert_eq!(json, alloc::format!(r#"{{"region":{},"selection":"{{2}}"}}"#, dataset.address().0));
    let error = serde_json::from_str::<DynArray>(&serde_json::to_string(&array).unwrap()).unwrap_err().to_string();
    assert!(error.contains("object"), "{error}");
    let others = Value::Array(vec![
        Value::Reference(Reference::Attribute { object: Address(9), name: b"units".to_vec() }),
        Value::Reference(Reference::External { file: b"a.h5".to_vec(), target: Reference::Object(Address(7)).into() }),
        Value::Reference(Reference::Broken("gone".into())),
        Value::String(vec![0xff]),
    ]);
    assert_eq!(
        serde_json::to_string(&others).unwrap(),
        r#"[{"attribute":"units","object":9},{"file":"a.h5","target":{"object":7}},{"broken":"gone"},{"bytes":"xff"}]"#
    );
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let value = |datatype: &str, json: &str| {
        let datatype = datatype.parse().unwrap();
        let mut input = serde_json::Deserializer::from_str(json);
        ValueSeed(&datatype).deserialize(&mut input).map_err(|e| e.to_string())
    };
    assert_eq!(value("f64le", "3").unwrap(), Value::Float(3.0));
    assert_eq!(value("str[3]", r#"{"bytes":"xff00"}"#).unwrap(), Value::String(vec![255, 0]));
    assert_eq!(value("{a: u8, b: u8}", r#"{"b":2,"a":1}"#).unwrap().to_string(), "{a: 1, b: 2}");
    for (datatype, json) in [
        ("u8", "256"),
        ("u8", "-1"),
        ("u8", "1.5"),
        ("u8", "\"1\""),
        ("u8", "true"),
        ("i128le", "true"),
        ("[2] u8", "[1]"),
        ("vlen<u8>", "[1,-1]"),
        ("{a: u8}", "{}"),
        ("{a: u8}", r#"{"a":1,"b":2}"#),
        ("enum<u8>{A=1}", "\"B\""),
        ("opaque[1]", "\"0a\""),
        ("opaque[1]", "\"xä\""),
        ("{r: f32le, i: f32le}", r#"{"re":1.0}"#),
        ("str", "null"),
        ("ref region", r#"{"object":1}"#),
    ] {
        // Whether a value has room is found out where it is stored.
        let found = value(datatype, json)
            .and_then(|v| DynArray::from_values(&datatype.parse().unwrap(), &[], &[v]).map_err(|e| e.to_string()));
        assert!(found.is_err(), "{datatype} {json}: {found:?}");
    }
    for json in [
        r#"{"shape":[],"values":1,"datatype":"u8"}"#,
        r#"{"datatype":"u8","shape":[2],"values":[1]}"#,
        r#"{"datatype":"u8","shape":[1],"values":[[1]]}"#,
        r#"{"datatype":"u8","shape":[1]}"#,
        r#"{"datatype":"u8","shape":[1],"values":[1],"more":1}"#,
    ] {
        let found = serde_json::from_str::<DynArray>(json);
        assert!(found.is_err() != json.contains("more"), "{json}");
    }
    let big = Datatype::integer(2, false, ByteOrder::BigEndian);
    assert_eq!(serde_json::to_string(&big).unwrap(), r#""u16be""#);
}
