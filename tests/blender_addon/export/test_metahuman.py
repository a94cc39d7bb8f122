"""MetaHuman's control curves in an FBX, read back by ufbx."""

import innerface.blender_addon.export.exporters
import innerface.core.animation.frames
import innerface.core.face.channels
import innerface.core.face.naming.scheme_tables
import innerface.core.performance
import numpy as np
import pytest

from ..conftest import key_and_play


@pytest.mark.parametrize(("fps", "base"), [(24, 1.001)])
def test_every_control_of_the_face_board_is_a_curve_of_the_root_bone_with_the_takes_values(
    scene, head, second, tmp_path, fps, base
):
    scene.render.fps, scene.render.fps_base = fps, base
    arkit = innerface.core.face.channels.ARKIT
    track = innerface.core.performance.demo_performance(5).weights()
    keyed = key_and_play(head, track, "performance", scene)
    scene.frame_end = scene.frame_start + keyed.frames - 1
    report = innerface.blender_addon.export.exporters.export_face(head, scene, tmp_path / "x.fbx", preset="METAHUMAN")
    (clip,) = second(tmp_path / "x.fbx")["clips"]
    curves = clip["properties"]["root"]
    rows = innerface.core.face.naming.scheme_tables.load_schemes()["MetaHuman curves"]
    assert set(curves) == {row.name for row in rows}, "a control is missing"
    rate = fps / base
    frames = np.arange(keyed.frames)
    want = innerface.core.animation.frames.resample_to_frames(track, track.time[0] + frames / rate)
    for name, curve in curves.items():
        expected = sum(r.weight * want[:, arkit.index(r.channel)] for r in rows if r.name == name)
        assert np.abs(np.array(curve["times"]) - frames / rate).max() < 1e-6
        assert np.abs(np.array(curve["values"]) - np.clip(expected, 0, 1)).max() < 1e-4, name
    assert len(clip["curves"]) > 30, "the shapes of the face itself are still in the file"
    lost = {c for c in arkit if np.ptp(track.column(c)) > 0.01} - {r.channel for r in rows}
    assert all(any(channel in note for note in report.notes) for channel in lost), "a channel is dropped silently"
