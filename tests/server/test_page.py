"""The control page in a headless Chromium, by clicks."""

import asyncio
import json

import pytest
from innerface.core import formats
from innerface.server.hub import Hub, Options
from innerface.server.sources.virtual_bio import VirtualBio, VirtualBioOptions
from innerface.server.sources.virtual_imu import VirtualImu, VirtualImuOptions
from innerface.server.web.web_server import WebServer

from .chromium import Chromium, program

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(program() is None, reason="no Chromium here (Debian: apt-get install chromium)"),
]


def on_the_page(tmp_path, work, width=1400, height=900, source=None, **options):
    """Runs `await work(browser, hub, server)` with the page open, on a simulated performer or another source."""

    async def whole():
        hub = Hub(Options(folder=tmp_path, model="linear", sites=tmp_path / "sites.json", **options))
        server = WebServer(hub, port=0, token="a-good-token")
        await server.start()
        await hub.start([source or VirtualImu(VirtualImuOptions(loss=0.01))], [])
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


def test_without_the_token_there_is_no_page(tmp_path):
    async def work(browser, hub, server):
        await browser.open(f"http://127.0.0.1:{server.port}/")
        await browser.until("document.body.innerText.includes('token is missing')")
        browser.problems.clear()

    on_the_page(tmp_path, work)


def test_electrodes_are_shown_with_their_state_and_checked_by_a_click(tmp_path, electrodes_network):
    async def work(browser, hub, server):
        await browser.until("document.querySelector('#summary').innerText.includes('electrodes')", 20)
        await browser.until("document.querySelectorAll('#electrodes .stream').length === 2", 20)
        await browser.until("document.querySelectorAll('#electrodes .away').length === 1", 20)
        assert "no signal" in await browser.value("document.querySelector('#electrodes').innerText")
        assert await browser.value("document.querySelector('#calibrate').innerText") == "Check"
        await browser.click("#calibrate")
        await browser.until("document.querySelector('#calibration').innerText.includes('Relax your face')")
        await browser.until("document.querySelector('#calibration').innerText.includes('electrode front')", 30)

    on_the_page(tmp_path, work, source=VirtualBio(VirtualBioOptions(flat="front")), electrodes=str(electrodes_network))
