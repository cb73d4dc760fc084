#!/usr/bin/env bash
# groq 1.7.0 and together 3.1.1 (PyPI) beside openai 3.57.0: a server that asks for a wait of two minutes is asked again after half a second.
#
# Expected before it was run: the client waits for as long as `Retry-After` says, or raises the error at once; a longer wait never brings an earlier request.
# Seen: both clients keep a wait of 2 s to the second. Of one over a minute they take no account and use their own, half a second and then a second, so that a
# server gets the most requests when it asks for the longest rest. openai, whose client comes of the same generator, keeps up to 120 s and raises the error
# at once over that. All three send an application's refused request three times: at the server these are three requests.
# Output seen (the times differ a little from run to run):
#     groq, Retry-After 2: 3 requests, 2.0 s and 2.0 s apart
#     groq, Retry-After 150: 3 requests, 0.4 s and 0.9 s apart
#     together, Retry-After 2: 3 requests, 2.0 s and 2.0 s apart
#     together, Retry-After 150: 3 requests, 0.9 s and 1.7 s apart
#     openai, Retry-After 2: 3 requests, 2.0 s and 2.0 s apart
#     openai, Retry-After 150: 1 requests
# Source: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 and https://github.com/groq/groq-python (Retries)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install groq==1.7.0 together==3.1.1 openai==3.57.0
cat > seen.py <<'PY'
import http.server
import json
import threading
import time

import groq
import openai
import together


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wait = 0
    requests = []

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.requests.append(time.monotonic())
        body = json.dumps({"error": {"message": "busy", "type": "rate_limit_error"}}).encode()
        self.send_response(429)
        self.send_header("retry-after", str(self.wait))
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
where = {"base_url": f"http://127.0.0.1:{server.server_port}/v1", "api_key": "none"}
clients = {"groq": (groq.Groq, groq), "together": (together.Together, together), "openai": (openai.OpenAI, openai)}
seen = {}
for name, (client, module) in clients.items():
    for wait in (2, 150):
        Server.wait = wait
        Server.requests.clear()
        try:
            client(**where).chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
        except module.RateLimitError:
            pass
        gaps = [b - a for a, b in zip(Server.requests, Server.requests[1:])]
        apart = ", " + " and ".join(f"{gap:.1f} s" for gap in gaps) + " apart" if gaps else ""
        print(f"{name}, Retry-After {wait}: {len(Server.requests)} requests{apart}")
        seen[name, wait] = gaps
for name in ("groq", "together"):
    assert len(seen[name, 2]) == 2 and min(seen[name, 2]) >= 1.9, "a short wait is kept"
    assert len(seen[name, 150]) == 2 and max(seen[name, 150]) < 60, "a long one is not"
assert len(seen["openai", 2]) == 2 and not seen["openai", 150]
print("as it was found")
PY
env/bin/python seen.py
