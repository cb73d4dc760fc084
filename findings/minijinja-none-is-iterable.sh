#!/usr/bin/env bash
# minijinja 3.1.0 (PyPI, the Rust engine) takes `none` for iterable; Jinja2 3.1.6, which chat templates are written for, does not.
#
# Expected before it was run: both say no, since minijinja aims at Jinja2's behaviour and version 3 aligned how lists and maps are written.
# Seen: `{% if x is iterable %}` holds for none in minijinja, and a loop over none takes the branch for an empty list where Jinja2 raises an
# error. A chat template that asks `tools is iterable` (Qwen3-Coder's does) therefore renders a section for tools that nobody gave: another prompt, of
# another length. Lists, maps and integer division are written alike by both.
# Output seen:
#     {% if x is iterable %}…: minijinja 'iterable', Jinja2 'not iterable'
#     {% for i in x %}…: minijinja 'empty', Jinja2 'TypeError'
# Source: https://docs.rs/minijinja/latest/minijinja/tests/fn.is_iterable.html and https://jinja.palletsprojects.com/en/stable/templates/#jinja-tests.iterable
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --quiet --disable-pip-version-check install minijinja==3.1.0 jinja2==3.1.6
"$folder/env/bin/python" - <<'PY'
import jinja2
import minijinja


def both(template):
    told = []
    for render in (minijinja.Environment().render_str, lambda t, **v: jinja2.Template(t).render(**v)):
        try:
            told.append(render(template, x=None))
        except Exception as e:
            told.append(type(e).__name__)
    return told


for template, expected in [
    ("{% if x is iterable %}iterable{% else %}not iterable{% endif %}", ["iterable", "not iterable"]),
    ("{% for i in x %}item{% else %}empty{% endfor %}", ["empty", "TypeError"]),
    ("{{ [1, 'a', none, true] }} {{ -7 // 2 }}", ["[1, 'a', None, True] -4", "[1, 'a', None, True] -4"]),
]:
    seen = both(template)
    print(f"{template}\n    minijinja {seen[0]!r}, Jinja2 {seen[1]!r}")
    assert seen == expected, f"it was {expected}"
print("as it was found")
PY
