"""Pictures of video files, with their real times."""

import struct

import numpy as np
import pytest
from innerface.camera.video import MAX_SIDE, VideoFile
from innerface.core.errors import InnerfaceError


def test_pictures_have_their_own_times_where_the_rate_varies(flat_video):
    times = [0.0, 0.033, 0.067, 0.5, 0.533, 1.2]
    read = list(VideoFile(flat_video(times, "v.mkv")))
    assert [round(t, 3) for t, _ in read] == times
    brightness = [p.mean() for _, p in read]
    assert read[0][1].shape == (96, 128, 3) and read[0][1].dtype == np.uint8 and np.all(np.diff(brightness) > 10)


def test_times_begin_at_zero_wherever_the_file_begins(flat_video):
    assert [round(t, 2) for t, _ in VideoFile(flat_video([3.0, 3.04, 3.08], "v.mkv"))] == [0.0, 0.04, 0.08]


@pytest.mark.parametrize("rate", [24000 / 1001, 30000 / 1001, 60.0, 240.0])
def test_frame_rates_are_those_of_the_file(flat_video, rate):
    times = np.arange(60) / rate
    assert np.abs(np.array([t for t, _ in VideoFile(flat_video(times))]) - times).max() < 0.002


def test_a_picture_that_was_filmed_upright_is_turned(tmp_path, flat_video):
    path = flat_video(np.arange(5) / 30)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # the matrix of the track header, of version 0
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    video = VideoFile(path)
    assert (video.info.width, video.info.height) == (96, 128)
    assert next(iter(video))[1].shape == (128, 96, 3)


def test_large_pictures_are_reduced_and_ten_bits_are_read(flat_video):
    large = next(iter(VideoFile(flat_video([0.0, 0.1], "large.mp4", size=(720, 2560)))))[1]
    assert large.shape == (MAX_SIDE * 720 // 2560, MAX_SIDE, 3)
    deep = flat_video([0.0, 0.1, 0.2], "deep.mkv", codec="ffv1", pixels="yuv420p10le")
    assert [p.dtype for _, p in VideoFile(deep)] == [np.uint8] * 3


def test_a_cut_off_file_gives_what_can_be_decoded(flat_video):
    path = flat_video(np.arange(60) / 30, "v.mkv")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    assert 5 < len(list(VideoFile(path))) < 60


def test_what_is_no_video_is_refused_in_one_line(tmp_path, flat_video):
    text, empty, sound = tmp_path / "a.mp4", tmp_path / "empty.mp4", tmp_path / "sound.mp4"
    text.write_text("no video at all\n" * 100)
    empty.write_bytes(b"")
    import av

    with av.open(str(sound), "w") as out:
        stream = out.add_stream("aac", rate=8000)
        block = av.AudioFrame.from_ndarray(np.zeros((1, 8000), dtype=np.float32), format="fltp", layout="mono")
        block.sample_rate = 8000
        out.mux(stream.encode(block))
        out.mux(stream.encode(None))
    for path, words in (
        (text, "no video"),
        (empty, "no video"),
        (sound, "only sound"),
        (tmp_path / "x.mp4", "no such"),
    ):
        with pytest.raises(InnerfaceError) as told:
            list(VideoFile(path))
        assert words in str(told.value) and str(path) in str(told.value) and "\n" not in str(told.value)


def test_a_photograph_is_one_picture(tmp_path, flat_video):
    import av

    path = tmp_path / "photo.png"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, dtype=np.uint8), format="rgb24")
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    read = list(VideoFile(path))
    assert len(read) == 1 and read[0][0] == 0.0 and (read[0][1] == 90).all()
