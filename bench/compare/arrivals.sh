#!/usr/bin/env bash
# The arrivals of an open loop as the server received them, against what their pattern says: mean, dispersion, Kolmogorov and Smirnov.
#
#   bench/compare/arrivals.sh [ROUNDS]      needs two cores, python3, and `cargo build --release -p ringload`; about three minutes a round
#
# Client on core 0, the mock server (answers one token at once) on core 1. `KS` is the greatest distance between the received gaps and the
# pattern's distribution, `bound` what it exceeds once in a thousand samples of the distribution itself. Each row is the round with the median distance.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-3} bin=${RINGLOAD:-target/release/ringload} out=$(mktemp -d) port=9139 mock=
trap 'kill $mock 2>/dev/null || true; rm -rf "$out"' EXIT
ulimit -n "$(ulimit -Hn)"
"$bin" mock --port $port --cores 1, --threads 1 --ttft-ms 0 >/dev/null 2>"$out/mock.err" &
mock=$!
until (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do sleep 0.05; done

python3 - "$bin" "$out" "$port" "$rounds" <<'P'
import json, math, statistics, subprocess, sys, urllib.request
binary, out, port, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
url = f"http://127.0.0.1:{port}"
DISTRIBUTIONS = {
    "constant": ([], 0.0, None),
    "poisson": ([], 1.0, lambda x: 1 - math.exp(-x)),
    "gamma, shape 4": (["--arrival-smoothness", "4"], 0.5, lambda x: 1 - math.exp(-4 * x) * sum((4 * x) ** i / math.factorial(i) for i in range(4))),
}

def page(path, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url + path, method=method, data=b"" if method == "POST" else None)) as answer:
        return json.load(answer)

def run(rate, count, pattern, io, seed):
    flags, _, distribution = DISTRIBUTIONS[pattern]
    page("/mock/reset", "POST")
    subprocess.run([binary, "profile", "-m", "mock", "--url", url, "--request-rate", str(rate), "--request-count", str(count), "--arrival-pattern", pattern.split(",")[0],
                    *flags, "--osl", "1", "--isl", "8", "--streaming", "--use-server-token-count", "--cores", "0,", "--io", io, "--random-seed", str(seed),
                    "--ui", "none", "--artifact-dir", f"{out}/a", "--allow-invalid"], check=True, stdout=subprocess.DEVNULL)
    at = page("/mock/arrivals")
    assert len(at) == count, (len(at), count)
    gaps = sorted((b - a) / 1e9 * rate for a, b in zip(at, at[1:]))
    n = len(gaps)
    mean = statistics.fmean(gaps)
    ks = max(max(distribution(x) - i / n, (i + 1) / n - distribution(x)) for i, x in enumerate(gaps)) if distribution else None
    report = json.load(open(f"{out}/a/ringload_report.json"))
    lag = {p["name"]: p["ms"] * 1e3 for p in report["summary"]["client"]["dispatch_lag"]["percentiles"]}
    return mean, statistics.stdev(gaps) / mean, ks, lag["p50"], lag["p99"], report["verdict"]["status"]

print("| arrivals/s | pattern | driver | arrivals | mean gap × rate | dispersion (distribution) | KS | bound | dispatch lag p50 / p99 µs | verdict |")
print("|---|---|---|---|---|---|---|---|---|---|")
for rate, count in (1, 20), (10, 100), (100, 1000), (1000, 5000), (5000, 20000):
    for pattern, (_, cv, distribution) in DISTRIBUTIONS.items():
        for io in ("epoll", "uring") if rate >= 1000 else ("uring",):
            seen = sorted((run(rate, count, pattern, io, seed + 1) for seed in range(rounds if rate >= 100 else 1)), key=lambda r: r[2] or r[1])
            mean, dispersion, ks, p50, p99, verdict = seen[len(seen) // 2]
            bound = math.sqrt(-math.log(0.001 / 2) / 2 / (count - 1))
            print(f"| {rate} | {pattern} | {io} | {count} | {mean:.4f} | {dispersion:.3f} ({cv:.1f}) | {f'{ks:.4f}' if distribution else '–'} | {f'{bound:.4f}' if distribution else '–'} | {p50:.0f} / {p99:.0f} | {verdict} |", flush=True)
P
