use super::*;
use crate::format::message::layout::ChunkedLayout;
pub(crate) fn choose(
    _: Bounds,
    chunk: &[u64],
    e: u64,
    _: &[u64],
    _: &[Option<u64>],
    _: bool,
    _: bool,
) -> ChunkedLayout {
    ChunkedLayout {
        version: 3,
        flags: 0,
        chunk: chunk.to_vec(),
        element_size: e,
        index: crate::format::message::layout::ChunkIndexKind::BTreeV1,
        address: None,
    }
}
