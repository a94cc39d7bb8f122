"""Takes the control page's picture in a headless Chromium: `python3 build.py pictures` does it last."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "server"))

from chromium import Chromium, program
from innerface.server.hub import Hub, Options
from innerface.server.sinks.udp import LiveLink, Vmc
from innerface.server.sources.virtual import Habits, Virtual
from innerface.server.websocket import Door


async def picture(path: Path) -> None:
    """The page while the virtual performer is performing."""
    hub = Hub(Options())
    door = Door(hub, port=0)
    await door.start()
    await hub.start([Virtual(None, Habits(rate=60.0))], [Vmc(), LiveLink()])
    async with Chromium(1320, 990) as browser:
        await browser.open(door.link())
        await browser.until("document.querySelector('#step-calibrate').className === 'done'", 40)
        await asyncio.sleep(8)
        await browser.picture(path)
    await door.stop()
    await hub.stop()


if __name__ == "__main__":
    if program() is None:
        sys.exit("docs/page.py: no Chromium here; on Debian: apt-get install chromium")
    asyncio.run(picture(Path(__file__).with_name("images") / "page.png"))
