"""Take the control page's picture in a headless Chromium: `python3 build.py pictures` does it last."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "server"))

from chromium import Chromium, program  # type: ignore[import-not-found]  # a helper of the tests, on the path above

from ....server.hub import Hub, Options
from ....server.sinks.live_link import LiveLinkSink
from ....server.sinks.vmc import VmcSink
from ....server.sources.virtual_imu import VirtualImu, VirtualImuOptions
from ....server.web.web_server import WebServer


async def take_screenshot(path: Path) -> None:
    """The page while the virtual performer is performing."""
    hub = Hub(Options())
    server = WebServer(hub, port=0)
    await server.start()
    await hub.start([VirtualImu(VirtualImuOptions(rate=60.0))], [VmcSink(), LiveLinkSink()])
    async with Chromium(1320, 990) as browser:
        await browser.open(server.page_url())
        await browser.until("document.querySelector('#step-calibrate').className === 'done'", 40)
        await asyncio.sleep(8)
        await browser.picture(path)
    await server.stop()
    await hub.stop()


if __name__ == "__main__":
    if program() is None:
        sys.exit("no Chromium here; on Debian or Ubuntu: sudo apt-get install chromium")
    asyncio.run(take_screenshot(Path(__file__).resolve().parents[3] / "docs" / "images" / "page.png"))
