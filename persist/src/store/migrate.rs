//! Objects of a store taken to later versions.

use super::Store;
use crate::dialect::Reading;
use crate::registry::Migrated;
use hdf5_format::{Address, Object, Result};
use std::collections::{BTreeMap, BTreeSet};

/// A member of the root: its name, and the addresses of all that it holds.
type Top = (String, BTreeSet<Address>);

impl Store {
    /// What the migrations of the registries would change.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn migrations(&self) -> Result<Vec<Migrated>> {
        Ok(self.planned()?.into_iter().map(|(_, planned)| planned).collect())
    }

    fn planned(&self) -> Result<Vec<(Address, Migrated)>> {
        let mut found = Vec::new();
        for object in self.0.file.root()?.walk() {
            let object = object?;
            let Some(from) = self.0.dialect.tag(&object) else { continue };
            if let Some(to) = self.registries().migrated_tag(&from) {
                let path = object.info().path().into();
                found.push((object.info().address(), Migrated { path, from, to }));
            }
        }
        Ok(found)
    }

    /// Takes all objects through the migrations of the registries, and commits. What has several names in the file is one
    /// object afterwards too.
    ///
    /// # Errors
    /// A migration fails, or a migrated object cannot be written. The file is as it was.
    pub fn migrate(&self) -> Result<Vec<Migrated>> {
        self.writable("/")?;
        let mut done = Vec::new();
        let result = self.migrate_all(&mut done).and_then(|()| self.commit());
        if result.is_err() {
            self.rollback()?;
        }
        result.map(|()| done)
    }

    fn migrate_all(&self, done: &mut Vec<Migrated>) -> Result<()> {
        let planned: BTreeSet<Address> = self.planned()?.into_iter().map(|(address, _)| address).collect();
        if planned.is_empty() {
            return Ok(());
        }
        self.flush()?;
        let tops = self.keys()?.into_iter().map(|name| self.top(name)).collect::<Result<Vec<Top>>>()?;
        for group in together(&tops, self.0.dialect.shares()) {
            if group.iter().any(|(_, held)| !held.is_disjoint(&planned)) {
                let names: Vec<&str> = group.iter().map(|(name, _)| name.as_str()).collect();
                self.migrate_together(&names, done)?;
            }
        }
        Ok(())
    }

    fn top(&self, name: String) -> Result<Top> {
        let object = self.object_at(&name)?;
        let mut held = BTreeSet::from([object.info().address()]);
        if let Object::Group(group) = object {
            for below in group.walk() {
                held.insert(below?.info().address());
            }
        }
        Ok((name, held))
    }

    /// Migrates members of the root that have objects in common.
    fn migrate_together(&self, names: &[&str], done: &mut Vec<Migrated>) -> Result<()> {
        let (mut reading, mut values, before) = (Reading::new(None, false), Vec::new(), done.len());
        for &name in names {
            let value = self.0.dialect.read(&mut reading, self.object_at(name)?).map_err(|e| e.on(name))?;
            values.push((name.to_owned(), self.registries().migrate(&format!("/{name}"), value, done)?));
        }
        if done.len() > before { self.set_values(values) } else { Ok(()) }
    }
}

/// Members in groups: if they `share`, those that have something in common, also by way of others, are in one.
fn together(tops: &[Top], share: bool) -> Vec<Vec<&Top>> {
    let mut users: BTreeMap<Address, Vec<usize>> = BTreeMap::new();
    for (number, (_, held)) in tops.iter().enumerate().filter(|_| share) {
        held.iter().for_each(|&address| users.entry(address).or_default().push(number));
    }
    let (mut left, mut groups) = (tops.iter().map(Some).collect::<Vec<_>>(), Vec::new());
    for number in 0..tops.len() {
        let mut group: Vec<&Top> = left.get_mut(number).and_then(Option::take).into_iter().collect();
        let mut looked_at = 0;
        while let Some((_, held)) = group.get(looked_at).copied() {
            looked_at += 1;
            let others = held.iter().filter_map(|address| users.remove(address)).flatten();
            group.extend(others.filter_map(|number| left.get_mut(number)?.take()).collect::<Vec<_>>());
        }
        if !group.is_empty() {
            groups.push(group);
        }
    }
    groups
}
