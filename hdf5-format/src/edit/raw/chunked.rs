use super::*;
use crate::format::message::layout::ChunkedLayout;
pub(super) fn write(
    _: &mut Editor,
    _: &mut ObjectHeader,
    _: &StoredDataset,
    _: &ChunkedLayout,
    _: &[Axis],
    _: &[u8],
) -> Result<()> {
    Err(Error::unsupported("chunk"))
}
pub(crate) fn release(_: &mut Editor, _: &ObjectHeader, _: &ChunkedLayout) -> Result<()> {
    Err(Error::unsupported("chunk"))
}
