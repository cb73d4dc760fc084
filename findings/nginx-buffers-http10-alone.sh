#!/usr/bin/env bash
# nginx 1.22.1 (Debian 12): `proxy_buffering on`, its default, holds the events of a stream back only if the upstream is spoken to over HTTP/1.0.
#
# Expected before it was run: buffering is on until it is switched off, so that a response is held until 4 KiB have come, whatever the upstream speaks.
# Seen: over HTTP/1.0, which nginx speaks to an upstream by default, 30 events of 150 bytes that the upstream writes one every 20 ms come in 2 or 3
# reads. With `proxy_http_version 1.1` and a response in chunks each is handed on as it comes, although `proxy_buffering` is on: whoever keeps
# connections to the upstream has switched the buffering off without a word of it, and the time to the first token changes by hundreds of milliseconds
# with a line of the configuration that says nothing of times.
# Output seen (1.22.1-9+deb12u11):
#     HTTP/1.0 upstream: 30 events in 2 reads
#     HTTP/1.1 upstream, in chunks: 30 events in 30 reads
# Source: nginx's documentation of ngx_http_proxy_module, `proxy_buffering`, `proxy_http_version`.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq download nginx >/dev/null 2>&1
for package in ./*.deb; do dpkg-deb -x "$package" root; done
version=$(root/usr/sbin/nginx -v 2>&1)
echo "$version"
[[ $version == *"nginx/1.22.1"* ]] || { echo "another version of nginx: look again"; exit 1; }
python3 - "$folder/root/usr/sbin/nginx" <<'PY'
import os
import socket
import subprocess
import sys
import threading
import time

EVENTS = 30
EVENT = b"data: " + b"x" * 142 + b"\n\n"


def answer(c):
    chunked = b" HTTP/1.1\r\n" in c.recv(65536)
    framing = b"transfer-encoding: chunked" if chunked else b"connection: close"
    c.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + framing + b"\r\n\r\n")
    for _ in range(EVENTS):
        c.sendall(b"%x\r\n%s\r\n" % (len(EVENT), EVENT) if chunked else EVENT)
        time.sleep(0.02)
    c.sendall(b"0\r\n\r\n" if chunked else b"")
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
old, new = free(), free()
here = os.getcwd()
location = "location / {{ proxy_pass http://127.0.0.1:{}; {} }}"
port = listener.getsockname()[1]
paths = "".join(f"{name}_temp_path {here}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
with open("nginx.conf", "w") as f:
    f.write(f"""
daemon off; pid {here}/pid; error_log {here}/error.log;
events {{ }}
http {{ access_log off; {paths}
    server {{ listen 127.0.0.1:{old}; {location.format(port, "")} }}
    server {{ listen 127.0.0.1:{new}; {location.format(port, "proxy_http_version 1.1;")} }}
}}
""")
proxy = subprocess.Popen([sys.argv[1], "-p", here, "-c", f"{here}/nginx.conf"], stderr=subprocess.DEVNULL)
try:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", new)).close()
            break
        except OSError:
            time.sleep(0.05)
    seen = {}
    for at, name in ((old, "HTTP/1.0 upstream"), (new, "HTTP/1.1 upstream, in chunks")):
        events, reads = seen[name] = reads_with_events(at)
        print(f"{name}: {events} events in {reads} reads")
    assert all(events == EVENTS for events, _ in seen.values())
    assert seen["HTTP/1.0 upstream"][1] <= 4, "they were held back"
    assert seen["HTTP/1.1 upstream, in chunks"][1] >= 20, "they came one by one"
    print("as it was found")
finally:
    proxy.terminate()
    proxy.wait(5)
PY
