"""What scenes are made of: a server that keeps what came, a bus, and fleets of processes."""

import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("RINGLOAD", str(ROOT / "target/debug/ringload"))
SERVER = os.environ.get("NATS_SERVER") or shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
SCENES = {}
# What scenes have started: it is ended with the scene, also where a check fails.
STARTED = []


def scene(play):
    SCENES[play.__name__] = play
    return play


class Machines:
    """Machines of their own, as tests/fleet/machines makes them; needs root. Machine 254 is this one."""

    def __init__(self, skews):
        self.wires = []
        self.call("down")
        self.call("up", len(skews))
        for k, skew in enumerate(skews, 1):
            self.call("skew", k, skew)

    @staticmethod
    def call(*words):
        subprocess.run([str(ROOT / "tests/fleet/machines"), *map(str, words)], check=True)

    @staticmethod
    def on(k):
        return [str(ROOT / "tests/fleet/machines"), "on", str(k)]

    def delay(self, k, out_us, back_us):
        """What machine k sends takes so long from now on, and what it receives: two TAP devices in place of its own, and a wire between them."""
        self.call("tap", k)
        wire = Path(tempfile.mkdtemp(prefix="ringload-wire-"), "wire")
        subprocess.run(["cc", "-O2", "-o", str(wire), str(ROOT / "bench/compare/wire.c")], check=True)
        ends = [tap("net0", f"/run/netns/rlfleet{k}"), tap(f"rlfleet-{k}", "/proc/self/ns/net")]
        self.call("tapped", k)
        line = [str(wire), *map(str, ends), str(out_us), str(back_us)]
        self.wires.append(subprocess.Popen(line, pass_fds=ends, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL))
        for end in ends:
            os.close(end)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for wire in self.wires:
            wire.communicate()
        self.call("down")


def tap(name, namespace):
    """A descriptor of a TAP device of that name, made in a network namespace."""
    found = []

    def make():
        # Of this thread alone.
        of = os.open(namespace, os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(of, 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")
        os.close(of)
        end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(end, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x0002 | 0x1000))
        found.append(end)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return found[0]


HERE = "10.78.0.254"


class Recorder:
    """A server that keeps when which body came, and answers each with a short stream."""

    EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"word"},"finish_reason":null}]}\n\n'

    def __init__(self, latency=0.02, host="127.0.0.1"):
        self.latency, self.came, self.lock = latency, [], threading.Lock()
        self.listener = socket.create_server((host, 0), backlog=512)
        self.url = f"http://{host}:{self.listener.getsockname()[1]}"
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
            self.answer(peer)

    def answer(self, peer):
        time.sleep(self.latency)
        out = self.EVENT * 3 + b"data: [DONE]\n\n"
        peer.sendall(self.head(out) + out)

    @staticmethod
    def head(out):
        return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(out)

    def taken(self):
        """What came since the last call: instants from the first, and bodies."""
        with self.lock:
            came, self.came = sorted(self.came), []
        self.began = came[0][0] if came else None
        return [(at - came[0][0], body) for at, body in came]


class Bursting(Recorder):
    """A server that makes a token each 20 ms, behind a proxy that passes on four at a time."""

    def answer(self, peer):
        burst, end = self.EVENT * 4, b"data: [DONE]\n\n"
        peer.sendall(self.head(burst * 6 + end))
        for _ in range(6):
            time.sleep(0.08)
            peer.sendall(burst)
        peer.sendall(end)


class Bus:
    """A nats-server. `secret` stands before the host in its URL; `config` is more of its configuration."""

    def __init__(self, host="127.0.0.1", secret="", config="", scheme="nats"):
        self.dir, self.host = tempfile.mkdtemp(prefix="ringload-fleet-"), host
        with socket.create_server((host, 0)) as free, socket.create_server((host, 0)) as other:
            self.port, self.monitor = free.getsockname()[1], other.getsockname()[1]
        self.url = f"{scheme}://{secret}{host}:{self.port}"
        self.conf = Path(self.dir, "nats.conf")
        STARTED.append(self)
        self.conf.write_text(
            f'listen: "{host}:{self.port}"\nhttp: "{host}:{self.monitor}"\njetstream {{ store_dir: "{self.dir}/store" }}\n{config}\n'
        )
        self.start()

    def connections(self):
        """What the server says of each connection."""
        with urllib.request.urlopen(f"http://{self.host}:{self.monitor}/connz", timeout=5) as answer:
            return json.load(answer)["connections"]

    def start(self):
        args = [SERVER, "-c", str(self.conf)]
        self.process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection((self.host, self.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.05)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


class Wire:
    """A connection to the bus that says and hears what it is told to, by NATS's own protocol."""

    def __init__(self, bus, *subjects):
        self.peer = socket.create_connection((bus.host, bus.port))
        self.peer.settimeout(0.2)
        self.text, self.lock = b"", threading.Lock()
        self.send(b'CONNECT {"verbose":false}\r\n' + b"".join(b"SUB %s %d\r\n" % (s.encode(), i) for i, s in enumerate(subjects)))

    def send(self, text):
        with self.lock:
            self.peer.sendall(text)

    def say(self, subject, body):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send(b"PUB %s %d\r\n%s\r\n" % (subject.encode(), len(body), body))

    def hear(self, until):
        """What comes until then: when, under which subject, and what."""
        while time.monotonic() < until:
            line, found, rest = self.text.partition(b"\r\n")
            words = line.split()
            length = int(words[-1]) if found and words[0] == b"MSG" else 0
            if not found or len(rest) < length + 2 * (length > 0):
                try:
                    self.text += self.peer.recv(65536)
                except TimeoutError:
                    pass
                continue
            self.text = rest
            if words[0] == b"PING":
                self.send(b"PONG\r\n")
            elif words[0] == b"MSG":
                body, self.text = rest[:length], rest[length + 2:]
                yield time.monotonic(), words[1].decode(), body


RUNS = 0


class Fleet:
    """Members of one run, as processes; with `machines` each on one of its own."""

    binary = BINARY

    def __init__(self, bus, size, args, dir, own=None, ranks=None, run=None, machines=False, command="profile", env=None):
        global RUNS
        RUNS += 1
        self.machines, self.command, self.env = machines, command, env
        self.dir, self.size, self.run = Path(dir), size, run or f"scene-{os.getpid()}-{RUNS}"
        self.members = {}
        STARTED.append(self)
        for rank in ranks if ranks is not None else range(size):
            self.start(bus, rank, args + (own or {}).get(rank, []))

    def start(self, bus, rank, args):
        on = Machines.on(rank + 1) if self.machines else []
        line = [*on, self.binary, self.command, *args, "--artifact-dir", str(self.dir), "--fleet", bus.url, "--fleet-size", str(self.size)]
        line += ["--fleet-rank", str(rank), "--fleet-run", self.run, "--cores", "1", "--ui", "none"]
        log = open(f"{self.dir}-{rank}.txt", "w")
        self.members[rank] = subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT, env=self.env)

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

    def end(self):
        for process in self.members.values():
            process.kill()
            process.wait()

    def report(self):
        return json.loads((self.dir / "ringload_report.json").read_text())


def say(what):
    """What was measured, where nothing is asked of it."""
    print(f"    {what}")


def check(what, holds, shown=""):
    if not holds:
        raise AssertionError(f"{what} {shown}")
    say(what)


def one(args, dir, cores="1"):
    line = [BINARY, "profile", *args, "--artifact-dir", str(dir), "--cores", cores, "--ui", "none"]
    return subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=90)


def lines(dir):
    """The lines of the records of a run."""
    return [json.loads(line) for line in Path(dir, "profile_export.jsonl").read_text().splitlines()]


def until_came(server, number, seconds=30):
    """Waits until so many requests have come."""
    until = time.monotonic() + seconds
    while len(server.came) < number and time.monotonic() < until:
        time.sleep(0.05)


def counts(report):
    return report["summary"]["counts"]


def common(server, *more):
    prompts = [] if "--input-file" in more else ["--isl", "20", "--num-dataset-entries", "50"]
    return ["--url", server.url, "-m", "m", "--streaming", "--random-seed", "7", "--no-probe", "--allow-invalid", *prompts, *more]
