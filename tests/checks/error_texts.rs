//! No message of an error is made outside the error module of its part: a constructor of a type
//! that is defined there, and an `io::Error`, take values, and neither `format!` nor prose.
//!
//! A text that is made before and passed as a variable is not seen.

use std::collections::{BTreeMap, HashSet};

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Expr, ExprCall, ExprStruct, File, Item, LitStr, Macro};

use crate::arrows::{is_conditional, sources};

#[test]
fn no_text_is_made_for_an_error_outside_its_module() {
    let found = made_elsewhere(&sources());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_text_that_is_made_elsewhere_is_found() {
    for text in [
        r#"fn f() { g(Refused::By { why: format!("{} is", 1) }) }"#,
        r#"fn f() { g(|e| Refused::No(h(format!("{e} is")))) }"#,
        r#"fn f() { Refused::No("it is not there") }"#,
        r#"fn f() { io::Error::other("no pipe to it") }"#,
        r#"fn f() { io::Error::new(kind, format!("{e} is")) }"#,
    ] {
        assert_eq!(planted(text), 1, "{text}");
    }
}

#[test]
fn a_value_is_no_text() {
    for text in [
        r#"fn f() { g(Refused::No(name), format!("{e} is")) }"#,
        r#"fn f() { Refused::No("power on") }"#,
        r#"fn f() { Refused::No(format!("sysbus.{name}")) }"#,
        "fn f() { io::Error::other(Refused::No(name)) }",
        r#"#[cfg(test)] mod t { fn f() { Refused::No(format!("{e}")) } }"#,
    ] {
        assert_eq!(planted(text), 0, "{text}");
    }
}

fn planted(text: &str) -> usize {
    let error = "pub enum Refused { By { why: String }, No(String) }";
    let sources = [("part/error/kind.rs", error), ("part/step.rs", text)];
    made_elsewhere(
        &sources
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into(),
    )
    .len()
}

/// Returns the places outside the error modules at which the text of an error is made.
fn made_elsewhere(sources: &BTreeMap<String, String>) -> Vec<String> {
    let (errors, others): (Vec<_>, Vec<_>) = sources
        .iter()
        .map(|(name, text)| (name, syn::parse_file(text).unwrap()))
        .partition(|(name, _)| name.ends_with("error.rs") || name.contains("error/"));
    let mut visitor = Visitor {
        types: errors.iter().flat_map(|(_, file)| types(file)).collect(),
        depth: 0,
        lines: Vec::new(),
    };
    let mut found = Vec::new();
    for (name, file) in &others {
        visitor.visit_file(file);
        for line in visitor.lines.drain(..) {
            found.push(format!(
                "src/{name}:{line} makes the text of an error; pass its values to the error module"
            ));
        }
    }
    found
}

/// Returns the names of the types that a file defines.
fn types(file: &File) -> impl Iterator<Item = String> + '_ {
    file.items.iter().filter_map(|item| match item {
        Item::Enum(item) => Some(item.ident.to_string()),
        Item::Struct(item) => Some(item.ident.to_string()),
        _ => None,
    })
}

struct Visitor {
    types: HashSet<String>,
    /// The number of constructors around the present place.
    depth: usize,
    lines: Vec<usize>,
}

impl Visitor {
    /// Returns true for an error of the crate or one of its variants, and for an `io::Error`.
    ///
    /// Functions of an error, such as one that takes the name of a step, are not constructors.
    fn makes_error(&self, path: &syn::Path) -> bool {
        let names: Vec<_> = path
            .segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect();
        let is_variant = names
            .last()
            .is_some_and(|name| name.starts_with(char::is_uppercase));
        names.windows(2).any(|pair| pair == ["io", "Error"])
            || is_variant && names.iter().any(|name| self.types.contains(name))
    }

    fn found(&mut self, at: Span) {
        if self.depth > 0 {
            self.lines.push(at.start().line);
        }
    }
}

impl<'ast> Visit<'ast> for Visitor {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs[..],
            Item::Fn(item) => &item.attrs,
            _ => &[],
        };
        if !is_conditional(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_expr_struct(&mut self, made: &'ast ExprStruct) {
        let inside = usize::from(self.makes_error(&made.path));
        self.depth += inside;
        visit::visit_expr_struct(self, made);
        self.depth -= inside;
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        let inside = match &*call.func {
            Expr::Path(function) => usize::from(self.makes_error(&function.path)),
            _ => 0,
        };
        self.depth += inside;
        visit::visit_expr_call(self, call);
        self.depth -= inside;
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        // Without a space it is a value, such as a path.
        let text = call.tokens.to_string();
        let format = text.split('"').nth(1).unwrap_or_default();
        if call.path.is_ident("format") && format.contains(' ') {
            self.found(call.path.segments[0].ident.span());
        }
    }

    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        // A name, such as that of an operation, has fewer words.
        if text.value().split_whitespace().count() > 2 {
            self.found(text.span());
        }
    }
}
