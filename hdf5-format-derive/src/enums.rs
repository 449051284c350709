//! Enums without fields as enumerations.

use crate::attributes;
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::HashSet;
use syn::{DataEnum, DeriveInput, Error, Fields, LitStr, Result};

pub(crate) fn expand(input: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    if data.variants.is_empty() {
        return Err(Error::new_spanned(&input.ident, "an enumeration has at least one variant"));
    }
    let (mut names, mut seen) = (Vec::new(), HashSet::new());
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(
                variant,
                "variants of an enumeration have no fields; store a struct instead",
            ));
        }
        let own = LitStr::new(variant.ident.to_string().trim_start_matches("r#"), variant.ident.span());
        let name = attributes::of_variant(&variant.attrs)?.unwrap_or(own);
        if !seen.insert(name.value()) {
            return Err(Error::new_spanned(variant, format!("two variants named {:?}", name.value())));
        }
        names.push(name);
    }
    let (ident, repr) = (&input.ident, repr(input)?);
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let owner = LitStr::new(&ident.to_string(), ident.span());
    let variants: Vec<_> = data.variants.iter().map(|v| &v.ident).collect();
    let positions: Vec<_> = (0..variants.len()).collect();
    Ok(quote! {
        #[automatically_derived]
        #[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
        const _: () = {
            const VARIANTS: &[(&str, i128)] = &[#((#names, #ident::#variants as i128)),*];

            impl #impl_generics ::hdf5_format::Load for #ident #ty_generics #where_clause {
                const EXPECTED: &'static str = ::core::concat!("enumerations that ", #owner, " is stored as");
                type Plan = ::hdf5_format::Enumeration;
                type Plain = ::core::convert::Infallible;

                fn plan(
                    datatype: &::hdf5_format::Datatype,
                    _: ::hdf5_format::Conversion,
                ) -> ::hdf5_format::Result<Self::Plan> {
                    ::hdf5_format::Enumeration::new(datatype, #owner, VARIANTS)
                }

                fn load(
                    plan: &Self::Plan,
                    element: &[u8],
                    _: &mut ::hdf5_format::Source<'_>,
                ) -> ::hdf5_format::Result<Self> {
                    const ALL: &[fn() -> #ident] = &[#(|| #ident::#variants),*];
                    ::core::result::Result::Ok(ALL[plan.load(element)?]())
                }
            }

            impl #impl_generics ::hdf5_format::Store for #ident #ty_generics #where_clause {
                type Plan = ::hdf5_format::Enumeration;

                fn datatype(_: ::hdf5_format::Sizes) -> ::hdf5_format::Datatype {
                    ::hdf5_format::Enumeration::datatype(VARIANTS, #repr)
                }

                fn plan(
                    datatype: &::hdf5_format::Datatype,
                    _: ::hdf5_format::Conversion,
                ) -> ::hdf5_format::Result<Self::Plan> {
                    ::hdf5_format::Enumeration::new(datatype, #owner, VARIANTS)
                }

                fn store(
                    &self,
                    plan: &Self::Plan,
                    out: &mut [u8],
                    _: &mut ::hdf5_format::Sink<'_>,
                ) -> ::hdf5_format::Result<()> {
                    let (at, name) = match self { #(#ident::#variants => (#positions, #names),)* };
                    plan.store(at, name, out)
                }
            }

            impl #impl_generics ::hdf5_format::Scalar for #ident #ty_generics #where_clause {}
        };
    })
}

/// Bytes and sign of the integers that `#[repr(...)]` names.
fn repr(input: &DeriveInput) -> Result<TokenStream> {
    let mut found = quote!(::core::option::Option::None);
    for attribute in input.attrs.iter().filter(|a| a.path().is_ident("repr")) {
        attribute.parse_nested_meta(|meta| {
            for (name, bytes, signed) in [
                ("u8", 1u8, false),
                ("i8", 1, true),
                ("u16", 2, false),
                ("i16", 2, true),
                ("u32", 4, false),
                ("i32", 4, true),
                ("u64", 8, false),
                ("i64", 8, true),
            ] {
                if meta.path.is_ident(name) {
                    found = quote!(::core::option::Option::Some((#bytes, #signed)));
                }
            }
            // Alignment has its own argument, which says nothing of the numbers.
            if meta.input.peek(syn::token::Paren) {
                let content;
                syn::parenthesized!(content in meta.input);
                content.parse::<TokenStream>()?;
            }
            Ok(())
        })?;
    }
    Ok(found)
}
