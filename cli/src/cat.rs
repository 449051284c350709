//! `h5 cat`: values as text, CSV, JSON or NumPy files.

use crate::args::{CatArgs, Cli, Format};
use crate::target::Target;
use crate::{Outcome, text};
use hdf5_format::format::message::datatype::{ByteOrder, Class, Datatype, StringPadding};
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
            return Err(Error::new(ErrorKind::TypeMismatch, message).on(&target.path).hint(hint).into());
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
            let file = std::fs::File::create_new(path)?;
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
        Format::Npy => print_npy(dataset, rows, &shape, out),
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
    fn each(&self, mut visit: impl FnMut(Vec<Value>) -> std::result::Result<bool, crate::Failure>) -> Outcome {
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

fn print_npy(dataset: &Dataset, rows: Rows<'_>, shape: &[u64], out: &mut dyn Write) -> Outcome {
    let Some(descr) = npy_type(dataset.dtype()) else {
        let message = format!("values of type {} do not go into .npy", dataset.dtype());
        return Err(Error::new(ErrorKind::Unsupported, message).on(dataset.path()).hint("use --format json").into());
    };
    let dims = shape.iter().map(|d| format!("{d},")).collect::<String>();
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}), }}");
    // Magic, version and length take 10 bytes; the whole header ends at a multiple of 64 with a line feed.
    let padding = 64 - (header.len() + 11) % 64;
    header.push_str(&" ".repeat(padding % 64));
    header.push('\n');
    let len = u16::try_from(header.len()).unwrap_or(u16::MAX);
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&len.to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    rows.each_raw(|bytes| Ok(out.write_all(bytes)?))
}

/// NumPy's name of a type whose stored bytes are NumPy's own.
fn npy_type(datatype: &Datatype) -> Option<String> {
    use hdf5_format::datatype::{bits, conventions};
    let mark = |order: ByteOrder| match order {
        ByteOrder::LittleEndian => Some('<'),
        ByteOrder::BigEndian => Some('>'),
        ByteOrder::Vax => None,
    };
    let size = datatype.size();
    match &datatype.class {
        _ if conventions::is_bool(datatype) => Some("|b1".into()),
        Class::FixedPoint { signed, .. } if matches!(size, 1 | 2 | 4 | 8) => {
            let letter = if *signed { 'i' } else { 'u' };
            let order = if size == 1 { '|' } else { mark(bits::whole_bytes(datatype)?)? };
            Some(format!("{order}{letter}{size}"))
        }
        Class::Enum { base, .. } => npy_type(base),
        Class::FloatingPoint(f) => datatype.ieee_bits().and(mark(f.order)).map(|order| format!("{order}f{size}")),
        Class::Complex { base } | Class::Array { base, .. } if matches!(datatype.class, Class::Complex { .. }) => {
            npy_type(base).map(|b| format!("{}c{size}", &b[..1]))
        }
        Class::Compound { members } if conventions::is_complex(datatype) => {
            npy_type(&members[0].datatype).map(|b| format!("{}c{size}", &b[..1]))
        }
        Class::String { padding, .. } if *padding != StringPadding::SpacePadded => Some(format!("|S{size}")),
        Class::Opaque { .. } => Some(format!("|V{size}")),
        _ => None,
    }
}
