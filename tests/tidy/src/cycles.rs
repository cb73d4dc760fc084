//! No import cycle between the folders of a crate.

use super::source::{Crate, Name};
use std::collections::{BTreeMap, BTreeSet};

/// The crates whose folders are compared with the rule, with their source folders.
pub(crate) const CRATES: [(&str, &str); 6] = [
    ("engine", "engine/src"),
    ("driver", "engine/driver/src"),
    ("wire", "engine/wire/src"),
    ("cli", "cli/src"),
    ("mock", "engine/mock/src"),
    ("fleet", "fleet/src"),
];

/// The folder a module belongs to: its own where it has children (`mod.rs`, or `name.rs` beside `name/`), else its
/// parent's.
fn folder(of: &Crate, module: &Name) -> Name {
    let is_folder = module.is_empty() || of.modules.keys().any(|k| k.len() > module.len() && k.starts_with(module));
    if is_folder || module.len() == 1 { module.clone() } else { module[..module.len() - 1].to_vec() }
}

fn edges(of: &Crate) -> BTreeSet<(Name, Name)> {
    let imports = of.imports();
    let between = imports.iter().map(|(from, to)| (folder(of, from), folder(of, to)));
    // The crate's root names its modules: it is above all of them. So is a folder's `mod.rs` above what lies in the
    // folder.
    between.filter(|(from, to)| from != to && !from.is_empty() && !to.starts_with(from)).collect()
}

/// The groups of folders that reach one another.
pub(crate) fn knots(edges: &BTreeSet<(Name, Name)>) -> Vec<BTreeSet<Name>> {
    let nodes: BTreeSet<&Name> = edges.iter().flat_map(|(a, b)| [a, b]).collect();
    let mut reach: BTreeMap<&Name, BTreeSet<&Name>> = BTreeMap::new();
    for node in &nodes {
        let mut seen = BTreeSet::new();
        let mut open = vec![*node];
        while let Some(at) = open.pop() {
            for (_, to) in edges.iter().filter(|(from, _)| from == at) {
                if seen.insert(to) {
                    open.push(to);
                }
            }
        }
        reach.insert(node, seen);
    }
    let mut knots: Vec<BTreeSet<Name>> = vec![];
    for node in &nodes {
        if knots.iter().any(|k| k.contains(*node)) || !reach[node].contains(node) {
            continue;
        }
        knots.push(
            nodes
                .iter()
                .filter(|n| reach[*node].contains(**n) && reach[*n].contains(node))
                .map(|n| (*n).clone())
                .collect(),
        );
    }
    knots
}

#[test]
fn no_folder_imports_one_that_imports_it() {
    let mut found = BTreeMap::new();
    for (name, sources) in CRATES {
        let edges = edges(&Crate::read(sources));
        for knot in knots(&edges) {
            for (from, to) in edges.iter().filter(|(a, b)| knot.contains(a) && knot.contains(b)) {
                found.insert(format!("{name}: {} -> {}", from.join("/"), to.join("/")), 1);
            }
        }
    }
    super::debts::check("cycle", &found);
}

#[test]
fn a_knot_is_found_and_a_chain_is_none() {
    let name = |s: &str| vec![s.to_owned()];
    let edge = |a, b| (name(a), name(b));
    let edges = BTreeSet::from([edge("a", "b"), edge("b", "c"), edge("c", "b"), edge("c", "d")]);
    assert_eq!(knots(&edges), [BTreeSet::from([name("b"), name("c")])]);
}
