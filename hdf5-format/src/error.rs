//! The one error type: what, where, expected against found, what to do.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// The sort of failure, for programs that decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes break a rule of the format.
    Corrupt,
    /// A [`Limits`](crate::Limits) bound was reached.
    Limit,
    /// Another file would have to be opened and the policy forbids it.
    Denied,
    /// Legal HDF5 that this build does not handle (a filter, a driver).
    Unsupported,
    /// No object, attribute or file of that name.
    NotFound,
    /// The value's type is not the one asked for.
    TypeMismatch,
    /// A shape, rank or selection does not fit.
    Shape,
    /// An argument is wrong in itself.
    Invalid,
    /// Something of that name exists, or the object is in the wrong state.
    Conflict,
    /// Another process holds the file.
    Locked,
    /// The storage failed.
    Io,
    /// Remote storage has not fetched these bytes yet.
    NeedRange {
        /// Absolute file offset of the first missing byte.
        offset: u64,
        /// Number of missing bytes.
        len: u64,
    },
}

/// Rules of the format that hold for every structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// A checksum is that of the bytes.
    Checksum,
    /// Everything lies inside the file.
    Inside,
    /// No two things share bytes.
    Apart,
    /// A count is that of the things counted.
    Count,
    /// What is sorted is in order.
    Order,
    /// Stored bytes are as many as the elements take.
    Size,
}

/// An error with its place in the file.
///
/// One pointer wide. [`kind`](Error::kind) is for programs; the `Display` text is for people and names the
/// structure, the absolute byte offset, the object's path where known, and a hint.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    rule: Option<Rule>,
    structure: &'static str,
    offset: Option<u64>,
    path: Option<String>,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
}

impl Error {
    /// An error of `kind` with a message; `structure` and place are added by the other methods.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Box::new(Inner {
            kind,
            rule: None,
            structure: "",
            offset: None,
            path: None,
            message: message.into(),
            hint: None,
        }))
    }

    /// Bytes at absolute `offset` that break a rule of `structure` (a name of the specification).
    pub fn corrupt(structure: &'static str, offset: u64, message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Corrupt, message).within(structure).at(offset)
    }

    /// Legal input that this build does not handle.
    pub fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Unsupported, message)
    }

    /// A bound of [`Limits`](crate::Limits), named by its field, was reached.
    pub fn limit(name: &'static str, limit: u64, asked: u64) -> Self {
        Error::new(ErrorKind::Limit, alloc::format!("limit `{name}` is {limit}, {asked} asked"))
            .with_hint("raise it in Limits if the file is trusted")
    }

    /// Names the structure, unless a deeper layer already did.
    #[must_use]
    pub fn within(mut self, structure: &'static str) -> Self {
        if self.0.structure.is_empty() {
            self.0.structure = structure;
        }
        self
    }

    /// Adds the absolute file offset, unless a deeper layer already did.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Adds the path of the object, unless a deeper layer already did.
    #[must_use]
    pub fn on(mut self, path: impl fmt::Display) -> Self {
        if self.0.path.is_none() {
            self.0.path = Some(path.to_string());
        }
        self
    }

    /// Names the rule that is broken.
    #[must_use]
    pub fn breaks(mut self, rule: Rule) -> Self {
        self.0.rule = Some(rule);
        self
    }

    /// Says, before the message, which part of a value it is about.
    #[must_use]
    pub(crate) fn prefixed(mut self, part: impl fmt::Display) -> Self {
        self.0.message = alloc::format!("{part}: {}", self.0.message).into();
        self
    }

    /// Says what the reader of the message can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The rule that is broken, where it is one of those with a name.
    pub fn rule(&self) -> Option<Rule> {
        self.0.rule
    }

    /// The specification's name of the structure concerned, or "".
    pub fn structure(&self) -> &'static str {
        self.0.structure
    }

    /// Absolute offset in the file, in bytes, where known.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// Path of the object, where known.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// The message alone, with the structure concerned.
    pub(crate) fn summary(&self) -> String {
        match self.0.structure {
            "" => self.0.message.to_string(),
            structure => alloc::format!("{structure}: {}", self.0.message),
        }
    }

    /// What to do about it, where there is advice.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

/// Errors go from thread to thread.
const _: () = {
    const fn sendable<T: Send + Sync + 'static>() {}
    sendable::<Error>();
};

impl Clone for Error {
    fn clone(&self) -> Self {
        Error(self.0.clone())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        if !self.structure.is_empty() {
            f.write_str(self.structure)?;
            if let Some(offset) = self.offset {
                write!(f, " at {offset:#x}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.message)?;
        if let (true, Some(offset)) = (self.structure.is_empty(), self.offset) {
            write!(f, " (at {offset:#x})")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

#[cfg(feature = "std")]
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Io,
        };
        Error::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn says_what_where_and_what_to_do() {
        let error = Error::corrupt("local heap", 0x1a40, "expected signature \"HEAP\", found \"HEAX\"")
            .on("/a/b")
            .with_hint("the file is damaged");
        assert_eq!(
            error.to_string(),
            "/a/b: local heap at 0x1a40: expected signature \"HEAP\", found \"HEAX\"; the file is damaged"
        );
    }
}
