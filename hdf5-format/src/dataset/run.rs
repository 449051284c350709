//! Selections whose elements follow each other in the file.

use super::axes::Axis;
use super::read::Reader;
use super::wanted::Asked;
use crate::codec::Address;
use crate::error::Result;
use crate::format::message::layout::Storage;
use crate::graph::FileContext;

const STRUCTURE: &str = "contiguous data";

/// Elements in one run of the file, in the order of the selection.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    ctx: &'a FileContext,
    address: Address,
    bytes: u64,
}

impl<'a> Run<'a> {
    /// Bytes of the elements.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All bytes, where they are in memory.
    ///
    /// # Errors
    /// They are outside the file.
    pub fn view(&self) -> Result<Option<&'a [u8]>> {
        self.ctx.raw_view(self.address, self.bytes, STRUCTURE)
    }

    /// Reads from the byte `start` of the run.
    ///
    /// # Errors
    /// The bytes are outside the file, or can not be read.
    pub fn fill(&self, start: u64, out: &mut [u8]) -> Result<()> {
        self.ctx.raw_into(Address(self.address.0.saturating_add(start)), out, STRUCTURE)
    }
}

impl<'a> Reader<'a> {
    /// The run that a selection is; `None` if it is none, or the elements are not in this file in one run.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn run<'s>(&self, asked: impl Into<Asked<'s>>) -> Result<Option<Run<'a>>> {
        let asked = asked.into();
        let dims = &self.dataset.dataspace.dims;
        asked.check(dims)?;
        let (Asked::Axes(axes), None) = (asked, &self.dataset.external) else { return Ok(None) };
        let Storage::Contiguous { address: Some(address), .. } = self.dataset.layout.storage else { return Ok(None) };
        let bytes = self.selected_bytes(asked)?;
        if bytes == 0 || !axes.iter().zip(dims).skip(1).all(|(axis, &dim)| *axis == Axis::all(dim)) {
            return Ok(None);
        }
        self.check_storage()?;
        let start = match axes.first() {
            None => 0,
            Some(&Axis::Steps { start, step, count }) if step == 1 || count == 1 => {
                start.saturating_mul(bytes.checked_div(count).unwrap_or(0))
            }
            Some(_) => return Ok(None),
        };
        Ok(Some(Run { ctx: self.core.ctx(), address: Address(address.0.saturating_add(start)), bytes }))
    }
}
