#!/usr/bin/env bash
# huggingface_hub 2.4.0 (PyPI), InferenceClient: `data:[DONE]`, without a space, is an error after the whole answer; `data:{...}` without a space is none.
#
# Expected before it was run: both are read, or neither: a space after the colon is optional in an event stream, and Java gateways (Spring) write none.
# Seen: the events are read with and without the space, the terminator with it only. Without it `[DONE]` is read as JSON, and the caller gets a JSONDecodeError
# when all the words have come: an application that counts errors counts each such answer as failed, and one that tries again gets and pays for it twice.
# openai reads all four.
# Output seen (huggingface_hub 2.4.0; openai 3.57.0):
#     huggingface_hub: 'data: {...}', 'data: [DONE]': 3 words
#     huggingface_hub: 'data:{...}', 'data: [DONE]': 3 words
#     huggingface_hub: 'data: {...}', 'data:[DONE]': 3 words, then JSONDecodeError
#     huggingface_hub: 'data:{...}', 'data:[DONE]': 3 words, then JSONDecodeError
#     openai: 3 words of each
# Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install huggingface_hub==2.4.0 openai==3.57.0
cat > seen.py <<'PY'
import http.server
import json
import threading

import openai
from huggingface_hub import InferenceClient

WORDS = ["one ", "two ", "three "]


class Server(http.server.BaseHTTPRequestHandler):
    spaces = (" ", " ")  # before an event's JSON, before [DONE]

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for word in WORDS:
            choices = [{"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}]
            body = {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
            self.wfile.write(f"data:{self.spaces[0]}{json.dumps(body)}\n\n".encode())
        self.wfile.write(f"data:{self.spaces[1]}[DONE]\n\n".encode())


def read(stream):
    """The words of an answer, and the name of the error that ended it."""
    words = []
    try:
        for part in stream:
            words.append(part.choices[0].delta.content)
    except ValueError as e:
        return words, type(e).__name__
    return words, None


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
where = {"base_url": f"http://127.0.0.1:{server.server_port}/v1", "api_key": "none"}
hub, other = InferenceClient(**where), openai.OpenAI(**where)
messages = [{"role": "user", "content": "hello"}]
ends = []
for spaces in ((" ", " "), ("", " "), (" ", ""), ("", "")):
    Server.spaces = spaces
    words, end = read(hub.chat_completion(model="m", messages=messages, stream=True))
    print(f"huggingface_hub: 'data:{spaces[0]}{{...}}', 'data:{spaces[1]}[DONE]': {len(words)} words" + (f", then {end}" if end else ""))
    assert words == WORDS, "every word was read"
    ends.append(end)
    assert read(other.chat.completions.create(model="m", messages=messages, stream=True)) == (WORDS, None)
print(f"openai: {len(WORDS)} words of each")
assert ends == [None, None, "JSONDecodeError", "JSONDecodeError"], ends
print("as it was found")
PY
env/bin/python seen.py
