//! The walk over all objects of a file, and what is known of each.

use super::map::{Map, Range};
use super::report::{Code, Finding, Report, Severity, SpaceBlock, Usage};
use super::shared::Uses;
use super::{CheckOptions, elements};
use crate::codec::Address;
use crate::dataset::file::FileCore;
use crate::error::{Error, Result};
use crate::format::message::MessageKind;
use crate::format::message::datatype::Datatype;
use crate::format::message::symbol_table::SymbolTableMessage;
use crate::graph::FileContext;
use crate::graph::attributes::{AttributeRecord, Attributes};
use crate::graph::object_header::{ObjectHeader, ObjectType};
use crate::graph::survey::Survey;
use crate::{dataset::stored, format::message::attribute_info::AttributeInfo};
use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Findings that are kept.
const MOST_FINDINGS: usize = 10_000;

/// An object that a link was found to.
struct Known {
    path: Arc<str>,
    /// Hard links met; the superblock counts as one to the root.
    links: u64,
    /// Hard links that the header counts.
    counted: Option<u32>,
    /// Symbol table as the link to it caches it.
    cached: Option<(Address, Address)>,
}

/// A check going on.
pub(super) struct Checker<'a> {
    pub(super) core: &'a Arc<FileCore>,
    /// For reading again what was walked.
    pub(super) ctx: &'a FileContext,
    /// For the one walk over each structure.
    pub(super) surveyed: FileContext,
    pub(super) options: CheckOptions,
    pub(super) map: Map,
    pub(super) report: Report,
    pub(super) heaps: elements::Heaps<'a>,
    pub(super) survey: Arc<Survey>,
    /// Path of the object being looked at.
    pub(super) path: Arc<str>,
    /// What the file itself lists as free, in order.
    pub(super) free: Vec<Range>,
    /// Uses of messages that headers share.
    pub(super) shares: Uses,
    objects: BTreeMap<Address, Known>,
    ahead: Vec<Address>,
    told: BTreeSet<(Code, Option<u64>, String)>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(core: &'a Arc<FileCore>, options: CheckOptions) -> Self {
        let ctx = core.ctx();
        let survey = Arc::new(Survey::new(&core.opened().superblock, ctx.end()));
        let surveyed = ctx.clone().surveyed(Arc::clone(&survey));
        let report = Report { complete: true, size: ctx.end(), ..Report::default() };
        let (map, shares, objects, ahead, told, free) = Default::default();
        let heaps = elements::Heaps::new(ctx);
        let path: Arc<str> = "".into();
        Checker { core, ctx, surveyed, options, map, report, heaps, survey, path, free, shares, objects, ahead, told }
    }

    pub(super) fn run(mut self) -> Report {
        self.map.own(&self.path);
        self.file();
        self.flush();
        let root = self.core.opened().superblock.root;
        self.meet(root.header, "/".into(), root.cached);
        while let Some(address) = self.ahead.pop() {
            if self.survey.is_over() {
                self.report.complete = false;
                let text = "blocks overlap so much that the file can not be walked as a whole";
                self.finding(Code::Overlap, None, text.into());
                break;
            }
            self.object(address);
        }
        if !self.survey.is_over() {
            self.link_counts();
            // Objects that were not read may use them too.
            if self.report.complete {
                self.shared_counts();
            }
        }
        self.finish()
    }

    /// A finding on the object being looked at.
    pub(super) fn finding(&mut self, code: Code, offset: Option<u64>, text: String) {
        let path = Some(&*self.path).filter(|path| !path.is_empty()).map(ToOwned::to_owned);
        self.tell(Finding { code, offset, path, text });
    }

    /// A finding at an address.
    pub(super) fn at(&mut self, code: Code, address: Address, text: String) {
        self.finding(code, Some(self.ctx.absolute(address)), text);
    }

    /// An error that a reader met.
    pub(super) fn error(&mut self, error: &Error) {
        self.tell(Finding::of(error, Some(&self.path)));
    }

    /// The value of a result, or nothing and a finding.
    pub(super) fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result.inspect_err(|error| self.error(error)).ok()
    }

    fn tell(&mut self, finding: Finding) {
        if finding.severity() == Severity::Damage {
            self.report.complete = false;
        }
        if self.report.findings.len() >= MOST_FINDINGS {
            self.report.more_findings = self.report.more_findings.saturating_add(1);
            return;
        }
        // What leads to damage in several ways tells of it each time.
        if self.told.insert((finding.code, finding.offset, finding.text.clone())) {
            self.report.findings.push(finding);
        }
    }

    /// Brings what the survey has into the map and the report: whether there was no damage.
    pub(super) fn flush(&mut self) -> bool {
        let found = self.survey.take();
        for block in &found.blocks {
            self.map.add(block.address.0, block.len, block.structure);
        }
        found.damage.iter().for_each(|error| self.error(error));
        found.damage.is_empty()
    }

    /// A hard link to an object.
    pub(super) fn meet(&mut self, address: Address, path: Arc<str>, cached: Option<(Address, Address)>) {
        let ahead = &mut self.ahead;
        let known = self.objects.entry(address).or_insert_with(|| {
            ahead.push(address);
            Known { path, links: 0, counted: None, cached: None }
        });
        known.links = known.links.saturating_add(1);
        known.cached = known.cached.or(cached);
    }

    fn object(&mut self, address: Address) {
        let Some(known) = self.objects.get(&address) else { return };
        self.path = Arc::clone(&known.path);
        let cached = known.cached;
        self.map.own(&self.path);
        let header = ObjectHeader::load(&self.surveyed, address);
        let whole = self.flush();
        let Some(header) = self.note(header) else { return };
        if let Some(known) = self.objects.get_mut(&address).filter(|_| whole) {
            known.counted = Some(header.ref_count);
        }
        self.shared_by(&header);
        // A message that is not known may have space of its own.
        self.report.complete &= header.messages.iter().all(|message| message.kind.is_known());
        match header.object_type() {
            ObjectType::Group => {
                self.report.groups = self.report.groups.saturating_add(1);
                self.cached(&header, cached);
                self.group(&header);
            }
            ObjectType::Dataset => {
                self.report.datasets = self.report.datasets.saturating_add(1);
                self.dataset(&header);
            }
            ObjectType::Datatype => {
                self.report.datatypes = self.report.datatypes.saturating_add(1);
                let datatype = stored::datatype(self.ctx, &header);
                self.note(datatype);
            }
            ObjectType::Unknown if whole => {
                self.at(Code::Structure, address, "object header: no group, dataset or committed datatype".into());
            }
            ObjectType::Unknown => {}
        }
        self.attributes(&header);
        self.flush();
    }

    /// Compares what the link to a group caches with the group's own message.
    fn cached(&mut self, header: &ObjectHeader, cached: Option<(Address, Address)>) {
        let (Some(message), Some(cached)) = (header.find(MessageKind::SymbolTable), cached) else { return };
        let table = SymbolTableMessage::parse(&mut message.cursor(self.ctx.sizes(), "symbol table message"));
        if let Ok(table) = table
            && (table.btree, table.heap) != cached
        {
            let text = format!(
                "the link to the group caches B-tree {} and heap {}, but they are {} and {}",
                cached.0, cached.1, table.btree, table.heap
            );
            self.finding(Code::StaleCache, Some(message.offset), text);
        }
    }

    fn attributes(&mut self, header: &ObjectHeader) {
        let info = header.find(MessageKind::AttributeInfo).filter(|_| header.version > 1);
        let info = info.map(|m| AttributeInfo::parse(&mut m.cursor(self.ctx.sizes(), "attribute info")));
        if let Some(Ok(info)) = &info
            && let Some(heap) = info.heap
        {
            self.dense_attributes(heap, info);
        }
        let listed = Attributes::open(self.ctx, header).and_then(|attributes| attributes.list(self.ctx));
        for attribute in self.note(listed).unwrap_or_default() {
            self.report.attributes = self.report.attributes.saturating_add(1);
            if let Some(attribute) = self.note(attribute) {
                self.attribute(&attribute, info.as_ref().and_then(|i| i.as_ref().ok()));
            }
        }
    }

    fn attribute(&mut self, attribute: &AttributeRecord, info: Option<&AttributeInfo>) {
        let ctx = self.ctx;
        // What headers share as a whole uses its parts once.
        let first = self.shared_in(attribute);
        if let Some(committed) = attribute.datatype.committed.filter(|_| first) {
            self.used_type(committed);
        }
        let next = info.and_then(|info| info.next_index).map(u32::from);
        if let (Some(order), Some(next)) = (attribute.creation_order, next)
            && order >= next
        {
            let text = format!("attribute info: the next creation index is {next}, but an attribute has {order}");
            self.finding(Code::Count, Some(attribute.offset), text);
        }
        let datatype = Datatype::parse(&mut attribute.datatype.cursor(ctx.sizes(), "datatype"), ctx.limits());
        if let Some(datatype) = self.note(datatype) {
            self.elements(&datatype, &attribute.data);
        }
    }

    /// A committed datatype that an object or attribute uses: that counts as a link to it.
    pub(super) fn used_type(&mut self, address: Address) {
        let path = format!("(datatype of {})", self.path).into();
        self.meet(address, path, None);
    }

    fn link_counts(&mut self) {
        for (address, known) in core::mem::take(&mut self.objects) {
            let Some(counted) = known.counted else { continue };
            if u64::from(counted) != known.links {
                let text = format!("the object header counts {counted} hard links, but {} were found", known.links);
                self.path = known.path;
                let extra = u64::from(counted) > known.links;
                // Objects that no path leads to may still have references to them.
                self.report.complete &= !extra;
                self.at(if extra { Code::ExtraLinks } else { Code::LinkCount }, address, text);
            }
        }
        self.path = "".into();
    }

    /// Overlaps, holes and sums.
    fn finish(mut self) -> Report {
        self.path = "".into();
        self.map.sort();
        let map = core::mem::take(&mut self.map);
        let shown = |entry: &super::map::Entry| match &*map.path(entry) {
            "" => entry.structure.to_owned(),
            path => format!("{} of {path}", entry.structure),
        };
        let mut pairs = Vec::new();
        map.overlaps(|a, b| {
            if pairs.len() < MOST_FINDINGS {
                pairs.push((*a, *b));
            }
        });
        for (a, b) in pairs {
            let text = format!(
                "{} from {:#x} to {:#x} and {} from {:#x} to {:#x} share bytes",
                shown(&a),
                self.ctx.absolute(Address(a.start)),
                self.ctx.absolute(Address(a.end)),
                shown(&b),
                self.ctx.absolute(Address(b.start)),
                self.ctx.absolute(Address(b.end)),
            );
            self.path = map.path(&b);
            self.at(Code::Overlap, Address(b.start), text);
        }
        let end = self.ctx.end();
        for entry in map.entries().iter().filter(|entry| entry.end > end) {
            let text = format!("{} reaches {} bytes past the end", entry.structure, entry.end.saturating_sub(end));
            self.path = map.path(entry);
            self.at(Code::PastEnd, Address(entry.start), text);
        }
        self.path = "".into();
        self.space(&map);
        let usage = map.usage().into_iter();
        self.report.usage = usage.map(|(structure, (blocks, bytes))| Usage { structure, blocks, bytes }).collect();
        if self.options.blocks {
            let block = |entry: &super::map::Entry| SpaceBlock {
                offset: self.ctx.absolute(Address(entry.start)),
                len: entry.end.saturating_sub(entry.start),
                structure: entry.structure,
                path: map.path(entry),
            };
            self.report.blocks = map.entries().iter().map(block).collect();
        }
        let by_severity = |f: &Finding| (core::cmp::Reverse(f.severity()), f.offset, f.code);
        self.report.findings.sort_by_key(by_severity);
        self.report
    }
}
