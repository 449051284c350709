use super::*;
use crate::format::message::symbol_table::SymbolTableMessage;
pub(super) fn insert(_: &mut Editor, _: &SymbolTableMessage, _: &[u8], _: &LinkValue) -> Result<()> {
    Err(Error::unsupported("old"))
}
pub(super) fn remove(_: &mut Editor, _: &SymbolTableMessage, _: &[u8]) -> Result<()> {
    Err(Error::unsupported("old"))
}
pub(super) fn release(_: &mut Editor, _: &SymbolTableMessage) -> Result<()> {
    Err(Error::unsupported("old"))
}
pub(super) fn convert(_: &mut Editor, _: &mut ObjectHeader, _: &SymbolTableMessage) -> Result<()> {
    Err(Error::unsupported("old"))
}
