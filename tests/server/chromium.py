"""A headless Chromium by its DevTools protocol: enough to open a page, look, click and take a picture. Also used by
docs/page.py."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any


def program() -> str | None:
    """Where a Chromium is, or None."""
    return next(
        (p for name in ("chromium", "chromium-browser", "google-chrome", "chrome") if (p := shutil.which(name))), None
    )


class Chromium:
    """`async with Chromium() as browser:`; `problems`: exceptions and errors that the page threw."""

    def __init__(self, width: int = 1400, height: int = 900) -> None:
        self.size, self.problems, self.number = (width, height), [], 0

    async def __aenter__(self) -> Chromium:
        from websockets.asyncio.client import connect

        self.folder = tempfile.TemporaryDirectory(prefix="innerface-chromium-", ignore_cleanup_errors=True)
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-port=0",
            "--no-first-run",
            f"--user-data-dir={self.folder.name}",
        ]
        self.process = subprocess.Popen(
            [str(program()), *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        port = Path(self.folder.name) / "DevToolsActivePort"
        for _ in range(300):
            if port.exists() and len(port.read_text().split()) == 2:
                break
            await asyncio.sleep(0.1)
        number, path = port.read_text().split()
        browser = await connect(f"ws://127.0.0.1:{number}{path}", proxy=None, max_size=1 << 26)
        await browser.send(json.dumps({"id": 1, "method": "Target.createTarget", "params": {"url": "about:blank"}}))
        while (answer := json.loads(await browser.recv())).get("id") != 1:
            pass
        await browser.close()
        self.socket = await connect(
            f"ws://127.0.0.1:{number}/devtools/page/{answer['result']['targetId']}", proxy=None, max_size=1 << 26
        )
        for method in ("Page.enable", "Runtime.enable", "Log.enable"):
            await self.ask(method)
        width, height = self.size
        await self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.socket.close()
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """A DevTools command's result; what the page complains of meanwhile is kept."""
        self.number += 1
        await self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            said = json.loads(await asyncio.wait_for(self.socket.recv(), 30))
            if said.get("method") == "Runtime.exceptionThrown":
                self.problems.append(
                    said["params"]["exceptionDetails"].get("exception", {}).get("description", "an exception")
                )
            elif said.get("method") == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
                self.problems.append(said["params"]["entry"]["text"])
            if said.get("id") == self.number:
                return said.get("result", {})

    async def open(self, url: str) -> None:
        """Go to a page."""
        await self.ask("Page.navigate", url=url)

    async def value(self, script: str) -> Any:
        """What a script gives, as JSON."""
        said = await self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return said.get("result", {}).get("value")

    async def until(self, script: str, seconds: float = 15.0) -> Any:
        """Wait until a script gives something true. Raises AssertionError."""
        for _ in range(int(seconds / 0.1)):
            found = await self.value(script)
            if found:
                return found
            await asyncio.sleep(0.1)
        raise AssertionError(
            f"never true: {script}; the page says: {await self.value('document.body.innerText')}; "
            f"problems: {self.problems}"
        )

    async def click(self, selector: str) -> None:
        """Click the middle of an element, as a mouse does."""
        middle = "(r => [r.x + r.width / 2, r.y + r.height / 2])"
        place = f"{middle}(document.querySelector({selector!r}).getBoundingClientRect())"
        x, y = await self.value(place)
        for kind in ("mousePressed", "mouseReleased"):
            await self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def picture(self, path: Path) -> None:
        """A PNG of the window."""
        path.write_bytes(base64.b64decode((await self.ask("Page.captureScreenshot"))["data"]))
