//! Shared values in dialects that have no names for them.

use crate::value::{Identity, Node, Value};
use hdf5_format::{Error, ErrorKind, Result};
use std::collections::HashMap;

/// A value without shared values: each use has a copy.
///
/// # Errors
/// A value holds itself.
pub(crate) fn unshare(value: &Value) -> Result<Value> {
    fn walk(value: &Value, known: &mut HashMap<Identity, Option<Value>>) -> Result<Value> {
        let mut all = |items: &[Value]| items.iter().map(|item| walk(item, known)).collect::<Result<Vec<_>>>();
        Ok(match value {
            Value::Seq(items) => Value::Seq(all(items)?),
            Value::Tuple(items) => Value::Tuple(all(items)?),
            Value::Set(items) => Value::Set(all(items)?),
            Value::Map(pairs) => {
                let pair = |(key, value): &(Value, Value)| Ok((walk(key, known)?, walk(value, known)?));
                Value::Map(pairs.iter().map(pair).collect::<Result<_>>()?)
            }
            Value::Node(node) => Value::from(walk_node(node, known)?),
            Value::Object(object) => {
                let (tag, node) = (object.tag.clone(), walk_node(&object.node, known)?);
                Value::from(crate::value::Object { tag, node })
            }
            Value::Shared(identity, value) => {
                known.insert(*identity, None);
                let value = walk(value, known)?;
                known.insert(*identity, Some(value.clone()));
                value
            }
            Value::Same(identity) => known.get(identity).cloned().flatten().ok_or_else(cycle)?,
            other => other.clone(),
        })
    }

    fn walk_node(node: &Node, known: &mut HashMap<Identity, Option<Value>>) -> Result<Node> {
        let mut node = node.clone();
        for value in node.attrs_mut().values_mut() {
            *value = walk(value, known)?;
        }
        if let Node::Group(group) = &mut node {
            for value in group.members.values_mut() {
                *value = walk(value, known)?;
            }
        }
        Ok(node)
    }

    walk(value, &mut HashMap::new())
}

/// Whether no value holds itself.
///
/// # Errors
/// One does.
pub(crate) fn check_acyclic(value: &Value) -> Result<()> {
    fn walk(value: &Value, open: &mut Vec<Identity>) -> Result<()> {
        match value {
            Value::Same(identity) if open.contains(identity) => Err(cycle()),
            Value::Shared(identity, value) => {
                open.push(*identity);
                walk(value, open)?;
                open.pop();
                Ok(())
            }
            other => other.children().into_iter().try_for_each(|child| walk(child, open)),
        }
    }
    walk(value, &mut Vec::new())
}

fn cycle() -> Error {
    Error::new(ErrorKind::Unsupported, "a value holds itself, which this dialect has no form for")
        .with_hint("the native dialect has")
}
