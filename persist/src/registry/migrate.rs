//! Steps between versions.

use super::{LoadVersion, Loader, Registry, RegistryStack, Step};
use crate::value::{Object, Tag, Value};
use hdf5_format::Result;
use std::sync::Arc;

/// An object that a migration changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Where it is.
    pub path: String,
    /// What it was.
    pub from: Tag,
    /// What it becomes.
    pub to: Tag,
}

impl Registry {
    /// The steps from a version to the first later one that a loader is for, and that loader.
    pub(super) fn chain(&self, label: &str, version: i64) -> Option<(Loader, Vec<Step>)> {
        let (loaders, steps) = (self.loaders.get(label)?, self.steps.get(label)?);
        let mut chain = Vec::new();
        let mut at = version;
        // Each turn takes one of finitely many steps, which go up.
        while let Some(step) = steps.get(&at) {
            chain.push(Arc::clone(step));
            at = at.checked_add(1)?;
            if let Some(loader) = loaders.get(&LoadVersion::N(at)) {
                return Some((Arc::clone(loader), chain));
            }
        }
        None
    }

    /// All steps from a version on, and the version they lead to.
    fn latest(&self, label: &str, version: i64) -> (i64, Vec<Step>) {
        let mut chain = Vec::new();
        let mut at = version;
        while let Some(step) = self.steps.get(label).and_then(|steps| steps.get(&at)) {
            chain.push(Arc::clone(step));
            at = at.saturating_add(1);
        }
        (at, chain)
    }
}

impl RegistryStack {
    /// The tag that an object of a tag has after all steps that there are for it; `None` if there are none.
    pub fn migrated_tag(&self, tag: &Tag) -> Option<Tag> {
        let registry = self.registries().find(|r| r.namespace == tag.namespace)?;
        let version = tag.version?;
        let (to, steps) = registry.latest(&tag.label, version);
        (!steps.is_empty()).then(|| Tag { version: Some(to), ..tag.clone() })
    }

    /// A value with all objects in it taken through all steps that there are for them, inner ones first.
    ///
    /// # Errors
    /// A step fails.
    pub fn migrate(&self, path: &str, value: Value, done: &mut Vec<Migrated>) -> Result<Value> {
        let below = |name: &str| format!("{}/{name}", path.trim_end_matches('/'));
        Ok(match value {
            Value::Object(object) => {
                let Object { tag, node } = *object;
                let node = self.migrate_node(path, node, done)?;
                let registry = self.registries().find(|r| r.namespace == tag.namespace);
                let Some((registry, version)) = registry.zip(tag.version) else {
                    return Ok(Value::from(Object { tag, node }));
                };
                let (to, steps) = registry.latest(&tag.label, version);
                let node = steps.iter().try_fold(node, |node, step| step(node)).map_err(|e| e.on(path))?;
                let now = Tag { version: Some(to), ..tag.clone() };
                if to != version {
                    done.push(Migrated { path: path.into(), from: tag, to: now.clone() });
                }
                Value::from(Object { tag: now, node })
            }
            Value::Node(node) => Value::from(self.migrate_node(path, *node, done)?),
            Value::Seq(items) => Value::Seq(self.migrate_all(path, items, done)?),
            Value::Tuple(items) => Value::Tuple(self.migrate_all(path, items, done)?),
            Value::Set(items) => Value::Set(self.migrate_all(path, items, done)?),
            Value::Map(pairs) => {
                let one = |(key, value): (Value, Value)| {
                    let name = if let Value::Text(text) = &key { text.clone() } else { key.describe() };
                    Ok((key, self.migrate(&below(&name), value, done)?))
                };
                Value::Map(pairs.into_iter().map(one).collect::<Result<_>>()?)
            }
            Value::Shared(identity, value) => Value::Shared(identity, Box::new(self.migrate(path, *value, done)?)),
            other => other,
        })
    }

    fn migrate_all(&self, path: &str, items: Vec<Value>, done: &mut Vec<Migrated>) -> Result<Vec<Value>> {
        let one = |(at, item)| self.migrate(&format!("{path}/{at}"), item, done);
        items.into_iter().enumerate().map(one).collect()
    }

    fn migrate_node(
        &self,
        path: &str,
        mut node: crate::value::Node,
        done: &mut Vec<Migrated>,
    ) -> Result<crate::value::Node> {
        if let crate::value::Node::Group(group) = &mut node {
            for (name, member) in &mut group.members {
                let value = std::mem::take(member);
                *member = self.migrate(&format!("{}/{name}", path.trim_end_matches('/')), value, done)?;
            }
        }
        Ok(node)
    }
}
