#![allow(clippy::expect_used)]

use super::expand;

/// What the compiler would say.
fn refusal(source: &str) -> String {
    let input = syn::parse_str(source).expect("the source is Rust");
    expand(&input).expect_err("it is refused").to_string()
}

#[test]
fn what_is_refused_says_why() {
    for (source, why) in [
        ("union U { a: u8 }", "a union has no one type"),
        ("struct Empty;", "at least one member"),
        ("struct Skipped { #[h5(skip)] a: u8 }", "at least one member"),
        ("enum Never {}", "at least one variant"),
        ("enum Shape { Circle(f64) }", "variants of an enumeration have no fields"),
        ("enum E { A, #[h5(rename = \"A\")] B }", "two variants named \"A\""),
        ("enum E { #[h5(skip)] A }", "variants can be renamed"),
        ("struct S { a: u8, #[h5(rename = \"a\")] b: u8 }", "two members named \"a\""),
        ("struct S { #[h5(rnme = \"a\")] b: u8 }", "expected rename, order, skip or default"),
        ("struct S { #[h5(skip, order = 1)] b: u8, c: u8 }", "no member to name or to order"),
        ("struct S { #[h5(rename = \"a\\0\")] b: u8 }", "no NUL"),
        ("#[h5(rename = \"T\")] struct S { b: u8 }", "goes on fields and variants"),
    ] {
        let found = refusal(source);
        assert!(found.contains(why), "{source}: {found}");
    }
}

#[test]
fn members_follow_their_order() {
    let source = "struct S { a: u8, #[h5(order = 1)] b: u8, #[h5(order = 0)] c: u8, #[h5(skip)] d: u8 }";
    let code = expand(&syn::parse_str(source).expect("the source is Rust")).expect("it is fine").to_string();
    let datatype = code.split("RecordBuilder :: new (sizes)").nth(1).expect("a datatype is built");
    let datatype = datatype.split("finish").next().expect("and finished");
    let at = |name: &str| datatype.find(&format!("(\"{name}\")"));
    assert!(at("c") < at("b") && at("b") < at("a") && at("c").is_some(), "{datatype}");
    assert_eq!(at("d"), None);
}
