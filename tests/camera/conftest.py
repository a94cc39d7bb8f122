"""Videos made here, real ones, and the face tracker's model."""

from fractions import Fraction

import numpy as np
import pytest

av = pytest.importorskip("av", reason="PyAV is an extra (camera) that is not installed")


def write_video(path, pictures, times, codec="mpeg4", pixels="yuv420p", sound=False):
    """Write pictures (H, W, 3) at times in s, to a thousandth."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=30)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        audio = out.add_stream("aac", rate=8000) if sound else None
        for picture, time in zip(pictures, times):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if audio is not None:
            block = av.AudioFrame.from_ndarray(np.zeros((1, 8000), dtype=np.float32), format="fltp", layout="mono")
            block.sample_rate = 8000
            out.mux(audio.encode(block))
            out.mux(audio.encode(None))
    return path


@pytest.fixture
def flat_video(tmp_path):
    """`flat_video(times, name="v.mp4")`: a video whose pictures get brighter, without a face."""

    def made(times, name="v.mp4", size=(96, 128), **how):
        pictures = [np.full((*size, 3), 20 + 200 * k // len(times), dtype=np.uint8) for k in range(len(times))]
        return write_video(tmp_path / name, pictures, times, **how)

    return made


@pytest.fixture(scope="session")
def clip(data, tmp_path_factory):
    """The first two seconds of a real face, as pictures and as a file."""
    from innerface.camera.video import VideoFile

    rows = [picture for time, picture in VideoFile(data / "video" / "d9.mp4") if time < 2.0]
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return rows, write_video(path, rows, np.arange(len(rows)) / 30)
