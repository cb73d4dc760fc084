#!/usr/bin/env bash
# VictoriaMetrics 1.79.5 beside Prometheus 2.42.0 (Debian 12): the p75 of two servers whose histograms have unequal bounds is 2560 s, though no value is over 0.5 s.
#
# Expected before it was run: `histogram_quantile` over `sum by (le)` is off by a bucket at most, in both, wherever the two servers' bounds lie.
# Seen: one server has the bounds that vLLM gives its time to the first token, the other those of SGLang; of a thousand values each, none is over 0.5 s. Where a
# bound belongs to one server alone the sum has the values of one server alone, so that the cumulative counts fall and rise again. Prometheus raises each count
# to the one before it, so that half of the values seem to lie in the first bucket that both have, from 0.8 s to 1 s: p90 is over twice the true one.
# VictoriaMetrics lowers each count to the one after it, so that half of the values seem to lie over the last bound: p75, p90 and p99 are 2560 s, the last bound
# of vLLM. Both answer without a warning. By server each is in the bucket of the right value.
# Output seen (victoria-metrics 1.79.5+ds1-2+b5, prometheus 2.42.0+ds-5+deb12u1):
#     p75: of all values 0.299 s; Prometheus 0.900 s, VictoriaMetrics 2560.000 s
#     p90: of all values 0.419 s; Prometheus 0.960 s, VictoriaMetrics 2560.000 s
#     p99: of all values 0.493 s; Prometheus 0.996 s, VictoriaMetrics 2560.000 s
#     p90 by server: Prometheus 0.385 s and 0.514 s, VictoriaMetrics 0.385 s and 0.514 s
# Source: https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq download prometheus=2.42.0+ds-5+deb12u1 victoria-metrics=1.79.5+ds1-2+b5 2>/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
cat > seen.py <<'PY'
import http.server
import json
import random
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

VLLM = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560]
SGLANG = [0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, 400]
draw = random.Random(1)
first = [draw.uniform(0.05, 0.3) for _ in range(1000)]
second = [draw.uniform(0.1, 0.5) for _ in range(1000)]


def server(bounds, values):
    lines = ["# TYPE ttft_seconds histogram"]
    lines += [f'ttft_seconds_bucket{{le="{float(bound)}"}} {sum(v <= bound for v in values)}' for bound in bounds]
    lines += [f'ttft_seconds_bucket{{le="+Inf"}} {len(values)}', f"ttft_seconds_sum {sum(values)}", f"ttft_seconds_count {len(values)}", ""]
    body = "\n".join(lines).encode()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    page = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    return f"127.0.0.1:{page.server_port}"


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, query):
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(query)}") as answer:
                return sorted(float(r["value"][1]) for r in json.load(answer)["data"]["result"])
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)


targets = [{"targets": [server(VLLM, first), server(SGLANG, second)]}]
with open("scrape.yml", "w") as f:
    json.dump({"global": {"scrape_interval": "2s"}, "scrape_configs": [{"job_name": "model", "static_configs": targets}]}, f)
ports = {"Prometheus": free(), "VictoriaMetrics": free()}
where = [f"127.0.0.1:{port}" for port in ports.values()]
commands = [
    ["root/usr/bin/prometheus", "--config.file=scrape.yml", "--storage.tsdb.path=a", f"--web.listen-address={where[0]}", "--log.level=error"],
    ["root/usr/bin/victoria-metrics", "-promscrape.config=scrape.yml", "-storageDataPath=b", f"-httpListenAddr={where[1]}", "-loggerLevel=ERROR",
     "-search.latencyOffset=0s", "-search.disableCache"],
]
started = [subprocess.Popen(command) for command in commands]
try:
    for port in ports.values():
        while ask(port, "count(ttft_seconds_count)") != [2.0]:
            time.sleep(0.5)
    pooled = sorted(first + second)
    for q in (0.75, 0.9, 0.99):
        true = pooled[int(q * len(pooled))]
        (prometheus,), (victoria,) = (ask(port, f"histogram_quantile({q}, sum by (le) (ttft_seconds_bucket))") for port in ports.values())
        print(f"p{100 * q:.0f}: of all values {true:.3f} s; Prometheus {prometheus:.3f} s, VictoriaMetrics {victoria:.3f} s")
        assert 1.8 * true < prometheus < 1, "Prometheus has half of the values in the first bucket of both"
        assert victoria == VLLM[-1], "VictoriaMetrics has half of them over the last bound"
    alone = [ask(port, "histogram_quantile(0.9, sum by (le, instance) (ttft_seconds_bucket))") for port in ports.values()]
    print("p90 by server: " + ", ".join(f"{name} {a:.3f} s and {b:.3f} s" for name, (a, b) in zip(ports, alone)))
    for a, b in alone:
        assert 0.25 <= a <= 0.5 and 0.4 <= b <= 0.6, "by server each is in the bucket of the right value"
finally:
    for process in started:
        process.terminate()
    for process in started:
        process.wait()
print("as it was found")
PY
python3 seen.py
