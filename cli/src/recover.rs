//! `h5 recover`.

use crate::Outcome;
use crate::args::{Cli, RecoverArgs};
use crate::target::policy;
use hdf5_format::File;
use hdf5_format::edit::Recovery;
use serde_json::json;
use std::io::Write;

/// `h5 recover`.
pub(crate) fn run(cli: &Cli, args: &RecoverArgs) -> Outcome {
    let options = File::options().external(policy(cli, &args.file));
    let found = if args.dry_run { options.recovery(&args.file)? } else { options.recover(&args.file)? };
    let (state, text) = match (found, args.dry_run) {
        (Recovery::Clean, _) => ("clean", "no commit was interrupted; nothing to do".to_string()),
        (Recovery::Commit { blocks, bytes }, dry) => {
            let done = if dry { "would be put in place" } else { "is in place now" };
            ("commit", format!("an interrupted commit of {blocks} blocks, {bytes} bytes, {done}"))
        }
        (Recovery::Mark, dry) => ("mark", format!("a commit was interrupted at its end; its mark {}", gone(dry))),
        (Recovery::ForeignMark, dry) => (
            "foreign-mark",
            format!(
                "the file was left marked as open for writing; a check finds no damage, and the mark {}",
                gone(dry)
            ),
        ),
        (other, _) => ("other", format!("{other:?}")),
    };
    let mut out = anstream::stdout().lock();
    if cli.json {
        writeln!(out, "{}", json!({ "found": state, "dry_run": args.dry_run, "text": text }))?;
    } else {
        writeln!(out, "{}: {text}", args.file.display())?;
    }
    Ok(())
}

fn gone(dry_run: bool) -> &'static str {
    if dry_run { "would be taken away" } else { "is taken away" }
}
