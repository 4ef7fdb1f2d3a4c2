//! The public API is the one that `api.txt` lists, so that no change of it goes unnoticed.
//!
//! The listing is made from the sources: whatever is plainly `pub`, without bodies and
//! documentation. Nothing else is, in code that is not public: `unreachable_pub`
//! sees to that. What macros make, such as the errors' `Debug`, is not seen.
//! `make api` writes it anew.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use syn::{Attribute, Fields, ImplItem, Item, TraitItem, Type, Visibility};

const LISTING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/api.txt");

#[test]
fn the_public_api_is_the_one_listed() {
    let listing = listing(Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/lib.rs"
    )));
    if env::var_os("VTARGET_WRITE_API").is_some() {
        fs::write(LISTING, &listing).unwrap();
    }
    let listed = fs::read_to_string(LISTING).unwrap_or_default();
    let (now, before): (BTreeSet<_>, BTreeSet<_>) = (
        listing.split("\n\n").collect(),
        listed.split("\n\n").collect(),
    );
    let added: Vec<_> = now
        .difference(&before)
        .map(|item| format!("now:\n{item}"))
        .collect();
    let gone: Vec<_> = before
        .difference(&now)
        .map(|item| format!("before:\n{item}"))
        .collect();
    assert!(
        listing == listed,
        "the public API has changed; if that is meant, run `make api` and mention it in CHANGELOG.md\n{}\n{}",
        gone.join("\n"),
        added.join("\n")
    );
}

/// All public items of the crate, each as Rust, ordered by what they are about.
fn listing(root: &Path) -> String {
    let mut items = Vec::new();
    read(root, root.parent().unwrap(), &mut items);
    let names: BTreeSet<String> = items.iter().filter_map(name_of_type).collect();
    let mut entries: Vec<(String, String)> = items
        .into_iter()
        .filter_map(|item| public(item, &names))
        .map(|(about, item)| {
            let file = syn::File {
                shebang: None,
                attrs: Vec::new(),
                items: vec![item],
            };
            (about, prettyplease::unparse(&file))
        })
        .collect();
    entries.sort();
    let texts: Vec<&str> = entries.iter().map(|(_, text)| text.trim_end()).collect();
    texts.join("\n\n") + "\n"
}

/// Adds the items of `file` and of the modules in it, which are files in `directory`.
fn read(file: &Path, directory: &Path, items: &mut Vec<Item>) {
    let text = fs::read_to_string(file).unwrap();
    for item in syn::parse_file(&text).unwrap().items {
        match item {
            Item::Mod(module) if module.content.is_none() && !is_conditional(&module.attrs) => {
                let name = module.ident.to_string();
                let inner = directory.join(&name);
                let files = [inner.with_extension("rs"), inner.join("mod.rs")];
                let file: Option<&PathBuf> = files.iter().find(|file| file.is_file());
                read(
                    file.unwrap_or_else(|| panic!("no file for module {name}")),
                    &inner,
                    items,
                );
                items.push(Item::Mod(module));
            }
            item => items.push(item),
        }
    }
}

fn is_conditional(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.path().is_ident("cfg"))
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// The name of a public type or trait.
fn name_of_type(item: &Item) -> Option<String> {
    let (visibility, name) = match item {
        Item::Struct(item) => (&item.vis, &item.ident),
        Item::Enum(item) => (&item.vis, &item.ident),
        Item::Trait(item) => (&item.vis, &item.ident),
        _ => return None,
    };
    is_public(visibility).then(|| name.to_string())
}

/// What of `item` is public, and what it is about.
fn public(mut item: Item, names: &BTreeSet<String>) -> Option<(String, Item)> {
    let visible = |visibility: &Visibility, name: String| is_public(visibility).then_some(name);
    let about = match &mut item {
        Item::Const(it) => visible(&it.vis, it.ident.to_string()),
        Item::Enum(it) => {
            bare(&mut it.attrs);
            for variant in &mut it.variants {
                bare(&mut variant.attrs);
                variant
                    .fields
                    .iter_mut()
                    .for_each(|field| bare(&mut field.attrs));
            }
            visible(&it.vis, it.ident.to_string())
        }
        Item::Fn(it) => {
            bare(&mut it.attrs);
            it.block.stmts.clear();
            visible(&it.vis, it.sig.ident.to_string())
        }
        Item::Impl(it) => {
            bare(&mut it.attrs);
            let (own, of_trait) = (last_name(&it.self_ty), it.trait_.clone());
            it.items.retain_mut(|item| match item {
                ImplItem::Fn(method) => {
                    bare(&mut method.attrs);
                    method.block.stmts.clear();
                    of_trait.is_none() && is_public(&method.vis)
                }
                ImplItem::Const(constant) => is_public(&constant.vis),
                ImplItem::Type(_) => true,
                _ => false,
            });
            let of_ours = of_trait
                .as_ref()
                .and_then(|(_, path, _)| path.segments.last());
            let of_ours = of_ours.map(|trait_| trait_.ident.to_string());
            let about = own.filter(|name| names.contains(name));
            let about = about.or(of_ours.filter(|name| names.contains(name)));
            about.filter(|_| of_trait.is_some() || !it.items.is_empty())
        }
        Item::Mod(it) => {
            bare(&mut it.attrs);
            visible(&it.vis, it.ident.to_string())
        }
        Item::Struct(it) => {
            bare(&mut it.attrs);
            match &mut it.fields {
                Fields::Named(fields) => {
                    let public = fields.named.iter().filter(|field| is_public(&field.vis));
                    fields.named = public.cloned().collect();
                }
                Fields::Unnamed(fields) if !fields.unnamed.iter().all(|f| is_public(&f.vis)) => {
                    it.fields = Fields::Unit;
                }
                _ => {}
            }
            it.fields
                .iter_mut()
                .for_each(|field| bare(&mut field.attrs));
            visible(&it.vis, it.ident.to_string())
        }
        Item::Trait(it) => {
            bare(&mut it.attrs);
            for item in &mut it.items {
                if let TraitItem::Fn(method) = item {
                    bare(&mut method.attrs);
                    if let Some(body) = &mut method.default {
                        body.stmts.clear();
                    }
                }
            }
            visible(&it.vis, it.ident.to_string())
        }
        Item::Type(it) => {
            bare(&mut it.attrs);
            visible(&it.vis, it.ident.to_string())
        }
        Item::Use(it) => visible(&it.vis, String::new()),
        _ => None,
    };
    Some((about?, item))
}

/// Keeps the attributes that users of an item depend on.
fn bare(attributes: &mut Vec<Attribute>) {
    let kept = ["derive", "non_exhaustive", "must_use"];
    attributes.retain(|attribute| kept.iter().any(|kept| attribute.path().is_ident(kept)));
}

fn last_name(r#type: &Type) -> Option<String> {
    match r#type {
        Type::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        Type::Reference(reference) => last_name(&reference.elem),
        _ => None,
    }
}
