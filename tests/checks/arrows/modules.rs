//! The modules of a crate and the items behind their names, read from its sources by `syn`.

use std::collections::{BTreeMap, HashMap};

use syn::{Attribute, Item, UseTree, Visibility};

/// The sources of a crate: each file's path below `src`, and its text.
pub type Sources = BTreeMap<String, String>;

/// The path of a module from the crate's root.
pub type ModulePath = Vec<String>;

/// The meaning of a name in a module.
enum Binding {
    /// An item of the module itself, or a module below it.
    Here,
    /// An import, with its path as written.
    Imported(Vec<String>),
}

struct Scope {
    file: String,
    names: HashMap<String, Binding>,
    /// The paths of `use …::*`.
    globs: Vec<Vec<String>>,
}

/// All modules of a crate except those of its unit tests.
pub struct Modules {
    scopes: BTreeMap<ModulePath, Scope>,
    /// All items, each with its module.
    pub items: Vec<(ModulePath, Item)>,
}

impl Modules {
    /// Reads the modules, starting at `lib.rs`.
    pub fn read(sources: &Sources) -> Self {
        let mut modules = Self {
            scopes: BTreeMap::new(),
            items: Vec::new(),
        };
        let root = syn::parse_file(&sources["lib.rs"]).expect("lib.rs is Rust");
        modules.add(sources, Vec::new(), "lib.rs", root.items);
        modules
    }

    fn add(&mut self, sources: &Sources, path: ModulePath, file: &str, items: Vec<Item>) {
        let mut scope = Scope {
            file: file.to_owned(),
            names: HashMap::new(),
            globs: Vec::new(),
        };
        for item in items {
            if is_conditional(attributes(&item)) {
                continue;
            }
            for name in defined(&item) {
                scope.names.insert(name, Binding::Here);
            }
            match item {
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let inner: ModulePath = path.iter().cloned().chain([name]).collect();
                    match module.content {
                        Some((_, items)) => self.add(sources, inner, file, items),
                        None => {
                            let stem = inner.join("/");
                            let files = [format!("{stem}.rs"), format!("{stem}/mod.rs")];
                            let file = files.iter().find(|file| sources.contains_key(*file));
                            let file = file.unwrap_or_else(|| panic!("{stem} has no file"));
                            let parsed = syn::parse_file(&sources[file]);
                            let parsed = parsed.unwrap_or_else(|e| panic!("{file}: {e}"));
                            self.add(sources, inner, file, parsed.items);
                        }
                    }
                }
                Item::Use(ref import) => {
                    for (name, target) in leaves(&import.tree) {
                        match name {
                            Some(name) => {
                                scope.names.insert(name, Binding::Imported(target));
                            }
                            None => scope.globs.push(target),
                        }
                    }
                    self.items.push((path.clone(), item));
                }
                item => self.items.push((path.clone(), item)),
            }
        }
        self.scopes.insert(path, scope);
    }

    /// Returns the file of a module.
    pub fn file(&self, module: &[String]) -> &str {
        &self.scopes[module].file
    }

    /// Returns the file that defines the item of `path`, as written in `module`, or `None` if the
    /// item is not in this crate.
    pub fn resolve(&self, module: &[String], path: &[String]) -> Option<&str> {
        self.look_up(module, path, &mut Vec::new())
    }

    fn look_up(
        &self,
        module: &[String],
        path: &[String],
        seen: &mut Vec<(ModulePath, Vec<String>)>,
    ) -> Option<&str> {
        let step = (module.to_vec(), path.to_vec());
        if seen.contains(&step) {
            return None;
        }
        seen.push(step);
        let is_named = seen.len() > 1;
        let Some((first, rest)) = path.split_first() else {
            return Some(&self.scopes.get(module)?.file);
        };
        match first.as_str() {
            "crate" => return self.look_up(&[], rest, seen),
            "self" => return self.look_up(module, rest, seen),
            "super" => return self.look_up(module.split_last()?.1, rest, seen),
            _ => {}
        }
        let inner: ModulePath = module.iter().cloned().chain([first.clone()]).collect();
        if self.scopes.contains_key(&inner) {
            return self.look_up(&inner, rest, seen);
        }
        let scope = self.scopes.get(module)?;
        match scope.names.get(first) {
            // The rest of the path names variants or associated items, usually in the same file.
            Some(Binding::Here) => Some(&scope.file),
            Some(Binding::Imported(target)) => {
                let path: Vec<String> = target.iter().chain(rest).cloned().collect();
                self.look_up(module, &path, seen)
            }
            None => {
                let through = |glob: &Vec<String>| {
                    let path: Vec<String> = glob.iter().chain(path).cloned().collect();
                    self.look_up(module, &path, seen)
                };
                let found = scope.globs.iter().find_map(through);
                // An item that a macro makes has no name here; its module is known.
                found.or_else(|| is_named.then_some(scope.file.as_str()))
            }
        }
    }
}

/// Returns the names that an import adds, each with its path; `*` has no name.
pub fn leaves(tree: &UseTree) -> Vec<(Option<String>, Vec<String>)> {
    match tree {
        UseTree::Path(path) => leaves(&path.tree)
            .into_iter()
            .map(|(name, mut target)| {
                if target == ["self"] {
                    target.clear();
                }
                let name = name.map(|it| {
                    if it == "self" {
                        path.ident.to_string()
                    } else {
                        it
                    }
                });
                target.insert(0, path.ident.to_string());
                (name, target)
            })
            .collect(),
        UseTree::Name(name) => vec![(Some(name.ident.to_string()), vec![name.ident.to_string()])],
        UseTree::Rename(name) => {
            vec![(Some(name.rename.to_string()), vec![name.ident.to_string()])]
        }
        UseTree::Glob(_) => vec![(None, Vec::new())],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}

/// Returns true if an item only re-exports items of another module.
pub fn is_re_export(item: &Item) -> bool {
    matches!(item, Item::Use(import) if !matches!(import.vis, Visibility::Inherited))
}

fn defined(item: &Item) -> Vec<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => return item.ident.iter().map(ToString::to_string).collect(),
        _ => return Vec::new(),
    };
    vec![ident.to_string()]
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns true for items of unit tests or documentation only.
pub fn is_conditional(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && {
            let tokens = quote::ToTokens::to_token_stream(&attribute.meta).to_string();
            let words = || tokens.split(|c: char| !c.is_alphanumeric());
            words().any(|word| matches!(word, "test" | "doctest" | "doc"))
                && words().all(|word| word != "not")
        }
    })
}
