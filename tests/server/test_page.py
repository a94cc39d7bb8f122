"""The control page in a headless Chromium, by clicks."""

import asyncio
import json
import os
from pathlib import Path

import innerface.server.hub
import numpy as np
import pytest
from innerface.core import formats
from innerface.server.frame import Frame
from innerface.server.hub import Hub, Options
from innerface.server.sinks.csv_file import CsvSink
from innerface.server.sinks.vmc import VmcSink
from innerface.server.sinks.vtube_studio import VTubeStudioSink
from innerface.server.sources.live_link_face import LiveLinkFaceSource
from innerface.server.sources.virtual_bio import VirtualBio, VirtualBioOptions
from innerface.server.sources.virtual_imu import VirtualImu, VirtualImuOptions
from innerface.server.status import RecordingStatus
from innerface.server.web.web_server import WebServer
from websockets.asyncio.server import serve

from .chromium import Chromium, program

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(program() is None, reason="no Chromium here (Debian: apt-get install chromium)"),
]


def on_the_page(tmp_path, work, *, width=1400, height=900, source=None, sinks=(), **options):
    """Runs `await work(browser, hub, server)` with the page open, on a simulated performer or another source."""

    async def whole():
        hub = Hub(Options(folder=tmp_path, model="linear", sites=tmp_path / "sites.json", **options))
        server = WebServer(hub, port=0, token="a-good-token")
        await server.start()
        await hub.start([source or VirtualImu(VirtualImuOptions(loss=0.01))], list(sinks))
        try:
            async with Chromium(width, height) as browser:
                await browser.open(server.page_url())
                await browser.until("document.querySelectorAll('.site').length === 11")
                await work(browser, hub, server)
                assert browser.problems == []
        finally:
            await server.stop()
            await hub.stop()

    asyncio.run(whole())


def test_a_take_is_calibrated_recorded_marked_and_stopped_by_clicks(tmp_path):
    async def work(browser, hub, server):
        await browser.until("document.querySelectorAll('.site.ok').length === 11")
        assert "virtual device (simulated)" in await browser.value("document.querySelector('#streams').innerText")
        assert "nod" in await browser.value("document.querySelector('#calibration').innerText")
        await browser.until("document.querySelector('#step-calibrate').className === 'done'", 25)
        await browser.until("document.querySelector('#summary').innerText.includes('sensors')")
        assert "delay audio by" in await browser.value("document.querySelector('#delay').innerText")
        await browser.value("document.querySelector('#name').value = 'by click'")
        await browser.click("#record")
        await browser.until("document.querySelector('#record').innerText.includes('Stop')")
        await browser.click("#mark")
        await browser.until("document.querySelector('#recording').innerText.includes('1 mark')")
        await browser.click("#recentre")
        await browser.click("#record")
        await browser.until("document.querySelector('#recording').innerText.includes('by click.mcap')")
        moving = "[...document.querySelectorAll('#channels .plot b')].map(b => b.textContent)"
        first = await browser.value(moving)
        await browser.until(f"JSON.stringify({moving}) !== JSON.stringify({json.dumps(first)})")
        assert all(text != "–" for text in await browser.value(moving))
        await browser.click("#calibrate")
        await browser.until("document.querySelector('#calibrate').disabled")

    on_the_page(tmp_path, work)
    take = formats.read_take(tmp_path / "by click.mcap")
    assert len(take.tracks["imu"].time) > 20 and take.tracks["events"].values.tolist() == [[1.0]]


def test_a_clicked_site_waits_for_a_tap_and_the_page_reports_the_end_of_the_bridge(tmp_path):
    async def work(browser, hub, server):
        await browser.until("document.querySelectorAll('.site.ok').length === 11")
        await browser.click("[data-site=oculi_left] .dot")
        await browser.until("document.querySelector('#site-hint').innerText.includes('oculi left now')")
        assert hub.imu.tap_detector is not None and hub.imu.tap_detector.site == "oculi_left"
        assert await browser.value("document.documentElement.scrollWidth <= innerWidth"), (
            "the page is wider than the phone"
        )
        await server.stop()
        await browser.until("!document.querySelector('#gone').hidden")
        browser.problems.clear()  # the page says that it cannot connect, as it should

    on_the_page(tmp_path, work, width=390, height=844)


def test_the_token_leaves_the_address_and_a_reload_still_knows_it(tmp_path):
    async def work(browser, hub, server):
        assert await browser.value("location.href") == f"http://127.0.0.1:{server.port}/"
        await browser.value("location.reload()")
        await browser.until("document.querySelectorAll('.site').length === 11")
        assert all("401" in problem for problem in browser.problems)  # the page itself, which then offers the token
        browser.problems.clear()

    on_the_page(tmp_path, work)


@pytest.mark.parametrize("query", ["", "?token=of-an-earlier-bridge"])
def test_without_the_token_the_page_says_so_and_shows_nothing(tmp_path, query):
    async def work(browser, hub, server):
        await browser.value("sessionStorage.clear()")
        await browser.open(f"http://127.0.0.1:{server.port}/{query}")
        await browser.until("document.body.innerText.includes('token is missing')")
        assert await browser.value("document.querySelectorAll('.site').length") == 0
        assert not await browser.value("sessionStorage.getItem('token')"), "a wrong token is kept"
        browser.problems.clear()

    on_the_page(tmp_path, work)


def test_electrodes_are_shown_with_their_state_and_checked_by_a_click(tmp_path, electrodes_network):
    async def work(browser, hub, server):
        await browser.until("document.querySelector('#summary').innerText.includes('electrodes')", 20)
        await browser.until("document.querySelectorAll('#electrodes .item').length === 2", 20)
        await browser.until("document.querySelectorAll('#electrodes .away').length === 1", 20)
        assert "no signal" in await browser.value("document.querySelector('#electrodes').innerText")
        assert await browser.value("document.querySelector('#calibrate').innerText") == "Check"
        await browser.click("#calibrate")
        await browser.until("document.querySelector('#calibration').innerText.includes('Relax your face')")
        await browser.until("document.querySelector('#calibration').innerText.includes('electrode front')", 30)

    on_the_page(tmp_path, work, source=VirtualBio(VirtualBioOptions(flat="front")), electrodes=str(electrodes_network))


@pytest.fixture
def axe():
    """`await axe(browser)`: serious and critical findings of axe-core on the page as it is, in both colour schemes."""
    script = Path(os.environ.get("INNERFACE_NODE_MODULES", "")) / "axe-core" / "axe.min.js"
    if not script.is_file():
        pytest.skip("npm's axe-core is not here; 'python3 build.py test' installs it where npm is")

    async def findings(browser):
        found = []
        await browser.value(script.read_text(encoding="utf-8") + "; true")
        for scheme in ("light", "dark"):
            await browser.ask(
                "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
            )
            violations = await browser.value(
                "axe.run().then(r => r.violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html.slice(0, 200))]))"
            )
            found += [[scheme, *v] for v in violations if v[0] in ("serious", "critical")]
        return found

    return findings


LIGHT = "[...document.querySelectorAll('#sinks .item')].find(e => e.innerText.startsWith('{}')).firstChild.className"


def test_outputs_that_fail_are_not_green_and_can_be_tried_again(tmp_path, axe):
    async def denied(socket):
        async for text in socket:
            request = json.loads(text)
            asked.append(request["messageType"])
            error = {"errorID": 50, "message": "User has denied API access for your plugin."}
            await socket.send(json.dumps({"requestID": request["requestID"], "messageType": "APIError", "data": error}))

    asked = []

    async def work(browser, hub, server):
        async with serve(denied, "127.0.0.1", 0) as studio:
            sinks = [VTubeStudioSink(port=studio.sockets[0].getsockname()[1]), VmcSink(port=9)]
            await hub.set_sinks([*sinks, CsvSink(tmp_path / "out.csv")])
            for k in range(3):
                sinks[1].put(Frame(k, 0.0, 0.0, np.zeros(55), None, "sensors", True))
                await asyncio.sleep(0)
            await browser.until(LIGHT.format("vts") + " === 'failed'")
            await browser.until(LIGHT.format("csv") + " === 'ok'")
            assert "denied" in await browser.value("document.querySelector('#sinks').innerText")
            assert await axe(browser) == []
            await browser.click("#sinks .item button")
            for _ in range(100):
                if len(asked) == 2:
                    break
                await asyncio.sleep(0.1)
            assert asked == ["AuthenticationTokenRequest"] * 2

    on_the_page(tmp_path, work)


def test_the_page_has_no_serious_barrier_while_it_waits_works_and_records(tmp_path, axe, monkeypatch):
    async def work(browser, hub, server):
        assert await axe(browser) == []
        await browser.until("document.querySelectorAll('.site.ok').length === 11")
        assert await axe(browser) == []
        await browser.click("#record")
        await browser.until("document.querySelector('#record').innerText.includes('Stop')")
        full = RecordingStatus(
            "t.mcap", 1.0, rows=9, bytes=90, dropped=3, problem="the disk is full; free space", marks=0
        )
        monkeypatch.setattr(innerface.server.hub, "recording_status", lambda recording, now: full)
        await browser.until("document.querySelector('#recording.error').innerText.includes('free space')")
        assert await axe(browser) == []
        await server.stop()
        await browser.until("!document.querySelector('#gone').hidden")
        assert await axe(browser) == []
        browser.problems.clear()

    on_the_page(tmp_path, work)


def test_a_source_without_data_is_shown_with_likely_causes_and_no_barrier(tmp_path, axe):
    async def work(browser, hub, server):
        assert await axe(browser) == []
        await browser.until("document.querySelector('#streams').innerText.includes('Likely: ')", 20)
        assert await browser.value("document.querySelector('#streams i').className") == "away"
        assert await axe(browser) == []

    on_the_page(tmp_path, work, source=LiveLinkFaceSource(port=0))
