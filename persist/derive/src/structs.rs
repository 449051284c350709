//! Structs as groups, or as datasets with attributes.

use crate::attributes::{OfContainer, Place};
use crate::fields::{self, Field};
use crate::{Body, dumped_types};
use quote::quote;
use syn::{Error, LitStr, Result};

pub(crate) fn expand<'a>(of: &OfContainer, fields: &'a syn::Fields) -> Result<Body<'a>> {
    let fields = fields::describe(fields, &[])?;
    let dumped = dumped_types(&fields);
    if let Some(name) = &of.elements {
        let at = elements(&fields, name)?;
        let (pattern, dumps, node) = fields::to_dataset(&fields, at);
        let values = fields::from_dataset(&fields, at);
        let to_node = quote! {
            let Self { #pattern } = self;
            let mut node = ::hdf5_persist::derived::NewNode::new(false);
            #dumps
            #node
        };
        return Ok(Body { to_node, from_node: from_node(&values), dumped });
    }
    let on_demand = of.on_demand || fields.iter().any(|f| f.attributes.lazy);
    let (pattern, dumps) = fields::to_group(&fields);
    let values = fields::from_group(&fields);
    let to_node = quote! {
        let Self { #pattern } = self;
        let mut node = ::hdf5_persist::derived::NewNode::new(#on_demand);
        #dumps
        ::core::result::Result::Ok(node.group())
    };
    Ok(Body { to_node, from_node: from_node(&values), dumped })
}

fn from_node(values: &proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    quote! {
        let mut fields = ::hdf5_persist::derived::Fields::new(node);
        ::core::result::Result::Ok(Self { #values })
    }
}

/// The field that is the elements.
fn elements(fields: &[Field<'_>], name: &LitStr) -> Result<usize> {
    let named = |f: &Field<'_>| match &f.member {
        syn::Member::Named(ident) => ident.to_string().trim_start_matches("r#") == name.value(),
        syn::Member::Unnamed(index) => index.index.to_string() == name.value(),
    };
    let at = fields.iter().position(named);
    let at = at.ok_or_else(|| Error::new(name.span(), format!("no field {:?}", name.value())))?;
    for (i, field) in fields.iter().enumerate() {
        let of = &field.attributes;
        let why = match i == at {
            true if of.skip => "the elements cannot be skipped",
            true if of.place.is_some() || of.rename.is_some() => "the elements have no name and place in the dataset",
            true if of.registered || of.lazy => "the elements are an array",
            false if of.place == Some(Place::Member) || of.registered || of.lazy => "a dataset has no members",
            _ => continue,
        };
        return Err(Error::new_spanned(field.ty, why));
    }
    Ok(at)
}
