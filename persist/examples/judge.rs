//! Values as JSON, for judges: `judge dump FILE` tells what a file holds, `judge build FILE DIALECT` writes what it reads.
#![allow(clippy::print_stdout, missing_docs, reason = "a program for the judge")]

use hdf5_format::format::message::datatype::{ByteOrder, CharacterSet, Class, Datatype, StringPadding};
use hdf5_format::{ExternalPolicy, OpenOptions};
use hdf5_persist::*;
use num_complex::Complex64;
use serde_json::{Map, Value as Json, json};
use std::error::Error as StdError;
use std::fmt::Write as _;

type Anyway<T> = std::result::Result<T, Box<dyn StdError>>;

fn main() -> Anyway<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["dump", file] => dump(file, None),
        ["dump", file, dialect] => dump(file, Some(dialect)),
        ["build", file, dialect] => build(file, dialect),
        ["lazy", file, path, start, end] => lazy(file, path, start.parse()?..end.parse()?),
        _ => Err("usage: judge dump FILE | build FILE DIALECT < JSON".into()),
    }
}

fn dump(file: &str, dialect: Option<&str>) -> Anyway<()> {
    let near = ExternalPolicy::Under(std::path::Path::new(file).parent().ok_or("a folder")?.into());
    let mut options = Store::options().open_options(OpenOptions::new().external(near));
    if let Some(dialect) = dialect {
        options = options.dialect_named(dialect)?;
    }
    let store = options.open(file, Mode::Read)?;
    let mut values = Map::new();
    for key in store.keys()? {
        let told = match store.value(&key) {
            Ok(value) => to_json(&value)?,
            Err(error) => json!({"t": "error", "msg": error.to_string()}),
        };
        values.insert(key, told);
    }
    let raw: Map<String, Json> =
        store.values()?.iter().map(|(name, value)| Ok((name.clone(), to_json(value)?))).collect::<Anyway<_>>()?;
    println!("{}", json!({"dialect": store.dialect().name(), "values": values, "raw": raw}));
    Ok(())
}

fn build(file: &str, dialect: &str) -> Anyway<()> {
    let values: Json = serde_json::from_reader(std::io::stdin())?;
    let store = Store::options().dialect_named(dialect)?.open(file, Mode::Write)?;
    let values = values.as_object().ok_or("an object of values")?;
    let values: Anyway<Vec<_>> = values.iter().map(|(name, value)| Ok((name.clone(), from_json(value)?))).collect();
    store.put_values(values?)?;
    let closed = store.close()?;
    println!("{}", json!({"unfilled": closed.unfilled}));
    Ok(())
}

fn lazy(file: &str, path: &str, rows: std::ops::Range<i64>) -> Anyway<()> {
    let values: Vec<f64> = Store::open(file, Mode::Read)?.array(path)?.slice(rows)?;
    println!("{}", json!(values));
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Anyway<Vec<u8>> {
    (0..text.len() / 2).map(|i| Ok(u8::from_str_radix(&text[2 * i..2 * i + 2], 16)?)).collect()
}

fn all(items: &[Value]) -> Anyway<Vec<Json>> {
    items.iter().map(to_json).collect()
}

fn to_json(value: &Value) -> Anyway<Json> {
    Ok(match value {
        Value::Null => json!({"t": "none"}),
        Value::Bool(truth) => json!({"t": "bool", "v": truth}),
        Value::Int(number) => json!({"t": "int", "v": number.to_string()}),
        Value::BigInt(number) => json!({"t": "int", "v": number.to_string()}),
        Value::Float(number) => json!({"t": "float", "bits": hex(&number.to_be_bytes())}),
        Value::Complex(z) => json!({"t": "complex", "re": hex(&z.re.to_be_bytes()), "im": hex(&z.im.to_be_bytes())}),
        Value::Text(text) => json!({"t": "str", "v": text}),
        Value::Bytes(bytes) => json!({"t": "bytes", "hex": hex(bytes)}),
        Value::Path(path) => json!({"t": "path", "v": path}),
        Value::Time(time) => json!({"t": "time", "ns": time.nanoseconds.to_string(), "zone": time.zone}),
        Value::TimeIndex(times) => {
            let ns: Vec<String> = times.nanoseconds.iter().map(ToString::to_string).collect();
            json!({"t": "times", "ns": ns, "zone": times.zone})
        }
        Value::Seq(items) => json!({"t": "list", "v": all(items)?}),
        Value::Tuple(items) => json!({"t": "tuple", "v": all(items)?}),
        Value::Set(items) => json!({"t": "set", "v": all(items)?}),
        Value::Map(pairs) => {
            let pairs: Anyway<Vec<Json>> = pairs.iter().map(|(k, v)| Ok(json!([to_json(k)?, to_json(v)?]))).collect();
            json!({"t": "dict", "v": pairs?})
        }
        Value::Array(array) => array_json(array)?,
        Value::Node(node) => node_json(node)?,
        Value::Object(object) => {
            let tag = &object.tag;
            json!({"t": "object", "namespace": tag.namespace, "label": tag.label, "version": tag.version,
                "node": node_json(&object.node)?})
        }
        Value::Link(Link::Hard(path)) => json!({"t": "hard", "path": path}),
        Value::Link(Link::Soft(path)) => json!({"t": "soft", "path": path}),
        Value::Link(Link::External { file, path }) => json!({"t": "external", "file": file, "path": path}),
        Value::Delayed(_) => json!({"t": "delayed"}),
        Value::Unread(slot) => to_json(&slot.read()?)?,
        Value::Shared(identity, value) => json!({"t": "shared", "id": identity.0, "v": to_json(value)?}),
        Value::Same(identity) => json!({"t": "same", "id": identity.0}),
        _ => return Err("a new kind of value".into()),
    })
}

fn named(values: &Members) -> Anyway<Json> {
    let pairs: Anyway<Map<String, Json>> = values.iter().map(|(k, v)| Ok((k.clone(), to_json(v)?))).collect();
    Ok(Json::Object(pairs?))
}

fn node_json(node: &Node) -> Anyway<Json> {
    Ok(match node {
        Node::Group(group) => json!({"t": "group", "attrs": named(&group.attrs)?, "members": named(&group.members)?,
            "on_demand": group.on_demand}),
        Node::Dataset(dataset) => {
            let storage = &dataset.storage;
            let filters: Vec<u16> = storage.described.iter().map(|f| f.id).collect();
            json!({"t": "dataset", "attrs": named(&dataset.attrs)?, "data": array_json(&dataset.data)?,
                "chunks": storage.chunks, "maxshape": storage.maxshape, "filters": filters,
                "fill": storage.fill.as_ref().map(|fill| hex(fill))})
        }
    })
}

fn array_json(array: &Array) -> Anyway<Json> {
    let array = array.load()?;
    Ok(match array.elements() {
        Elements::Stored(bytes) => {
            json!({"t": "array", "dtype": numpy(array.dtype())?, "shape": array.shape(), "hex": hex(bytes)})
        }
        Elements::Values(_) => {
            json!({"t": "array", "dtype": "str", "shape": array.shape(), "texts": array.to_texts()?})
        }
        _ => json!({"t": "array", "dtype": numpy(array.dtype())?, "shape": null}),
    })
}

/// NumPy's name of a type: a text, or a list of names and types.
fn numpy(datatype: &Datatype) -> Anyway<Json> {
    let order = |order: ByteOrder| match (datatype.size, order) {
        (1, _) => '|',
        (_, ByteOrder::BigEndian) => '>',
        _ => '<',
    };
    Ok(match &datatype.class {
        Class::FixedPoint { order: o, signed, .. } => {
            json!(format!("{}{}{}", order(*o), if *signed { 'i' } else { 'u' }, datatype.size))
        }
        Class::FloatingPoint(format) => json!(format!("{}f{}", order(format.order), datatype.size)),
        Class::Enum { .. } if hdf5_format::datatype::conventions::is_bool(datatype) => json!("|b1"),
        Class::String { .. } => json!(format!("|S{}", datatype.size)),
        Class::Compound { .. } if hdf5_format::datatype::conventions::is_complex(datatype) => {
            json!(format!("<c{}", datatype.size))
        }
        Class::Compound { members } => {
            let parts: Anyway<Vec<Json>> =
                members.iter().map(|m| Ok(json!([String::from_utf8_lossy(&m.name), numpy(&m.datatype)?]))).collect();
            Json::Array(parts?)
        }
        _ => return Err(format!("{datatype} has no name in NumPy").into()),
    })
}

fn from_numpy(name: &Json) -> Anyway<Datatype> {
    if let Some(parts) = name.as_array() {
        let member = |part: &Json| Ok((part[0].as_str().ok_or("a name")?.to_string(), from_numpy(&part[1])?));
        return Ok(Datatype::compound(parts.iter().map(member).collect::<Anyway<Vec<_>>>()?));
    }
    let name = name.as_str().ok_or("a type")?;
    let order = if name.starts_with('>') { ByteOrder::BigEndian } else { ByteOrder::LittleEndian };
    let size: u8 = name[2..].parse()?;
    Ok(match &name[1..2] {
        "i" => Datatype::integer(size, true, order),
        "u" => Datatype::integer(size, false, order),
        "f" => Datatype::float(size, order)?,
        "b" => Datatype::boolean(),
        "c" => Datatype::complex_compound(Datatype::float(size / 2, order)?),
        "S" => {
            let mut datatype = Datatype::string(size.into(), CharacterSet::Ascii);
            if let Class::String { padding, .. } = &mut datatype.class {
                *padding = StringPadding::NullPadded;
            }
            datatype
        }
        other => return Err(format!("no type {other}").into()),
    })
}

fn text(json: &Json) -> Anyway<String> {
    Ok(json.as_str().ok_or("a text")?.into())
}

fn double(json: &Json) -> Anyway<f64> {
    Ok(f64::from_be_bytes(unhex(&text(json)?)?.try_into().map_err(|_| "eight bytes")?))
}

fn items(json: &Json) -> Anyway<Vec<Value>> {
    json.as_array().ok_or("a list")?.iter().map(from_json).collect()
}

fn members(json: &Json) -> Anyway<Members> {
    json.as_object().ok_or("an object")?.iter().map(|(k, v)| Ok((k.clone(), from_json(v)?))).collect()
}

fn numbers(json: &Json) -> Anyway<Option<Vec<u64>>> {
    json.as_array().map(|list| list.iter().map(|n| n.as_u64().ok_or_else(|| "a length".into())).collect()).transpose()
}

fn from_json(json: &Json) -> Anyway<Value> {
    let zone = || json["zone"].as_str().map(String::from);
    Ok(match json["t"].as_str().ok_or("a kind")? {
        "none" => Value::Null,
        "bool" => Value::Bool(json["v"].as_bool().ok_or("a boolean")?),
        "int" => {
            let number: num_bigint::BigInt = text(&json["v"])?.parse()?;
            i128::try_from(&number).map_or(Value::BigInt(number), Value::Int)
        }
        "float" => Value::Float(double(&json["bits"])?),
        "complex" => Value::Complex(Complex64::new(double(&json["re"])?, double(&json["im"])?)),
        "str" => Value::Text(text(&json["v"])?),
        "bytes" => Value::Bytes(unhex(&text(&json["hex"])?)?),
        "path" => Value::Path(text(&json["v"])?),
        "time" => Value::Time(Timestamp { nanoseconds: text(&json["ns"])?.parse()?, zone: zone() }),
        "times" => {
            let ns = json["ns"].as_array().ok_or("a list")?;
            let nanoseconds = ns.iter().map(|n| Ok(text(n)?.parse()?)).collect::<Anyway<_>>()?;
            Value::TimeIndex(TimeIndex { nanoseconds, zone: zone() })
        }
        "list" => Value::Seq(items(&json["v"])?),
        "tuple" => Value::Tuple(items(&json["v"])?),
        "set" => Value::Set(items(&json["v"])?),
        "dict" => {
            let pairs = json["v"].as_array().ok_or("a list")?;
            Value::Map(pairs.iter().map(|p| Ok((from_json(&p[0])?, from_json(&p[1])?))).collect::<Anyway<_>>()?)
        }
        "array" => Value::Array(array(json)?),
        "group" | "dataset" => Value::from(node(json)?),
        "object" => {
            let tag = Tag::new(text(&json["namespace"])?, text(&json["label"])?, json["version"].as_i64());
            Value::from(Object { tag, node: node(&json["node"])? })
        }
        "hard" => Value::Link(Link::Hard(text(&json["path"])?)),
        "soft" => Value::Link(Link::Soft(text(&json["path"])?)),
        "external" => Value::Link(Link::External { file: text(&json["file"])?, path: text(&json["path"])? }),
        "shared" => Value::Shared(Identity(json["id"].as_u64().ok_or("a number")?), Box::new(from_json(&json["v"])?)),
        "same" => Value::Same(Identity(json["id"].as_u64().ok_or("a number")?)),
        "delayed" => Value::Delayed(Slot::new()),
        other => return Err(format!("no kind {other}").into()),
    })
}

fn node(json: &Json) -> Anyway<Node> {
    if json["t"] == "group" {
        let (attrs, members) = (members(&json["attrs"])?, members(&json["members"])?);
        return Ok(GroupNode { attrs, members, on_demand: json["on_demand"] == true }.into());
    }
    let data = array(&json["data"])?;
    let ids: Vec<u64> = numbers(&json["filters"])?.unwrap_or_default();
    let filter = |id: &u64| match id {
        1 => "gzip=6".to_string(),
        2 => "shuffle".to_string(),
        3 => "fletcher32".to_string(),
        6 => "scaleoffset".to_string(),
        32000 => "lzf".to_string(),
        other => other.to_string(),
    };
    let filters =
        if ids.is_empty() { None } else { Some(ids.iter().map(filter).collect::<Vec<_>>().join(",").parse()?) };
    let maxshape = json["maxshape"].as_array().map(|list| list.iter().map(Json::as_u64).collect());
    let fill = json["fill"].as_str().map(unhex).transpose()?;
    let storage = Storage { chunks: numbers(&json["chunks"])?, maxshape, filters, fill, ..Storage::default() };
    Ok(DatasetNode { data, attrs: members(&json["attrs"])?, storage }.into())
}

fn array(json: &Json) -> Anyway<Array> {
    let shape = numbers(&json["shape"])?;
    if let Some(texts) = json["texts"].as_array() {
        let texts = texts.iter().map(text).collect::<Anyway<Vec<_>>>()?;
        return Ok(Array::texts(shape.unwrap_or_default(), texts));
    }
    let datatype = from_numpy(&json["dtype"])?;
    Ok(match (shape, json["hex"].as_str()) {
        (None, _) => Array::null(datatype),
        (Some(shape), Some(bytes)) => Array::stored(datatype, shape, unhex(bytes)?)?,
        (Some(shape), None) => Array::unwritten(datatype, shape),
    })
}
