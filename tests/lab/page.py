#!/usr/bin/env python3
"""Pages of ringload in headless Chromium: tests/lab/page.py [--shots DIR] PAGE...

Of each page: nothing is written to the console, no request leaves but that for the page itself, each figure that names
its place in the JSON has the value that stands there (of the JSON in the page, and of the file beside it), every chart
answers to the arrow keys, no chart is wider than a window of 390 pixels, and the button hands out the JSON. With
--shots DIR pictures of it: light, dark, narrow, and as printed.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CHROMIUM = os.environ.get("CHROMIUM", "chromium")


class Browser:
    """Chromium, driven over two pipes by its own protocol (--remote-debugging-pipe)."""

    def __init__(self, home):
        to_read, self.to = os.pipe()
        self.of, to_write = os.pipe()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
        flags += ["--disable-background-networking", "--no-first-run", f"--user-data-dir={home}"]
        # The browser reads from 3 and writes to 4.
        start = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'
        self.process = subprocess.Popen(
            ["bash", "-c", start, CHROMIUM, *flags, "about:blank"],
            pass_fds=(to_read, to_write),
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self.rest, self.number, self.session, self.events = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for part in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{part}.enable")

    def message(self):
        while b"\0" not in self.rest:
            more = os.read(self.of, 1 << 20)
            if not more:
                raise SystemExit("the browser has ended")
            self.rest += more
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, **params):
        self.number += 1
        call = {"id": self.number, "method": method, "params": params}
        if self.session:
            call["sessionId"] = self.session
        data = json.dumps(call).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data) :]
        while True:
            answer = self.message()
            if answer.get("id") != self.number:
                self.events.append(answer)
                continue
            if "error" in answer:
                raise SystemExit(f"{method}: {answer['error']}")
            return answer["result"]

    def run(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise SystemExit(f"{script[:80]}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def open(self, page):
        self.events = []
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message())

    def shot(self, to, width, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=features)
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        to.write_bytes(base64.b64decode(picture["data"]))

    def close(self):
        self.session = None
        self.call("Browser.close")
        self.process.wait()


READ = """(() => {
  const data = JSON.parse(document.getElementById("report").textContent);
  const at = (value, pointer) => pointer.split("/").slice(1).reduce((value, part) =>
    value === undefined || value === null ? undefined : value[part.replace(/~1/g, "/").replace(/~0/g, "~")], value);
  const same = (a, b) => (a === undefined || a === null) ? (b === undefined || b === null) : a === b;
  const wrong = [], seen = {single: 0, lists: 0, charts: 0, keys: 0};
  for (const one of document.querySelectorAll("[data-at]")) {
    const place = one.dataset.at;
    if (one.dataset.value !== undefined) {
      seen.single++;
      if (!same(JSON.parse(one.dataset.value), at(data, place))) wrong.push(place + " is " + one.dataset.value);
      if (!/[0-9]/.test(one.textContent)) wrong.push(place + " shows " + one.textContent);
    }
    if (one.dataset.values !== undefined) {
      seen.lists++;
      const [list, field] = place.split("/*");
      const expected = field === undefined ? at(data, list) : at(data, list).map(item => at(item, field));
      const found = JSON.parse(one.dataset.values);
      if (found.length !== expected.length || !found.every((value, i) => same(value, expected[i])))
        wrong.push(place + " has other values");
    }
  }
  for (const figure of document.querySelectorAll("figure.plot")) {
    seen.charts++;
    figure.focus();
    figure.dispatchEvent(new KeyboardEvent("keydown", {key: "End", bubbles: true, cancelable: true}));
    const words = figure.querySelector("output").textContent;
    if (/[0-9]/.test(words)) seen.keys++; else wrong.push("a chart that keys do not read: " + figure.textContent);
    figure.blur();
    if (figure.scrollWidth > document.documentElement.clientWidth) wrong.push("a chart wider than the window");
  }
  return {wrong, seen, data: document.getElementById("report").textContent};
})()"""

TAKE = """(async () => {
  let taken;
  URL.createObjectURL = blob => { taken = blob; return "blob:none"; };
  HTMLAnchorElement.prototype.click = function () {};
  document.querySelector("button[data-of]").click();
  return {name: document.querySelector("button[data-of]").dataset.name, text: await taken.text()};
})()"""


def check(browser, page, shots):
    browser.call("Emulation.setDeviceMetricsOverride", width=390, height=900, deviceScaleFactor=1, mobile=False)
    browser.open(page)
    found = browser.run(READ)
    wrong = found["wrong"]
    taken = browser.run(TAKE)
    document = json.loads(found["data"])
    if json.loads(taken["text"]) != document:
        wrong.append("the button hands out another document")
    beside = page.parent / taken["name"]
    if beside.exists() and json.loads(beside.read_text()) != document:
        wrong.append(f"{beside.name} is another document")
    for event in browser.events:
        method, params = event.get("method"), event.get("params", {})
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            wrong.append(f"console: {json.dumps(params)[:300]}")
        if method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if url != page.resolve().as_uri() and not url.startswith("data:"):
                wrong.append(f"a request to {url}")
    if shots:
        name = "-".join(page.resolve().parts[-3:]).removesuffix(".html")
        for view, width, dark in (("light", 1280, False), ("dark", 1280, True), ("narrow", 390, False)):
            browser.shot(shots / f"{name}-{view}.png", width, dark)
        printed = browser.call("Page.printToPDF", printBackground=False)
        (shots / f"{name}.pdf").write_bytes(base64.b64decode(printed["data"]))
    print(f"{'FAILED' if wrong else 'ok'} {page}: {found['seen']}, {page.stat().st_size / 1e3:.0f} kB")
    for what in wrong:
        print(f"    {what}")
    return not wrong


def main():
    args = sys.argv[1:]
    shots = None
    if args[:1] == ["--shots"]:
        shots, args = Path(args[1]), args[2:]
        shots.mkdir(parents=True, exist_ok=True)
    if not args:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as home:
        browser = Browser(home)
        results = [check(browser, Path(page), shots) for page in args]
        browser.close()
    sys.exit(0 if all(results) else 1)


main()
