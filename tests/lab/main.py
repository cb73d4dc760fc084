"""Runs proxies and routers one after the other, notes what was seen in `results.json`, and writes the table of `docs/COMPATIBILITY.md` from it."""

import datetime
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import traceback

import checks
import proxies
import routers
import servers
import table
import verdicts

RESULTS = pathlib.Path(__file__).parent / "results.json"
KNOWN = {proxy.name: proxy for proxy in [*proxies.PROXIES, *routers.ROUTERS, *servers.SERVERS]}


def attempt(told, name, check):
    try:
        told[name] = check()
        print(f"    {name}: {told[name]}", flush=True)
    except (checks.Seen, subprocess.TimeoutExpired) as e:
        told[name] = {"differs": str(e)}
        print(f"    {name}: DIFFERS: {e}", flush=True)


def examine(kind):
    """What was seen of one proxy, by protocol."""
    proxy = kind()
    proxy.install()
    print(f"{proxy.software} {proxy.version}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        authority = proxies.certificate(folder)
        server = proxy.server(folder)
        proxy.start(folder, server.port)
        protocols = {}
        try:
            for protocol in proxy.protocols:
                print(f"  {protocol}", flush=True)
                scheme, _ = checks.PROTOCOLS[protocol]
                drive = checks.Drive(f"{scheme}://localhost:{proxy.ports[protocol]}", protocol, authority, proxy.concurrency)
                told = protocols[protocol] = {}
                attempt(told, "accounts", lambda: checks.accounts(drive, server))
                if proxy.cuts:
                    attempt(told, "cut", lambda: checks.cut(drive, server))
                attempt(told, "in_band", lambda: checks.in_band(drive, server))
                attempt(told, "idle", lambda: checks.idle(drive, server))
                if proxy.limited:
                    attempt(told, "limit", lambda: checks.limit(drive, server))
                if proxy.reloads:
                    attempt(told, "reload", lambda: checks.reload(drive, server, proxy))
        finally:
            proxy.stop()
    return {"software": proxy.software, "version": proxy.version, "date": today(), "protocols": protocols}


def today():
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()


def judge(names):
    """What the verdict says of the paths of these proxies."""
    results = json.loads(RESULTS.read_text())
    wrong = []
    for name in verdicts.KNOWN if names == ["all"] else names:
        rows = verdicts.examine(KNOWN[name])
        results[name]["verdicts"] = {"date": today(), "rows": verdicts.condensed(rows)}
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
        wrong += [f"{name}, {verdicts.what(row)}: {', '.join(row['wrong'])}" for row in rows if row["wrong"]]
    print(*wrong, sep="\n")
    return 1 if wrong else 0


def main(names):
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    failed = []
    for name in KNOWN if names == ["all"] else names:
        try:
            results[name] = examine(KNOWN[name])
        except (RuntimeError, subprocess.CalledProcessError, OSError, StopIteration) as e:
            traceback.print_exc()
            failed.append(f"{name}: {e}")
            continue
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    differs = [f"{name}, {protocol}, {check}: {seen['differs']}" for name, proxy in results.items() for protocol, told in proxy["protocols"].items()
               for check, seen in told.items() if isinstance(seen, dict) and "differs" in seen]
    for line in [*failed, *differs]:
        print(line)
    return 1 if failed or differs else 0


# A proxy is stopped also where the run is told to end.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
if sys.argv[1:] == ["list"]:
    print(*KNOWN, sep="\n")
elif sys.argv[1:] == ["table"]:
    table.write(json.loads(RESULTS.read_text()))
elif sys.argv[1:2] == ["verdicts"] and sys.argv[2:] and all(n == "all" or n in verdicts.KNOWN for n in sys.argv[2:]):
    sys.exit(judge(sys.argv[2:]))
elif not sys.argv[1:] or any(n != "all" and n not in KNOWN for n in sys.argv[1:]):
    sys.exit(f"tests/lab/run {'|'.join(KNOWN)}|all|list|table, or tests/lab/run verdicts {'|'.join(verdicts.KNOWN)}|all")
else:
    sys.exit(main(sys.argv[1:]))
