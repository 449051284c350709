//! Values that several places share.

use super::{Dumping, Loading, Persist, Place};
use crate::value::Value;
use hdf5_format::Result;
use std::rc::Rc;
use std::sync::Arc;

macro_rules! shared {
    ($($pointer:ident),+) => { $(
        impl<T: Persist + 'static> Persist for $pointer<T> {
            const PLACE: Place = Place::Member;
            const RAW: bool = true;

            fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
                let (identity, known) = to.identity($pointer::as_ptr(self).addr(), $pointer::clone(self));
                if known {
                    return Ok(Value::Same(identity));
                }
                Ok(Value::Shared(identity, Box::new((**self).dump(to)?)))
            }

            fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
                match value {
                    Value::Same(identity) => from.kept(identity),
                    Value::Shared(identity, value) => {
                        let loaded = $pointer::new(T::load(*value, from)?);
                        from.keep(identity, None, Some(Box::new($pointer::clone(&loaded))));
                        Ok(loaded)
                    }
                    Value::Unread(slot) => from.apart(&slot, |value, from| Self::load(value, from)),
                    value => T::load(value, from).map($pointer::new),
                }
            }
        }
    )+ };
}

shared!(Rc, Arc);
