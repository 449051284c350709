//! The filters that stand between a chunk's bytes in the file and its elements.
//!
//! A dataset lists its filters in order of writing; reading undoes them in reverse. A [`Pipeline`] is that list with
//! each id looked up in a [`Registry`]. One codec is one file here, each opening with the same table: id, registered
//! name, client data, payload, reference, the crate that does the work.
//!
//! | id | name | needs |
//! |---|---|---|
//! | 1 | deflate | feature `deflate` or `deflate-alloc` |
//! | 2 | shuffle | |
//! | 3 | fletcher32 | |
//! | 4 | szip | feature `szip` |
//! | 5 | nbit | |
//! | 6 | scaleoffset | |
//! | 305 | lzo (reads) | feature `lzo` |
//! | 307 | bzip2 | feature `bzip2` |
//! | 32000 | lzf | |
//! | 32001 | blosc | feature `blosc` |
//! | 32004 | lz4 | feature `lz4` |
//! | 32008 | bitshuffle | feature `bitshuffle` |
//! | 32013 | zfp | feature `zfp` |
//! | 32015 | zstd | feature `zstd` |
//! | 32019 | jpeg (reads) | feature `jpeg` |
//! | 32020 | vbz (reads) | feature `vbz` |
//! | 32022, 32023 | BitGroom, Granular BitRound | |
//! | 32026 | blosc2 | feature `blosc2` |
//!
//! [`known`] names the other registered filters. A filter that is not built in is one implementation of [`Filter`]
//! away:
//!
//! ```
//! use hdf5_format::filter::{Filter, FilterContext, Registry};
//! use hdf5_format::Result;
//! use std::{borrow::Cow, sync::Arc};
//!
//! struct Complement;
//!
//! impl Filter for Complement {
//!     fn id(&self) -> u16 {
//!         40_000
//!     }
//!     fn name(&self) -> &str {
//!         "complement"
//!     }
//!     fn decode<'a>(&self, input: Cow<'a, [u8]>, _: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
//!         Ok(input.iter().map(|byte| !byte).collect())
//!     }
//! }
//!
//! let mut registry = Registry::default();
//! registry.register(Arc::new(Complement));
//! assert_eq!(registry.get(40_000).unwrap().name(), "complement");
//! ```

mod bits;
#[cfg(feature = "bitshuffle")]
pub mod bitshuffle;
#[cfg(feature = "blosc")]
pub mod blosc;
#[cfg(feature = "blosc2")]
pub mod blosc2;
#[cfg(feature = "bzip2")]
pub mod bzip2;
mod context;
#[cfg(any(feature = "deflate", feature = "deflate-alloc"))]
pub mod deflate;
pub mod fletcher32;
#[cfg(feature = "jpeg")]
pub mod jpeg;
pub mod known;
#[cfg(feature = "lz4")]
pub mod lz4;
pub mod lzf;
#[cfg(feature = "lzo")]
pub mod lzo;
pub mod nbit;
mod pipeline;
pub mod quantize;
mod registry;
pub mod scale_offset;
pub mod shuffle;
mod simd;
#[cfg(feature = "szip")]
pub mod szip;
#[cfg(feature = "vbz")]
pub mod vbz;
#[cfg(feature = "zfp")]
pub mod zfp;
#[cfg(feature = "zstd")]
pub mod zstd;

mod wish;

pub use context::{FilterContext, Scratch};
pub use pipeline::{Encoded, MAX_FILTERS, Pipeline, Stage};
pub use registry::Registry;
pub use wish::Filters;

use crate::error::Result;
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// One codec: bytes of a chunk to stored bytes and back.
///
/// Implementations hold no state of a chunk: many threads call them at once.
pub trait Filter: Send + Sync {
    /// Identifier stored in files.
    fn id(&self) -> u16;

    /// Registered name, used in errors.
    fn name(&self) -> &str;

    /// Undoes the filter.
    ///
    /// The input is damaged or hostile as likely as not: return an error for whatever is not a valid encoding, and
    /// allocate no more than [`FilterContext::output_limit`] ([`FilterContext::buffer`] sees to it). A longer output
    /// is refused by the pipeline.
    ///
    /// # Errors
    /// The input is not an encoding by this filter with this client data.
    fn decode<'a>(&self, input: Cow<'a, [u8]>, context: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>>;

    /// Applies the filter. `None` declines this input: the chunk is then stored without the filter, which only an
    /// optional filter may ask for.
    ///
    /// # Errors
    /// The client data is wrong or the input does not suit it. The default: this filter only decodes.
    fn encode(&self, input: &[u8], context: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        let _ = input;
        Err(context.unsupported("this filter can read chunks, but not write them"))
    }

    /// Most bytes into which any writer may have encoded `plain` bytes. It bounds the work of decoding the filters
    /// that come after this one.
    fn encoded_limit(&self, plain: usize, client_data: &[u32]) -> usize {
        let _ = client_data;
        plain.saturating_mul(2).saturating_add(1 << 16)
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
