"""Faces of videos and webcams, live."""

import asyncio
import sys

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import OUTPUT_CHANNELS
from innerface.server import registry
from innerface.server.sources.video import VideoSource
from innerface.server.sources.webcam import WebcamSource

from tests.camera.conftest import write_video
from tests.server.conftest import until

pytest.importorskip("av", reason="PyAV is an extra (camera) that is not installed")


@pytest.fixture(scope="module")
def face_video(data, tmp_path_factory):
    from innerface.camera.video import VideoFile

    rows = [picture for time, picture in VideoFile(data / "video" / "d9.mp4") if time < 1.0]
    return write_video(tmp_path_factory.mktemp("live") / "face.mp4", rows, np.arange(len(rows)) / 30)


def test_the_face_of_a_video_is_received_and_recorded(bridge, face_video, face_model):
    source = VideoSource(str(face_video), loop=True, face_model=str(face_model))

    async def work(hub):
        hub.commands.record("video")
        await until(lambda: hub.status()["recording"]["rows"] > 40, 60)
        return await hub.commands.stop_recording()

    take = formats.read_take(bridge(work, [source])["path"])
    track = take.weights()
    assert set(OUTPUT_CHANNELS) <= set(track.columns) and np.nanmax(track.values) > 0.3
    assert source.describe().startswith(str(face_video)) and source.problem == ""


def test_a_video_that_ends_stays_connected_and_says_nothing_more(bridge, face_video, face_model):
    source = VideoSource(str(face_video), face_model=str(face_model))
    received = []

    async def work(hub):
        plain = hub.receive_soon
        hub.receive_soon = lambda name, message: (received.append(message), plain(name, message))
        source.hub = hub
        await until(lambda: source._pictures is not None and len(received) > 5, 60)
        await asyncio.sleep(2.0)
        count = len(received)
        await asyncio.sleep(0.5)
        assert len(received) == count <= 31

    bridge(work, [source])


@pytest.mark.parametrize("text", ["video:{folder}/none.mp4,model={model}", "video:{video},model={folder}/none.task"])
def test_a_missing_video_or_model_is_refused_in_one_line(bridge, tmp_path, face_video, face_model, text):
    source = registry.make_source(text.format(folder=tmp_path, video=face_video, model=face_model))

    async def work(hub):
        with pytest.raises(InnerfaceError, match=r"none\.(mp4|task)") as told:
            await source.start(hub)
        assert "\n" not in str(told.value)

    bridge(work)


@pytest.mark.skipif(sys.platform != "linux", reason="names of webcams are tested on Linux")
def test_a_webcam_that_is_not_there_is_refused_in_one_line(bridge, face_model):
    source = registry.make_source(f"webcam:77,model={face_model}")
    assert isinstance(source, WebcamSource) and "not kept" in source.describe()

    async def work(hub):
        with pytest.raises(InnerfaceError, match="webcam 77: there is no /dev/video77") as told:
            await source.start(hub)
        assert "\n" not in str(told.value)

    bridge(work)


def test_a_webcam_gives_its_newest_picture_and_comes_back_after_it_was_unplugged(
    bridge, face_video, face_model, monkeypatch
):
    """A file in the place of the device: it ends, as an unplugged camera does."""
    from innerface.camera import webcam

    monkeypatch.setattr(webcam, "_device", lambda _: (str(face_video), None))
    monkeypatch.setattr("innerface.server.sources.polled_source._RETRY_S", 0.1)
    source, opened = WebcamSource(0, str(face_model)), []
    plain = source.open_pictures

    def open_pictures():
        opened.append(1)
        plain()

    source.open_pictures = open_pictures

    received = []

    async def work(hub):
        hub.receive_soon = lambda _, message: received.append(message)
        await until(lambda: len(opened) > 2, 60)
        count = len(received)
        await until(lambda: len(received) > count, 20)
        assert all(message.device == "webcam 0" for message in received)

    bridge(work, [source])
