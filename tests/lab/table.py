"""`docs/COMPATIBILITY.md`, written from the results of the laboratory."""

import pathlib

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/COMPATIBILITY.md"
HEAD = """# Software that ringload was tested with

Written by `tests/lab/run table` from `tests/lab/results.json`; edit neither by hand. Each row is a real proxy, router or server, run on the day that it names by `tests/lab/run NAME`: proxies and routers before a server that keeps its own account
(`tests/lab/upstream.py`), servers with a model that does: requests, tokens of both directions, cached and reasoning tokens, and the instant of each first write. ringload's binary drove it as a user would.

* **accounts**: all requests succeeded; requests, prompt and output tokens, cached and reasoning tokens are those of the server, to the token; no time to the first token is sooner than the server's first write. Where over half of the events came within
  0.1 ms of the one before, which the server never writes, a finding says that output was held back ("held back, and reported"). How long a proxy itself takes is not stated: it shared two busy cores with the server.
  "N % together" is the share of such events where it is over a tenth: the proxy or its server waited for a core.
* **cut**: the server closed in mid-stream. No such response counted as a success; the cell has the cause that was counted.
* **in-band**: the server said in the stream that it failed (status 200). The cell has the cause.
* **idle**: requests a second apart, with connections that the proxy closes after an idle second where it has such a setting: none failed.
* **limit**: 40 requests over connections of ten requests each, where the proxy has such a setting: none failed.
* **reload**: the proxy took a new configuration under load. What a proxy itself drops is a failure, and is reported as one: the server may have begun it.

"—": the proxy has no such setting, or cannot do it. A cell that begins with "differs" is a deviation that is open.

| software | version | date | protocol | accounts | cut | in-band | idle | limit | reload |
|---|---|---|---|---|---|---|---|---|---|
"""


def cell(seen):
    if seen is None:
        return "—"
    if isinstance(seen, dict) and "differs" in seen:
        return "differs: " + seen["differs"].replace("|", "/").replace("\n", " ")
    if isinstance(seen, dict):
        named = f", names itself `{seen['names']}`" if seen.get("names") else ""
        plural = "" if seen["connections"] == 1 else "s"
        return f"{seen['events']}, {seen['connections']} connection{plural}{named}"
    return str(seen).replace("_", "\\_")


def write(results):
    rows = []
    for name in sorted(results, key=lambda n: results[n]["software"].lower()):
        proxy = results[name]
        for protocol, told in proxy["protocols"].items():
            cells = [cell(told.get(check)) for check in ("accounts", "cut", "in_band", "idle", "limit", "reload")]
            rows.append("| " + " | ".join([proxy["software"], proxy["version"], proxy["date"], protocol, *cells]) + " |")
    PAGE.write_text(HEAD + "\n".join(rows) + "\n")
    print(f"{PAGE}: {len(rows)} rows")
