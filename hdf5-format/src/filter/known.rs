//! Names of the registered filters, and what it takes to read them here.
//!
//! Reference: the list of filters registered with The HDF Group (`RegisteredFilterPlugins.md` of hdf5_plugins).

use alloc::format;
use alloc::string::String;

/// A filter id that The HDF Group registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Filter id.
    pub id: u16,
    /// Registered name.
    pub name: &'static str,
    /// What brings it.
    pub support: Support,
}

/// How this crate stands to a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Support {
    /// In every build.
    BuiltIn,
    /// In builds with this cargo feature.
    Feature(&'static str),
    /// The format is published and pure Rust can read it, but it is not written yet.
    Planned,
    /// No pure-Rust decoder is known.
    External,
}

use Support::{BuiltIn, External, Feature, Planned};

/// The registered filters, by ascending id.
pub const KNOWN: &[Known] = &[
    known(1, "deflate", Feature("deflate")),
    known(2, "shuffle", BuiltIn),
    known(3, "fletcher32", BuiltIn),
    known(4, "szip", Feature("szip")),
    known(5, "nbit", BuiltIn),
    known(6, "scaleoffset", BuiltIn),
    known(257, "hzip", External),
    known(258, "fpzip", External),
    known(305, "LZO", Feature("lzo")),
    known(307, "BZIP2", Feature("bzip2")),
    known(32000, "LZF", BuiltIn),
    known(32001, "BLOSC", Feature("blosc")),
    known(32002, "MAFISC", External),
    known(32003, "Snappy", Planned),
    known(32004, "LZ4", Feature("lz4")),
    known(32005, "APAX", External),
    known(32006, "CBF", External),
    known(32007, "JPEG-XR", External),
    known(32008, "bitshuffle", Feature("bitshuffle")),
    known(32009, "SPDP", External),
    known(32010, "LPC-Rice", External),
    known(32011, "CCSDS-123", External),
    known(32012, "JPEG-LS", External),
    known(32013, "zfp", Feature("zfp")),
    known(32014, "fpzip", External),
    known(32015, "Zstandard", Feature("zstd")),
    known(32016, "B3D", External),
    known(32017, "SZ", External),
    known(32018, "FCIDECOMP", External),
    known(32019, "JPEG", Feature("jpeg")),
    known(32020, "VBZ", Feature("vbz")),
    known(32021, "FAPEC", External),
    known(32022, "BitGroom", BuiltIn),
    known(32023, "Granular BitRound (GBR)", BuiltIn),
    known(32024, "SZ3", External),
    known(32025, "Delta-Rice", External),
    known(32026, "BLOSC2", Feature("blosc2")),
    known(32027, "FLAC", External),
    known(32028, "H5Z-SPERR", External),
    known(32029, "TERSE/PROLIX", External),
    known(32030, "FFMPEG", External),
    known(32033, "HTJ2K", External),
];

const fn known(id: u16, name: &'static str, support: Support) -> Known {
    Known { id, name, support }
}

/// The registered filter of this id.
pub fn find(id: u16) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.id == id)
}

/// What to do about a filter that is missing.
pub(super) fn advice(id: u16) -> String {
    let own = format!("register an implementation of Filter with id {id}");
    match find(id).map(|known| known.support) {
        Some(Feature(feature)) => format!("build with the cargo feature `{feature}`"),
        Some(Planned) => format!("planned for this crate; until then, {own}"),
        Some(External) => format!("no pure-Rust decoder of it is known; {own}"),
        Some(BuiltIn) => format!("it was taken out of the Registry; {own}"),
        None => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Registry;

    #[test]
    fn ids_ascend() {
        assert!(KNOWN.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    fn compiled(feature: &str) -> bool {
        match feature {
            "bitshuffle" => cfg!(feature = "bitshuffle"),
            "blosc" => cfg!(feature = "blosc"),
            "blosc2" => cfg!(feature = "blosc2"),
            "bzip2" => cfg!(feature = "bzip2"),
            "deflate" => cfg!(any(feature = "deflate", feature = "deflate-alloc")),
            "jpeg" => cfg!(feature = "jpeg"),
            "lz4" => cfg!(feature = "lz4"),
            "lzo" => cfg!(feature = "lzo"),
            "vbz" => cfg!(feature = "vbz"),
            "szip" => cfg!(feature = "szip"),
            "zfp" => cfg!(feature = "zfp"),
            "zstd" => cfg!(feature = "zstd"),
            _ => panic!("{feature} is not a codec's feature"),
        }
    }

    #[test]
    fn what_is_built_in_is_registered_and_the_other_way_round() {
        let registry = Registry::default();
        for known in KNOWN {
            let here = match known.support {
                BuiltIn => true,
                Feature(name) => compiled(name),
                Planned | External => false,
            };
            assert_eq!(registry.get(known.id).is_some(), here, "{known:?}");
        }
        assert!(registry.iter().all(|filter| find(filter.id()).is_some()));
    }
}
