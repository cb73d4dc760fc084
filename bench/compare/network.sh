#!/usr/bin/env bash
# The network's part of TTFT against the truth: two network namespaces with a wire between them that holds each packet for a known time in each direction,
# the mock behind it, and what ringload says of where the time to first token went.
#
#   bench/compare/network.sh [STREAMS] [OUT_MS] [BACK_MS]      needs root, /dev/net/tun, iproute2, cc, python3, and `cargo build --release -p ringload`; RINGLOAD names another binary
#
# The wire (wire.c) polls, on a core of its own where there is one to spare, and prints how long it held packets: the truth is what it did, however busy the machine
# is. The kernel's least round trip of a new connection is compared with how long the wire held its SYN and the answer, that of a reused one with how long the
# wire holds a packet at least; the parts have to add up.
set -euo pipefail
cd "$(dirname "$0")/../.."
wire=$(mktemp) && trap 'rm -f "$wire"' EXIT
cc -O2 -o "$wire" bench/compare/wire.c
python3 - "$wire" "${RINGLOAD:-target/release/ringload}" "${1:-512}" "${2:-3}" "${3:-7}" <<'P'
import ctypes, fcntl, json, os, signal, struct, subprocess, sys, tempfile, time
WIRE, BIN, STREAMS, OUT, BACK = sys.argv[1], os.path.abspath(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])
libc = ctypes.CDLL(None, use_errno=True)
home = os.open("/proc/self/ns/net", os.O_RDONLY)

def run(*words): subprocess.run(words, check=True)
def enter(name):
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
    if libc.setns(fd, 0x40000000): raise OSError(ctypes.get_errno(), "setns")
    os.close(fd)
def tun(name):
    enter(name)
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"wire", 0x0001 | 0x1000))
    libc.setns(home, 0x40000000)
    return fd

NS = [f"rlnet{os.getpid()}a", f"rlnet{os.getpid()}b"]
for n in NS: run("ip", "netns", "add", n)
try:
    ends = [tun(n) for n in NS]
    for i, n in enumerate(NS):
        for words in (["addr", "add", f"10.99.7.{i + 1}", "peer", f"10.99.7.{2 - i}", "dev", "wire"], ["link", "set", "wire", "txqueuelen", "10000"], ["link", "set", "wire", "up"], ["link", "set", "lo", "up"]):
            run("ip", "-n", n, *words)
    wire = subprocess.Popen([WIRE, *map(str, ends), str(round(1e3 * OUT)), str(round(1e3 * BACK))], pass_fds=ends, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    mock = subprocess.Popen(["ip", "netns", "exec", NS[1], BIN, "mock", "--host", "10.99.7.2", "--port", "9321", "--ttft-ms", "200", "--itl-ms", "400"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    out = tempfile.mkdtemp(prefix="ringload-network-")
    words = ["ip", "netns", "exec", NS[0], BIN, "profile", "--url", "http://10.99.7.2:9321", "--model", "mock", "--streaming", "--no-server-metrics", "--concurrency", str(STREAMS), "--concurrency-ramp-duration", "3",
             "--request-count", str(3 * STREAMS), "--isl", "16", "--osl", "3", "--allow-invalid", "--ui", "none", "--export-http-trace", "--artifact-dir", out]
    ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    mock.send_signal(signal.SIGINT); mock.wait()
    *lines, total = wire.communicate()[0].splitlines()
    if ended.returncode: sys.exit(ended.stdout)
    report = json.load(open(f"{out}/ringload_report.json"))
    ways = [[int(n) / 1e6 for n in line.split()[1:]] for line in lines]
    truth, unread = (sum(way[i] for way in ways) / len(ways) for i in (0, 1))
    _, passed, _, late = total.split()
    print(f"{STREAMS} streams, {OUT} ms there and {BACK} ms back; the wire held the SYN and its answer for {truth:.3f} ms on average over {len(ways)} connections, "
          f"after {unread:.3f} ms at most in which it had not read them; {late} of {passed} packets went out over 0.05 ms after they were due")
    first = report["summary"]["network"]["first_token"]
    # The kernel has one round trip of a new connection, its SYN's; of a reused one the least of many, which is what the wire holds at least.
    truths = {"all": "", "new": (truth, truth + unread), "reused": (OUT + BACK, OUT + BACK)}
    for kind, of in truths.items():
        parts = first.get(kind)
        if parts:
            network = sum(parts[p + "_ms"] for p in ("dns", "tcp", "tls", "send", "round_trip"))
            off = of and f", {parts['round_trip_ms'] - of[1]:+.3f} to {parts['round_trip_ms'] - of[0]:+.3f} of the truth"
            total = parts["queue_ms"] + network + parts["head_ms"] + parts["output_ms"]
            print(f"  {kind:7} {parts['requests']:6} requests: TTFT {parts['ttft_ms']:9.3f} = queue {parts['queue_ms']:7.3f} + network {network:8.3f} (round trip {parts['round_trip_ms']:7.3f}{off}) "
                  f"+ server {parts['head_ms'] + parts['output_ms']:8.3f}; off by {1e6 * (total - parts['ttft_ms']):.3f} ns")
finally:
    for n in NS: subprocess.run(["ip", "netns", "del", n])
P
