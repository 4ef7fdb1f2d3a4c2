//! The graph of which file of a crate uses which other file.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::modules::{ModulePath, Modules, Sources, is_conditional, is_re_export, leaves};

/// A map from each file to the files it uses, each with a line of that use.
pub type Graph = BTreeMap<String, BTreeMap<String, usize>>;

/// Returns the graph of a crate without its unit tests.
///
/// An arrow points to the file that defines an item, even if another file re-exports it; a
/// re-export alone is no arrow. A use by a method or a field only, without a path, is not seen.
pub fn graph(sources: &Sources) -> Graph {
    let modules = Modules::read(sources);
    let mut graph = Graph::new();
    for (module, item) in &modules.items {
        if is_re_export(item) {
            continue;
        }
        let mut visitor = Visitor {
            modules: &modules,
            module,
            arrows: graph.entry(modules.file(module).to_owned()).or_default(),
        };
        visitor.visit_item(item);
    }
    graph
}

struct Visitor<'a> {
    modules: &'a Modules,
    module: &'a ModulePath,
    arrows: &'a mut BTreeMap<String, usize>,
}

impl Visitor<'_> {
    fn uses(&mut self, path: &[String], line: usize) {
        if let Some(file) = self.modules.resolve(self.module, path)
            && file != self.modules.file(self.module)
        {
            self.arrows.entry(file.to_owned()).or_insert(line);
        }
    }

    /// Collects the paths in the tokens of a macro call.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end_of_path(&mut path, line);
                    }
                    line = ident.span().start().line;
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.end_of_path(&mut path, line);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.end_of_path(&mut path, line);
    }

    fn end_of_path(&mut self, path: &mut Vec<String>, line: usize) {
        if path.len() > 1 {
            self.uses(path, line);
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let line = item.use_token.span.start().line;
        for (_, path) in leaves(&item.tree) {
            self.uses(&path, line);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
            let line = path.segments[0].ident.span().start().line;
            self.uses(&names, line);
        }
        visit::visit_path(self, path);
    }

    /// Skips `pub(in path)`: a visibility is no use of the path.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_conditional(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }
}

/// Returns the circles: sets of files each of which uses all the others, directly or not.
pub fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> = graph
        .keys()
        .map(|file| (file, reach(graph, file)))
        .collect();
    let mut circles = BTreeSet::new();
    for (file, others) in &reached {
        let circle: BTreeSet<String> = others
            .iter()
            .filter(|other| reached.get(*other).is_some_and(|back| back.contains(file)))
            .map(|other| (*other).clone())
            .collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

fn reach<'a>(graph: &'a Graph, from: &String) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&String> = graph
        .get(from)
        .into_iter()
        .flat_map(|to| to.keys())
        .collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(graph.get(file).into_iter().flat_map(|to| to.keys()));
        }
    }
    reached
}
