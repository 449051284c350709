//! Messages of object headers (File Format Spec, IV.A.2), one a file.

pub mod btree_k;
pub mod cache_image;
pub mod comment;
pub mod continuation;
pub mod driver_info;
pub mod external_files;
pub mod file_space_info;
mod kind;
pub mod modified_time;
pub mod reference_count;
pub mod shared;
pub mod shared_table;

pub use kind::MessageKind;
