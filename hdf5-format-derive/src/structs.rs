//! Structs as compounds.

use crate::attributes::{self, Attributes, Missing};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use std::collections::HashSet;
use syn::{DeriveInput, Error, Fields, Generics, Ident, LitStr, Member, Result, Type, parse_quote};

struct Field<'a> {
    /// How the field is reached: its name or number.
    member: Member,
    ty: &'a Type,
    name: LitStr,
    attributes: Attributes,
    /// Its place in the plan.
    plan: Ident,
}

pub(crate) fn expand(input: &DeriveInput, fields: &Fields) -> Result<TokenStream> {
    let fields = describe(fields)?;
    let kept: Vec<&Field<'_>> = ordered(&fields);
    if kept.is_empty() {
        return Err(Error::new_spanned(&input.ident, "a compound has at least one member"));
    }
    let (load, store) = (load(input, &fields, &kept), store(input, &kept));
    Ok(quote! {
        #[automatically_derived]
        #[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
        const _: () = {
            #load
            #store
        };
    })
}

fn describe(fields: &Fields) -> Result<Vec<Field<'_>>> {
    let mut names = HashSet::new();
    let mut described = Vec::new();
    for (i, (field, member)) in fields.iter().zip(fields.members()).enumerate() {
        let attributes = attributes::of_field(&field.attrs)?;
        let own = match &field.ident {
            Some(ident) => LitStr::new(ident.to_string().trim_start_matches("r#"), ident.span()),
            None => LitStr::new(&i.to_string(), Span::call_site()),
        };
        let name = attributes.rename.clone().unwrap_or(own);
        if !attributes.skip && !names.insert(name.value()) {
            let message = format!("two members named {:?}", name.value());
            return Err(Error::new_spanned(&field.ty, message));
        }
        described.push(Field { member, ty: &field.ty, name, attributes, plan: format_ident!("field_{i}") });
    }
    Ok(described)
}

/// The stored fields in the order of their members.
fn ordered<'a, 'b>(fields: &'b [Field<'a>]) -> Vec<&'b Field<'a>> {
    let mut kept: Vec<_> = fields.iter().filter(|f| !f.attributes.skip).collect();
    kept.sort_by_key(|f| f.attributes.order.unwrap_or(usize::MAX));
    kept
}

/// Which of the two traits is implemented.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Load,
    Store,
}

impl Way {
    fn path(self) -> TokenStream {
        match self {
            Way::Load => quote!(::hdf5_format::Load),
            Way::Store => quote!(::hdf5_format::Store),
        }
    }

    /// The generics, with a bound on each type parameter.
    fn bounded(self, input: &DeriveInput) -> Generics {
        let (mut generics, bound) = (input.generics.clone(), self.path());
        for parameter in generics.type_params_mut() {
            parameter.bounds.push(parse_quote!(#bound));
            parameter.default = None;
        }
        generics
    }
}

/// A field whose member may be missing.
fn optional(field: &Field<'_>) -> bool {
    !matches!(field.attributes.missing, Missing::Error)
}

/// The type of the plan. It is `pub`, since the trait hands it out, and where nobody can name it.
fn plan(input: &DeriveInput, kept: &[&Field<'_>], way: Way) -> TokenStream {
    let (generics, bound, ident) = (way.bounded(input), way.path(), &input.ident);
    let name = format_ident!("{}Plan", if way == Way::Load { "Load" } else { "Store" });
    let fields = kept.iter().map(|f| {
        let (plan, ty) = (&f.plan, f.ty);
        let field = quote!(::hdf5_format::Field<<#ty as #bound>::Plan>);
        let wrapped = way == Way::Load && optional(f);
        if wrapped { quote!(#plan: ::core::option::Option<#field>) } else { quote!(#plan: #field) }
    });
    let (_, ty_generics, where_clause) = generics.split_for_impl();
    quote! {
        #[doc(hidden)]
        pub struct #name #generics #where_clause {
            #(#fields,)*
            of: ::core::marker::PhantomData<fn() -> #ident #ty_generics>,
        }
    }
}

fn load(input: &DeriveInput, fields: &[Field<'_>], kept: &[&Field<'_>]) -> TokenStream {
    let (ident, generics) = (&input.ident, Way::Load.bounded(input));
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let owner = LitStr::new(&ident.to_string(), ident.span());
    let plan = plan(input, kept, Way::Load);
    let plans = kept.iter().map(|f| {
        let (plan, ty, name) = (&f.plan, f.ty, &f.name);
        let method = if optional(f) { quote!(load_if_there) } else { quote!(load) };
        quote!(#plan: record.#method::<#ty>(#name)?)
    });
    let values = fields.iter().map(|f| {
        let (member, plan, ty) = (&f.member, &f.plan, f.ty);
        let missing = match &f.attributes.missing {
            Missing::Call(path) => quote!(#path()),
            _ => quote!(<#ty as ::core::default::Default>::default()),
        };
        if f.attributes.skip {
            quote!(#member: #missing)
        } else if optional(f) {
            quote!(#member: match &plan.#plan {
                ::core::option::Option::Some(field) => field.load::<#ty>(element, source)?,
                ::core::option::Option::None => #missing,
            })
        } else {
            quote!(#member: plan.#plan.load::<#ty>(element, source)?)
        }
    });
    let load_into = load_into(fields, kept);
    let (plain_row, plain_type, plain) = plain(input, fields, kept);
    quote! {
        #plan
        #plain_row

        impl #impl_generics ::hdf5_format::Load for #ident #ty_generics #where_clause {
            const EXPECTED: &'static str = ::core::concat!("compounds that ", #owner, " is stored as");
            type Plan = LoadPlan #ty_generics;
            type Plain = #plain_type;

            fn plan(
                datatype: &::hdf5_format::Datatype,
                how: ::hdf5_format::Conversion,
            ) -> ::hdf5_format::Result<Self::Plan> {
                let record = ::hdf5_format::Record::new(datatype, #owner, how)?;
                ::core::result::Result::Ok(LoadPlan { #(#plans,)* of: ::core::marker::PhantomData })
            }

            #plain

            #[inline]
            fn load(
                plan: &Self::Plan,
                element: &[u8],
                source: &mut ::hdf5_format::Source<'_>,
            ) -> ::hdf5_format::Result<Self> {
                ::core::result::Result::Ok(Self { #(#values,)* })
            }

            #load_into
        }
    }
}

/// What loads rows whose members are the machine's values byte for byte: a type, its name, the function that makes it.
fn plain(input: &DeriveInput, fields: &[Field<'_>], kept: &[&Field<'_>]) -> (TokenStream, TokenStream, TokenStream) {
    if varied(fields) {
        return (TokenStream::new(), quote!(::core::convert::Infallible), TokenStream::new());
    }
    let (ident, generics) = (&input.ident, Way::Load.bounded(input));
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let plans: Vec<_> = kept.iter().map(|f| &f.plan).collect();
    let types: Vec<_> = kept.iter().map(|f| f.ty).collect();
    let members: Vec<_> = kept.iter().map(|f| &f.member).collect();
    let parts = quote!(&[#(<<#types as ::hdf5_format::Load>::Plain as ::hdf5_format::Plain<#types>>::LAYOUT),*]);
    let places = 0..types.len();
    let places: Vec<_> =
        places.map(|i| quote!(const { ::hdf5_format::PlainLayout::offset(Self::PARTS, #i, NATURAL) })).collect();
    let row = quote! {
        #[doc(hidden)]
        pub struct PlainRow #generics #where_clause {
            #(#plans: ::hdf5_format::PlainField<<#types as ::hdf5_format::Load>::Plain>,)*
            of: ::core::marker::PhantomData<fn() -> #ident #ty_generics>,
        }

        impl #impl_generics PlainRow #ty_generics #where_clause {
            const PARTS: &[::hdf5_format::PlainLayout] = #parts;
        }

        impl #impl_generics ::hdf5_format::Plain<#ident #ty_generics> for PlainRow #ty_generics #where_clause {
            const LAYOUT: ::hdf5_format::PlainLayout = ::hdf5_format::PlainLayout::of(Self::PARTS);

            #[inline]
            fn get(&self, element: &[u8]) -> #ident #ty_generics {
                #ident { #(#members: self.#plans.get::<#types>(element)),* }
            }

            fn is_laid<const NATURAL: bool>(&self) -> bool {
                true #(&& self.#plans.is_laid::<#types, NATURAL>(#places))*
            }

            #[inline]
            fn get_laid<const NATURAL: bool>(&self, element: &[u8]) -> #ident #ty_generics {
                #ident { #(#members: self.#plans.get_laid::<#types, NATURAL>(#places, element)),* }
            }
        }
    };
    let make = quote! {
        fn plain(plan: &Self::Plan) -> ::core::option::Option<Self::Plain> {
            ::core::option::Option::Some(PlainRow {
                #(#plans: plan.#plans.plain::<#types>()?,)*
                of: ::core::marker::PhantomData,
            })
        }
    };
    (row, quote!(PlainRow #ty_generics), make)
}

/// True if fields are not all loaded from members: then defaults are made row by row.
fn varied(fields: &[Field<'_>]) -> bool {
    fields.iter().any(|f| f.attributes.skip || optional(f))
}

/// Rows are loaded field by field, some hundred at a time: each field by one loop for its type.
fn load_into(fields: &[Field<'_>], kept: &[&Field<'_>]) -> TokenStream {
    if varied(fields) {
        return TokenStream::new();
    }
    let plans: Vec<_> = kept.iter().map(|f| &f.plan).collect();
    let types: Vec<_> = kept.iter().map(|f| f.ty).collect();
    let members: Vec<_> = kept.iter().map(|f| &f.member).collect();
    quote! {
        fn load_into(
            plan: &Self::Plan,
            size: usize,
            bytes: &[u8],
            source: &mut ::hdf5_format::Source<'_>,
            values: &mut ::hdf5_format::Vec<Self>,
        ) -> ::hdf5_format::Result<()> {
            let size = ::core::cmp::Ord::max(size, 1);
            if let ::core::option::Option::Some(plain) = <Self as ::hdf5_format::Load>::plain(plan) {
                ::hdf5_format::load_plain(&plain, size, bytes, values);
                return ::core::result::Result::Ok(());
            }
            values.reserve(bytes.len() / size);
            #( let mut #plans = ::hdf5_format::Vec::<#types>::new(); )*
            let mut scratch = ::hdf5_format::Vec::new();
            for block in bytes.chunks(size.saturating_mul(256)) {
                let loaded = (|| {
                    #( plan.#plans.load_column(block, size, source, &mut scratch, &mut #plans)?; )*
                    ::core::result::Result::<(), ::hdf5_format::Error>::Ok(())
                })();
                if loaded.is_err() {
                    // One row after the other, the error names the first that fails.
                    #( #plans.clear(); )*
                    for element in block.chunks_exact(size) {
                        values.push(<Self as ::hdf5_format::Load>::load(plan, element, source)?);
                    }
                    continue;
                }
                #( let mut #plans = #plans.drain(..); )*
                while let (#(::core::option::Option::Some(#plans),)*) = (#(#plans.next(),)*) {
                    values.push(Self { #(#members: #plans),* });
                }
            }
            ::core::result::Result::Ok(())
        }
    }
}

fn store(input: &DeriveInput, kept: &[&Field<'_>]) -> TokenStream {
    let (ident, generics) = (&input.ident, Way::Store.bounded(input));
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let owner = LitStr::new(&ident.to_string(), ident.span());
    let plan = plan(input, kept, Way::Store);
    let names: Vec<_> = kept.iter().map(|f| &f.name).collect();
    let types: Vec<_> = kept.iter().map(|f| f.ty).collect();
    let plans: Vec<_> = kept.iter().map(|f| &f.plan).collect();
    let members: Vec<_> = kept.iter().map(|f| &f.member).collect();
    quote! {
        #plan

        impl #impl_generics ::hdf5_format::Store for #ident #ty_generics #where_clause {
            type Plan = StorePlan #ty_generics;

            fn datatype(sizes: ::hdf5_format::Sizes) -> ::hdf5_format::Datatype {
                ::hdf5_format::RecordBuilder::new(sizes)#(.field::<#types>(#names))*.finish()
            }

            fn plan(
                datatype: &::hdf5_format::Datatype,
                how: ::hdf5_format::Conversion,
            ) -> ::hdf5_format::Result<Self::Plan> {
                let record = ::hdf5_format::Record::new(datatype, #owner, how)?.to_store(&[#(#names),*])?;
                ::core::result::Result::Ok(StorePlan {
                    #(#plans: record.store::<#types>(#names)?,)*
                    of: ::core::marker::PhantomData,
                })
            }

            fn store(
                &self,
                plan: &Self::Plan,
                out: &mut [u8],
                sink: &mut ::hdf5_format::Sink<'_>,
            ) -> ::hdf5_format::Result<()> {
                #( plan.#plans.store::<#types>(&self.#members, out, sink)?; )*
                ::core::result::Result::Ok(())
            }
        }

        impl #impl_generics ::hdf5_format::Scalar for #ident #ty_generics #where_clause {}
    }
}
