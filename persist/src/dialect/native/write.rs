//! Values to objects.

use super::super::raw::NewAttrs;
use super::super::{DEEPEST, Writing, raw};
use super::{LABEL, NAMESPACE, ON_DEMAND, ORDER, PREFIX, TYPE, VERSION, attrs};
use crate::value::{Array, Attrs, DatasetNode, GroupNode, Identity, Node, Object, Storage, Tag, Value};
use hdf5_format::edit::GroupStyle;
use hdf5_format::{Error, ErrorKind, Group, ObjectInfo, Result};
use std::collections::HashSet;

/// Whether a value can be written.
pub(super) fn check(value: &Value, depth: usize) -> Result<()> {
    if depth > DEEPEST {
        return Err(Error::limit("depth", DEEPEST as u64, depth as u64));
    }
    let below = depth.saturating_add(1);
    match value {
        Value::Array(array) => raw::check_array(array),
        Value::Node(node) => check_node(node, below),
        Value::Object(object) => {
            check_tag(&object.tag)?;
            check_node(&object.node, below)
        }
        Value::Time(time) => check_zone(time.zone.as_deref()),
        Value::TimeIndex(times) => check_zone(times.zone.as_deref()),
        Value::Delayed(slot) if slot.is_bound() => {
            Err(Error::new(ErrorKind::Conflict, "a delayed value has one place, and has it already"))
        }
        other => other.children().into_iter().try_for_each(|child| check(child, below)),
    }
}

fn check_node(node: &Node, depth: usize) -> Result<()> {
    node.attrs().iter().try_for_each(|(name, value)| attrs::check(name, value))?;
    match node {
        Node::Group(group) => group.members.iter().try_for_each(|(name, value)| {
            raw::check_link_name(name)?;
            check(value, depth).map_err(|e| e.on(name))
        }),
        Node::Dataset(dataset) => raw::check_array(&dataset.data),
    }
}

fn check_tag(tag: &Tag) -> Result<()> {
    if tag.label.contains('\0') || tag.namespace.contains('\0') {
        return Err(Error::new(ErrorKind::Invalid, format!("the tag {tag} holds NUL")));
    }
    Ok(())
}

fn check_zone(zone: Option<&str>) -> Result<()> {
    match zone {
        Some(zone) if zone.is_empty() || zone.contains('\0') => {
            Err(Error::new(ErrorKind::Invalid, format!("{zone:?} is no name of a zone")))
        }
        _ => Ok(()),
    }
}

/// Writes a checked value; others may be the same as it by its identity.
pub(super) fn write(
    to: &mut Writing,
    group: &Group,
    name: &str,
    value: &Value,
    identity: Option<Identity>,
) -> Result<()> {
    let mut writer = Writer { to, group, name, identity };
    match value {
        Value::Shared(identity, value) => write(writer.to, group, name, value, Some(*identity)),
        Value::Same(identity) => writer.to.link(*identity, group, name),
        Value::Link(link) => raw::write_link(group, name, link),
        Value::Delayed(slot) => {
            writer.to.delay(child(group, name), slot);
            Ok(())
        }
        Value::Unread(slot) => {
            let value = slot.read()?;
            writer.to.apart(|to| write(to, group, name, &value, None))?;
            writer.created(group.get(name)?.info());
            Ok(())
        }
        Value::Array(array) => writer.array(array, None),
        Value::Node(node) => writer.node(node, None),
        Value::Object(object) => writer.object(object),
        Value::Seq(items) => writer.items("list", items),
        Value::Tuple(items) => writer.items("tuple", items),
        Value::Set(items) => writer.items("set", items),
        Value::Map(pairs) => writer.map(pairs),
        scalar => writer.scalar(scalar),
    }
}

fn child(group: &Group, name: &str) -> String {
    format!("{}/{name}", group.path().trim_end_matches('/'))
}

struct Writer<'a> {
    to: &'a mut Writing,
    group: &'a Group,
    name: &'a str,
    identity: Option<Identity>,
}

impl Writer<'_> {
    fn created(&mut self, object: &ObjectInfo) {
        if let Some(identity) = self.identity {
            self.to.define(identity, object);
        }
    }

    /// A dataset with attributes behind the mark of its kind; without one they keep their order.
    fn dataset(
        &mut self,
        array: &Array,
        storage: &Storage,
        kind: Option<&str>,
        put: impl FnOnce(&mut NewAttrs<'_>) -> Result<()>,
    ) -> Result<()> {
        let attrs = marked(kind, put)?;
        let dataset = raw::write_dataset_with(self.group, self.name, array, storage, &attrs, kind.is_none())?;
        self.created(&dataset);
        Ok(())
    }

    fn new_group(&mut self, kind: Option<&str>, put: impl FnOnce(&mut NewAttrs<'_>) -> Result<()>) -> Result<Group> {
        // Lists and dicts have an order of their own; nodes have that in which they were made.
        let style = if kind.is_none() { GroupStyle::tracked(false) } else { GroupStyle::default() };
        let group = raw::write_group(self.group, self.name, &style, &marked(kind, put)?)?;
        self.created(&group);
        Ok(group)
    }

    fn array(&mut self, array: &Array, kind: Option<&str>) -> Result<()> {
        self.dataset(array, &Storage::default(), kind, |_| Ok(()))
    }

    /// A text, or its bytes where it holds NUL.
    fn text(&mut self, kind: &str, text: &str) -> Result<()> {
        if text.contains('\0') {
            return self.bytes(kind, text.as_bytes());
        }
        self.array(&Array::texts([], [text]), Some(kind))
    }

    fn bytes(&mut self, kind: &str, bytes: &[u8]) -> Result<()> {
        self.array(&Array::new([bytes.len() as u64], bytes)?, Some(kind))
    }

    fn scalar(&mut self, value: &Value) -> Result<()> {
        let kind = match value {
            Value::Text(text) => return self.text("str", text),
            Value::Path(text) => return self.text("path", text),
            Value::Bytes(bytes) => return self.bytes("bytes", bytes),
            Value::BigInt(number) => return self.text("int", &number.to_string()),
            Value::Int(number) if Array::of_scalar(value).is_none() => return self.text("int", &number.to_string()),
            Value::Time(time) => return self.times("time", &Array::scalar(time.nanoseconds)?, time.zone.as_deref()),
            Value::TimeIndex(times) => {
                let array = Array::new([times.nanoseconds.len() as u64], &times.nanoseconds)?;
                return self.times("times", &array, times.zone.as_deref());
            }
            Value::Null => "none",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            _ => "complex",
        };
        let array = Array::of_scalar(value);
        let array =
            array.ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("no form for {}", value.describe())))?;
        self.array(&array, Some(kind))
    }

    fn times(&mut self, kind: &str, array: &Array, zone: Option<&str>) -> Result<()> {
        self.dataset(array, &Storage::default(), Some(kind), |attrs| {
            zone.into_iter().for_each(|zone| attrs.text("zone", zone));
            Ok(())
        })
    }

    fn items(&mut self, kind: &str, items: &[Value]) -> Result<()> {
        if let Some(array) = row(items) {
            return self.array(&array, Some(kind));
        }
        let names: Vec<String> = (0..items.len()).map(|at| at.to_string()).collect();
        self.entries(kind, None, names.iter().map(String::as_str).zip(items))
    }

    /// The items of a list or a map: attributes where that is possible.
    fn entries<'v>(
        &mut self,
        kind: &str,
        order: Option<Array>,
        entries: impl Iterator<Item = (&'v str, &'v Value)>,
    ) -> Result<()> {
        let (fit, others): (Vec<_>, Vec<_>) = entries.partition(|(_, value)| attrs::fits(value));
        let group = self.new_group(Some(kind), |attrs| {
            order.into_iter().try_for_each(|names| attrs.push(ORDER, names))?;
            fit.into_iter().try_for_each(|(name, value)| attrs.push(name.to_owned(), attrs::form_of(value)?))
        })?;
        others.into_iter().try_for_each(|(name, value)| write(self.to, &group, name, value, None))
    }

    fn map(&mut self, pairs: &[(Value, Value)]) -> Result<()> {
        let Some(names) = names(pairs) else {
            let group = self.new_group(Some("pairs"), |_| Ok(()))?;
            let (keys, values) = pairs.iter().cloned().unzip();
            write(self.to, &group, "keys", &Value::Seq(keys), None)?;
            return write(self.to, &group, "values", &Value::Seq(values), None);
        };
        let order = (!names.is_sorted()).then(|| Array::texts([names.len() as u64], &names));
        self.entries("dict", order, names.into_iter().zip(pairs.iter().map(|(_, value)| value)))
    }

    fn node(&mut self, node: &Node, tag: Option<&Tag>) -> Result<()> {
        match node {
            Node::Group(GroupNode { attrs, members, on_demand }) => {
                let group = self.new_group(None, |all| {
                    put_attrs(all, attrs, tag)?;
                    if *on_demand { all.push(ON_DEMAND, Array::scalar(true)?) } else { Ok(()) }
                })?;
                members.iter().try_for_each(|(name, value)| write(self.to, &group, name, value, None))
            }
            Node::Dataset(DatasetNode { data, attrs, storage }) => {
                let plain = tag.is_none() && attrs.is_empty() && *storage == Storage::default();
                self.dataset(data, storage, plain.then_some("dataset"), |all| put_attrs(all, attrs, tag))
            }
        }
    }

    fn object(&mut self, object: &Object) -> Result<()> {
        self.node(&object.node, Some(&object.tag))
    }
}

fn marked(kind: Option<&str>, put: impl FnOnce(&mut NewAttrs<'_>) -> Result<()>) -> Result<NewAttrs<'static>> {
    let mut attrs = NewAttrs::default();
    kind.into_iter().for_each(|kind| attrs.text(TYPE, kind));
    put(&mut attrs)?;
    Ok(attrs)
}

fn put_attrs(all: &mut NewAttrs<'_>, attrs: &Attrs, tag: Option<&Tag>) -> Result<()> {
    if let Some(tag) = tag {
        all.text(NAMESPACE, &tag.namespace);
        all.text(LABEL, &tag.label);
        tag.version.map_or(Ok(()), |version| all.push(VERSION, Array::scalar(version)?))?;
    }
    attrs.iter().try_for_each(|(name, value)| all.push(name.clone(), attrs::form_of(value)?))
}

/// Items of one simple kind as elements.
fn row(items: &[Value]) -> Option<Array> {
    let count = [items.len() as u64];
    macro_rules! all {
        ($type:ty, $pattern:pat => $value:expr) => {
            items.iter().map(|item| if let $pattern = item { $value } else { None }).collect::<Option<Vec<$type>>>()
        };
    }
    match items.first()? {
        Value::Int(_) => match all!(i64, Value::Int(n) => i64::try_from(*n).ok()) {
            Some(numbers) => Array::new(count, &numbers).ok(),
            // Unsigned elements say that one of them is large.
            None => Array::new(count, &all!(u64, Value::Int(n) => u64::try_from(*n).ok())?).ok(),
        },
        Value::Float(_) => Array::new(count, &all!(f64, Value::Float(x) => Some(*x))?).ok(),
        Value::Bool(_) => Array::new(count, &all!(bool, Value::Bool(x) => Some(*x))?).ok(),
        Value::Text(_) => {
            let texts = all!(&str, Value::Text(t) => (!t.contains('\0')).then_some(t.as_str()))?;
            Some(Array::texts(count, texts))
        }
        _ => None,
    }
}

/// The keys of a map, if all can be names of links and attributes.
fn names(pairs: &[(Value, Value)]) -> Option<Vec<&str>> {
    let name = |(key, _): &'_ (Value, Value)| match key {
        Value::Text(text) if raw::check_link_name(text).is_ok() && !text.starts_with(PREFIX) => Some(()),
        _ => None,
    };
    pairs.iter().try_for_each(name)?;
    let names: Vec<&str> = pairs
        .iter()
        .filter_map(|(key, _)| if let Value::Text(text) = key { Some(text.as_str()) } else { None })
        .collect();
    let distinct: HashSet<&str> = names.iter().copied().collect();
    (distinct.len() == names.len()).then_some(names)
}
