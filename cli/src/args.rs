//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

mod edit;

pub(crate) use edit::{
    ApplyArgs, CompactArgs, CpArgs, LnArgs, MkdirArgs, MvArgs, RecoverArgs, RepackArgs, RmArgs, SetArgs,
};

/// Look into HDF5 files and change them, without libhdf5.
#[derive(Parser)]
#[command(name = "h5", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "\
Files are given as FILE, FILE PATH or FILE::/path[slice]; slices are NumPy's: 0:10, ::2, -1, ...

Examples:
  h5 tree data.h5
  h5 cat data.h5::/run1/temperature[0:10]
  h5 cat data.h5 /table --format csv
  h5 info data.h5

Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but for parts named in the output.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// When to use colours; NO_COLOR is honoured.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,

    /// Other files that FILE may refer to (external links, raw data, virtual sources): `here` for those in its own
    /// folder and below, `none`, or a folder.
    #[arg(long, global = true, value_name = "here|none|DIR", default_value = "here")]
    pub(crate) follow: String,

    /// Open a file that is shorter than it should be.
    #[arg(long, global = true)]
    pub(crate) salvage: bool,

    /// Threads that decode chunks; all cores by default.
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show groups and datasets as a tree, with types, shapes, chunks, filters and sizes.
    Tree(TreeArgs),
    /// List the members of a group.
    Ls(LsArgs),
    /// Tell about a file: superblock, storage, conventions; or about one object.
    Info(ObjectArgs),
    /// Print values.
    Cat(CatArgs),
    /// Print attributes.
    Attrs(AttrsArgs),
    /// Print the whole content as one JSON document: structure, types, and SHA-256 sums of the values.
    Digest(DigestArgs),
    /// Tell what two files, or objects of them, do not have in common.
    Diff(DiffArgs),
    /// Make a small file, and show its tree and values.
    Demo(DemoArgs),
    /// Check a file: damage, counts and indexes that disagree, and which bytes are used by what.
    Check(CheckArgs),
    /// Make groups.
    Mkdir(MkdirArgs),
    /// Take links and attributes away.
    Rm(RmArgs),
    /// Rename or move a link, or rename an attribute.
    Mv(MvArgs),
    /// Copy an object with all that is below it, within a file or to another one.
    Cp(CpArgs),
    /// Add a link: hard, soft or external.
    Ln(LnArgs),
    /// Set an attribute, or elements of a dataset.
    Set(SetArgs),
    /// Do the edits of a script, one JSON object a line.
    Apply(ApplyArgs),
    /// Finish what a program left that was interrupted while it wrote: a commit, or the mark "open for writing".
    Recover(RecoverArgs),
    /// Write a file anew, without what it does not use; or with other versions, filters, chunks.
    Repack(RepackArgs),
    /// Cut off what is unused at the end of a file; or, with --full, inside too.
    Compact(CompactArgs),
    /// Show persisted objects: labels, versions, and the dialect they are in.
    Objects(ObjectsArgs),
    /// Take persisted objects to later versions, or to another dialect.
    Migrate(MigrateArgs),
}

#[derive(Args)]
pub(crate) struct ObjectsArgs {
    /// The file.
    pub(crate) file: PathBuf,
}

#[derive(Args)]
#[command(after_help = "\
Steps are a JSON list; each takes the objects of a label from one version to the next:
  [{\"namespace\": \"lab\", \"label\": \"Run\", \"from\": 1,
    \"rename\": {\"t\": \"temperature\"}, \"remove\": [\"old\"], \"add\": {\"unit\": \"K\"}}]

The file changes at once, or not at all.")]
pub(crate) struct MigrateArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// A file of steps from version to version.
    #[arg(long, value_name = "JSON", conflicts_with = "to")]
    pub(crate) steps: Option<PathBuf>,
    /// Write all objects anew in another dialect.
    #[arg(long, value_name = "native|h5preserve|jangada")]
    pub(crate) to: Option<String>,
    /// Write them here, and leave FILE as it is.
    #[arg(short, long, requires = "to")]
    pub(crate) output: Option<PathBuf>,
    /// Tell what would change, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args)]
#[command(after_help = "\
Findings have a code (checksum, overlap, link-count, ...), an offset, the object's path, and what can be done.
Bytes that nothing uses are no damage: most libraries leave some behind.

Exit status: 0 no damage, 1 damage, 2 the file can not be opened.")]
pub(crate) struct CheckArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// Read all data too: every chunk is decoded, every element of variable length looked up.
    #[arg(long)]
    pub(crate) data: bool,
    /// List every block: offset, bytes, what it is, and whose.
    #[arg(long)]
    pub(crate) map: bool,
}

/// An object of a file.
#[derive(Args)]
pub(crate) struct ObjectArgs {
    /// The file, or FILE::/path.
    pub(crate) file: PathBuf,
    /// The object; the root if left out.
    pub(crate) path: Option<String>,
}

#[derive(Args)]
pub(crate) struct TreeArgs {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    /// Levels shown.
    #[arg(short = 'L', long, value_name = "N")]
    pub(crate) depth: Option<usize>,
    /// Show attributes too.
    #[arg(short, long)]
    pub(crate) attrs: bool,
}

#[derive(Args)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    /// One line each: type, shape, chunks, filters, sizes.
    #[arg(short, long)]
    pub(crate) long: bool,
    /// Everything below too, each with its path; an object with several hard links is gone into once.
    #[arg(short, long)]
    pub(crate) recursive: bool,
}

#[derive(Args)]
pub(crate) struct CatArgs {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    /// What to print of the dataset, as NumPy has it: `0:10, ::2`.
    #[arg(short, long, value_name = "SLICE")]
    pub(crate) slice: Option<String>,
    /// How to print it.
    #[arg(short, long, default_value = "text")]
    pub(crate) format: Format,
    /// Print every value, however many there are.
    #[arg(long)]
    pub(crate) all: bool,
    /// Write to a file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people; long data are shortened.
    Text,
    /// One row a line; compounds have a column for each member.
    Csv,
    /// Nested arrays.
    Json,
    /// NumPy's file format; numbers, booleans and fixed strings only.
    Npy,
}

#[derive(Args)]
pub(crate) struct AttrsArgs {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    /// Print the value of this attribute alone.
    #[arg(short, long)]
    pub(crate) name: Option<String>,
}

#[derive(Args)]
pub(crate) struct DigestArgs {
    /// The file.
    pub(crate) file: PathBuf,
}

#[derive(Args)]
#[command(after_help = "\
Objects are compared by path; values by what they mean, whatever the layout, the filters, the version of the file.
References are equal if they lead to the same path. A line reads: what is different, the first file's, the second's.

Examples:
  h5 diff before.h5 after.h5
  h5 diff --rel 1e-6 a.h5::/run1 b.h5::/run1

Exit status: 0 equal, 1 different, 2 something could not be read.")]
pub(crate) struct DiffArgs {
    /// One file, or FILE::/path.
    pub(crate) a: PathBuf,
    /// The other file, or FILE::/path.
    pub(crate) b: PathBuf,
    /// Floating-point numbers that are this close are equal.
    #[arg(long, value_name = "D", default_value_t = 0.0)]
    pub(crate) abs: f64,
    /// Floating-point numbers that differ by this part of the larger one are equal.
    #[arg(long, value_name = "R", default_value_t = 0.0)]
    pub(crate) rel: f64,
    /// Compare how datasets are stored, too: layout, chunks, filters, fill value.
    #[arg(long)]
    pub(crate) storage: bool,
    /// Leave attributes and comments out.
    #[arg(long)]
    pub(crate) no_attrs: bool,
    /// Show no values.
    #[arg(short = 'q', long)]
    pub(crate) brief: bool,
    /// Values shown of each dataset.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub(crate) limit: usize,
}

#[derive(Args)]
pub(crate) struct DemoArgs {
    /// The file to make; it must not exist.
    pub(crate) file: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes this the choice for all output.
    pub(crate) fn write_global(self) {
        let choice = match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::AlwaysAnsi,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}
