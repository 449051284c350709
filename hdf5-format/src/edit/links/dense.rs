use super::*;
pub(super) fn from_compact(_: &mut Editor, _: &mut ObjectHeader, _: &mut LinkInfo) -> Result<()> {
    Err(Error::unsupported("dense"))
}
pub(super) fn to_compact(_: &mut Editor, _: &mut ObjectHeader, _: &mut LinkInfo) -> Result<()> {
    Err(Error::unsupported("dense"))
}
pub(super) fn insert(_: &mut Editor, _: &LinkInfo, _: &LinkMessage, _: &[u8]) -> Result<()> {
    Err(Error::unsupported("dense"))
}
pub(super) fn remove(_: &mut Editor, _: &LinkInfo, _: &Link) -> Result<u64> {
    Err(Error::unsupported("dense"))
}
pub(super) fn release(_: &mut Editor, _: &LinkInfo) -> Result<()> {
    Err(Error::unsupported("dense"))
}
