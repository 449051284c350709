//! Values that are written after what holds them.

use super::Slot;
use crate::types::{Dumping, Loading, Persist, Place};
use crate::value::Value;
use hdf5_format::{Error, ErrorKind, Result};

/// A value that may be filled in after what holds it was stored; then it is as if it had been stored with it.
///
/// [`Store::close`](crate::Store::close) tells which were never filled.
#[derive(Clone, Debug)]
pub struct Delayed<T> {
    slot: Slot,
    value: Option<T>,
}

impl<T> Default for Delayed<T> {
    fn default() -> Self {
        Delayed { slot: Slot::new(), value: None }
    }
}

impl<T: Persist> Delayed<T> {
    /// A value to come.
    pub fn new() -> Self {
        Delayed::default()
    }

    /// A value that is there.
    pub fn ready(value: T) -> Self {
        Delayed { slot: Slot::new(), value: Some(value) }
    }

    /// The value, if it is there.
    pub fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Fills it in, and writes it where what holds it was stored.
    ///
    /// # Errors
    /// It was filled before, its store is closed, or the value cannot be written.
    pub fn fill(&mut self, value: T) -> Result<()> {
        if self.value.is_some() {
            return Err(Error::new(ErrorKind::Conflict, "a delayed value is filled once"));
        }
        if self.slot.is_bound() {
            let store = self.slot.store()?;
            let dumped = value.dump(&mut Dumping::new(store.registries()))?;
            self.slot.write(dumped)?;
        }
        self.value = Some(value);
        Ok(())
    }
}

impl<T: Persist> Persist for Delayed<T> {
    const PLACE: Place = Place::Member;

    fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
        match &self.value {
            Some(value) => value.dump(to),
            None => Ok(Value::Delayed(self.slot.clone())),
        }
    }

    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
        from.load(value).map(Delayed::ready)
    }

    fn absent() -> Option<Self> {
        Some(Delayed::new())
    }
}
