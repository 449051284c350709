//! `h5 cat`: values as text, CSV, JSON or NumPy files.

mod npy;

use crate::args::{CatArgs, Cli, Format};
use crate::target::Target;
use crate::{Failure, Outcome, text};
use hdf5_format::format::message::datatype::Class;
use hdf5_format::{Dataset, Error, ErrorKind, Object, Result, Select, Value};
use std::io::{BufWriter, Write};

/// Values shown by the text format unless all are asked for.
const MOST_SHOWN: u64 = 1000;
/// Values read at once.
const BLOCK: u64 = 1 << 16;

/// `h5 cat`.
pub(crate) fn run(cli: &Cli, args: &CatArgs) -> Outcome {
    let target = Target::open(cli, &args.object)?;
    let dataset = match target.object()? {
        Object::Dataset(dataset) => dataset,
        other => {
            let message = format!("is a {}, and cat prints datasets", other.kind());
            let hint = "h5 tree shows what is in a group, h5 attrs its attributes";
            return Err(Error::new(ErrorKind::TypeMismatch, message).on(&target.path).with_hint(hint).into());
        }
    };
    let select = match (&args.slice, target.select.clone()) {
        (Some(_), Some(_)) => return Err(Error::new(ErrorKind::Invalid, "the slice is given twice").into()),
        (Some(text), None) => text.trim_matches(['[', ']']).parse()?,
        (None, select) => select.unwrap_or_default(),
    };
    let format = if cli.json { Format::Json } else { args.format };
    match &args.output {
        Some(path) => {
            let file = std::fs::File::create_new(path).map_err(Failure::at(path))?;
            let mut out = BufWriter::new(file);
            print(&dataset, select, format, args.all, &mut out)?;
            out.flush()?;
        }
        None => print(&dataset, select, format, args.all, &mut BufWriter::new(std::io::stdout().lock()))?,
    }
    Ok(())
}

fn print(dataset: &Dataset, select: Select, format: Format, all: bool, out: &mut dyn Write) -> Outcome {
    if dataset.space().is_null() {
        writeln!(out, "{}", if format == Format::Json { "null" } else { "(null)" })?;
        return Ok(());
    }
    let (rows, shape) = Rows::new(dataset, select)?;
    match format {
        Format::Text => print_text(rows, &shape, all, out),
        Format::Csv => print_csv(dataset, rows, &shape, out),
        Format::Json => {
            let mut values = Vec::new();
            rows.each(|block| {
                values.extend(block);
                Ok(true)
            })?;
            writeln!(out, "{}", text::nested_json(&values, &shape))?;
            Ok(())
        }
        Format::Npy => npy::print(dataset, rows, &shape, out),
    }
}

/// The selected values, a block of rows at a time.
struct Rows<'a> {
    dataset: &'a Dataset,
    select: Select,
}

impl<'a> Rows<'a> {
    fn new(dataset: &'a Dataset, select: Select) -> Result<(Self, Vec<u64>)> {
        let shape = dataset.selected_shape(select.clone())?;
        Ok((Rows { dataset, select }, shape))
    }

    /// Hands all values over until `visit` says that it has enough.
    fn each(&self, mut visit: impl FnMut(Vec<Value>) -> std::result::Result<bool, Failure>) -> Outcome {
        for part in self.dataset.split(self.select.clone(), BLOCK)? {
            let values = self.dataset.read_values(part)?;
            if !visit(values)? {
                break;
            }
        }
        Ok(())
    }

    /// The stored elements instead of values.
    fn each_raw(&self, mut visit: impl FnMut(&[u8]) -> Outcome) -> Outcome {
        for part in self.dataset.split(self.select.clone(), BLOCK)? {
            visit(&self.dataset.read_raw(part)?.0)?;
        }
        Ok(())
    }
}

fn print_text(rows: Rows<'_>, shape: &[u64], all: bool, out: &mut dyn Write) -> Outcome {
    let last = shape.last().copied().unwrap_or(1).max(1);
    let total = shape.iter().fold(1u64, |n, &d| n.saturating_mul(d));
    let mut shown = 0u64;
    rows.each(|values| {
        for value in &values {
            if !all && shown >= MOST_SHOWN {
                return Ok(false);
            }
            let separator = if shown.is_multiple_of(last) { if shown == 0 { "" } else { "\n" } } else { " " };
            write!(out, "{separator}{}", text::plain(value))?;
            shown += 1;
        }
        Ok(true)
    })?;
    if shown > 0 {
        writeln!(out)?;
    }
    if shown < total {
        writeln!(out, "... {} more; use --all, or a slice", total - shown)?;
    }
    Ok(())
}

fn print_csv(dataset: &Dataset, rows: Rows<'_>, shape: &[u64], out: &mut dyn Write) -> Outcome {
    if let Class::Compound { members } = &dataset.dtype().class {
        let names: Vec<String> = members.iter().map(|m| field(&String::from_utf8_lossy(&m.name))).collect();
        writeln!(out, "{}", names.join(","))?;
    }
    // One row for each coordinate of all dimensions but the last; a vector is a column.
    let per_row = if shape.len() > 1 { shape.last().copied().unwrap_or(1).max(1) } else { 1 };
    let mut column = 0u64;
    rows.each(|values| {
        for value in &values {
            let cells = match value {
                Value::Compound(members) => {
                    let cells = members.iter().map(|(_, v)| field(&text::plain(v)));
                    cells.collect::<Vec<_>>().join(",")
                }
                other => field(&text::plain(other)),
            };
            column += 1;
            let end = if column.is_multiple_of(per_row) { "\n" } else { "," };
            write!(out, "{cells}{end}")?;
        }
        Ok(true)
    })
}

/// A CSV field, quoted where it must be.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_string() }
}
