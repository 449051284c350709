//! The filters of one dataset, in order.

use super::{Filter, FilterContext, Registry, Scratch, known};
use crate::error::{Error, ErrorKind, Result};
use crate::format::message::filter_pipeline::FilterDescription;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// Most filters of a pipeline: the filter mask of a chunk has one bit for each.
pub const MAX_FILTERS: usize = 32;

/// The filters of one dataset or heap, in order of writing, ready to decode and encode.
#[derive(Clone, Debug, Default)]
pub struct Pipeline {
    stages: Vec<Stage>,
}

/// One filter of a pipeline.
#[derive(Clone)]
pub struct Stage {
    /// Filter id.
    pub id: u16,
    /// True if a chunk may be stored without this filter.
    pub optional: bool,
    /// Parameters of the filter.
    pub client_data: Vec<u32>,
    /// Name of the filter, else the registered one, else the one in the file, which may be "".
    pub name: String,
    /// `None`: not in this build.
    filter: Option<Arc<dyn Filter>>,
}

/// An encoded chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// What to store.
    pub bytes: Vec<u8>,
    /// Filter mask to store with it: bit i set means that filter i was not applied.
    pub mask: u32,
}

impl Stage {
    /// A stage of the filter with this id. One that the registry lacks is an error only when it is needed.
    pub fn new(id: u16, optional: bool, client_data: impl Into<Vec<u32>>, registry: &Registry) -> Self {
        let filter = registry.get(id).cloned();
        let name = match (&filter, known::find(id)) {
            (Some(filter), _) => filter.name().to_string(),
            (None, Some(known)) => known.name.to_string(),
            (None, None) => String::new(),
        };
        Stage { id, optional, client_data: client_data.into(), name, filter }
    }

    fn described(filter: &FilterDescription, registry: &Registry) -> Self {
        let mut stage = Stage::new(filter.id, filter.is_optional(), filter.client_data.as_slice(), registry);
        if stage.name.is_empty() {
            stage.name = String::from_utf8_lossy(&filter.name).into_owned();
        }
        stage
    }

    /// The filter, or the error that says what it takes to have it.
    fn filter(&self) -> Result<&dyn Filter> {
        self.filter.as_deref().ok_or_else(|| {
            let name = if self.name.is_empty() { "unregistered" } else { &self.name };
            Error::unsupported(format!("filter {} ({name}) is needed, but not in this build", self.id))
                .with_hint(known::advice(self.id))
        })
    }

    fn context<'a>(&'a self, output_limit: usize, scratch: &'a mut Scratch) -> FilterContext<'a> {
        FilterContext::new(self.id, &self.name, &self.client_data, output_limit, scratch)
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("optional", &self.optional)
            .field("client_data", &self.client_data)
            .field("available", &self.filter.is_some())
            .finish()
    }
}

impl Pipeline {
    /// The pipeline of a filter pipeline message. A filter that the registry lacks is an error only when a chunk needs
    /// it.
    ///
    /// # Errors
    /// More than [`MAX_FILTERS`].
    pub fn new(filters: &[FilterDescription], registry: &Registry) -> Result<Self> {
        Self::from_stages(filters.iter().map(|filter| Stage::described(filter, registry)).collect::<Vec<_>>())
    }

    /// A pipeline of these stages, in order of writing.
    ///
    /// # Errors
    /// More than [`MAX_FILTERS`].
    pub fn from_stages(stages: impl Into<Vec<Stage>>) -> Result<Self> {
        let stages = stages.into();
        if stages.len() > MAX_FILTERS {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("filter pipeline: expected at most {MAX_FILTERS} filters, found {}", stages.len()),
            ));
        }
        Ok(Pipeline { stages })
    }

    /// True without filters: chunks are stored as they are.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// The filters, in order of writing.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Undoes all filters whose bit in `mask` is clear; the result has exactly `output_len` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a filter that is not in the registry; [`ErrorKind::Corrupt`] where the bytes are
    /// no encoding by these filters, or decode to another length.
    pub fn decode<'a>(&self, stored: impl Into<Cow<'a, [u8]>>, mask: u32, output_len: usize) -> Result<Vec<u8>> {
        self.decode_with(stored.into(), mask, output_len, &mut Scratch::new()).map(Cow::into_owned)
    }

    /// [`decode`](Self::decode) with the buffers of earlier chunks. Hand the result to [`Scratch::recycle`] after use.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_with<'a>(
        &self,
        stored: Cow<'a, [u8]>,
        mask: u32,
        output_len: usize,
        scratch: &mut Scratch,
    ) -> Result<Cow<'a, [u8]>> {
        let bytes = self.decode_at_most(stored, mask, output_len, scratch)?;
        if bytes.len() == output_len {
            return Ok(bytes);
        }
        let names = self.names(mask);
        Err(Error::new(
            ErrorKind::Corrupt,
            format!("decoding ({names}) gave {} bytes, expected {output_len}", bytes.len()),
        ))
    }

    /// [`decode_with`](Self::decode_with) for chunks that may hold fewer bytes: some writers cut off what lies past the
    /// extent.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), but for a shorter result.
    pub fn decode_at_most<'a>(
        &self,
        stored: Cow<'a, [u8]>,
        mask: u32,
        output_len: usize,
        scratch: &mut Scratch,
    ) -> Result<Cow<'a, [u8]>> {
        // Going forward: how long the input of each filter can have been. These bound the outputs going back.
        let mut active = Vec::with_capacity(self.stages.len());
        let mut limit = output_len;
        for (_, stage) in self.stages.iter().enumerate().filter(|&(index, _)| !masked(mask, index)) {
            let filter = stage.filter()?;
            active.push((stage, filter, limit));
            limit = filter.encoded_limit(limit, &stage.client_data);
        }
        let mut bytes = stored;
        for (stage, filter, limit) in active.into_iter().rev() {
            let mut context = stage.context(limit, scratch);
            bytes = filter.decode(bytes, &mut context)?;
            if bytes.len() > limit {
                return Err(context.too_long(bytes.len()));
            }
        }
        Ok(bytes)
    }

    /// Applies all filters to a chunk. An optional filter that can not be applied is left out, and the mask says so.
    ///
    /// # Errors
    /// A filter that is not optional is missing or declines, or its client data does not suit the chunk.
    pub fn encode(&self, chunk: &[u8], scratch: &mut Scratch) -> Result<Encoded> {
        let mut bytes = Cow::Borrowed(chunk);
        let mut mask = 0;
        for (index, stage) in self.stages.iter().enumerate() {
            match encode_stage(stage, &bytes, scratch) {
                Ok(Some(encoded)) => scratch.recycle(core::mem::replace(&mut bytes, Cow::Owned(encoded))),
                Ok(None) if stage.optional => mask |= bit(index),
                Err(error) if stage.optional && is_refusal(&error) => mask |= bit(index),
                Ok(None) => {
                    let context = stage.context(bytes.len(), scratch);
                    return Err(context.invalid("it declines this chunk, but is not optional in the pipeline"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Encoded { bytes: bytes.into_owned(), mask })
    }

    /// The filters that `mask` leaves in force, for messages.
    fn names(&self, mask: u32) -> String {
        let names = self.stages.iter().enumerate().filter(|&(index, _)| !masked(mask, index));
        let names: Vec<&str> = names.map(|(_, stage)| stage.name.as_str()).collect();
        if names.is_empty() { "no filters".to_string() } else { names.join(", ") }
    }
}

/// True for what a filter says of its data or client data, and not of the machine.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Corrupt | ErrorKind::Invalid)
}

fn encode_stage(stage: &Stage, bytes: &[u8], scratch: &mut Scratch) -> Result<Option<Vec<u8>>> {
    let filter = stage.filter()?;
    let limit = filter.encoded_limit(bytes.len(), &stage.client_data);
    filter.encode(bytes, &mut stage.context(limit, scratch))
}

/// The mask bit of the filter at `index`.
fn bit(index: usize) -> u32 {
    u32::try_from(index).ok().and_then(|index| 1u32.checked_shl(index)).unwrap_or(0)
}

fn masked(mask: u32, index: usize) -> bool {
    mask & bit(index) != 0
}
