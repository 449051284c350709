//! A tree in memory: the nodes that changes met, and what of them the file does not have yet.

use super::node::{Child, Node, address, load, open, root};
use crate::codec::{Address, Sizes, Writer};
use crate::edit::kept::Keep;
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v2::node::STRUCTURE as NODE;
use crate::format::btree_v2::{BTreeV2Header, Layout};
use crate::graph::FileContext;
use crate::graph::Visited;
use alloc::vec::Vec;

/// Bytes that a node takes in memory besides its records and children.
const NODE_OVERHEAD: usize = 160;

/// Where a node is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(usize);

/// A node, where it belongs in the file, and whether it is other than there.
struct Loaded {
    address: Address,
    changed: bool,
    node: Node,
}

/// A tree with the nodes that changes met.
pub(in crate::edit) struct Tree {
    at: Address,
    sizes: Sizes,
    pub(super) header: BTreeV2Header,
    pub(super) layout: Layout,
    seen: Visited,
    root: Option<Slot>,
    loaded: Vec<Option<Loaded>>,
    vacant: Vec<Slot>,
    /// For records of several nodes.
    pub(super) scratch: Node,
    /// Nodes that were changed since they were written; some may be gone.
    changed: Vec<Slot>,
    header_changed: bool,
}

impl Tree {
    pub(super) fn open(ctx: &FileContext, at: Address) -> Result<Self> {
        let (header, layout) = open(ctx, at)?;
        let scratch = Node::without_room(&layout);
        Ok(Tree {
            at,
            sizes: ctx.sizes(),
            header,
            layout,
            seen: Visited::new(),
            root: None,
            loaded: Vec::new(),
            vacant: Vec::new(),
            scratch,
            changed: Vec::new(),
            header_changed: false,
        })
    }

    /// Records in the tree.
    pub(super) fn len(&self) -> u64 {
        self.header.total_records
    }

    /// True if the file does not have all of it.
    pub(in crate::edit) fn is_changed(&self) -> bool {
        self.header_changed || !self.changed.is_empty()
    }

    /// The header, to be changed.
    pub(super) fn header_mut(&mut self) -> &mut BTreeV2Header {
        self.header_changed = true;
        &mut self.header
    }

    /// The root, loaded if it is not yet.
    pub(super) fn root(&mut self, ctx: &FileContext) -> Result<Option<Slot>> {
        let Some(pointer) = root(&self.header).filter(|_| self.root.is_none()) else { return Ok(self.root) };
        let node = load(ctx, &mut self.seen, &self.header, &self.layout, pointer, self.header.depth)?;
        self.root = Some(self.keep(address(pointer)?, node));
        Ok(self.root)
    }

    /// Makes another node the root, or none; its number of records is told by [`refresh_root`](Self::refresh_root).
    pub(super) fn set_root(&mut self, root: Option<Slot>) -> Result<()> {
        let address = root.map(|root| self.address(root)).transpose()?;
        self.root = root;
        self.header_mut().root = address;
        Ok(())
    }

    /// A child, loaded if it is not yet.
    pub(super) fn child(&mut self, ctx: &FileContext, parent: Slot, index: usize) -> Result<Slot> {
        let node = self.get(parent)?;
        let missing = || Error::new(ErrorKind::Corrupt, "a child is missing").within(NODE);
        let &Child { pointer, slot } = node.children.get(index).ok_or_else(missing)?;
        if let Some(slot) = slot {
            return Ok(slot);
        }
        let level = node.level.saturating_sub(1);
        let node = load(ctx, &mut self.seen, &self.header, &self.layout, pointer, level)?;
        let slot = self.keep(address(pointer)?, node);
        if let Some(child) = self.get_mut(parent)?.children.get_mut(index) {
            child.slot = Some(slot);
        }
        Ok(slot)
    }

    fn keep(&mut self, address: Address, node: Node) -> Slot {
        let loaded = Some(Loaded { address, changed: false, node });
        let vacant = self.vacant.pop();
        if let Some((slot, place)) = vacant.and_then(|slot| Some((slot, self.loaded.get_mut(slot.0)?))) {
            *place = loaded;
            return slot;
        }
        self.loaded.push(loaded);
        Slot(self.loaded.len().saturating_sub(1))
    }

    /// A new node, at an address that was allocated for it.
    ///
    /// # Errors
    /// A node of the tree is there: the file is damaged.
    pub(super) fn add(&mut self, address: Address, node: Node) -> Result<Slot> {
        self.seen.accept(address, self.header.node_size.into(), NODE)?;
        let slot = self.keep(address, node);
        self.change(slot)?;
        Ok(slot)
    }

    /// Forgets a node: its address.
    pub(super) fn discard(&mut self, slot: Slot) -> Result<Address> {
        let gone = self.loaded.get_mut(slot.0).and_then(Option::take).ok_or_else(no_node)?;
        self.vacant.push(slot);
        self.seen.leave(gone.address);
        Ok(gone.address)
    }

    fn loaded(&self, slot: Slot) -> Result<&Loaded> {
        self.loaded.get(slot.0).and_then(Option::as_ref).ok_or_else(no_node)
    }

    fn address(&self, slot: Slot) -> Result<Address> {
        self.loaded(slot).map(|loaded| loaded.address)
    }

    pub(super) fn get(&self, slot: Slot) -> Result<&Node> {
        self.loaded(slot).map(|loaded| &loaded.node)
    }

    fn get_mut(&mut self, slot: Slot) -> Result<&mut Node> {
        let loaded = self.loaded.get_mut(slot.0).and_then(Option::as_mut).ok_or_else(no_node)?;
        Ok(&mut loaded.node)
    }

    /// A node, to be changed.
    pub(super) fn change(&mut self, slot: Slot) -> Result<&mut Node> {
        let loaded = self.loaded.get_mut(slot.0).and_then(Option::as_mut).ok_or_else(no_node)?;
        if !loaded.changed {
            loaded.changed = true;
            self.changed.push(slot);
        }
        Ok(&mut loaded.node)
    }

    /// A node as a child of another.
    pub(super) fn as_child(&self, slot: Slot) -> Result<Child> {
        let loaded = self.loaded(slot)?;
        Ok(Child { pointer: loaded.node.pointer(loaded.address), slot: Some(slot) })
    }

    /// A node says of a child what is so now: how many records the child has.
    pub(super) fn refresh(&mut self, parent: Slot, index: usize) -> Result<u64> {
        let slot = self.get(parent)?.children.get(index).and_then(|child| child.slot).ok_or_else(no_node)?;
        let now = self.as_child(slot)?;
        if let Some(child) = self.change(parent)?.children.get_mut(index) {
            *child = now;
        }
        Ok(now.pointer.records)
    }

    /// The header says of the root what is so now.
    pub(super) fn refresh_root(&mut self) -> Result<()> {
        let pointer = self.root.map(|root| self.as_child(root)).transpose()?.map(|root| root.pointer);
        let (records, total) = pointer.map_or((0, 0), |root| (root.records, root.total));
        let header = self.header_mut();
        header.total_records = total;
        header.root_records = u16::try_from(records).map_err(|_| {
            Error::unsupported(alloc::format!("a root of {records} records: 65535 are the most")).within(NODE)
        })?;
        Ok(())
    }

    /// Hands out every block that is other than in the file.
    ///
    /// # Errors
    /// A number does not fit its width: what was not handed out stays.
    pub(in crate::edit) fn write(&mut self, put: &mut dyn FnMut(Address, &Writer)) -> Result<()> {
        let Tree { sizes, header, layout, loaded, changed, .. } = self;
        while let Some(&slot) = changed.last() {
            if let Some(Some(loaded)) =
                loaded.get_mut(slot.0).filter(|loaded| loaded.as_ref().is_some_and(|l| l.changed))
            {
                put(loaded.address, &loaded.node.encode(*sizes, header, layout)?);
                loaded.changed = false;
            }
            changed.pop();
        }
        if self.header_changed {
            let mut writer = Writer::unsealed(self.sizes);
            self.header.encode(&mut writer)?;
            put(self.at, &writer);
            self.header_changed = false;
        }
        Ok(())
    }
}

impl Keep for Tree {
    fn memory(&self) -> usize {
        let node = self.layout.node_size.saturating_mul(2).saturating_add(NODE_OVERHEAD);
        self.loaded.len().saturating_mul(node)
    }
}

fn no_node() -> Error {
    Error::new(ErrorKind::Corrupt, "a node is not where it was").within(NODE)
}
