#!/usr/bin/env bash
# CPU of a token with `--stamps packet`, beside runs with `--stamps kernel`, in pairs.
#
#   bench/compare/packets.sh [SECONDS] [PAIRS]      needs two cores, CAP_NET_RAW, python3, and `cargo build --release -p ringload`; RINGLOAD names another binary
#
# Client on core 0, mock on core 1. Lines of $SHAPES are `streams itl_ms`; $IOS names the drivers. What a token costs the worker is its own CPU time
# over its output events. On the loopback the packets are filtered and copied within the server's write, on core 1: the column *server* is the CPU of
# the mock per event. The order within a pair alternates.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec env PYTHONPATH=bench/compare PYTHONDONTWRITEBYTECODE=1 python3 - "${RINGLOAD:-target/release/ringload}" "${1:-4}" "${2:-9}" "${SHAPES:-64 5
1000 25}" "${IOS:-uring epoll}" <<'P'
import json, os, statistics, subprocess, sys, tempfile
from pairs import allow_descriptors, in_pairs, mock
BIN, SECONDS, PAIRS = sys.argv[1], sys.argv[2], int(sys.argv[3])
SHAPES = [line.split() for line in sys.argv[4].splitlines() if line.strip()]
allow_descriptors()

def cpu_s(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

def run(server, port, streams, tokens, io, stamps):
    with tempfile.TemporaryDirectory() as folder:
        before = cpu_s(server.pid)
        subprocess.run([BIN, "profile", "-m", "mock", "--url", f"http://127.0.0.1:{port}", "--streaming", "--concurrency", streams, "--benchmark-duration", SECONDS,
                        "--osl", str(tokens), "--isl", "8", "--use-server-token-count", "--cores", "0,", "--io", io, "--stamps", stamps, "--no-gpu-telemetry",
                        "--no-server-metrics", "--ui", "none", "--allow-invalid", "--no-probe", "--artifact-dir", f"{folder}/a"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        served = cpu_s(server.pid) - before
        client = json.load(open(f"{folder}/a/ringload_report.json"))["summary"]["client"]
        cost = client["user_ns_per_event"] + client["system_ns_per_event"]
        return cost, served * 1e9 / client["events"], client

def spread(values):
    values = sorted(values)
    return f"{statistics.median(values):.3f} ({values[0]:.3f} to {values[-1]:.3f})"

print(f"load average {os.getloadavg()[0]:.1f} at the start; {PAIRS} pairs of {SECONDS} s; Linux {os.uname().release}\n")
print("| streams | token each | driver | kernel, ns/token | packet, ns/token | packet/kernel | server, packet/kernel | missed | dropped | apart |")
print("|" + "---|" * 10)
for streams, itl in SHAPES:
    tokens = max(2, round(1400 / float(itl)))
    with mock(BIN, "--ttft-ms", "20", "--itl-ms", itl, "--jitter", "0.3") as (server, port):
        for io in sys.argv[5].split():
            run(server, port, streams, tokens, io, "kernel")
            costs, ratios, servers, losses = {"kernel": [], "packet": []}, [], [], [0, 0, 0]
            for found in in_pairs("kernel", "packet", PAIRS, lambda stamps: run(server, port, streams, tokens, io, stamps)):
                for stamps in costs:
                    costs[stamps].append(found[stamps][0])
                ratios.append(found["packet"][0] / found["kernel"][0])
                servers.append(found["packet"][1] / found["kernel"][1])
                for place, name in enumerate(("packets_missed", "packets_dropped", "packets_apart")):
                    losses[place] += found["packet"][2].get(name, 0)
            medians = {stamps: statistics.median(costs[stamps]) for stamps in costs}
            print(f"| {streams} | {itl} ms | {io} | {medians['kernel']:.0f} | {medians['packet']:.0f} | {spread(ratios)} | {spread(servers)} |",
                  " | ".join(str(n) for n in losses), "|", flush=True)
print(f"\nload average {os.getloadavg()[0]:.1f} at the end")
P
