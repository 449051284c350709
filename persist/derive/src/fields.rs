//! Fields of structs and variants: into a node, and out of it.

use crate::attributes::{self, Missing, OfField, Place};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use std::collections::HashSet;
use syn::{Error, Ident, LitStr, Member, Result, Type};

pub(crate) struct Field<'a> {
    /// How the field is reached: its name or number.
    pub(crate) member: Member,
    pub(crate) ty: &'a Type,
    pub(crate) name: LitStr,
    pub(crate) attributes: OfField,
    /// The variable that it is bound to.
    bound: Ident,
}

/// Reads the fields of a struct or a variant; `taken` are names that they cannot have.
pub(crate) fn describe<'a>(fields: &'a syn::Fields, taken: &[&str]) -> Result<Vec<Field<'a>>> {
    let mut names: HashSet<String> = taken.iter().map(|&name| name.to_owned()).collect();
    let mut described = Vec::new();
    for (i, (field, member)) in fields.iter().zip(fields.members()).enumerate() {
        let attributes = attributes::of_field(&field.attrs)?;
        let own = match &field.ident {
            Some(ident) => LitStr::new(ident.to_string().trim_start_matches("r#"), ident.span()),
            None => LitStr::new(&i.to_string(), Span::call_site()),
        };
        let name = attributes.rename.clone().unwrap_or(own);
        if !attributes.skip && !names.insert(name.value()) {
            let why = match taken.contains(&name.value().as_str()) {
                true => format!("{:?} names the variant; rename the field", name.value()),
                false => format!("two fields named {:?}", name.value()),
            };
            return Err(Error::new_spanned(&field.ty, why));
        }
        described.push(Field { member, ty: &field.ty, name, attributes, bound: format_ident!("field_{i}") });
    }
    Ok(described)
}

impl Field<'_> {
    fn spec(&self, place: Option<Place>) -> TokenStream {
        let (name, wish) = (&self.name, &self.attributes.wish);
        let place = place.map(|place| {
            let place = match place {
                Place::Attr => quote!(Attr),
                Place::Member => quote!(Member),
            };
            quote!(place: ::core::option::Option::Some(::hdf5_persist::Place::#place),)
        });
        let chunks = wish.chunks.as_ref().map(|n| quote!(chunks: ::core::option::Option::Some(&[#(#n),*]),));
        let maxshape = wish.maxshape.as_ref().map(|most| {
            let most = most.iter().map(|n| match n {
                Some(n) => quote!(::core::option::Option::Some(#n)),
                None => quote!(::core::option::Option::None),
            });
            quote!(maxshape: ::core::option::Option::Some(&[#(#most),*]),)
        });
        let resizable = wish.resizable.then(|| quote!(resizable: true,));
        let filter = wish.filter.as_ref().map(|f| quote!(filter: ::core::option::Option::Some(#f),));
        quote! {
            &const { ::hdf5_persist::derived::Spec {
                name: #name, #place #chunks #maxshape #resizable #filter
                ..::hdf5_persist::derived::Spec::NONE
            } }
        }
    }

    /// What stands for the field where the file has none, as a function.
    fn otherwise(&self) -> Option<TokenStream> {
        let ty = self.ty;
        match &self.attributes.missing {
            Missing::Call(path) => Some(quote!(#path)),
            Missing::Default => Some(quote!(<#ty as ::core::default::Default>::default)),
            Missing::Error => None,
        }
    }

    fn dump(&self, place: Option<Place>) -> TokenStream {
        let (bound, spec) = (&self.bound, self.spec(place));
        let method = if self.attributes.registered { quote!(registered) } else { quote!(field) };
        quote!(node.#method(#spec, #bound, to)?;)
    }

    fn load(&self, place: Option<Place>) -> TokenStream {
        let (ty, spec, otherwise) = (self.ty, self.spec(place), self.otherwise());
        match (self.attributes.registered, otherwise) {
            _ if self.attributes.skip => {
                let default = quote!(<#ty as ::core::default::Default>::default);
                let make = self.otherwise().unwrap_or(default);
                quote!(#make())
            }
            (true, None) => quote!(fields.registered::<#ty>(#spec, from, ::core::option::Option::None)?),
            (true, Some(make)) => {
                quote!(fields.registered::<#ty>(#spec, from, ::core::option::Option::Some(#make))?)
            }
            (false, Some(make)) => quote!(fields.take_or::<#ty>(#spec, from, #make)?),
            (false, None) => quote!(fields.take::<#ty>(#spec, from)?),
        }
    }
}

/// A pattern of all fields, and the statements that put them into `node`.
pub(crate) fn to_group(fields: &[Field<'_>]) -> (TokenStream, TokenStream) {
    let dumps = fields.iter().filter(|f| !f.attributes.skip).map(|f| f.dump(f.attributes.place));
    (pattern(fields), quote!(#(#dumps)*))
}

/// The initializers of all fields, out of `fields`.
pub(crate) fn from_group(fields: &[Field<'_>]) -> TokenStream {
    let members = fields.iter().map(|f| &f.member);
    let values = fields.iter().map(|f| f.load(f.attributes.place));
    quote!(#(#members: #values,)*)
}

fn pattern(fields: &[Field<'_>]) -> TokenStream {
    let parts = fields.iter().map(|f| {
        let (member, bound) = (&f.member, &f.bound);
        if f.attributes.skip { quote!(#member: _) } else { quote!(#member: #bound) }
    });
    quote!(#(#parts,)*)
}

/// The elements of a dataset and its attributes: a pattern, the statements, the node.
pub(crate) fn to_dataset(fields: &[Field<'_>], elements: usize) -> (TokenStream, TokenStream, TokenStream) {
    let attrs = fields.iter().enumerate().filter(|(i, f)| *i != elements && !f.attributes.skip);
    let dumps = attrs.map(|(_, f)| f.dump(Some(Place::Attr)));
    let node = fields.get(elements).map(|f| {
        let (spec, bound) = (f.spec(None), &f.bound);
        quote!(node.dataset(#spec, #bound, to))
    });
    (pattern(fields), quote!(#(#dumps)*), quote!(#node))
}

/// The initializers of all fields, out of a dataset.
pub(crate) fn from_dataset(fields: &[Field<'_>], elements: usize) -> TokenStream {
    let members = fields.iter().map(|f| &f.member);
    let values = fields.iter().enumerate().map(|(i, f)| {
        let (ty, spec) = (f.ty, f.spec(None));
        if i == elements { quote!(fields.elements::<#ty>(#spec, from)?) } else { f.load(Some(Place::Attr)) }
    });
    quote!(#(#members: #values,)*)
}
