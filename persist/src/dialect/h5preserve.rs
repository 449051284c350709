//! The dialect of the Python package h5preserve: its files are read, and it reads ours.
//!
//! ```text
//! object      group or dataset with _h5preserve_namespace, _h5preserve_label, _h5preserve_version (none for version none)
//! on demand   _h5preserve_on_demand, TRUE
//! None        float64 without elements     "Python: None" / "None"
//! int, float  scalars of 64 bits           "Python: builtin numbers" / "int", "float"
//! bool        h5py's boolean               "Python: bool" / "bool"
//! bytes, str  variable length              "Python: builtin text" / "ascii", "text"
//! list, tuple what NumPy makes of them     "Python: sequence as dataset" / "list", "tuple"
//! arrays      datasets without marks
//! ```
//! The package reads its own lists and tuples as the names of a container's parts; here they are what they hold. Maps with
//! names for keys are groups without marks, as its `GroupContainer`s are. There are no sets, times, paths, complex numbers and
//! integers beyond 64 bits. Shared values are hard links. A group's attribute that is nothing,
//! for which the package has no form, is a member.

use super::raw::NewAttrs;
use super::{Dialect, Reading, Writing, raw, sequence, shared};
use crate::value::{Array, Attrs, DatasetNode, Elements, GroupNode, Identity, Node, Storage, Tag, Value, expected};
use hdf5_format::edit::{FileStyle, GroupStyle};
use hdf5_format::format::message::datatype::{CharacterSet, Datatype};
use hdf5_format::{Attribute, Dataset, Error, ErrorKind, File, Group, Object, ObjectInfo, Result, Sizes};

const NAMESPACE: &str = "_h5preserve_namespace";
const LABEL: &str = "_h5preserve_label";
const VERSION: &str = "_h5preserve_version";
const ON_DEMAND: &str = "_h5preserve_on_demand";
const PREFIX: &str = "_h5preserve_";

/// The dialect of h5preserve.
#[derive(Clone, Copy, Debug, Default)]
pub struct H5Preserve;

impl Dialect for H5Preserve {
    fn name(&self) -> &'static str {
        "h5preserve"
    }

    fn style(&self) -> FileStyle {
        FileStyle::default()
    }

    fn detect(&self, file: &File) -> bool {
        // Marks are on objects; groups without marks may hold the first of them.
        file.root().is_ok_and(|root| root.walk().take(64).flatten().any(|o| o.info().attribute(LABEL).is_ok()))
    }

    fn check(&self, name: &str, value: &Value, attr: bool) -> Result<()> {
        if attr {
            return check_attr(name, value);
        }
        raw::check_link_name(name)?;
        shared::check_acyclic(value)?;
        check(value)
    }

    fn write(&self, to: &mut Writing, group: &Group, name: &str, value: &Value) -> Result<()> {
        write(to, group, name, value, None)
    }

    fn write_attr(&self, object: &Object, name: &str, value: &Value) -> Result<()> {
        raw::write_attr(object.info(), name, &attr_form(value)?)
    }

    fn read(&self, from: &mut Reading, object: Object) -> Result<Value> {
        read(from, object)
    }

    fn read_attr(&self, attribute: &Attribute) -> Result<Option<Value>> {
        if attribute.name().starts_with(PREFIX.as_bytes()) {
            return Ok(None);
        }
        let array = raw::read_attr(attribute)?;
        Ok(Some(array.to_scalar().unwrap_or(Value::Array(array))))
    }

    fn tag(&self, object: &Object) -> Option<Tag> {
        tag(object.info()).filter(|tag| !tag.namespace.starts_with("Python: "))
    }

    fn prefers_attr(&self, _: &Value) -> bool {
        false
    }
}

fn tag(object: &ObjectInfo) -> Option<Tag> {
    let (namespace, label) = (object.attr(NAMESPACE).ok()?, object.attr(LABEL).ok()?);
    Some(Tag { namespace, label, version: object.attr(VERSION).ok() })
}

/// The attributes of an object, the marks apart from the others.
struct Marked {
    tag: Option<Tag>,
    on_demand: bool,
    attrs: Attrs,
}

impl Marked {
    fn read(object: &ObjectInfo) -> Result<Self> {
        let mut attrs = Attrs::new();
        let (mut namespace, mut label, mut version, mut on_demand) = (None, None, None, false);
        for attribute in object.attributes()? {
            let attribute = attribute?;
            let array = raw::read_attr(&attribute)?;
            let value = array.to_scalar().unwrap_or(Value::Array(array));
            match (attribute.display_name(), value) {
                (name, Value::Text(text)) if name == NAMESPACE => namespace = Some(text),
                (name, Value::Text(text)) if name == LABEL => label = Some(text),
                (name, value) if name == VERSION => {
                    if let Value::Int(number) = value.simplified() {
                        version = i64::try_from(number).ok();
                    }
                }
                (name, Value::Bool(truth)) if name == ON_DEMAND => on_demand = truth,
                (name, _) if name.starts_with(PREFIX) => {}
                (name, value) => {
                    attrs.insert(name, value);
                }
            }
        }
        let tag = namespace.zip(label).map(|(namespace, label)| Tag { namespace, label, version });
        Ok(Marked { tag, on_demand, attrs })
    }
}

fn no_form(value: &Value) -> Error {
    Error::new(ErrorKind::Unsupported, format!("h5preserve has no form for {}", value.describe()))
        .with_hint("the native dialect has; or dump it as a group of what it consists of")
}

// Attributes

fn check_attr(name: &str, value: &Value) -> Result<()> {
    if name.starts_with(PREFIX) {
        return Err(Error::new(ErrorKind::Invalid, format!("{name:?}: names that start with {PREFIX} are kept")));
    }
    raw::check_attr(name, &attr_form(value)?, raw::ATTRIBUTE_LIMIT).map_err(|e| e.on(format!("@{name}")))
}

fn attr_form(value: &Value) -> Result<Array> {
    match value {
        Value::Null => Err(no_form(value).with_hint("leave the attribute out")),
        Value::Seq(items) | Value::Tuple(items) => sequence::as_array(items),
        Value::Bytes(bytes) => sequence::fixed_bytes(Vec::new(), std::slice::from_ref(bytes)),
        other => Array::of_scalar(other).ok_or_else(|| no_form(other).with_hint("make it a member")),
    }
}

// Writing

fn check(value: &Value) -> Result<()> {
    match value {
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::Delayed(_) | Value::Same(_) | Value::Link(_) => Ok(()),
        Value::Int(_) => Array::of_scalar(value).map(|_| ()).ok_or_else(|| no_form(value)),
        Value::Text(text) if text.contains('\0') => Err(nul(value)),
        Value::Bytes(bytes) if bytes.contains(&0) => Err(nul(value)),
        Value::Text(_) | Value::Bytes(_) => Ok(()),
        Value::Seq(items) | Value::Tuple(items) => sequence::as_array(items).map(|_| ()),
        Value::Array(array) => raw::check_array(array),
        Value::Unread(slot) => check(&slot.read()?),
        Value::Shared(_, value) => check(value),
        Value::Node(node) => check_node(node),
        Value::Object(object) => {
            let tag = &object.tag;
            if tag.label.contains('\0') || tag.namespace.contains('\0') || tag.namespace.starts_with("Python: ") {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "the tag {tag} cannot be written: namespaces that start with \"Python: \" are kept, and NUL ends text"
                    ),
                ));
            }
            check_node(&object.node)
        }
        Value::Map(pairs) => pairs.iter().try_for_each(|(key, value)| {
            let name = key_name(key)?;
            raw::check_link_name(name)?;
            check(value).map_err(|e| e.on(name))
        }),
        _ => Err(no_form(value)),
    }
}

fn nul(value: &Value) -> Error {
    Error::new(ErrorKind::Invalid, format!("{} with NUL, which would end it in a file", value.describe()))
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
    let (nothing, attrs): (Vec<_>, Vec<_>) = node.attrs().iter().partition(|attr| is_nothing(node, attr));
    attrs.into_iter().try_for_each(|(name, value)| check_attr(name, value))?;
    nothing.into_iter().try_for_each(|(name, _)| raw::check_link_name(name))?;
    match node {
        Node::Group(group) => group.members.iter().try_for_each(|(name, value)| {
            raw::check_link_name(name)?;
            check(value).map_err(|e| e.on(name))
        }),
        Node::Dataset(dataset) => raw::check_array(&dataset.data),
    }
}

/// True for an attribute that is nothing, for which there is no form: it is a member of the group.
fn is_nothing(node: &Node, (name, value): &(&String, &Value)) -> bool {
    let free = matches!(node, Node::Group(group) if !group.members.contains_key(*name));
    free && matches!(value, Value::Null)
}

fn write(to: &mut Writing, group: &Group, name: &str, value: &Value, identity: Option<Identity>) -> Result<()> {
    let mut made = |object: &ObjectInfo, to: &mut Writing| identity.iter().for_each(|id| to.define(*id, object));
    let builtin = match value {
        Value::Shared(identity, value) => return write(to, group, name, value, Some(*identity)),
        Value::Same(identity) => return to.link(*identity, group, name),
        Value::Link(link) => return raw::write_link(group, name, link),
        Value::Unread(slot) => {
            let value = slot.read()?;
            to.apart(|to| write(to, group, name, &value, None))?;
            made(group.get(name)?.info(), to);
            return Ok(());
        }
        Value::Delayed(slot) => {
            to.delay(format!("{}/{name}", group.path().trim_end_matches('/')), slot);
            return Ok(());
        }
        Value::Array(array) => {
            let dataset = raw::write_dataset(group, name, array, &Storage::default(), &NewAttrs::default())?;
            made(&dataset, to);
            return Ok(());
        }
        Value::Map(pairs) => {
            let new = group.create_group(name)?;
            made(&new, to);
            return pairs.iter().try_for_each(|(key, value)| write(to, &new, key_name(key)?, value, None));
        }
        Value::Node(node) => return write_node(to, group, name, node, None, &mut made),
        Value::Object(object) => return write_node(to, group, name, &object.node, Some(&object.tag), &mut made),
        other => builtin(other)?,
    };
    let (namespace, label, array) = builtin;
    let mut marks = NewAttrs::default();
    marks.text(NAMESPACE, namespace);
    marks.text(LABEL, label);
    let dataset = raw::write_dataset(group, name, &array, &Storage::default(), &marks)?;
    made(&dataset, to);
    Ok(())
}

/// Namespace, label and elements of a value that the package's own registries hold.
fn builtin(value: &Value) -> Result<(&'static str, &'static str, Array)> {
    let scalar = || Array::of_scalar(value).ok_or_else(|| no_form(value));
    Ok(match value {
        Value::Null => ("Python: None", "None", scalar()?),
        Value::Bool(_) => ("Python: bool", "bool", scalar()?),
        Value::Int(_) => ("Python: builtin numbers", "int", scalar()?),
        Value::Float(_) => ("Python: builtin numbers", "float", scalar()?),
        Value::Text(_) => ("Python: builtin text", "text", scalar()?),
        Value::Bytes(bytes) => {
            let datatype = Datatype::vlen_string(CharacterSet::Ascii, Sizes::EIGHT);
            let array = Array::values(datatype, Some(Vec::new()), vec![hdf5_format::Value::String(bytes.clone())]);
            ("Python: builtin text", "ascii", array)
        }
        Value::Seq(items) => ("Python: sequence as dataset", "list", sequence::as_array(items)?),
        Value::Tuple(items) => ("Python: sequence as dataset", "tuple", sequence::as_array(items)?),
        other => return Err(no_form(other)),
    })
}

fn write_node(
    to: &mut Writing,
    group: &Group,
    name: &str,
    node: &Node,
    tag: Option<&Tag>,
    made: &mut dyn FnMut(&ObjectInfo, &mut Writing),
) -> Result<()> {
    match node {
        Node::Dataset(DatasetNode { data, attrs, storage }) => {
            let dataset = raw::write_dataset(group, name, data, storage, &marked(attrs, tag)?)?;
            made(&dataset, to);
            Ok(())
        }
        Node::Group(GroupNode { attrs, members, on_demand }) => {
            let (nothing, attrs): (Vec<_>, Vec<_>) = attrs.iter().partition(|attr| is_nothing(node, attr));
            let mut attrs = marked(attrs, tag)?;
            if *on_demand {
                attrs.push(ON_DEMAND, Array::scalar(true)?)?;
            }
            let new = raw::write_group(group, name, &GroupStyle::default(), &attrs)?;
            made(&new, to);
            nothing.into_iter().chain(members).try_for_each(|(name, value)| write(to, &new, name, value, None))
        }
    }
}

/// Attributes, and the marks of a tag.
fn marked<'a>(attrs: impl IntoIterator<Item = (&'a String, &'a Value)>, tag: Option<&Tag>) -> Result<NewAttrs<'a>> {
    let mut all = NewAttrs::default();
    attrs.into_iter().try_for_each(|(name, value)| all.push(name, attr_form(value)?))?;
    let Some(tag) = tag else { return Ok(all) };
    all.text(NAMESPACE, &tag.namespace);
    all.text(LABEL, &tag.label);
    if let Some(version) = tag.version {
        all.push(VERSION, Array::scalar(version)?)?;
    }
    Ok(all)
}

// Reading

fn read(from: &mut Reading, object: Object) -> Result<Value> {
    from.once(object, read_new)
}

fn read_new(from: &mut Reading, object: Object) -> Result<Value> {
    let Marked { tag, on_demand, attrs } = Marked::read(object.info())?;
    let node: Node = match object {
        Object::Dataset(dataset) => {
            if let Some(value) = tag.as_ref().map(|tag| read_builtin(&dataset, tag)).transpose()?.flatten() {
                return Ok(value);
            }
            let storage = raw::read_storage(&dataset);
            let data = raw::read_dataset(dataset, from)?;
            if tag.is_none() {
                return Ok(raw::dataset_value(data, attrs, storage));
            }
            DatasetNode { data, attrs, storage }.into()
        }
        Object::Group(group) => GroupNode { attrs, members: from.members(&group, on_demand, read)?, on_demand }.into(),
        other => return Err(Error::unsupported(format!("a {} is no value", other.kind()))),
    };
    Ok(match tag {
        Some(tag) => Value::from(crate::value::Object { tag, node }),
        None => Value::from(node),
    })
}

/// The value of a dataset with a label of the package's own registries.
fn read_builtin(dataset: &Dataset, tag: &Tag) -> Result<Option<Value>> {
    let array = || raw::read_elements(dataset);
    let scalar = || Ok(Some(Value::Array(array()?).simplified()));
    match (tag.namespace.as_str(), tag.label.as_str()) {
        ("Python: None", "None") => Ok(Some(Value::Null)),
        ("Python: builtin numbers", "int" | "float") | ("Python: bool", "bool") | ("Python: builtin text", "text") => {
            scalar()
        }
        ("Python: builtin text", "ascii") => match array()?.elements() {
            Elements::Values(values) => match values.as_slice() {
                [hdf5_format::Value::String(bytes)] => Ok(Some(Value::Bytes(bytes.clone()))),
                _ => Ok(None),
            },
            _ => Ok(None),
        },
        ("Python: sequence as dataset", "list") => Ok(Some(Value::Seq(sequence::items(&array()?)?))),
        ("Python: sequence as dataset", "tuple") => Ok(Some(Value::Tuple(sequence::items(&array()?)?))),
        _ => Ok(None),
    }
}
