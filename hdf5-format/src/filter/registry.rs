//! The filters that a file may use, by id.

use super::{Filter, fletcher32, lzf, nbit, quantize, scale_offset, shuffle};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::fmt;

/// Filters by id: the built-in ones and those added. Cloning is cheap.
#[derive(Clone)]
pub struct Registry {
    filters: Arc<BTreeMap<u16, Arc<dyn Filter>>>,
}

impl Registry {
    /// No filters at all.
    pub fn empty() -> Self {
        Registry { filters: Arc::default() }
    }

    /// Adds a filter, or replaces the one of the same id.
    pub fn register(&mut self, filter: Arc<dyn Filter>) {
        Arc::make_mut(&mut self.filters).insert(filter.id(), filter);
    }

    /// The filter of this id.
    pub fn get(&self, id: u16) -> Option<&Arc<dyn Filter>> {
        self.filters.get(&id)
    }

    /// All filters, by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Filter>> {
        self.filters.values()
    }
}

impl Default for Registry {
    /// The built-in filters.
    fn default() -> Self {
        let mut registry = Registry::empty();
        #[cfg(any(feature = "deflate", feature = "deflate-alloc"))]
        registry.register(Arc::new(super::deflate::Deflate));
        #[cfg(feature = "bitshuffle")]
        registry.register(Arc::new(super::bitshuffle::Bitshuffle));
        #[cfg(feature = "blosc")]
        registry.register(Arc::new(super::blosc::Blosc));
        #[cfg(feature = "blosc2")]
        registry.register(Arc::new(super::blosc2::Blosc2));
        #[cfg(feature = "bzip2")]
        registry.register(Arc::new(super::bzip2::Bzip2));
        #[cfg(feature = "jpeg")]
        registry.register(Arc::new(super::jpeg::Jpeg));
        #[cfg(feature = "lz4")]
        registry.register(Arc::new(super::lz4::Lz4));
        #[cfg(feature = "lzo")]
        registry.register(Arc::new(super::lzo::Lzo));
        #[cfg(feature = "vbz")]
        registry.register(Arc::new(super::vbz::Vbz));
        #[cfg(feature = "szip")]
        registry.register(Arc::new(super::szip::Szip));
        #[cfg(feature = "zfp")]
        registry.register(Arc::new(super::zfp::Zfp));
        #[cfg(feature = "zstd")]
        registry.register(Arc::new(super::zstd::Zstd));
        registry.register(Arc::new(shuffle::Shuffle));
        registry.register(Arc::new(fletcher32::Fletcher32));
        registry.register(Arc::new(nbit::NBit));
        registry.register(Arc::new(scale_offset::ScaleOffset));
        registry.register(Arc::new(lzf::Lzf));
        registry.register(Arc::new(quantize::BIT_GROOM));
        registry.register(Arc::new(quantize::GRANULAR_BIT_ROUND));
        registry
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.filters.values().map(|filter| (filter.id(), filter.name()))).finish()
    }
}
