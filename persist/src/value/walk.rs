//! Walks over the tree that a value is.

use super::{Identity, Node, Value};
use hdf5_format::Result;

impl Value {
    /// The value with each of those that it consists of changed, one level down.
    ///
    /// # Errors
    /// Those of the change.
    pub(crate) fn try_map(self, change: &mut dyn FnMut(Value) -> Result<Value>) -> Result<Value> {
        let mut all = |items: Vec<Value>| items.into_iter().map(&mut *change).collect::<Result<Vec<_>>>();
        Ok(match self {
            Value::Seq(items) => Value::Seq(all(items)?),
            Value::Tuple(items) => Value::Tuple(all(items)?),
            Value::Set(items) => Value::Set(all(items)?),
            Value::Map(pairs) => {
                let pair = |(key, value)| Ok((change(key)?, change(value)?));
                Value::Map(pairs.into_iter().map(pair).collect::<Result<_>>()?)
            }
            Value::Node(node) => Value::from(map_node(*node, change)?),
            Value::Object(mut object) => {
                object.node = map_node(object.node, change)?;
                Value::Object(object)
            }
            Value::Shared(identity, value) => Value::Shared(identity, Box::new(change(*value)?)),
            other => other,
        })
    }

    /// The value with what its store has not read in memory.
    ///
    /// # Errors
    /// Something cannot be read.
    pub(crate) fn read_now(self) -> Result<Value> {
        if !self.has_unread() {
            return Ok(self);
        }
        let mut next = self.identities();
        self.read_from(0, &mut next)
    }

    fn has_unread(&self) -> bool {
        matches!(self, Value::Unread(_)) || self.children().into_iter().any(Value::has_unread)
    }

    /// One more than the greatest identity.
    fn identities(&self) -> u64 {
        let own = match self {
            Value::Shared(Identity(number), _) | Value::Same(Identity(number)) => number.saturating_add(1),
            _ => 0,
        };
        self.children().into_iter().map(Value::identities).fold(own, u64::max)
    }

    /// Each tree that is read has identities of its own, which go on from `next`.
    fn read_from(self, offset: u64, next: &mut u64) -> Result<Value> {
        let moved = |Identity(number): Identity| Identity(number.saturating_add(offset));
        match self {
            Value::Unread(slot) => {
                let (value, offset) = (slot.read()?, *next);
                *next = next.saturating_add(value.identities());
                value.read_from(offset, next)
            }
            Value::Same(identity) => Ok(Value::Same(moved(identity))),
            Value::Shared(identity, value) => {
                Ok(Value::Shared(moved(identity), Box::new(value.read_from(offset, next)?)))
            }
            other => other.try_map(&mut |value| value.read_from(offset, next)),
        }
    }
}

fn map_node(mut node: Node, change: &mut dyn FnMut(Value) -> Result<Value>) -> Result<Node> {
    for value in node.attrs_mut().values_mut() {
        *value = change(std::mem::take(value))?;
    }
    if let Node::Group(group) = &mut node {
        for value in group.members.values_mut() {
            *value = change(std::mem::take(value))?;
        }
    }
    Ok(node)
}
