//! The Rust files of the workspace's crates, as modules whose imports are resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use syn::visit::{self, Visit};

/// The root of the source tree.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("tests/tidy lies in the tree").to_owned()
}

/// All files of the tree that git tracks or does not ignore, relative to the root.
pub(crate) fn files() -> &'static [PathBuf] {
    static FILES: OnceLock<Vec<PathBuf>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files = vec![];
        collect(&root(), &root(), &mut files);
        files.sort();
        files
    })
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the tree") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if matches!(name.as_str(), "target" | ".git" | "runs" | "captures" | "corpus") {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            files.push(path.strip_prefix(root).expect("below the root").to_owned());
        }
    }
}

/// The Rust files below `folder`, with their text.
pub(crate) fn rust(folder: &str) -> impl Iterator<Item = (&'static Path, String)> {
    let chosen = files().iter().filter(move |p| p.starts_with(folder) && p.extension().is_some_and(|e| e == "rs"));
    chosen.map(|path| (path.as_path(), std::fs::read_to_string(root().join(path)).expect("UTF-8")))
}

/// Whether a file holds tests only.
pub(crate) fn is_test(path: &Path) -> bool {
    let name = path.file_stem().expect("a name").to_string_lossy();
    let folder =
        path.components().any(|c| matches!(c.as_os_str().to_str(), Some("tests" | "testing" | "benches" | "examples")));
    folder || name == "tests" || name == "testing" || name.ends_with("_tests") || name == "known_answers"
}

/// Whether an item is compiled for tests only.
pub(crate) fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| {
        let cfg =
            a.path().is_ident("cfg") && a.meta.require_list().is_ok_and(|l| l.tokens.to_string().starts_with("test"));
        cfg || a.path().is_ident("test")
    })
}

/// A module's path in its crate: `["worker", "core"]`.
pub(crate) type Name = Vec<String>;

/// The modules of one crate.
pub(crate) struct Crate {
    /// By path: the file, relative to the crate's source folder.
    pub modules: BTreeMap<Name, Module>,
}

/// One file of a crate.
pub(crate) struct Module {
    /// Names that `use` brings in, with what they refer to from the crate's root on. Tests' are left out.
    uses: BTreeMap<String, Name>,
    /// All paths of the module that begin at the crate's root.
    paths: BTreeSet<Name>,
}

impl Crate {
    /// Reads the crate whose sources lie in `folder`.
    pub(crate) fn read(folder: &str) -> Self {
        let mut modules = BTreeMap::new();
        for (path, text) in rust(folder) {
            let inside = path.strip_prefix(folder).expect("below the folder");
            if is_test(inside) {
                continue;
            }
            let mut name: Name = inside.with_extension("").iter().map(|c| c.to_string_lossy().into_owned()).collect();
            if matches!(name.last().map(String::as_str), Some("mod" | "lib" | "main")) {
                name.pop();
            }
            let file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let mut reader =
                Reader { at: name.clone(), module: Module { uses: BTreeMap::new(), paths: BTreeSet::new() } };
            reader.visit_file(&file);
            modules.insert(name, reader.module);
        }
        Self { modules }
    }

    /// What each module imports: pairs of modules (from, to), names that are handed on followed to where they are
    /// defined.
    pub(crate) fn imports(&self) -> BTreeSet<(Name, Name)> {
        let mut edges = BTreeSet::new();
        for (from, module) in &self.modules {
            for path in module.paths.iter().chain(module.uses.values()) {
                if let Some(to) = self.defined_in(path, 0)
                    && to != *from
                {
                    edges.insert((from.clone(), to));
                }
            }
        }
        edges
    }

    /// The module in which `path` is defined; none where it leads out of the crate.
    fn defined_in(&self, path: &[String], depth: usize) -> Option<Name> {
        let length = (0..=path.len()).rev().find(|n| self.modules.contains_key(&path[..*n]))?;
        let (module, rest) = path.split_at(length);
        // A module that is named for itself is not used for what it hands on.
        let Some(next) = rest.first() else {
            return Some(module.to_vec());
        };
        match self.modules[module].uses.get(next) {
            Some(target) if depth < 8 => {
                let full: Name = target.iter().chain(&rest[1..]).cloned().collect();
                self.defined_in(&full, depth + 1)
            }
            _ => Some(module.to_vec()),
        }
    }
}

struct Reader {
    at: Name,
    module: Module,
}

impl Reader {
    /// A path from the crate's root on; none where it does not begin with `crate`, `self` or `super`.
    fn absolute(&self, path: &[String]) -> Option<Name> {
        let mut base = match path.first()?.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" => self.at.clone(),
            "super" => self.at[..self.at.len().checked_sub(1)?].to_vec(),
            _ => return None,
        };
        for part in &path[1..] {
            match part.as_str() {
                "super" => drop(base.pop()?),
                part => base.push(part.to_owned()),
            }
        }
        Some(base)
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(p) => self.tree(&p.tree, &with(&p.ident)),
            syn::UseTree::Group(g) => g.items.iter().for_each(|t| self.tree(t, before)),
            syn::UseTree::Name(n) if n.ident == "self" => {
                self.bring(before.last().cloned().unwrap_or_default(), before)
            }
            syn::UseTree::Name(n) => self.bring(n.ident.to_string(), &with(&n.ident)),
            syn::UseTree::Rename(r) => self.bring(r.rename.to_string(), &with(&r.ident)),
            syn::UseTree::Glob(_) => {
                if let Some(path) = self.absolute_or_child(before) {
                    self.module.paths.insert(path);
                }
            }
        }
    }

    fn absolute_or_child(&self, path: &[String]) -> Option<Name> {
        self.absolute(path).or_else(|| path.first().filter(|p| *p != "std").map(|_| [&self.at[..], path].concat()))
    }

    fn bring(&mut self, name: String, path: &[String]) {
        // `pub use child::Name` in a `mod.rs`: the child is a module of its own.
        if let Some(full) = self.absolute_or_child(path) {
            self.module.uses.insert(name, full);
        }
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        if !for_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        if !for_tests(&item.attrs) {
            self.tree(&item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let parts: Name = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if let Some(full) = self.absolute(&parts) {
            self.module.paths.insert(full);
        }
        visit::visit_path(self, path);
    }
}
