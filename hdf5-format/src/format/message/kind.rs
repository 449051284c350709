//! Header message types (File Format Spec v3/4, IV.A.2): the 25 numbers and their names.

use core::fmt;

/// What a header message holds, by the number in its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MessageKind {
    /// 0x00: free room in a header.
    Nil,
    /// 0x01: extent of a dataset or attribute.
    Dataspace,
    /// 0x02: where a new-style group keeps its links.
    LinkInfo,
    /// 0x03: type of the elements.
    Datatype,
    /// 0x04: fill value, old form.
    OldFillValue,
    /// 0x05: fill value and when it is written.
    FillValue,
    /// 0x06: one link of a new-style group.
    Link,
    /// 0x07: raw data files outside this one.
    ExternalFiles,
    /// 0x08: where the raw data is.
    DataLayout,
    /// 0x09: for libhdf5's own tests.
    Bogus,
    /// 0x0A: when a new-style group changes between compact and dense.
    GroupInfo,
    /// 0x0B: filters of chunks, or of a group's link heap.
    FilterPipeline,
    /// 0x0C: one attribute.
    Attribute,
    /// 0x0D: a comment on the object.
    Comment,
    /// 0x0E: modification time as text.
    OldModifiedTime,
    /// 0x0F: where the file's shared messages are (superblock extension).
    SharedMessageTable,
    /// 0x10: the next chunk of this header.
    Continuation,
    /// 0x11: B-tree and heap of an old-style group.
    SymbolTable,
    /// 0x12: modification time in seconds.
    ModifiedTime,
    /// 0x13: K values of version 1 B-trees (superblock extension).
    BTreeK,
    /// 0x14: what the file driver needs (superblock extension).
    DriverInfo,
    /// 0x15: where an object keeps its attributes.
    AttributeInfo,
    /// 0x16: number of hard links, if not one.
    ReferenceCount,
    /// 0x17: free-space handling (superblock extension).
    FileSpaceInfo,
    /// 0x18: metadata cache image (superblock extension).
    CacheImage,
    /// A number outside the specification.
    Unknown(u16),
}

/// Kinds and names; the index is the number.
const KINDS: [(MessageKind, &str); 25] = [
    (MessageKind::Nil, "nil message"),
    (MessageKind::Dataspace, "dataspace"),
    (MessageKind::LinkInfo, "link info"),
    (MessageKind::Datatype, "datatype"),
    (MessageKind::OldFillValue, "old fill value"),
    (MessageKind::FillValue, "fill value"),
    (MessageKind::Link, "link"),
    (MessageKind::ExternalFiles, "external file list"),
    (MessageKind::DataLayout, "data layout"),
    (MessageKind::Bogus, "bogus message"),
    (MessageKind::GroupInfo, "group info"),
    (MessageKind::FilterPipeline, "filter pipeline"),
    (MessageKind::Attribute, "attribute"),
    (MessageKind::Comment, "object comment"),
    (MessageKind::OldModifiedTime, "old modification time"),
    (MessageKind::SharedMessageTable, "shared message table message"),
    (MessageKind::Continuation, "object header continuation"),
    (MessageKind::SymbolTable, "symbol table message"),
    (MessageKind::ModifiedTime, "modification time"),
    (MessageKind::BTreeK, "B-tree K values"),
    (MessageKind::DriverInfo, "driver info"),
    (MessageKind::AttributeInfo, "attribute info"),
    (MessageKind::ReferenceCount, "reference count"),
    (MessageKind::FileSpaceInfo, "file space info"),
    (MessageKind::CacheImage, "metadata cache image message"),
];

impl MessageKind {
    /// The kind of a number.
    pub fn from_id(id: u16) -> Self {
        KINDS.get(usize::from(id)).map_or(MessageKind::Unknown(id), |&(kind, _)| kind)
    }

    /// The number in the message's header.
    pub fn id(self) -> u16 {
        match self {
            MessageKind::Unknown(id) => id,
            known => (0..).zip(KINDS).find(|&(_, (kind, _))| kind == known).map_or(u16::MAX, |(id, _)| id),
        }
    }

    /// The specification's name, for errors.
    pub fn name(self) -> &'static str {
        match self {
            MessageKind::Unknown(_) => "unknown message",
            known => KINDS.iter().find(|&&(kind, _)| kind == known).map_or("", |&(_, name)| name),
        }
    }

    /// True if libhdf5 knows the number in its released builds: decides what the flags about unknown messages mean.
    pub fn is_known(self) -> bool {
        !matches!(self, MessageKind::Unknown(_) | MessageKind::Bogus)
    }

    /// True if the message may lie elsewhere, with a pointer in its place.
    pub fn is_shareable(self) -> bool {
        use MessageKind::{Attribute, Dataspace, Datatype, FillValue, FilterPipeline, OldFillValue};
        matches!(self, Dataspace | Datatype | OldFillValue | FillValue | FilterPipeline | Attribute)
    }
}

impl From<u16> for MessageKind {
    fn from(id: u16) -> Self {
        MessageKind::from_id(id)
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#04x})", self.name(), self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_kinds_agree() {
        for id in 0..300 {
            assert_eq!(MessageKind::from_id(id).id(), id);
        }
        assert_eq!(MessageKind::from_id(0x18), MessageKind::CacheImage);
        assert_eq!(MessageKind::from_id(0x19), MessageKind::Unknown(0x19));
        assert_eq!(MessageKind::Datatype.to_string(), "datatype (0x03)");
    }
}
