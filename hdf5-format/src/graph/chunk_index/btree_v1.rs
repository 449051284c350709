//! Chunks in a version 1 B-tree.

use super::{ChunkIndex, ChunkRecord, Visitor, Wanted};
use crate::codec::Address;
use crate::error::{Error, Result};
use crate::format::btree_v1::{BTreeV1Node, KeyType};
use crate::graph::{FileContext, Visited};
use alloc::vec;
use alloc::vec::Vec;

const NAME: &str = "chunk B-tree node";

/// Bytes read at a node's address before its length is known: a node of the default K for rank 2.
const FIRST_READ: u64 = 2096;

pub(super) fn visit(
    ctx: &FileContext,
    index: &ChunkIndex<'_>,
    root: Address,
    wanted: Wanted<'_>,
    visit: Visitor<'_>,
) -> Result<()> {
    let chunk = &index.layout.chunk;
    let mut seen = Visited::new();
    let mut stack: Vec<(Address, Option<u8>)> = vec![(root, None)];
    while let Some((address, level)) = stack.pop() {
        let node = match load(ctx, address, KeyType::Chunk { rank: chunk.len() }, level, &mut seen) {
            Ok(node) => node,
            Err(error) => {
                ctx.tolerate(error)?;
                continue;
            }
        };
        let from = stack.len();
        for (i, &child) in node.children.iter().enumerate() {
            let (Some(key), Some(next)) = (node.chunk_key(i), node.chunk_key(i.saturating_add(1))) else { continue };
            let damaged = |what: &str| {
                let message = alloc::format!("{what} of the chunk at element {:?}", key.offsets);
                Error::corrupt(NAME, ctx.absolute(address), message)
            };
            let Some(scaled) = scaled(key.offsets, chunk) else {
                ctx.tolerate(damaged("no multiple of the chunk's lengths: offset"))?;
                continue;
            };
            let child = child.ok_or_else(|| damaged("undefined address"));
            if ctx.survey().is_some() && child.is_err() {
                child.map_or_else(|error| ctx.tolerate(error), |_| Ok(()))?;
                continue;
            }
            if let Some(below) = node.level.checked_sub(1) {
                let end: Vec<u64> = next.offsets.iter().zip(chunk).map(|(o, c)| o.div_ceil((*c).max(1))).collect();
                if wanted.meets(Some(&scaled), Some(&end)) {
                    stack.push((child?, Some(below)));
                }
            } else if wanted.contains(&scaled) {
                let (size, filter_mask) = (u64::from(key.size), key.filter_mask);
                visit(ChunkRecord { scaled: &scaled, address: child?, size, filter_mask })?;
            }
        }
        // Children come off the stack in their order.
        if let Some(pushed) = stack.get_mut(from..) {
            pushed.reverse();
        }
    }
    Ok(())
}

/// A chunk's position in units of chunks.
fn scaled(offsets: &[u64], chunk: &[u64]) -> Option<Vec<u64>> {
    let position = |(&offset, &len): (&u64, &u64)| match offset.checked_rem(len) {
        Some(0) => offset.checked_div(len),
        _ => None,
    };
    offsets.iter().zip(chunk).map(position).collect()
}

/// Reads as much of a node as its entries take: its room depends on a K that not every file tells.
fn load(
    ctx: &FileContext,
    address: Address,
    key_type: KeyType,
    level: Option<u8>,
    seen: &mut Visited,
) -> Result<BTreeV1Node> {
    let first = ctx.head(address, FIRST_READ, NAME)?;
    let len = BTreeV1Node::used_len(ctx.cursor(&first, address, NAME), key_type)?;
    seen.accept(address, len as u64, NAME)?;
    let block = if len <= first.len() { first } else { ctx.block(address, len as u64, NAME)? };
    if let Some(survey) = ctx.survey() {
        let allocated = key_type.node_len(survey.chunk_k, ctx.sizes());
        survey.block(address, allocated.max(len) as u64, NAME)?;
    }
    let cursor = ctx.cursor(&block, address, NAME);
    let node = BTreeV1Node::parse(&mut cursor.clone(), key_type)?;
    match level {
        Some(level) if level != node.level => Err(cursor.unexpected("level", level, node.level)),
        _ => Ok(node),
    }
}
