//! Messages of object headers (File Format Spec, IV.A.2), one a file.

pub mod attribute;
pub mod attribute_info;
pub mod btree_k;
pub mod cache_image;
pub mod comment;
pub mod continuation;
pub mod dataspace;
pub mod datatype;
pub mod driver_info;
pub mod external_files;
pub mod file_space_info;
pub mod fill_value;
pub mod filter_pipeline;
pub mod group_info;
mod kind;
pub mod layout;
pub mod link;
pub mod link_info;
pub mod modified_time;
pub mod reference_count;
pub mod shared;
pub mod shared_table;
pub mod symbol_table;

pub use kind::MessageKind;
