//! Registries in order, and which of their dumpers and loaders is taken.

use super::{DumpVersion, Dumper, Dumpers, LoadVersion, Loader, Registry};
use crate::types::{Dumping, Loading};
use crate::value::{Node, Object, Tag};
use hdf5_format::{Error, ErrorKind, Result};
use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::sync::Arc;

/// Registries, in the order in which they are asked, and versions that dumpers are locked to.
#[derive(Clone, Default)]
pub struct RegistryStack {
    registries: Vec<Arc<Registry>>,
    locks: HashMap<TypeId, DumpVersion>,
}

/// What there is for a tag.
pub(crate) enum Choice {
    /// A loader, after steps from the stored version.
    Found(Loader, Vec<super::Step>),
    /// No registry has the namespace.
    UnknownNamespace,
    /// The namespace has no such label.
    UnknownLabel,
    /// No loader of the label understands the version, and no chain of steps leads to one.
    NoLoader(Vec<LoadVersion>),
}

impl RegistryStack {
    /// No registries.
    pub fn new() -> Self {
        RegistryStack::default()
    }

    /// With a registry after the others.
    ///
    /// # Errors
    /// There is one of its namespace.
    pub fn with(mut self, registry: impl Into<Arc<Registry>>) -> Result<Self> {
        let registry = registry.into();
        if self.registries.iter().any(|r| r.namespace == registry.namespace) {
            let text = format!("there is a registry of the namespace {:?}", registry.namespace);
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        self.registries.push(registry);
        Ok(self)
    }

    /// The registries, in order.
    pub fn registries(&self) -> impl Iterator<Item = &Registry> {
        self.registries.iter().map(Arc::as_ref)
    }

    /// Values of a type are dumped in this version from here on.
    ///
    /// # Errors
    /// No registry has a dumper of the type in this version.
    pub fn lock_version<T: Any>(&mut self, version: impl Into<DumpVersion>) -> Result<()> {
        let (version, name) = (version.into(), type_name::<T>());
        let (_, dumpers) = self.dumpers(TypeId::of::<T>()).ok_or_else(|| unregistered(name))?;
        if !dumpers.by_version.contains_key(&version) {
            let versions: Vec<String> = dumpers.by_version.keys().map(ToString::to_string).collect();
            let text = format!("{name} has no dumper of version {version}; there are {}", versions.join(", "));
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        self.locks.insert(TypeId::of::<T>(), version);
        Ok(())
    }

    /// Values of a type are dumped in the version without number, or in the latest.
    pub fn unlock_version<T: Any>(&mut self) {
        self.locks.remove(&TypeId::of::<T>());
    }

    /// The first registry that dumps a type.
    fn dumpers(&self, id: TypeId) -> Option<(&Registry, &Dumpers)> {
        self.registries.iter().find_map(|registry| Some((registry.as_ref(), registry.dumpers.get(&id)?)))
    }

    /// The dumper for a type: of the locked version, else without version, else of the latest.
    fn dumper(&self, id: TypeId) -> Option<(Tag, &Dumper)> {
        let (registry, dumpers) = self.dumpers(id)?;
        let versions = &dumpers.by_version;
        let chosen = match self.locks.get(&id) {
            Some(version) => versions.get_key_value(version),
            None => versions.get_key_value(&DumpVersion::None).or_else(|| versions.last_key_value()),
        };
        let (version, (label, dumper)) = chosen?;
        Some((Tag::new(&registry.namespace, label, version.number()), dumper))
    }

    /// A value as an object, by the dumper of its type; `None` if no registry has one.
    pub(crate) fn dump(&self, value: &dyn Any, to: &mut Dumping<'_>) -> Result<Option<Object>> {
        let Some((tag, dumper)) = self.dumper(value.type_id()) else { return Ok(None) };
        let node = dumper(value, to).map_err(|e| e.on(&tag))?;
        Ok(Some(Object { tag, node }))
    }

    /// The loader for a tag. Objects without a version go to the loader without one; then come the loader for all, that
    /// of the version, steps to a version that has one, and the loader for any.
    pub(crate) fn choose(&self, tag: &Tag) -> Choice {
        let named = |r: &&Arc<Registry>| r.namespace == tag.namespace;
        let Some(registry) = self.registries.iter().find(named) else { return Choice::UnknownNamespace };
        let Some(loaders) = registry.loaders.get(&tag.label) else { return Choice::UnknownLabel };
        let own = match tag.version {
            None => LoadVersion::None,
            Some(version) => LoadVersion::N(version),
        };
        let none = (own == LoadVersion::None).then_some(LoadVersion::None);
        let order = none.into_iter().chain([LoadVersion::All, own]);
        if let Some(loader) = order.into_iter().find_map(|version| loaders.get(&version)) {
            return Choice::Found(Arc::clone(loader), Vec::new());
        }
        if let Some((loader, steps)) = tag.version.and_then(|version| registry.chain(&tag.label, version)) {
            return Choice::Found(loader, steps);
        }
        match loaders.get(&LoadVersion::Any) {
            Some(loader) => Choice::Found(Arc::clone(loader), Vec::new()),
            None => Choice::NoLoader(loaders.keys().copied().collect()),
        }
    }

    /// True if a registry has a loader, whatever its version, of a tag's label. Objects without a version are of the
    /// current one where no loader is for them.
    pub(crate) fn knows(&self, tag: &Tag) -> bool {
        match self.choose(tag) {
            Choice::Found(..) => true,
            Choice::NoLoader(_) => tag.version.is_some(),
            Choice::UnknownNamespace | Choice::UnknownLabel => false,
        }
    }

    /// The value of an object, by the loader of its tag.
    pub(crate) fn load(&self, object: Object, from: &mut Loading<'_>) -> Result<Box<dyn Any>> {
        let Object { tag, node } = object;
        let text = match self.choose(&tag) {
            Choice::Found(loader, steps) => return run(&tag, &loader, &steps, node, from),
            Choice::UnknownNamespace => format!("no registry has the namespace {:?}", tag.namespace),
            Choice::UnknownLabel => format!("registry {:?} has no loader of the label {:?}", tag.namespace, tag.label),
            Choice::NoLoader(versions) => {
                let found: Vec<String> = versions.iter().map(ToString::to_string).collect();
                let version = tag.version.map_or("none".into(), |version| version.to_string());
                format!("no loader of {:?} is for version {version}; there are {}", tag.label, found.join(", "))
            }
        };
        Err(Error::new(ErrorKind::NotFound, text).with_hint("value() reads it without a loader"))
    }
}

fn run(tag: &Tag, loader: &Loader, steps: &[super::Step], node: Node, from: &mut Loading<'_>) -> Result<Box<dyn Any>> {
    let node = steps.iter().try_fold(node, |node, step| step(node)).map_err(|e| e.on(tag))?;
    loader(node, from).map_err(|e| e.on(tag))
}

pub(crate) fn unregistered(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("no registry dumps {name}")).with_hint("Registry::dumper adds a dumper")
}
