#!/usr/bin/env bash
# evalscope 1.14.1 (PyPI): `perf --sla-auto-tune --sla-variable rate` finds a rate that the server cannot keep, as each try lasts two seconds.
#
# Expected before it was run: of a server that does ten requests a second, one at a time, the search finds about ten, whatever the limit on the time to
# the first token is; at more than ten the queue grows for as long as requests come.
# Seen: a try at a rate r sends 2 r requests, two seconds' worth (`--sla-number-multiplier`). Within two seconds the queue of a server with twice its load grows
# to two seconds, so that a p99 of up to 2 s is kept by nearly twice the rate that the server does. The search ends with 16 to 19 requests a second as
# "Satisfied". 300 requests at the rate that it found are answered at ten a second, with a p99 of over ten seconds. A limit ten times as long
# finds a rate that is higher still: it is the limit that is measured, and not the server.
# Output seen (the rate differs by a few from run to run, as arrivals are random):
#     the search: p99_ttft <= 2000 ms is satisfied at the selected tested pressure: 19 requests/s, after tries of 8, 16, 32, 64, 48, 40, 36, 38 requests
#     300 requests at 19/s: 9.9 requests/s, p99 time to first token 14.4 s
# Source: https://github.com/modelscope/evalscope (docs, Stress Test, Auto-tuning)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --quiet --disable-pip-version-check install --no-compile 'evalscope[perf]==1.14.1'
cat > seen.py <<'PY'
import glob
import http.server
import json
import re
import subprocess
import threading
import time

SERVICE = 0.1
one_at_a_time = threading.Lock()


class Server(http.server.BaseHTTPRequestHandler):
    """Ten requests a second and no more: each holds the only place for a tenth of a second."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def event(self, data):
        line = f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        with one_at_a_time:
            time.sleep(SERVICE)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        self.event({**chunk, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "one"}, "finish_reason": None}]})
        self.event({**chunk, "choices": [{"index": 0, "delta": {"content": " two"}, "finish_reason": "stop"}]})
        self.event({**chunk, "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}})
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")


class Many(http.server.ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


server = Many(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
with open("prompts.txt", "w") as file:
    file.writelines(f"question {i}\n" for i in range(400))


def perf(folder, *flags):
    where = f"http://127.0.0.1:{server.server_port}/v1/chat/completions"
    command = ["env/bin/evalscope", "perf", "--url", where, "--model", "m", "--api", "openai", "--dataset", "line_by_line", "--dataset-path", "prompts.txt"]
    command += ["--no-test-connection", "--sleep-interval", "0", "--outputs-dir", folder, *flags]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout


search = ["--sla-auto-tune", "--sla-variable", "rate", "--sla-params", '[{"p99_ttft": "<=2s"}]']
search += ["--sla-num-runs", "1", "--sla-lower-bound", "1", "--sla-upper-bound", "64", "--rate", "4"]
told = perf("search", *search)
criteria, found, _, reason = (cell.strip() for cell in re.findall(r"│([^│]*)│([^│]*)│([^│]*)│([^│]*)│", told.split("Selections:")[-1])[-1])
tried = [total for _, total in re.findall(r"│\s*\d+ │ (\d+)/(\d+)", told.split("Selections:")[-2])]
print(f"the search: {criteria} is {reason[0].lower()}{reason[1:]}: {found} requests/s, after tries of {', '.join(tried)} requests")
perf("held", "--open-loop", "--rate", found, "--number", "300")
(summary,) = glob.glob("held/**/benchmark_summary.json", recursive=True)
(percentiles,) = glob.glob("held/**/benchmark_percentile.json", recursive=True)
with open(summary) as file:
    throughput = json.load(file)["Req Throughput (req/s)"]
with open(percentiles) as file:
    (p99,) = [row["TTFT (ms)"] / 1000 for row in json.load(file) if row["Percentiles"] == "99%"]
print(f"300 requests at {found}/s: {throughput:.1f} requests/s, p99 time to first token {p99:.1f} s")
assert int(found) >= 13, "a rate well over the ten that the server does"
assert max(map(int, tried)) <= 128 and throughput < 11 and p99 > 5, "which it does not keep for half a minute"
print("as it was found")
PY
env/bin/python seen.py
