//! What a filter is told about the chunk at hand, and the buffers it may reuse.

use crate::error::{Error, ErrorKind, Result};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt::{self, Display};

/// Buffers kept: one is read while another is written.
const SPARES: usize = 2;

/// What one thread reuses from chunk to chunk, so that decoding many chunks allocates once: buffers, and the working
/// state of codecs.
#[derive(Default)]
pub struct Scratch {
    spares: Vec<Vec<u8>>,
    states: Vec<Box<dyn Any + Send>>,
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spares: Vec<usize> = self.spares.iter().map(Vec::capacity).collect();
        f.debug_struct("Scratch").field("spares", &spares).field("states", &self.states.len()).finish()
    }
}

impl Scratch {
    /// No buffers yet.
    pub fn new() -> Self {
        Scratch::default()
    }

    /// A buffer of `len` bytes with any contents; an error where memory is out.
    pub(crate) fn take(&mut self, len: usize) -> Result<Vec<u8>> {
        // Of those that fit the one given back last: caches still hold it.
        let fitting = self.spares.iter().rposition(|spare| spare.capacity() >= len);
        let mut buffer = match fitting {
            Some(index) => self.spares.remove(index),
            None => self.spares.pop().unwrap_or_default(),
        };
        if buffer.capacity() < len {
            buffer.clear();
            buffer.try_reserve_exact(len).map_err(|_| {
                Error::new(ErrorKind::Limit, format!("no memory for {len} bytes of a decoded chunk"))
                    .with_hint("lower Limits::chunk_bytes")
            })?;
        }
        buffer.resize(len, 0);
        Ok(buffer)
    }

    /// Gives a buffer back; borrowed bytes are dropped.
    pub fn recycle(&mut self, bytes: Cow<'_, [u8]>) {
        if let (Cow::Owned(buffer), true) = (bytes, self.spares.len() < SPARES) {
            self.spares.push(buffer);
        }
    }
}

/// One call of a filter: its client data, the bound on its output, buffers.
#[derive(Debug)]
pub struct FilterContext<'a> {
    /// The values stored with the filter in the dataset's filter pipeline message.
    pub client_data: &'a [u32],
    /// Most bytes the output may have; more means that the file is damaged.
    pub output_limit: usize,
    id: u16,
    name: &'a str,
    scratch: &'a mut Scratch,
}

impl<'a> FilterContext<'a> {
    /// A call of the filter of this id and name, which errors then mention.
    pub fn new(
        id: u16,
        name: &'a str,
        client_data: &'a [u32],
        output_limit: usize,
        scratch: &'a mut Scratch,
    ) -> FilterContext<'a> {
        FilterContext { client_data, output_limit, id, name, scratch }
    }

    /// A buffer of `len` bytes with any contents, refused above [`output_limit`](Self::output_limit).
    ///
    /// # Errors
    /// Corrupt above the limit; limit where memory is out.
    pub fn buffer(&mut self, len: usize) -> Result<Vec<u8>> {
        if len > self.output_limit {
            return Err(self.too_long(len));
        }
        self.scratch.take(len)
    }

    /// Like [`buffer`](Self::buffer), all zero.
    ///
    /// # Errors
    /// As [`buffer`](Self::buffer).
    pub fn zeroed(&mut self, len: usize) -> Result<Vec<u8>> {
        let mut buffer = self.buffer(len)?;
        buffer.fill(0);
        Ok(buffer)
    }

    /// The working state that the last call left with [`keep`](Self::keep), or a new one. It says nothing about the
    /// chunk: tables and workspaces that are costly to set up.
    pub fn state<T: Any + Send + Default>(&mut self) -> Box<T> {
        let states = &mut self.scratch.states;
        let kept = states.iter().position(|state| state.is::<T>()).map(|index| states.swap_remove(index));
        kept.and_then(|state| state.downcast().ok()).unwrap_or_default()
    }

    /// Leaves a working state for the next call on this thread.
    pub fn keep<T: Any + Send>(&mut self, state: Box<T>) {
        self.scratch.states.push(state);
    }

    /// Gives the input of a stage back for reuse once its output is there.
    pub fn recycle(&mut self, bytes: Cow<'_, [u8]>) {
        self.scratch.recycle(bytes);
    }

    /// The bytes break a rule of the filter's encoding.
    pub fn corrupt(&self, message: impl Display) -> Error {
        self.error(ErrorKind::Corrupt, message)
    }

    /// The encoding is legal, but not handled.
    pub fn unsupported(&self, message: impl Display) -> Error {
        self.error(ErrorKind::Unsupported, message)
    }

    /// The data given do not suit the filter.
    pub fn invalid(&self, message: impl Display) -> Error {
        self.error(ErrorKind::Invalid, message)
    }

    /// More output than the chunk has room for.
    pub fn too_long(&self, len: usize) -> Error {
        self.corrupt(format_args!("decodes to {len} bytes, expected at most {}", self.output_limit))
    }

    fn error(&self, kind: ErrorKind, message: impl Display) -> Error {
        Error::new(kind, format!("filter {} ({}): {message}", self.id, self.name))
    }
}
