//! What a check finds.

use crate::error::{Error, ErrorKind, Rule};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// Sorts of findings. The names that [`Code::name`] gives them do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Code {
    /// A checksum is not that of the bytes.
    Checksum,
    /// A structure breaks a rule of the format.
    Structure,
    /// Two blocks share bytes.
    Overlap,
    /// A block reaches past the end of the file.
    PastEnd,
    /// More hard links were found than the object counts.
    LinkCount,
    /// An object counts more hard links than were found: objects that no path leads to may hold them.
    ExtraLinks,
    /// A message that headers share counts more uses than were found, as libhdf5 leaves it after copying objects.
    ExtraUses,
    /// A count in a header is not that of the things counted.
    Count,
    /// Entries of an index are not in order.
    Order,
    /// An index leads to another thing, or a name is not found through it.
    Index,
    /// A cached address is not that of the thing itself.
    StaleCache,
    /// Stored bytes of a chunk or dataset are not as many as its elements take.
    DataSize,
    /// An element points at a heap object that does not exist.
    HeapObject,
    /// Data can not be decoded.
    Data,
    /// Space that the file lists as free is in use.
    FreeInUse,
    /// Bytes that nothing uses.
    Unused,
    /// Bytes after the end that the superblock tells.
    Trailing,
    /// Something this build does not handle, so that it was not looked at.
    Unsupported,
    /// A limit kept the check from looking at everything.
    Limit,
    /// The storage failed.
    Io,
}

/// Whether a finding is damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// The file breaks a rule, or something in it can not be read.
    Damage,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What sort.
    pub code: Code,
    /// Absolute offset in the file, where there is one.
    pub offset: Option<u64>,
    /// Path of the object concerned, where there is one.
    pub path: Option<String>,
    /// What is wrong: expected against found.
    pub text: String,
}

/// A block in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceBlock {
    /// Absolute offset in the file.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// What it is.
    pub structure: &'static str,
    /// Path of the object it belongs to; "" for the file itself.
    pub path: Arc<str>,
}

/// What all blocks of one sort take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What they are.
    pub structure: &'static str,
    /// How many.
    pub blocks: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Findings, damage first, by offset.
    pub findings: Vec<Finding>,
    /// Findings left out because there are too many.
    pub more_findings: u64,
    /// Groups met.
    pub groups: u64,
    /// Datasets met.
    pub datasets: u64,
    /// Committed datatypes met.
    pub datatypes: u64,
    /// Attributes met.
    pub attributes: u64,
    /// Bytes from the first of the superblock to the end of the file.
    pub size: u64,
    /// Bytes that blocks have.
    pub used: u64,
    /// Bytes that the file lists as free.
    pub free: u64,
    /// Bytes that nothing has.
    pub unused: u64,
    /// Ranges of bytes that nothing has, those listed as free included: absolute offset and length.
    pub holes: Vec<(u64, u64)>,
    /// Blocks by what they are.
    pub usage: Vec<Usage>,
    /// All blocks by offset, if they were asked for.
    pub blocks: Vec<SpaceBlock>,
    /// True if every structure was walked to its end: holes are then certain.
    pub complete: bool,
}

impl Report {
    /// True without damage.
    pub fn is_clean(&self) -> bool {
        self.damage().next().is_none()
    }

    /// The findings that are damage.
    pub fn damage(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity() == Severity::Damage)
    }
}

impl Finding {
    /// Whether it is damage.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// The finding of an error that a reader met.
    pub(super) fn of(error: &Error, path: Option<&str>) -> Self {
        let code = match (error.rule(), error.kind()) {
            (Some(Rule::Checksum), _) => Code::Checksum,
            (Some(Rule::Inside), _) => Code::PastEnd,
            (Some(Rule::Apart), _) => Code::Overlap,
            (Some(Rule::Count), _) => Code::Count,
            (Some(Rule::Order), _) => Code::Order,
            (Some(Rule::Size), _) => Code::DataSize,
            (None, ErrorKind::Limit) => Code::Limit,
            (None, ErrorKind::Unsupported | ErrorKind::Denied) => Code::Unsupported,
            (None, ErrorKind::Io | ErrorKind::NeedRange { .. }) => Code::Io,
            (None, _) => Code::Structure,
        };
        let path = error.path().or(path).filter(|path| !path.is_empty()).map(Into::into);
        Finding { code, offset: error.offset(), path, text: error.summary() }
    }
}

impl Code {
    /// A short name that stays the same.
    pub fn name(self) -> &'static str {
        match self {
            Code::Checksum => "checksum",
            Code::Structure => "structure",
            Code::Overlap => "overlap",
            Code::PastEnd => "past-end",
            Code::LinkCount => "link-count",
            Code::ExtraLinks => "extra-links",
            Code::ExtraUses => "extra-uses",
            Code::Count => "count",
            Code::Order => "order",
            Code::Index => "index",
            Code::StaleCache => "stale-cache",
            Code::DataSize => "data-size",
            Code::HeapObject => "heap-object",
            Code::Data => "data",
            Code::FreeInUse => "free-in-use",
            Code::Unused => "unused",
            Code::Trailing => "trailing",
            Code::Unsupported => "unsupported",
            Code::Limit => "limit",
            Code::Io => "io",
        }
    }

    /// Whether findings of this sort are damage.
    pub fn severity(self) -> Severity {
        match self {
            Code::ExtraLinks | Code::ExtraUses | Code::Unused | Code::Trailing | Code::Unsupported => Severity::Note,
            _ => Severity::Damage,
        }
    }

    /// What can be done about it.
    pub fn advice(self) -> &'static str {
        match self {
            Code::Checksum | Code::Structure | Code::Data => {
                "the bytes were changed or lost: restore the object from a copy, or copy what can be read to a new file"
            }
            Code::PastEnd => "the file was cut off, or an address is damaged: open with salvage to read what is left",
            Code::Overlap | Code::FreeInUse => "do not write to the file: copy what is sound to a new one",
            Code::LinkCount => {
                "harmless until links are deleted, which takes the object away too soon: copy the file before that"
            }
            Code::ExtraUses => "deleting will not give the message's space back; a rewritten file does",
            Code::ExtraLinks => "deleting will not give the object's space back; a rewritten file does",
            Code::Count | Code::Order | Code::Index | Code::StaleCache | Code::DataSize => {
                "readers may miss entries: copy the object to a new file"
            }
            Code::HeapObject => "the elements are lost: write them again",
            Code::Unused => "rewriting the file gives the bytes back",
            Code::Trailing => "harmless: the next change of the file overwrites them",
            Code::Unsupported => "look at it with the library that has the filter or driver",
            Code::Limit => "raise the limit if the file is trusted",
            Code::Io => "look at the disk",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(offset) = self.offset {
            write!(f, " at {offset:#x}")?;
        }
        if let Some(path) = &self.path {
            write!(f, " in {path}")?;
        }
        write!(f, ": {}", self.text)
    }
}
