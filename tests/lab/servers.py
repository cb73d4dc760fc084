"""Servers of models, held against their own account instead of that of the server behind a proxy."""

import json
import os
import pathlib

import proxies
import packages


class FileAccount:
    """The account that a server's own code writes, a line a generation; `fault` makes the generations that begin from now on fail."""

    port = 0

    def __init__(self, folder):
        self.file, self.mark = folder / "account", folder / "fault"
        self.clear()

    def clear(self):
        self.file.write_text("")

    @property
    def account(self):
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    @property
    def fault(self):
        return "error" if self.mark.exists() else None

    @fault.setter
    def fault(self, what):
        if what:
            self.mark.touch()
        else:
            self.mark.unlink(missing_ok=True)


class Litserve(proxies.Proxy):
    name, software, pin = "litserve", "LitServe", "litserve==0.2.19"
    protocols = ("HTTP/1.1",)
    reloads = False
    # A worker cannot be cut off by itself: an exception is told in the stream.
    cuts = False
    # As many as it has workers: what waits for one is no deviation.
    concurrency = 4

    def install(self):
        self.root = packages.python(self.name, [self.pin])
        self.version = f"{self.pin.split('==')[1]} (PyPI)"

    def server(self, folder):
        self.account = FileAccount(folder)
        return self.account

    def environment(self):
        return {**os.environ, "PYTHONUNBUFFERED": "1", "LIT_DISABLE_VERSION_CHECK": "1"}

    def command(self):
        app = pathlib.Path(__file__).parent / "litserve_app.py"
        return [f"{self.root}/bin/python", "-B", app, str(self.clear), self.account.file, self.account.mark]


SERVERS = [Litserve]
