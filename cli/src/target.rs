//! Files, objects and slices as the command line names them.

use crate::args::{Cli, ObjectArgs};
use hdf5_format::{Error, ErrorKind, ExternalPolicy, File, Object, Result, Select};
use std::path::{Path, PathBuf};

/// An opened file, the path of an object in it, and a slice.
pub(crate) struct Target {
    pub(crate) file: File,
    pub(crate) path: String,
    pub(crate) select: Option<Select>,
}

impl Target {
    /// Opens what `FILE`, `FILE PATH`, or `FILE::/path[slice]` names.
    pub(crate) fn open(cli: &Cli, args: &ObjectArgs) -> Result<Target> {
        let (file, inner) = split(&args.file);
        let given = args.path.as_deref().or(inner.as_deref()).unwrap_or("/");
        if args.path.is_some() && inner.is_some() {
            return Err(Error::new(ErrorKind::Invalid, "the object is given twice, as FILE::PATH and as PATH"));
        }
        let file = open(cli, &file)?;
        // A name may itself end in brackets: an object of the whole name comes first.
        if let Some((path, slice)) = given.strip_suffix(']').and_then(|g| g.split_once('['))
            && file.get(given).is_err()
        {
            return Ok(Target { file, path: path.into(), select: Some(slice.parse()?) });
        }
        Ok(Target { file, path: given.into(), select: None })
    }

    /// The object.
    pub(crate) fn object(&self) -> Result<Object> {
        self.file.get(&self.path)
    }
}

/// `FILE::PATH` in two, unless a file of the whole name exists.
fn split(file: &Path) -> (PathBuf, Option<String>) {
    let Some(text) = file.to_str().filter(|_| !file.exists()) else { return (file.into(), None) };
    match text.split_once("::") {
        Some((file, path)) => (file.into(), Some(path.into())),
        None => (file.into(), None),
    }
}

/// Opens a file with the options of the command line.
pub(crate) fn open(cli: &Cli, path: &Path) -> Result<File> {
    let file = File::options().external(policy(cli, path)).salvage(cli.salvage).open(path)?;
    for warning in file.warnings() {
        anstream::eprintln!("h5: {}: {warning}", path.display());
    }
    Ok(file)
}

/// Opens a file for changes with the options of the command line.
pub(crate) fn open_rw(cli: &Cli, path: &Path) -> Result<File> {
    File::options().external(policy(cli, path)).open_rw(path)
}

/// Which other files a file may lead to.
pub(crate) fn policy(cli: &Cli, path: &Path) -> ExternalPolicy {
    match cli.follow.as_str() {
        "none" => ExternalPolicy::Deny,
        "here" => {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
            ExternalPolicy::Under(folder.unwrap_or(Path::new(".")).into())
        }
        folder => ExternalPolicy::Under(folder.into()),
    }
}
