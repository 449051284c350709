//! BitGroom and Granular BitRound: quantisers that leave nothing to undo.
//!
//! | | |
//! |---|---|
//! | id | 32022 BitGroom, 32023 Granular BitRound |
//! | name | `BitGroom`, `Granular BitRound (GBR)` |
//! | client data | number of significant digits and the type; of no use to a reader |
//! | payload | the chunk itself: floats whose low mantissa bits were rounded before it was stored |
//! | reference | Community Codec Repository (ccr), filters H5Zbitgroom and H5Zgranularbr |
//! | done by | this file |
//!
//! Encoding keeps every bit: a lossless result is within any error bound asked for.

use super::{Filter, FilterContext};
use crate::error::Result;
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// Filter id 32022.
pub const BIT_GROOM: Quantizer = Quantizer { id: 32022, name: "BitGroom" };

/// Filter id 32023.
pub const GRANULAR_BIT_ROUND: Quantizer = Quantizer { id: 32023, name: "Granular BitRound (GBR)" };

/// A filter whose stored form is the chunk itself.
#[derive(Clone, Copy, Debug)]
pub struct Quantizer {
    id: u16,
    name: &'static str,
}

impl Filter for Quantizer {
    fn id(&self) -> u16 {
        self.id
    }

    fn name(&self) -> &str {
        self.name
    }

    fn decode<'a>(&self, input: Cow<'a, [u8]>, _: &mut FilterContext<'_>) -> Result<Cow<'a, [u8]>> {
        Ok(input)
    }

    fn encode(&self, input: &[u8], _: &mut FilterContext<'_>) -> Result<Option<Vec<u8>>> {
        Ok(Some(input.to_vec()))
    }

    fn encoded_limit(&self, plain: usize, _: &[u32]) -> usize {
        plain
    }
}
