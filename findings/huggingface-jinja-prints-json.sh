#!/usr/bin/env bash
# @huggingface/jinja 0.5.11 (npm) beside Jinja2 3.1.6: values that a chat template prints come out as JSON, not as Python writes them.
#
# Expected before it was run: the same text as Jinja2 for plain templates: the package is there to render the chat templates of models, which were written
# for Jinja2, and the prompts are what the models were trained on.
# Seen: `true` for True, nothing for None, double quotes in lists and objects, `a1` for 'a' ~ 1.0, and a remainder of -2 where Python has 1. A template that
# prints a tool or a switch directly gives other tokens in a browser or in Node.js than on the server, without an error, and counts of tokens differ.
# `none` behind `~` is an error there.
# Output seen (@huggingface/jinja 0.5.11; Jinja2 3.1.6):
#     thinking: {{ thinking }}         Jinja2: thinking: True              npm: thinking: true
#     budget: {{ budget }}.            Jinja2: budget: None.               npm: budget: .
#     {{ tools[0] }}                   Jinja2: {'name': 'f', 'strict': False} npm: {"name": "f", "strict": false}
#     {{ [thinking, 'a'] | string }}   Jinja2: [True, 'a']                 npm: [true, "a"]
#     {{ 'temperature ' ~ 1.0 }}       Jinja2: temperature 1.0             npm: temperature 1
#     {{ (messages | length - 7) % 3 }} Jinja2: 1                          npm: -2
# Source: https://jinja.palletsprojects.com/en/stable/templates/ and https://huggingface.co/docs/transformers/main/chat_templating
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install jinja2==3.1.6
npm install --silent --no-fund --no-audit @huggingface/jinja@0.5.11 >/dev/null
cat > seen.mjs <<'JS'
import fs from "node:fs";
import { Template } from "@huggingface/jinja";

const { templates, values } = JSON.parse(fs.readFileSync("cases.json", "utf8"));
console.log(JSON.stringify(templates.map((template) => new Template(template).render(values))));
JS
cat > seen.py <<'PY'
import json
import pathlib
import subprocess

from jinja2.sandbox import ImmutableSandboxedEnvironment

VALUES = {
    "thinking": True,
    "budget": None,
    "tools": [{"name": "f", "strict": False}],
    "messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "yes"}],
}
CASES = {  # what is printed by Jinja2 and by the package
    "thinking: {{ thinking }}": ("thinking: True", "thinking: true"),
    "budget: {{ budget }}.": ("budget: None.", "budget: ."),
    "{{ tools[0] }}": ("{'name': 'f', 'strict': False}", '{"name": "f", "strict": false}'),
    "{{ [thinking, 'a'] | string }}": ("[True, 'a']", '[true, "a"]'),
    "{{ 'temperature ' ~ 1.0 }}": ("temperature 1.0", "temperature 1"),
    "{{ (messages | length - 7) % 3 }}": ("1", "-2"),
}
pathlib.Path("cases.json").write_text(json.dumps({"templates": list(CASES), "values": VALUES}))
environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)  # as transformers makes it
jinja2 = [environment.from_string(template).render(VALUES) for template in CASES]
package = json.loads(subprocess.run(["node", "seen.mjs"], check=True, capture_output=True, text=True).stdout)
for template, one, other in zip(CASES, jinja2, package):
    print(f"{template:32} Jinja2: {one:27} npm: {other}")
assert list(zip(jinja2, package)) == list(CASES.values())
print("as it was found")
PY
env/bin/python seen.py
