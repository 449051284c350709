//! `#[h5(...)]`.

use syn::{Attribute, Error, ExprPath, LitInt, LitStr, Result};

/// What a field that the file has no member for becomes.
pub(crate) enum Missing {
    Error,
    Default,
    Call(ExprPath),
}

/// The attributes of a field or a variant.
pub(crate) struct Attributes {
    pub(crate) rename: Option<LitStr>,
    pub(crate) order: Option<usize>,
    pub(crate) skip: bool,
    pub(crate) missing: Missing,
}

/// Reads the attributes of a field.
pub(crate) fn of_field(attributes: &[Attribute]) -> Result<Attributes> {
    let mut found = Attributes { rename: None, order: None, skip: false, missing: Missing::Error };
    for attribute in attributes.iter().filter(|a| a.path().is_ident("h5")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename") {
                let name: LitStr = meta.value()?.parse()?;
                if name.value().contains('\0') {
                    return Err(Error::new(name.span(), "names in HDF5 files have no NUL"));
                }
                found.rename = Some(name);
            } else if meta.path.is_ident("order") {
                found.order = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?);
            } else if meta.path.is_ident("skip") {
                found.skip = true;
            } else if meta.path.is_ident("default") {
                found.missing = match meta.value() {
                    Ok(value) => Missing::Call(value.parse::<LitStr>()?.parse()?),
                    Err(_) => Missing::Default,
                };
            } else {
                return Err(meta.error("expected rename, order, skip or default"));
            }
            Ok(())
        })?;
        if found.skip && (found.rename.is_some() || found.order.is_some()) {
            return Err(Error::new_spanned(attribute, "a skipped field has no member to name or to order"));
        }
    }
    Ok(found)
}

/// The name that a variant is given.
pub(crate) fn of_variant(attributes: &[Attribute]) -> Result<Option<LitStr>> {
    let found = of_field(attributes)?;
    let odd = found.skip || found.order.is_some() || !matches!(found.missing, Missing::Error);
    match attributes.iter().find(|a| a.path().is_ident("h5")) {
        Some(attribute) if odd => Err(Error::new_spanned(attribute, "variants can be renamed, and nothing else")),
        _ => Ok(found.rename),
    }
}

/// Refuses attributes where none are understood.
pub(crate) fn none(attributes: &[Attribute]) -> Result<()> {
    match attributes.iter().find(|a| a.path().is_ident("h5")) {
        Some(attribute) => Err(Error::new_spanned(attribute, "#[h5(...)] goes on fields and variants")),
        None => Ok(()),
    }
}
