//! Functions that fit a screen or two, files with one purpose.

use super::source::{for_tests, is_test, rust};
use std::collections::BTreeMap;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

const OF_A_FUNCTION: usize = 80;
const OF_A_FILE: usize = 400;
/// `max_width` of rustfmt.toml, which leaves comments as they are.
const WIDTH: usize = 120;
/// A longer file says why it is one, in a comment that begins so.
const REASON: &str = "//! One file: ";

/// The folders whose code is compared with the rules.
const FOLDERS: [&str; 7] = ["engine", "cli", "bench", "fleet", "tests", "fuzz/src", "fuzz/fuzz_targets"];

struct Functions {
    long: Vec<(String, usize)>,
}

impl Functions {
    fn note(&mut self, name: &syn::Ident, block: &syn::Block) {
        // A function whose body is one expression that lists things is a table.
        let lines = block.span().end().line - block.span().start().line + 1;
        let table = block.stmts.len() == 1
            && matches!(
                block.stmts[0],
                syn::Stmt::Expr(
                    syn::Expr::Match(_) | syn::Expr::Array(_) | syn::Expr::Macro(_) | syn::Expr::Struct(_),
                    _
                )
            );
        if lines > OF_A_FUNCTION && !table {
            self.long.push((name.to_string(), lines));
        }
    }
}

impl<'a> Visit<'a> for Functions {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        if !for_tests(&item.attrs) {
            self.note(&item.sig.ident, &item.block);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        if !for_tests(&item.attrs) {
            self.note(&item.sig.ident, &item.block);
            visit::visit_impl_item_fn(self, item);
        }
    }
}

#[test]
fn a_function_fits_eighty_lines() {
    let mut found = BTreeMap::new();
    for (path, text) in FOLDERS.into_iter().flat_map(rust).filter(|(path, _)| !is_test(path)) {
        let mut functions = Functions { long: vec![] };
        functions.visit_file(&syn::parse_file(&text).expect("Rust"));
        for (name, lines) in functions.long {
            found.insert(format!("{}: {name}", path.display()), lines);
        }
    }
    super::debts::check("function", &found);
}

#[test]
fn a_file_has_at_most_four_hundred_lines_or_a_reason() {
    let mut found = BTreeMap::new();
    for (path, text) in FOLDERS.into_iter().flat_map(rust) {
        let lines = text.lines().count();
        if lines > OF_A_FILE && !text.lines().any(|line| line.starts_with(REASON)) {
            found.insert(path.display().to_string(), lines);
        }
    }
    super::debts::check("file", &found);
}

#[test]
fn a_comment_wraps_where_code_does() {
    let mut found = BTreeMap::new();
    for (path, text) in FOLDERS.into_iter().flat_map(rust) {
        let wide = text.lines().filter(|l| l.trim_start().starts_with("//") && l.chars().count() > WIDTH).count();
        if wide > 0 {
            found.insert(path.display().to_string(), wide);
        }
    }
    super::debts::check("wide", &found);
}
