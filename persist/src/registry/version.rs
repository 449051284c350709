//! Versions of forms, as dumpers and loaders name them.

use std::fmt;

/// The version of what a dumper makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DumpVersion {
    /// A form without versions, which never changes.
    None,
    /// A numbered version.
    N(i64),
}

/// The versions that a loader understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LoadVersion {
    /// Objects without a version.
    None,
    /// All versions, before loaders of single ones.
    All,
    /// One version.
    N(i64),
    /// Any version that has no loader of its own.
    Any,
}

impl From<i64> for DumpVersion {
    fn from(version: i64) -> Self {
        DumpVersion::N(version)
    }
}

impl From<i64> for LoadVersion {
    fn from(version: i64) -> Self {
        LoadVersion::N(version)
    }
}

impl DumpVersion {
    /// The number, if there is one.
    pub fn number(self) -> Option<i64> {
        match self {
            DumpVersion::None => None,
            DumpVersion::N(number) => Some(number),
        }
    }
}

impl fmt::Display for DumpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DumpVersion::None => f.write_str("none"),
            DumpVersion::N(number) => number.fmt(f),
        }
    }
}

impl fmt::Display for LoadVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadVersion::None => f.write_str("none"),
            LoadVersion::All => f.write_str("all"),
            LoadVersion::N(number) => number.fmt(f),
            LoadVersion::Any => f.write_str("any"),
        }
    }
}
