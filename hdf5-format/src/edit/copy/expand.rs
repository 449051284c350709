//! Copies of what soft links, external links and references lead to, in their place.
//!
//! Each file that is reached has a copier of its own, and is opened once for each name that a file has for it: an object
//! with several links is copied once.

use super::{Copier, Made, Task};
use crate::codec::Address;
use crate::dataset::file::{FileCore, Place};
use crate::edit::{Editor, link};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::links::LinkTarget;
use crate::graph::object_header::ObjectHeader;
use crate::io::ExternalKind;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Most files that one copy opens.
const MOST_FILES: usize = 1024;

/// Other files that are copied from.
#[derive(Default)]
pub(super) struct Others {
    files: Vec<(Arc<FileCore>, BTreeMap<Address, Made>)>,
    /// Files by the place of the one that names them, 0 for the first of all.
    named: BTreeMap<(usize, Vec<u8>), Arc<FileCore>>,
}

impl Others {
    /// The place of a file, counted from 0.
    fn place(&mut self, core: &Arc<FileCore>) -> Result<usize> {
        if let Some(place) = self.known(core) {
            return Ok(place);
        }
        if self.files.len() >= MOST_FILES {
            return Err(Error::limit("files of one copy", MOST_FILES as u64, self.files.len() as u64));
        }
        self.files.push((Arc::clone(core), BTreeMap::new()));
        Ok(self.files.len().saturating_sub(1))
    }

    fn known(&self, core: &Arc<FileCore>) -> Option<usize> {
        self.files.iter().position(|(other, _)| Arc::ptr_eq(other, core))
    }
}

impl Copier<'_> {
    /// What a link of the copy leads to: a copy, where links of this kind are expanded and lead somewhere.
    ///
    /// # Errors
    /// Something on the way is damaged, or another file may not be opened.
    pub(super) fn expand(
        &mut self,
        editor: &mut Editor,
        task: &Task,
        target: LinkTarget,
        path: String,
    ) -> Result<LinkTarget> {
        let found = match &target {
            LinkTarget::Soft(to) if self.style.expand_soft => self.source.resolve(task.from, to),
            LinkTarget::External { file, path } if self.style.expand_external => {
                self.named(file).and_then(|core| core.resolve(core.root(), path))
            }
            _ => return Ok(target),
        };
        let depth = task.depth.saturating_add(1);
        match found {
            Ok(place) if Arc::ptr_eq(&place.core, self.source) => {
                Ok(LinkTarget::Hard(self.object_at(editor, place.address, path, depth)?))
            }
            Ok(place) => Ok(LinkTarget::Hard(self.of_other(editor, &place, path, depth)?)),
            Err(error) if leads_nowhere(&error) => Ok(target),
            Err(error) => Err(error.on(path)),
        }
    }

    /// A file that the source names.
    fn named(&mut self, name: &[u8]) -> Result<Arc<FileCore>> {
        let from = self.others.known(self.source).map_or(0, |place| place.saturating_add(1));
        let key = (from, name.to_vec());
        if let Some(core) = self.others.named.get(&key) {
            return Ok(Arc::clone(core));
        }
        let core = self.source.open_other(ExternalKind::Link, name)?;
        self.others.place(&core)?;
        self.others.named.insert(key, Arc::clone(&core));
        Ok(core)
    }

    /// The copy of an object of another file, with all that it holds.
    fn of_other(&mut self, editor: &mut Editor, place: &Place, path: String, depth: usize) -> Result<Address> {
        let number = self.others.place(&place.core)?;
        let mut copier = Copier::new(&place.core, &self.target, self.style);
        copier.others = core::mem::take(&mut self.others);
        if let Some((_, made)) = copier.others.files.get_mut(number) {
            copier.made = core::mem::take(made);
        }
        let copy = copier.object_at(editor, place.address, path, depth)?;
        copier.finish(editor)?;
        self.moved = self.moved.saturating_add(copier.moved);
        self.others = core::mem::take(&mut copier.others);
        if let Some((_, made)) = self.others.files.get_mut(number) {
            *made = copier.made;
        }
        Ok(copy)
    }

    /// The copy of an object that is referred to. One that nothing else leads to gets a link in the root group, with the
    /// name that libhdf5 gives it.
    pub(super) fn target_of(&mut self, editor: &mut Editor, object: Address) -> Result<Option<Address>> {
        // Within a file the original is still what was meant, as in libhdf5.
        if self.within {
            return Ok(Some(object));
        }
        let made = self.made.get(&object).map(|made| made.address);
        if made.is_some() || !self.style.expand_references || ObjectHeader::load(self.source.ctx(), object).is_err() {
            return Ok(made);
        }
        let copy = self.object_at(editor, object, format!("object at {object}"), 1)?;
        let name = format!("~obj_pointed_by_{}", copy.0);
        link(editor, self.target.root(), name.as_bytes(), LinkTarget::Hard(copy))?;
        Ok(Some(copy))
    }
}

/// True if a path has no object, whatever the files are like; false if it could have one that can not be had.
fn leads_nowhere(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Denied | ErrorKind::Io | ErrorKind::Corrupt | ErrorKind::Unsupported)
}
