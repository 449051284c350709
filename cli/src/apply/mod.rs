//! `h5 apply`: the edits of an ops file, one JSON object a line.

mod dtype;
mod values;

use crate::args::{ApplyArgs, Cli};
use crate::beside::Beside;
use crate::edit::make_parents;
use crate::target::policy;
use crate::{Failure, Outcome};
use dtype::{number, numbers, text};
use hdf5_format::edit::{
    FileStyle, GroupStyle, Shareable, Sharing, SharingIndex, Version, file_space, kept_file_space,
};
use hdf5_format::format::message::datatype::Datatype;
use hdf5_format::format::message::file_space_info::Strategy;
use hdf5_format::{
    Address, CreateOptions, File, Filters, Group, Object, ObjectInfo, OpenOptions, Select, Slice, Value,
};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::io::BufRead;
use std::path::PathBuf;

/// Why an operation failed.
#[derive(Debug)]
struct Failed(String);

impl Failed {
    fn new(text: impl Into<String>) -> Self {
        Failed(text.into())
    }

    fn missing(key: &str) -> Self {
        Failed(format!("{key:?} is missing or of the wrong kind"))
    }
}

impl From<hdf5_format::Error> for Failed {
    fn from(error: hdf5_format::Error) -> Self {
        Failed(error.to_string())
    }
}

type Done = Result<(), Failed>;

/// `h5 apply`.
pub(crate) fn run(cli: &Cli, args: &ApplyArgs) -> Outcome {
    let ops = std::fs::File::open(&args.ops).map_err(Failure::at(&args.ops))?;
    let ops = std::io::BufReader::new(ops);
    let (path, reuse) = (args.file.clone(), !args.no_reuse);
    let options = OpenOptions::new().reuse_space(reuse).external(policy(cli, &path));
    let mut executor = Executor { path, options, file: None, new: None, named: HashMap::new() };
    let committed = |line: u64| match (args.verbose, cli.json) {
        (false, _) => {}
        (true, false) => anstream::println!("{line}"),
        (true, true) => anstream::println!("{}", serde_json::json!({ "committed": line })),
    };
    let mut uncommitted = None;
    for (line, number) in ops.lines().zip(1..) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let failed = |name: &str, why: Failed| Failure::text(format!("line {number}: {name}: {}", why.0));
        let op: Json = serde_json::from_str(&line).map_err(|e| failed("not JSON", Failed::new(e.to_string())))?;
        let name = op.get("op").and_then(Json::as_str).unwrap_or("").to_string();
        executor.apply(&name, &op).map_err(|why| failed(&name, why))?;
        uncommitted = Some(number).filter(|_| !matches!(name.as_str(), "flush" | "reopen"));
        if uncommitted.is_none() {
            committed(number);
        }
    }
    executor.finish().map_err(|why| Failure::text(why.0))?;
    uncommitted.into_iter().for_each(committed);
    Ok(())
}

struct Executor {
    path: PathBuf,
    /// How the file is opened.
    options: OpenOptions,
    file: Option<File>,
    /// Where a new file is until it is committed for the first time: nothing is left of it if the edits fail.
    new: Option<Beside>,
    /// What the committed datatypes were described as.
    named: HashMap<String, Json>,
}

impl Executor {
    fn apply(&mut self, name: &str, op: &Json) -> Done {
        match name {
            "create" => self.create(op),
            "reopen" => {
                self.finish()?;
                self.open()
            }
            "flush" => self.commit(),
            "group" => self.group(op),
            "dataset" => self.dataset(op),
            "write" => self.write(op),
            "points" => self.points(op),
            "resize" => {
                let mut dataset = self.file()?.dataset(text(op, "path")?)?;
                Ok(dataset.resize(&numbers(op, "shape")?)?)
            }
            "attr" | "attr_modify" => self.attr(op),
            "attr_rename" => Ok(self.object(op, "path")?.info().rename_attr(text(op, "name")?, text(op, "to")?)?),
            "attr_delete" => Ok(self.object(op, "path")?.info().delete_attr(text(op, "name")?)?),
            "commit_dtype" => self.commit_dtype(op),
            "hard_link" => {
                let target = self.object(op, "target")?;
                Ok(self.parent(op, "path")?.link_object(text(op, "path")?, target.info())?)
            }
            "soft_link" => Ok(self.parent(op, "path")?.link_path(text(op, "path")?, text(op, "target")?)?),
            "external_link" => {
                let (file, target) = (text(op, "file")?, text(op, "target")?);
                Ok(self.parent(op, "path")?.link_external(text(op, "path")?, file, target)?)
            }
            "move" => {
                self.parent(op, "to")?;
                Ok(self.root()?.rename(text(op, "path")?, text(op, "to")?)?)
            }
            "copy" => {
                self.parent(op, "to")?;
                Ok(self.root()?.copy(text(op, "path")?, text(op, "to")?)?)
            }
            "delete" => Ok(self.root()?.delete(text(op, "path")?)?),
            other => Err(Failed::new(format!("no operation {other:?}"))),
        }
    }

    fn finish(&mut self) -> Done {
        self.commit()?;
        self.file = None;
        Ok(())
    }

    /// What was done so far is in the file; a new one takes its name only now.
    fn commit(&mut self) -> Done {
        let Some(file) = &self.file else { return Ok(()) };
        file.commit()?;
        match self.new.take() {
            Some(new) => new.take_place().map_err(|why| Failed::new(why.to_string())),
            None => Ok(()),
        }
    }

    fn open(&mut self) -> Done {
        self.file = Some(self.options.clone().open_rw(&self.path)?);
        Ok(())
    }

    fn file(&mut self) -> Result<&File, Failed> {
        if self.file.is_none() {
            self.open()?;
        }
        self.file.as_ref().ok_or_else(|| Failed::new("no file"))
    }

    fn root(&mut self) -> Result<Group, Failed> {
        Ok(self.file()?.root()?)
    }

    fn object(&mut self, op: &Json, key: &str) -> Result<Object, Failed> {
        let path = text(op, key)?.to_string();
        Ok(self.file()?.get(path)?)
    }

    fn create(&mut self, op: &Json) -> Done {
        let mut style = FileStyle::default();
        style.bounds.low = match op.get("libver").and_then(Json::as_str).unwrap_or("earliest") {
            "earliest" => Version::Earliest,
            "v108" => Version::V18,
            "v110" => Version::V110,
            "v112" => Version::V112,
            "v114" | "latest" => Version::V114,
            other => return Err(Failed::new(format!("libver {other:?}"))),
        };
        if style.bounds.low > Version::Earliest {
            style.bounds.high = style.bounds.low;
        }
        style.user_block = op.get("userblock").and_then(Json::as_u64).unwrap_or(0);
        style.root = group_style(op);
        let small = |n: u64| u8::try_from(n).map_err(|_| Failed::new("sizes are too large"));
        let k = |n: u64| u16::try_from(n).map_err(|_| Failed::new("K is too large"));
        if op.get("sizes").is_some_and(|v| !v.is_null())
            && let [offset, length] = *numbers(op, "sizes")?
        {
            (style.sizes.offset, style.sizes.length) = (small(offset)?, small(length)?);
        }
        if op.get("sym_k").is_some_and(|v| !v.is_null())
            && let [internal, leaf] = *numbers(op, "sym_k")?
        {
            (style.internal_k, style.leaf_k) = (k(internal)?, k(leaf)?);
        }
        if let Some(chunk) = op.get("istore_k").and_then(Json::as_u64) {
            style.chunk_k = k(chunk)?;
        }
        if let Some(strategy) = op.get("strategy").and_then(Json::as_str) {
            let strategy = match strategy {
                "fsm_aggr" => Strategy::FsmAggr,
                "page" => Strategy::Page,
                "aggr" => Strategy::Aggr,
                "none" => Strategy::None,
                other => return Err(Failed::new(format!("strategy {other:?}"))),
            };
            let page = op.get("page_size").and_then(Json::as_u64).unwrap_or(4096);
            let persist = op.get("persist").and_then(Json::as_bool).unwrap_or(false);
            let space = if persist { kept_file_space(strategy, page) } else { file_space(strategy, page) };
            style.file_space = Some(space).filter(|s| s.persist || s.strategy != Strategy::FsmAggr);
        }
        style.sharing = sharing(op)?;
        let new = Beside::of(&self.path);
        self.file = Some(CreateOptions::new().style(style).create(new.path())?);
        self.new = Some(new);
        Ok(())
    }

    /// The root, from which the object's path leads; the groups on the way are made.
    fn parent(&mut self, op: &Json, key: &str) -> Result<Group, Failed> {
        let root = self.root()?;
        make_parents(&root, text(op, key)?)?;
        Ok(root)
    }

    fn group(&mut self, op: &Json) -> Done {
        let style = group_style(op);
        self.parent(op, "path")?.create_group_with(text(op, "path")?, &style)?;
        Ok(())
    }

    /// The description of a type, and the type; of a committed one where it is.
    fn dtype(&mut self, op: &Json) -> Result<(Json, Datatype, Option<String>), Failed> {
        let spec = op.get("dtype").ok_or_else(|| Failed::missing("dtype"))?;
        if text(spec, "class")? == "named" {
            let path = text(spec, "path")?.to_string();
            let described = self.named.get(&path).cloned();
            let described = described.ok_or_else(|| Failed::new(format!("{path} is no committed datatype")))?;
            let datatype = self.file()?.named_datatype(&path)?.dtype().clone();
            return Ok((described, datatype, Some(path)));
        }
        let sizes = self.file()?.superblock().sizes;
        Ok((spec.clone(), dtype::parse(spec, sizes)?, None))
    }

    fn values(&mut self, op: &Json, spec: &Json, count: u64) -> Result<Vec<Value>, Failed> {
        let seed = number(op, "data")?;
        let mut targets: Vec<Address> = Vec::new();
        for path in op.get("targets").and_then(Json::as_array).into_iter().flatten() {
            let path = path.as_str().ok_or_else(|| Failed::missing("targets"))?;
            targets.push(self.file()?.get(path)?.info().address());
        }
        values::elements(spec, count, seed, &targets)
    }

    fn dataset(&mut self, op: &Json) -> Done {
        let (spec, datatype, named) = self.dtype(op)?;
        let path = text(op, "path")?;
        let parent = self.parent(op, "path")?;
        let mut new = parent.new_dataset(datatype);
        let mut count = Some(0);
        match op.get("shape") {
            Some(Json::Null) | None => new = new.null(),
            Some(_) => {
                let shape = numbers(op, "shape")?;
                count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
                new = new.shape(shape);
            }
        }
        if let Some(list) = op.get("maxshape").and_then(Json::as_array) {
            new = new.maxshape(list.iter().map(Json::as_u64).collect::<Vec<_>>());
        }
        new = match op.get("layout").and_then(Json::as_str).unwrap_or("contiguous") {
            "compact" => new.compact(),
            "chunked" => new.chunks(numbers(op, "chunks")?),
            _ => new,
        };
        if op.get("track_order").and_then(Json::as_bool) == Some(true) {
            new = new.track_order(true);
        }
        if let Some(seed) = op.get("fill").and_then(Json::as_u64) {
            new = new.fill(&values::elements(&spec, 1, seed, &[])?[0])?;
        }
        if op.get("filters").is_some_and(|list| list.as_array().is_some_and(|list| !list.is_empty())) {
            new = new.filter(&filters(op)?)?;
        }
        let dataset = match named {
            Some(named) => {
                let committed = self.file()?.named_datatype(named)?;
                new.committed(&committed).create(path)?
            }
            None => new.create(path)?,
        };
        let count = count.ok_or_else(|| Failed::new("the shape is too large"))?;
        if op.get("data").is_some_and(|seed| !seed.is_null()) && count > 0 {
            let values = self.values(op, &spec, count)?;
            dataset.write_values(Select::all(), &values)?;
        }
        Ok(())
    }

    fn write(&mut self, op: &Json) -> Done {
        let (spec, _, _) = self.dtype(op)?;
        let (start, count) = (numbers(op, "start")?, numbers(op, "count")?);
        let ones = vec![1; start.len()];
        let list =
            |key: &str| if op.get(key).is_some_and(Json::is_array) { numbers(op, key) } else { Ok(ones.clone()) };
        let (stride, block) = (list("stride")?, list("block")?);
        let total = count.iter().chain(&block).try_fold(1u64, |n, &d| n.checked_mul(d));
        let total = total.ok_or_else(|| Failed::new("the selection is too large"))?;
        let values = self.values(op, &spec, total)?;
        let slabs = start.iter().zip(&stride).zip(count.iter().zip(&block));
        let slices = slabs.map(|((&start, &stride), (&count, &block))| Slice::Slab { start, stride, count, block });
        let select = Select::new(slices.collect::<Vec<_>>());
        Ok(self.file()?.dataset(text(op, "path")?)?.write_values(select, &values)?)
    }

    fn points(&mut self, op: &Json) -> Done {
        let (spec, _, _) = self.dtype(op)?;
        let coords = op.get("coords").and_then(Json::as_array).ok_or_else(|| Failed::missing("coords"))?.clone();
        let values = self.values(op, &spec, coords.len() as u64)?;
        let dataset = self.file()?.dataset(text(op, "path")?)?;
        for (point, value) in coords.iter().zip(values) {
            let point = point.as_array().ok_or_else(|| Failed::missing("coords"))?;
            let at = point.iter().map(|n| n.as_u64().ok_or_else(|| Failed::missing("coords")));
            let slices = at.map(|n| n.map(|start| Slice::Slab { start, stride: 1, count: 1, block: 1 }));
            dataset.write_values(Select::new(slices.collect::<Result<Vec<_>, _>>()?), &[value])?;
        }
        Ok(())
    }

    fn attr(&mut self, op: &Json) -> Done {
        let (spec, datatype, named) = self.dtype(op)?;
        let shape = match op.get("shape") {
            Some(Json::Null) | None => None,
            Some(_) => Some(numbers(op, "shape")?),
        };
        let count = shape.as_ref().map_or(Some(0), |s| s.iter().try_fold(1u64, |n, &d| n.checked_mul(d)));
        let count = count.ok_or_else(|| Failed::new("the shape is too large"))?;
        let values = if count > 0 { self.values(op, &spec, count)? } else { Vec::new() };
        let object = self.object(op, "path")?;
        let info: &ObjectInfo = object.info();
        let name = text(op, "name")?;
        match named {
            Some(named) => {
                let committed = self.file()?.named_datatype(named)?;
                info.set_attr_committed(name, &committed, shape.as_deref(), &values)?;
            }
            None => info.set_attr_values(name, &datatype, shape.as_deref(), &values)?,
        }
        Ok(())
    }

    fn commit_dtype(&mut self, op: &Json) -> Done {
        let (spec, datatype, _) = self.dtype(op)?;
        let path = text(op, "path")?;
        self.parent(op, "path")?.commit_datatype(path, &datatype)?;
        self.named.insert(path.to_string(), spec);
        Ok(())
    }
}

fn filters(op: &Json) -> Result<Filters, Failed> {
    let list = op.get("filters").and_then(Json::as_array).ok_or_else(|| Failed::missing("filters"))?;
    let mut filters = Filters::new();
    for filter in list {
        let name = filter.get(0).and_then(Json::as_str).ok_or_else(|| Failed::missing("filters"))?;
        let value = filter.get(1).and_then(Json::as_i64);
        let level = || u32::try_from(value.unwrap_or(4)).map_err(|_| Failed::missing("filters"));
        filters = match name {
            "shuffle" => filters.shuffle(),
            "gzip" => filters.gzip(level()?),
            "fletcher32" => filters.fletcher32(),
            "lzf" => filters.lzf(),
            "scaleoffset" => filters.scale_offset(i32::try_from(value.unwrap_or(0)).unwrap_or(0)),
            "nbit" => filters.nbit(),
            other => return Err(Failed::new(format!("filter {other:?}"))),
        };
    }
    Ok(filters)
}

/// `"shared": [[["datatype", ...], smallest size], ...]`.
fn sharing(op: &Json) -> Result<Option<Sharing>, Failed> {
    let Some(indexes) = op.get("shared").and_then(Json::as_array) else { return Ok(None) };
    let kind = |name: &Json| match name.as_str() {
        Some("dataspace") => Ok(Shareable::Dataspace),
        Some("datatype") => Ok(Shareable::Datatype),
        Some("fill") => Ok(Shareable::FillValue),
        Some("filters") => Ok(Shareable::FilterPipeline),
        Some("attribute") => Ok(Shareable::Attribute),
        _ => Err(Failed::new(format!("shared messages of kind {name}"))),
    };
    let index = |index: &Json| {
        let kinds = index.get(0).and_then(Json::as_array).into_iter().flatten().map(kind).collect::<Result<_, _>>()?;
        let min_size = index.get(1).and_then(Json::as_u64).and_then(|size| u32::try_from(size).ok()).unwrap_or(0);
        Ok(SharingIndex { kinds, min_size })
    };
    indexes.iter().map(index).collect::<Result<Vec<_>, Failed>>().map(|indexes| Some(Sharing::new(indexes)))
}

fn group_style(op: &Json) -> GroupStyle {
    match op.get("track_order").and_then(Json::as_bool) {
        Some(true) => GroupStyle::tracked(true),
        _ => GroupStyle::default(),
    }
}
