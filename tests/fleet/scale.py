"""Scenes of many members."""

import time

from parts import Fleet, Recorder, check, common, scene

@scene
def many(bus, dir):
    """64 members with next to no load begin within 5 s of the readiness of the last."""
    server = Recorder()
    args = common(server, "--request-rate", "64", "--benchmark-duration", "2")
    began = time.monotonic()
    fleet = Fleet(bus, 64, args, f"{dir}/many")
    codes = fleet.wait(180)
    check("all members end with 0", set(codes.values()) == {0}, f"{codes} {fleet.said(0)}")
    check(f"they took {time.monotonic() - began:.0f} s in all", True)
    spread = fleet.report()["summary"]["fleet"]["start_spread_ns"]
    check(f"their starts are {spread / 1e6:.1f} ms apart", spread < 1e9)
