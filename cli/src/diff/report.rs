//! What `h5 diff` prints.

use super::values::Found;
use crate::term::{DATASET, ERROR, FAINT, paint};
use crate::{Failure, Outcome, text};
use hdf5_format::{Error, Result};
use serde_json::{Value, json};
use std::io::Write;

/// Something of both sides.
pub(super) struct Sides<T>(pub(super) T, pub(super) T);

pub(super) struct Report {
    /// All differences, if they are to be JSON.
    json: Option<Vec<Value>>,
    names: Sides<String>,
    differences: usize,
    unreadable: usize,
}

impl Report {
    pub(super) fn new(json: bool, names: Sides<String>) -> Self {
        Report { json: json.then(Vec::new), names, differences: 0, unreadable: 0 }
    }

    fn add(&mut self, value: Value, line: &str) -> Outcome {
        match &mut self.json {
            Some(all) => all.push(value),
            None => writeln!(anstream::stdout(), "{line}")?,
        }
        Ok(())
    }

    /// Something is described in two ways.
    pub(super) fn differs(&mut self, path: &str, what: &str, a: &str, b: &str) -> Outcome {
        self.differences += 1;
        let line = format!("{}: {what} {} {} {}", shown(path), text::escaped(a), bar(), text::escaped(b));
        self.add(json!({ "path": path, "what": what, "a": a, "b": b }), &line)
    }

    /// Something is on one side only: 0 or 1.
    pub(super) fn only(&mut self, path: &str, side: usize, what: &str) -> Outcome {
        self.differences += 1;
        let name = if side == 0 { &self.names.0 } else { &self.names.1 };
        let line = format!("{}: {what}, only in {}", shown(path), text::escaped(name));
        let side = if side == 0 { "a" } else { "b" };
        self.add(json!({ "path": path, "what": "only", side: what }), &line)
    }

    /// Values of the same shape were compared.
    pub(super) fn values(&mut self, path: &str, found: Result<Found>) -> Outcome {
        let found = match found {
            Ok(found) if found.different == 0 => return Ok(()),
            Ok(found) => found,
            Err(error) => return self.unreadable(path, &error),
        };
        self.differences += 1;
        let Found { different, total, .. } = found;
        let mut line = match total {
            1 => format!("{}: value", shown(path)),
            _ => format!("{}: {different} of {total} elements differ", shown(path)),
        };
        for (at, a, b) in &found.first {
            let both = format!("{} {} {}", text::value(a), bar(), text::value(b));
            match total {
                1 => line.push_str(&format!(" {both}")),
                _ => line.push_str(&format!("\n  {} {both}", paint(FAINT, &format!("{at:?}")))),
            }
        }
        let more = different.saturating_sub(found.first.len() as u64);
        if more > 0 && !found.first.is_empty() {
            line.push_str(&format!("\n  and {more} more"));
        }
        let first = found.first.iter().map(|(at, a, b)| json!({ "at": at, "a": text::json(a), "b": text::json(b) }));
        let first: Vec<Value> = first.collect();
        self.add(
            json!({ "path": path, "what": "values", "different": different, "total": total, "first": first }),
            &line,
        )
    }

    /// Something can not be compared.
    pub(super) fn unreadable(&mut self, path: &str, error: &Error) -> Outcome {
        self.unreadable += 1;
        let line = format!("{}: {} {error}", shown(path), paint(ERROR, "not compared:"));
        self.add(json!({ "path": path, "what": "error", "error": error.to_string() }), &line)
    }

    /// Prints what was kept; whether there was any difference.
    pub(super) fn end(self) -> Outcome {
        if let Some(all) = self.json {
            writeln!(anstream::stdout(), "{:#}", Value::Array(all))?;
        }
        match (self.differences, self.unreadable) {
            (0, 0) => Ok(()),
            (_, 0) => Err(Failure::Different),
            (_, n) => Err(Failure::NotCompared(n)),
        }
    }
}

fn bar() -> String {
    paint(FAINT, "|")
}

fn shown(path: &str) -> String {
    paint(DATASET, &text::escaped(path))
}
