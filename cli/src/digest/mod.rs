//! `h5 digest`: a whole file as one JSON document, a manifest of its content.
//!
//! The document does not depend on how the file stores things: values are SHA-256 sums of canonical bytes
//! (see `hdf5_format::canonical`), objects are named by the first path that reaches them by hard links in a
//! depth-first walk over names in byte order.

mod dataset;
mod dtype;
mod value;
mod walk;

pub(crate) use walk::paths;

use crate::args::{Cli, DigestArgs};
use crate::{Outcome, target};
use hdf5_format::File;
use serde_json::{Value, json};
use std::io::{BufWriter, Write};

/// `h5 digest`. A file that can not be opened is an answer too: a document that says so.
pub(crate) fn run(cli: &Cli, args: &DigestArgs) -> Outcome {
    let opened = target::open(cli, &args.file);
    let document = match &opened {
        Ok(file) => document(file),
        Err(e) => refused(e),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    serde_json::to_writer(&mut out, &document).map_err(std::io::Error::from)?;
    writeln!(out)?;
    out.flush()?;
    opened.map(|_| ()).map_err(Into::into)
}

/// The document of an opened file.
pub fn document(file: &File) -> Value {
    let mut walk = walk::Walk::new(file);
    walk.run();
    let status = if walk.errors.is_empty() { "ok" } else { "partial" };
    json!({
        "digest": 1,
        "status": status,
        "errors": walk.errors,
        "file": file_info(file),
        "links": walk.links,
        "objects": walk.objects,
    })
}

/// The document of a file that could not be opened.
pub fn refused(error: &hdf5_format::Error) -> Value {
    json!({ "digest": 1, "status": "refused", "error": error.to_string() })
}

fn file_info(file: &File) -> Value {
    let superblock = file.superblock();
    json!({
        "superblock": superblock.version,
        "userblock": file.user_block(),
        "sizeof_addr": superblock.sizes.offset,
        "sizeof_size": superblock.sizes.length,
        "warnings": file.warnings().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
