//! Bounds on what a file may make a reader do.

/// Bounds that hold for one operation on a file. The defaults suit untrusted files.
///
/// Blocks of one structure (a B-tree, a chain of header chunks, a heap) must be disjoint and lie inside the file, so
/// the work of every walk is linear in the file's size without a bound of its own. These bounds cover the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest single metadata block read, in bytes.
    pub block_bytes: u64,
    /// Largest result of one read call, in bytes.
    pub read_bytes: u64,
    /// Largest single chunk after decoding, in bytes.
    pub chunk_bytes: u64,
    /// Chunks of an object header.
    pub header_chunks: usize,
    /// Levels of a B-tree.
    pub btree_depth: usize,
    /// Links followed in resolving one path (soft and external links included).
    pub link_depth: usize,
    /// Nesting of a datatype.
    pub datatype_depth: usize,
    /// Filters in a pipeline.
    pub filters: usize,
    /// Files reached through external links, raw files and virtual sources, one after the other.
    pub file_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            block_bytes: 1 << 28,
            read_bytes: 1 << 34,
            chunk_bytes: 1 << 32,
            header_chunks: 1024,
            btree_depth: 64,
            link_depth: 64,
            datatype_depth: 32,
            filters: 32,
            file_depth: 8,
        }
    }
}
