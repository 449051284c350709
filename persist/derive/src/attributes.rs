//! `#[persist(...)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, ExprArray, ExprLit, ExprPath, Lit, LitInt, LitStr, Result};

/// What names of the native dialect's own attributes start with.
const KEPT: &str = "_persist_";

/// What a field becomes that a file does not have.
pub(crate) enum Missing {
    Error,
    Default,
    Call(ExprPath),
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Place {
    Attr,
    Member,
}

/// How the elements of a field are stored.
#[derive(Default)]
pub(crate) struct Wish {
    pub(crate) chunks: Option<Vec<LitInt>>,
    /// `None` for lengths without bound.
    pub(crate) maxshape: Option<Vec<Option<LitInt>>>,
    pub(crate) resizable: bool,
    pub(crate) filter: Option<LitStr>,
}

impl Wish {
    fn is_none(&self) -> bool {
        self.chunks.is_none() && self.maxshape.is_none() && !self.resizable && self.filter.is_none()
    }
}

/// The attributes of a field.
pub(crate) struct OfField {
    pub(crate) rename: Option<LitStr>,
    pub(crate) place: Option<Place>,
    pub(crate) missing: Missing,
    pub(crate) skip: bool,
    pub(crate) registered: bool,
    pub(crate) lazy: bool,
    pub(crate) wish: Wish,
}

impl OfField {
    /// The name, if it can be one.
    fn check_name(&self) -> Result<()> {
        let Some(name) = &self.rename else { return Ok(()) };
        let text = name.value();
        let why = match text.as_str() {
            "" => "a name is not empty",
            _ if text.contains('\0') => "names in HDF5 files have no NUL",
            _ if text.starts_with(KEPT) => "names that start with _persist_ are kept",
            "." if self.place != Some(Place::Attr) => "\".\" means the group itself",
            _ if text.contains('/') && self.place != Some(Place::Attr) => "only names of attributes hold slashes",
            _ => return Ok(()),
        };
        Err(Error::new(name.span(), why))
    }

    /// Whether what is said goes together.
    fn check(&self, attribute: &Attribute) -> Result<()> {
        let place = self.place;
        let storage = !self.wish.is_none();
        let wrong = |why: &str| Err(Error::new_spanned(attribute, why));
        if self.skip && (self.rename.is_some() || place.is_some() || storage || self.registered || self.lazy) {
            return wrong("a skipped field is not stored: it has no name, place or storage");
        }
        if place == Some(Place::Attr) && storage {
            return wrong("attributes have no chunks, filters and lengths that grow: make it a member");
        }
        if place == Some(Place::Attr) && (self.registered || self.lazy) {
            return wrong("objects and lazy values are members");
        }
        if self.wish.resizable && self.wish.maxshape.is_some() {
            return wrong("resizable says the maxshape");
        }
        self.check_name()
    }
}

/// Calls for each argument of the `#[persist(...)]` among attributes.
fn each(attributes: &[Attribute], mut read: impl FnMut(&ParseNestedMeta<'_>) -> Result<()>) -> Result<()> {
    let own = |a: &&Attribute| a.path().is_ident("persist");
    attributes.iter().filter(own).try_for_each(|attribute| attribute.parse_nested_meta(|meta| read(&meta)))
}

/// Reads the attributes of a field.
pub(crate) fn of_field(attributes: &[Attribute]) -> Result<OfField> {
    let mut found = OfField {
        rename: None,
        place: None,
        missing: Missing::Error,
        skip: false,
        registered: false,
        lazy: false,
        wish: Wish::default(),
    };
    each(attributes, |meta| {
        let is = |name: &str| meta.path.is_ident(name);
        if is("attr") {
            set_place(meta, &mut found.place, Place::Attr)?;
        } else if is("member") || is("dataset") || is("group") {
            set_place(meta, &mut found.place, Place::Member)?;
        } else if is("rename") {
            found.rename = Some(meta.value()?.parse()?);
        } else if is("default") {
            found.missing = match meta.value() {
                Ok(value) => Missing::Call(value.parse::<LitStr>()?.parse()?),
                Err(_) => Missing::Default,
            };
        } else if is("skip") {
            found.skip = true;
        } else if is("registered") {
            found.registered = true;
        } else if is("lazy") {
            found.lazy = true;
        } else if is("chunks") {
            found.wish.chunks = Some(chunks(&meta.value()?.parse()?)?);
        } else if is("maxshape") {
            found.wish.maxshape = Some(maxshape(&meta.value()?.parse()?)?);
        } else if is("resizable") {
            found.wish.resizable = true;
        } else if is("filter") {
            found.wish.filter = Some(meta.value()?.parse()?);
        } else {
            return Err(meta.error(
                "expected attr, member, rename, default, skip, registered, lazy, chunks, maxshape, resizable or filter",
            ));
        }
        Ok(())
    })?;
    if let Some(attribute) = attributes.iter().find(|a| a.path().is_ident("persist")) {
        found.check(attribute)?;
    }
    Ok(found)
}

fn set_place(meta: &ParseNestedMeta<'_>, place: &mut Option<Place>, now: Place) -> Result<()> {
    if place.is_some_and(|before| before != now) {
        return Err(meta.error("a field is an attribute or a member, not both"));
    }
    *place = Some(now);
    Ok(())
}

fn chunks(array: &ExprArray) -> Result<Vec<LitInt>> {
    let length = |e: &Expr| length(e)?.ok_or_else(|| Error::new_spanned(e, "a chunk has lengths"));
    let lengths: Vec<LitInt> = array.elems.iter().map(length).collect::<Result<_>>()?;
    if lengths.is_empty() {
        return Err(Error::new_spanned(array, "a chunk has lengths"));
    }
    match lengths.iter().find(|n| n.base10_digits() == "0") {
        Some(zero) => Err(Error::new(zero.span(), "no length of a chunk is 0")),
        None => Ok(lengths),
    }
}

fn maxshape(array: &ExprArray) -> Result<Vec<Option<LitInt>>> {
    if array.elems.is_empty() {
        return Err(Error::new_spanned(array, "a scalar does not grow"));
    }
    array.elems.iter().map(length).collect()
}

/// A length, or `None`.
fn length(expression: &Expr) -> Result<Option<LitInt>> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => {
            number.base10_parse::<u64>()?;
            Ok(Some(LitInt::new(number.base10_digits(), number.span())))
        }
        Expr::Path(path) if path.path.is_ident("None") => Ok(None),
        _ => Err(Error::new_spanned(expression, "expected a number or None")),
    }
}

/// The attributes of a struct or an enum.
pub(crate) struct OfContainer {
    pub(crate) label: Option<LitStr>,
    pub(crate) version: TokenStream,
    pub(crate) namespace: TokenStream,
    pub(crate) on_demand: bool,
    pub(crate) elements: Option<LitStr>,
}

/// Reads the attributes of a struct or an enum.
pub(crate) fn of_container(attributes: &[Attribute]) -> Result<OfContainer> {
    let mut found = OfContainer {
        label: None,
        version: quote!(1),
        namespace: quote!(::core::env!("CARGO_PKG_NAME")),
        on_demand: false,
        elements: None,
    };
    each(attributes, |meta| {
        let is = |name: &str| meta.path.is_ident(name);
        if is("label") {
            let label: LitStr = meta.value()?.parse()?;
            if label.value().is_empty() {
                return Err(Error::new(label.span(), "a label is not empty"));
            }
            found.label = Some(without_nul(label)?);
        } else if is("version") {
            let number: LitInt = meta.value()?.parse()?;
            number.base10_parse::<i64>()?;
            let number = LitInt::new(number.base10_digits(), number.span());
            found.version = quote!(#number);
        } else if is("namespace") {
            let namespace = without_nul(meta.value()?.parse()?)?;
            found.namespace = quote!(#namespace);
        } else if is("on_demand") {
            found.on_demand = true;
        } else if is("elements") {
            found.elements = Some(meta.value()?.parse()?);
        } else {
            return Err(meta.error("expected label, version, namespace, elements or on_demand"));
        }
        Ok(())
    })?;
    match &found.elements {
        Some(field) if found.on_demand => Err(Error::new(field.span(), "a dataset has no members to read on demand")),
        _ => Ok(found),
    }
}

/// The name that a variant is given.
pub(crate) fn of_variant(attributes: &[Attribute]) -> Result<Option<LitStr>> {
    let mut rename = None;
    each(attributes, |meta| {
        if !meta.path.is_ident("rename") {
            return Err(meta.error("variants can be renamed, and nothing else"));
        }
        rename = Some(without_nul(meta.value()?.parse()?)?);
        Ok(())
    })?;
    Ok(rename)
}

fn without_nul(text: LitStr) -> Result<LitStr> {
    if text.value().contains('\0') {
        return Err(Error::new(text.span(), "text in HDF5 files has no NUL"));
    }
    Ok(text)
}
