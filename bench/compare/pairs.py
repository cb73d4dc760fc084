"""What the comparisons in pairs share: the built-in server on a port that is free, and the order within the pairs."""

import contextlib
import resource
import socket
import subprocess
import time


def allow_descriptors():
    """As many descriptors as the machine allows, here and in what is started from here."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def mock(binary, *flags):
    """The built-in server of a binary, on one thread on core 1, until the block ends: its process and its port."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    line = [binary, "mock", "--port", str(port), "--cores", "1,", "--threads", "1", *flags]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            if process.poll() is not None:
                raise SystemExit(f"{binary} mock ended with {process.returncode}")
            time.sleep(0.05)
        else:
            raise SystemExit(f"{binary} mock does not listen after 10 s")
        yield process, port
    finally:
        process.terminate()
        process.wait(timeout=30)


def in_pairs(first, second, pairs, run):
    """What `run` gives for the two, pair after pair; which of them comes first alternates."""
    for pair in range(pairs):
        order = [first, second] if pair % 2 == 0 else [second, first]
        yield {what: run(what) for what in order}
