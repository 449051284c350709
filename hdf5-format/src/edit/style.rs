//! What objects of all kinds have besides what they are.

use super::Editor;
use super::attributes::{self, NewAttribute};
use super::header::{self, HeaderStyle, Room, message};
use crate::error::Result;
use crate::format::message::MessageKind;
use crate::format::message::comment::Comment;
use crate::format::message::modified_time::ModifiedTime;
use crate::format::object_header::{Times, header_flags};
use crate::graph::FileContext;
use crate::graph::attributes::Attributes;
use crate::graph::object_header::{Message, ObjectHeader};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Attributes' order, times and comment of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectStyle {
    /// Attributes carry their order of creation; `Some(true)`: and are indexed by it.
    pub attribute_order: Option<bool>,
    /// Most compact and fewest dense attributes, if not 8 and 6. Objects of old-style files have no dense ones.
    pub attribute_phase_change: Option<(u16, u16)>,
    /// Times in seconds since 1970, if the object keeps them.
    pub times: Option<Times>,
    /// The comment, without NUL.
    pub comment: Option<Vec<u8>>,
    /// Attributes over 64 KiB are to come: they need a header of version 2, whatever the lower version bound.
    pub large_attributes: bool,
}

/// Attributes of which none is longer than this fit every header.
const LARGE: usize = 60_000;

impl ObjectStyle {
    /// That of an object. Attributes that can not be read count as small.
    pub(crate) fn of(ctx: &FileContext, header: &ObjectHeader) -> Self {
        let attributes = Attributes::open(ctx, header).ok().filter(Attributes::dense);
        let list = attributes.and_then(|attributes| attributes.list(ctx).ok()).unwrap_or_default();
        let large_attributes = list.iter().flatten().any(|record| record.data.len() > LARGE);
        let indexed = header.flags & header_flags::ATTRIBUTE_ORDER_INDEXED != 0;
        let sizes = ctx.sizes();
        let seconds = header.messages.iter().find_map(|m| {
            let mut cursor = m.cursor(sizes, "modification time");
            match m.kind {
                MessageKind::ModifiedTime => ModifiedTime::parse(&mut cursor).ok(),
                MessageKind::OldModifiedTime => ModifiedTime::parse_old(&mut cursor).ok(),
                _ => None,
            }
        });
        let same =
            |m: ModifiedTime| Times { access: m.seconds, modification: m.seconds, change: m.seconds, birth: m.seconds };
        let comment = header.find(MessageKind::Comment);
        ObjectStyle {
            attribute_order: header.tracks_attribute_order().then_some(indexed),
            attribute_phase_change: header.phase_change,
            times: header.times.or(seconds.map(same)),
            comment: comment.and_then(|m| Comment::parse(&mut m.cursor(sizes, "comment")).ok()).map(|c| c.text),
            large_attributes,
        }
    }

    /// True if the object's header is of version 2.
    pub(crate) fn is_new_style(&self, editor: &Editor) -> bool {
        let new = editor.bounds().low.is_new_style() || editor.shares_attributes();
        new || self.attribute_order.is_some() || self.large_attributes
    }

    /// Writes the header of an object: its messages, and those that this asks for.
    ///
    /// # Errors
    /// A body is too long, or the file is full.
    pub(super) fn create(
        &self,
        editor: &mut Editor,
        mut messages: Vec<Message>,
        room: Room,
        attributes: &[NewAttribute<'_>],
    ) -> Result<Arc<ObjectHeader>> {
        let v2 = self.is_new_style(editor);
        if let Some(times) = self.times.filter(|_| !v2) {
            let mut body = editor.writer();
            ModifiedTime { seconds: times.modification }.encode(&mut body)?;
            messages.push(message(MessageKind::ModifiedTime, 0, body.into_bytes()));
        }
        if let Some(text) = &self.comment {
            let mut body = editor.writer();
            Comment { text: text.clone() }.encode(&mut body)?;
            messages.push(message(MessageKind::Comment, 0, body.into_bytes()));
        }
        let style = HeaderStyle {
            v2,
            attribute_order: self.attribute_order.or(editor.shares_attributes().then_some(false)),
            phase_change: self.attribute_phase_change.filter(|_| v2),
            times: self.times.filter(|_| v2),
            room,
        };
        header::create_with(editor, style, messages, |editor, header| attributes::add_all(editor, header, attributes))
    }
}
