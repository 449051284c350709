//! One filter on any client data and payload.
//!
//! Input: a byte of flags (1: the payload is a chunk to encode, else stored bytes), a byte with the number of client
//! data, these as 4 bytes each, 4 bytes for the limit of the output, all little-endian; the payload.

use hdf5_format::Result;
use hdf5_format::filter::{Filter, FilterContext, Registry, Scratch};
use std::borrow::Cow;
use std::cell::RefCell;

const MOST_OUTPUT: u32 = 1 << 18;

thread_local! {
    /// Outlives executions, as it outlives chunks: what a codec keeps there must not matter.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

struct Call<'a> {
    filter: &'a dyn Filter,
    client_data: &'a [u32],
}

impl Call<'_> {
    fn context<'a>(&'a self, limit: usize, scratch: &'a mut Scratch) -> FilterContext<'a> {
        FilterContext::new(self.filter.id(), self.filter.name(), self.client_data, limit, scratch)
    }

    fn decode(&self, stored: &[u8], limit: usize, scratch: &mut Scratch) -> Result<Vec<u8>> {
        let decoded = self.filter.decode(Cow::Borrowed(stored), &mut self.context(limit, scratch))?.into_owned();
        // The filters that hand their input on leave its length to the pipeline.
        assert!(decoded.len() <= limit.max(stored.len()), "{} bytes, limit {limit}", decoded.len());
        Ok(decoded)
    }

    /// What comes back of a chunk, if the filter takes it; that must not depend on what was in the scratch space.
    fn there_and_back(&self, chunk: &[u8]) -> Option<Vec<u8>> {
        let limit = self.filter.encoded_limit(chunk.len(), self.client_data);
        let stored = SCRATCH.with_borrow_mut(|scratch| self.filter.encode(chunk, &mut self.context(limit, scratch)));
        let stored = stored.ok()??;
        assert!(stored.len() <= limit, "{} bytes of {}, at most {limit}", stored.len(), chunk.len());
        let back = self.decode(&stored, chunk.len(), &mut Scratch::new()).expect("what was encoded is decoded");
        assert_eq!(back.len(), chunk.len());
        Some(back)
    }

    fn encode(&self, chunk: &[u8]) {
        let Some(back) = self.there_and_back(chunk) else { return };
        match self.filter.id() {
            ZFP => {}
            // Keep the bits that they are told to; what they gave back has no others.
            NBIT | SCALE_OFFSET => {
                if let Some(again) = self.there_and_back(&back) {
                    assert!(again == back || self.floats(), "changes what it made");
                }
            }
            _ => assert!(back == chunk, "another chunk comes back"),
        }
    }

    /// Rounding once more may give other floats.
    fn floats(&self) -> bool {
        self.filter.id() == SCALE_OFFSET && self.client_data.first() != Some(&2)
    }
}

const NBIT: u16 = 5;
const SCALE_OFFSET: u16 = 6;
const ZFP: u16 = 32013;

fn take<'a, const N: usize>(data: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, rest) = data.split_first_chunk()?;
    *data = rest;
    Some(head)
}

fn parse(mut data: &[u8]) -> Option<(u8, Vec<u32>, usize, &[u8])> {
    let [flags, count] = *take(&mut data)?;
    let words = (0..count).map(|_| take(&mut data).map(|word| u32::from_le_bytes(*word)));
    let words = words.collect::<Option<_>>()?;
    let limit = u32::from_le_bytes(*take(&mut data)?) % (MOST_OUTPUT + 1);
    Some((flags, words, limit as usize, data))
}

/// Decodes a payload and encodes the result, or encodes the payload, with the filter of this id.
pub fn codec(id: u16, data: &[u8]) {
    thread_local!(static REGISTRY: Registry = Registry::default());
    let Some((flags, client_data, limit, payload)) = parse(data) else { return };
    let filter = REGISTRY.with(|registry| registry.get(id).cloned()).expect("all filters are built in");
    let call = Call { filter: &*filter, client_data: &client_data };
    if flags & 1 != 0 {
        return call.encode(payload);
    }
    let decoded = SCRATCH.with_borrow_mut(|scratch| call.decode(payload, limit, scratch));
    if let Ok(chunk) = decoded {
        call.encode(&chunk);
    }
}
