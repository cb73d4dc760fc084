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

VERDICTS = """
## What the verdict says of a proxy's path

Each proxy before the built-in mock server (a first token after 20 ms, then one every 20 ms; 32 a response), as it is packaged with nothing but a line for the server, and with the setting that passes each event on, by `tests/lab/run verdicts NAME`: three runs of 24 requests, 8 at a time,
on a machine of two cores as it was, and three with both cores kept busy. What is said is held against the mock's truth log: "3 of 3" were told rightly, that is

* where over half of the events came within 0.1 ms of the one before, which the server never writes, the finding `buffering` names the path, the run is SUSPECT, and what it says of the time to first token and of the time per token is within a factor of two of the truth (the cell has the largest, true and said);
* where not, no finding says that the path held something back;
* what is said to be the client's at most of the time to first token is not over twice what all together, client, proxy and busy cores, added to it.

A cell names the gates of the client that made a run SUSPECT or INVALID: two cores were shared by client, proxy and server, and a tenth of a first token after 20 ms is 2 ms.

| software | version | date | setting | protocol | the machine as it was | both cores busy |
|---|---|---|---|---|---|---|
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
    judged = []
    for name in sorted(results, key=lambda n: results[n]["software"].lower()):
        proxy, told = results[name], results[name].get("verdicts", {"rows": []})
        for row in told["rows"]:
            setting = row["setting"] if row["setting"] == "as packaged" else f"`{row['setting']}`"
            cells = [proxy["software"], proxy["version"], told["date"], setting, row["protocol"], row["as_it_was"], row["busy"]]
            judged.append("| " + " | ".join(cells).replace("_", "\\_") + " |")
    verdicts = VERDICTS + "\n".join(judged) + "\n" if judged else ""
    PAGE.write_text(HEAD + "\n".join(rows) + "\n" + verdicts)
    print(f"{PAGE}: {len(rows)} and {len(judged)} rows")
