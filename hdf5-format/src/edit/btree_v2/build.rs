//! Whole trees from sorted records, in one pass.

use super::Parameters;
use super::node::{Node, check_depth};
use crate::codec::{Address, to_usize};
use crate::edit::{Editor, Purpose};
use crate::error::{Error, ErrorKind, Result};
use crate::format::btree_v2::header::STRUCTURE as HEADER;
use crate::format::btree_v2::{BTreeV2Header, ChildPointer, Layout};
use alloc::vec::Vec;

/// Source of records: appends the next one to the buffer.
type Next<'a> = &'a mut dyn FnMut(&mut Vec<u8>) -> Result<()>;

/// A new tree of `count` records, which `next` appends one after the other in the tree's order: the address of the
/// header. The tree is as low as it can be and its nodes are evenly full.
///
/// # Errors
/// The parameters do not suit each other, `next` fails or appends another number of bytes, or there is no room in the
/// file: blocks written until then stay allocated until the file is rolled back.
pub(crate) fn build(editor: &mut Editor, parameters: &Parameters, count: u64, next: Next<'_>) -> Result<Address> {
    let mut header = parameters.header()?;
    let sizes = editor.ctx().sizes();
    let mut layout = Layout::new(&header, sizes).map_err(|e| e.with_hint("choose larger nodes"))?;
    while layout.total(header.depth) < count {
        header.depth = header.depth.saturating_add(1);
        check_depth(editor.ctx(), header.depth)?;
        layout = Layout::new(&header, sizes)?;
    }
    header.total_records = count;
    if count > 0 {
        let root = Builder { editor, header: &header, layout: &layout, next }.subtree(header.depth, count)?;
        header.root = root.address;
        header.root_records = u16::try_from(root.records).map_err(|_| {
            Error::new(ErrorKind::Invalid, alloc::format!("{} records in a node: 65535 are the most", root.records))
                .within(HEADER)
        })?;
    }
    let mut writer = editor.writer();
    header.encode(&mut writer)?;
    debug_assert_eq!(writer.position(), BTreeV2Header::encoded_len(sizes));
    editor.place(Purpose::BTree, writer.as_slice())
}

struct Builder<'a> {
    editor: &'a mut Editor,
    header: &'a BTreeV2Header,
    layout: &'a Layout,
    next: Next<'a>,
}

impl Builder<'_> {
    /// The next `count` records as a subtree whose root is of `level`. The depth of the tree bounds the recursion.
    fn subtree(&mut self, level: u16, count: u64) -> Result<ChildPointer> {
        let mut node = Node::new(level, self.layout);
        match level.checked_sub(1) {
            None => {
                for _ in 0..count {
                    self.record(&mut node)?;
                }
            }
            Some(below) => {
                // As few children as can hold them, all of the same size or one less.
                let most = self.layout.total(below).saturating_add(1);
                let children = count.saturating_add(1).div_ceil(most);
                let records = count.saturating_add(1).saturating_sub(children);
                let each = records.checked_div(children).unwrap_or(0);
                let more = records.checked_rem(children).unwrap_or(0);
                for n in 0..children {
                    if n > 0 {
                        self.record(&mut node)?;
                    }
                    let child = self.subtree(below, each.saturating_add(u64::from(n < more)))?;
                    node.children.push(child.into());
                }
            }
        }
        let block = node.encode(self.editor.ctx().sizes(), self.header, self.layout)?;
        let address = self.editor.place_block(Purpose::BTree, &block)?;
        Ok(node.pointer(address))
    }

    fn record(&mut self, node: &mut Node) -> Result<()> {
        let mut record = Vec::with_capacity(self.layout.record_size);
        (self.next)(&mut record)?;
        if record.len() != to_usize(self.header.record_size.into())? {
            let (expected, found) = (self.header.record_size, record.len());
            let text = alloc::format!("record: expected {expected} bytes, found {found}");
            return Err(Error::new(ErrorKind::Invalid, text).within(HEADER));
        }
        node.records.push(&record);
        Ok(())
    }
}
