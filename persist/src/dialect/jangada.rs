//! The dialect of the Python package jangada: its files are read, and it reads ours.
//!
//! ```text
//! object      group with __class__ "module.Name" and __container_type__ "dict"; one, /root, in a file
//! dict        group with __container_type__ "dict"
//! list        group with __container_type__ "list", of items "0", "1", ...; tuples and sets too
//! None, path  texts "NoneType:None", "Path:..."
//! arrays      datasets with __dataset_type__ "numpy.ndarray", of which the first axis grows
//! times       int64 nanoseconds with __dataset_type__ "pandas.Timestamp", "pandas.DatetimeIndex", and timezone
//! ```
//! Values without parts are attributes, all others members. Lists are read in the order of their numbers, which the package
//! loses from the eleventh item on. There are no versions: an object is of the current one. There are no bytes, links,
//! integers beyond 64 bits, and texts that mean None or a path; shared values are written once for each use.

use super::raw::NewAttrs;
use super::{Dialect, Reading, Writing, raw, shared};
use crate::value::{
    Array, Attrs, DatasetNode, GroupNode, Members, Node, Storage, Tag, TimeIndex, Timestamp, Value, expected,
};
use hdf5_format::datatype::contains_address;
use hdf5_format::edit::{FileStyle, GroupStyle};
use hdf5_format::{Attribute, Dataset, Error, ErrorKind, File, Group, Object, ObjectInfo, Result};

const CLASS: &str = "__class__";
const CONTAINER: &str = "__container_type__";
const DATASET: &str = "__dataset_type__";
const ZONE: &str = "timezone";
const NONE: &str = "NoneType:None";
const PATH: &str = "Path:";

/// The dialect of jangada.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jangada;

impl Dialect for Jangada {
    fn name(&self) -> &'static str {
        "jangada"
    }

    fn style(&self) -> FileStyle {
        FileStyle::default()
    }

    fn detect(&self, file: &File) -> bool {
        let marked = |o: &Object| [CONTAINER, CLASS, DATASET].iter().any(|name| o.info().attribute(name).is_ok());
        file.get("root").is_ok_and(|object| marked(&object))
    }

    fn check(&self, name: &str, value: &Value, attr: bool) -> Result<()> {
        let value = shared::unshare(value)?;
        if attr {
            return check_attr(name, &value);
        }
        raw::check_link_name(name)?;
        check(&value)
    }

    fn write(&self, to: &mut Writing, group: &Group, name: &str, value: &Value) -> Result<()> {
        write(to, group, name, &shared::unshare(value)?)
    }

    fn write_attr(&self, object: &Object, name: &str, value: &Value) -> Result<()> {
        let array = primitive(value).ok_or_else(|| no_form(value))?;
        raw::write_attr(object.info(), name, &array)
    }

    fn read(&self, from: &mut Reading, object: Object) -> Result<Value> {
        read(from, object)
    }

    fn read_attr(&self, attribute: &Attribute) -> Result<Option<Value>> {
        if [CLASS, CONTAINER, DATASET].iter().any(|mark| attribute.name() == mark.as_bytes()) {
            return Ok(None);
        }
        read_primitive(attribute).map(Some)
    }

    fn tag(&self, object: &Object) -> Option<Tag> {
        let class = object.info().attr::<String>(CLASS).ok();
        let class = class.or_else(|| object.info().attr::<String>(DATASET).ok().filter(|name| !ours(name)))?;
        Some(class_tag(&class))
    }

    fn shares(&self) -> bool {
        false
    }

    fn prefers_attr(&self, value: &Value) -> bool {
        primitive(value).is_some()
    }
}

/// True for types of datasets that are values of the model.
fn ours(name: &str) -> bool {
    ["numpy.ndarray", "pandas.Timestamp", "pandas.DatetimeIndex"].contains(&name)
}

fn class_tag(class: &str) -> Tag {
    let (namespace, label) = class.rsplit_once('.').unwrap_or(("", class));
    Tag::new(namespace, label, None)
}

fn class_name(tag: &Tag) -> String {
    if tag.namespace.is_empty() { tag.label.clone() } else { format!("{}.{}", tag.namespace, tag.label) }
}

fn no_form(value: &Value) -> Error {
    Error::new(ErrorKind::Unsupported, format!("jangada has no form for {}", value.describe()))
        .with_hint("the native dialect has")
}

// Values without parts

/// The attribute that a value is; `None` if it is a member.
fn primitive(value: &Value) -> Option<Array> {
    match value {
        Value::Null => Some(Array::texts([], [NONE])),
        Value::Path(path) => Some(Array::texts([], [format!("{PATH}{path}")])),
        Value::Array(array) if !array.shape().is_empty() || contains_address(array.dtype()) => None,
        other => Array::of_scalar(other),
    }
}

fn check_attr(name: &str, value: &Value) -> Result<()> {
    if [CLASS, CONTAINER, DATASET].contains(&name) {
        return Err(Error::new(ErrorKind::Invalid, format!("{name:?} is a mark of jangada's")));
    }
    if let Value::Text(text) = value
        && (text == NONE || text.starts_with(PATH))
    {
        let error = Error::new(ErrorKind::Unsupported, format!("jangada takes the text {text:?} for None or a path"));
        return Err(error.on(format!("@{name}")));
    }
    let array = primitive(value).ok_or_else(|| no_form(value))?;
    raw::check_attr(name, &array, raw::ATTRIBUTE_LIMIT).map_err(|e| e.on(format!("@{name}")))
}

fn read_primitive(attribute: &Attribute) -> Result<Value> {
    let array = raw::read_attr(attribute)?;
    Ok(match array.to_scalar() {
        Some(Value::Text(text)) if text == NONE => Value::Null,
        Some(Value::Text(text)) => match text.strip_prefix(PATH) {
            Some(path) => Value::Path(path.into()),
            None => Value::Text(text),
        },
        Some(value) => value,
        None => Value::Array(array),
    })
}

// Writing

fn check(value: &Value) -> Result<()> {
    match value {
        Value::Array(array) => check_elements(array),
        Value::Time(time) => check_zone(time.zone.as_deref()),
        Value::TimeIndex(times) => check_zone(times.zone.as_deref()),
        Value::Delayed(_) => Ok(()),
        Value::Unread(slot) => check(&slot.read()?),
        Value::Seq(items) | Value::Tuple(items) | Value::Set(items) => {
            items.iter().enumerate().try_for_each(|(at, item)| check_entry(&at.to_string(), item))
        }
        Value::Map(pairs) => pairs.iter().try_for_each(|(key, value)| check_entry(key_name(key)?, value)),
        Value::Object(object) => {
            let class = class_name(&object.tag);
            if class.is_empty() || class.contains('\0') || ours(&class) {
                return Err(Error::new(ErrorKind::Invalid, format!("{class:?} cannot be the name of a class")));
            }
            check_node(&object.node)
        }
        Value::Node(node) => check_node(node),
        _ => Err(no_form(value)),
    }
}

fn check_entry(name: &str, value: &Value) -> Result<()> {
    if primitive(value).is_some() {
        return check_attr(name, value);
    }
    if [CLASS, CONTAINER].contains(&name) {
        return Err(Error::new(ErrorKind::Invalid, format!("{name:?} is a mark of jangada's")));
    }
    raw::check_link_name(name)?;
    check(value).map_err(|e| e.on(name))
}

fn check_elements(array: &Array) -> Result<()> {
    if contains_address(array.dtype()) {
        return Err(
            no_form(&Value::Array(array.clone())).with_hint("jangada has arrays of numbers and of fixed strings")
        );
    }
    raw::check_array(array)
}

fn check_zone(zone: Option<&str>) -> Result<()> {
    match zone {
        Some(zone) if zone == NONE || zone.contains('\0') => {
            Err(Error::new(ErrorKind::Invalid, format!("{zone:?} is no name of a zone")))
        }
        _ => Ok(()),
    }
}

fn key_name(key: &Value) -> Result<&str> {
    match key {
        Value::Text(name) => Ok(name),
        other => {
            Err(expected("a name as a key", &other.describe()).with_hint("the native dialect has keys of every kind"))
        }
    }
}

fn check_node(node: &Node) -> Result<()> {
    match node {
        Node::Group(group) => {
            if let Some(twice) = group.attrs.keys().find(|name| group.members.contains_key(*name)) {
                let text = format!("{twice:?} is an attribute and a member; jangada has properties");
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
            group.attrs.iter().chain(&group.members).try_for_each(|(name, value)| check_entry(name, value))
        }
        Node::Dataset(dataset) => {
            dataset.attrs.iter().try_for_each(|(name, value)| check_attr(name, value))?;
            check_elements(&dataset.data)
        }
    }
}

fn write(to: &mut Writing, group: &Group, name: &str, value: &Value) -> Result<()> {
    match value {
        Value::Delayed(slot) => {
            to.delay(format!("{}/{name}", group.path().trim_end_matches('/')), slot);
            Ok(())
        }
        Value::Unread(slot) => write(to, group, name, &slot.read()?),
        Value::Seq(items) | Value::Tuple(items) | Value::Set(items) => {
            let names: Vec<String> = (0..items.len()).map(|at| at.to_string()).collect();
            let entries = names.iter().map(String::as_str).zip(items);
            container(to, group, name, &[(CONTAINER, "list")], &GroupStyle::tracked(true), entries)
        }
        Value::Map(pairs) => {
            let entries = pairs.iter().map(|(key, value)| Ok((key_name(key)?, value))).collect::<Result<Vec<_>>>()?;
            container(to, group, name, &[(CONTAINER, "dict")], &GroupStyle::default(), entries)
        }
        Value::Time(time) => {
            let array = Array::scalar(time.nanoseconds)?;
            times(group, name, &array, ("pandas.Timestamp", time.zone.as_deref()))
        }
        Value::TimeIndex(index) => {
            let array = Array::new([index.nanoseconds.len() as u64], &index.nanoseconds)?;
            times(group, name, &array, ("pandas.DatetimeIndex", index.zone.as_deref()))
        }
        Value::Array(array) => {
            let mut marks = NewAttrs::default();
            marks.text(DATASET, "numpy.ndarray");
            elements(group, name, array, &Storage::default(), &marks)
        }
        Value::Node(node) => write_node(to, group, name, node, None),
        Value::Object(object) => write_node(to, group, name, &object.node, Some(&class_name(&object.tag))),
        other => Err(no_form(other)),
    }
}

/// A group with marks: entries without parts are its attributes, all others members.
fn container<'a>(
    to: &mut Writing,
    group: &Group,
    name: &str,
    marks: &[(&'static str, &str)],
    style: &GroupStyle,
    entries: impl IntoIterator<Item = (&'a str, &'a Value)>,
) -> Result<()> {
    let (mut attrs, mut members) = (NewAttrs::default(), Vec::new());
    marks.iter().for_each(|(mark, text)| attrs.text(mark, text));
    for (name, value) in entries {
        match primitive(value) {
            Some(array) => attrs.push(name, array)?,
            None => members.push((name, value)),
        }
    }
    let new = raw::write_group(group, name, style, &attrs)?;
    members.into_iter().try_for_each(|(name, value)| write(to, &new, name, value))
}

fn times(group: &Group, name: &str, array: &Array, (kind, zone): (&str, Option<&str>)) -> Result<()> {
    let mut marks = NewAttrs::default();
    marks.text(DATASET, kind);
    marks.text(ZONE, zone.unwrap_or(NONE));
    elements(group, name, array, &Storage::default(), &marks)
}

/// The first axis grows, as the package has it of all arrays.
fn growing(array: &Array, storage: &Storage) -> Storage {
    let mut storage = storage.clone();
    if let (None, Some((_, inner))) = (&storage.maxshape, array.shape().split_first()) {
        storage.maxshape = Some(std::iter::once(None).chain(inner.iter().copied().map(Some)).collect());
    }
    storage
}

fn elements(group: &Group, name: &str, array: &Array, storage: &Storage, attrs: &NewAttrs<'_>) -> Result<()> {
    raw::write_dataset(group, name, array, &growing(array, storage), attrs).map(drop)
}

fn write_node(to: &mut Writing, group: &Group, name: &str, node: &Node, class: Option<&str>) -> Result<()> {
    match node {
        Node::Group(GroupNode { attrs, members, .. }) => {
            let marks = class.map(|class| (CLASS, class)).into_iter().chain([(CONTAINER, "dict")]);
            let marks: Vec<_> = marks.collect();
            let entries = attrs.iter().chain(members).map(|(name, value)| (name.as_str(), value));
            container(to, group, name, &marks, &GroupStyle::default(), entries)
        }
        Node::Dataset(DatasetNode { data, attrs, storage }) => {
            let mut all = NewAttrs::default();
            all.text(DATASET, class.unwrap_or("numpy.ndarray"));
            for (name, value) in attrs {
                all.push(name, primitive(value).ok_or_else(|| no_form(value))?)?;
            }
            elements(group, name, data, storage, &all)
        }
    }
}

// Reading

/// Files that the package writes have no second names; others may, and are read in the time of what they hold.
fn read(from: &mut Reading, object: Object) -> Result<Value> {
    from.once(object, |from, object| match object {
        Object::Dataset(dataset) => read_dataset(from, dataset),
        Object::Group(group) => read_group(from, &group),
        other => Err(Error::unsupported(format!("a {} is no value", other.kind()))),
    })
}

fn read_dataset(from: &mut Reading, dataset: Dataset) -> Result<Value> {
    let kind: Option<String> = dataset.attr(DATASET).ok();
    let zone = || dataset.attr::<String>(ZONE).ok().filter(|zone| zone != NONE);
    match kind.as_deref() {
        Some("pandas.Timestamp") => Ok(Value::Time(Timestamp { nanoseconds: dataset.read_scalar()?, zone: zone() })),
        Some("pandas.DatetimeIndex") => {
            Ok(Value::TimeIndex(TimeIndex { nanoseconds: dataset.read_vec()?, zone: zone() }))
        }
        kind => {
            let tag = kind.filter(|name| !ours(name)).map(class_tag);
            let attrs = read_attrs(&dataset)?;
            let storage = raw::read_storage(&dataset);
            let scalar = dataset.shape().is_empty();
            let data = raw::read_dataset(dataset, from)?;
            // That the first axis grows says nothing here.
            let plain = attrs.is_empty() && storage.described.is_empty() && storage.fill.is_none();
            Ok(match tag {
                Some(tag) => {
                    let node = DatasetNode { data, attrs, storage }.into();
                    Value::from(crate::value::Object { tag, node })
                }
                // A scalar dataset is an array; an attribute without dimensions is a number.
                None if plain && !scalar => Value::Array(data),
                None => Value::from(DatasetNode { data, attrs, storage }),
            })
        }
    }
}

fn read_attrs(object: &ObjectInfo) -> Result<Attrs> {
    let mut attrs = Attrs::new();
    for attribute in object.attributes()? {
        let attribute = attribute?;
        if let Some(value) = Jangada.read_attr(&attribute)? {
            attrs.insert(attribute.display_name(), value);
        }
    }
    Ok(attrs)
}

fn read_group(from: &mut Reading, group: &Group) -> Result<Value> {
    let class: Option<String> = group.attr(CLASS).ok();
    let kind: Option<String> = group.attr(CONTAINER).ok();
    let (attrs, members) = (read_attrs(group)?, from.members(group, false, read)?);
    match (class, kind.as_deref()) {
        (Some(class), _) => {
            let node = GroupNode { attrs, members, on_demand: false }.into();
            Ok(Value::from(crate::value::Object { tag: class_tag(&class), node }))
        }
        (None, Some("list")) => raw::by_number(attrs.into_iter().chain(members).collect()).map(Value::Seq),
        (None, Some("dict")) => {
            let mut entries: Members = attrs.into_iter().chain(members).collect();
            entries.sort_keys();
            Ok(Value::Map(entries.into_iter().map(|(name, value)| (Value::Text(name), value)).collect()))
        }
        (None, Some(other)) => Err(Error::unsupported(format!("containers of type {other:?}"))),
        (None, None) => Ok(Value::from(GroupNode { attrs, members, on_demand: false })),
    }
}
