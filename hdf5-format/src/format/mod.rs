//! One on-disk structure a file: bytes to struct and back. No storage, no following of addresses.

pub mod message;
pub mod object_header;
pub mod superblock;
pub mod symbol_table_entry;
