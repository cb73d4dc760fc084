#!/usr/bin/env bash
# openlit 1.45.0 (PyPI) with openai 2.54.0: the server's duration of a streamed request is made up by the client, and is three times the client's own.
#
# Expected before it was run: `gen_ai.server.request.duration` is at most `gen_ai.client.operation.duration`, of which it is the part that the server had.
# Seen: the library, which sees the client's side alone, computes the server's duration as time to the first event plus mean gap between events times tokens of
# the usage. That fits one token an event. Of a server that sends four tokens an event (speculative decoding, vLLM's --stream-interval) each gap counts four
# times: a response that the client had whole after 0.9 s was 2.9 s at the "server". `gen_ai.server.time_per_output_token` is the gap between events likewise, the
# one of the usage at the end included, and so it is over three times the time per token. With reasoning that is counted and not sent it grows in the same way.
# Output seen (times differ by some milliseconds from run to run):
#     32 tokens in 8 events, 0.1 s apart, the first after 0.2 s
#     client 0.91 s, server 2.92 s; time per output token 88 ms, by tokens and the whole 23 ms
# Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/ (Model server metrics)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
pip=(env/bin/pip --quiet --disable-pip-version-check install --no-compile)
"${pip[@]}" openai==2.54.0 opentelemetry-sdk==1.45.1 opentelemetry-exporter-otlp==1.45.1 opentelemetry-instrumentation{,-aiohttp-client,-asgi,-httpx,-requests,-urllib,-urllib3}==0.66b1 requests
"${pip[@]}" --no-deps openlit==1.45.0
cat > seen.py <<'PY'
import http.server
import json
import threading
import time

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

FIRST, GAP, EVENTS, TOKENS, REQUESTS = 0.2, 0.1, 8, 32, 3


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def event(self, data):
        line = f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        time.sleep(FIRST - GAP)
        for i in range(EVENTS):
            time.sleep(GAP)
            reason = "stop" if i == EVENTS - 1 else None
            self.event({**chunk, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "one two three four "}, "finish_reason": reason}]})
        self.event({**chunk, "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": TOKENS, "total_tokens": 5 + TOKENS}})
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
trace.set_tracer_provider(TracerProvider())
with open("prices.json", "w") as file:
    file.write("{}")

import openlit  # after the providers, which it takes over

openlit.init(disable_events=True, pricing_json="prices.json")

import openai  # after openlit, which wraps it

client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none")
for _ in range(REQUESTS):
    asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": True, "stream_options": {"include_usage": True}}
    for _ in client.chat.completions.create(**asked):
        pass
means = {}
for resource in reader.get_metrics_data().resource_metrics:
    for scope in resource.scope_metrics:
        for metric in scope.metrics:
            for point in metric.data.data_points:
                if metric.name.startswith("gen_ai.") and getattr(point, "count", 0) == REQUESTS:
                    means[metric.name] = point.sum / point.count
by_client, by_server = means["gen_ai.client.operation.duration"], means["gen_ai.server.request.duration"]
per_token, first = means["gen_ai.server.time_per_output_token"], means["gen_ai.server.time_to_first_token"]
by_tokens = (by_client - first) / (TOKENS - 1)
print(f"{TOKENS} tokens in {EVENTS} events, {GAP} s apart, the first after {FIRST} s")
whole = f"by tokens and the whole {1000 * by_tokens:.0f} ms"
print(f"client {by_client:.2f} s, server {by_server:.2f} s; time per output token {1000 * per_token:.0f} ms, {whole}")
assert by_server > 2.5 * by_client, "the server's part is longer than the whole"
assert abs(by_server - (first + per_token * (TOKENS - 1))) < 0.05 and per_token > 3 * by_tokens, "gaps between events, times tokens"
print("as it was found")
PY
env/bin/python seen.py
