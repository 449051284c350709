//! Derived types, through the native dialect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use hdf5_format::io::MemoryFile;
use hdf5_persist::*;
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::rc::Rc;

fn memory() -> Store {
    StoreOptions::new().create_in(MemoryFile::new(Vec::new())).unwrap()
}

/// Stores a value, commits, and loads it from the bytes.
fn again<T: Persist>(value: &T) -> T {
    let memory = MemoryFile::new(Vec::new());
    let store = StoreOptions::new().create_in(memory.clone()).unwrap();
    store.put("x", value).unwrap();
    let _ = store.close().unwrap();
    StoreOptions::new().read_from(memory.to_vec()).unwrap().get("x").unwrap()
}

fn same<T: Persist + PartialEq + Debug>(value: T) {
    assert_eq!(again(&value), value);
}

/// The group of a value, and its tag.
fn group_of<T: Persist>(value: &T) -> (Tag, GroupNode) {
    let store = memory();
    store.put("x", value).unwrap();
    match store.value("x").unwrap() {
        Value::Object(object) => (object.tag, object.node.into_group().unwrap()),
        other => panic!("{other:?}"),
    }
}

#[derive(Persist, Debug, PartialEq, Clone, Default)]
struct Point {
    x: f64,
    y: f64,
}

#[derive(Persist, Debug, PartialEq)]
struct Scalars {
    truth: bool,
    small: i8,
    large: u64,
    huge: u128,
    real: f32,
    text: String,
    path: std::path::PathBuf,
    nothing: (),
    bytes: Bytes,
    time: Timestamp,
}

#[derive(Persist, Debug, PartialEq)]
struct Pair(i32, String);

#[derive(Persist, Debug, PartialEq)]
struct Nested {
    name: String,
    point: Point,
    points: Vec<Point>,
    named: BTreeMap<String, Point>,
    boxed: Box<Point>,
    maybe: Option<Point>,
    none: Option<Point>,
}

#[derive(Persist, Debug, PartialEq)]
struct Collections {
    list: Vec<i32>,
    texts: Vec<String>,
    tuple: (u8, String, f64),
    fixed: [u16; 3],
    set: BTreeSet<String>,
    map: HashMap<i64, Vec<f64>>,
    matrix: ndarray::Array2<f32>,
    lists: Vec<Vec<u8>>,
}

#[derive(Persist, Debug, PartialEq)]
enum Shape {
    Nothing,
    Circle(f64),
    Polygon {
        points: Vec<Point>,
        closed: bool,
    },
    #[persist(rename = "Either")]
    Or(Box<Shape>, Box<Shape>),
}

#[derive(Persist, Debug, PartialEq)]
struct Tree<T> {
    value: T,
    children: Vec<Tree<T>>,
}

#[derive(Persist, Debug, PartialEq)]
struct Grid<const N: usize> {
    cells: [i32; N],
}

#[derive(Persist, Debug, PartialEq)]
struct Marker;

#[derive(Persist, Debug, PartialEq)]
struct Raw {
    r#type: String,
    #[persist(rename = "in")]
    within: i32,
}

#[derive(Persist, Debug, PartialEq)]
#[persist(label = "Measured", version = 4, namespace = "lab", elements = "samples")]
struct Series {
    #[persist(chunks = [4], filter = "shuffle,gzip=6", resizable)]
    samples: Vec<f64>,
    #[persist(rename = "time started")]
    started: i64,
    units: Vec<String>,
    #[persist(skip)]
    cached: u8,
}

#[derive(Persist, Debug, PartialEq)]
#[persist(elements = "0")]
struct Wrapped(ndarray::Array2<i64>, Option<f64>);

#[derive(Persist, Debug, PartialEq)]
struct Places {
    #[persist(member)]
    number: i64,
    #[persist(attr)]
    list: Vec<f64>,
    #[persist(attr)]
    texts: Vec<String>,
    text: String,
    #[persist(attr, rename = "m/s")]
    speed: f32,
}

#[derive(Persist, Debug, PartialEq)]
struct Stored {
    #[persist(chunks = [64, 2], maxshape = [None, 2], filter = "shuffle,gzip=6")]
    matrix: ndarray::Array2<f64>,
    #[persist(chunks = [10], resizable)]
    texts: Vec<String>,
    #[persist(resizable)]
    grows: Vec<u8>,
    #[persist(filter = "fletcher32")]
    maybe: Option<Vec<i32>>,
    #[persist(filter = "gzip")]
    shared: Rc<Vec<i32>>,
}

#[derive(Persist, Debug, PartialEq)]
struct Pointers {
    first: Rc<Point>,
    second: Rc<Point>,
    third: Vec<Rc<Point>>,
    threads: std::sync::Arc<String>,
}

fn points() -> Vec<Point> {
    vec![Point { x: 0.5, y: -1.0 }, Point { x: f64::MAX, y: 0.0 }]
}

#[test]
fn all_shapes_come_back() {
    same(Point { x: 1.5, y: -0.0 });
    same(Scalars {
        truth: true,
        small: -7,
        large: u64::MAX,
        huge: u128::MAX,
        real: 0.1,
        text: "snow \u{2603}\0".into(),
        path: "/tmp/x".into(),
        nothing: (),
        bytes: Bytes(vec![0, 255]),
        time: Timestamp::zoned(5, "UTC"),
    });
    same(Pair(-3, "three".into()));
    same(Nested {
        name: "n".into(),
        point: Point::default(),
        points: points(),
        named: points().into_iter().enumerate().map(|(i, p)| (format!("p{i}"), p)).collect(),
        boxed: Box::new(Point { x: 2.0, y: 3.0 }),
        maybe: Some(Point::default()),
        none: None,
    });
    same(Collections {
        list: vec![1, -2, 3],
        texts: vec!["a".into(), String::new()],
        tuple: (1, "t".into(), 2.5),
        fixed: [1, 2, 3],
        set: ["b".to_string(), "a".to_string()].into(),
        map: HashMap::from([(5, vec![1.0]), (-5, vec![])]),
        matrix: ndarray::arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        lists: vec![vec![1], vec![], vec![2, 3]],
    });
    same(Shape::Nothing);
    same(Shape::Circle(2.5));
    same(Shape::Polygon { points: points(), closed: true });
    same(Shape::Or(Box::new(Shape::Nothing), Box::new(Shape::Circle(1.0))));
    same(vec![Shape::Nothing, Shape::Circle(0.0)]);
    let leaf = |value: &str| Tree { value: value.to_string(), children: vec![] };
    same(Tree { value: "root".to_string(), children: vec![leaf("a"), leaf("b")] });
    same(Tree { value: vec![1u8, 2], children: vec![Tree { value: vec![], children: vec![] }] });
    same(Grid { cells: [1, 2, 3, 4] });
    same(Marker);
    same(Raw { r#type: "t".into(), within: 3 });
    same(Series { samples: vec![1.0, 2.0, 3.0], started: 10, units: vec!["m".into(), "s".into()], cached: 0 });
    same(Wrapped(ndarray::arr2(&[[1], [2]]), Some(0.5)));
    same(Wrapped(ndarray::arr2(&[[0; 0]; 2]), None));
    same(Places { number: 1, list: vec![0.5], texts: vec!["a".into()], text: "t".into(), speed: 3.5 });
    same(Places { number: 1, list: vec![], texts: vec![], text: "long ".repeat(100_000), speed: 3.5 });
    same(Stored {
        matrix: ndarray::Array2::from_shape_fn((100, 2), |(i, j)| (i * 2 + j) as f64),
        texts: vec!["one".into(), "two".into()],
        grows: vec![1, 2, 3],
        maybe: None,
        shared: Rc::new(vec![4, 5]),
    });
    same(Stored {
        matrix: ndarray::Array2::zeros((0, 2)),
        texts: vec![],
        grows: vec![],
        maybe: Some(vec![]),
        shared: Rc::default(),
    });
}

#[test]
fn labels_and_places_are_as_said() {
    let (tag, group) = group_of(&Point { x: 1.0, y: 2.0 });
    assert_eq!(tag, Tag::new("hdf5-persist", "Point", 1));
    assert_eq!(group.attrs.keys().collect::<Vec<_>>(), ["x", "y"]);
    assert!(group.members.is_empty());

    let places = Places { number: 1, list: vec![0.5], texts: vec!["a".into()], text: "x".repeat(50_000), speed: 3.5 };
    let (_, group) = group_of(&places);
    let mut names: Vec<_> = group.attrs.keys().collect();
    names.sort();
    assert_eq!(names, ["list", "m/s", "texts"]);
    assert_eq!(group.members.keys().collect::<Vec<_>>(), ["number", "text"], "long text is a member");

    let (_, group) = group_of(&Shape::Or(Box::new(Shape::Nothing), Box::new(Shape::Nothing)));
    assert_eq!(group.attrs.get("variant"), Some(&Value::from("Either")));
    assert_eq!(group.members.keys().collect::<Vec<_>>(), ["0", "1"]);

    let store = memory();
    store.put("s", &Series { samples: vec![1.0, 2.0], started: 10, units: vec![], cached: 9 }).unwrap();
    assert_eq!(store.tag("s").unwrap(), Some(Tag::new("lab", "Measured", 4)));
    let Value::Object(object) = store.value("s").unwrap() else { panic!("an object") };
    let node = object.node.into_dataset().unwrap();
    assert_eq!(node.attrs.keys().collect::<Vec<_>>(), ["time started", "units"]);
    assert_eq!((node.storage.chunks, node.storage.maxshape), (Some(vec![4]), Some(vec![None])));
    let ids: Vec<u16> = node.storage.described.iter().map(|f| f.id).collect();
    assert_eq!(ids, [2, 1], "shuffle, then gzip");
    assert_eq!(store.get::<Series>("s").unwrap().cached, 0, "a skipped field is its default");
}

#[test]
fn elements_are_stored_as_asked() {
    let store = memory();
    let stored = Stored {
        matrix: ndarray::Array2::zeros((100, 2)),
        texts: vec!["one".into()],
        grows: vec![1, 2, 3],
        maybe: Some(vec![1, 2]),
        shared: Rc::new(vec![1]),
    };
    store.put("s", &stored).unwrap();
    let dataset = |name: &str| store.file().dataset(format!("s/{name}")).unwrap();
    assert_eq!(dataset("matrix").chunks().map(<[u64]>::to_vec), Some(vec![64, 2]));
    assert_eq!(dataset("matrix").maxshape(), [None, Some(2)]);
    assert_eq!(dataset("matrix").filters().len(), 2);
    assert_eq!((dataset("texts").shape().to_vec(), dataset("texts").maxshape()), (vec![1], vec![None]));
    assert_eq!(dataset("grows").maxshape(), [None]);
    assert_eq!(dataset("maybe").filters().first().map(|f| f.id), Some(3));
    assert_eq!(dataset("shared").filters().first().map(|f| f.id), Some(1));

    #[derive(Persist)]
    struct Wrong<const CASE: u8> {
        #[persist(chunks = [2, 2])]
        rows: Vec<f64>,
    }
    #[derive(Persist)]
    struct NoFilter {
        #[persist(filter = "gzip,nonsense")]
        rows: Vec<f64>,
    }
    #[derive(Persist)]
    struct TooLong {
        #[persist(maxshape = [2])]
        rows: Vec<f64>,
    }
    #[derive(Persist)]
    struct NoElements {
        #[persist(chunks = [2])]
        rows: Vec<Point>,
    }
    #[derive(Persist)]
    struct Scalar {
        #[persist(member, resizable)]
        number: f64,
    }
    fn refused<T: Persist>(store: &Store, value: &T, why: &str) {
        let error = store.put("wrong", value).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(!store.contains("wrong"));
    }
    let rows = vec![1.0, 2.0, 3.0];
    refused(&store, &Wrong::<0> { rows: rows.clone() }, "chunks [2, 2] for an array of shape [3]");
    refused(&store, &NoFilter { rows: rows.clone() }, "nonsense");
    refused(&store, &TooLong { rows }, "maxshape [Some(2)]");
    refused(&store, &NoElements { rows: points() }, "expected an array, found a list");
    refused(&store, &Scalar { number: 1.0 }, "a first length that grows");
}

#[test]
fn pointers_to_one_value_stay_pointers_to_one() {
    let shared = Rc::new(Point { x: 1.0, y: 2.0 });
    let value = Pointers {
        first: Rc::clone(&shared),
        second: Rc::clone(&shared),
        third: vec![Rc::new(Point::default()), shared],
        threads: std::sync::Arc::new("text".into()),
    };
    let loaded = again(&value);
    assert_eq!(loaded, value);
    assert!(Rc::ptr_eq(&loaded.first, &loaded.second) && Rc::ptr_eq(&loaded.first, &loaded.third[1]));
    assert!(!Rc::ptr_eq(&loaded.first, &loaded.third[0]));

    // What a dumper makes for the time being is never taken for something else.
    struct Fresh(Vec<f64>);
    let mut registry = Registry::new("fresh");
    registry
        .dumper::<Fresh, _>("Fresh", 1, |fresh, to| {
            let mut group = GroupNode::new();
            for (at, number) in fresh.0.iter().enumerate() {
                // Gone at once: the next one takes its place in memory.
                let value = to.dump(&Rc::new([*number; 100]))?;
                group = group.member(format!("n{at}"), value);
            }
            Ok(group)
        })
        .unwrap();
    let options = StoreOptions::new().registries(RegistryStack::new().with(registry).unwrap());
    let store = options.create_in(MemoryFile::new(Vec::new())).unwrap();
    store.put_registered("x", &Fresh(vec![1.0, 2.0, 3.0])).unwrap();
    for (at, number) in [1.0, 2.0, 3.0].into_iter().enumerate() {
        assert_eq!(store.get::<[f64; 100]>(&format!("x/n{at}")).unwrap(), [number; 100]);
    }
}

#[test]
fn missing_and_extra_fields() {
    fn thirteen() -> i32 {
        13
    }
    fn never() -> Vec<u8> {
        panic!("the file has it")
    }
    #[derive(Persist, Debug, PartialEq)]
    #[persist(label = "Config")]
    struct New {
        name: String,
        #[persist(default)]
        count: u32,
        #[persist(default = "thirteen")]
        limit: i32,
        #[persist(default = "never")]
        data: Vec<u8>,
        comment: Option<String>,
        later: Option<Vec<f64>>,
        #[persist(skip, default = "thirteen")]
        skipped: i32,
    }
    #[derive(Persist)]
    #[persist(label = "Config")]
    struct Old {
        name: String,
        data: Vec<u8>,
        dropped: Vec<String>,
        gone: f64,
    }
    #[derive(Persist, Debug)]
    #[persist(label = "Config")]
    struct Strict {
        #[allow(dead_code)]
        other: i32,
    }
    let store = memory();
    let old = Old { name: "n".into(), data: vec![7], dropped: vec!["x".into()], gone: 0.0 };
    store.put("x", &old).unwrap();
    let wanted = New { name: "n".into(), count: 0, limit: 13, data: vec![7], comment: None, later: None, skipped: 13 };
    assert_eq!(store.get::<New>("x").unwrap(), wanted);
    let error = store.get::<Strict>("x").unwrap_err().to_string();
    assert!(error.contains("no attribute or member named \"other\"") && error.contains("Config"), "{error}");

    // A field that has moved between attributes and members is found.
    #[derive(Persist, Debug, PartialEq)]
    #[persist(label = "Config")]
    struct Moved {
        #[persist(member)]
        name: String,
        #[persist(attr)]
        data: Vec<u8>,
    }
    assert_eq!(store.get::<Moved>("x").unwrap(), Moved { name: "n".into(), data: vec![7] });
}

#[test]
fn errors_name_the_field() {
    #[derive(Persist, Debug)]
    #[persist(label = "Point")]
    #[allow(dead_code)]
    struct Texts {
        x: String,
    }
    let store = memory();
    store.put("p", &Point::default()).unwrap();
    let error = store.get::<Texts>("p").unwrap_err();
    assert!(error.to_string().contains("expected text, found a float"), "{error}");
    assert_eq!(error.path().map(ToString::to_string).as_deref(), Some("x"), "{error}");
    let error = store.get::<Pair>("p").unwrap_err().to_string();
    assert!(error.contains("hdf5-persist"), "{error}");
    store.put("c", &Shape::Circle(1.0)).unwrap();
    let shape = store.object("c").unwrap();
    shape.set("variant", &"Cube".to_string()).unwrap();
    let error = store.get::<Shape>("c").unwrap_err().to_string();
    assert!(error.contains("variant of Shape (Nothing, Circle, Polygon, Either)") && error.contains("Cube"), "{error}");
    store.put("s", &Series { samples: vec![], started: 1, units: vec![], cached: 0 }).unwrap();
    let Value::Object(mut object) = store.value("s").unwrap() else { panic!("an object") };
    object.node = GroupNode::new().attr("time started", 1).into();
    store.set_value("s", Value::Object(object)).unwrap();
    let error = store.get::<Series>("s").unwrap_err().to_string();
    assert!(error.contains("expected a dataset, found a group"), "{error}");
}

/// A type of another crate, as it were.
#[derive(Debug, PartialEq, Clone, Default)]
struct Foreign {
    degrees: f64,
}

#[derive(Persist, Debug, PartialEq)]
struct Station {
    name: String,
    #[persist(registered)]
    here: Foreign,
    #[persist(registered, default)]
    there: Foreign,
}

fn foreign() -> Registry {
    let mut registry = Registry::new("foreign");
    registry
        .dumper::<Foreign, _>("Angle", 1, |angle, _| Ok(GroupNode::new().attr("degrees", angle.degrees)))
        .unwrap()
        .loader("Angle", 1, |mut node, from| Ok(Foreign { degrees: from.load(node.take_attr("degrees")?)? }))
        .unwrap();
    registry
}

#[test]
fn fields_of_foreign_types_go_through_a_registry() {
    let station = Station { name: "s".into(), here: Foreign { degrees: 1.5 }, there: Foreign::default() };
    let error = memory().put("x", &station).unwrap_err().to_string();
    assert!(error.contains("no registry dumps") && error.contains("Foreign"), "{error}");

    let options = StoreOptions::new().registries(RegistryStack::new().with(foreign()).unwrap());
    let store = options.create_in(MemoryFile::new(Vec::new())).unwrap();
    store.put("x", &station).unwrap();
    assert_eq!(store.get::<Station>("x").unwrap(), station);
    assert_eq!(store.tag("x/here").unwrap(), Some(Tag::new("foreign", "Angle", 1)));
    store.remove("x/there").unwrap();
    assert_eq!(store.get::<Station>("x").unwrap().there, Foreign::default());
    store.remove("x/here").unwrap();
    assert!(store.get::<Station>("x").unwrap_err().to_string().contains("\"here\""));

    store.put_registered("alone", &Foreign { degrees: 7.0 }).unwrap();
    assert_eq!(store.get_registered::<Foreign>("alone").unwrap().degrees, 7.0);
    let any: Box<dyn Any> = store.get_any("alone").unwrap();
    assert_eq!(any.downcast_ref::<Foreign>().unwrap().degrees, 7.0);
    let error = store.get_registered::<Point>("alone").unwrap_err().to_string();
    assert!(error.contains("another type"), "{error}");
}

#[test]
fn objects_with_more_than_one_name_are_found_by_each() {
    let options = StoreOptions::new().registries(RegistryStack::new().with(foreign()).unwrap());
    let store = options.create_in(MemoryFile::new(Vec::new())).unwrap();
    store.put("x", &Station { name: "s".into(), here: Foreign { degrees: 1.5 }, there: Foreign::default() }).unwrap();
    store.remove("x/there").unwrap();
    store.put_value("x/there", Value::Link(Link::Hard("x/here".into()))).unwrap();
    let station: Station = store.get("x").unwrap();
    assert_eq!((station.here.degrees, station.there.degrees), (1.5, 1.5));
    assert_eq!(store.get_registered::<Foreign>("x/there").unwrap().degrees, 1.5);
}

#[test]
fn a_registered_derived_type_takes_the_registrys_namespace() {
    let mut registry = Registry::new("shop");
    registry.register::<Point>().unwrap();
    let options = StoreOptions::new().registries(RegistryStack::new().with(registry).unwrap());
    let store = options.create_in(MemoryFile::new(Vec::new())).unwrap();
    store.put("p", &points()).unwrap();
    assert_eq!(store.tag("p/0").unwrap(), Some(Tag::new("shop", "Point", 1)));
    assert_eq!(store.get::<Vec<Point>>("p").unwrap(), points());
    // Objects of the type's own namespace are loaded as well.
    let own = memory();
    own.put("p", &points()[0]).unwrap();
    store.put_value("own", own.value("p").unwrap()).unwrap();
    assert_eq!(store.get::<Point>("own").unwrap(), points()[0]);
}

#[derive(Persist, Debug, PartialEq)]
struct Options {
    number: Option<f64>,
    array: Option<Vec<f64>>,
    point: Option<Point>,
    shape: Shape,
}

fn options_of(number: Option<f64>) -> Options {
    let point = number.map(|x| Point { x, y: 0.0 });
    Options { number, array: number.map(|n| vec![n]), point, shape: number.map_or(Shape::Nothing, Shape::Circle) }
}

#[test]
fn other_dialects_hold_derived_types() {
    let point = Point { x: 1.5, y: 2.5 };
    for dialect in ["native", "h5preserve", "jangada"] {
        let options = StoreOptions::new().dialect_named(dialect).unwrap();
        let memory = MemoryFile::new(Vec::new());
        let store = options.create_in(memory.clone()).unwrap();
        store.put("root", &point).unwrap();
        store.put("pair", &Pair(3, "three".into())).unwrap();
        store.put("options", &options_of(None)).unwrap();
        store.put("some", &options_of(Some(2.5))).unwrap();
        let _ = store.close().unwrap();
        let store = StoreOptions::new().read_from(memory.to_vec()).unwrap();
        assert_eq!(store.dialect().name(), dialect);
        assert_eq!(store.get::<Point>("root").unwrap(), point);
        assert_eq!(store.get::<Pair>("pair").unwrap(), Pair(3, "three".into()));
        assert_eq!(store.get::<Options>("options").unwrap(), options_of(None));
        assert_eq!(store.get::<Options>("some").unwrap(), options_of(Some(2.5)));
    }
    // Objects without versions are of the current one, registered or not.
    let mut registry = Registry::new("hdf5-persist");
    registry.register::<Point>().unwrap();
    let stack = RegistryStack::new().with(registry).unwrap();
    let options = StoreOptions::new().registries(stack).dialect_named("jangada").unwrap();
    let store = options.create_in(MemoryFile::new(Vec::new())).unwrap();
    store.put("root", &point).unwrap();
    assert_eq!(store.get::<Point>("root").unwrap(), point);
}
