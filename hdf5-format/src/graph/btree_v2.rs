//! Walks over version 2 B-trees.

use super::context::{Block, FileContext};
use super::visited::Visited;
use crate::codec::{Address, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v2::header::STRUCTURE as HEADER;
use crate::format::btree_v2::node::{PREFIX_LEN, STRUCTURE as NODE};
use crate::format::btree_v2::{BTreeV2Header, BTreeV2Node, ChildPointer, Layout, RecordType};
use crate::sync::RwLock;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::ControlFlow;

/// Inner nodes that are kept.
const KEPT: usize = 64;

/// An opened tree.
#[derive(Debug)]
pub struct BTreeV2 {
    header: BTreeV2Header,
    layout: Layout,
    /// Inner nodes that were met, where the tree is looked into again and again.
    kept: Option<RwLock<BTreeMap<Address, Arc<Node<'static>>>>>,
}

/// What a walk looks for, and what it does with what it meets.
pub trait Visitor {
    /// Whether to look at the records between two others, which are not among them; `None` is the tree's end.
    ///
    /// # Errors
    /// End the walk.
    fn wants(&mut self, after: Option<&[u8]>, before: Option<&[u8]>) -> Result<bool> {
        let _ = (after, before);
        Ok(true)
    }

    /// Records at the start of a node of `count` that need not be looked at; nor do those between them.
    ///
    /// # Errors
    /// End the walk.
    fn skip<'r>(&mut self, count: usize, record: &dyn Fn(usize) -> Option<&'r [u8]>) -> Result<usize> {
        let _ = (count, record);
        Ok(0)
    }

    /// A record, in the tree's order.
    ///
    /// # Errors
    /// End the walk.
    fn record(&mut self, record: &[u8]) -> Result<ControlFlow<()>>;

    /// A damaged node, whose records are missing from the walk.
    ///
    /// # Errors
    /// End the walk; that is what the default does.
    fn damaged(&mut self, error: Error) -> Result<ControlFlow<()>> {
        Err(error)
    }
}

/// A node being walked, and how many steps of it are done.
struct Frame<'c> {
    node: Held<'c>,
    to: Descent,
    steps: usize,
}

/// The way to a node: its pointer, and the records before and after all of its own.
struct Descent {
    pointer: ChildPointer,
    /// 0 for a leaf.
    level: u16,
    after: Option<Vec<u8>>,
    before: Option<Vec<u8>>,
}

/// A node that was loaded, or kept.
enum Held<'c> {
    Loaded(Node<'c>),
    Kept(Arc<Node<'static>>),
}

impl<'c> core::ops::Deref for Held<'c> {
    type Target = Node<'c>;

    fn deref(&self) -> &Node<'c> {
        match self {
            Held::Loaded(node) => node,
            Held::Kept(node) => node,
        }
    }
}

/// A checked node: its block, and what was decoded of it.
#[derive(Debug)]
struct Node<'c> {
    block: Block<'c>,
    level: u16,
    children: Vec<ChildPointer>,
    count: usize,
    record_size: usize,
}

impl Node<'_> {
    fn record(&self, index: usize) -> Option<&[u8]> {
        if index >= self.count {
            return None;
        }
        let start = index.checked_mul(self.record_size)?.checked_add(PREFIX_LEN)?;
        self.block.get(start..start.checked_add(self.record_size)?)
    }
}

impl BTreeV2 {
    /// Opens the tree whose header is at `address` and whose records are of `expected` type.
    ///
    /// # Errors
    /// The header is damaged, its tree of another type, or deeper than the limit.
    pub fn open(ctx: &FileContext, address: Address, expected: RecordType) -> Result<Self> {
        let block = ctx.block(address, BTreeV2Header::encoded_len(ctx.sizes()) as u64, HEADER)?;
        ctx.used(address, block.len() as u64, HEADER)?;
        let mut cursor = ctx.cursor(&block, address, HEADER);
        let header = BTreeV2Header::parse(&mut cursor)?;
        let at = |e: Error| e.within(HEADER).at(ctx.absolute(address));
        if header.record_type != expected {
            let text = alloc::format!("record type: expected {expected:?}, found {:?}", header.record_type);
            return Err(Error::corrupt(HEADER, ctx.absolute(address), text));
        }
        let (limit, depth) = (ctx.limits().btree_depth, usize::from(header.depth));
        if depth >= limit {
            return Err(at(Error::limit("btree_depth", limit as u64, depth as u64)));
        }
        let layout = Layout::new(&header, ctx.sizes()).map_err(at)?;
        Ok(BTreeV2 { header, layout, kept: None })
    }

    /// The same tree, of which inner nodes are kept in memory: it must not change.
    #[must_use]
    pub fn keeping_nodes(self) -> Self {
        BTreeV2 { kept: Some(RwLock::default()), ..self }
    }

    /// The tree's header.
    pub fn header(&self) -> &BTreeV2Header {
        &self.header
    }

    /// Number of records, as the header says.
    pub fn len(&self) -> u64 {
        self.header.total_records
    }

    /// True if there are no records.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `f` with every record in the tree's order until it breaks.
    ///
    /// # Errors
    /// A node is damaged, or `f` fails.
    pub fn for_each(&self, ctx: &FileContext, f: impl FnMut(&[u8]) -> Result<ControlFlow<()>>) -> Result<()> {
        struct All<F>(F);
        impl<F: FnMut(&[u8]) -> Result<ControlFlow<()>>> Visitor for All<F> {
            fn record(&mut self, record: &[u8]) -> Result<ControlFlow<()>> {
                (self.0)(record)
            }
        }
        self.visit(ctx, &mut All(f))
    }

    /// Calls `f` with the records that `compare` finds equal to what is sought, in the tree's order, until it breaks.
    /// `compare` says how a record stands to what is sought; it must agree with the tree's order.
    ///
    /// # Errors
    /// A node on the way is damaged, or a closure fails.
    pub fn for_equal(
        &self,
        ctx: &FileContext,
        compare: impl FnMut(&[u8]) -> Result<Ordering>,
        f: impl FnMut(&[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        struct Equal<C, F>(C, F);
        impl<C, F> Visitor for Equal<C, F>
        where
            C: FnMut(&[u8]) -> Result<Ordering>,
            F: FnMut(&[u8]) -> Result<ControlFlow<()>>,
        {
            fn wants(&mut self, after: Option<&[u8]>, before: Option<&[u8]>) -> Result<bool> {
                if let Some(after) = after
                    && (self.0)(after)? == Ordering::Greater
                {
                    return Ok(false);
                }
                before.map_or(Ok(true), |before| Ok((self.0)(before)? != Ordering::Less))
            }

            fn skip<'r>(&mut self, count: usize, record: &dyn Fn(usize) -> Option<&'r [u8]>) -> Result<usize> {
                let (mut low, mut high) = (0usize, count);
                while low < high {
                    let middle = low.midpoint(high);
                    match record(middle).map(&mut self.0).transpose()? {
                        Some(Ordering::Less) => low = middle.saturating_add(1),
                        _ => high = middle,
                    }
                }
                Ok(low)
            }

            fn record(&mut self, record: &[u8]) -> Result<ControlFlow<()>> {
                match (self.0)(record)? {
                    Ordering::Equal => (self.1)(record),
                    Ordering::Less => Ok(ControlFlow::Continue(())),
                    Ordering::Greater => Ok(ControlFlow::Break(())),
                }
            }
        }
        self.visit(ctx, &mut Equal(compare, f))
    }

    /// A record that `compare` finds equal to what is sought. `compare` says how a record stands to what is sought;
    /// it must agree with the tree's order.
    ///
    /// # Errors
    /// A node on the way is damaged, or `compare` fails.
    pub fn find(
        &self,
        ctx: &FileContext,
        mut compare: impl FnMut(&[u8]) -> Result<Ordering>,
    ) -> Result<Option<Vec<u8>>> {
        let mut seen = Visited::new();
        let mut next = self.root();
        let mut level = self.header.depth;
        while let Some(pointer) = next {
            let node = self.node(ctx, &mut seen, pointer, level)?;
            let (mut low, mut high) = (0usize, node.count);
            while low < high {
                let middle = low.midpoint(high);
                let Some(record) = node.record(middle) else { break };
                match compare(record)? {
                    Ordering::Less => low = middle.saturating_add(1),
                    Ordering::Greater => high = middle,
                    Ordering::Equal => return Ok(Some(record.to_vec())),
                }
            }
            next = node.children.get(low).copied();
            level = level.saturating_sub(1);
        }
        Ok(None)
    }

    /// Walks the parts of the tree that the visitor wants, in the tree's order; each node is loaded once.
    ///
    /// # Errors
    /// Those of the visitor; damaged nodes are the visitor's to judge.
    pub fn visit(&self, ctx: &FileContext, visitor: &mut dyn Visitor) -> Result<()> {
        let mut seen = Visited::new();
        let mut stack: Vec<Frame<'_>> = Vec::new();
        let mut descend = match self.root() {
            Some(root) if visitor.wants(None, None)? => Some(Descent::to_root(root, self.header.depth)),
            _ => None,
        };
        loop {
            if let Some(to) = descend.take() {
                match self.node(ctx, &mut seen, to.pointer, to.level) {
                    Ok(node) => {
                        let skipped = visitor.skip(node.count, &|index| node.record(index))?;
                        let steps = if to.level == 0 { skipped } else { skipped.saturating_mul(2) };
                        stack.push(Frame { node, to, steps });
                    }
                    Err(error) => {
                        if visitor.damaged(error)?.is_break() {
                            return Ok(());
                        }
                    }
                }
            }
            let Some(frame) = stack.last_mut() else { return Ok(()) };
            let step = frame.steps;
            frame.steps = step.saturating_add(1);
            match frame.step(step) {
                Step::Record(record) if visitor.record(record)?.is_break() => return Ok(()),
                Step::Record(_) => {}
                Step::Child(to) if visitor.wants(to.after.as_deref(), to.before.as_deref())? => descend = Some(to),
                Step::Child(_) => {}
                Step::Done => {
                    stack.pop();
                }
            }
        }
    }

    fn root(&self) -> Option<ChildPointer> {
        let (records, total) = (u64::from(self.header.root_records), self.header.total_records);
        self.header.root.map(|address| ChildPointer { address: Some(address), records, total })
    }

    fn node<'c>(
        &self,
        ctx: &'c FileContext,
        seen: &mut Visited,
        pointer: ChildPointer,
        level: u16,
    ) -> Result<Held<'c>> {
        let address = pointer
            .address
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, "the address of a child is undefined").within(NODE))?;
        let len = u64::from(self.header.node_size);
        seen.accept(address, len, NODE)?;
        let kept = self.kept.as_ref().filter(|_| level > 0 && ctx.survey().is_none());
        let met = kept.and_then(|kept| kept.read().get(&address).cloned());
        if let Some(node) = met.filter(|node| node.level == level && node.count as u64 == pointer.records) {
            return Ok(Held::Kept(node));
        }
        let block = ctx.block(address, len, NODE)?;
        ctx.used(address, len, NODE)?;
        let mut cursor = ctx.cursor(&block, address, NODE);
        let node = BTreeV2Node::parse(&mut cursor, &self.layout, self.header.record_type, level, pointer.records)?;
        let (children, count) = (node.children, to_usize(pointer.records)?);
        let node = Node { block, level, children, count, record_size: self.layout.record_size };
        let Some(mut kept) = kept.map(RwLock::write).filter(|kept| kept.len() < KEPT) else {
            return Ok(Held::Loaded(node));
        };
        let node = Arc::new(Node { block: Block::Owned(node.block.into_owned()), ..node });
        kept.insert(address, Arc::clone(&node));
        Ok(Held::Kept(node))
    }
}

/// The next thing in a node, in order.
enum Step<'f> {
    Record(&'f [u8]),
    Child(Descent),
    Done,
}

impl Descent {
    fn to_root(pointer: ChildPointer, level: u16) -> Self {
        Descent { pointer, level, after: None, before: None }
    }
}

impl Frame<'_> {
    /// Step `index` of child 0, record 0, child 1 and so on; in a leaf, of records only.
    fn step(&self, index: usize) -> Step<'_> {
        let Some(below) = self.to.level.checked_sub(1) else {
            return self.node.record(index).map_or(Step::Done, Step::Record);
        };
        let (pair, is_record) = (index / 2, index % 2 == 1);
        if is_record {
            return self.node.record(pair).map_or(Step::Done, Step::Record);
        }
        let Some(&pointer) = self.node.children.get(pair) else { return Step::Done };
        let after = match pair.checked_sub(1) {
            Some(previous) => self.node.record(previous),
            None => self.to.after.as_deref(),
        };
        let before = self.node.record(pair).or(self.to.before.as_deref());
        let copy = |record: Option<&[u8]>| record.map(<[u8]>::to_vec);
        Step::Child(Descent { pointer, level: below, after: copy(after), before: copy(before) })
    }
}

#[cfg(test)]
mod tests;
