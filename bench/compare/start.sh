#!/usr/bin/env bash
# From the start of the program until the server has read its first request, with 100 prompts prepared: ms, each run, the median, the longest.
#
#   bench/compare/start.sh [RUNS]      needs two cores, python3, and `cargo build --release -p ringload -p ringload-bench`
set -euo pipefail
cd "$(dirname "$0")/../.."
exec taskset -c 1 python3 - "${1:-9}" <<'P'
import json, os, pathlib, signal, socket, statistics, subprocess, sys, tempfile, time
BIN, PORT = pathlib.Path("target/release"), 9141
times = []
for _ in range(int(sys.argv[1])):
    with tempfile.TemporaryDirectory() as folder:
        mock = subprocess.Popen([BIN / "ringload", "mock", "--port", f"{PORT}", "--cores", "1,", "--truth-log", f"{folder}/truth"], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", PORT)).close()
                break
            except OSError:
                if time.monotonic() > until or mock.poll() is not None:
                    sys.exit(f"the mock does not listen on port {PORT}: free it, or look at what it said")
                time.sleep(0.02)
        begun = time.monotonic_ns()
        subprocess.run(["taskset", "-c", "0", BIN / "ringload", "profile", "-m", "mock", "--url", f"http://127.0.0.1:{PORT}", "--streaming", "--concurrency", "10",
                        "--num-prompts", "100", "--request-count", "100", "--isl", "550", "--osl", "8", "--use-server-token-count", "--cores", "0,", "--ui", "none",
                        "--allow-invalid", "--artifact-dir", f"{folder}/a"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        mock.send_signal(signal.SIGTERM)
        mock.wait(timeout=30)
        said = subprocess.run([BIN / "truth", "server", f"{folder}/truth"], check=True, capture_output=True, text=True).stdout
        times.append((json.loads(said)["first_received_ns"] - begun) / 1e6)
print("first request read by the server after ms:", " ".join(f"{t:.0f}" for t in times), f"| median {statistics.median(times):.0f}, longest {max(times):.0f}")
P
