//! How a store is opened.

use super::Store;
use super::save::Replacing;
use crate::dialect::{self, Dialect, Native};
use crate::registry::RegistryStack;
use hdf5_format::io::{Storage, StorageMut};
use hdf5_format::{CreateOptions, Error, ErrorKind, File, OpenOptions, Result};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// What a store is opened for: h5py's modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `r`: reading; the file exists.
    Read,
    /// `r+`: reading and writing; the file exists.
    ReadWrite,
    /// `w`: a new file; one that exists stays what it is until the first commit.
    Write,
    /// `a`: reading and writing; the file is created if there is none.
    Append,
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "r" => Ok(Mode::Read),
            "r+" => Ok(Mode::ReadWrite),
            "w" => Ok(Mode::Write),
            "a" => Ok(Mode::Append),
            _ => Err(Error::new(ErrorKind::Invalid, format!("no mode {text:?}")).with_hint("there are r, r+, w and a")),
        }
    }
}

/// What reading brings into memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Everything.
    #[default]
    Eager,
    /// Everything but arrays with dimensions, which stay in the file.
    Lazy,
}

/// Registries, dialect and access of a store.
#[derive(Clone, Default)]
pub struct StoreOptions {
    pub(super) registries: RegistryStack,
    pub(super) access: Access,
    dialect: Option<Arc<dyn Dialect>>,
    file: OpenOptions,
}

impl StoreOptions {
    /// No registries; the native dialect for new files; eager reading.
    pub fn new() -> Self {
        StoreOptions::default()
    }

    /// The registries that dump and load.
    #[must_use]
    pub fn registries(mut self, registries: RegistryStack) -> Self {
        self.registries = registries;
        self
    }

    /// What reading brings into memory.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// How values are laid out, whatever marks a file bears.
    #[must_use]
    pub fn dialect(mut self, dialect: impl Dialect + 'static) -> Self {
        self.dialect = Some(Arc::new(dialect));
        self
    }

    /// How values are laid out, by the dialect's name.
    ///
    /// # Errors
    /// There is no dialect of this name.
    pub fn dialect_named(mut self, name: &str) -> Result<Self> {
        self.dialect = Some(dialect::by_name(name)?);
        Ok(self)
    }

    /// How the file is opened: limits, filters, and the policy for external links, which are not followed by default.
    #[must_use]
    pub fn open_options(mut self, options: OpenOptions) -> Self {
        self.file = options;
        self
    }

    fn dialect_of(&self, file: &File) -> Arc<dyn Dialect> {
        self.dialect.clone().or_else(|| dialect::detect(file)).unwrap_or_else(|| Arc::new(Native))
    }

    fn options(&self) -> CreateOptions {
        CreateOptions::new().open_options(self.file.clone())
    }

    fn dialect_of_new(&self) -> Arc<dyn Dialect> {
        self.dialect.clone().unwrap_or_else(|| Arc::new(Native))
    }

    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be opened in this mode.
    pub fn open(&self, path: impl AsRef<Path>, mode: Mode) -> Result<Store> {
        let path = path.as_ref();
        let existing = |file: File| Ok(Store::start((file.clone(), true), self, self.dialect_of(&file), None));
        match mode {
            Mode::Read => existing(self.file.clone().open(path)?),
            Mode::ReadWrite => existing(self.file.clone().open_rw(path)?),
            Mode::Append if path.exists() => existing(self.file.clone().open_rw(path)?),
            Mode::Append | Mode::Write => {
                let dialect = self.dialect_of_new();
                let (file, replacing) = Replacing::start(path, self.options().style(dialect.style()))?;
                dialect.start(&file)?;
                Ok(Store::start((file, true), self, dialect, Some(replacing)))
            }
        }
    }

    /// Creates a file in memory or on another storage.
    ///
    /// # Errors
    /// The storage fails.
    pub fn create_in(&self, storage: impl StorageMut + 'static) -> Result<Store> {
        let dialect = self.dialect_of_new();
        let file = self.options().style(dialect.style()).create_in(storage)?;
        dialect.start(&file)?;
        Ok(Store::start((file, true), self, dialect, None))
    }

    /// Reads a file in memory or on another storage.
    ///
    /// # Errors
    /// It is no sound file.
    pub fn read_from(&self, storage: impl Storage + 'static) -> Result<Store> {
        let file = self.file.clone().from_storage(storage)?;
        let dialect = self.dialect_of(&file);
        Ok(Store::start((file, true), self, dialect, None))
    }

    /// The store that an opened file is.
    ///
    /// # Errors
    /// None today.
    pub fn over(&self, file: File) -> Result<Store> {
        let dialect = self.dialect_of(&file);
        Ok(Store::start((file, false), self, dialect, None))
    }
}
