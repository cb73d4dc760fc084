#!/usr/bin/env bash
# HAProxy 2.6.12 (Debian 12): over plain HTTP/1.1 it gives the events of a stream out in parcels of 200 ms, with its usual settings.
#
# Expected before it was run: each chunk is passed on when it comes, for HAProxy buffers no responses and is put before event streams everywhere.
# Seen: chunks are sent with MSG_MORE, which holds a socket's data until a full segment or 200 ms, as long as the message goes on: 30 events that the
# upstream writes one every 20 ms reach the client in 4 reads. The time to the first token grows by up to 200 ms, and the median gap between events is 0.
# `option http-no-delay` passes each on. Under TLS and over HTTP/2 the same proxy passes each on without the option: the protocol, not the model, moves
# the figures.
# Output seen (2.6.12-1+deb12u4):
#     as configured usually: 30 events in 4 reads
#     option http-no-delay: 30 events in 30 reads
# Source: tcp(7), TCP_CORK and MSG_MORE; HAProxy's configuration manual, `option http-no-delay`.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq download haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 >/dev/null 2>&1
for package in ./*.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$folder/root/usr/lib/$(uname -m)-linux-gnu
version=$(root/usr/sbin/haproxy -v)
echo "${version%%$'\n'*}"
[[ $version == *"version 2.6.12"* ]] || { echo "another version of HAProxy: look again"; exit 1; }
python3 - "$folder/root/usr/sbin/haproxy" <<'PY'
import socket
import subprocess
import sys
import threading
import time

EVENTS = 30


def answer(c):
    c.recv(65536)
    c.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(EVENTS):
        c.sendall(b"e\r\ndata: a word\n\n\r\n")
        time.sleep(0.02)
    c.sendall(b"0\r\n\r\n")
    c.close()


def upstream(listener):
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def reads_with_events(port):
    c = socket.create_connection(("127.0.0.1", port))
    c.settimeout(10)
    c.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
    events = reads = 0
    while part := c.recv(65536):
        n = part.count(b"data:")
        events, reads = events + n, reads + (n > 0)
    return events, reads


listener = socket.create_server(("127.0.0.1", 0), backlog=16)
threading.Thread(target=upstream, args=(listener,), daemon=True).start()
usual, cured = free(), free()
with open("haproxy.cfg", "w") as f:
    f.write(f"""
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend usual
    bind 127.0.0.1:{usual}
    default_backend model
frontend cured
    bind 127.0.0.1:{cured}
    option http-no-delay
    default_backend model
backend model
    server a 127.0.0.1:{listener.getsockname()[1]}
""")
proxy = subprocess.Popen([sys.argv[1], "-f", "haproxy.cfg", "-db"], stderr=subprocess.DEVNULL)
try:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", cured)).close()
            break
        except OSError:
            time.sleep(0.05)
    seen = {}
    for port, name in ((usual, "as configured usually"), (cured, "option http-no-delay")):
        events, reads = seen[name] = reads_with_events(port)
        print(f"{name}: {events} events in {reads} reads")
    assert all(events == EVENTS for events, _ in seen.values())
    assert seen["as configured usually"][1] <= 6, "they came in parcels"
    assert seen["option http-no-delay"][1] >= 20, "they came one by one"
    print("as it was found")
finally:
    proxy.terminate()
    proxy.wait(5)
PY
