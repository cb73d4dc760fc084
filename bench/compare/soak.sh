#!/usr/bin/env bash
# Half an hour of streams that end in faults at random: does the client's memory stay flat, do its descriptors, and is nothing lost?
#
#   bench/compare/soak.sh [SECONDS] [STREAMS] [FAULTS] [FOLDER] [FLAGS…]      needs python3, and `cargo build --release -p ringload`
#
# The mock server answers with streams of 100 tokens, one each 200 ms; the share FAULTS of them ends in an error status, an error event, a
# close or a reset. Memory (VmRSS) and descriptors of the client are read every 10 s while the load lasts. In its first minutes
# memory grows: buffers and rings are touched for the first time; so it does in a burst after a stall. It has to be flat in the last half.
# FLAGS go to `ringload profile` (--http2 speaks it on both sides). Ends with 1 when something does not hold. FOLDER keeps what was sampled
# (samples.tsv), the counts of both sides (counts.json) and what was found (soak.md). $RINGLOAD names the binary.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-1800} streams=${2:-3000} faults=${3:-0.2} keep=${4:-$(mktemp -d)}
shift $(($# < 4 ? $# : 4))
bin=${RINGLOAD:-target/release/ringload} out=$(mktemp -d) mock= client=
trap 'kill $client $mock 2>/dev/null || true; rm -rf "$out"' EXIT
mkdir -p "$keep"
ulimit -n "$(ulimit -Hn)"
if [ "$(ulimit -n)" -lt $((streams + 256)) ]; then
  echo "$streams streams need $((streams + 256)) open files, but the limit is $(ulimit -n): raise it, or soak with fewer" >&2
  exit 2
fi

"$bin" mock --port 0 --threads 1 --http2 --ttft-ms 200 --itl-ms 200 --jitter 0.2 --faults "$faults" >"$out/url" 2>"$out/mock.err" &
mock=$!
until [ -s "$out/url" ]; do
  kill -0 $mock 2>/dev/null || { cat "$out/mock.err" >&2; exit 2; }
  sleep 0.05
done
url=$(cat "$out/url")

"$bin" profile -m mock --url "$url" --streaming --concurrency "$streams" --concurrency-ramp-duration 10 --request-count 100000000 \
  --benchmark-duration "$seconds" --benchmark-grace-period 5 --isl 16 --osl 100 --use-server-token-count --export-level summary \
  --ui none --artifact-dir "$out/a" --allow-invalid "$@" >"$out/said" 2>&1 &
client=$!

python3 - $client "$seconds" >"$keep/samples.tsv" <<'P'
import os, sys, time
pid, seconds = int(sys.argv[1]), float(sys.argv[2])
print("second", "rss_kib", "descriptors", sep="\t")
begin = time.monotonic()
while (at := time.monotonic() - begin) < seconds - 5:
    try:
        status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
        if status["State"].split()[0] == "Z":
            break
        fds = len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        break
    print(f"{at:.0f}", status["VmRSS"].split()[0], fds, sep="\t", flush=True)
    time.sleep(10)
P
status=0
wait $client || status=$?
client=
# What was abandoned is noticed by the server when its next token is due.
sleep 2
python3 -c 'import sys, urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1] + "/mock/state").read().decode())' "$url" >"$out/state.json"
[ -s "$out/a/ringload_report.json" ] || { cat "$out/said" >&2; exit 1; }

python3 - "$keep" "$out" "$streams" "$faults" "$status" "$*" <<'P' | tee "$keep/soak.md"
import json, statistics, sys
keep, out, streams, faults, status, flags = sys.argv[1:]
report = json.load(open(f"{out}/a/ringload_report.json"))
mock = json.load(open(f"{out}/state.json"))
counts = report["summary"]["counts"]
json.dump({"client": counts, "server": mock}, open(f"{keep}/counts.json", "w"), indent=1)
rows = [tuple(map(int, line.split("\t"))) for line in list(open(f"{keep}/samples.tsv"))[1:]]
late = rows[len(rows) // 2:]
failed = counts["failed"]

def growth(values):
    """Over the samples of the last half, by least squares."""
    at = [row[0] for row in late]
    return statistics.linear_regression(at, values).slope * (at[-1] - at[0]) if len(set(at)) > 1 else 0.0

checks = []
def check(what, holds, said):
    checks.append(holds)
    print(f"| {what} | {said} | {'holds' if holds else '**does not hold**'} |")

rss, fds = [row[1] for row in late], [row[2] for row in late]
client = report["summary"]["client"]
print(f"{streams} streams for {rows[-1][0] + 10} s, {float(faults):.0%} of the requests with a fault, {client['driver']}{', ' + flags if flags else ''}: "
      f"{counts['issued']} requests, {report['summary']['client'].get('reads', 0)} reads.\n")
print("| | | |\n|---|---|---|")
check("memory is flat in the last half", growth(rss) < max(0.02 * statistics.median(rss), 4096),
      f"{min(rss) / 1024:.1f} to {max(rss) / 1024:.1f} MiB, {growth(rss) / 1024:+.2f} MiB over the samples ({len(late)}, by least squares); bound 2 % or 4 MiB")
first, most = rows[len(rows) // 5][1], max(row[1] for row in rows)
check("memory over all", most < 1.25 * first, f"{most / 1024:.1f} MiB at the most, {first / 1024:.1f} after a fifth; bound 1.25 times as much")
check("descriptors are flat", abs(growth(fds)) < 0.02 * max(fds) and max(fds) <= int(streams) + 256,
      f"{min(fds)} to {max(fds)}, {growth(fds):+.1f} over the samples; bound 2 % and streams + 256")
ends = counts["succeeded"] + sum(failed.values()) + counts["cancelled"] + counts["in_flight_at_end"]
check("issued = succeeded + failed + cancelled + in flight at the end", counts["issued"] == ends,
      f"{counts['issued']} = {counts['succeeded']} + {sum(failed.values())} + {counts['cancelled']} + {counts['in_flight_at_end']}")
met = counts["issued"] + counts["never_due"] + counts["dropped"]
check("planned = issued + never due + dropped", counts["planned"] == met,
      f"{counts['planned']} = {counts['issued']} + {counts['never_due']} + {counts['dropped']}")
check("violations, records lost", not report["summary"]["violations"] and client["records_lost"] == 0,
      f"{len(report['summary']['violations'])}, {client['records_lost']}")
check("the server has seen what was issued", mock["requests"] == counts["issued"], f"{mock['requests']} of {counts['issued']}")
check("error statuses, by the client and by the server", failed.get("http_status", 0) == mock["refused"],
      f"{failed.get('http_status', 0)} and {mock['refused']}")
check("the server has nothing left in flight", mock["requests"] == mock["finished"] + mock["cancelled"] + mock["refused"] and mock["in_flight"] == 0,
      f"{mock['requests']} = {mock['finished']} + {mock['cancelled']} + {mock['refused']}")
check("none left the server but what the client says it left (the ends of others were on their way)", mock["cancelled"] <= counts["in_flight_at_end"],
      f"{mock['cancelled']} of {counts['in_flight_at_end']}")
check("exit status", status == "0", status)
print("\nFailures by cause:", ", ".join(f"{cause} {n}" for cause, n in sorted(failed.items())) or "none")
sys.exit(0 if all(checks) else 1)
P
