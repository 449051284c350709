//! The nodes that changes of a tree touch: each loaded once, all written when the change is whole.

use super::Compare;
use crate::codec::{Address, Writer, to_usize};
use crate::edit::kept::Keep;
use crate::edit::{Editor, Purpose};
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v2::header::STRUCTURE as HEADER;
use crate::format::btree_v2::node::{PREFIX_LEN, STRUCTURE as NODE};
use crate::format::btree_v2::{BTreeV2Header, BTreeV2Node, ChildPointer, Layout};
use crate::graph::FileContext;
use crate::graph::Visited;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Fewest records that a full node may have: two nodes and a record between them come of it.
const LEAST_FULL: u64 = 3;
/// Bytes that a node takes in memory besides its records and children.
const NODE_OVERHEAD: usize = 160;

/// Records of one length, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Records {
    width: usize,
    bytes: Vec<u8>,
}

impl Records {
    pub(super) fn new(width: usize) -> Self {
        Records { width, bytes: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len().checked_div(self.width).unwrap_or(0)
    }

    /// Where a record starts; the end, for those past it.
    fn at(&self, index: usize) -> usize {
        index.saturating_mul(self.width).min(self.bytes.len())
    }

    /// A record; nothing past the end.
    pub(super) fn get(&self, index: usize) -> &[u8] {
        self.bytes.get(self.at(index)..self.at(index.saturating_add(1))).unwrap_or(&[])
    }

    pub(super) fn push(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
    }

    pub(super) fn append(&mut self, more: &Records) {
        self.bytes.extend_from_slice(&more.bytes);
    }

    /// Takes the records from `index` on.
    pub(super) fn split_off(&mut self, index: usize) -> Records {
        Records { width: self.width, bytes: self.bytes.split_off(self.at(index)) }
    }

    /// Puts others in the place of `count` records: the old ones.
    pub(super) fn exchange(&mut self, index: usize, count: usize, new: &[u8]) -> Vec<u8> {
        let range = self.at(index)..self.at(index.saturating_add(count));
        self.bytes.splice(range, new.iter().copied()).collect()
    }

    pub(super) fn insert(&mut self, index: usize, record: &[u8]) {
        self.exchange(index, 0, record);
    }

    pub(super) fn remove(&mut self, index: usize) -> Vec<u8> {
        self.exchange(index, 1, &[])
    }

    pub(super) fn replace(&mut self, index: usize, record: &[u8]) -> Vec<u8> {
        self.exchange(index, 1, record)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A node in memory.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// 0 for a leaf.
    pub(super) level: u16,
    pub(super) records: Records,
    /// One more than records; none in a leaf.
    pub(super) children: Vec<ChildPointer>,
}

impl Node {
    pub(super) fn new(level: u16, width: usize) -> Self {
        Node { level, records: Records::new(width), children: Vec::new() }
    }

    /// Number of records.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// What its parent says of it.
    pub(super) fn pointer(&self, address: Address) -> ChildPointer {
        let records = self.len() as u64;
        let total = self.children.iter().fold(records, |sum, child| sum.saturating_add(child.total));
        ChildPointer { address: Some(address), records, total }
    }

    /// Takes the records from `index` on, and the children behind as many records.
    pub(super) fn split_off(&mut self, index: usize) -> Node {
        let records = self.records.split_off(index);
        let kept = index.saturating_add(1).min(self.children.len());
        Node { level: self.level, records, children: self.children.split_off(kept) }
    }

    /// `Ok`: the index of the equal record; `Err`: the index where it would be, and of the child to look in.
    pub(super) fn search(&self, ctx: &FileContext, compare: Compare<'_>) -> Result<core::result::Result<usize, usize>> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match compare(ctx, self.records.get(middle))? {
                Ordering::Less => low = middle.saturating_add(1),
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Ok(middle)),
            }
        }
        Ok(Err(low))
    }

    /// The bytes of the node.
    pub(super) fn encode(&self, editor: &Editor, header: &BTreeV2Header, layout: &Layout) -> Result<Writer> {
        let records = self.records.as_bytes();
        let node = BTreeV2Node { record_type: header.record_type, records, children: self.children.clone() };
        let mut writer = editor.block_writer();
        writer.reserve(layout.node_size);
        node.encode(&mut writer, layout, self.level)?;
        Ok(writer)
    }
}

pub(super) fn load_header(ctx: &FileContext, address: Address) -> Result<BTreeV2Header> {
    let block = ctx.block(address, BTreeV2Header::encoded_len(ctx.sizes()) as u64, HEADER)?;
    BTreeV2Header::parse(&mut ctx.cursor(&block, address, HEADER))
}

/// A header and the sizes that follow from it.
pub(super) fn open(ctx: &FileContext, address: Address) -> Result<(BTreeV2Header, Layout)> {
    let header = load_header(ctx, address)?;
    check_depth(ctx, header.depth)?;
    let layout = Layout::new(&header, ctx.sizes()).map_err(|e| e.at(ctx.absolute(address)))?;
    Ok((header, layout))
}

pub(super) fn check_depth(ctx: &FileContext, depth: u16) -> Result<()> {
    let limit = ctx.limits().btree_depth;
    if usize::from(depth) >= limit {
        return Err(Error::limit("btree_depth", limit as u64, u64::from(depth)).within(HEADER));
    }
    Ok(())
}

/// The pointer to the root that a header makes.
pub(super) fn root(header: &BTreeV2Header) -> Option<ChildPointer> {
    let (records, total) = (u64::from(header.root_records), header.total_records);
    header.root.map(|address| ChildPointer { address: Some(address), records, total })
}

pub(super) fn address(pointer: ChildPointer) -> Result<Address> {
    let missing = || Error::new(ErrorKind::Corrupt, "the address of a child is undefined").within(NODE);
    pointer.address.ok_or_else(missing)
}

pub(super) fn load(
    ctx: &FileContext,
    seen: &mut Visited,
    header: &BTreeV2Header,
    layout: &Layout,
    pointer: ChildPointer,
    level: u16,
) -> Result<Node> {
    let (address, len) = (address(pointer)?, u64::from(header.node_size));
    seen.accept(address, len, NODE)?;
    let block = ctx.block(address, len, NODE)?;
    let mut cursor = ctx.cursor(&block, address, NODE);
    let node = BTreeV2Node::parse(&mut cursor, layout, header.record_type, level, pointer.records)?;
    let records = Records { width: layout.record_size, bytes: node.records.to_vec() };
    Ok(Node { level, records, children: node.children })
}

/// A tree with the nodes that changes met.
pub(in crate::edit) struct Tree {
    header: BTreeV2Header,
    layout: Layout,
    seen: Visited,
    loaded: BTreeMap<Address, Node>,
}

impl Tree {
    fn open(ctx: &FileContext, at: Address) -> Result<Self> {
        let (header, layout) = open(ctx, at)?;
        Ok(Tree { header, layout, seen: Visited::new(), loaded: BTreeMap::new() })
    }
}

impl Keep for Tree {
    fn memory(&self) -> usize {
        let node = self.layout.node_size.saturating_mul(2).saturating_add(NODE_OVERHEAD);
        self.loaded.len().saturating_mul(node)
    }
}

/// What of a node is other than in the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Changed {
    /// The pointer to one child.
    Child(usize),
    All,
}

/// A tree while it is changed.
pub(super) struct Nodes<'e> {
    pub(super) editor: &'e mut Editor,
    at: Address,
    pub(super) header: BTreeV2Header,
    pub(super) layout: Layout,
    old: BTreeV2Header,
    seen: Visited,
    loaded: BTreeMap<Address, Node>,
    /// Nodes that are other than in the file.
    changed: BTreeMap<Address, Changed>,
    /// Allocated by this change.
    fresh: Vec<Address>,
    /// Given back when it is whole.
    gone: Vec<Address>,
}

impl<'e> Nodes<'e> {
    /// Does a change as a whole, or not at all.
    pub(super) fn change<T>(
        editor: &'e mut Editor,
        at: Address,
        change: impl FnOnce(&mut Nodes<'e>) -> Result<T>,
    ) -> Result<T> {
        let kept = editor.trees.take(at);
        let Tree { header, layout, seen, loaded } = kept.map_or_else(|| Tree::open(editor.ctx(), at), Ok)?;
        let (changed, fresh, gone) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut nodes = Nodes { editor, at, header, layout, old: header, seen, loaded, changed, fresh, gone };
        let result = change(&mut nodes).and_then(|value| nodes.write().map(|()| value));
        let Nodes { editor, header, layout, seen, loaded, fresh, gone, .. } = nodes;
        let given_back = if result.is_ok() { &gone } else { &fresh };
        let len = u64::from(header.node_size);
        given_back.iter().for_each(|&node| editor.release(Purpose::BTree, node, len));
        // `seen` still has nodes that are gone.
        if result.is_ok() && gone.is_empty() {
            editor.trees.put(at, Tree { header, layout, seen, loaded });
            while editor.trees.excess().is_some() {}
        }
        result
    }

    pub(super) fn check_record(&self, record: &[u8]) -> Result<()> {
        let (expected, found) = (self.layout.record_size, record.len());
        if expected == found {
            return Ok(());
        }
        let text = alloc::format!("record: expected {expected} bytes, found {found}");
        Err(Error::new(ErrorKind::Invalid, text).within(HEADER))
    }

    /// Nodes of a level are full with this many records.
    pub(super) fn full(&self, level: u16) -> Result<u64> {
        let capacity = self.layout.capacity(level);
        if capacity < LEAST_FULL {
            let text = alloc::format!("nodes for {capacity} records are too small to be changed");
            return Err(Error::unsupported(text).within(HEADER));
        }
        let full = capacity.saturating_mul(self.header.split_percent.into()) / 100;
        Ok(full.clamp(LEAST_FULL, capacity))
    }

    /// Nodes of a level that are not the root have no fewer records than this.
    pub(super) fn least(&self, level: u16) -> Result<u64> {
        let least = self.layout.capacity(level).saturating_mul(self.header.merge_percent.into()) / 100;
        Ok(least.clamp(1, (self.full(level)? / 2).max(1)))
    }

    pub(super) fn root(&self) -> Option<ChildPointer> {
        root(&self.header)
    }

    /// A node, loaded if it is not yet.
    pub(super) fn node(&mut self, pointer: ChildPointer, level: u16) -> Result<&Node> {
        let address = address(pointer)?;
        let node = match self.loaded.entry(address) {
            Entry::Occupied(node) => node.into_mut(),
            Entry::Vacant(place) => {
                let ctx = self.editor.ctx();
                place.insert(load(ctx, &mut self.seen, &self.header, &self.layout, pointer, level)?)
            }
        };
        if node.level == level && node.len() as u64 == pointer.records {
            return Ok(node);
        }
        Err(Error::new(ErrorKind::Corrupt, "two nodes have the same child").within(NODE))
    }

    /// A node that was loaded before.
    pub(super) fn loaded(&self, address: Address) -> Result<&Node> {
        let missing = || Error::new(ErrorKind::Corrupt, "a node has itself below it").within(NODE);
        self.loaded.get(&address).ok_or_else(missing)
    }

    /// Takes a node out, to be put back changed.
    pub(super) fn take(&mut self, pointer: ChildPointer, level: u16) -> Result<Node> {
        self.node(pointer, level)?;
        self.take_loaded(address(pointer)?)
    }

    /// The same for a node that was loaded before.
    pub(super) fn take_loaded(&mut self, address: Address) -> Result<Node> {
        self.loaded(address)?;
        self.loaded
            .remove(&address)
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, "a node has itself below it").within(NODE))
    }

    /// A changed node: what its parent is to say of it.
    pub(super) fn put(&mut self, address: Address, node: Node) -> ChildPointer {
        let pointer = node.pointer(address);
        self.loaded.insert(address, node);
        self.changed.insert(address, Changed::All);
        pointer
    }

    /// Room for a new node.
    pub(super) fn create(&mut self) -> Result<Address> {
        let address = self.editor.allocate(Purpose::BTree, self.header.node_size.into())?;
        self.fresh.push(address);
        Ok(address)
    }

    /// A node that was taken out stays out.
    pub(super) fn discard(&mut self, address: Address) {
        self.gone.push(address);
    }

    /// Node and index of the equal record; the node is loaded.
    pub(super) fn find(&mut self, compare: Compare<'_>) -> Result<Option<(Address, usize)>> {
        let (mut next, mut level) = (self.root(), self.header.depth);
        while let Some(pointer) = next {
            self.node(pointer, level)?;
            let address = address(pointer)?;
            let node = self.loaded(address)?;
            match node.search(self.editor.ctx(), compare)? {
                Ok(index) => return Ok(Some((address, index))),
                Err(index) => next = node.children.get(index).copied(),
            }
            level = level.saturating_sub(1);
        }
        Ok(None)
    }

    /// A node and its child: the parent's words on the child, as it is now.
    pub(super) fn refresh(&mut self, parent: Address, index: usize) -> Result<ChildPointer> {
        let child = self.loaded(parent)?.children.get(index).copied();
        let address = child.map_or_else(|| Err(Error::new(ErrorKind::Corrupt, "a child is missing")), address)?;
        let pointer = self.loaded(address)?.pointer(address);
        if let Some(child) = self.loaded.get_mut(&parent).and_then(|node| node.children.get_mut(index)) {
            *child = pointer;
        }
        let changed = self.changed.entry(parent).or_insert(Changed::Child(index));
        if *changed != Changed::Child(index) {
            *changed = Changed::All;
        }
        Ok(pointer)
    }

    /// The same for the header and the root.
    pub(super) fn refresh_root(&mut self) -> Result<()> {
        let records = match self.header.root {
            Some(root) => self.loaded(root)?.len(),
            None => 0,
        };
        if self.header.root.is_none() {
            self.header.total_records = 0;
        }
        self.header.root_records = u16::try_from(records).map_err(|_| {
            Error::unsupported(alloc::format!("a root of {records} records: 65535 are the most")).within(HEADER)
        })?;
        Ok(())
    }

    /// Makes the records and children of `count` neighbours, from the child `first` of a node at `level`, into as
    /// many nodes as there are `sizes`, with as many records each. A record goes up between every two.
    pub(super) fn reshape(
        &mut self,
        parent: Address,
        level: u16,
        first: usize,
        count: usize,
        sizes: &[usize],
    ) -> Result<()> {
        let mut node = self.take_loaded(parent)?;
        let below = level.saturating_sub(1);
        let pointers: Vec<ChildPointer> = node.children.iter().skip(first).take(count).copied().collect();
        let mut all = Node::new(below, self.layout.record_size);
        for (n, &pointer) in pointers.iter().enumerate() {
            let child = self.take(pointer, below)?;
            if n > 0 {
                all.records.push(node.records.get(first.saturating_add(n).saturating_sub(1)));
            }
            all.records.append(&child.records);
            all.children.extend(child.children);
        }
        let mut addresses = pointers.iter().map(|&pointer| address(pointer)).collect::<Result<Vec<_>>>()?;
        while addresses.len() < sizes.len() {
            addresses.push(self.create()?);
        }
        let unused = addresses.split_off(sizes.len());
        unused.into_iter().for_each(|address| self.discard(address));
        let (mut between, mut new) = (Records::new(self.layout.record_size), Vec::new());
        for (n, (&size, &address)) in sizes.iter().zip(&addresses).enumerate() {
            if n > 0 {
                between.push(&all.records.remove(0));
            }
            let rest = all.split_off(size);
            new.push(self.put(address, core::mem::replace(&mut all, rest)));
        }
        node.records.exchange(first, count.saturating_sub(1), between.as_bytes());
        node.children.splice(first..first.saturating_add(pointers.len()), new);
        self.put(parent, node);
        Ok(())
    }

    /// Writes what was changed. Nothing is written unless all of it can be.
    fn write(&mut self) -> Result<()> {
        let (mut blocks, mut pointers) = (Vec::new(), Vec::new());
        for (&address, &changed) in &self.changed {
            // Those that are gone are not loaded.
            let Some(node) = self.loaded.get(&address) else { continue };
            let in_memory = self.editor.is_unsealed(address);
            match changed {
                Changed::Child(index) if in_memory => pointers.push((address, self.child(node, index)?)),
                _ => blocks.push((address, node.encode(self.editor, &self.header, &self.layout)?)),
            }
        }
        if self.header != self.old {
            let mut writer = self.editor.block_writer();
            self.header.encode(&mut writer)?;
            blocks.push((self.at, writer));
        }
        for (address, (at, pointer)) in pointers {
            self.editor.patch_unsealed(address, at, pointer.as_slice());
        }
        blocks.iter().try_for_each(|(address, block)| self.editor.write_block(*address, block))
    }

    /// A child's pointer, and where in its node it stands.
    fn child(&self, node: &Node, index: usize) -> Result<(usize, Writer)> {
        let mut writer = self.editor.writer();
        let missing = || Error::new(ErrorKind::Corrupt, "a child is missing").within(NODE);
        node.children.get(index).ok_or_else(missing)?.encode(&mut writer, &self.layout, node.level)?;
        let before = index.saturating_mul(self.layout.pointer_width(node.level));
        Ok((PREFIX_LEN.saturating_add(node.records.as_bytes().len()).saturating_add(before), writer))
    }

    /// The number of records of a child.
    pub(super) fn records_of(node: &Node, index: usize) -> u64 {
        node.children.get(index).map_or(0, |child| child.records)
    }
}

/// Sizes of two or three nodes made even; `counts` are the present ones.
pub(super) fn even(counts: &[u64]) -> Result<Vec<usize>> {
    let total = counts.iter().fold(0u64, |sum, &n| sum.saturating_add(n));
    let sizes: Vec<u64> = match *counts {
        [left, right] => {
            let less = total / 2;
            let more = total.saturating_sub(less);
            if left < right { [more, less].into() } else { [less, more].into() }
        }
        _ => {
            let middle = total / 3;
            let rest = total.saturating_sub(middle);
            let left = rest / 2;
            [left, middle, rest.saturating_sub(left)].into()
        }
    };
    sizes.into_iter().map(to_usize).collect()
}
