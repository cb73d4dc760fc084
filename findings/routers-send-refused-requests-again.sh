#!/usr/bin/env bash
# vllm-router 0.1.17 and smg 1.13.0 (PyPI): a request that a worker refuses with 429 and `Retry-After: 60` comes again four times in half a second.
#
# Expected before it was run: a refusal goes to the client at once, as a proxy passes it on; or to another worker; the wait that it asks for is respected.
# Seen: both routers send it five times to the only worker, 50 ms and more apart, whether it is to be streamed or not, and then hand the 429 with its
# Retry-After on. A worker that sheds load gets five times the load just then, the client's latency of a refusal is the router's, and a rate of requests at the
# worker is not that of the client. The two agree on 429 and differ on 500: vllm-router repeats it as well, smg hands the first one on.
# Output seen:
#     vllm-router, 429, streamed: False: 5 attempts in 0.42 s
#     vllm-router, 429, streamed: True: 5 attempts in 0.44 s
#     vllm-router, 500, streamed: False: 5 attempts in 0.45 s
#     smg, 429, streamed: False: 5 attempts in 0.46 s
#     smg, 429, streamed: True: 5 attempts in 0.43 s
#     smg, 500, streamed: False: 1 attempts in 0.00 s
# Source: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 and the options `--retry-max-retries` and `--disable-retries` of both.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install vllm-router==0.1.17 smg==1.13.0
cat > seen.py <<'PY'
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request


class Worker(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    refusal = 429
    attempts = []

    def log_message(self, *_):
        pass

    def answer(self, status, value, **headers):
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, what in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
            self.send_header(name, what)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, {"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "nobody"}]})

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if self.path != "/v1/chat/completions":
            return self.answer(200, {})
        self.attempts.append(time.monotonic())
        self.answer(self.refusal, {"error": {"message": "busy", "code": self.refusal}}, **{"retry-after": "60"})


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, stream):
    """The status of a request and its Retry-After."""
    body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
    to = f"http://127.0.0.1:{port}/v1/chat/completions"
    request = urllib.request.Request(to, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        return urllib.request.urlopen(request, timeout=60).status, None
    except urllib.error.HTTPError as e:
        return e.code, e.headers["retry-after"]


worker = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Worker)
threading.Thread(target=worker.serve_forever, daemon=True).start()
seen = {}
for name in ("vllm-router", "smg"):
    for refusal, stream in ((429, False), (429, True), (500, False)):
        port = free_port()
        module = name.replace("-", "_") + ".launch_router"
        command = [sys.executable, "-m", module, "--host", "127.0.0.1", "--port", str(port), "--prometheus-port", str(free_port())]
        command += ["--policy", "round_robin", "--worker-urls", f"http://127.0.0.1:{worker.server_port}"]
        with open("log", "w") as log:
            router = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            Worker.refusal = refusal
            for _ in range(200):  # until the router knows its worker
                Worker.attempts.clear()
                try:
                    got = ask(port, stream)
                    if Worker.attempts:
                        break
                except OSError:
                    pass
                time.sleep(0.2)
            took = Worker.attempts[-1] - Worker.attempts[0]
            print(f"{name}, {refusal}, streamed: {stream}: {len(Worker.attempts)} attempts in {took:.2f} s")
            assert got == (refusal, "60"), got
            assert took < 30, "it did not wait for the 60 s of Retry-After"
            seen[name, refusal, stream] = len(Worker.attempts)
        finally:
            router.terminate()
            router.wait(30)
assert list(seen.values()) == [5, 5, 5, 5, 5, 1], seen
print("as it was found")
PY
env/bin/python seen.py
