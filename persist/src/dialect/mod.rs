//! How values are laid out in files: one model, several dialects.

mod h5preserve;
mod jangada;
mod native;
pub(crate) mod raw;
mod sequence;
mod shared;

pub use h5preserve::H5Preserve;
pub use jangada::Jangada;
pub use native::Native;

use crate::access::Slot;
use crate::store::Store;
use crate::value::{Identity, Members, Tag, Value};
use hdf5_format::edit::FileStyle;
use hdf5_format::{Address, Error, ErrorKind, File, Group, LinkKind, Object, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// Objects in each other, at most: what a loader's stack bears.
pub(crate) const DEEPEST: usize = 200;

/// A way to lay values out in a file.
pub trait Dialect: Send + Sync {
    /// Its name: "native", "h5preserve", "jangada".
    fn name(&self) -> &'static str;

    /// What files of the dialect are like.
    fn style(&self) -> FileStyle;

    /// Marks a new file.
    ///
    /// # Errors
    /// Writing fails.
    fn start(&self, file: &File) -> Result<()> {
        let _ = file;
        Ok(())
    }

    /// True if a file bears the dialect's marks.
    fn detect(&self, file: &File) -> bool;

    /// Whether a value can be written under a name, or as an attribute: all that can be known before.
    ///
    /// # Errors
    /// It cannot; where in it, and why.
    fn check(&self, name: &str, value: &Value, attr: bool) -> Result<()>;

    /// Writes a checked value as a new member of a group.
    ///
    /// # Errors
    /// The name is taken, or writing fails.
    fn write(&self, to: &mut Writing, group: &Group, name: &str, value: &Value) -> Result<()>;

    /// Sets an attribute of an object to a checked value.
    ///
    /// # Errors
    /// Writing fails.
    fn write_attr(&self, object: &Object, name: &str, value: &Value) -> Result<()>;

    /// Reads an object.
    ///
    /// # Errors
    /// The file is damaged, or an object is not as the dialect lays it out.
    fn read(&self, from: &mut Reading, object: Object) -> Result<Value>;

    /// The value of an attribute of an object; `None` if it is one of the dialect's own.
    ///
    /// # Errors
    /// The file is damaged.
    fn read_attr(&self, attribute: &hdf5_format::Attribute) -> Result<Option<Value>>;

    /// What an object is, without reading it.
    fn tag(&self, object: &Object) -> Option<Tag>;

    /// True if a value that is used several times is written once.
    fn shares(&self) -> bool {
        true
    }

    /// True if a field of this value is an attribute of the object that holds it, where nothing else is asked for.
    fn prefers_attr(&self, value: &Value) -> bool;
}

/// What dialects keep while they write.
#[derive(Default)]
pub struct Writing {
    /// Slots that wait for their values, and where.
    pub(crate) delayed: Vec<(String, Slot)>,
    shared: HashMap<Identity, hdf5_format::ObjectInfo>,
}

impl Writing {
    /// Remembers where the value of a slot goes.
    pub(crate) fn delay(&mut self, path: String, slot: &Slot) {
        self.delayed.push((path, slot.clone()));
    }

    /// Remembers where a shared value is.
    pub(crate) fn define(&mut self, identity: Identity, object: &hdf5_format::ObjectInfo) {
        self.shared.insert(identity, object.clone());
    }

    /// Writes what comes from a store: a tree of its own, whose identities are not those of this one.
    pub(crate) fn apart<R>(&mut self, write: impl FnOnce(&mut Self) -> R) -> R {
        let shared = std::mem::take(&mut self.shared);
        let done = write(self);
        self.shared = shared;
        done
    }

    /// Writes another name of a shared value.
    pub(crate) fn link(&self, identity: Identity, group: &Group, name: &str) -> Result<()> {
        let object = self.shared.get(&identity);
        let object = object.ok_or_else(|| Error::new(ErrorKind::Invalid, "a shared value before its definition"))?;
        group.link_object(name, object)
    }
}

/// What dialects know while they read.
pub struct Reading {
    /// Arrays with dimensions stay in the file.
    pub(crate) lazy: bool,
    /// For values that are read later.
    pub(crate) store: Option<Store>,
    seen: HashMap<Address, Identity>,
    depth: usize,
}

impl Reading {
    pub(crate) fn new(store: Option<Store>, lazy: bool) -> Self {
        Reading { lazy, store, seen: HashMap::new(), depth: 0 }
    }

    /// Goes one level down.
    pub(crate) fn descend<R>(&mut self, path: &str, read: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        if self.depth >= DEEPEST {
            return Err(Error::limit("depth", DEEPEST as u64, DEEPEST as u64 + 1).on(path));
        }
        self.depth = self.depth.saturating_add(1);
        let done = read(self);
        self.depth = self.depth.saturating_sub(1);
        done
    }

    /// Reads an object one level down; where it has more than one name, once, and by its identity from then on.
    pub(crate) fn once(
        &mut self,
        object: Object,
        read: impl FnOnce(&mut Self, Object) -> Result<Value>,
    ) -> Result<Value> {
        let identity = self.identify(&object);
        if let Some((identity, false)) = identity {
            return Ok(Value::Same(identity));
        }
        let path = object.info().path().to_owned();
        let value = self.descend(&path, |from| read(from, object)).map_err(|e| e.on(&path))?;
        Ok(match identity {
            Some((identity, _)) => Value::Shared(identity, Box::new(value)),
            None => value,
        })
    }

    /// The members of a group in the order that it has; those of groups on demand are not read.
    pub(crate) fn members(
        &mut self,
        group: &Group,
        on_demand: bool,
        read: fn(&mut Self, Object) -> Result<Value>,
    ) -> Result<Members> {
        let mut found = group.iter().collect::<Result<Vec<_>>>()?;
        found.sort_by_key(|member| member.link.creation_order);
        let mut members = Members::new();
        for member in found {
            let name = member.link.display_name();
            let value = match (member.link.kind, &self.store) {
                (LinkKind::Hard(_), Some(store)) if on_demand => {
                    Value::Unread(store.later(format!("{}/{name}", group.path().trim_end_matches('/'))))
                }
                (LinkKind::Hard(_), _) => read(self, member.object?)?,
                (kind, _) => raw::link_value(kind)?,
            };
            members.insert(name, value);
        }
        Ok(members)
    }

    /// The identity of an object that has more than one name: whether it is new here.
    fn identify(&mut self, object: &Object) -> Option<(Identity, bool)> {
        let info = object.info();
        if info.reference_count() < 2 {
            return None;
        }
        let next = Identity(self.seen.len() as u64);
        let known = self.seen.contains_key(&info.address());
        Some((*self.seen.entry(info.address()).or_insert(next), !known))
    }
}

/// All dialects, the most telling first.
pub(crate) fn all() -> [Arc<dyn Dialect>; 3] {
    [Arc::new(Native), Arc::new(Jangada), Arc::new(H5Preserve)]
}

/// The dialect of a file by its marks; [`Native`] reads files without any.
pub fn detect(file: &File) -> Option<Arc<dyn Dialect>> {
    all().into_iter().find(|dialect| dialect.detect(file))
}

/// The dialect of a name.
///
/// # Errors
/// There is none of this name.
pub fn by_name(name: &str) -> Result<Arc<dyn Dialect>> {
    all().into_iter().find(|dialect| dialect.name() == name).ok_or_else(|| {
        let text = format!("there is no dialect {name:?}");
        Error::new(ErrorKind::NotFound, text).with_hint("there are native, h5preserve and jangada")
    })
}
