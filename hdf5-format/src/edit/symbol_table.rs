use super::Editor;
use crate::error::{Error, Result};
use crate::format::message::symbol_table::SymbolTableMessage;
pub(crate) fn create(_: &mut Editor) -> Result<SymbolTableMessage> {
    Err(Error::unsupported("old"))
}
