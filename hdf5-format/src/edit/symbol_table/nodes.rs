//! Nodes of a group's tree: read whole, changed together.

use super::NAME;
use crate::codec::{Address, Writer};
use crate::edit::kept::Keep;
use crate::edit::{Editor, Purpose};
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v1::{BTreeV1Node, KeyType, STRUCTURE as NODE};
use crate::format::symbol_table_entry::SymbolTableEntry;
use crate::format::symbol_table_node::{self, STRUCTURE as LEAF, SymbolTableNode};
use crate::graph::{FileContext, Visited};
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::format;
use alloc::vec::Vec;

/// About how many bytes a node takes in memory.
const NODE_MEMORY: usize = 768;

/// How large the file's nodes are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) internal_k: u16,
    pub(super) leaf_k: u16,
    /// Bytes of a B-tree node.
    pub(super) node_len: u64,
    /// Bytes of a symbol table node.
    pub(super) leaf_len: u64,
}

impl Shape {
    pub(super) fn of(editor: &Editor) -> Result<Self> {
        let (internal_k, leaf_k, sizes) =
            (editor.superblock.internal_k, editor.superblock.leaf_k, editor.superblock.sizes);
        if internal_k == 0 || leaf_k == 0 {
            let message = format!("B-tree K values: expected above 0, found {leaf_k} and {internal_k}");
            return Err(Error::new(ErrorKind::Corrupt, message).within(NAME));
        }
        let node_len = KeyType::Group.node_len(internal_k, sizes) as u64;
        let leaf_len = SymbolTableNode::encoded_len(sizes, leaf_k) as u64;
        Ok(Shape { internal_k, leaf_k, node_len, leaf_len })
    }

    /// Most children of a B-tree node.
    pub(super) fn children(&self) -> usize {
        usize::from(self.internal_k).saturating_mul(2)
    }

    /// Most entries of a symbol table node.
    pub(super) fn entries(&self) -> usize {
        symbol_table_node::capacity(self.leaf_k)
    }

    /// A B-tree node of a level; the root has any.
    pub(super) fn node(&self, ctx: &FileContext, address: Option<Address>, level: Option<u8>) -> Result<BTreeV1Node> {
        let address = address.ok_or_else(|| undefined(NODE))?;
        let block = ctx.block(address, self.node_len, NODE)?;
        let cursor = ctx.cursor(&block, address, NODE);
        let mut node = BTreeV1Node::parse(&mut cursor.clone(), KeyType::Group)?;
        let (found, most) = (node.children.len(), self.children());
        if found > most {
            return Err(cursor.unexpected("children", format!("at most {most}"), found));
        }
        match level {
            Some(level) if level != node.level => return Err(cursor.unexpected("level", level, node.level)),
            Some(_) if found == 0 => return Err(cursor.unexpected("children", "one or more", 0)),
            // An empty root is at level 0, whatever was below it before.
            None if found == 0 => node.level = 0,
            _ => {}
        }
        let limit = ctx.limits().btree_depth;
        if usize::from(node.level) >= limit {
            return Err(Error::limit("btree_depth", limit as u64, node.level.into()).within(NODE));
        }
        Ok(node)
    }

    pub(super) fn leaf(&self, ctx: &FileContext, address: Option<Address>) -> Result<(Address, SymbolTableNode)> {
        let address = address.ok_or_else(|| undefined(LEAF))?;
        let block = ctx.block(address, self.leaf_len, LEAF)?;
        let cursor = ctx.cursor(&block, address, LEAF);
        let leaf = SymbolTableNode::parse(&mut cursor.clone())?;
        if leaf.entries.is_empty() {
            return Err(cursor.unexpected("number of entries", "one or more", 0));
        }
        Ok((address, leaf))
    }
}

fn undefined(structure: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, "the address of a child is undefined").within(structure)
}

/// What a tree is made of.
#[derive(Default)]
pub(super) struct Tree {
    /// In the order of names.
    pub(super) entries: Vec<SymbolTableEntry>,
    /// Address and length of each node.
    pub(super) blocks: Vec<(Address, u64)>,
}

/// All of a tree.
///
/// # Errors
/// A node is damaged, or overlaps another.
pub(super) fn all(editor: &Editor, root: Address, seen: &mut Visited) -> Result<Tree> {
    let (ctx, shape) = (editor.ctx(), Shape::of(editor)?);
    let mut tree = Tree::default();
    let mut left = alloc::vec![(Some(root), None)];
    while let Some((address, level)) = left.pop() {
        let node = shape.node(ctx, address, level)?;
        let address = address.ok_or_else(|| undefined(NODE))?;
        seen.accept(address, shape.node_len, NODE)?;
        tree.blocks.push((address, shape.node_len));
        match node.level.checked_sub(1) {
            Some(below) => left.extend(node.children.iter().rev().map(|&child| (child, Some(below)))),
            None => {
                for &child in &node.children {
                    let (address, leaf) = shape.leaf(ctx, child)?;
                    seen.accept(address, shape.leaf_len, LEAF)?;
                    tree.blocks.push((address, shape.leaf_len));
                    tree.entries.extend(leaf.entries);
                }
            }
        }
    }
    Ok(tree)
}

/// The nodes of a tree that changes met.
#[derive(Default)]
pub(in crate::edit) struct Loaded {
    nodes: BTreeMap<Address, BTreeV1Node>,
    leaves: BTreeMap<Address, SymbolTableNode>,
}

impl Keep for Loaded {
    fn memory(&self) -> usize {
        self.nodes.len().saturating_add(self.leaves.len()).saturating_mul(NODE_MEMORY)
    }
}

impl Loaded {
    /// Takes a B-tree node out: see [`Shape::node`].
    pub(super) fn take_node(
        &mut self,
        shape: Shape,
        ctx: &FileContext,
        address: Option<Address>,
        level: Option<u8>,
    ) -> Result<BTreeV1Node> {
        let kept = address.and_then(|address| self.nodes.remove(&address));
        match kept.filter(|node| level.is_none_or(|level| level == node.level)) {
            Some(node) => Ok(node),
            None => shape.node(ctx, address, level),
        }
    }

    /// Takes a symbol table node out: see [`Shape::leaf`].
    pub(super) fn take_leaf(
        &mut self,
        shape: Shape,
        ctx: &FileContext,
        address: Option<Address>,
    ) -> Result<(Address, SymbolTableNode)> {
        let kept = address.and_then(|address| Some((address, self.leaves.remove(&address)?)));
        kept.map_or_else(|| shape.leaf(ctx, address), Ok)
    }

    /// Keeps a node that is as the file has it.
    pub(super) fn put_node(&mut self, address: Address, node: BTreeV1Node) {
        self.nodes.insert(address, node);
    }
}

/// Nodes as they will be.
pub(super) struct Changes {
    pub(super) shape: Shape,
    /// What was not changed.
    pub(super) loaded: Loaded,
    pub(super) nodes: BTreeMap<Address, BTreeV1Node>,
    pub(super) leaves: BTreeMap<Address, SymbolTableNode>,
    pub(super) freed: Vec<(Address, u64)>,
}

/// Changed nodes and their bytes.
pub(super) struct Encoded {
    changes: Changes,
    blocks: Vec<(Address, Writer)>,
}

impl Changes {
    pub(super) fn new(shape: Shape, loaded: Loaded) -> Self {
        Changes { shape, loaded, nodes: BTreeMap::new(), leaves: BTreeMap::new(), freed: Vec::new() }
    }

    /// The node next to the one at `own` of some level, to be changed.
    ///
    /// # Errors
    /// It is damaged, or has no such neighbour.
    pub(super) fn sibling(
        &mut self,
        ctx: &FileContext,
        own: Address,
        address: Address,
        level: u8,
    ) -> Result<&mut BTreeV1Node> {
        let entry = match self.nodes.entry(address) {
            Entry::Occupied(entry) => return Ok(entry.into_mut()),
            Entry::Vacant(entry) => entry,
        };
        let node = self.loaded.take_node(self.shape, ctx, Some(address), Some(level))?;
        if node.left != Some(own) && node.right != Some(own) {
            let message = format!("not a sibling of the node at {own}, which says so");
            return Err(Error::corrupt(NODE, ctx.absolute(address), message));
        }
        Ok(entry.insert(node))
    }

    /// True if the root at an address will have no children.
    pub(super) fn empties(&self, root: Address) -> bool {
        self.nodes.get(&root).is_some_and(|node| node.children.is_empty())
    }

    /// # Errors
    /// A node breaks a rule, or a number does not fit.
    pub(super) fn encode(self, editor: &Editor) -> Result<Encoded> {
        let mut blocks = Vec::with_capacity(self.nodes.len().saturating_add(self.leaves.len()));
        for (address, node) in &self.nodes {
            let mut writer = Writer::with_room(editor.superblock.sizes, self.shape.node_len);
            node.encode(&mut writer, self.shape.internal_k)?;
            blocks.push((*address, writer));
        }
        for (address, leaf) in &self.leaves {
            let mut writer = Writer::with_room(editor.superblock.sizes, self.shape.leaf_len);
            leaf.encode(&mut writer, self.shape.leaf_k)?;
            blocks.push((*address, writer));
        }
        Ok(Encoded { changes: self, blocks })
    }
}

impl Encoded {
    /// Writes what was changed of the tree with the root at an address.
    pub(super) fn write(self, editor: &mut Editor, root: Address) -> Result<()> {
        let Changes { mut loaded, nodes, leaves, freed, .. } = self.changes;
        self.blocks.iter().try_for_each(|(address, block)| editor.write(*address, block.as_slice()))?;
        freed.into_iter().for_each(|(address, len)| editor.release(Purpose::BTree, address, len));
        loaded.nodes.extend(nodes);
        loaded.leaves.extend(leaves);
        editor.symbol_tables.put(root, loaded);
        while editor.symbol_tables.excess().is_some() {}
        Ok(())
    }
}
