//! The native dialect: what is stored comes back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use hdf5_format::io::MemoryFile;
use hdf5_persist::*;
use num_bigint::BigInt;
use num_complex::Complex64;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

fn memory() -> (Store, MemoryFile) {
    let memory = MemoryFile::new(Vec::new());
    (StoreOptions::new().create_in(memory.clone()).unwrap(), memory)
}

fn again(value: Value) -> Value {
    let (store, memory) = memory();
    store.put_value("x", value).unwrap();
    store.commit().unwrap();
    StoreOptions::new().read_from(MemoryFile::new(memory.to_vec())).unwrap().value("x").unwrap()
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn samples() -> Vec<Value> {
    let big: BigInt = "-123456789012345678901234567890123456789012345".parse().unwrap();
    vec![
        Value::Null,
        Value::Bool(true),
        Value::Int(-5),
        Value::Int((1 << 63) + 5),
        Value::Int(1 << 70),
        Value::BigInt(big),
        Value::Float(f64::NAN),
        Value::Float(5e-324),
        Value::Complex(Complex64::new(1.0, -0.0)),
        text("héllo ☃"),
        text(""),
        text("with\0NUL"),
        Value::Bytes(vec![0, 255, 0]),
        Value::Bytes(Vec::new()),
        Value::Path("/tmp/x".into()),
        Value::Time(Timestamp::naive(-7)),
        Value::Time(Timestamp::zoned(1_700_000_000_123_456_789, "America/Sao_Paulo")),
        Value::TimeIndex(TimeIndex { nanoseconds: vec![1, 2, 3], zone: Some("UTC".into()) }),
        Value::TimeIndex(TimeIndex::default()),
        Value::Seq(vec![]),
        Value::Seq((0..300).map(Value::Int).collect()),
        Value::Seq(vec![Value::Int(1), text("two"), Value::Null, Value::Float(3.5), Value::Seq(vec![Value::Int(1)])]),
        Value::Seq((0..12).map(|i| if i % 2 == 0 { Value::Int(i) } else { Value::Bytes(vec![1]) }).collect()),
        Value::Seq(vec![Value::Bool(true), Value::Bool(false)]),
        Value::Seq(vec![text("a"), text("")]),
        Value::Seq(vec![Value::Int(1 << 63), Value::Int(0)]),
        Value::Tuple(vec![Value::Float(1.5), Value::Float(2.5)]),
        Value::Tuple(vec![]),
        Value::Set(vec![Value::Int(7), text("x")]),
        Value::Map(vec![]),
        Value::Map(vec![(text("b"), Value::Int(1)), (text("a"), Value::Seq(vec![])), (text("ü"), Value::Null)]),
        Value::Map(vec![(text("a/b"), Value::Int(1)), (text("."), Value::Int(2)), (text(""), Value::Int(3))]),
        Value::Map(vec![(Value::Int(1), text("one")), (Value::Tuple(vec![Value::Null]), text("nothing"))]),
        Value::Map(vec![(text("_persist_type"), text("mine")), (text("zone"), Value::Int(1))]),
        Value::Array(Array::new([2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap()),
        Value::Array(Array::new([0, 3], &[0i16; 0]).unwrap()),
        Value::Array(Array::new([], &[7u8]).unwrap()),
        Value::Array(Array::texts([2], ["a", "ö"])),
        Value::from(DatasetNode::new(Array::new([2], &[1, 2]).unwrap())),
        Value::from(
            DatasetNode::new(Array::new([2], &[1, 2]).unwrap()).attr("unit", "m").attr("path", Value::Path("p".into())),
        ),
        Value::from(DatasetNode::new(Array::new([4], &[1, 2, 3, 4]).unwrap()).stored(Storage {
            chunks: Some(vec![2]),
            maxshape: Some(vec![None]),
            fill: Some(vec![9, 0, 0, 0]),
            ..Storage::default()
        })),
        Value::from(
            GroupNode::new()
                .attr("a", 1)
                .attr("t", Value::Time(Timestamp::zoned(1, "UTC")))
                .member("a", 2)
                .member("n", Value::Null),
        ),
        Value::from(Object {
            tag: Tag::new("ns", "Label", 3),
            node: GroupNode::new()
                .member(
                    "inner",
                    Value::from(Object {
                        tag: Tag::new("", "Other", None),
                        node: DatasetNode::new(Array::new([1], &[1]).unwrap()).into(),
                    }),
                )
                .into(),
        }),
        Value::from(
            GroupNode::new()
                .member("soft", Link::Soft("/nowhere".into()))
                .member("ext", Link::External { file: "f.h5".into(), path: "/x".into() }),
        ),
    ]
}

#[test]
fn values_come_back() {
    for value in samples() {
        assert_eq!(again(value.clone()), value);
    }
    let nested = Value::Map(samples().into_iter().enumerate().map(|(i, v)| (text(&format!("{i:02}")), v)).collect());
    assert_eq!(again(nested.clone()), nested);
    let list = Value::Seq(samples());
    assert_eq!(again(list.clone()), list);
}

#[test]
fn shared_values_and_cycles_keep_their_identity() {
    let id = Identity(0);
    let cycle = Value::Shared(id, Box::new(Value::from(GroupNode::new().member("me", Value::Same(id)).member("x", 1))));
    assert_eq!(again(cycle.clone()), cycle);
    let twice = Rc::new(vec![1.5, 2.5]);
    let (store, _) = memory();
    store.put("pair", &(Rc::clone(&twice), twice)).unwrap();
    let (a, b): (Rc<Vec<f64>>, Rc<Vec<f64>>) = store.get("pair").unwrap();
    assert!(Rc::ptr_eq(&a, &b) && *a == [1.5, 2.5]);
    // Without pointers each use is a value of its own.
    let (a, b): (Vec<f64>, Vec<f64>) = store.get("pair").unwrap();
    assert_eq!(a, b);
    assert!(store.get::<(Rc<Vec<f64>>, Rc<Vec<i64>>)>("pair").is_err());
}

#[test]
fn rust_values_come_back() {
    let (store, _) = memory();
    macro_rules! check {
        ($($value:expr => $type:ty),+ $(,)?) => { $(
            let value: $type = $value;
            store.replace("x", &value).unwrap();
            assert_eq!(store.get::<$type>("x").unwrap(), value, stringify!($type));
        )+ };
    }
    check! {
        1u8 => u8, -1 => i64, u128::MAX => u128, i128::MIN => i128, true => bool, 1.5 => f32, 2.5 => f64,
        "text".into() => String, Some(3) => Option<i32>, None => Option<String>, vec![1, 2] => Vec<u16>,
        vec![vec![1.0], vec![]] => Vec<Vec<f64>>, vec!["a".into()] => Vec<String>, [1, 2, 3] => [i32; 3],
        (1, "a".into(), vec![true]) => (i8, String, Vec<bool>), Box::new(5) => Box<u32>, Bytes(vec![1, 2]) => Bytes,
        HashMap::from([("b".to_string(), 1), ("a".to_string(), 2)]) => HashMap<String, i32>,
        BTreeMap::from([(3, "c".to_string()), (1, "a".to_string())]) => BTreeMap<i64, String>,
        std::collections::BTreeSet::from([1, 2]) => std::collections::BTreeSet<u8>,
        std::path::PathBuf::from("/x/y") => std::path::PathBuf, () => (),
        ndarray::arr2(&[[1.0, 2.0], [3.0, 4.0]]) => ndarray::Array2<f64>,
        std::time::SystemTime::UNIX_EPOCH => std::time::SystemTime,
    }
    store.replace("x", &300).unwrap();
    assert!(store.get::<u8>("x").unwrap_err().to_string().contains("300"));
    assert!(store.get::<String>("x").is_err());
}

#[test]
fn what_cannot_be_written_leaves_no_trace() {
    let (store, _) = memory();
    let wrong = [
        Value::from(GroupNode::new().member("good", 1).member("a/b", 2)),
        Value::from(GroupNode::new().attr("list", Value::Seq(vec![])).member("good", 1)),
        Value::from(GroupNode::new().attr("_persist_x", 1)),
        Value::from(GroupNode::new().member("t", Value::Array(Array::texts([], ["a\0b"])))),
    ];
    for value in wrong {
        assert!(store.put_value("x", value.clone()).is_err(), "{value:?}");
        assert!(store.keys().unwrap().is_empty());
    }
    // A link that leads nowhere is found while writing.
    let late = Value::from(GroupNode::new().member("a", 1).member("b", Link::Hard("/nowhere".into())));
    assert!(store.put_value("x", late).is_err());
    assert!(store.keys().unwrap().is_empty());
    store.put("x", &1).unwrap();
    assert!(store.put("x", &2).unwrap_err().to_string().contains("this name"));
    assert!(store.set_value("x", Value::from(GroupNode::new().member("b", Link::Hard("/no".into())))).is_err());
    assert_eq!((store.get::<i32>("x").unwrap(), store.keys().unwrap()), (1, vec!["x".to_string()]));
    let mut deep = Value::Null;
    for _ in 0..300 {
        deep = Value::Tuple(vec![deep]);
    }
    assert!(store.put_value("deep", deep).unwrap_err().to_string().contains("depth"));
}

#[test]
fn nodes_keep_the_order_of_their_parts() {
    let names = ["z", "b", "y", "a", "x", "c", "w", "d", "v", "e", "u"];
    let node = names.iter().fold(GroupNode::new(), |node, name| node.attr(*name, 1).member(*name, 2));
    let data = Array::new([1], &[1]).unwrap();
    let dataset = names.iter().fold(DatasetNode::new(data), |node, name| node.attr(*name, 1));
    for node in [Node::from(node), Node::from(dataset)] {
        let Value::Node(found) = again(Value::from(node.clone())) else { panic!("no node") };
        assert_eq!(found.attrs().keys().collect::<Vec<_>>(), names);
        if let Node::Group(group) = *found {
            assert_eq!(group.members.keys().collect::<Vec<_>>(), names);
        }
    }
}

#[test]
fn names_and_attributes_may_hold_any_sign() {
    let (store, _) = memory();
    store.put_value("me@home", Value::from(GroupNode::new().attr("a@b/c", 7))).unwrap();
    assert_eq!(store.object("me@home").unwrap().get::<i32>("a@b/c").unwrap(), 7);
    assert!(matches!(store.value("me@home").unwrap(), Value::Node(_)));
    store.put("deep/", &1).unwrap();
    assert_eq!(store.get::<i32>("deep").unwrap(), 1);
}

/// Groups that each have two names in the one above are read in the time of what there is, by every dialect.
#[test]
fn second_names_are_no_second_objects() {
    for name in ["native", "h5preserve", "jangada"] {
        let file = hdf5_format::CreateOptions::new().create_in(MemoryFile::new(Vec::new())).unwrap();
        let mut group = file.create_group("root").unwrap();
        for _ in 0..100 {
            let below = group.create_group("a").unwrap();
            group.link_object("b", &below).unwrap();
            group = below;
        }
        let store = StoreOptions::new().dialect_named(name).unwrap().over(file).unwrap();
        assert!(store.value("root").is_ok(), "{name}");
    }
}
