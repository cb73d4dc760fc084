#!/usr/bin/env bash
# Apache httpd 2.4.71 (Debian 12), mod_http2: of sixteen requests that reach a fresh connection together only six are begun; the others wait for one
# of these to end, although the server announces a hundred streams.
#
# Expected before it was run: all sixteen responses begin at once, since SETTINGS_MAX_CONCURRENT_STREAMS is 100 and the workers are idle.
# Seen: six response heads, then nothing until the first response is complete. A client that holds sixteen streams of an LLM on one connection sees six
# good times to the first token, and ten that are longer by the length of whole answers; neither the model nor the network made them wait.
# mod_http2 begins a connection with a limit of its own (the number that browsers open over HTTP/1.1) and raises it as answers succeed.
# Output seen (apache2-bin 2.4.71-1~deb12u1, h2 4.3.0):
#     announced 100 streams
#     response heads before the first response ended: 6 of 16
#     responses that ended in order: 16 of 16
# Source: RFC 9113 §5.1.2.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq download apache2-bin libapr1 libaprutil1 libnghttp2-14 libpcre2-8-0 >/dev/null 2>&1
for package in ./*.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$folder/root/usr/lib/$(uname -m)-linux-gnu
version=$(root/usr/sbin/apache2 -v)
echo "${version%%$'\n'*}"
[[ $version == *"Apache/2.4.71"* ]] || { echo "another version of Apache: look again"; exit 1; }
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install h2==4.3.0
cat > seen.py <<'PY'
import os
import socket
import subprocess
import sys
import threading
import time

import h2.config
import h2.connection
import h2.events

STREAMS = 16


def answer(c):
    c.recv(65536)
    c.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(10):
        c.sendall(b"e\r\ndata: a word\n\n\r\n")
        time.sleep(0.1)
    c.sendall(b"0\r\n\r\n")
    c.close()


def upstream(listener):
    while True:
        c, _ = listener.accept()
        threading.Thread(target=answer, args=(c,), daemon=True).start()


listener = socket.create_server(("127.0.0.1", 0), backlog=64)
threading.Thread(target=upstream, args=(listener,), daemon=True).start()
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
root, here = sys.argv[1], os.getcwd()
with open("httpd.conf", "w") as f:
    f.write(f"""
ServerRoot {here}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {here}/pid
ErrorLog {here}/error.log
""")
    for module in ("mpm_event", "http2", "proxy", "proxy_http", "authz_core"):
        f.write(f"LoadModule {module}_module {root}/usr/lib/apache2/modules/mod_{module}.so\n")
    f.write(f"""
Protocols h2c http/1.1
ProxyPass / http://127.0.0.1:{listener.getsockname()[1]}/ disablereuse=on
""")
server = subprocess.Popen([f"{root}/usr/sbin/apache2", "-f", f"{here}/httpd.conf", "-DFOREGROUND"])
try:
    for _ in range(200):
        try:
            c = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            time.sleep(0.1)
    c.settimeout(30)
    h = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    h.initiate_connection()
    c.sendall(h.data_to_send())
    heads, ends, before, announced = set(), 0, None, None
    while announced is None:
        for e in h.receive_data(c.recv(65536)):
            if isinstance(e, h2.events.RemoteSettingsChanged):
                announced = h.remote_settings.max_concurrent_streams
        c.sendall(h.data_to_send())
    print("announced", announced, "streams")
    for i in range(STREAMS):
        head = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", "/v1/chat/completions")]
        h.send_headers(2 * i + 1, head)
        h.send_data(2 * i + 1, b"{}", end_stream=True)
    c.sendall(h.data_to_send())
    while ends < STREAMS:
        for e in h.receive_data(c.recv(65536)):
            if isinstance(e, h2.events.ResponseReceived):
                heads.add(e.stream_id)
            elif isinstance(e, h2.events.DataReceived):
                h.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
            elif isinstance(e, h2.events.StreamEnded):
                before = len(heads) if before is None else before
                ends += 1
            elif isinstance(e, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                raise SystemExit(f"another end: {e}")
        c.sendall(h.data_to_send())
    print(f"response heads before the first response ended: {before} of {STREAMS}")
    print(f"responses that ended in order: {ends} of {STREAMS}")
    assert announced == 100 and before == 6, "it was 6 of 16 at 100 announced"
    print("as it was found")
finally:
    server.terminate()
    server.wait(10)
PY
env/bin/python seen.py "$folder/root"
