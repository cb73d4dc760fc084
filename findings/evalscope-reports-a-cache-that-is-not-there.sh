#!/usr/bin/env bash
# evalscope 1.14.1 (PyPI): `perf --multi-turn` reports a hit rate of the KV cache and an acceptance rate of speculative decoding for a server that has neither.
#
# Expected before it was run: without cached tokens in the usage there is no hit rate, as the tool cannot know; an event of four tokens is one of four tokens.
# Seen: where the server says nothing of cached tokens, the prompt and the answer of the turn before count as cached, so that the "Cache Hit" of a server which
# computes every prompt from its beginning is 69 %, and its "Eligible Cache Hit Rate" 100 %. Tokens for each event are taken for tokens for each step
# of decoding: four tokens an event, as a server sends them that gathers its output (vLLM's --stream-interval 4), are a "Spec. Accept Rate" of 74 %.
# No line says that these were estimated, and the time to the first token, which the server makes as long as the prompt, shows that nothing was cached.
# Output seen (evalscope 1.14.1):
#     no cache, no speculative decoding; 12 requests, usage without cached tokens
#     Cache Hit (%) 69.3%, Eligible Cache Hit Rate (%) 100, Decoded Tok/Iter 3.88, Spec. Accept Rate 74.2%
#     cached tokens in the usage, always 0: Cache Hit (%) 0%
# Source: https://github.com/modelscope/evalscope (docs, Stress Test, Multi-turn)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --quiet --disable-pip-version-check install --no-compile 'evalscope[perf]==1.14.1'
cat > seen.py <<'PY'
import http.server
import json
import re
import subprocess
import threading
import time


class Server(http.server.BaseHTTPRequestHandler):
    """Takes a tenth of a millisecond for each token of a prompt, and sends 32 tokens in eight events."""

    protocol_version = "HTTP/1.1"
    says_cached = False

    def log_message(self, *_):
        pass

    def event(self, data):
        line = f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def do_POST(self):
        messages = json.loads(self.rfile.read(int(self.headers["content-length"])))["messages"]
        prompt = sum(len(message["content"].split()) for message in messages)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        time.sleep(prompt / 10_000)
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        for i in range(8):
            self.event({**chunk, "choices": [{"index": 0, "delta": {"content": "one two three four "}, "finish_reason": None}]})
            time.sleep(0.02)
        self.event({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        usage = {"prompt_tokens": prompt, "completion_tokens": 32, "total_tokens": prompt + 32}
        if self.says_cached:
            usage["prompt_tokens_details"] = {"cached_tokens": 0}
        self.event({**chunk, "choices": [], "usage": usage})
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
with open("chats.jsonl", "w") as file:
    for i in range(4):
        turns = [f"chat {i} " + "word " * 100, "and " * 20, "then " * 20]
        file.write(json.dumps([message for turn in turns for message in ({"role": "user", "content": turn}, {"role": "assistant", "content": "x"})]) + "\n")


def told(folder):
    where = f"http://127.0.0.1:{server.server_port}/v1/chat/completions"
    command = ["env/bin/evalscope", "perf", "--url", where, "--model", "m", "--api", "openai", "--multi-turn", "--dataset", "custom_multi_turn"]
    command += ["--dataset-path", "chats.jsonl", "--number", "4", "--parallel", "1", "--no-test-connection", "--outputs-dir", folder]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    cells = {name.strip(): value.strip() for name, value in re.findall(r"│ ([A-Z1][^│]*)│\s*([^│]*)│", done.stdout)}
    return {name: cells.get(name) for name in ("Cache Hit (%)", "Eligible Cache Hit Rate (%)", "Decoded Tok/Iter", "Spec. Accept Rate")}


silent = told("silent")
print("no cache, no speculative decoding; 12 requests, usage without cached tokens")
print(", ".join(f"{name} {value}" for name, value in silent.items()))
assert silent["Cache Hit (%)"] == "69.3%" and silent["Eligible Cache Hit Rate (%)"] == "100", "the turn before counts as cached"
assert silent["Decoded Tok/Iter"] == "3.88" and silent["Spec. Accept Rate"] == "74.2%", "tokens of an event count as accepted"
Server.says_cached = True
said = told("said")
print(f"cached tokens in the usage, always 0: Cache Hit (%) {said['Cache Hit (%)']}")
assert said["Cache Hit (%)"] == "0%", "what the server says goes before the estimate"
print("as it was found")
PY
env/bin/python seen.py
