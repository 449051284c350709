//! From an attribute message to an attribute: what it shares with other objects is looked up.

use super::{AttributeRecord, NAME};
use crate::codec::Cursor;
use crate::error::Result;
use crate::format::message::MessageKind;
use crate::format::message::attribute::{AttributeMessage, Part};
use crate::graph::allowance::Allowance;
use crate::graph::context::FileContext;
use crate::graph::shared::{self, SharedTarget};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Resolves the attributes of one object, each shared part once.
pub(super) struct Resolver<'c> {
    ctx: &'c FileContext,
    allowance: Allowance,
    /// By kind and pointer.
    targets: BTreeMap<(MessageKind, Vec<u8>), Result<SharedTarget>>,
}

impl<'c> Resolver<'c> {
    pub(super) fn new(ctx: &'c FileContext) -> Self {
        Resolver { ctx, allowance: Allowance::new(ctx), targets: BTreeMap::new() }
    }

    pub(super) fn ctx(&self) -> &'c FileContext {
        self.ctx
    }

    /// True once an attribute was too much: nothing more should be listed.
    pub(super) fn is_used_up(&self) -> bool {
        self.allowance.is_used_up()
    }

    /// The attribute of a message's body, unless another name is wanted.
    pub(super) fn record(
        &mut self,
        body: &[u8],
        offset: u64,
        creation_order: Option<u32>,
        wanted: Option<&[u8]>,
    ) -> Result<Option<AttributeRecord>> {
        self.allowance.take(body.len() as u64)?;
        let message = AttributeMessage::parse(&mut Cursor::new(body, offset, NAME, self.ctx.sizes()))?;
        if wanted.is_some_and(|name| name != message.name) {
            return Ok(None);
        }
        Ok(Some(AttributeRecord {
            name: message.name.to_vec(),
            utf8: message.utf8,
            creation_order,
            datatype: self.part(MessageKind::Datatype, message.datatype)?,
            dataspace: self.part(MessageKind::Dataspace, message.dataspace)?,
            data: message.data.to_vec(),
            offset,
            heap_id: None,
        }))
    }

    fn part(&mut self, kind: MessageKind, part: Part<'_>) -> Result<SharedTarget> {
        if !part.shared {
            return Ok(SharedTarget { body: part.body.to_vec(), offset: part.offset, committed: None, heap_id: None });
        }
        let ctx = self.ctx;
        let target = self.targets.entry((kind, part.body.to_vec())).or_insert_with(|| {
            shared::resolve_pointer(ctx, kind, &mut Cursor::new(part.body, part.offset, NAME, ctx.sizes()))
        });
        let target = target.as_ref().map_err(Clone::clone)?;
        self.allowance.take(target.body.len() as u64)?;
        Ok(target.clone())
    }
}
