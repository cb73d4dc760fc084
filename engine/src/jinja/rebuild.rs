//! A template's tree with a check around everything that makes or looks at a value.

use super::budget::{Limits, refused};
use super::filters::{MADE, MUL, USED};
use super::python::{CONCAT, ITERATED, OF_ELEMENTS, OF_TEXT, TEXT};
use minijinja::machinery::ast::{
    AutoEscape, BinOp, BinOpKind, Block, Break, Call, CallArg, CallBlock, Compare, CompareOp, Const, Continue, Do,
    EmitExpr, Expr, Filter, FilterBlock, ForLoop, GetAttr, GetItem, IfCond, IfExpr, List, Macro, Map, Set, SetBlock,
    Slice, Spanned, Stmt, Template, Test, UnaryOp, UnaryOpKind, Var, WithBlock,
};
use minijinja::machinery::{Span, Token, WhitespaceConfig, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Error, Value};

/// Refuses a source whose tree would be large or deep, before there is one.
pub(super) fn check_source(source: &str, limits: &Limits, whitespace: WhitespaceConfig) -> Result<(), Error> {
    if source.len() > limits.source {
        return Err(refused(format!("it has more than the limit of {} bytes", limits.source)));
    }
    let (mut operators, mut elifs) = (0, 0);
    for token in tokenize(source, false, SyntaxConfig, whitespace) {
        match token?.0 {
            Token::BlockStart | Token::VariableStart => operators = 0,
            Token::Ident("elif") => elifs += 1,
            Token::Ident("and" | "or" | "not" | "if" | "is" | "in")
            | Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::FloorDiv
            | Token::Pow
            | Token::Mod
            | Token::Dot
            | Token::Tilde
            | Token::Pipe
            | Token::Eq
            | Token::Ne
            | Token::Gt
            | Token::Gte
            | Token::Lt
            | Token::Lte
            | Token::BracketOpen
            | Token::ParenOpen => operators += 1,
            _ => {}
        }
        if operators > limits.operators || elifs > limits.operators {
            return Err(refused(format!("a tag of it has more than the limit of {} operators", limits.operators)));
        }
    }
    Ok(())
}

/// The same tree with checks.
///
/// # Errors
/// When it names another template.
pub(super) fn with_checks<'a>(tree: &Stmt<'a>) -> Result<Stmt<'a>, Error> {
    let mut made = statement(tree)?;
    match made.pop() {
        Some(only) if made.is_empty() => Ok(only),
        _ => Err(refused("it is no template".into())),
    }
}

fn body<'a>(statements: &[Stmt<'a>]) -> Result<Vec<Stmt<'a>>, Error> {
    let mut all = Vec::with_capacity(statements.len());
    for each in statements {
        all.extend(statement(each)?);
    }
    Ok(all)
}

fn statement<'a>(statement: &Stmt<'a>) -> Result<Vec<Stmt<'a>>, Error> {
    let mut after = None;
    let made = match statement {
        Stmt::Template(s) => Stmt::Template(Spanned::new(Template { children: body(&s.children)? }, s.span())),
        Stmt::EmitExpr(s) => Stmt::EmitExpr(Spanned::new(EmitExpr { expr: expression(&s.expr) }, s.span())),
        // Written through the formatter, which counts.
        Stmt::EmitRaw(s) => {
            let text = Expr::Const(Spanned::new(Const { value: Value::from(s.raw) }, s.span()));
            Stmt::EmitExpr(Spanned::new(EmitExpr { expr: text }, s.span()))
        }
        Stmt::ForLoop(s) => {
            let made = ForLoop {
                target: target(&s.target),
                iter: iterated(expression(&s.iter)),
                filter_expr: s.filter_expr.as_ref().map(expression),
                recursive: s.recursive,
                body: body(&s.body)?,
                else_body: body(&s.else_body)?,
            };
            Stmt::ForLoop(Spanned::new(made, s.span()))
        }
        Stmt::IfCond(s) => {
            let made =
                IfCond { expr: expression(&s.expr), true_body: body(&s.true_body)?, false_body: body(&s.false_body)? };
            Stmt::IfCond(Spanned::new(made, s.span()))
        }
        Stmt::WithBlock(s) => {
            let assignments = s.assignments.iter().map(|(to, value)| (target(to), expression(value)));
            let made = WithBlock { assignments: assignments.collect(), body: body(&s.body)? };
            Stmt::WithBlock(Spanned::new(made, s.span()))
        }
        Stmt::Set(s) => {
            after = owner(&s.target);
            Stmt::Set(Spanned::new(Set { target: target(&s.target), expr: expression(&s.expr) }, s.span()))
        }
        Stmt::SetBlock(s) => {
            after = owner(&s.target);
            let filter = s.filter.as_ref().map(expression);
            Stmt::SetBlock(Spanned::new(SetBlock { target: target(&s.target), filter, body: body(&s.body)? }, s.span()))
        }
        Stmt::AutoEscape(s) => Stmt::AutoEscape(Spanned::new(
            AutoEscape { enabled: expression(&s.enabled), body: body(&s.body)? },
            s.span(),
        )),
        Stmt::FilterBlock(s) => Stmt::FilterBlock(Spanned::new(
            FilterBlock { filter: expression(&s.filter), body: body(&s.body)? },
            s.span(),
        )),
        Stmt::Block(s) => {
            Stmt::Block(Spanned::new(Block { name: s.name, required: s.required, body: body(&s.body)? }, s.span()))
        }
        Stmt::Macro(s) => Stmt::Macro(procedure(s)?),
        Stmt::CallBlock(s) => Stmt::CallBlock(Spanned::new(
            CallBlock { call: call(&s.call), macro_decl: procedure(&s.macro_decl)? },
            s.span(),
        )),
        Stmt::Continue(s) => Stmt::Continue(Spanned::new(Continue, s.span())),
        Stmt::Break(s) => Stmt::Break(Spanned::new(Break, s.span())),
        Stmt::Do(s) => Stmt::Do(Spanned::new(Do { call: call(&s.call) }, s.span())),
        Stmt::Import(_) | Stmt::FromImport(_) | Stmt::Extends(_) | Stmt::Include(_) => {
            return Err(refused("it names another template (include, import, extends), and there is none".into()));
        }
    };
    Ok(std::iter::once(made).chain(after).collect())
}

/// A check of the namespace that an assignment has changed: only so can a value come to hold itself.
fn owner<'a>(target: &Expr<'a>) -> Option<Stmt<'a>> {
    match target {
        Expr::GetAttr(attribute) => {
            let span = attribute.span();
            let checked = function(USED, vec![CallArg::Pos(self::target(&attribute.expr))], span);
            Some(Stmt::Do(Spanned::new(Do { call: checked }, span)))
        }
        Expr::List(list) => list.items.iter().find_map(owner),
        _ => None,
    }
}

fn procedure<'a>(s: &Spanned<Macro<'a>>) -> Result<Spanned<Macro<'a>>, Error> {
    let made = Macro {
        name: s.name,
        args: s.args.iter().map(target).collect(),
        defaults: s.defaults.iter().map(expression).collect(),
        body: body(&s.body)?,
    };
    Ok(Spanned::new(made, s.span()))
}

/// What is assigned to, and what is looked up, as it is.
fn target<'a>(expr: &Expr<'a>) -> Expr<'a> {
    match expr {
        Expr::Var(e) => Expr::Var(Spanned::new(Var { id: e.id }, e.span())),
        Expr::GetAttr(e) => Expr::GetAttr(Spanned::new(GetAttr { expr: target(&e.expr), name: e.name }, e.span())),
        Expr::List(e) => Expr::List(Spanned::new(List { items: e.items.iter().map(target).collect() }, e.span())),
        other => expression(other),
    }
}

fn expression<'a>(expr: &Expr<'a>) -> Expr<'a> {
    let some = |expr: &Option<Expr<'a>>| expr.as_ref().map(expression);
    match expr {
        Expr::Var(_) => target(expr),
        Expr::Const(e) => Expr::Const(Spanned::new(Const { value: e.value.clone() }, e.span())),
        Expr::Slice(e) => {
            let made = Slice {
                expr: used(expression(&e.expr)),
                start: some(&e.start),
                stop: some(&e.stop),
                step: some(&e.step),
            };
            self::made(Expr::Slice(Spanned::new(made, e.span())))
        }
        Expr::UnaryOp(e) => {
            let op = if matches!(e.op, UnaryOpKind::Not) { UnaryOpKind::Not } else { UnaryOpKind::Neg };
            Expr::UnaryOp(Spanned::new(UnaryOp { op, expr: expression(&e.expr) }, e.span()))
        }
        Expr::BinOp(e) => binary(e),
        Expr::Compare(e) => {
            let ops = e.ops.iter().map(|op| CompareOp { op: op.op, expr: used(expression(&op.expr)) });
            Expr::Compare(Spanned::new(Compare { expr: used(expression(&e.expr)), ops: ops.collect() }, e.span()))
        }
        Expr::IfExpr(e) => {
            let made = IfExpr {
                test_expr: expression(&e.test_expr),
                true_expr: expression(&e.true_expr),
                false_expr: some(&e.false_expr),
            };
            Expr::IfExpr(Spanned::new(made, e.span()))
        }
        Expr::Filter(e) => {
            let operand = e.expr.as_ref().map(|expr| operand_of(e.name, expression(expr)));
            self::made(Expr::Filter(Spanned::new(
                Filter { name: e.name, expr: operand, args: arguments(&e.args) },
                e.span(),
            )))
        }
        Expr::Test(e) => {
            // What is tested for being there is looked up as it is.
            let operand = if PLAIN_TESTS.contains(&e.name) { expression(&e.expr) } else { used(expression(&e.expr)) };
            Expr::Test(Spanned::new(Test { name: e.name, expr: operand, args: arguments(&e.args) }, e.span()))
        }
        Expr::GetAttr(e) => Expr::GetAttr(Spanned::new(GetAttr { expr: expression(&e.expr), name: e.name }, e.span())),
        Expr::GetItem(e) => {
            let made = GetItem { expr: expression(&e.expr), subscript_expr: expression(&e.subscript_expr) };
            Expr::GetItem(Spanned::new(made, e.span()))
        }
        Expr::Call(e) => self::made(Expr::Call(call(e))),
        Expr::List(e) => {
            let items = e.items.iter().map(expression).collect();
            self::made(Expr::List(Spanned::new(List { items }, e.span())))
        }
        Expr::Map(e) => {
            let made = Map {
                keys: e.keys.iter().map(expression).collect(),
                values: e.values.iter().map(expression).collect(),
            };
            self::made(Expr::Map(Spanned::new(made, e.span())))
        }
    }
}

fn binary<'a>(e: &Spanned<BinOp<'a>>) -> Expr<'a> {
    let (left, right, span) = (expression(&e.left), expression(&e.right), e.span());
    let plain = |left, right| Expr::BinOp(Spanned::new(BinOp { op: e.op, left, right }, span));
    match e.op {
        BinOpKind::ScAnd | BinOpKind::ScOr => plain(left, right),
        // The sizes of operands are looked at before they are multiplied.
        BinOpKind::Mul => made(Expr::Call(function(MUL, vec![CallArg::Pos(left), CallArg::Pos(right)], span))),
        BinOpKind::Concat => made(Expr::Call(function(CONCAT, vec![CallArg::Pos(left), CallArg::Pos(right)], span))),
        // An operand that is checked is no constant: nothing is worked out when the template is compiled.
        BinOpKind::Add | BinOpKind::Pow => made(plain(checked(left), used(right))),
        _ => plain(used(left), used(right)),
    }
}

fn call<'a>(e: &Spanned<Call<'a>>) -> Spanned<Call<'a>> {
    let callee = match &e.expr {
        Expr::GetAttr(method) => {
            let receiver = match &method.expr {
                // `self.block()` is a call of its own.
                Expr::Var(var) if var.id == "self" => target(&method.expr),
                other => used(expression(other)),
            };
            Expr::GetAttr(Spanned::new(GetAttr { expr: receiver, name: method.name }, method.span()))
        }
        other => target(other),
    };
    Spanned::new(Call { expr: callee, args: arguments(&e.args) }, e.span())
}

fn arguments<'a>(args: &[CallArg<'a>]) -> Vec<CallArg<'a>> {
    let each = |arg: &CallArg<'a>| match arg {
        CallArg::Pos(e) => CallArg::Pos(used(expression(e))),
        CallArg::Kwarg(name, e) => CallArg::Kwarg(name, used(expression(e))),
        CallArg::PosSplat(e) => CallArg::PosSplat(used(expression(e))),
        CallArg::KwargSplat(e) => CallArg::KwargSplat(used(expression(e))),
    };
    args.iter().map(each).collect()
}

fn made(expr: Expr<'_>) -> Expr<'_> {
    let span = expr.span();
    Expr::Call(function(MADE, vec![CallArg::Pos(expr)], span))
}

fn used(expr: Expr<'_>) -> Expr<'_> {
    // Text of the template itself is short, and what has just been checked need not be again.
    if matches!(&expr, Expr::Call(_) | Expr::Const(_)) { expr } else { checked(expr) }
}

/// What a filter of this name is given: elements, text, or a value as it is.
fn operand_of<'a>(filter: &str, expr: Expr<'a>) -> Expr<'a> {
    let name = match filter {
        name if OF_ELEMENTS.contains(&name) => ITERATED,
        name if OF_TEXT.contains(&name) => TEXT,
        _ => return used(expr),
    };
    let span = expr.span();
    Expr::Call(function(name, vec![CallArg::Pos(expr)], span))
}

fn iterated(expr: Expr<'_>) -> Expr<'_> {
    let span = expr.span();
    Expr::Call(function(ITERATED, vec![CallArg::Pos(expr)], span))
}

fn checked(expr: Expr<'_>) -> Expr<'_> {
    let span = expr.span();
    Expr::Call(function(USED, vec![CallArg::Pos(expr)], span))
}

fn function<'a>(name: &'static str, args: Vec<CallArg<'a>>, span: Span) -> Spanned<Call<'a>> {
    Spanned::new(Call { expr: Expr::Var(Spanned::new(Var { id: name }, span)), args }, span)
}

const PLAIN_TESTS: [&str; 4] = ["defined", "undefined", "none", "string"];
