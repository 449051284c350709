//! Copying objects within a file and between files.

use super::change::{change, split};
use super::group::Group;
use super::object::ObjectInfo;
use crate::edit::{self, Copier, CopyStyle, Vacancy};
use crate::error::Result;
use crate::format::message::link::LinkValue;

impl Group {
    /// Copies the object at a path, with its attributes and all that is below it, to another path. Soft links are
    /// copied as they are, an object with several links once.
    ///
    /// # Errors
    /// There is no such object, the name is taken, a structure is damaged, or the file is open for reading only.
    pub fn copy(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<()> {
        let object = self.get(from)?;
        self.copy_object(object.info(), to, &CopyStyle::default())
    }

    /// Copies an object of this or another file to a path from this group, as `style` says.
    ///
    /// Elements are moved as they are stored, without being decoded, unless they hold variable-length values or
    /// references. References to objects that are copied along lead to their copies; others lead to the original, or
    /// are null in another file, unless `style` expands them. Committed datatypes are copied with what uses them into another file, and shared
    /// within one.
    ///
    /// # Errors
    /// As for [`Group::copy`], and if elements have addresses of another width than those of this file.
    pub fn copy_object(&self, object: &ObjectInfo, to: impl AsRef<[u8]>, style: &CopyStyle) -> Result<()> {
        let (parent, name) = split(to.as_ref()).map_err(|e| e.on(self.path()))?;
        let parent = self.parent(parent)?;
        let shown = parent.child_path(name);
        change(&self.core, |editor| {
            Vacancy::find(editor, parent.address(), name).map_err(|e| e.on(&shown))?;
            let mut copier = Copier::new(&object.core, &self.core, style);
            let copy = copier.object(editor, object.address(), object.path().into())?;
            copier.finish(editor)?;
            edit::link(editor, parent.address(), name, LinkValue::Hard(copy)).map_err(|e| e.on(shown))
        })
    }
}
