#!/usr/bin/env bash
# CPU of a token of two builds of ringload, in pairs.
#
#   bench/compare/builds.sh OLD NEW [PAIRS] [SECONDS]      needs two cores and python3
#
# Client on core 0, the mock of NEW on core 1. Lines of $SHAPES are `streams itl_ms`. What a token costs is the CPU time of the run phase over its
# output events; the order within a pair alternates.
#
# The mock's jitter spreads the streams: without it they stay in the step in which they started, and how many tokens a wake-up finds, and with
# it the cost of a token, differs by a factor of two between runs of one build.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -ge 2 ] || { sed -n '2,5s/^# \?//p' "$0" >&2; exit 2; }
exec env PYTHONPATH=bench/compare PYTHONDONTWRITEBYTECODE=1 python3 - "$1" "$2" "${3:-26}" "${4:-3}" "${SHAPES:-16 10
128 10
1000 20
10000 200}" <<'P'
import json, os, random, statistics, subprocess, sys, tempfile
from pairs import allow_descriptors, in_pairs, mock
OLD, NEW, PAIRS, SECONDS = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
SHAPES = [line.split() for line in sys.argv[5].splitlines() if line.strip()]
allow_descriptors()
random.seed(1)

# Builds that do not know a flag of these refuse it, and then run without.
OPTIONAL = ["--no-probe", "--no-server-metrics", "--no-gpu-telemetry"]
def known(binary):
    text = subprocess.run([binary, "profile", "--help"], capture_output=True, text=True).stdout
    return [flag for flag in OPTIONAL if flag in text]
FLAGS = {binary: known(binary) for binary in (OLD, NEW)}

def run(binary, port, streams):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([binary, "profile", "-m", "mock", "--url", f"http://127.0.0.1:{port}", "--streaming", "--concurrency", streams, "--benchmark-duration", SECONDS,
                        "--osl", "50", "--isl", "8", "--num-dataset-entries", "100", "--cores", "0,", "--ui", "none", "--allow-invalid", "--artifact-dir", f"{folder}/a",
                        *FLAGS[binary]], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        client = json.load(open(f"{folder}/a/ringload_report.json"))["summary"]["client"]
        return client["user_ns_per_event"] + client["system_ns_per_event"]

print(f"load average {os.getloadavg()[0]:.1f} at the start; {PAIRS} pairs of {SECONDS} s; Linux {os.uname().release}\n")
print("| streams | token each | old, ns/token | new, ns/token | new/old, median | 95 % of the median |")
print("|" + "---|" * 6)
for streams, itl in SHAPES:
    with mock(NEW, "--ttft-ms", "50", "--itl-ms", itl, "--jitter", "0.3") as (_, port):
        costs, ratios = {OLD: [], NEW: []}, []
        for found in in_pairs(OLD, NEW, PAIRS, lambda binary: run(binary, port, streams)):
            for binary in costs:
                costs[binary].append(found[binary])
            ratios.append(found[NEW] / found[OLD])
        draws = sorted(statistics.median(random.choices(ratios, k=len(ratios))) for _ in range(4000))
        print(f"| {streams} | {itl} ms | {statistics.median(costs[OLD]):.0f} | {statistics.median(costs[NEW]):.0f} | {statistics.median(ratios):.3f} |"
              f" {draws[100]:.3f} to {draws[3899]:.3f} |", flush=True)
print(f"\nload average {os.getloadavg()[0]:.1f} at the end")
P
