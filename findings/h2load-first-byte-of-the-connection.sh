#!/usr/bin/env bash
# h2load 1.52.0 (nghttp2, Debian 12): its "time to 1st byte" is of the first request of each connection alone.
#
# Expected before it was run: with its minimum, maximum, mean and deviation it is of all requests, as the "time for request" above it is.
# Seen: of ten requests over two connections the row holds two values. A server that answers the first request of a connection after 20 ms and each later
# one after 400 ms has a time to the first byte of 21 ms at the mean and at the most. The first request is also the one that meets an idle server and that holds
# the making of the connection: it is the least like the others. For a streamed answer the row is the nearest to a time to the first token that there is.
# Output seen (times differ a little from run to run):
#     10 requests, 2 connections; at the server 20 ms twice and 400 ms eight times
#     time for request: min 20.78ms max 448.01ms mean 361.66ms
#     time to 1st byte: min 21.46ms max 21.82ms mean 21.64ms
# Source: https://nghttp2.org/documentation/h2load.1.html (Output)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq download nghttp2-client=1.52.0-1+deb12u3 libnghttp2-14=1.52.0-1+deb12u3 libev4 libjansson4 libc-ares2 2>/dev/null
for package in *.deb; do dpkg-deb -x "$package" root; done
cat > seen.py <<'PY'
import glob
import http.server
import os
import re
import subprocess
import threading
import time

FIRST, LATER, REQUESTS, CONNECTIONS = 0.02, 0.4, 10, 2


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served = 0

    def log_message(self, *_):
        pass

    def do_GET(self):
        # An instance is a connection.
        self.served += 1
        time.sleep(FIRST if self.served == 1 else LATER)
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"token")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
command = ["root/usr/bin/h2load", "--h1", "-n", str(REQUESTS), "-c", str(CONNECTIONS), f"http://127.0.0.1:{server.server_port}/"]
libraries = {**os.environ, "LD_LIBRARY_PATH": glob.glob("root/usr/lib/*-linux-gnu")[0]}
told = subprocess.run(command, check=True, capture_output=True, text=True, env=libraries).stdout
assert f"{REQUESTS} succeeded" in told, told
rows = {}
print(f"{REQUESTS} requests, {CONNECTIONS} connections; at the server 20 ms twice and 400 ms eight times")
for name in ("time for request", "time to 1st byte"):
    low, high, mean = re.search(name + r":\s+(\S+)\s+(\S+)\s+(\S+)", told).groups()
    print(f"{name}: min {low} max {high} mean {mean}")
    rows[name] = [float(re.match(r"[\d.]+", t)[0]) * {"us": 1e-6, "ms": 1e-3, "s": 1}[re.sub(r"[\d.]", "", t)] for t in (low, high, mean)]
assert rows["time for request"][1] > LATER and rows["time for request"][2] > LATER / 2, "requests are all"
assert rows["time to 1st byte"][1] < LATER / 2, "first bytes are of the first request of a connection"
print("as it was found")
PY
python3 seen.py
