//! A struct with many fields is written by its own file only: who changes a field can then be found by reading one
//! file.

use super::source::{is_test, rust};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};

/// A struct of so many fields is large.
const MANY: usize = 12;

/// The private fields of a large struct that are visible to other files, and who else assigns them.
struct Large {
    name: String,
    file: String,
    fields: BTreeSet<String>,
}

#[derive(Default)]
struct Assigned {
    fields: BTreeSet<String>,
}

impl<'a> Visit<'a> for Assigned {
    fn visit_expr_assign(&mut self, e: &'a syn::ExprAssign) {
        self.target(&e.left);
        visit::visit_expr_assign(self, e);
    }

    fn visit_expr_binary(&mut self, e: &'a syn::ExprBinary) {
        use syn::BinOp as B;
        let assigns = [
            matches!(e.op, B::AddAssign(_) | B::SubAssign(_) | B::MulAssign(_) | B::DivAssign(_)),
            matches!(e.op, B::BitOrAssign(_) | B::BitAndAssign(_) | B::RemAssign(_) | B::BitXorAssign(_)),
        ];
        if assigns.contains(&true) {
            self.target(&e.left);
        }
        visit::visit_expr_binary(self, e);
    }
}

impl Assigned {
    fn target(&mut self, left: &syn::Expr) {
        if let syn::Expr::Field(f) = left
            && let syn::Member::Named(name) = &f.member
        {
            self.fields.insert(name.to_string());
        }
    }
}

#[test]
fn a_large_struct_is_written_by_its_own_file() {
    let files: Vec<_> =
        ["engine/src", "engine/driver/src", "engine/wire/src", "cli/src", "engine/mock/src", "fleet/src"]
            .into_iter()
            .flat_map(rust)
            .filter(|(path, _)| !is_test(path))
            .map(|(path, text)| (path.display().to_string(), syn::parse_file(&text).expect("Rust")))
            .collect();
    let mut large = vec![];
    for (path, file) in &files {
        for item in &file.items {
            let syn::Item::Struct(item) = item else {
                continue;
            };
            let open = |f: &&syn::Field| !matches!(f.vis, syn::Visibility::Inherited | syn::Visibility::Public(_));
            if item.fields.len() >= MANY && item.fields.iter().any(|f| open(&f)) {
                let fields = item.fields.iter().filter(open).filter_map(|f| f.ident.as_ref().map(ToString::to_string));
                large.push(Large { name: item.ident.to_string(), file: path.clone(), fields: fields.collect() });
            }
        }
    }
    let mut found = BTreeMap::new();
    for large in &large {
        let folder = large.file.rsplit_once('/').expect("a folder").0;
        let others = files.iter().filter(|(path, _)| *path != large.file && path.starts_with(folder));
        let writers = others.filter(|(_, file)| {
            let mut assigned = Assigned::default();
            assigned.visit_file(file);
            !assigned.fields.is_disjoint(&large.fields)
        });
        let writers = writers.count();
        if writers > 0 {
            found.insert(format!("{}: {}", large.file, large.name), writers);
        }
    }
    super::debts::check("writers", &found);
}
