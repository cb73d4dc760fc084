#!/usr/bin/env bash
# Ground truth: when ringload says a token arrived, against when the server wrote it; kernel and user stamps, an idle and a busy core.
#
#   bench/compare/truth.sh [FOLDER]      needs two cores, python3, and `cargo build --release -p ringload -p ringload-bench`
#
# ringload is pinned to core 0, the mock to core 1. Each run is a closed loop of some seconds; with `loaded`, a process on core 0, at the same
# nice level, takes 80 % of it. FOLDER keeps a line of JSON for each run; with SUM=1 its lines are summed up again. $SHAPES: lines of
# `streams itl_ms`; $SECONDS_EACH: length of a run's load; $IOS, $STAMPS, $LOADS: what is crossed.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${BIN:-target/release} out=$(mktemp -d) port=9139 mock= burner=
keep=${1:-$out/keep} seconds=${SECONDS_EACH:-3}
trap 'kill $mock $burner 2>/dev/null || true; rm -rf "$out"' EXIT
ulimit -n "$(ulimit -Hn)"
mkdir -p "$keep"
shapes=${SHAPES:-"100 10
100 2
1000 100
1000 25
10000 1000
10000 250"}

run() { # streams itl_ms io stamps load
  local streams=$1 itl=$2 io=$3 stamps=$4 load=$5 tokens
  # A response of about a second and a half, begun at instants that are spread over as long.
  tokens=$(python3 -c "print(max(2, round(1400 / $itl)))")
  taskset -c 1 "$bin/ringload" mock --port $port --cores 1, --ttft-ms 100 --itl-ms "$itl" --jitter 0.3 --truth-log "$out/truth" >/dev/null 2>"$out/mock.err" &
  mock=$!
  until (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do sleep 0.05; done
  if [ "$load" = loaded ]; then
    "$bin/truth" burn 0 0.8 60 &
    burner=$!
  fi
  rm -rf "$out/a"
  taskset -c 0 "$bin/ringload" profile -m mock --url http://127.0.0.1:$port --streaming --concurrency "$streams" --concurrency-ramp-duration 1.5 \
    --benchmark-duration "$seconds" --osl "$tokens" --isl 8 --use-server-token-count --cores 0, --io "$io" --stamps "$stamps" --ui none \
    --artifact-dir "$out/a" --allow-invalid >/dev/null 2>"$out/err" || cat "$out/err" >&2
  if [ -n "$burner" ]; then kill $burner && wait $burner 2>/dev/null || true; burner=; fi
  kill $mock && wait $mock 2>/dev/null || true
  mock=
  "$bin/truth" join "$out/truth" "$out/a/profile_export.jsonl" |
    python3 -c '
import json, sys
row = json.load(sys.stdin)
report = json.load(open(sys.argv[1]))
summary, verdict = report["summary"], report["verdict"]
core = summary["client"]["cores"][0]
row.update(zip(("streams", "itl_ms", "io", "stamps", "load"), sys.argv[2:]))
row["tokens_per_s"] = row["tokens"] / summary["phase_duration_s"]
row["core_busy_share"], row["own_busy_share"] = core["core_busy_share"], core["busy_share"]
row["verdict"] = verdict["status"]
row["gates"] = [f["gate"] for f in verdict["findings"] if f["status"] == verdict["status"] != "VALID"]
row["failed"] = sum(summary["counts"]["failed"].values())
print(json.dumps(row))' "$out/a/ringload_report.json" "$@" >>"$keep/truth.jsonl"
}

if [ -z "${SUM:-}" ]; then
  : >"$keep/truth.jsonl"
  while read -r streams itl; do
    for io in ${IOS:-uring epoll}; do
      for stamps in ${STAMPS:-kernel user}; do
        for load in ${LOADS:-idle loaded}; do run "$streams" "$itl" "$io" "$stamps" "$load"; done
      done
    done
  done <<<"$shapes"
fi

python3 - "$keep/truth.jsonl" <<'P'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
def cell(p):
    if p is None:
        return "–"
    return " / ".join(f"{p[k]:.0f}" if p[k] < 10_000 else f"{p[k] / 1e3:.0f}k" for k in ("p50", "p99", "p999"))
print("µs, p50 / p99 / p99.9 of absolute errors. *own write*: how long the server's writes took, the loopback's own part.\n")
print("| streams | token each | tokens/s | driver | stamps | core 0 | busy | token arrival | first token | TTFT | TTFT from send | until sent | sent to read | gap | own write | share a stamp | verdict |")
print("|" + "---|" * 17)
for r in rows:
    bad = r["unknown_to_server"] + r["of_other_length"] + r["failed"]
    says = " ".join([r["verdict"], ",".join(r["gates"])]).strip() + (f" ({bad} requests do not fit)" if bad else "")
    print(f"| {r['streams']} | {r['itl_ms']} ms | {r['tokens_per_s']:.0f} | {r['io']} | {r['stamps']} | {r['load']} | {r['core_busy_share'] * 100:.0f} % |",
          " | ".join(cell(r.get(k)) for k in ("arrival_us", "first_us", "ttft_us", "from_send_us", "unsent_us", "sent_way_us", "gap_us", "write_us")), f"| {r['shared_share'] * 100:.1f} % | {says} |")
print("\nCompared with the claim: with kernel stamps the p99 of an error is at most 100 µs above the loopback's own (the p99 of the same error\nwith the core idle or of the writes, whichever is greater).\n")
own = {(r["streams"], r["itl_ms"], r["io"]): r for r in rows if (r["stamps"], r["load"]) == ("kernel", "idle")}
for key in ("arrival_us", "first_us", "ttft_us", "from_send_us", "gap_us"):
    misses, checked = [], 0
    for r in rows:
        idle = own.get((r["streams"], r["itl_ms"], r["io"]))
        if r["stamps"] != "kernel" or idle is None or key not in r:
            continue
        bound = 100 + max(r["write_us"]["p99"], idle["write_us"]["p99"], *([idle[key]["p99"]] if r["load"] == "loaded" else []))
        checked += 1
        if r[key]["p99"] > bound:
            misses.append(f"{r['streams']} streams, {r['itl_ms']} ms, {r['io']}, {r['load']}: {r[key]['p99']:.0f} µs over {bound:.0f}")
    print(f"- {key[:-3]}: holds in {checked - len(misses)} of {checked} runs" + ("".join("\n  - " + m for m in misses)))
P
