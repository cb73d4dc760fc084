#!/usr/bin/env bash
# opentelemetry-instrumentation-openai 0.62.4 (PyPI, of OpenLLMetry): its durations are in seconds, its histograms' bounds are meant for milliseconds.
#
# Expected before it was run: the bounds that the semantic conventions for generative AI give, from 1 ms to 10 s for a time to first token; that this time runs
# to the first event with text; and that `gen_ai.server...` is the server's word.
# Seen: the first bucket ends at 5 s, the next at 10 s: Prometheus' histogram_quantile tells a median of 2.5 s and a p99 of 4.95 s of any server
# that answers within five seconds, fast or slow. The time is the client's, to the first event of the stream: vLLM and others send one with the role alone
# before there is a token, so that the time to the first token holds none. Sum over count is exact, of that.
# Output seen (0.62.4; openai 3.57.0; opentelemetry-sdk 1.45.2; the mean differs a little from run to run):
#     the server's first word came after 1 s
#     gen_ai.server.time_to_first_token: mean 0.009 s, bounds 0, 5, 10, 25 ... 10000 s
#     by histogram_quantile: median 2.50 s, p99 4.95 s
#     gen_ai.client.operation.duration: mean 1.063 s, bounds 0, 5, 10, 25 ... 10000 s
#     by histogram_quantile: median 2.50 s, p99 4.95 s
# Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install opentelemetry-instrumentation-openai==0.62.4 openai==3.57.0 opentelemetry-sdk==1.45.2
cat > seen.py <<'PY'
import http.server
import json
import threading
import time

from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

reader = InMemoryMetricReader()
OpenAIInstrumentor().instrument(meter_provider=MeterProvider(metric_readers=[reader]))

import openai  # after the instrumentation

FIRST = 1.0  # seconds until the first word
REQUESTS = 4


class Server(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def event(self, delta, end=None):
        choices = [{"index": 0, "delta": delta, "finish_reason": end}]
        body = {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
        self.wfile.write(b"data: " + json.dumps(body).encode() + b"\n\n")

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.event({"role": "assistant", "content": ""})
        time.sleep(FIRST)
        for _ in range(5):
            self.event({"content": "word "})
            time.sleep(0.01)
        self.event({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")


def quantile(q, bounds, counts):
    """What histogram_quantile of Prometheus answers, for values below the last bound."""
    rank, below = q * sum(counts), 0
    for i, count in enumerate(counts):
        if count and below + count >= rank:
            low = bounds[i - 1] if i else 0.0
            return low + (bounds[i] - low) * (rank - below) / count
        below += count


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none")
for _ in range(REQUESTS):
    for _ in client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}], stream=True):
        pass

print(f"the server's first word came after {FIRST:.0f} s")
scopes = [scope for resource in reader.get_metrics_data().resource_metrics for scope in resource.scope_metrics]
points = {m.name: (m.unit, m.data.data_points[0]) for scope in scopes for m in scope.metrics}
for name in ("gen_ai.server.time_to_first_token", "gen_ai.client.operation.duration"):
    unit, point = points[name]
    bounds = [f"{b:.0f}" for b in point.explicit_bounds]
    print(f"{name}: mean {point.sum / point.count:.3f} {unit}, bounds {', '.join(bounds[:4])} ... {bounds[-1]} {unit}")
    median, p99 = (quantile(q, point.explicit_bounds, point.bucket_counts) for q in (0.5, 0.99))
    print(f"by histogram_quantile: median {median:.2f} s, p99 {p99:.2f} s")
    assert unit == "s" and point.count == REQUESTS and tuple(point.explicit_bounds[:2]) == (0, 5), "bounds for milliseconds"
    assert (round(median, 2), round(p99, 2)) == (2.5, 4.95)
first = points["gen_ai.server.time_to_first_token"][1]
assert first.sum / first.count < FIRST, "it ended with the event of the role, before there was a token"
print("as it was found")
PY
env/bin/python seen.py
