//! `#[derive(Persist)]`: structs and enums as objects that carry a label and a version.
//!
//! ```
//! use hdf5_format::io::MemoryFile;
//! use hdf5_persist::{Persist, StoreOptions};
//!
//! #[derive(Persist, Debug, PartialEq)]
//! #[persist(label = "Run", version = 2)]
//! struct Run {
//!     name: String,
//!     #[persist(chunks = [1024], filter = "shuffle,gzip=6", resizable)]
//!     samples: Vec<f64>,
//!     #[persist(default)]
//!     operator: String,
//!     state: State,
//! }
//!
//! #[derive(Persist, Debug, PartialEq)]
//! enum State {
//!     Done,
//!     Failed { reason: String },
//! }
//!
//! # fn main() -> hdf5_persist::Result<()> {
//! let store = StoreOptions::new().create_in(MemoryFile::new(Vec::new()))?;
//! let run = Run {
//!     name: "first".into(),
//!     samples: vec![1.5, 2.5],
//!     operator: "Ada".into(),
//!     state: State::Failed { reason: "noise".into() },
//! };
//! store.put("run", &run)?;
//! assert_eq!(store.get::<Run>("run")?, run);
//! # Ok(()) }
//! ```
//!
//! # Attributes of structs and enums
//!
//! - `#[persist(label = "...")]`: the name in files; the type's own where nothing is said.
//! - `#[persist(version = 2)]`: the version of the form, 1 where nothing is said. Objects of older versions are loaded through
//!   the migrations, or by the loaders, of a registry.
//! - `#[persist(namespace = "...")]`: written beside the label; the name of the package that derives where nothing is said.
//! - `#[persist(elements = "field")]`: the object is a dataset whose elements are this field; all others are its attributes.
//! - `#[persist(on_demand)]`: members are read one by one when they are called for: `OnDemand<T>` and `Lazy<T>` fields
//!   stay in their file however the store was opened.
//!
//! # Attributes of fields
//!
//! - `#[persist(attr)]`, `#[persist(member)]` (or `dataset`, `group`): the field is an attribute or a member of the group.
//!   Without them numbers and text are attributes, unless text is long; all else are members. Reading finds both.
//! - `#[persist(rename = "name")]`: the name in files.
//! - `#[persist(default)]`, `#[persist(default = "path")]`: what the field is where a file does not have it. `Option<T>` is
//!   `None` then, and `Delayed<T>` waits, without being told to.
//! - `#[persist(skip)]`: not stored; loaded as its default.
//! - `#[persist(chunks = [64, 2])]`, `#[persist(maxshape = [None, 2])]`, `#[persist(resizable)]` (the first length grows),
//!   `#[persist(filter = "shuffle,gzip=6")]`: how the elements of an array are stored. Whether they fit the array, and
//!   whether there are such filters, is found when a value is dumped, before anything is written.
//! - `#[persist(registered)]`: the field's type is dumped and loaded by what a registry has for it; it need not be `Persist`.
//! - `#[persist(lazy)]`: as `on_demand` on the struct: the field, an `OnDemand<T>` or `Lazy<T>`, is left in its file.
//!
//! The fields of tuple structs are named `0`, `1`, … Members and attributes that no field is named like are let be.
//!
//! # Enums
//!
//! An enum is a group whose attribute `variant` is the variant's name; `#[persist(rename = "name")]` gives a variant another.
//!
//! # Generic types
//!
//! Type parameters of stored fields are asked to be `Persist`, all to be `'static`; the label does not tell which they are.
//!
//! # What is refused
//!
//! ```compile_fail
//! #[derive(hdf5_persist::Persist)]
//! union Bits { a: u8 }
//! ```
//!
//! ```compile_fail
//! struct NoValue;
//! #[derive(hdf5_persist::Persist)]
//! struct Holder { inner: NoValue }
//! ```
//!
//! ```compile_fail
//! #[derive(hdf5_persist::Persist)]
//! struct Twice { a: u8, #[persist(rename = "a")] b: u8 }
//! ```
//!
//! ```compile_fail
//! #[derive(hdf5_persist::Persist)]
//! struct Unknown { #[persist(chunk = [1])] a: Vec<u8> }
//! ```
//!
//! ```compile_fail
//! #[derive(hdf5_persist::Persist)]
//! struct Borrowed<'a> { text: &'a str }
//! ```
//!
//! ```compile_fail
//! #[derive(hdf5_persist::Persist)]
//! struct Both { #[persist(attr, member)] a: u8 }
//! ```
//!
//! ```compile_fail
//! #[derive(hdf5_persist::Persist)]
//! #[persist(version = "two")]
//! struct Versions { a: u8 }
//! ```
//!
//! ```compile_fail
//! struct NoDefault;
//! #[derive(hdf5_persist::Persist)]
//! struct Skipping { #[persist(skip)] a: NoDefault }
//! ```
//!
//! ```compile_fail
//! #[derive(hdf5_persist::Persist)]
//! #[persist(elements = "data")]
//! struct Nothing { values: Vec<f64> }
//! ```

mod attributes;
mod enums;
mod fields;
mod structs;
#[cfg(test)]
mod tests;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Data, DeriveInput, Error, Generics, Ident, LitStr, Result, Type, parse_quote};

/// Implements `Persist` and `Labelled`: see the [crate](self).
#[proc_macro_derive(Persist, attributes(persist))]
pub fn persist(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// The bodies of the two functions, and the types that are dumped by them.
struct Body<'a> {
    to_node: TokenStream,
    from_node: TokenStream,
    dumped: Vec<&'a Type>,
}

fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let of = attributes::of_container(&input.attrs)?;
    if let Some(lifetime) = input.generics.lifetimes().next() {
        return Err(Error::new_spanned(lifetime, "what is loaded owns its fields: no lifetimes"));
    }
    let body = match &input.data {
        Data::Struct(data) => structs::expand(&of, &data.fields)?,
        Data::Enum(data) => enums::expand(&of, input, data)?,
        Data::Union(_) => {
            return Err(Error::new_spanned(
                &input.ident,
                "Persist is for structs and enums; a union does not tell what it is",
            ));
        }
    };
    let (ident, generics) = (&input.ident, bounded(&input.generics, &body.dumped));
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let own = LitStr::new(ident.to_string().trim_start_matches("r#"), ident.span());
    let (label, version, namespace) = (of.label.unwrap_or(own), &of.version, &of.namespace);
    let Body { to_node, from_node, .. } = body;
    Ok(quote! {
        #[automatically_derived]
        #[allow(missing_docs, unreachable_pub, unused_mut, unused_variables, clippy::all, clippy::pedantic)]
        const _: () = {
            impl #impl_generics ::hdf5_persist::Labelled for #ident #ty_generics #where_clause {
                const NAMESPACE: &'static str = #namespace;
                const LABEL: &'static str = #label;
                const VERSION: i64 = #version;

                fn to_node(
                    &self,
                    to: &mut ::hdf5_persist::Dumping<'_>,
                ) -> ::hdf5_persist::Result<::hdf5_persist::Node> {
                    #to_node
                }

                fn from_node(
                    node: ::hdf5_persist::Node,
                    from: &mut ::hdf5_persist::Loading<'_>,
                ) -> ::hdf5_persist::Result<Self> {
                    #from_node
                }
            }

            impl #impl_generics ::hdf5_persist::Persist for #ident #ty_generics #where_clause {
                fn dump(
                    &self,
                    to: &mut ::hdf5_persist::Dumping<'_>,
                ) -> ::hdf5_persist::Result<::hdf5_persist::Value> {
                    to.object(self)
                }

                fn load(
                    value: ::hdf5_persist::Value,
                    from: &mut ::hdf5_persist::Loading<'_>,
                ) -> ::hdf5_persist::Result<Self> {
                    from.object(value)
                }
            }
        };
    })
}

/// Types of fields that are dumped in their own form.
fn dumped_types<'a>(fields: &[fields::Field<'a>]) -> Vec<&'a Type> {
    fields.iter().filter(|f| !f.attributes.skip && !f.attributes.registered).map(|f| f.ty).collect()
}

/// The generics with the bounds that the implementations need.
fn bounded(generics: &Generics, dumped: &[&Type]) -> Generics {
    let mut generics = generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.default = None;
        parameter.bounds.push(parse_quote!('static));
        if dumped.iter().any(|ty| mentions(ty.to_token_stream(), &parameter.ident)) {
            parameter.bounds.push(parse_quote!(::hdf5_persist::Persist));
        }
    }
    generics
}

fn mentions(tokens: TokenStream, ident: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(found) => found == *ident,
        TokenTree::Group(group) => mentions(group.stream(), ident),
        _ => false,
    })
}
