//! The library names no flag of the program: its messages name a `Setting`, and the program says what its users write
//! for that.

use super::source::{for_tests, is_test, rust};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeMap;
use syn::visit::{self, Visit};

/// Flags of other programs: docker's, and those of Hugging Face's `hf`.
const OF_OTHERS: [&str; 4] =
    ["--ulimit memlock=", "--ulimit nofile=", "--pids-limit in docker", "--revision {revision}`"];

/// Whether a text holds `--name`, or one that is put together (`--{name}`).
fn names_a_flag(text: &str) -> bool {
    let text = OF_OTHERS.iter().fold(text.to_owned(), |text, other| text.replace(other, ""));
    text.match_indices("--").any(|(i, _)| {
        let begins = text[i + 2..].starts_with(|c: char| c.is_ascii_lowercase() || c == '{');
        begins && !text[..i].ends_with(|c: char| c.is_alphanumeric() || c == '-')
    })
}

/// The literals and the lines of documentation that name a flag; what is compiled for tests only is left out.
#[derive(Default)]
struct Literals {
    wrong: usize,
}

impl Literals {
    fn look(&mut self, literal: &syn::LitStr) {
        self.wrong += usize::from(names_a_flag(&literal.value()));
    }

    /// What stands in the call of a macro, which syn leaves unread.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut documents = false;
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) if !documents => {
                    if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                        self.look(&text);
                    }
                }
                TokenTree::Punct(p) if p.as_char() == '=' => continue,
                token => documents = matches!(&token, TokenTree::Ident(name) if name == "doc"),
            }
        }
    }
}

impl<'a> Visit<'a> for Literals {
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

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        if !for_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_attribute(&mut self, attribute: &'a syn::Attribute) {
        if let syn::Meta::NameValue(line) = &attribute.meta
            && line.path.is_ident("doc")
            && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &line.value
        {
            // A flag of another program stands behind its name: AIPerf's `--it`.
            self.wrong += usize::from(names_a_flag(&text.value().replace("'s `--", "'s `")));
        }
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        self.tokens(call.tokens.clone());
    }

    fn visit_lit_str(&mut self, literal: &'a syn::LitStr) {
        self.look(literal);
    }
}

fn wrong(text: &str) -> usize {
    let mut literals = Literals::default();
    literals.visit_file(&syn::parse_file(text).expect("Rust"));
    literals.wrong
}

#[test]
fn the_library_names_no_flag() {
    let mut found = BTreeMap::new();
    let files = ["engine/src", "engine/wire/src", "engine/driver/src", "fleet/src"].into_iter().flat_map(rust);
    for (path, text) in files.filter(|(path, _)| !is_test(path)) {
        let n = wrong(&text);
        if n > 0 {
            found.insert(path.display().to_string(), n);
        }
    }
    super::debts::check("flag", &found);
}

#[test]
fn a_flag_is_found_in_literals_and_documentation() {
    let code = r##"
        /// This: `--zero`. Not AIPerf's `--this`, nor curl's `--that`.
        const A: &str = "raise --one, or lower --two";
        fn f(name: &str) -> String {
            let _ = ["xn--a", "-----BEGIN", "--", "docker run --ulimit memlock=-1"];
            format!("--{name}: no such thing")
        }
        macro_rules! m { () => { /** Not `--this`. */ fn g() -> &'static str { r#"(--three)"# } } }
        #[cfg(test)]
        mod tests {
            const B: &str = "--four";
        }
    "##;
    assert_eq!(wrong(code), 4);
}
