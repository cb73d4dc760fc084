#!/usr/bin/env bash
# ringload beside programs that only drain the same streams, in one run on one machine: CPU per token, user and kernel apart.
#
#   bench/compare/floor.sh [SECONDS] [REPEATS]      needs two cores, wrk, h2load, curl, python3, and `cargo build --release -p ringload -p ringload-bench`
#
# `tokio-uring` and `h2` are drains on these crates: the measurement behind the engine's own ring and its own HTTP/2 (docs/design/io.md, http2.md).
# $SHAPES is a list of STREAMS/TOKENS/TTFT_MS/ITL_MS to run instead, and $SHAPES2 one of HTTP/2.
#
# The client is pinned to core 0, the mock server to core 1. Streams run at several token rates; each row is the median of REPEATS, interleaved.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-8} repeats=${2:-3}
bin=target/release out=$(mktemp -d) port=9137
trap 'kill $mock 2>/dev/null || true; rm -rf "$out"' EXIT
ulimit -n "$(ulimit -Hn)"

start_mock() { # ttft_ms itl_ms [flag]
  # shellcheck disable=SC2086
  "$bin/ringload" mock --port $port --cores 1, --threads 1 --ttft-ms "$1" --itl-ms "$2" ${3:-} >/dev/null 2>"$out/mock.err" &
  mock=$!
  until (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do sleep 0.05; done
}

run() { # streams tokens
  local streams=$1 tokens=$2 bytes
  # Bytes of a token on the wire, from one whole response: what a drain took is then known also of responses it did not finish.
  bytes=$("$bin/floor" 127.0.0.1:$port --io bare --streams 1 --tokens 50 --probe)
  TOKENS=$tokens taskset -c 0 python3 - "$streams" "$tokens" "$seconds" "$port" "$bytes" <<'P' >>"$out/rows"
import re, resource, subprocess, sys
BYTES = float(sys.argv.pop())
streams, tokens, seconds, port = sys.argv[1:]
r = subprocess.run(["wrk", "-t1", f"-c{streams}", f"-d{seconds}s", "--timeout", "60s", "-s", "bench/compare/drain.lua", f"http://127.0.0.1:{port}"], capture_output=True, text=True)
m = re.search(r"(\d+) requests in .*?, ([\d.]+)([KMG]?)B read", r.stdout)
u = resource.getrusage(resource.RUSAGE_CHILDREN)
scale = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
n = max(1, float(m.group(2)) * scale[m.group(3)] / BYTES) if m else 1
print(f"wrk {streams} {n / float(seconds):.0f} {u.ru_utime / n * 1e9:.0f} {u.ru_stime / n * 1e9:.0f} - - -")
P
  for io in bare epoll uring tokio-uring; do
    "$bin/floor" 127.0.0.1:$port --io $io --streams "$streams" --tokens "$tokens" --token-bytes "$bytes" --seconds "$seconds" --core 0 |
      python3 -c 'import json,sys; d=json.load(sys.stdin); print("floor-"+d["io"], d["streams"], d["tokens_per_s"], d["user_ns_per_token"], d["system_ns_per_token"], "- - -")' >>"$out/rows"
  done
  ringload "$streams" "$tokens"
}

ringload() { # streams tokens [flag]: both drivers
  local io
  for io in epoll uring; do
    rm -rf "$out/a"
    # shellcheck disable=SC2086
    "$bin/ringload" profile -m mock --url http://127.0.0.1:$port --streaming --concurrency "$1" --benchmark-duration "$seconds" \
      --osl "$2" --isl 8 --use-server-token-count --cores 0, --io $io --ui none ${3:-} --artifact-dir "$out/a" --allow-invalid >/dev/null 2>"$out/err" || cat "$out/err" >&2
    python3 - "$out/a/ringload_report.json" "$io${3:+-http2}" "$1" <<'P' >>"$out/rows"
import json, sys
d = json.load(open(sys.argv[1])); s = d["summary"]; c = s["client"]
lag = {p["name"]: p["ms"] * 1e3 for p in c["receive_lag"]["percentiles"]}
k = s["counts"]
bad = sum(k["failed"].values()) + c["records_lost"] + c["completions_lost"]
rate = c["events"] / s["phase_duration_s"]
print("ringload-" + sys.argv[2], sys.argv[3], f"{rate:.0f}", f"{c['user_ns_per_event']:.0f}", f"{c['system_ns_per_event']:.0f}", f"{lag['p50']:.0f} {lag['p99']:.0f} {bad}")
P
  done
}

run_http2() { # streams tokens: 250 streams a connection, as the mock allows
  local streams=$1 tokens=$2 body bytes
  body='{"model":"floor","messages":[{"role":"user","content":"drain"}],"stream":true,"max_completion_tokens":'$tokens'}'
  printf %s "$body" >"$out/body"
  bytes=$(curl -s --http2-prior-knowledge -H 'content-type: application/json' -d "$body" "http://127.0.0.1:$port/v1/chat/completions" | wc -c)
  taskset -c 0 python3 - "$streams" "$tokens" "$seconds" "$port" "$bytes" "$out/body" <<'P' >>"$out/rows"
import re, resource, subprocess, sys
streams, tokens, seconds, port, response, body = sys.argv[1:]
connections = str(-(-int(streams) // 250))
r = subprocess.run(["h2load", "-t1", f"-c{connections}", f"-m{min(int(streams), 250)}", f"-D{seconds}", "--warm-up-time=0", "-w24", "-W24", "-H", "content-type: application/json",
                    "-d", body, f"http://127.0.0.1:{port}/v1/chat/completions"], capture_output=True, text=True)
m = re.search(r"traffic: .*?\((\d+)\) data", r.stdout)
u = resource.getrusage(resource.RUSAGE_CHILDREN)
n = max(1, int(m.group(1)) / (int(response) / int(tokens))) if m else 1
print(f"h2load-http2 {streams} {n / float(seconds):.0f} {u.ru_utime / n * 1e9:.0f} {u.ru_stime / n * 1e9:.0f} - - -")
P
  "$bin/floor" 127.0.0.1:$port --io h2 --streams "$streams" --tokens "$tokens" --token-bytes "$(((bytes + tokens / 2) / tokens))" --seconds "$seconds" --core 0 |
    python3 -c 'import json,sys; d=json.load(sys.stdin); print("h2-crate-http2", d["streams"], d["tokens_per_s"], d["user_ns_per_token"], d["system_ns_per_token"], "- - -")' >>"$out/rows"
  ringload "$streams" "$tokens" --http2
}

each() { # runner flag shape...
  local runner=$1 flag=$2 shape streams tokens ttft itl
  shift 2
  for shape in "$@"; do
    IFS=/ read -r streams tokens ttft itl <<<"$shape"
    start_mock "$ttft" "$itl" "$flag"
    for _ in $(seq "$repeats"); do "$runner" "$streams" "$tokens"; done
    kill $mock
    wait $mock 2>/dev/null || true
  done
}

# shellcheck disable=SC2086
each run "" ${SHAPES-1/2000/10/0.2 64/2000/10/2 1000/200/50/20 10000/100/500/200}
# shellcheck disable=SC2086
each run_http2 --http2 ${SHAPES2-64/500/10/2 1000/200/50/20}
python3 - "$out/rows" <<'P'
import collections, statistics, sys
rows = collections.OrderedDict()
for line in open(sys.argv[1]):
    name, streams, *figures = line.split()
    rows.setdefault((int(streams), name), []).append(figures)
print("| streams | client | tokens/s | user ns/token | kernel ns/token | receive lag p50 / p99 µs | failed or lost |")
print("|---|---|---|---|---|---|---|")
for (streams, name), figures in rows.items():
    med = [statistics.median(float(f[i]) for f in figures) if figures[0][i] != "-" else None for i in range(6)]
    lag = "–" if med[3] is None else f"{med[3]:.0f} / {med[4]:.0f}"
    print(f"| {streams} | {name} | {med[0]:.0f} | {med[1]:.0f} | {med[2]:.0f} | {lag} | {'–' if med[5] is None else int(med[5])} |")
P
