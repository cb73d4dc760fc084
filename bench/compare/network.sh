#!/usr/bin/env bash
# The network's part of TTFT against the truth: two network namespaces with a wire between them that holds each packet for a known time in each direction,
# the mock behind it, and what ringload says of where the time to first token went.
#
#   bench/compare/network.sh [STREAMS] [OUT_MS] [BACK_MS]      needs root, /dev/net/tun, iproute2, python3, and `cargo build --release -p ringload`; RINGLOAD names another binary
#
# The wire is a thread of this script: it notes how long it held each packet, so that the truth is what it did, however busy the machine is. The kernel's least
# round trip of each connection is compared with the least that the wire held a packet of it there and one back; the parts have to add up.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 - "${RINGLOAD:-target/release/ringload}" "${1:-512}" "${2:-3}" "${3:-7}" <<'P'
import ctypes, fcntl, heapq, json, os, select, signal, struct, subprocess, sys, tempfile, threading, time
BIN, STREAMS, OUT, BACK = os.path.abspath(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
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
        for words in (["addr", "add", f"10.99.7.{i + 1}", "peer", f"10.99.7.{2 - i}", "dev", "wire"], ["link", "set", "wire", "up"], ["link", "set", "lo", "up"]):
            run("ip", "-n", n, *words)
    held, over = [{}, {}], threading.Event()
    def wire():
        queue, serial, delay = [], 0, [OUT / 1e3, BACK / 1e3]
        while not over.is_set():
            now = time.monotonic()
            while queue and queue[0][0] <= now:
                due, _, side, came, packet = heapq.heappop(queue)
                try: os.write(ends[1 - side], packet)
                except OSError: pass
                # Of each connection, known by the client's port: the least that a packet was held in each direction.
                port = struct.unpack_from("!HH", packet, (packet[0] & 15) * 4)[side] if packet[9] == 6 else 0
                took = time.monotonic() - came
                held[side][port] = min(took, held[side].get(port, took))
                now = time.monotonic()
            wait = min(0.05, queue[0][0] - now) if queue else 0.05
            for fd in select.select(ends, [], [], max(0, wait))[0]:
                side = ends.index(fd)
                for _ in range(64):
                    try: packet = os.read(fd, 65536)
                    except BlockingIOError: break
                    came = time.monotonic()
                    serial += 1
                    heapq.heappush(queue, (came + delay[side], serial, side, came, packet))
    threading.Thread(target=wire, daemon=True).start()
    mock = subprocess.Popen(["ip", "netns", "exec", NS[1], BIN, "mock", "--host", "10.99.7.2", "--port", "9321", "--ttft-ms", "200", "--itl-ms", "400"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    out = tempfile.mkdtemp(prefix="ringload-network-")
    words = ["ip", "netns", "exec", NS[0], BIN, "profile", "--url", "http://10.99.7.2:9321", "--model", "mock", "--streaming", "--no-server-metrics", "--concurrency", str(STREAMS),
             "--request-count", str(3 * STREAMS), "--isl", "16", "--osl", "3", "--allow-invalid", "--ui", "none", "--export-http-trace", "--artifact-dir", out]
    ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    mock.send_signal(signal.SIGINT); mock.wait(); over.set()
    if ended.returncode: sys.exit(ended.stdout)
    report = json.load(open(f"{out}/ringload_report.json"))
    ways = [1e3 * (held[0][port] + held[1][port]) for port in held[0] if port and port in held[1]]
    truth = sum(ways) / len(ways)
    print(f"{STREAMS} streams, {OUT} ms there and {BACK} ms back; the wire took {truth:.3f} ms there and back on average over {len(ways)} connections, at the least of each")
    first = report["summary"]["network"]["first_token"]
    for kind in ("all", "new", "reused"):
        parts = first.get(kind)
        if parts:
            network = sum(parts[p + "_ms"] for p in ("dns", "tcp", "tls", "send", "round_trip"))
            total = parts["queue_ms"] + network + parts["head_ms"] + parts["output_ms"]
            print(f"  {kind:7} {parts['requests']:6} requests: TTFT {parts['ttft_ms']:9.3f} = queue {parts['queue_ms']:7.3f} + network {network:8.3f} (round trip {parts['round_trip_ms']:7.3f}, {parts['round_trip_ms'] - truth:+.3f} of the truth) "
                  f"+ server {parts['head_ms'] + parts['output_ms']:8.3f}; off by {1e6 * (total - parts['ttft_ms']):.3f} ns")
finally:
    for n in NS: subprocess.run(["ip", "netns", "del", n])
P
