use super::*;
pub(super) fn from_compact(_: &mut Editor, _: &mut ObjectHeader, _: &mut AttributeInfo) -> Result<()> {
    Err(Error::unsupported("dense"))
}
pub(super) fn to_compact(_: &mut Editor, _: &mut ObjectHeader, _: &mut AttributeInfo) -> Result<()> {
    Err(Error::unsupported("dense"))
}
pub(super) fn insert(_: &mut Editor, _: &AttributeInfo, _: &[u8], _: Option<u16>, _: &[u8]) -> Result<()> {
    Err(Error::unsupported("dense"))
}
pub(super) fn rename(_: &mut Editor, _: &AttributeInfo, _: &AttributeRecord, _: &[u8], _: &[u8]) -> Result<()> {
    Err(Error::unsupported("dense"))
}
pub(super) fn remove(_: &mut Editor, _: &AttributeInfo, _: &[u8]) -> Result<u64> {
    Err(Error::unsupported("dense"))
}
pub(super) fn release(_: &mut Editor, _: &AttributeInfo) -> Result<()> {
    Err(Error::unsupported("dense"))
}
