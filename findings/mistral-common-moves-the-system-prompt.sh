#!/usr/bin/env bash
# mistral-common 1.13.1 (PyPI), tokenizers of the 2024 models (tekken_240718, tekken_240911): the system prompt stands in the last user turn, and so moves.
#
# Expected before it was run: the prompt of a second turn begins with that of the first; a system prompt comes first in it, as it does in the request.
# Seen: the system prompt is put before the newest question, and is gone from where it was. Two turns of one conversation, and two conversations with one
# system prompt and a history, share two tokens: <s>[INST]. A prefix cache can reuse nothing of a conversation, however long the system prompt is, and a run
# over such a model shows cached tokens near 0 where the workload (sessions, a shared system prompt) promises most of the prompt.
# Without a system prompt the second turn extends the first.
# Output seen (1.13.1; both tokenizers alike):
#     first turn '<s>[INST]be brief\n\none?[/INST]'
#     second turn '<s>[INST]one?[/INST]yes</s>[INST]be brief\n\ntwo?[/INST]'
#     tokens that the second shares with the first: 2 of 8; without a system prompt: 5 of 5
# Source: https://docs.mistral.ai/guides/tokenization/ and mistral-common's `InstructTokenizerV3`.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install mistral-common==1.13.1
cat > seen.py <<'PY'
import pathlib

import mistral_common
from mistral_common.protocol.instruct.messages import AssistantMessage, SystemMessage, UserMessage
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer


def shared(a, b):
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


for name in ("tekken_240718.json", "tekken_240911.json"):
    tokenizer = MistralTokenizer.from_file(str(pathlib.Path(mistral_common.__file__).parent / "data" / name))

    def prompt(*messages):
        return tokenizer.encode_chat_completion(ChatCompletionRequest(messages=list(messages)))

    system, one = SystemMessage(content="be brief"), UserMessage(content="one?")
    later = [AssistantMessage(content="yes"), UserMessage(content="two?")]
    first, second = prompt(system, one), prompt(system, one, *later)
    plain_first, plain_second = prompt(one), prompt(one, *later)
    with_system, without = shared(first.tokens, second.tokens), shared(plain_first.tokens, plain_second.tokens)
    print(f"{name}: first turn {first.text!r}\n    second turn {second.text!r}")
    print(f"    tokens that the second shares with the first: {with_system} of {len(first.tokens)};"
          f" without a system prompt: {without} of {len(plain_first.tokens)}")
    assert second.text == "<s>[INST]one?[/INST]yes</s>[INST]be brief\n\ntwo?[/INST]", "it moved to the last turn"
    assert with_system == 2 and without == len(plain_first.tokens)
print("as it was found")
PY
env/bin/python seen.py
