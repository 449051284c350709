//! One on-disk structure a file: bytes to struct and back. No storage, no following of addresses.

pub mod btree_v1;
pub mod btree_v2;
pub mod cache_image;
pub mod chunk_element;
pub mod extensible_array;
pub mod fixed_array;
pub mod fractal_heap;
pub mod free_space;
pub mod global_heap;
pub mod local_heap;
pub mod message;
pub mod object_header;
pub mod reference;
pub mod selection;
pub mod shared_message_list;
pub mod shared_message_table;
pub mod superblock;
pub mod symbol_table_entry;
pub mod symbol_table_node;
pub mod virtual_layout;
