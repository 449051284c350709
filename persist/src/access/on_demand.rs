//! Values that are read when they are called for.

use super::Slot;
use crate::types::{Dumping, Loading, Persist, Place};
use crate::value::Value;
use hdf5_format::Result;
use std::sync::OnceLock;

/// A value that is read from its store when it is first called for.
///
/// Loading what holds it reads nothing of it: an `OnDemand<Option<T>>` finds out when it is called for whether there is
/// something. What is set goes to the store at once.
#[derive(Clone, Debug, Default)]
pub struct OnDemand<T> {
    slot: Option<Slot>,
    value: OnceLock<T>,
}

impl<T: Persist> OnDemand<T> {
    /// A value that is there.
    pub fn new(value: T) -> Self {
        OnDemand { slot: None, value: value.into() }
    }

    /// True if the value is in memory.
    pub fn is_read(&self) -> bool {
        self.value.get().is_some()
    }

    /// The value; it is read if it was not.
    ///
    /// # Errors
    /// It cannot be read, or is of another kind.
    pub fn get(&self) -> Result<&T> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let slot = self.slot.clone().unwrap_or_default();
        let value = slot.read()?;
        let loaded = Loading::new(slot.store()?.registries()).load(value)?;
        Ok(self.value.get_or_init(|| loaded))
    }

    /// Sets the value, and writes it to the store if it came from one.
    ///
    /// # Errors
    /// The store is for reading only, or the value cannot be written.
    pub fn set(&mut self, value: T) -> Result<()> {
        if let Some(slot) = &self.slot {
            let dumped = value.dump(&mut Dumping::new(slot.store()?.registries()))?;
            slot.write(dumped)?;
        }
        self.value = value.into();
        Ok(())
    }

    /// Lets go of the memory; the value is read again when it is called for. Nothing happens to values of no store.
    pub fn forget(&mut self) {
        if self.slot.is_some() {
            self.value = OnceLock::new();
        }
    }
}

impl<T: Persist> Persist for OnDemand<T> {
    const PLACE: Place = Place::Member;
    const RAW: bool = true;

    fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
        self.get()?.dump(to)
    }

    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
        match value {
            Value::Unread(slot) => Ok(OnDemand { slot: Some(slot), value: OnceLock::new() }),
            value => from.load(value).map(OnDemand::new),
        }
    }
}
