#!/usr/bin/env bash
# HAProxy 2.6.12 (Debian 12): a response that its own `timeout server` cuts ends, over HTTP/2, like one that is complete.
#
# Expected before it was run: RST_STREAM, since RFC 9113 §8.1.1 has a malformed or incomplete response told apart from one that ended, and over
# HTTP/1.1 the same proxy leaves out the last chunk.
# Seen: status 200, the three events that had come, and then an empty DATA frame with END_STREAM; no RST_STREAM, no GOAWAY. A client that
# trusts END_STREAM takes the half answer for a whole one; of an event stream only the missing `[DONE]` or finish reason tells.
# Over HTTP/1.1 the connection ends without the last chunk, which a client can see.
# Output seen (2.6.12-1+deb12u3, h2 4.3.0):
#     HTTP/1.1: ended by a close without the last chunk
#     HTTP/2: ['status 200', 'ended'] events 3
# Source: RFC 9113 §8.1 and §8.1.1.
set -euo pipefail
folder=$(mktemp -d); pids=(); trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq download haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 >/dev/null 2>&1
for package in ./*.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$folder/root/usr/lib/$(uname -m)-linux-gnu
version=$(root/usr/sbin/haproxy -v)
echo "${version%%$'\n'*}"
[[ $version == *"version 2.6.12"* ]] || { echo "another version of HAProxy: look again"; exit 1; }
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install h2==4.3.0
cat > seen.py <<'PY'
import socket
import subprocess
import sys
import threading
import time

import h2.config
import h2.connection
import h2.events

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}\n\n'


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def upstream(listener):
    while True:
        c, _ = listener.accept()
        c.recv(65536)
        c.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(3):
            c.sendall(b"%x\r\n%s\r\n" % (len(EVENT), EVENT))
            time.sleep(0.05)
        threading.Timer(5, c.close).start()  # silence: longer than the proxy waits


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=upstream, args=(listener,), daemon=True).start()
one, two = free(), free()
with open("haproxy.cfg", "w") as f:
    f.write(f"""
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 700ms
frontend one
    bind 127.0.0.1:{one}
    default_backend model
frontend two
    bind 127.0.0.1:{two} proto h2
    default_backend model
backend model
    server a 127.0.0.1:{listener.getsockname()[1]}
""")
proxy = subprocess.Popen([sys.argv[1], "-f", "haproxy.cfg", "-db"], stderr=subprocess.DEVNULL)
try:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", two)).close()
            break
        except OSError:
            time.sleep(0.05)

    c = socket.create_connection(("127.0.0.1", one))
    c.settimeout(6)
    c.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}")
    plain = b""
    while part := c.recv(65536):
        plain += part
    print("HTTP/1.1: ended by", "the last chunk" if plain.endswith(b"0\r\n\r\n") else "a close without the last chunk")

    c = socket.create_connection(("127.0.0.1", two))
    c.settimeout(6)
    h = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    h.initiate_connection()
    h.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/v1/chat/completions")])
    h.send_data(1, b"{}", end_stream=True)
    c.sendall(h.data_to_send())
    log, events = [], 0
    while "ended" not in log and "reset" not in log:
        part = c.recv(65536)
        if not part:
            log.append("closed")
            break
        for e in h.receive_data(part):
            if isinstance(e, h2.events.ResponseReceived):
                log.append("status " + str(dict(e.headers).get(b":status", b"").decode()))
            elif isinstance(e, h2.events.DataReceived):
                events += e.data.count(b"data:")
            elif isinstance(e, h2.events.StreamEnded):
                log.append("ended")
            elif isinstance(e, h2.events.StreamReset):
                log.append("reset")
        c.sendall(h.data_to_send())
    print("HTTP/2:", log, "events", events)
    assert not plain.endswith(b"0\r\n\r\n")
    assert log == ["status 200", "ended"] and events == 3, "it was an end in order after three events"
    print("as it was found")
finally:
    proxy.terminate()
    proxy.wait(5)
PY
env/bin/python seen.py "$folder/root/usr/sbin/haproxy"
