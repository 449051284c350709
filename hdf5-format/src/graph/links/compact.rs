//! Links in the object header of a new-style group.

use super::{Link, Listing, NAME};
use crate::error::{Error, Result};
use crate::format::message::MessageKind;
use crate::format::message::link::LinkMessage;
use crate::graph::context::FileContext;
use crate::graph::object_header::ObjectHeader;
use alloc::vec::Vec;

/// The group's link messages.
#[derive(Debug)]
pub(super) struct Compact {
    /// By name; of equal names the first in the header comes first.
    links: Vec<Link>,
    damage: Vec<Error>,
}

impl Compact {
    pub(super) fn open(ctx: &FileContext, header: &ObjectHeader) -> Self {
        let (mut links, mut damage) = (Vec::new(), Vec::new());
        for message in header.all(MessageKind::Link) {
            match LinkMessage::parse(&mut message.cursor(ctx.sizes(), NAME)) {
                Ok(link) => links.push(Link::from(link)),
                Err(error) => damage.push(error),
            }
        }
        links.sort_by(|a, b| a.name.cmp(&b.name));
        Compact { links, damage }
    }

    pub(super) fn count(&self) -> u64 {
        self.links.len().saturating_add(self.damage.len()) as u64
    }

    pub(super) fn get(&self, name: &[u8]) -> Result<Option<Link>> {
        let first = self.links.partition_point(|link| link.name.as_slice() < name);
        match self.links.get(first).filter(|link| link.name == name) {
            Some(link) => Ok(Some(link.clone())),
            None => self.damage.first().map_or(Ok(None), |error| Err(error.clone())),
        }
    }

    pub(super) fn list(&self, listing: &mut Listing) {
        listing.links.extend(self.links.iter().cloned());
        listing.damage.extend(self.damage.iter().cloned());
    }
}
