//! The attributes of an object as a map.

use super::attribute::Attribute;
use super::object::ObjectInfo;
use crate::error::Result;
use alloc::string::String;
use alloc::vec::Vec;

/// The attributes of an object by their names, as they are now: see [`ObjectInfo::attrs`].
#[derive(Clone, Copy)]
pub struct Attrs<'a>(&'a ObjectInfo);

impl ObjectInfo {
    /// The attributes as a map.
    ///
    /// ```
    /// # fn main() -> hdf5_format::Result<()> {
    /// # let file = hdf5_format::CreateOptions::new().create_in(hdf5_format::io::MemoryFile::new(Vec::new()))?;
    /// let dataset = file.create_dataset("x", [1, 2])?;
    /// dataset.set_attr("units", "m")?;
    /// dataset.set_attr("scale", 0.5)?;
    /// assert_eq!(dataset.attrs().keys()?, ["scale", "units"]);
    /// assert!(dataset.attrs().contains("units")? && dataset.attrs().len()? == 2);
    /// for attribute in dataset.attrs().iter()? {
    ///     let attribute = attribute?;
    ///     println!("{} = {}", attribute.display_name(), attribute.read_dyn()?);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn attrs(&self) -> Attrs<'_> {
        Attrs(self)
    }
}

impl Attrs<'_> {
    /// Names, in ascending order of their bytes; those that are not UTF-8 are shown with `\xNN`. One that is damaged has
    /// none.
    ///
    /// # Errors
    /// The structures that hold the attributes are damaged.
    pub fn keys(&self) -> Result<Vec<String>> {
        Ok(self.0.attributes()?.into_iter().filter_map(|a| a.ok().map(|a| a.display_name())).collect())
    }

    /// All attributes, by name. One that is damaged is an error in its place; the others are there.
    ///
    /// # Errors
    /// As for [`keys`](Self::keys).
    pub fn iter(&self) -> Result<impl Iterator<Item = Result<Attribute>> + use<>> {
        Ok(self.0.attributes()?.into_iter())
    }

    /// The attribute of a name, if there is one.
    ///
    /// # Errors
    /// It is damaged, or as for [`keys`](Self::keys).
    pub fn get(&self, name: impl AsRef<[u8]>) -> Result<Option<Attribute>> {
        match self.0.attribute(name) {
            Err(error) if error.kind() == crate::ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    /// True if there is an attribute of a name.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn contains(&self, name: impl AsRef<[u8]>) -> Result<bool> {
        self.get(name).map(|found| found.is_some())
    }

    /// Number of attributes.
    ///
    /// # Errors
    /// As for [`keys`](Self::keys).
    pub fn len(&self) -> Result<usize> {
        Ok(self.0.attributes()?.len())
    }

    /// True if there are none.
    ///
    /// # Errors
    /// As for [`keys`](Self::keys).
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }
}
