#!/usr/bin/env bash
# smg 1.13.0, sglang-router 0.3.2 and vllm-router 0.1.17 (PyPI): their histograms of the duration of requests end with the head of a streamed response.
#
# Expected before it was run: the duration of a streamed request ends with the stream; what ends with the head would be named for it.
# Seen: four streams of over 1.6 s each, whose head comes at once and whose first token comes after 0.8 s, have a mean duration of some milliseconds in
# `smg_http_request_duration_seconds` and `smg_router_request_duration_seconds` (two of the routers write these) and in `vllm_router_generate_duration_seconds`:
# neither the latency nor the time to the first token, though the last is named for generation. An alert on its p99 sleeps while users wait.
# Output seen (the milliseconds differ from run to run):
#     smg: first token after 0.8 s, end after 1.6 s; smg_http_request_duration_seconds 1 ms, smg_router_request_duration_seconds 0 ms
#     sglang_router: first token after 0.8 s, end after 1.7 s; smg_http_request_duration_seconds 6 ms, smg_router_request_duration_seconds 6 ms
#     vllm_router: first token after 0.9 s, end after 1.7 s; vllm_router_generate_duration_seconds 3 ms
# Source: https://prometheus.io/docs/practices/naming/ (the name says what is measured)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install smg==1.13.0 sglang-router==0.3.2 vllm-router==0.1.17
cat > seen.py <<'PY'
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request

HISTOGRAMS = {
    "smg": ["smg_http_request_duration_seconds", "smg_router_request_duration_seconds"],
    "sglang_router": ["smg_http_request_duration_seconds", "smg_router_request_duration_seconds"],
    "vllm_router": ["vllm_router_generate_duration_seconds"],
}
STREAMS = 4


class Model(http.server.BaseHTTPRequestHandler):
    """A head at once, the first token after 0.8 s, the fifth and last after another 0.8 s."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        card = {"id": "m", "object": "model", "model_path": "m", "is_generation": True}
        body = json.dumps({"object": "list", "data": [card], **card}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        time.sleep(0.6)
        for token in range(5):
            time.sleep(0.2)
            choice = {"index": 0, "delta": {"content": "word "}, "finish_reason": "length" if token == 4 else None}
            self.send(json.dumps({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}))
        self.send("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def send(self, data):
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))

    def log_message(self, *_):
        pass


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def stream(port):
    """Seconds to the first token and to the end."""
    asked = json.dumps({"model": "m", "stream": True, "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", asked, {"content-type": "application/json"})
    began = time.monotonic()
    with urllib.request.urlopen(request) as answer:
        answer.readline()
        first = time.monotonic() - began
        answer.read()
    return first, time.monotonic() - began


def mean(page, name):
    """Sum over count of a histogram's series for the chat API, or of the one without labels."""
    told = {what: sum(float(value) for labels, value in re.findall(rf"^{name}_{what}({{.*}})? (\S+)$", page, re.M) if not labels or "chat" in labels)
            for what in ("sum", "count")}
    assert told["count"] == STREAMS, f"{name} counts {told['count']} requests"
    return told["sum"] / STREAMS


model = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=model.serve_forever, daemon=True).start()
for router, histograms in HISTOGRAMS.items():
    port, metrics = free(), free()
    command = ["env/bin/python", "-m", f"{router}.launch_router", "--worker-urls", f"http://127.0.0.1:{model.server_port}", "--policy", "round_robin"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--prometheus-host", "127.0.0.1", "--prometheus-port", str(metrics)]
    with open(f"{router}.log", "w") as log:
        started = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        while True:
            assert started.poll() is None, open(f"{router}.log").read()[-500:]
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models").close()
                break
            except OSError:
                time.sleep(0.5)
        seen = [stream(port) for _ in range(STREAMS)]
        first, whole = (sum(times) / STREAMS for times in zip(*seen))
        time.sleep(1)
        page = urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics").read().decode()
        told = {name: mean(page, name) for name in histograms}
        print(f"{router}: first token after {first:.1f} s, end after {whole:.1f} s; " + ", ".join(f"{name} {1000 * at:.0f} ms" for name, at in told.items()))
        assert first > 0.79 and whole > 1.59 and all(at < 0.5 for at in told.values()), "the durations end with the head"
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
print("as it was found")
PY
env/bin/python seen.py
