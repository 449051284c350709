//! `h5 repack`: a file written anew.

use crate::args::{Cli, RepackArgs};
use crate::{Failure, Outcome, target};
use hdf5_format::edit::{Bounds, Version};
use hdf5_format::{Filters, RepackOptions};
use std::path::{Path, PathBuf};

/// `h5 repack`.
pub(crate) fn run(cli: &Cli, args: &RepackArgs) -> Outcome {
    let options = options(args)?;
    let file = target::open(cli, &args.file)?;
    let to = args.output.as_deref().unwrap_or(&args.file);
    if args.output.is_some() && to.exists() && !args.force {
        let text = format!("{} exists; give --force to replace it", to.display());
        return Err(Failure::text(text));
    }
    let beside = beside(to);
    file.repack(&beside, &options)?;
    let permissions = std::fs::metadata(&args.file)?.permissions();
    std::fs::set_permissions(&beside, permissions)?;
    let sizes = (std::fs::metadata(&args.file)?.len(), std::fs::metadata(&beside)?.len());
    std::fs::rename(&beside, to).inspect_err(|_| {
        let _ = std::fs::remove_file(&beside);
    })?;
    if cli.json {
        anstream::println!("{}", serde_json::json!({ "before": sizes.0, "after": sizes.1 }));
    } else if !args.quiet {
        anstream::println!("{}: {} bytes, was {}", to.display(), sizes.1, sizes.0);
    }
    Ok(())
}

/// A name in the same folder, so that the file can be renamed to its own.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or(path.as_os_str()));
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
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
