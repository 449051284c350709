//! `h5 repack` and `h5 compact`: a file written anew, or without its end.

use crate::args::{Cli, CompactArgs, RepackArgs};
use crate::beside::Beside;
use crate::edit::same;
use crate::progress::{self, Bar};
use crate::{Failure, Outcome, target};
use hdf5_format::check::CheckOptions;
use hdf5_format::edit::{Bounds, Driver, Version};
use hdf5_format::{File, Filters, RepackOptions};
use std::path::Path;
use std::sync::Arc;

/// `h5 repack`.
pub(crate) fn run(cli: &Cli, args: &RepackArgs) -> Outcome {
    let options = self::options(args)?;
    let file = target::open(cli, &args.file)?;
    let to = args.output.as_deref().unwrap_or(&args.file);
    if same(to, &args.file) {
        alone(&file)?;
    }
    if args.output.is_some() && to.exists() && !args.force {
        let text = format!("{} exists; give --force to replace it", to.display());
        return Err(Failure::text(text));
    }
    let before = length(&args.file)?;
    if args.family.is_some() {
        return members(&file, to, &options, args.quiet);
    }
    let (beside, after) = anew(&file, &args.file, to, options, args.quiet)?;
    beside.take_place()?;
    if cli.json {
        anstream::println!("{}", serde_json::json!({ "before": before, "after": after }));
    } else if !args.quiet {
        anstream::println!("{}: {after} bytes, was {before}", to.display());
    }
    Ok(())
}

/// Several files, under their names from the start.
fn members(file: &File, to: &Path, options: &RepackOptions, quiet: bool) -> Outcome {
    let bar = if quiet { None } else { progress::bar().map(Arc::new) };
    let options = match bar.clone() {
        Some(bar) => options.clone().progress(move |progress| bar.tell(progress)),
        None => options.clone(),
    };
    let done = file.repack(to, &options);
    bar.as_deref().map(Bar::end);
    Ok(done?)
}

/// `h5 compact`.
pub(crate) fn compact(cli: &Cli, args: &CompactArgs) -> Outcome {
    let path = &args.file;
    let before = length(path)?;
    let file = target::open_rw(cli, path)?;
    if args.full {
        alone(&file)?;
    }
    let compacted = file.compact()?;
    // Of several members the one that was named is a part.
    let before = if is_joined(&file) { compacted.before } else { before };
    let joined = is_joined(&file).then_some(compacted.after);
    let report = file.check(CheckOptions::new());
    drop(file);
    let mut unused = report.unused + report.free;
    let mut after = joined.map_or_else(|| length(path), Ok)?;
    if args.full && unused > 0 {
        let file = target::open(cli, path)?;
        let (beside, anew) = anew(&file, path, path, RepackOptions::new(), args.quiet)?;
        // A few bytes may go into other places: then it stays as it is.
        if anew < after {
            unused = file_unused(beside.path())?;
            beside.take_place()?;
            after = anew;
        }
    }
    if cli.json {
        anstream::println!("{}", serde_json::json!({ "before": before, "after": after, "unused": unused }));
    } else if !args.quiet {
        let inside = match unused {
            0 => String::new(),
            n if args.full => format!("; {n} inside are unused"),
            n => format!("; {n} inside are unused, and --full gives them back"),
        };
        anstream::println!("{}: {after} bytes, was {before}{inside}", path.display());
    }
    Ok(())
}

fn is_joined(file: &File) -> bool {
    file.opened().driver.is_some()
}

/// Refuses to put one file in the place of the first of several.
fn alone(file: &File) -> Outcome {
    if is_joined(file) {
        return Err(Failure::text("the file has several members; repack it into a file of another name".into()));
    }
    Ok(())
}

fn file_unused(path: &Path) -> Result<u64, Failure> {
    let report = File::open(path)?.check(CheckOptions::new());
    Ok(report.unused + report.free)
}

fn length(path: &Path) -> Result<u64, Failure> {
    Ok(std::fs::metadata(path).map_err(Failure::at(path))?.len())
}

/// The file written anew beside `to`, with the permissions of the one at `from`, and its length.
fn anew(file: &File, from: &Path, to: &Path, options: RepackOptions, quiet: bool) -> Result<(Beside, u64), Failure> {
    let beside = Beside::of(to);
    let bar = if quiet { None } else { progress::bar().map(Arc::new) };
    let options = match bar.clone() {
        Some(bar) => options.progress(move |progress| bar.tell(progress)),
        None => options,
    };
    let done = file.repack(beside.path(), &options);
    bar.as_deref().map(Bar::end);
    done?;
    let permissions = std::fs::metadata(from).map_err(Failure::at(from))?.permissions();
    std::fs::set_permissions(beside.path(), permissions).map_err(Failure::at(to))?;
    let length = length(beside.path())?;
    Ok((beside, length))
}

fn options(args: &RepackArgs) -> Result<RepackOptions, Failure> {
    let mut options = RepackOptions::new();
    if let Some(text) = &args.libver {
        options = options.bounds(bounds(text)?);
    }
    if let Some(filters) = &args.filter {
        let filters = if filters == "none" { Filters::new() } else { filters.parse::<Filters>()? };
        options = options.filters(filters);
    }
    if let Some(chunk) = &args.chunks {
        options = options.chunks(chunk.clone());
    }
    if let Some(bytes) = args.userblock {
        options = options.user_block(bytes);
    }
    if let Some(bytes) = args.paged {
        options = options.paged(bytes);
    }
    if let Some(member_size) = args.family {
        options = options.driver(Driver::Family { member_size });
    }
    Ok(options)
}

/// `LOW` or `LOW:HIGH`.
pub(crate) fn bounds(text: &str) -> Result<Bounds, Failure> {
    let (low, high) = text.split_once(':').map_or((text, None), |(low, high)| (low, Some(high)));
    let low = version(low)?;
    let high = high.map_or(Ok(Bounds::default().high), version)?;
    if low > high {
        return Err(Failure::text(format!("{text}: the lower bound is above the upper one")));
    }
    let mut bounds = Bounds::default();
    (bounds.low, bounds.high) = (low, high);
    Ok(bounds)
}

fn version(name: &str) -> Result<Version, Failure> {
    Ok(match name {
        "earliest" => Version::Earliest,
        "v18" | "v108" => Version::V18,
        "v110" => Version::V110,
        "v112" => Version::V112,
        "v114" => Version::V114,
        "v200" | "latest" => Version::V200,
        other => {
            let text = format!("{other:?} is no version; expected earliest, v18, v110, v112, v114 or v200");
            return Err(Failure::text(text));
        }
    })
}
