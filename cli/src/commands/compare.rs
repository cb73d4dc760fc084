//! `ringload compare`

use crate::exit::Exit;
use crate::flags::{CompareArgs, Format};
use crate::page;
use crate::report::compare::{markdown, text};
use crate::runner::compare::comparison;
use crate::terminal::{columns, print, print_json};

/// Holds runs against a base, and says by how much they differ and how sure that is.
///
/// # Errors
/// When a run cannot be read, or a condition is none.
pub(crate) fn compare(args: &CompareArgs) -> anyhow::Result<Exit> {
    let found = comparison(args)?;
    match args.format {
        Format::Text => print(&text(&found, columns(std::io::stdout()).clamp(80, 120)))?,
        Format::Markdown => print(&markdown(&found))?,
        Format::Json => print_json(&found)?,
        Format::Html => print(&page::of_comparison(&found)?)?,
    }
    Ok(found.exit(args.fail_if_undecided))
}
