//! Jinja templates of strangers: rendered within named limits on instructions, on every value, and on all that is made
//! together. Pure.
//!
//! minijinja bounds instructions and the nesting of calls. What an instruction makes is bounded here: a template is
//! compiled from a tree in which the result of every operator, filter, call and literal passes through a check, and so
//! does everything that is written.

mod budget;
mod filters;
mod python;
mod rebuild;

pub(crate) use filters::{check_indent, check_method};

use budget::Limits;
use minijinja::machinery::{CodeGenerator, Instructions, Vm, WhitespaceConfig, make_string_output, parse};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Value};
use std::collections::BTreeMap;

/// An environment for [`Bounded`]: the filters and functions that could make large values are replaced, and nothing is
/// escaped.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // An error would show all variables, at any length.
    environment.set_debug(false);
    // A level takes some 10 KiB of the stack in an unoptimised build, and a block that calls itself counts as one.
    environment.set_recursion_limit(LEVELS);
    filters::install(&mut environment);
    python::install(&mut environment);
    environment
}

/// How deep macros, blocks and loops may call themselves or each other.
const LEVELS: usize = 200;

/// A template, compiled with its checks.
#[derive(Debug)]
pub(crate) struct Bounded {
    environment: Environment<'static>,
    instructions: Instructions<'static>,
    blocks: BTreeMap<&'static str, Instructions<'static>>,
    limits: Limits,
}

impl Bounded {
    /// Compiles a template for an environment that [`environment`] has made.
    ///
    /// # Errors
    /// When the source is no template, is over a limit, or names other templates.
    pub(crate) fn new(
        environment: Environment<'static>,
        source: &str,
        whitespace: WhitespaceConfig,
    ) -> Result<Self, Error> {
        Self::within(Limits::DEFAULT, environment, source, whitespace)
    }

    fn within(
        limits: Limits,
        mut environment: Environment<'static>,
        source: &str,
        whitespace: WhitespaceConfig,
    ) -> Result<Self, Error> {
        let source = python::with_line_feeds(source);
        rebuild::check_source(&source, &limits, whitespace)?;
        environment.set_fuel(Some(limits.instructions));
        // A command names one template or two, and compiled code borrows its source: it is kept until the process ends.
        let source: &'static str = Box::leak(source.into_boxed_str());
        let tree = parse(source, NAME, SyntaxConfig, whitespace)?;
        let mut generator = CodeGenerator::new(NAME, source);
        generator.compile_stmt(&rebuild::with_checks(&tree)?);
        let (instructions, blocks) = generator.finish();
        Ok(Self { environment, instructions, blocks, limits })
    }

    /// Renders the template.
    ///
    /// # Errors
    /// What the template itself refuses, and what passes a limit, which the error names.
    pub(crate) fn render(&self, context: Value) -> Result<String, Error> {
        budget::begin(self.limits, &context)?;
        let mut text = String::new();
        let mut output = make_string_output(&mut text);
        let vm = Vm::new(&self.environment);
        let done = vm.eval(&self.instructions, context, &self.blocks, &mut output, AutoEscape::None);
        match done {
            Ok(_) => Ok(text),
            Err(e) if e.kind() == ErrorKind::OutOfFuel => Err(Error::new(
                ErrorKind::OutOfFuel,
                format!("it takes more than the limit of {} instructions", self.limits.instructions),
            )),
            Err(e) => Err(e),
        }
    }
}

const NAME: &str = "template";

#[cfg(test)]
mod tests;
