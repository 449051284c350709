//! Which version of each structure a file's bounds ask for.

/// Versions of structures that a file may use: libhdf5's `libver` bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
#[non_exhaustive]
pub enum Version {
    /// What every library reads: superblock 0, symbol tables, version 1 headers.
    #[default]
    Earliest,
    /// HDF5 1.8.
    V18,
    /// HDF5 1.10.
    V110,
    /// HDF5 1.12.
    V112,
    /// HDF5 1.14.
    V114,
    /// HDF5 2.0.
    V200,
}

/// The lowest and the highest version in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// New structures are at least of this version.
    pub low: Version,
    /// No structure may need more than this version.
    pub high: Version,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { low: Version::Earliest, high: Version::V200 }
    }
}

impl Version {
    /// Least superblock version.
    pub(crate) fn superblock(self) -> u8 {
        match self {
            Version::Earliest => 0,
            Version::V18 => 2,
            _ => 3,
        }
    }

    /// True if object headers are of version 2 and groups of the new style.
    pub(crate) fn is_new_style(self) -> bool {
        self >= Version::V18
    }

    /// Least version of compound, array and enumeration datatypes.
    pub(crate) fn datatype(self) -> u8 {
        match self {
            Version::Earliest => 1,
            Version::V18 | Version::V110 => 3,
            Version::V112 | Version::V114 => 4,
            Version::V200 => 5,
        }
    }

    /// Least version of dataspaces.
    pub(crate) fn dataspace(self) -> u8 {
        if self.is_new_style() { 2 } else { 1 }
    }

    /// What selections and virtual layouts are encoded for: 1 up to HDF5 1.8, 2 for 1.10, 3 up to 1.14, 4 for 2.0.
    pub(crate) fn selection(self) -> u8 {
        match self {
            Version::Earliest | Version::V18 => 1,
            Version::V110 => 2,
            Version::V112 | Version::V114 => 3,
            Version::V200 => 4,
        }
    }

    /// Version of fill values.
    pub(crate) fn fill_value(self) -> u8 {
        if self.is_new_style() { 3 } else { 2 }
    }

    /// Version of filter pipelines.
    pub(crate) fn filter_pipeline(self) -> u8 {
        if self.is_new_style() { 2 } else { 1 }
    }

    /// Least version of attributes.
    pub(crate) fn attribute(self) -> u8 {
        if self.is_new_style() { 3 } else { 1 }
    }
}
