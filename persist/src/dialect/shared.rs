//! Shared values in dialects that have no names for them.

use crate::value::{Identity, Node, Value};
use hdf5_format::{Error, ErrorKind, Result};
use std::collections::HashMap;

/// Bytes of copies at most, about: values that share values that share values may be more than any disk holds.
const MOST_COPIED: u64 = 1 << 30;

/// A value without shared values: each use has a copy.
///
/// # Errors
/// A value holds itself, or the copies are too large.
pub(crate) fn unshare(value: &Value) -> Result<Value> {
    fn walk(value: &Value, known: &mut Known) -> Result<Value> {
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
                known.whole.insert(*identity, None);
                let value = walk(value, known)?;
                known.whole.insert(*identity, Some((weight(&value), value.clone())));
                value
            }
            Value::Same(identity) => known.copy(*identity)?,
            other => other.clone(),
        })
    }

    fn walk_node(node: &Node, known: &mut Known) -> Result<Node> {
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

    walk(value, &mut Known::default())
}

/// Shared values that were met.
#[derive(Default)]
struct Known {
    /// With their weights; `None` for those that have not ended.
    whole: HashMap<Identity, Option<(u64, Value)>>,
    copied: u64,
}

impl Known {
    fn copy(&mut self, identity: Identity) -> Result<Value> {
        let (weight, value) = self.whole.get(&identity).and_then(Option::as_ref).ok_or_else(cycle)?;
        self.copied = self.copied.saturating_add(*weight);
        if self.copied > MOST_COPIED {
            return Err(Error::limit("bytes of shared values, once for each use", MOST_COPIED, self.copied)
                .with_hint("the native dialect writes shared values once"));
        }
        Ok(value.clone())
    }
}

/// About how many bytes a value is.
fn weight(value: &Value) -> u64 {
    let bytes = match value {
        Value::Array(array) => array.len().saturating_mul(array.dtype().size() as u64),
        Value::Text(text) | Value::Path(text) => text.len() as u64,
        Value::Bytes(bytes) => bytes.len() as u64,
        Value::TimeIndex(times) => (times.nanoseconds.len() as u64).saturating_mul(8),
        Value::Node(node) => weight_of_node(node),
        Value::Object(object) => weight_of_node(&object.node),
        _ => 0,
    };
    value.children().into_iter().map(weight).fold(bytes.saturating_add(64), u64::saturating_add)
}

/// What a node has besides its children.
fn weight_of_node(node: &Node) -> u64 {
    match node {
        Node::Dataset(dataset) => dataset.data.len().saturating_mul(dataset.data.dtype().size() as u64),
        Node::Group(_) => 0,
    }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_bounded() {
        // Each list holds the one before twice.
        let mut value = Value::Text("x".into());
        for number in 0..12 {
            value = Value::Seq(vec![Value::Shared(Identity(number), Box::new(value)), Value::Same(Identity(number))]);
        }
        let weight_of_all = weight(&unshare(&value).unwrap());
        assert!(weight_of_all > 64 << 12, "{weight_of_all}");
        for number in 12..60 {
            value = Value::Seq(vec![Value::Shared(Identity(number), Box::new(value)), Value::Same(Identity(number))]);
        }
        let error = unshare(&value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("once for each use"), "{error}");
    }
}
