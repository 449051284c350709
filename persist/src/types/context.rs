//! What dumpers and loaders work with.

use super::{Labelled, Persist};
use crate::access::Slot;
use crate::registry::{RegistryStack, unregistered};
use crate::value::{Identity, Object, Tag, Value};
use hdf5_format::{Error, ErrorKind, Result};
use std::any::{Any, type_name};
use std::collections::HashMap;

/// Turns Rust values into [`Value`]s. Nothing is written before all of them are there.
pub struct Dumping<'a> {
    stack: &'a RegistryStack,
    identities: HashMap<usize, Identity>,
    /// What has an identity lives on: its address is not given to another.
    alive: Vec<Box<dyn Any>>,
}

impl<'a> Dumping<'a> {
    /// With the dumpers of registries.
    pub fn new(stack: &'a RegistryStack) -> Self {
        Dumping { stack, identities: HashMap::new(), alive: Vec::new() }
    }

    /// The value of a Rust value.
    ///
    /// # Errors
    /// As [`Persist::dump`].
    pub fn dump<T: Persist>(&mut self, value: &T) -> Result<Value> {
        value.dump(self)
    }

    /// The object of a Rust value, by the dumper that a registry has for its type.
    ///
    /// # Errors
    /// No registry has one, or it fails.
    pub fn registered<T: Any>(&mut self, value: &T) -> Result<Value> {
        let object = self.stack.dump(value, self)?;
        object.map(Value::from).ok_or_else(|| unregistered(type_name::<T>()))
    }

    /// The object of a labelled Rust value: by a registry's dumper, or by its own form.
    ///
    /// # Errors
    /// A field cannot be dumped.
    pub fn object<T: Labelled>(&mut self, value: &T) -> Result<Value> {
        if let Some(object) = self.stack.dump(value, self)? {
            return Ok(Value::from(object));
        }
        let tag = Tag::new(T::NAMESPACE, T::LABEL, T::VERSION);
        let node = value.to_node(self).map_err(|e| e.on(&tag))?;
        Ok(Value::from(Object { tag, node }))
    }

    /// The identity of what a pointer to an address holds, and whether it was dumped before.
    pub(super) fn identity(&mut self, address: usize, pointer: impl Any) -> (Identity, bool) {
        if let Some(identity) = self.identities.get(&address) {
            return (*identity, true);
        }
        let identity = Identity(self.identities.len() as u64);
        self.identities.insert(address, identity);
        self.alive.push(Box::new(pointer));
        (identity, false)
    }
}

/// A shared value, and what it was loaded as.
type Known = (Option<Value>, Option<Box<dyn Any>>);

/// Turns [`Value`]s into Rust values.
pub struct Loading<'a> {
    stack: &'a RegistryStack,
    shared: HashMap<Identity, Known>,
}

impl<'a> Loading<'a> {
    /// With the loaders of registries.
    pub fn new(stack: &'a RegistryStack) -> Self {
        Loading { stack, shared: HashMap::new() }
    }

    /// The Rust value of a value.
    ///
    /// # Errors
    /// As [`Persist::load`].
    pub fn load<T: Persist>(&mut self, value: Value) -> Result<T> {
        if T::RAW { T::load(value, self) } else { self.plain(value, T::load) }
    }

    /// Loads what a value is: the one that it shares, or that its store has.
    fn plain<R>(&mut self, value: Value, load: fn(Value, &mut Loading<'_>) -> Result<R>) -> Result<R> {
        match value {
            Value::Shared(identity, value) => {
                self.shared.entry(identity).or_default().0 = Some((*value).clone());
                load(*value, self)
            }
            Value::Same(identity) => {
                let value = self.shared.get_mut(&identity).and_then(|(value, _)| value.take());
                let value = value.ok_or_else(|| cycle(identity))?;
                let loaded = load(value.clone(), self);
                self.shared.entry(identity).or_default().0 = Some(value);
                loaded
            }
            Value::Unread(slot) => self.apart(&slot, |value, from| from.plain(value, load)),
            value => load(value, self),
        }
    }

    /// Loads what a store has: a tree of its own, whose identities are not those of this one.
    pub(crate) fn apart<R>(&self, slot: &Slot, load: impl FnOnce(Value, &mut Loading<'_>) -> Result<R>) -> Result<R> {
        load(slot.read()?, &mut Loading::new(self.stack))
    }

    /// The Rust value of an object, by the loader that a registry has for its label and version.
    ///
    /// # Errors
    /// No registry has one, it fails, or it makes values of another type.
    pub fn registered<T: Any>(&mut self, value: Value) -> Result<T> {
        downcast(self.any(value)?)
    }

    /// The Rust value of an object, of the type that its loader makes.
    ///
    /// # Errors
    /// As [`registered`](Loading::registered).
    pub fn any(&mut self, value: Value) -> Result<Box<dyn Any>> {
        self.plain(value, |value, from| match value {
            Value::Object(object) => from.stack.load(*object, from),
            other => Err(crate::value::expected("an object", &other.describe())),
        })
    }

    /// The value of a labelled type: by a registry's loader, or from its own form.
    ///
    /// # Errors
    /// The object has another label, no loader understands its version, or a field is not there.
    pub fn object<T: Labelled>(&mut self, value: Value) -> Result<T> {
        self.plain(value, |value, from| match value {
            Value::Object(object) => labelled(*object, from),
            other => {
                let wanted = format!("an object {}", Tag::new(T::NAMESPACE, T::LABEL, T::VERSION));
                Err(crate::value::expected(&wanted, &other.describe()))
            }
        })
    }

    /// Keeps a value that others may be the same as.
    pub(super) fn keep(&mut self, identity: Identity, value: Option<Value>, loaded: Option<Box<dyn Any>>) {
        self.shared.insert(identity, (value, loaded));
    }

    /// The value of an identity, as [`keep`](Loading::keep) was given it.
    pub(super) fn kept<T: Any + Clone>(&self, identity: Identity) -> Result<T> {
        let kept = self.shared.get(&identity).and_then(|(_, loaded)| loaded.as_ref());
        kept.and_then(|loaded| loaded.downcast_ref::<T>()).cloned().ok_or_else(|| cycle(identity))
    }
}

fn labelled<T: Labelled>(object: Object, from: &mut Loading<'_>) -> Result<T> {
    let own = (object.tag.namespace.as_str(), object.tag.label.as_str()) == (T::NAMESPACE, T::LABEL);
    if own && !from.stack.knows(&object.tag) {
        return own_form(object, from);
    }
    downcast(from.stack.load(object, from)?)
}

fn own_form<T: Labelled>(object: Object, from: &mut Loading<'_>) -> Result<T> {
    let Object { tag, node } = object;
    if tag.version.is_some_and(|version| version != T::VERSION) {
        let text = format!("{} is of version {}", type_name::<T>(), T::VERSION);
        let hint = "a registry with a migration or a loader reads older versions";
        return Err(Error::new(ErrorKind::NotFound, text).with_hint(hint).on(tag));
    }
    T::from_node(node, from).map_err(|e| e.on(&tag))
}

fn downcast<T: Any>(loaded: Box<dyn Any>) -> Result<T> {
    loaded.downcast().map(|value| *value).map_err(|_| {
        let text = format!("the loader makes values of another type than {}", type_name::<T>());
        Error::new(ErrorKind::TypeMismatch, text)
    })
}

fn cycle(identity: Identity) -> Error {
    let text = format!("the shared value {} holds itself, or is used as two types", identity.0);
    Error::new(ErrorKind::Unsupported, text).with_hint("load it as a Value, or with Rc or Arc on all its uses")
}
