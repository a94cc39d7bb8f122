"""Files beside a .blend are listed by name: none is read until a person asks for it."""

import time
from pathlib import Path

import innerface.blender_addon.live.handlers
import innerface.blender_addon.live.take_list
import innerface.blender_addon.properties.preferences
import innerface.core.formats.mcap_take
import pytest


@pytest.fixture
def opened(addon, tmp_path, monkeypatch):
    """The add-on with an open .blend, and the takes that were read of the folder beside it: one of no bytes in it."""
    innerface.blender_addon.properties.preferences.preferences().takes_folder = ""
    folder = tmp_path / "scene takes"
    folder.mkdir()
    (folder / "take_001.mcap").write_bytes(b"\x89MCAP0\r\n")
    read = []

    def read_summary(path):
        read.append(path)
        return innerface.core.formats.mcap_take.TakeSummary({"sources": "phone"}, 12.0, True)

    monkeypatch.setattr(innerface.core.formats.mcap_take, "read_summary", read_summary)
    addon.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    return addon, read


def rows(bpy):
    return [t for t in bpy.context.window_manager.innerface_takes if Path(t.path).parent.name == "scene takes"]


def test_opening_a_blend_reads_no_take_that_lies_beside_it(opened, tmp_path):
    bpy, read = opened
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    innerface.blender_addon.live.take_list.refresh(wait=True)
    (row,) = rows(bpy)
    assert not [p for p in read if p.parent.name == "scene takes"]
    assert row.name == "take_001" and not row.known and row.size == "0 kB" and row.when


def test_a_take_is_read_when_it_is_recorded_selected_or_the_list_refreshed(opened, tmp_path):
    bpy, read = opened
    takes = innerface.blender_addon.live.take_list
    path = tmp_path / "scene takes" / "take_001.mcap"
    takes.refresh(str(path), wait=True)
    assert read.count(path) == 1 and rows(bpy)[0].known and rows(bpy)[0].source == "phone"
    takes.refresh(read=True, wait=True)
    assert read.count(path) == 1  # it is known, and has not changed
    path.write_bytes(b"\x89MCAP0\r\n another")
    takes.refresh(wait=True)
    assert read.count(path) == 1 and not rows(bpy)[0].known
    manager = bpy.context.window_manager
    manager.innerface_take = next(k for k, t in enumerate(manager.innerface_takes) if t.path == str(path))
    deadline = time.monotonic() + 60
    while read.count(path) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert read.count(path) == 2


def test_a_pipe_or_a_folder_called_like_a_take_is_not_listed(opened, tmp_path):
    import os

    bpy, _ = opened
    (tmp_path / "scene takes" / "folder.mcap").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "scene takes" / "pipe.mcap")
    innerface.blender_addon.live.take_list.refresh(wait=True)
    assert [t.name for t in rows(bpy)] == ["take_001"]


def test_a_list_that_is_refreshed_repairs_what_a_crash_left_and_says_so(addon, tmp_path):
    import os

    import numpy as np
    from innerface.server.recording.mcap_writer import McapWriter, TrackSample

    settings, folder = innerface.blender_addon.properties.preferences.preferences(), tmp_path / "scene takes"
    settings.takes_folder, path = str(folder), folder / "take_001.mcap"
    writer = McapWriter(path, "take_001", start_time=0.0)
    for k in range(3000):
        writer.put(TrackSample("imu", "imu", ("x",), 0.01 * k, np.array([float(k)])))
    writer.close({"quality": "", "seconds": "30"})
    os.truncate(path, 14_000)
    os.utime(path, (1e9, 1e9))
    takes = innerface.blender_addon.live.take_list
    takes.refresh(wait=True)
    assert not rows(addon)[0].whole and not (folder / "take_001.mcap.broken").exists()
    takes.refresh(read=True, wait=True)
    (row,) = rows(addon)
    assert row.whole and "has been repaired" in row.quality and (folder / "take_001.mcap.broken").exists()
