#!/usr/bin/env bash
# langchain-openai 1.7.4: of a stream in which every event says how many tokens there are so far, the counts are added up.
#
# Expected before it was run: the last usage counts, as in the `openai` package on which it stands; each later usage includes the earlier ones.
# Seen: a prompt of 20 tokens and an answer of 10 become 240 and 75. vLLM sends usage in every event with `continuous_usage_stats`, and gateways do so
# unasked. Tokens, tokens a second and costs that a LangChain application reports (or hands to its tracer) are then of another order than those of the
# server: prompt tokens are multiplied by the number of events, output tokens grow with its square.
# Output seen (langchain-openai 1.7.4, langchain-core 1.8.3, openai 3.57.0):
#     openai, last usage: prompt 20, completion 10
#     LangChain, stream: input 240, output 75
#     LangChain, invoke: input 240, output 75
# Source: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html (stream_options) and langchain-core's `add_usage`.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install langchain-openai==1.7.4 langchain-core==1.8.3 openai==3.57.0
cat > seen.py <<'PY'
import http.server
import json
import threading

import openai
from langchain_openai import ChatOpenAI

WORDS = 10
OPTIONS = {"include_usage": True, "continuous_usage_stats": True}


class Server(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def event(self, choices, tokens):
        usage = {"prompt_tokens": 20, "completion_tokens": tokens, "total_tokens": 20 + tokens}
        body = {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, "usage": usage}
        self.wfile.write(b"data: " + json.dumps(body).encode() + b"\n\n")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert asked["stream_options"] == OPTIONS, asked
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for i in range(WORDS):
            self.event([{"index": 0, "delta": {"content": "word "}, "finish_reason": None}], i + 1)
        self.event([{"index": 0, "delta": {}, "finish_reason": "stop"}], WORDS)
        self.event([], WORDS)
        self.wfile.write(b"data: [DONE]\n\n")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
where = {"base_url": f"http://127.0.0.1:{server.server_port}/v1", "api_key": "none"}

messages = [{"role": "user", "content": "hello"}]
plain = list(openai.OpenAI(**where).chat.completions.create(model="m", messages=messages, stream=True, stream_options=OPTIONS))
last = plain[-1].usage
print(f"openai, last usage: prompt {last.prompt_tokens}, completion {last.completion_tokens}")

model = ChatOpenAI(model="m", streaming=True, stream_usage=True, extra_body={"stream_options": OPTIONS}, **where)
whole = None
for part in model.stream("hello"):
    whole = part if whole is None else whole + part
seen = [(m.usage_metadata["input_tokens"], m.usage_metadata["output_tokens"]) for m in (whole, model.invoke("hello"))]
for how, (asked, made) in zip(("stream", "invoke"), seen):
    print(f"LangChain, {how}: input {asked}, output {made}")
assert (last.prompt_tokens, last.completion_tokens) == (20, 10)
assert seen == [(240, 75), (240, 75)], "it added up the usage of twelve events"
print("as it was found")
PY
env/bin/python seen.py
