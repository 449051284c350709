#![allow(clippy::expect_used)]

use super::expand;

/// What the compiler would say.
fn refusal(source: &str) -> String {
    let input = syn::parse_str(source).expect("the source is Rust");
    expand(&input).expect_err("it is refused").to_string()
}

fn code(source: &str) -> String {
    expand(&syn::parse_str(source).expect("the source is Rust")).expect("it is fine").to_string()
}

#[test]
fn what_is_refused_says_why() {
    for (source, why) in [
        ("union U { a: u8 }", "a union does not tell"),
        ("struct S<'a> { a: &'a str }", "no lifetimes"),
        ("enum Never {}", "without variants"),
        ("enum E { A, #[persist(rename = \"A\")] B }", "two variants named \"A\""),
        ("enum E { #[persist(skip)] A }", "variants can be renamed"),
        ("enum E { A { variant: u8 } }", "\"variant\" names the variant"),
        ("#[persist(elements = \"x\")] enum E { A { x: u8 } }", "enums are groups"),
        ("struct S { a: u8, #[persist(rename = \"a\")] b: u8 }", "two fields named \"a\""),
        ("struct S { #[persist(rnme = \"a\")] b: u8 }", "expected attr, member, rename"),
        ("struct S { #[persist(skip, attr)] b: u8 }", "a skipped field is not stored"),
        ("struct S { #[persist(skip, filter = \"gzip\")] b: u8 }", "a skipped field is not stored"),
        ("struct S { #[persist(attr, group)] b: u8 }", "not both"),
        ("struct S { #[persist(attr, chunks = [1])] b: u8 }", "make it a member"),
        ("struct S { #[persist(attr, registered)] b: u8 }", "are members"),
        ("struct S { #[persist(resizable, maxshape = [None])] b: u8 }", "resizable says the maxshape"),
        ("struct S { #[persist(chunks = [])] b: u8 }", "a chunk has lengths"),
        ("struct S { #[persist(chunks = [1, 0])] b: u8 }", "no length of a chunk is 0"),
        ("struct S { #[persist(chunks = [None])] b: u8 }", "a chunk has lengths"),
        ("struct S { #[persist(chunks = [\"a\"])] b: u8 }", "expected a number or None"),
        ("struct S { #[persist(maxshape = [])] b: u8 }", "a scalar does not grow"),
        ("struct S { #[persist(rename = \"a\\0\")] b: u8 }", "no NUL"),
        ("struct S { #[persist(rename = \"\")] b: u8 }", "not empty"),
        ("struct S { #[persist(rename = \".\")] b: u8 }", "the group itself"),
        ("struct S { #[persist(rename = \"a/b\")] b: u8 }", "hold slashes"),
        ("struct S { #[persist(rename = \"_persist_x\")] b: u8 }", "are kept"),
        ("#[persist(label = \"\")] struct S;", "a label is not empty"),
        ("#[persist(label = \"a\\0\")] struct S;", "no NUL"),
        ("#[persist(version = 9223372036854775808)] struct S;", "number too large"),
        ("#[persist(rename = \"T\")] struct S { b: u8 }", "expected label, version, namespace"),
        ("#[persist(elements = \"b\")] struct S { a: u8 }", "no field \"b\""),
        ("#[persist(elements = \"a\", on_demand)] struct S { a: u8 }", "no members to read on demand"),
        ("#[persist(elements = \"a\")] struct S { #[persist(skip)] a: u8 }", "cannot be skipped"),
        ("#[persist(elements = \"a\")] struct S { #[persist(member)] a: u8 }", "no name and place"),
        ("#[persist(elements = \"a\")] struct S { a: u8, #[persist(member)] b: u8 }", "a dataset has no members"),
    ] {
        let found = refusal(source);
        assert!(found.contains(why), "{source}: {found}");
    }
}

#[test]
fn names_of_attributes_may_hold_slashes() {
    assert!(code("struct S { #[persist(attr, rename = \"m/s\")] speed: f64 }").contains("\"m/s\""));
}

#[test]
fn label_version_and_namespace_have_defaults() {
    let own = code("struct Run;");
    assert!(own.contains("LABEL : & 'static str = \"Run\""), "{own}");
    assert!(own.contains("VERSION : i64 = 1 ;") && own.contains("env ! (\"CARGO_PKG_NAME\")"), "{own}");
    let said = code("#[persist(label = \"R\", version = 7, namespace = \"lab\")] struct Run;");
    assert!(said.contains("\"R\"") && said.contains("VERSION : i64 = 7 ;") && said.contains("\"lab\""), "{said}");
}

#[test]
fn only_parameters_of_stored_fields_are_bounded() {
    let code = code("struct S<A, B, C> { a: Vec<A>, #[persist(skip)] b: Option<B>, #[persist(registered)] c: C }");
    assert!(code.contains("A : 'static + :: hdf5_persist :: Persist"), "{code}");
    assert!(code.contains("B : 'static , C : 'static"), "{code}");
}

#[test]
fn a_lazy_field_leaves_its_group_on_demand() {
    let group = |source: &str| code(source).split("NewNode :: new (").nth(1).map(|rest| rest.starts_with("true"));
    assert_eq!(group("struct S { a: u8, #[persist(lazy)] b: B }"), Some(true));
    assert_eq!(group("#[persist(on_demand)] struct S { a: u8 }"), Some(true));
    assert_eq!(group("struct S { a: u8 }"), Some(false));
}
