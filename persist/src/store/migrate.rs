//! Objects of a store taken to later versions.

use super::Store;
use crate::dialect::Reading;
use crate::registry::Migrated;
use hdf5_format::{Address, Object, Result};
use std::collections::BTreeSet;

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
        let mut left = self.keys()?.into_iter().map(|name| self.top(name)).collect::<Result<Vec<Top>>>()?;
        while !left.is_empty() {
            let (name, held) = left.remove(0);
            if held.is_disjoint(&planned) {
                continue;
            }
            let mut names = vec![name];
            if self.0.dialect.shares() {
                names.extend(take_sharing(&mut left, held));
            }
            self.migrate_together(&names, done)?;
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
    fn migrate_together(&self, names: &[String], done: &mut Vec<Migrated>) -> Result<()> {
        let (mut reading, mut values, before) = (Reading::new(None, false), Vec::new(), done.len());
        for name in names {
            let value = self.0.dialect.read(&mut reading, self.object_at(name)?).map_err(|e| e.on(name))?;
            values.push((name.clone(), self.registries().migrate(&format!("/{name}"), value, done)?));
        }
        if done.len() > before { self.set_values(values) } else { Ok(()) }
    }
}

/// Takes those that have something in common with what is held, or with each other.
fn take_sharing(left: &mut Vec<Top>, mut held: BTreeSet<Address>) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(at) = left.iter().position(|(_, other)| !other.is_disjoint(&held)) {
        let (name, more) = left.remove(at);
        held.extend(more);
        names.push(name);
    }
    names
}
