//! What templates of public models do, and what no template may do.

use super::budget::Limits;
use super::*;
use minijinja::context;

/// Small limits: every refusal comes long before a machine feels it.
const SMALL: Limits = Limits {
    source: 2_000,
    operators: 40,
    instructions: 20_000,
    value: 10_000,
    nesting: 8,
    work: 100_000,
    namespaces: 10,
};

fn said(source: &str) -> Result<String, String> {
    let mut environment = environment();
    environment.set_unknown_method_callback(|state, value, method, args| {
        check_method(value, method, args)?;
        minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args)
    });
    let whitespace = WhitespaceConfig::default();
    let template = Bounded::within(SMALL, environment, source, whitespace).map_err(|e| format!("{e:#}"))?;
    let messages =
        vec![context! { role => "user", content => "Hello" }, context! { role => "assistant", content => "Hi" }];
    template.render(context! { messages, text => "abc" }).map_err(|e| format!("{e:#}"))
}

#[test]
fn templates_say_what_they_say_without_limits() {
    for (source, expected) in [
        ("a{{ text }}b", "aabcb"),
        ("{{ 'a' ~ 1 ~ none ~ true }}|{{ 'a' + 'b' }}|{{ 1 + 2 * 3 }}|{{ 2 * 1.5 }}", "a1NoneTrue|ab|7|3.0"),
        ("{{ 'ab' * 2 }}|{{ 2 * 'ab' }}|{{ [1] * 2 }}|{{ ([1] + [2])|join(',') }}", "abab|abab|[1, 1]|1,2"),
        ("{{ 2 ** 10 }}|{{ 7 // 2 }}|{{ 7 % 2 }}|{{ 7 / 2 }}|{{ -3 * 2 }}|{{ 3 - 1 }}", "1024|3|1|3.5|-6|2"),
        (
            "{% for m in messages %}{{ loop.index }}{{ m.role }}{{ ',' if not loop.last }}{% endfor %}",
            "1user,2assistant",
        ),
        ("{% for i in range(3) if i != 1 %}{{ i }}{% else %}none{% endfor %}", "02"),
        (
            "{% for x in [[1, [2]], 3] recursive %}{{ x if x is number else '(' ~ loop(x) ~ ')' }}{% endfor %}",
            "(1(2))3",
        ),
        (
            "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + m.content|length %}{% endfor %}{{ ns.n }}",
            "7",
        ),
        ("{% set x %}<{{ text }}>{% endset %}{{ x|upper }}{% set y | trim %}  z {% endset %}{{ y }}", "<ABC>z"),
        (
            "{% macro f(a, b='d') %}[{{ a }}{{ b }}{{ caller() if caller }}]{% endmacro %}{{ f(1) }}{{ f(b=2, a='x') }}{% call f(3) %}c{% endcall %}",
            "[1d][x2][3dc]",
        ),
        ("{% filter upper %}{{ text }}{% endfilter %}{% with a = 1, b = a + 1 %}{{ b }}{% endwith %}", "ABC2"),
        ("{{ text[1:] }}{{ text[::-1] }}{{ messages[0]['role'] }}{{ messages[-1].content }}", "bccbauserHi"),
        (
            "{{ nothing is defined }}{{ nothing|default('d') }}{{ text is string }}{{ text in 'xabcx' }}{{ 1 < 2 <= 2 }}",
            "FalsedTrueTrueTrue",
        ),
        (
            "{{ {'a': [1, {'b': 2}]}|tojson }}|{{ 'a-b'.replace('-', '+').split('+')|list }}|{{ 'x'.join(['1', '2']) }}",
            "{\"a\":[1,{\"b\":2}]}|['a', 'b']|1x2",
        ),
        (
            "{{ 'a\nb'|indent(2) }}|{{ '%s-%d'|format('x', 3) }}|{{ [1, 2, 3]|batch(2)|list }}|{{ 'aab'|replace('a', 'c') }}",
            "a\n  b|x-3|[[1, 2], [3]]|ccb",
        ),
        (
            "{{ messages|map(attribute='role')|join(' ') }}|{{ messages|selectattr('role', 'equalto', 'user')|list|length }}",
            "user assistant|1",
        ),
        (
            "{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}{% for x in [1, 2] %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% break %}{% endfor %}",
            "a12",
        ),
        ("{% block b %}x{% endblock %}{{ self.b() }}", "xx"),
    ] {
        assert_eq!(said(source).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn what_jinja2_renders_otherwise_is_rendered_as_it_does() {
    for (source, expected) in [
        // Values that have elements.
        (
            "{{ none is iterable }}{{ 1 is iterable }}{{ 'a' is iterable }}{{ [] is iterable }}{{ {} is iterable }}",
            "FalseFalseTrueTrueTrue",
        ),
        ("{{ nothing is iterable }}{% for x in nothing %}x{% else %}-{% endfor %}", "True-"),
        ("{%- if tools is iterable and tools | length > 0 %}TOOLS{%- endif %}-", "-"),
        (
            "{{ 'a' is sequence }}{{ [1] is sequence }}{{ {} is sequence }}{{ 1 is sequence }}{{ none is sequence }}",
            "TrueTrueTrueFalseFalse",
        ),
        ("{{ true is number }}{{ 1.5 is number }}{{ '1' is number }}{{ true is integer }}", "TrueTrueFalseFalse"),
        // Lists and maps as text.
        ("{{ ['string', 'null'] }}", "['string', 'null']"),
        ("{{ ['string', 'null'] | upper }}", "['STRING', 'NULL']"),
        ("{{ 'type: ' ~ ['a', 1, 1.0, none, true, [\"it's\"]] }}", "type: ['a', 1, 1.0, None, True, [\"it's\"]]"),
        ("{{ {'a': {'b': ['c\\n', '\\'\\\"']}} | string }}", "{'a': {'b': ['c\\n', '\\'\"']}}"),
        ("{{ {'a': 1} ~ 'x' }}{{ [] ~ {} }}", "{'a': 1}x[]{}"),
        // Line ends of other systems.
        ("{% if true %}\r\na\r\n{% endif %}b\rc", "\na\nb\nc"),
    ] {
        assert_eq!(said(source).as_deref(), Ok(expected), "{source}");
    }
    for source in ["{% for x in none %}{% endfor %}", "{{ none|list }}", "{{ none|join(',') }}", "{{ none|first }}"] {
        assert!(said(source).unwrap_err().contains("'NoneType' object is not iterable"), "{source}");
    }
}

#[test]
fn no_value_outgrows_its_limit() {
    let doubled = |start: &str, step: &str| {
        format!(
            "{{% set ns = namespace(x={start}) %}}{{% for i in range(200) %}}{{% set ns.x = {step} %}}{{% endfor %}}{{{{ ns.x|length }}}}"
        )
    };
    for source in [
        doubled("text", "ns.x ~ ns.x"),
        doubled("text", "ns.x + ns.x"),
        doubled("text", "ns.x * 2"),
        doubled("text", "2 * ns.x"),
        doubled("[1]", "ns.x + ns.x"),
        doubled("[1]", "ns.x * 2"),
        doubled("text", "ns.x|replace('a', 'aaa')"),
        doubled("text", "ns.x.replace('a', 'aaa')"),
        doubled("text", "[ns.x, ns.x]|join"),
        doubled("text", "''.join([ns.x, ns.x])"),
        doubled("text", "'%s%s'|format(ns.x, ns.x)"),
        doubled("text", "'{}{}'.format(ns.x, ns.x)"),
        "{% set ns = namespace(x=text) %}{% for i in range(200) %}{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}{% endfor %}".into(),
        "{% macro f(x) %}{{ x }}{{ x }}{% endmacro %}{{ f(f(f(f(f(f(f(f(f(f(f(f(text * 10)))))))))))) }}".into(),
        "{{ 'a' * 1000000000 }}".into(),
        "{{ ['a'] * 1000000000 }}".into(),
        "{{ ('x' * 3000)|replace('', 'y' * 3000) }}".into(),
        "{{ range(1000)|join('x' * 1000) }}".into(),
        "{{ text|indent(1000000000) }}".into(),
        "{{ text|indent(width=1000000000) }}".into(),
    ] {
        let e = said(&source).unwrap_err();
        assert!(e.contains("larger than the limit of") || e.contains("text than the limit of"), "{source}: {e}");
    }
}

#[test]
fn widths_counts_and_nesting_have_limits() {
    for (source, words) in [
        ("{{ '%1000000000d'|format(1) }}", "width of 1000000000 is over the limit"),
        ("{{ '%.99999999999999999999e'|format(1.5) }}", "is over the limit"),
        ("{{ '%*d'|format(1000000000, 1) }}", "width of 1000000000 is over the limit"),
        ("{{ '{:1000000000}'.format(1) }}", "width of 1000000000 is over the limit"),
        ("{{ [1]|batch(1000000000, 0) }}", "over the limit of 10000"),
        ("{{ [1]|slice(1000000000) }}", "over the limit of 10000"),
        ("{{ {'a': 1}|tojson(indent=1000000000) }}", "over the limit of 64"),
        ("{{ range(1000000000)|length }}", "range has too many elements"),
        (
            "{% set ns = namespace(x=1) %}{% for i in range(50) %}{% set ns.x = [ns.x] %}{% endfor %}",
            "nested deeper than the limit of 8",
        ),
        ("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", "nested deeper than the limit of 8"),
        (
            "{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = [b] %}{{ a|string }}",
            "nested deeper than the limit of 8",
        ),
        ("{% for i in range(50) %}{% set ns = namespace() %}{% endfor %}", "limit of 10 namespaces"),
        ("{{ '%used'|string }}{{ debug() }}", "unknown function"),
    ] {
        let e = said(source).unwrap_err();
        assert!(e.contains(words), "{source}: {e}");
    }
}

#[test]
fn instructions_and_work_have_limits() {
    let loops = "{% for a in range(500) %}{% for b in range(500) %}{{ a }}{% endfor %}{% endfor %}";
    let e = said(loops).unwrap_err();
    assert!(e.contains("limit of 20000 instructions"), "{e}");
    let recursion = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
    assert!(said(recursion).unwrap_err().contains("recursion"), "{:?}", said(recursion));
    for block in [
        "{% block a %}{{ self.a() }}{% endblock %}",
        "{% block a %}{{ self.b() }}{% endblock %}{% block b %}{{ self.a() }}{% endblock %}",
        "{% block a %}{% set x = [self.a()|upper]|tojson %}{{ x }}{% endblock %}",
    ] {
        // As much stack as the thread of the command line that prepares a run.
        let rendering = std::thread::Builder::new().stack_size(16 << 20).spawn(move || said(block)).unwrap();
        let said = rendering.join().unwrap();
        assert!(said.as_ref().is_err_and(|e| e.contains("recursion")), "{said:?}");
    }
    // Few instructions, each of which looks at a thousand elements.
    let looks = "{% set x = range(500)|list %}{% for i in range(500) %}{{ '' if x == x }}{% endfor %}";
    let e = said(looks).unwrap_err();
    assert!(e.contains("limit of 100000 elements"), "{e}");
}

#[test]
fn sources_have_limits_and_stand_alone() {
    let chain = format!("{{{{ {}1 }}}}", "1 ~ ".repeat(100));
    let elifs = format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(100));
    let long = "x".repeat(3_000);
    for (source, words) in [
        (chain.as_str(), "limit of 40 operators"),
        (elifs.as_str(), "limit of 40 operators"),
        (long.as_str(), "limit of 2000 bytes"),
        ("{% include 'other' %}", "names another template"),
        ("{% import 'other' as o %}", "names another template"),
        ("{% extends 'other' %}", "names another template"),
        ("{{ %used(1) }}", "syntax error"),
        ("{% if %}", "syntax error"),
    ] {
        let e = said(source).unwrap_err();
        assert!(e.contains(words), "{source}: {e}");
    }
}

#[test]
fn the_limit_on_a_value_grows_with_the_input() {
    let whitespace = WhitespaceConfig::default();
    let template = Bounded::within(SMALL, environment(), "{{ text ~ text }}", whitespace).unwrap();
    let text = "x".repeat(100_000);
    assert_eq!(template.render(context! { text }).unwrap().len(), 200_000);
    // Each rendering has the whole of the limits.
    for _ in 0..1_000 {
        assert_eq!(template.render(context! { text => "ab" }).unwrap(), "abab");
    }
}
