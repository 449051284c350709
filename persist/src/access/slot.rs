//! A place in a store whose value is elsewhere in time: written later, or read later.

use super::ArrayView;
use crate::store::{Store, WeakStore};
use crate::types::Spec;
use crate::value::Value;
use hdf5_format::{Error, ErrorKind, Result};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A place for a value. Two slots are equal if they are one.
#[derive(Clone, Default)]
pub struct Slot(Arc<Inner>);

#[derive(Default)]
struct Inner {
    place: Mutex<Option<Place>>,
    /// How the field that holds it is stored.
    spec: OnceLock<&'static Spec>,
}

#[derive(Clone)]
enum Place {
    /// What is to come; the store lists it until then.
    Later(WeakStore, String),
    /// What is there, and has not been read.
    Unread(Store, String),
}

impl Slot {
    /// A slot without a place.
    pub fn new() -> Self {
        Slot::default()
    }

    /// The slot of a value that a store has.
    pub(crate) fn unread(store: Store, path: String) -> Self {
        let slot = Slot::new();
        *slot.lock() = Some(Place::Unread(store, path));
        slot
    }

    /// Gives the slot its place.
    pub(crate) fn bind(&self, store: WeakStore, path: String) {
        *self.lock() = Some(Place::Later(store, path));
    }

    /// Takes the slot's place away.
    pub(crate) fn unbind(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Place>> {
        // The place is set as a whole: a panic elsewhere leaves it sound.
        self.0.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is written is stored in this way.
    pub(crate) fn store_as(&self, spec: &'static Spec) {
        // A slot is of one field.
        let _ = self.0.spec.set(spec);
    }

    /// True if the slot has a place in a store.
    pub fn is_bound(&self) -> bool {
        self.lock().is_some()
    }

    /// Path of the place.
    pub fn path(&self) -> Option<String> {
        match &*self.lock() {
            Some(Place::Later(_, path) | Place::Unread(_, path)) => Some(path.clone()),
            None => None,
        }
    }

    fn place(&self) -> Result<(Store, String)> {
        match self.lock().clone() {
            Some(Place::Unread(store, path)) => Ok((store, path)),
            Some(Place::Later(store, path)) => {
                let closed = || Error::new(ErrorKind::Conflict, "the store of the delayed value is closed").on(&path);
                Ok((store.upgrade().ok_or_else(closed)?, path.clone()))
            }
            None => Err(Error::new(ErrorKind::Conflict, "the delayed value has no place yet")
                .with_hint("store the value that holds it first")),
        }
    }

    /// The store of the place.
    ///
    /// # Errors
    /// The slot has no place, or the store is closed.
    pub(crate) fn store(&self) -> Result<Store> {
        self.place().map(|(store, _)| store)
    }

    /// Reads the value.
    ///
    /// # Errors
    /// The slot has no place, the store is closed, or the value cannot be read.
    pub fn read(&self) -> Result<Value> {
        let (store, path) = self.place()?;
        store.value(&path)
    }

    /// The array at the place, which stays in its file.
    ///
    /// # Errors
    /// The slot has no place, the store is closed, or there is no array.
    pub(crate) fn array(&self) -> Result<ArrayView> {
        let (store, path) = self.place()?;
        store.array(&path)
    }

    /// Writes a value to the place, instead of what is there.
    ///
    /// # Errors
    /// The slot has no place, the store is closed or for reading only, or the value cannot be written.
    pub fn write(&self, value: Value) -> Result<()> {
        let (store, path) = self.place()?;
        let value = match self.0.spec.get() {
            Some(spec) => spec.stored(value).map_err(|e| e.on(&path))?,
            None => store.stored_alike(&path, value),
        };
        store.set_value(&path, value)?;
        store.filled(&path);
        Ok(())
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&self.path()).finish()
    }
}

impl PartialEq for Slot {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
