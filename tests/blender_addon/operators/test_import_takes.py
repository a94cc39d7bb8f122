"""Takes from files become animation of the active face."""

import innerface.blender_addon.operators.base
import innerface.core.face.face_model
import innerface.core.formats
import innerface.core.imu.layout
import innerface.core.imu.model
import innerface.core.imu.simulation.effects
import innerface.core.imu.simulation.simulate
import innerface.core.performance
import numpy as np
import pytest


def test_a_head_is_added_a_take_imported_and_the_animation_exported(scene, addon, tmp_path):
    take = innerface.core.performance.demo_performance(1)
    innerface.core.formats.write_take(take, tmp_path / "song.csv")
    assert addon.ops.innerface.add_head() == {"FINISHED"}
    assert addon.ops.innerface.key_takes(filepath=str(tmp_path / "song.csv"), fewer=True) == {"FINISHED"}
    obj = addon.context.active_object
    assert obj.data.shape_keys.animation_data.action.name.startswith("song")
    for kind in ("fbx", "glb"):
        assert addon.ops.innerface.export(filepath=str(tmp_path / f"face.{kind}"), kind=kind) == {"FINISHED"}
        assert (tmp_path / f"face.{kind}").stat().st_size > 100_000


def test_what_does_not_move_is_reported_when_a_take_is_imported_and_when_it_is_exported(
    scene, addon, tmp_path, monkeypatch
):
    reported = []
    monkeypatch.setattr(
        innerface.blender_addon.operators.base.ReportsErrors,
        "report_notes",
        lambda _, notes, summary: reported.append((notes, summary)) or {"FINISHED"},
    )
    innerface.core.formats.write_take(innerface.core.performance.demo_performance(1), tmp_path / "song.csv")
    addon.ops.innerface.add_head()
    addon.context.active_object.data.shape_keys.key_blocks["jawOpen"].mute = True
    addon.ops.innerface.key_takes(filepath=str(tmp_path / "song.csv"), fewer=True)
    addon.ops.innerface.export(filepath=str(tmp_path / "face.glb"), kind="glb")
    for notes, summary in (reported[-2], reported[-1]):
        assert any("'jawOpen'" in note and "muted" in note for note in notes), summary
        assert not any("--" in note for note in notes)


def test_a_sensor_take_becomes_animation_like_any_other(scene, addon, tmp_path):
    simulate, presets = innerface.core.imu.simulation.simulate.simulate, innerface.core.imu.simulation.effects.PRESETS
    truth = innerface.core.performance.demo_performance(1).weights()
    take = simulate(
        truth,
        innerface.core.face.face_model.load_bundled(),
        innerface.core.imu.layout.load_layout(),
        effects=presets["clean"],
        seed=1,
    )
    innerface.core.formats.write_take(take, tmp_path / "sensors.imu.csv")
    addon.ops.innerface.add_head()
    assert innerface.core.imu.model.load()[1] == []  # ONNX Runtime is bundled: the linear model need not stand in
    assert addon.ops.innerface.key_takes(filepath=str(tmp_path / "sensors.imu.csv")) == {"FINISHED"}
    jaw = addon.context.active_object.data.shape_keys.key_blocks["jawOpen"]
    rows = [k for k, t in enumerate(truth.time) if k % 25 == 0]  # every tenth frame, and the preamble before
    first = scene.frame_start + 24 * (truth.time[0] - take.tracks["imu"].time[0])
    seen = []
    for k in rows:
        scene.frame_set(round(first + 24 * (truth.time[k] - truth.time[0])))
        seen.append(jaw.value)
    assert np.corrcoef(seen, truth.column("jawOpen")[rows])[0, 1] > 0.9


def test_several_takes_become_several_actions_and_the_first_one_plays(scene, addon, tmp_path):
    for seed, name in ((1, "one"), (2, "two")):
        innerface.core.formats.write_take(innerface.core.performance.demo_performance(seed), tmp_path / f"{name}.csv")
    addon.ops.innerface.add_head()
    addon.ops.innerface.key_takes(directory=str(tmp_path), files=[{"name": "one.csv"}, {"name": "two.csv"}])
    assert {"one", "two"} == {a.name.split(" ")[0] for a in addon.data.actions}
    assert addon.context.active_object.data.shape_keys.animation_data.action.name.startswith("one")


def test_an_error_is_one_line_and_changes_nothing(scene, addon, tmp_path):
    (tmp_path / "bad.csv").write_text("time,jawOpen\n0,abc\n")
    addon.ops.innerface.add_head()
    with pytest.raises(RuntimeError, match=r"line 2, column jawOpen"):
        addon.ops.innerface.key_takes(filepath=str(tmp_path / "bad.csv"))
    assert not addon.data.actions
    with pytest.raises(RuntimeError, match="no such file"):
        addon.ops.innerface.key_takes(filepath=str(tmp_path / "none.csv"))


def test_importing_without_a_face_says_what_is_missing(scene, addon, tmp_path):
    innerface.core.formats.write_take(innerface.core.performance.demo_performance(1), tmp_path / "song.csv")
    with pytest.raises(RuntimeError, match="shape keys"):
        addon.ops.innerface.key_takes(filepath=str(tmp_path / "song.csv"))


def test_importing_a_take_is_one_undo_step(addon):
    assert "UNDO" in addon.types.INNERFACE_OT_key_takes.bl_options
    assert "UNDO" in addon.types.INNERFACE_OT_add_head.bl_options
    assert "UNDO" in addon.types.INNERFACE_OT_add_flame.bl_options
