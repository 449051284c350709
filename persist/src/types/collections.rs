//! Lists, tuples, sets, maps.

use super::{Dumping, Loading, Persist, Place};
use crate::value::{Value, expected};
use hdf5_format::Result;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};

/// The items of a list, a tuple, a set, or an array of one dimension or more.
pub(super) fn items(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Seq(items) | Value::Tuple(items) | Value::Set(items) => Ok(items),
        Value::Array(array) => crate::value::items(&array),
        // A dataset with attributes or storage of its own holds the same elements.
        Value::Node(node) if node.is_dataset() => crate::value::items(&node.into_dataset()?.data),
        other => Err(expected("a list", &other.describe())),
    }
}

impl<T: Persist> Persist for Vec<T> {
    fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
        T::dump_all(self, to)
    }

    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
        T::load_all(value, from)
    }
}

impl<T: Persist> Persist for VecDeque<T> {
    fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
        self.iter().map(|value| value.dump(to)).collect::<Result<_>>().map(Value::Seq)
    }

    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
        T::load_all(value, from).map(Self::from)
    }
}

impl<T: Persist, const N: usize> Persist for [T; N] {
    fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
        T::dump_all(self, to)
    }

    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
        let items = T::load_all(value, from)?;
        items.try_into().map_err(|items: Vec<T>| expected(&format!("{N} items"), &items.len().to_string()))
    }
}

impl<T: Persist> Persist for Option<T> {
    const PLACE: Place = T::PLACE;
    const RAW: bool = T::RAW;

    fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
        self.as_ref().map_or(Ok(Value::Null), |value| value.dump(to))
    }

    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
        match value {
            Value::Null => Ok(None),
            Value::Array(array) if array.is_null() => Ok(None),
            value => T::load(value, from).map(Some),
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Persist> Persist for Box<T> {
    const PLACE: Place = T::PLACE;
    const RAW: bool = T::RAW;

    fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
        (**self).dump(to)
    }

    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
        T::load(value, from).map(Box::new)
    }

    fn absent() -> Option<Self> {
        T::absent().map(Box::new)
    }
}

/// The pairs of a map; a group without a tag is one of its members and attributes.
fn pairs(value: Value) -> Result<Vec<(Value, Value)>> {
    match value {
        Value::Map(pairs) => Ok(pairs),
        Value::Node(node) => {
            let group = node.into_group()?;
            let named = group.attrs.into_iter().chain(group.members);
            Ok(named.map(|(name, value)| (Value::Text(name), value)).collect())
        }
        other => Err(expected("a map", &other.describe())),
    }
}

fn dump_pairs<'m, K: Persist + 'm, V: Persist + 'm>(
    pairs: impl Iterator<Item = (&'m K, &'m V)>,
    to: &mut Dumping<'_>,
) -> Result<Value> {
    pairs.map(|(key, value)| Ok((key.dump(to)?, value.dump(to)?))).collect::<Result<_>>().map(Value::Map)
}

fn load_pairs<K: Persist, V: Persist, C: FromIterator<(K, V)>>(value: Value, from: &mut Loading<'_>) -> Result<C> {
    pairs(value)?.into_iter().map(|(key, value)| Ok((from.load(key)?, from.load(value)?))).collect()
}

impl<K: Persist + Eq + Hash + Ord, V: Persist, S: BuildHasher + Default> Persist for HashMap<K, V, S> {
    /// Sorted by key: the same map is always the same file.
    fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
        let mut sorted: Vec<(&K, &V)> = self.iter().collect();
        sorted.sort_by_key(|(key, _)| *key);
        dump_pairs(sorted.into_iter(), to)
    }

    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
        load_pairs(value, from)
    }
}

impl<K: Persist + Ord, V: Persist> Persist for BTreeMap<K, V> {
    fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
        dump_pairs(self.iter(), to)
    }

    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
        load_pairs(value, from)
    }
}

impl<K: Persist + Eq + Hash, V: Persist> Persist for indexmap::IndexMap<K, V> {
    fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
        dump_pairs(self.iter(), to)
    }

    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
        load_pairs(value, from)
    }
}

impl<T: Persist + Eq + Hash + Ord, S: BuildHasher + Default> Persist for HashSet<T, S> {
    /// Sorted: the same set is always the same file.
    fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
        let mut sorted: Vec<&T> = self.iter().collect();
        sorted.sort();
        sorted.into_iter().map(|item| item.dump(to)).collect::<Result<_>>().map(Value::Set)
    }

    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
        items(value)?.into_iter().map(|item| from.load(item)).collect()
    }
}

impl<T: Persist + Ord> Persist for BTreeSet<T> {
    fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
        self.iter().map(|item| item.dump(to)).collect::<Result<_>>().map(Value::Set)
    }

    fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
        items(value)?.into_iter().map(|item| from.load(item)).collect()
    }
}

macro_rules! tuples {
    ($(($($name:ident $at:tt),+) $count:literal;)+) => { $(
        impl<$($name: Persist),+> Persist for ($($name,)+) {
            fn dump(&self, to: &mut Dumping<'_>) -> Result<Value> {
                Ok(Value::Tuple(vec![$(self.$at.dump(to)?),+]))
            }

            fn load(value: Value, from: &mut Loading<'_>) -> Result<Self> {
                let mut items = items(value)?.into_iter();
                if items.len() != $count {
                    return Err(expected(concat!("a tuple of ", $count), &items.len().to_string()));
                }
                Ok(($( from.load::<$name>(items.next().unwrap_or_default())?, )+))
            }
        }
    )+ };
}

tuples! {
    (A 0) 1;
    (A 0, B 1) 2;
    (A 0, B 1, C 2) 3;
    (A 0, B 1, C 2, D 3) 4;
    (A 0, B 1, C 2, D 3, E 4) 5;
    (A 0, B 1, C 2, D 3, E 4, F 5) 6;
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6) 7;
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7) 8;
}
