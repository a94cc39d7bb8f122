"""Take the control page's picture in a headless Chromium: `python3 build.py pictures` does it last."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "server"))

from chromium import Chromium, program  # type: ignore[import-not-found]  # a helper of the tests, on the path above

from ....server.hub import Hub, Options
from ....server.interfaces import Sink
from ....server.sinks.live_link import LiveLinkSink
from ....server.sinks.vmc import VmcSink
from ....server.sources.virtual_imu import VirtualImu, VirtualImuOptions
from ....server.web.web_server import WebServer


async def take_screenshot(path: Path) -> None:
    """The page while the virtual performer is performing."""
    hub = Hub(Options())
    server = WebServer(hub, port=0)
    await server.start()
    receivers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]  # or the targets show as missing
    for receiver in receivers:
        receiver.bind(("127.0.0.1", 0))
    vmc_port, live_link_port = (receiver.getsockname()[1] for receiver in receivers)
    sinks: list[Sink] = [VmcSink(port=vmc_port), LiveLinkSink(port=live_link_port)]
    await hub.start([VirtualImu(VirtualImuOptions(rate=60.0))], sinks)
    async with Chromium(1320, 990) as browser:
        dark = {"name": "prefers-color-scheme", "value": "dark"}
        await browser.ask("Emulation.setEmulatedMedia", features=[dark])
        await browser.open(server.page_url())
        await browser.until("document.querySelector('#step-calibrate').className === 'done'", 40)
        await asyncio.sleep(8)
        await browser.picture(path)
    await server.stop()
    await hub.stop()
    for receiver in receivers:
        receiver.close()


if __name__ == "__main__":
    if program() is None:
        sys.exit("no Chromium here; on Debian or Ubuntu: sudo apt-get install chromium")
    asyncio.run(take_screenshot(Path(__file__).resolve().parents[3] / "docs" / "images" / "page.png"))
