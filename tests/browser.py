"""A headless Chromium that tests drive by its DevTools protocol, over two pipes: no package, no port.

    with Browser(tmp_path) as browser:
        page = browser.open(path, width=1400, height=900)
        page.wait("document.title")
        page.click(100, 200)
        assert page.problems == []

The browser can reach no host: whatever a page asks of one fails, and stands in `problems`.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

FLAGS = (
    "--headless=new", "--no-sandbox", "--no-first-run", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars", "--mute-audio", "--force-color-profile=srgb",
    # WebGL on processors: what a machine without a graphics card has
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
)  # fmt: skip


class Browser:
    """A context; ends the browser that it has started."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which("chromium")
        if found is None:
            pytest.skip("chromium is not installed (apt-get install chromium)")
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()

        def place() -> None:  # the protocol's pipes are file descriptors 3 and 4
            first, second = os.dup(to_child), os.dup(from_child)
            os.dup2(first, 3)
            os.dup2(second, 4)

        self._process = subprocess.Popen(
            [found, *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=place, pass_fds=(3, 4),
        )  # fmt: skip
        os.close(to_child)
        os.close(from_child)
        self._rest, self._number = b"", 0
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.call("Browser.close")
            self._process.wait(20)
        except (TimeoutError, OSError, RuntimeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def processor_seconds(self) -> float:
        """Processor time of the browser's processes so far."""
        processes = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    def call(self, method: str, session: str | None = None, *, timeout: float = 120, **parameters: Any) -> Any:
        """The result of a method of the protocol; RuntimeError where the browser refuses it."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self._write, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        end = time.monotonic() + timeout
        while True:
            found = self._next(end - time.monotonic())
            if found is None:
                raise TimeoutError(f"{method}: no answer within {timeout} s")
            if found.get("id") == self._number:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']}")
                return found["result"]
            self._events.append(found)

    def _next(self, seconds: float) -> dict[str, Any] | None:
        while b"\0" not in self._rest:
            if not select.select([self._read], [], [], max(0, seconds))[0]:
                return None
            part = os.read(self._read, 1 << 20)
            if not part:
                raise OSError("the browser has ended")
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def events(self) -> list[dict[str, Any]]:
        """What the browser has told of its own since the last time."""
        while (found := self._next(0)) is not None:
            self._events.append(found)
        told, self._events = self._events, []
        return told

    def open(
        self, address: Path | str, *, width: int = 1400, height: int = 900, dark: bool = False, fragment: str = ""
    ) -> "Page":
        """A page in a tab of its own, as soon as its document is there."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        page = Page(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.resize(width, height)
        page.theme(dark)
        where = address.resolve().as_uri() if isinstance(address, Path) else address
        page.go(where + (f"#{fragment}" if fragment else ""))
        return page


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self._problems: list[str] = []
        self.asked: list[str] = []
        """Addresses that the page has asked for, the files and data of its own left out."""

    def call(self, method: str, **parameters: Any) -> Any:
        """The result of a method of the protocol in this tab."""
        return self._browser.call(method, self._session, **parameters)

    def go(self, address: str) -> None:
        """Load an address."""
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'", 120)

    def resize(self, width: int, height: int) -> None:
        """Set the size of the window, in CSS pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def theme(self, dark: bool) -> None:
        """Ask for a dark or a light page."""
        value = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def run(self, script: str, *, timeout: float = 120) -> Any:
        """The value of an expression; a promise is waited for. RuntimeError where it throws."""
        found = self._browser.call(
            "Runtime.evaluate", self._session, timeout=timeout, expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return found["result"].get("value")

    def wait(self, script: str, seconds: float = 30) -> Any:
        """The value of an expression as soon as it is true; TimeoutError if it does not become so."""
        end = time.monotonic() + seconds
        while not (value := self.run(f"(() => {{ try {{ return {script} }} catch (e) {{ return null }} }})()")):
            if time.monotonic() > end:
                raise TimeoutError(f"{script}: not within {seconds} s; the page said {self.problems}")
            time.sleep(0.05)
        return value

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """One event of the mouse: mouseMoved, mousePressed, mouseReleased, mouseWheel."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x: float, y: float, *, modifiers: int = 0) -> None:
        """A click with the left button; modifiers: 8 is shift."""
        self.mouse("mouseMoved", x, y, modifiers=modifiers)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1, modifiers=modifiers)

    def drag(self, points: list[tuple[float, float]], *, modifiers: int = 0) -> None:
        """Press at the first point, move over the others, release at the last, no faster than a hand.

        Chromium makes one of all moves within a frame, so that a busy machine would lose corners of the path.
        """
        self.mouse("mouseMoved", *points[0], modifiers=modifiers)
        self.mouse("mousePressed", *points[0], button="left", clickCount=1, modifiers=modifiers)
        for x, y in points[1:]:
            self.mouse("mouseMoved", x, y, button="left", buttons=1, modifiers=modifiers)
            time.sleep(0.1)
        self.mouse("mouseReleased", *points[-1], button="left", clickCount=1, modifiers=modifiers)

    def click_on(self, selector: str) -> None:
        """A click on the middle of an element, which is scrolled into view."""
        place = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
            "e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect(); "
            "return [r.x + r.width / 2, r.y + r.height / 2] })()"
        )
        self.click(*place)

    def type(self, text: str) -> None:
        """Type text where the focus is."""
        self.call("Input.insertText", text=text)

    def key(self, name: str, *, modifiers: int = 0) -> None:
        """Press a key: Enter, Escape, Tab, ArrowDown, a letter."""
        codes = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39}
        more: dict[str, Any] = {"windowsVirtualKeyCode": codes.get(name, ord(name[0].upper()))}
        if name == "Enter":
            more["text"] = "\r"
        elif len(name) == 1:
            more["text"] = name
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, modifiers=modifiers, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name, modifiers=modifiers)

    def screenshot(self, path: Path, *, whole: bool = False) -> Path:
        """A PNG file of what is shown, or of the whole page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))
        return path

    def print_pdf(self, path: Path) -> Path:
        """A PDF file of the page, as printing makes it."""
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF")["data"]))
        return path

    @property
    def problems(self) -> list[str]:
        """Errors on the console, uncaught exceptions, and requests to other hosts so far, one line each."""
        for event in self._browser.events():
            if event.get("sessionId") == self._session:
                self._note(event["method"], event["params"])
        return self._problems

    def _note(self, method: str, event: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            self._problems.append(str(details.get("exception", {}).get("description", details["text"])))
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "assert"):
            said = [str(argument.get("value", argument.get("description"))) for argument in event["args"]]
            self._problems.append(f"console: {' '.join(said)}")
        elif method == "Log.entryAdded" and event["entry"]["level"] == "error":
            self._problems.append(f"log: {event['entry']['text']} {event['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            url = event["request"]["url"]
            if not url.startswith(("file:", "data:", "blob:", "about:", "http://127.0.0.1")):
                self.asked.append(url)
                self._problems.append(f"asked {url[:200]}")
