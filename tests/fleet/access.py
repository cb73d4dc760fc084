"""Scenes of the ways to the bus, and of launchers."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from loads import LOADS
from parts import BINARY, Bus, Fleet, Recorder, check, common, counts, scene, say


def certificates(dir):
    """An authority, and certificates of the server and of a member by it."""
    run = lambda *words: subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)  # noqa: E731
    dir = Path(dir)
    names = dir / "names"
    names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run("req", "-x509", *key, "-days", 2, "-subj", "/CN=authority", "-addext", "keyUsage=critical,keyCertSign", "-keyout", dir / "ca.key", "-out", dir / "ca.pem")
    for who in ("server", "member"):
        run("req", *key, "-subj", f"/CN={who}", "-keyout", dir / f"{who}.key", "-out", dir / f"{who}.csr")
        run("x509", "-req", "-in", dir / f"{who}.csr", "-CA", dir / "ca.pem", "-CAkey", dir / "ca.key", "-CAcreateserial", "-days", 2,
            "-out", dir / f"{who}.pem", "-extfile", names)
    return dir


@scene
def access(bus, dir):
    """A token, a user, TLS and mTLS: members with what the bus asks for come in, others are refused, and no secret is shown."""
    of = certificates(dir)
    tls = f'cert_file: "{of}/server.pem", key_file: "{of}/server.key"'
    ca, own = ["--fleet-ca", f"{of}/ca.pem"], ["--fleet-cert", f"{of}/member.pem", "--fleet-key", f"{of}/member.key"]
    for name, secret, config, scheme, more, fewer in [
        ("token", "s3cret-t0ken@", 'authorization { token: "s3cret-t0ken" }', "nats", [], None),
        ("user", "member:s3cret-w0rd@", 'authorization { user: member, password: "s3cret-w0rd" }', "nats", [], None),
        ("tls", "", f"tls {{ {tls} }}", "tls", ca, []),
        ("mtls", "", f'tls {{ {tls}, ca_file: "{of}/ca.pem", verify: true }}', "tls", [*ca, *own], ca),
    ]:
        bus, server = Bus(secret=secret, config=config, scheme=scheme), Recorder()
        args = common(server, *LOADS["constant"])
        fleet = Fleet(bus, 2, [*args, *more], f"{dir}/{name}")
        codes = fleet.wait()
        check(f"{name}: all members end with 0", set(codes.values()) == {0}, f"{codes} {fleet.said(0)}")
        check(f"{name}: 120 requests came", len(server.taken()) == 120)
        files = [p for p in fleet.dir.rglob("*") if p.is_file()]
        shown = [p.name for p in files if b"s3cret" in p.read_bytes()] + [r for r in (0, 1) if "s3cret" in fleet.said(r)]
        check(f"{name}: no secret is in {len(files)} files or on the screen", shown == [], shown)
        bare, bus.url = bus.url, bus.url.replace(secret, "wr0ng@") if secret else bus.url
        refused = Fleet(bus, 2, [*args, *(fewer or []), "--fleet-wait", "3"], f"{dir}/{name}-refused", ranks=[0])
        codes = refused.wait()
        check(f"{name}: who does not have it ends with 2", codes == {0: 2} and server.came == [], f"{codes} {refused.said(0)}")
        bus.url = bare
        bus.end()


@scene
def results(bus, dir):
    """The files of the results are fetched from the bus, as they are on the leader's disk."""
    server = Recorder()
    args = common(server, "--concurrency", "2,4", "--request-count", "20", "--fleet-keep-results")
    fleet = Fleet(bus, 2, args, f"{dir}/results")
    check("all members end with 0", set(fleet.wait().values()) == {0}, fleet.said(0))
    done = subprocess.run([BINARY, "fleet", "results", fleet.run, "--fleet", bus.url, "--artifact-dir", f"{dir}/fetched"], capture_output=True, text=True, timeout=30)
    check("they are fetched", done.returncode == 0, done.stdout + done.stderr)
    there = {p.relative_to(fleet.dir): p.read_bytes() for p in fleet.dir.rglob("*") if p.is_file()}
    here = {p.relative_to(f"{dir}/fetched"): p.read_bytes() for p in Path(dir, "fetched").rglob("*") if p.is_file()}
    check(f"{len(here)} files are the same", here == there and len(here) > 4, f"{sorted(map(str, here))} {sorted(map(str, there))}")
    done = subprocess.run([BINARY, "fleet", "results", "another-run", "--fleet", bus.url], capture_output=True, text=True, timeout=30)
    check("of another run there are none", done.returncode == 2, done.stdout + done.stderr)


@scene
def launchers(bus, dir):
    """Members by mpirun, mpiexec and srun, as far as they are here, without a flag of who is who."""
    server = Recorder()
    rest = ["--artifact-dir", "DIR", "--fleet", bus.url, "--cores", "1", "--ui", "none"]
    played = 0
    for name, line, run in [
        ("Open MPI", ["mpirun.openmpi", "--allow-run-as-root", "--oversubscribe", "-n", "3"], None),
        ("MPICH", ["mpiexec.hydra", "-n", "3"], f"hydra-{os.getpid()}"),
        ("Slurm", ["srun", "-n3", "-N3"], None),
    ]:
        if not shutil.which(line[0]) or (name == "Slurm" and "SLURM_CONF" not in os.environ):
            print(f"    {name}: not here")
            continue
        played += 1
        words = [w.replace("DIR", f"{dir}/{name}") for w in rest] + (["--fleet-run", run] if run else [])
        done = subprocess.run([*line, BINARY, "profile", *common(server, *LOADS["constant"]), *words], capture_output=True, text=True, timeout=90)
        check(f"{name}: it ends with 0", done.returncode == 0, done.stdout[-500:] + done.stderr[-500:])
        check(f"{name}: 120 requests came", len(server.taken()) == 120)
        report = json.loads(Path(dir, name, "ringload_report.json").read_text())
        check(f"{name}: three members, one report", len(report["summary"]["fleet"]["members"]) == 3 and counts(report)["issued"] == 120)
    say(f"{played} launchers")
