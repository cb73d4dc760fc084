#!/usr/bin/env bash
# What load generators say of a stall: the server frozen for 1 s, then the client for 300 ms, at 500 arrivals a second.
#
#   bench/compare/stalls.sh [SECONDS] [ROUNDS] [FOLDER]      needs two cores, oha, h2load, python3, and `cargo build --release -p ringload`
#
# Client on core 0, the mock server (first token after 10 ms, one token) on core 1, 32 connections unless the row says otherwise. A process
# is frozen by SIGSTOP, by its id, 4 s after the tool was started. Rows are medians of ROUNDS, interleaved; FOLDER keeps a line for each run and
# what the tools printed in the first round; with 0 rounds its lines are summed up again. $OHA names the oha binary, $TOOLS some of the tools.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-10} rounds=${2:-4}
bin=${RINGLOAD:-target/release/ringload} oha=${OHA:-oha} out=$(mktemp -d) port=9138 mock= client=
keep=${3:-$out/keep}
trap 'kill -CONT $mock $client 2>/dev/null || true; kill $mock $client 2>/dev/null || true; rm -rf "$out"' EXIT
ulimit -n "$(ulimit -Hn)"
mkdir -p "$keep"
url=http://127.0.0.1:$port
count=$((seconds * 500))
printf '{"model":"mock","messages":[{"role":"user","content":"how long is a stall"}],"max_tokens":1,"stream":true}' >"$out/body"

start_mock() {
  "$bin" mock --port $port --cores 1, --threads 1 --ttft-ms 10 >/dev/null 2>"$out/mock.err" &
  mock=$!
  until (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do sleep 0.05; done
}

tool() { # name: becomes the tool, so that its process id is known
  local ringload=("$bin" profile -m mock --url $url --streaming --request-rate 500 --arrival-pattern constant --request-count $count --isl 8 --osl 1
    --use-server-token-count --ui none --artifact-dir "$out/a" --allow-invalid)
  local oha=("$oha" -q 500 -z "${seconds}s" -c 32 --no-tui --output-format json -m POST -T application/json -D "$out/body" --wait-ongoing-requests-after-deadline)
  local h2load=(h2load --h1 -d "$out/body" -H 'content-type: application/json' --log-file "$out/log")
  case $1 in
  ringload) exec taskset -c 0 "${ringload[@]}" --concurrency 32 ;;
  ringload-open) exec taskset -c 0 "${ringload[@]}" ;;
  oha) exec taskset -c 0 "${oha[@]}" $url/v1/chat/completions ;;
  oha-corrected) exec taskset -c 0 "${oha[@]}" --latency-correction $url/v1/chat/completions ;;
  h2load-rps) exec taskset -c 0 "${h2load[@]}" -c 32 --rps 15.625 -D "$seconds" $url/v1/chat/completions ;;
  h2load-rate) exec taskset -c 0 "${h2load[@]}" -r 1 --rate-period=2ms -c $count -n $count $url/v1/chat/completions ;;
  esac
}

run() { # experiment tool round
  start_mock
  rm -rf "$out/a" "$out/log"
  tool "$2" >"$out/said" 2>&1 &
  client=$!
  sleep 4
  if [ "$1" = server ]; then
    kill -STOP $mock && sleep 1 && kill -CONT $mock
  else
    kill -STOP $client && sleep 0.3 && kill -CONT $client
  fi
  wait $client || true
  client=
  kill $mock && wait $mock 2>/dev/null || true
  mock=
  if [ "$3" = 1 ]; then head -c 19000 "$out/said" | sed -e "s#$out#TMP#g" >"$keep/$1-frozen-$2.txt"; fi
  python3 - "$1" "$2" "$3" "$out" <<'P' >>"$keep/rows.tsv"
import json, sys
experiment, tool, round_, out = sys.argv[1:]
POINTS = (0.5, 0.9, 0.95, 0.99)
def row(name, count, values, says="-"):
    print(experiment, name, round_, count, *(f"{v:.2f}" for v in values), says, sep="\t")
if tool.startswith("ringload"):
    s = json.load(open(f"{out}/a/profile_export_aiperf.json"))
    v = json.load(open(f"{out}/a/ringload_report.json"))["verdict"]
    gates = ",".join(f["gate"] for f in v["findings"] if f["status"] == v["status"] and v["status"] != "VALID")
    for tag in "response_time", "request_latency":
        m = s[tag]
        row(f"{tool} {tag}", m["count"], (m[k] for k in ("p50", "p90", "p95", "p99", "max")), f"{v['status']} {gates}".strip())
elif tool.startswith("oha"):
    d = json.load(open(f"{out}/said"))
    p = d["latencyPercentiles"]
    values = [p[k] * 1e3 for k in ("p50", "p90", "p95", "p99")] + [d["summary"]["slowest"] * 1e3]
    row(tool, sum(d["statusCodeDistribution"].values()), values)
else:
    ms = sorted(int(line.split("\t")[2]) / 1e3 for line in open(f"{out}/log"))
    row(tool, len(ms), [ms[min(len(ms) - 1, int(q * len(ms)))] for q in POINTS] + [ms[-1]])
P
}

if [ "$rounds" -gt 0 ]; then : >"$keep/rows.tsv"; fi
for round in $(seq "$rounds"); do
  for experiment in server client; do
    for tool in ${TOOLS:-ringload ringload-open oha oha-corrected h2load-rps h2load-rate}; do run $experiment $tool "$round"; done
  done
done

python3 - "$keep/rows.tsv" "$seconds" <<'P'
import collections, heapq, statistics, sys
path, seconds = sys.argv[1], float(sys.argv[2])
SERVICE, RATE, AT = 10.0, 500, 4000.0

def truth(freeze, slots):
    """Latency of every arrival of the schedule, ms: a server that answers after SERVICE, but not while it is frozen."""
    free, values = [0.0] * slots, []
    for k in range(int(seconds * RATE)):
        due = k * 1000.0 / RATE
        begin = max(due, heapq.heappop(free))
        end = begin + SERVICE
        if begin < AT + freeze and end > AT:
            end = max(end, AT + freeze)
        heapq.heappush(free, end)
        values.append(end - due)
    values.sort()
    return [values[min(len(values) - 1, int(q * len(values)))] for q in (0.5, 0.9, 0.95, 0.99)] + [values[-1]]

rows = collections.OrderedDict()
for line in open(path):
    experiment, name, _, count, *values, says = line.rstrip("\n").split("\t")
    rows.setdefault((experiment, name), []).append(([float(count)] + [float(v) for v in values], says))
for experiment, title, freeze in ("server", "Server frozen for 1 s", 1000.0), ("client", "Client frozen for 300 ms", 0.0):
    print(f"\n{title}\n")
    print("| | requests | p50 ms | p90 ms | p95 ms | p99 ms | max ms | says |")
    print("|---|---|---|---|---|---|---|---|")
    for name, slots in ("truth, a slot for every arrival", 100_000), ("truth, 32 slots", 32):
        print(f"| {name} | {seconds * RATE:.0f} |", " | ".join(f"{v:.0f}" for v in truth(freeze, slots)), "| |")
    for (e, name), runs in rows.items():
        if e == experiment:
            count, *values = (statistics.median(r[0][i] for r in runs) for i in range(6))
            says = collections.Counter(r[1] for r in runs)
            said = "; ".join(f"{text} ({n} of {len(runs)})" for text, n in says.most_common() if text != "-")
            print(f"| {name} | {count:.0f} |", " | ".join(f"{v:.0f}" for v in values), f"| {said} |")
P
