//! Enums as groups that name their variant.

use crate::attributes::{self, OfContainer};
use crate::{Body, dumped_types, fields};
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::HashSet;
use syn::{DataEnum, DeriveInput, Error, LitStr, Result};

pub(crate) fn expand<'a>(of: &OfContainer, input: &DeriveInput, data: &'a DataEnum) -> Result<Body<'a>> {
    if data.variants.is_empty() {
        return Err(Error::new_spanned(&input.ident, "an enum without variants has no values"));
    }
    if let Some(field) = &of.elements {
        return Err(Error::new(field.span(), "enums are groups; a variant's field may be a struct with elements"));
    }
    let (mut dumps, mut loads, mut names, mut dumped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for variant in &data.variants {
        let ident = &variant.ident;
        let own = LitStr::new(ident.to_string().trim_start_matches("r#"), ident.span());
        let name = attributes::of_variant(&variant.attrs)?.unwrap_or(own);
        if !seen.insert(name.value()) {
            return Err(Error::new_spanned(variant, format!("two variants named {:?}", name.value())));
        }
        let fields = fields::describe(&variant.fields, &["variant"])?;
        let on_demand = of.on_demand || fields.iter().any(|f| f.attributes.lazy);
        let (pattern, puts) = fields::to_group(&fields);
        let values = fields::from_group(&fields);
        dumps.push(quote! {
            Self::#ident { #pattern } => {
                let mut node = ::hdf5_persist::derived::NewNode::new(#on_demand).variant(#name);
                #puts
                ::core::result::Result::Ok(node.group())
            }
        });
        loads.push(quote!(#name => ::core::result::Result::Ok(Self::#ident { #values })));
        names.push(name);
        dumped.extend(dumped_types(&fields));
    }
    let to_node = quote!(match self { #(#dumps)* });
    Ok(Body { to_node, from_node: from_node(input, &loads, &names), dumped })
}

fn from_node(input: &DeriveInput, loads: &[TokenStream], names: &[LitStr]) -> TokenStream {
    let owner = LitStr::new(&input.ident.to_string(), input.ident.span());
    quote! {
        let mut fields = ::hdf5_persist::derived::Fields::new(node);
        let variant = fields.variant(from)?;
        match variant.as_str() {
            #(#loads,)*
            other => ::core::result::Result::Err(
                ::hdf5_persist::derived::Fields::no_variant(#owner, other, &[#(#names),*]),
            ),
        }
    }
}
