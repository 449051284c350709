//! The arguments of the commands that change files.

use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct MkdirArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// The groups.
    #[arg(required = true)]
    pub(crate) paths: Vec<String>,
    /// Make missing groups on the way, and accept groups that exist.
    #[arg(short, long)]
    pub(crate) parents: bool,
}

#[derive(Args)]
#[command(after_help = "\
An object goes with its last hard link; the file's space is used again.

Examples:
  h5 rm data.h5 /run1/temperature /old
  h5 rm data.h5 /run1@units")]
pub(crate) struct RmArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// Links, or attributes as OBJECT@NAME.
    #[arg(required = true)]
    pub(crate) paths: Vec<String>,
    /// Do not mind what is not there.
    #[arg(short, long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct MvArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// A link, or an attribute as OBJECT@NAME.
    pub(crate) from: String,
    /// The new path; of an attribute the new name.
    pub(crate) to: String,
}

#[derive(Args)]
#[command(after_help = "\
Chunks are copied as they are stored. References among what is copied lead to the copies.

Examples:
  h5 cp data.h5::/run1 /run2
  h5 cp data.h5::/run1 archive.h5::/2024/run1 --parents
  h5 cp data.h5::/run1 alone.h5::/run1 --expand-soft --expand-external --expand-references")]
pub(crate) struct CpArgs {
    /// What to copy: FILE::PATH.
    pub(crate) from: String,
    /// Where to: PATH in the same file, or FILE::PATH; a file that is not there is made.
    pub(crate) to: String,
    /// Make missing groups on the way.
    #[arg(short, long)]
    pub(crate) parents: bool,
    /// Of a group only the objects in it, not what is in groups below.
    #[arg(long)]
    pub(crate) shallow: bool,
    /// No attributes.
    #[arg(long)]
    pub(crate) no_attrs: bool,
    /// Copy what soft links lead to in their place.
    #[arg(long)]
    pub(crate) expand_soft: bool,
    /// Copy what external links lead to in their place.
    #[arg(long)]
    pub(crate) expand_external: bool,
    /// Into another file, copy what references lead to.
    #[arg(long)]
    pub(crate) expand_references: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  h5 ln data.h5 /run1 /first
  h5 ln data.h5 /run1 /latest --soft
  h5 ln data.h5 /run1 /other --external other.h5")]
pub(crate) struct LnArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// The object that is linked to.
    pub(crate) target: String,
    /// The new link.
    pub(crate) path: String,
    /// Link to the path, whatever object it leads to.
    #[arg(short, long)]
    pub(crate) soft: bool,
    /// Link to a path in another file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) external: Option<String>,
}

#[derive(Args)]
#[command(after_help = "\
Values are JSON; what is not JSON is text. A new attribute gets the type of its value: i64, f64, bool or text of variable
length. One value goes to all selected elements of a dataset.

Examples:
  h5 set data.h5::/run1@units kelvin
  h5 set data.h5::/run1@scale 2.5 --type f32
  h5 set data.h5::/run1/temperature[0:3] '[1, 2, 3]'")]
pub(crate) struct SetArgs {
    /// FILE::OBJECT@NAME for an attribute, FILE::DATASET[SLICE] for elements.
    pub(crate) target: String,
    /// The value.
    #[arg(allow_negative_numbers = true)]
    pub(crate) value: String,
    /// Type of an attribute: i8 to i64, u8 to u64, f16 to f64, bool, str, S<bytes>.
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    pub(crate) dtype: Option<String>,
}

#[derive(Args)]
#[command(after_help = "\
Without OUTPUT the file is replaced when the new one is complete. Chunks are moved as they are stored where neither
filters nor chunks change.

Examples:
  h5 repack data.h5
  h5 repack data.h5 small.h5 --filter shuffle,zstd=3
  h5 repack data.h5 old.h5 --libver earliest
  h5 repack data.h5 new.h5 --libver v110:v114 --chunks 100,100
  h5 repack data.h5 part00000.h5 --family 1073741824
  h5 repack part00000.h5 data.h5")]
pub(crate) struct RepackArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// Where to write; FILE itself if left out.
    pub(crate) output: Option<PathBuf>,
    /// Versions of structures: earliest, v18, v110, v112, v114 or v200, and after a colon the highest one. As each
    /// object has them if left out.
    #[arg(long, value_name = "LOW[:HIGH]")]
    pub(crate) libver: Option<String>,
    /// Filters for all datasets that they suit, in order of writing: shuffle,gzip=6; none for none.
    #[arg(short, long, value_name = "LIST")]
    pub(crate) filter: Option<String>,
    /// Lengths of chunks, for datasets of as many dimensions.
    #[arg(short, long, value_name = "N,N,...", value_delimiter = ',')]
    pub(crate) chunks: Option<Vec<u64>>,
    /// Bytes before the file's own: 0 or a power of two from 512.
    #[arg(long, value_name = "BYTES")]
    pub(crate) userblock: Option<u64>,
    /// Space in pages of this many bytes.
    #[arg(long, value_name = "BYTES", num_args = 0..=1, default_missing_value = "4096")]
    pub(crate) paged: Option<u64>,
    /// As a family of files of this many bytes; OUTPUT is the first, and its name ends in zeros.
    #[arg(long, value_name = "BYTES", requires = "output", conflicts_with = "force")]
    pub(crate) family: Option<u64>,
    /// Replace OUTPUT if it exists.
    #[arg(long)]
    pub(crate) force: bool,
    /// Print nothing: no sizes, and no bar on a terminal.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Args)]
#[command(after_help = "\
Nothing is moved, so that unused bytes inside stay: new objects take them. With --full the file is written anew, as by
h5 repack, and replaced when that is complete.

Examples:
  h5 compact data.h5
  h5 compact data.h5 --full")]
pub(crate) struct CompactArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// Give back the unused bytes inside too.
    #[arg(long)]
    pub(crate) full: bool,
    /// Print nothing.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Args)]
pub(crate) struct RecoverArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// Only say what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args)]
#[command(after_help = "\
The edits are committed at the end, and by {\"op\": \"flush\"} before it: what fails takes back what came after the last commit.
Space that the file does not use is looked for first, by a walk over its structure, and used again. That takes about a
second for 40,000 objects, or for a million chunks.")]
pub(crate) struct ApplyArgs {
    /// The edits.
    pub(crate) ops: PathBuf,
    /// The file to make or change.
    pub(crate) file: PathBuf,
    /// Print the number of each line after which the file was committed.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Do not look for unused space: the file grows by what is new.
    #[arg(long)]
    pub(crate) no_reuse: bool,
}
