#!/usr/bin/env bash
# CPU of the workers per token with the server's metrics read three times a second from an exposition of 1 MB, beside runs without, in pairs.
#
#   bench/compare/telemetry.sh [SECONDS] [PAIRS] [STREAMS]      needs two cores, python3, and `cargo build --release -p ringload`; RINGLOAD names another binary
#
# Client on core 0, mock, page and whatever else runs on core 1; the scraper's threads keep off the workers' core by themselves. The order within a pair alternates.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec env PYTHONPATH=bench/compare PYTHONDONTWRITEBYTECODE=1 python3 - "${RINGLOAD:-target/release/ringload}" "${1:-6}" "${2:-9}" "${3:-64}" <<'P'
import http.server, json, os, socketserver, statistics, subprocess, sys, tempfile, threading
from pairs import in_pairs, mock
BIN, SECONDS, PAIRS, STREAMS = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
os.sched_setaffinity(0, {0, 1})

def page(n):
    lines = []
    for metric in range(60):
        name = f"vllm:request_{metric}_seconds"
        lines.append(f"# HELP {name} A part of a request.\n# TYPE {name} histogram")
        for engine in range(8):
            labels = f'engine="{engine}",model_name="meta-llama/Llama-3.1-8B-Instruct"'
            lines += [f'{name}_bucket{{{labels},le="{b * 0.25}"}} {n * 20 + b}.0' for b in range(20)]
            lines.append(f"{name}_sum{{{labels}}} {n * 0.123456}\n{name}_count{{{labels}}} {n * 20 + 20}.0")
    return ("\n".join(lines) + "\n").encode()

PAGES, served = [page(n) for n in range(6)], [0]

class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def setup(self):
        # Each connection has a thread of its own, which is not to run on the workers' core.
        os.sched_setaffinity(0, {1})
        super().setup()
    def do_GET(self):
        body = PAGES[served[0] % len(PAGES)]
        served[0] += 1
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Pages)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}/metrics"
with mock(BIN, "--ttft-ms", "20", "--itl-ms", "5") as (_, port):
    def run(on):
        with tempfile.TemporaryDirectory() as folder:
            flags = ["--server-metrics", url] if on else ["--no-server-metrics"]
            before = served[0]
            subprocess.run([BIN, "profile", "-m", "mock", "--url", f"http://127.0.0.1:{port}", "--streaming", "--concurrency", STREAMS, "--benchmark-duration", SECONDS,
                            "--osl", "200", "--isl", "8", "--use-server-token-count", "--cores", "0,", "--no-gpu-telemetry", "--ui", "none", "--allow-invalid", "--no-probe",
                            "--artifact-dir", f"{folder}/a", *flags], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            client = json.load(open(f"{folder}/a/ringload_report.json"))["summary"]["client"]
            return client["user_ns_per_event"] + client["system_ns_per_event"], client["events"], served[0] - before
    run(False)
    ratios, rows = [], []
    print(f"load average {os.getloadavg()[0]:.1f} at the start; {PAIRS} pairs of {SECONDS} s at {STREAMS} streams; a page of {len(PAGES[0])} bytes")
    for found in in_pairs(False, True, PAIRS, run):
        ratio = found[True][0] / found[False][0]
        ratios.append(ratio)
        print(f"off {found[False][0]:.0f} ns/token ({found[False][1]} tokens)  on {found[True][0]:.0f} ({found[True][1]}, {found[True][2]} scrapes)  on/off {ratio:.4f}", flush=True)
    ratios.sort()
    print(f"on/off: median {statistics.median(ratios):.4f}, from {ratios[0]:.4f} to {ratios[-1]:.4f}; load average {os.getloadavg()[0]:.1f} at the end")
P
