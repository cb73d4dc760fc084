//! Licences and origins of all dependencies, by the rules of `deny.toml`. `cargo deny check`, which `.ci/supply` runs
//! where it can be had, reads the same file and knows more: advisories, yanked versions.

use std::collections::BTreeSet;
use std::process::Command;

/// Everything that the lock file names, as `cargo metadata` tells it.
fn packages() -> Vec<serde_json::Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked", "--all-features"])
        .current_dir(super::source::root())
        .output()
        .expect("cargo metadata");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let all: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    all["packages"].as_array().expect("packages").clone()
}

/// The strings of a list in `deny.toml`, whose entries stand on lines of their own.
fn listed(name: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(super::source::root().join("deny.toml")).expect("deny.toml");
    let from = text.find(&format!("\n{name} = [")).expect("the list");
    let list = text[from..].split("\n]").next().expect("its end");
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_licence_is_permitted() {
    let allowed = listed("allow");
    let exceptions = listed("exceptions");
    let mut wrong = vec![];
    for package in packages().iter().filter(|p| !p["source"].is_null()) {
        let name = package["name"].as_str().expect("a name");
        let licence = package["license"].as_str().unwrap_or("none stated");
        let permitted = |id: &str| allowed.contains(id) || exceptions.contains(name) && exceptions.contains(id);
        let parsed = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX);
        let fits = parsed.is_ok_and(|e| {
            e.evaluate(|req| match &req.license {
                spdx::LicenseItem::Spdx { id, .. } => permitted(id.name),
                spdx::LicenseItem::Other { .. } => false,
            })
        });
        if !fits {
            wrong.push(format!("{name} {}: {licence}", package["version"]));
        }
    }
    assert!(wrong.is_empty(), "licences that deny.toml does not permit: {wrong:#?}");
}

#[test]
fn every_dependency_comes_from_the_registry_or_the_tree() {
    let banned = listed("deny");
    for package in packages() {
        let name = package["name"].as_str().expect("a name");
        let from = package["source"].as_str();
        assert!(from.is_none_or(|s| s.starts_with("registry+")), "{name} comes from {from:?}");
        assert!(!banned.contains(name), "{name} is banned by deny.toml");
    }
}
