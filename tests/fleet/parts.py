"""What scenes are made of: a server that keeps what came, a bus, and fleets of processes."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("RINGLOAD", str(ROOT / "target/debug/ringload"))
SERVER = os.environ.get("NATS_SERVER") or shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
SCENES = {}


def scene(play):
    SCENES[play.__name__] = play
    return play


class Recorder:
    """A server that keeps when which body came, and answers each with a short stream."""

    EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"word"},"finish_reason":null}]}\n\n'

    def __init__(self, latency=0.02):
        self.latency, self.came, self.lock = latency, [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                try:
                    more = peer.recv(65536)
                except ConnectionResetError:
                    return
                if not more:
                    return
                data += more
            at = time.monotonic()
            head, data = data.split(b"\r\n\r\n", 1)
            length = next((int(l.split(b":")[1]) for l in head.lower().split(b"\r\n") if l.startswith(b"content-length:")), 0)
            while len(data) < length:
                data += peer.recv(65536)
            body, data = data[:length], data[length:]
            if not head.startswith(b"POST"):
                peer.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                continue
            with self.lock:
                self.came.append((at, body))
            time.sleep(self.latency)
            out = self.EVENT * 3 + b"data: [DONE]\n\n"
            peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(out) + out)

    def taken(self):
        """What came since the last call: instants from the first, and bodies."""
        with self.lock:
            came, self.came = sorted(self.came), []
        return [(at - came[0][0], body) for at, body in came]


class Bus:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="ringload-fleet-")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"nats://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        args = [SERVER, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", self.dir]
        self.process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


RUNS = 0


class Fleet:
    """Members of one run, as processes."""

    def __init__(self, bus, size, args, dir, own=None, ranks=None, run=None):
        global RUNS
        RUNS += 1
        self.dir, self.size, self.run = Path(dir), size, run or f"scene-{os.getpid()}-{RUNS}"
        self.members = {}
        for rank in ranks if ranks is not None else range(size):
            self.start(bus, rank, args + (own or {}).get(rank, []))

    def start(self, bus, rank, args):
        line = [BINARY, "profile", *args, "--artifact-dir", str(self.dir), "--fleet", bus.url, "--fleet-size", str(self.size)]
        line += ["--fleet-rank", str(rank), "--fleet-run", self.run, "--cores", "1", "--ui", "none"]
        log = open(f"{self.dir}-{rank}.txt", "w")
        self.members[rank] = subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT)

    def said(self, rank):
        return Path(f"{self.dir}-{rank}.txt").read_text()

    def wait(self, timeout=90):
        until = time.monotonic() + timeout
        codes = {}
        for rank, process in self.members.items():
            try:
                codes[rank] = process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                codes[rank] = "still there"
        return codes

    def report(self):
        return json.loads((self.dir / "ringload_report.json").read_text())


def check(what, holds, shown=""):
    if not holds:
        raise AssertionError(f"{what} {shown}")
    print(f"    {what}")


def one(args, dir, cores="1"):
    line = [BINARY, "profile", *args, "--artifact-dir", str(dir), "--cores", cores, "--ui", "none"]
    return subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=90)


def counts(report):
    return report["summary"]["counts"]


def common(server, *more):
    return ["--url", server.url, "-m", "m", "--streaming", "--random-seed", "7", "--isl", "20", "--no-probe",
            "--num-dataset-entries", "50", "--allow-invalid", *more]
