//! `h5 check`.

use crate::args::{CheckArgs, Cli};
use crate::term::{ERROR, FAINT, paint};
use crate::{Failure, Outcome, target, text};
use hdf5_format::check::{CheckOptions, Finding, Report, Severity, SpaceBlock};
use serde_json::{Value, json};
use std::io::Write;

/// Findings of one sort that are shown.
const MOST_SHOWN: usize = 20;

/// `h5 check`.
pub(crate) fn run(cli: &Cli, args: &CheckArgs) -> Outcome {
    let file = target::open(cli, &args.file).map_err(Failure::Unreadable)?;
    let report = file.check(CheckOptions::new().data(args.data).blocks(args.map));
    let mut out = anstream::stdout().lock();
    if cli.json {
        writeln!(out, "{:#}", json(&report))?;
    } else {
        print(&report, &mut out)?;
    }
    let damage = report.damage().count();
    if damage > 0 { Err(Failure::Damaged(damage)) } else { Ok(()) }
}

fn print(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    for block in &report.blocks {
        let SpaceBlock { offset, len, structure, path } = block;
        writeln!(out, "{offset:#012x} {len:>12}  {structure}  {}", paint(FAINT, &text::escaped(path)))?;
    }
    let things = [
        (report.groups, "group"),
        (report.datasets, "dataset"),
        (report.datatypes, "committed datatype"),
        (report.attributes, "attribute"),
    ];
    let things = things.into_iter().filter(|(n, _)| *n > 0);
    let things: Vec<String> = things.map(|(n, what)| format!("{n} {what}{}", if n == 1 { "" } else { "s" })).collect();
    writeln!(out, "{}", things.join(", "))?;
    let width = report.usage.iter().map(|usage| usage.structure.len()).max().unwrap_or(0).max(18);
    for usage in &report.usage {
        let (structure, blocks, bytes) = (usage.structure, usage.blocks, text::bytes(usage.bytes));
        writeln!(out, "  {structure:width$} {blocks:>9}  {bytes:>10}")?;
    }
    for (what, bytes) in [("in use", report.used), ("listed as free", report.free), ("unused", report.unused)] {
        writeln!(out, "  {what:width$} {:>9}  {:>10}", "", text::bytes(bytes))?;
    }
    for findings in report.findings.chunk_by(|a, b| a.code == b.code && a.severity() == b.severity()) {
        for finding in findings.iter().take(MOST_SHOWN) {
            let style = if finding.severity() == Severity::Damage { ERROR } else { FAINT };
            let whole = text::escaped(&finding.to_string());
            let (code, rest) = whole.split_at(finding.code.name().len());
            writeln!(out, "{}{rest}", paint(style, code))?;
        }
        if let Some(more) = findings.len().checked_sub(MOST_SHOWN).filter(|&more| more > 0) {
            writeln!(out, "  and {more} more")?;
        }
        if let Some(finding) = findings.first() {
            writeln!(out, "  {}", paint(FAINT, finding.code.advice()))?;
        }
    }
    match report.damage().count() {
        0 => writeln!(out, "no damage found"),
        _ => Ok(()),
    }
}

fn json(report: &Report) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "code": finding.code.name(),
            "damage": finding.severity() == Severity::Damage,
            "offset": finding.offset,
            "path": finding.path,
            "text": finding.text,
            "advice": finding.code.advice(),
        })
    };
    let block = |block: &SpaceBlock| {
        let SpaceBlock { offset, len, structure, path } = block;
        json!({ "offset": offset, "bytes": len, "structure": structure, "path": **path })
    };
    let mut out = json!({
        "clean": report.is_clean(),
        "complete": report.complete,
        "groups": report.groups,
        "datasets": report.datasets,
        "datatypes": report.datatypes,
        "attributes": report.attributes,
        "size": report.size,
        "used": report.used,
        "free": report.free,
        "unused": report.unused,
        "holes": report.holes,
        "usage": report.usage.iter().map(|usage| {
            json!({ "structure": usage.structure, "blocks": usage.blocks, "bytes": usage.bytes })
        }).collect::<Vec<_>>(),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "more findings": report.more_findings,
    });
    if !report.blocks.is_empty() {
        out["blocks"] = report.blocks.iter().map(block).collect();
    }
    out
}
