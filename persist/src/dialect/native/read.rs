//! Objects to values.

use super::super::{Reading, raw};
use super::{ON_DEMAND, ORDER, PREFIX, TYPE, attrs, tag};
use crate::value::{Array, Attrs, DatasetNode, GroupNode, Members, Node, TimeIndex, Timestamp, Value, expected};
use hdf5_format::{Attribute, Dataset, Error, ErrorKind, Group, Object, ObjectInfo, Result};
use num_bigint::BigInt;

/// The value of an object.
pub(super) fn read(from: &mut Reading, object: Object) -> Result<Value> {
    from.once(object, read_new)
}

fn read_new(from: &mut Reading, object: Object) -> Result<Value> {
    let kind: Option<String> = object.info().attr(TYPE).ok();
    let tag = tag(object.info());
    match (object, kind.as_deref()) {
        (Object::Dataset(dataset), Some(kind)) if tag.is_none() => typed_dataset(from, dataset, kind),
        (Object::Group(group), Some(kind)) if tag.is_none() => typed_group(from, &group, kind),
        (Object::Dataset(dataset), _) => {
            let (attrs, storage) = (read_attrs(&dataset)?, raw::read_storage(&dataset));
            let data = raw::read_dataset(dataset, from)?;
            Ok(match tag {
                Some(tag) => {
                    let node = DatasetNode { data, attrs, storage }.into();
                    Value::from(crate::value::Object { tag, node })
                }
                None => raw::dataset_value(data, attrs, storage),
            })
        }
        (Object::Group(group), _) => {
            let node = Node::from(read_group(from, &group)?);
            Ok(match tag {
                Some(tag) => Value::from(crate::value::Object { tag, node }),
                None => Value::from(node),
            })
        }
        (other, _) => Err(Error::unsupported(format!("a {} is no value", other.kind())).on(other.info().path())),
    }
}

/// The attributes that are no marks.
fn read_attrs(object: &ObjectInfo) -> Result<Attrs> {
    let mut found = Vec::new();
    for attribute in object.attributes()? {
        let attribute = attribute?;
        if !attribute.name().starts_with(PREFIX.as_bytes()) {
            found.push((attribute.creation_order(), attribute.display_name(), attrs::read(&attribute)?));
        }
    }
    found.sort_by_key(|(order, ..)| *order);
    Ok(found.into_iter().map(|(_, name, value)| (name, value)).collect())
}

fn read_group(from: &mut Reading, group: &Group) -> Result<GroupNode> {
    let on_demand = group.attr_or(ON_DEMAND, false)?;
    let attrs = read_attrs(group)?;
    let members = from.members(group, on_demand, read)?;
    Ok(GroupNode { attrs, members, on_demand })
}

fn typed_dataset(from: &mut Reading, dataset: Dataset, kind: &str) -> Result<Value> {
    if kind == "dataset" {
        return Ok(Value::from(DatasetNode::new(raw::read_dataset(dataset, from)?)));
    }
    let zone = || dataset.attr::<String>("zone").ok();
    let array = raw::read_elements(&dataset)?;
    let wrong = || expected(&format!("the form of {kind:?}"), &Value::Array(array.clone()).describe());
    let scalar = || Ok(Value::Array(array.clone()).simplified());
    match kind {
        "none" => Ok(Value::Null),
        "bool" | "float" | "complex" => scalar(),
        "int" => match scalar()? {
            Value::Text(text) => {
                let number: BigInt = text.parse().map_err(|_| wrong())?;
                Ok(i128::try_from(&number).map_or(Value::BigInt(number), Value::Int))
            }
            number => Ok(number),
        },
        "str" => Ok(Value::Text(text(&array)?)),
        "path" => Ok(Value::Path(text(&array)?)),
        "bytes" => Ok(Value::Bytes(array.to_vec()?)),
        "time" => match array.to_vec()?.as_slice() {
            &[nanoseconds] => Ok(Value::Time(Timestamp { nanoseconds, zone: zone() })),
            _ => Err(wrong()),
        },
        "times" => Ok(Value::TimeIndex(TimeIndex { nanoseconds: array.to_vec()?, zone: zone() })),
        "list" => Ok(Value::Seq(crate::value::items(&array)?)),
        "tuple" => Ok(Value::Tuple(crate::value::items(&array)?)),
        "set" => Ok(Value::Set(crate::value::items(&array)?)),
        _ => Err(unknown(kind)),
    }
}

fn text(array: &Array) -> Result<String> {
    if array.shape().len() == 1 {
        return String::from_utf8(array.to_vec()?).map_err(|e| expected("UTF-8", &e.to_string()));
    }
    array.to_texts()?.into_iter().next().ok_or_else(|| expected("a text", "none"))
}

fn unknown(kind: &str) -> Error {
    Error::unsupported(format!("values of type {kind:?}")).with_hint("a later version may have written it")
}

/// The items of a group: attributes and members, by name.
fn entries(from: &mut Reading, group: &Group) -> Result<Members> {
    let mut entries: Members = read_attrs(group)?;
    entries.extend(from.members(group, false, read)?);
    Ok(entries)
}

fn typed_group(from: &mut Reading, group: &Group, kind: &str) -> Result<Value> {
    match kind {
        "list" => numbered(from, group).map(Value::Seq),
        "tuple" => numbered(from, group).map(Value::Tuple),
        "set" => numbered(from, group).map(Value::Set),
        "dict" => {
            let mut entries = entries(from, group)?;
            let order = group.attribute(ORDER).ok().as_ref().map(Attribute::read_vec::<String>).transpose()?;
            match order {
                Some(order) => {
                    let missing = |name: &str| Error::new(ErrorKind::NotFound, format!("no item {name:?} of the dict"));
                    let one = |name: String| {
                        let value = entries.swap_remove(&name).ok_or_else(|| missing(&name))?;
                        Ok((Value::Text(name), value))
                    };
                    order.into_iter().map(one).collect::<Result<_>>().map(Value::Map)
                }
                None => {
                    entries.sort_keys();
                    Ok(Value::Map(entries.into_iter().map(|(name, value)| (Value::Text(name), value)).collect()))
                }
            }
        }
        "pairs" => {
            let mut list = |name: &str| match read(from, group.get(name)?)? {
                Value::Seq(items) => Ok(items),
                other => Err(expected("a list", &other.describe())),
            };
            let (keys, values) = (list("keys")?, list("values")?);
            if keys.len() != values.len() {
                return Err(expected(&format!("{} values", keys.len()), &values.len().to_string()));
            }
            Ok(Value::Map(keys.into_iter().zip(values).collect()))
        }
        _ => Err(unknown(kind)),
    }
}

/// The items of a list, by number.
fn numbered(from: &mut Reading, group: &Group) -> Result<Vec<Value>> {
    raw::by_number(entries(from, group)?)
}
