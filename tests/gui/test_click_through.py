"""Connect, calibrate, record and bake by mouse in a windowed Blender with the packaged add-on.

The tests depend on their order: each goes on from the state that the one before it has left.
"""

import time
from pathlib import Path

PREFERENCES = "bpy.context.preferences.addons['bl_ext.user_default.innerface'].preferences"
KEY = "bpy.data.shape_keys['Innerface Head']"


def test_enabling_costs_little_and_loads_nothing_heavy(blender):
    """Only Innerface's own part is measured: Blender unpacks wheels the first time."""
    result = blender.ask(
        """
import importlib, sys, time
name = 'bl_ext.user_default.innerface'
old = sys.modules[name]
old.unregister()
for module in [m for m in sys.modules if m.startswith(name)]:
    del sys.modules[module]
before = set(sys.modules)
began = time.perf_counter()
new = importlib.import_module(name)
new.register()
spent = time.perf_counter() - began
new.__addon_enabled__, new.__addon_persistent__, new.__time__ = True, False, old.__time__  # kept by Blender
heavy = ('scipy', 'onnxruntime', 'mcap', 'websockets', 'serial')
result = [spent, [m for m in heavy if m in set(sys.modules) - before]]
""",
        60,
    )
    assert result[1] == []
    print(f"enabled in {result[0]:.3f} s")
    assert result[0] < 1.0  # 0.2 s on an idle computer, with compiled modules; this one is neither


def test_connect_shows_the_performer_and_calibrates_automatically(blender):
    blender.ask(
        f"s = {PREFERENCES}; s.countdown, s.preroll, s.playback = 1.0, 0.0, True\n"
        f"s.takes_folder = {str(blender.folder / 'takes')!r}"
    )
    blender.press_until("innerface.connect", "session.on")
    blender.until_session("bool(session.status.streams)")
    blender.until_session("session.status.calibrated", 90)
    blender.until_session("session.preview is not None and session.preview.shown")
    assert not blender.ask("result = bpy.data.is_dirty")
    assert blender.ask(f"result = 'innerface_preview' in {KEY}")


def test_record_and_stop_leave_a_take_and_the_playhead_where_it_was(blender):
    blender.press_until("innerface.record", "session.take_recording is not None")
    blender.until_session(
        "session.take_recording.phase == 'recording' and session.take_recording.seconds > 4"
        " if session.take_recording else False",
        60,
    )
    assert blender.ask("result = window().screen.is_animation_playing and bpy.context.scene.frame_current > 10")
    blender.press_until("innerface.stop", "session.take_recording is None")
    assert (
        not blender.ask("result = window().screen.is_animation_playing")
        and blender.ask("result = bpy.context.scene.frame_current") == 1
    )
    (path,) = (blender.folder / "takes").glob("*.mcap")
    assert path.stat().st_size > 50_000
    blender.until("[t.name for t in bpy.context.window_manager.innerface_takes] == ['take_001']")


def test_bake_keys_the_take_in_one_undo_step_without_the_preview_in_it(blender):
    blender.press("innerface.take_bake")
    blender.until(f"{KEY}.animation_data is not None and {KEY}.animation_data.action is not None", 60)
    result = blender.ask(
        f"a = {KEY}.animation_data\n"
        "result = [a.action.name, a.action_slot.name_display, [[t.name, t.mute] for t in a.nla_tracks]]"
    )
    assert result == ["take_001", "Innerface Head", [["take_001 (unobserved)", True]]]
    blender.move(400, 450)
    blender.key("ctrl+z")
    blender.until(
        "not [a for a in bpy.data.actions if a.users > a.use_fake_user] or not bpy.data.shape_keys[0].animation_data",
        20,
    )
    blender.key("ctrl+shift+z")
    blender.until(f"{KEY}.animation_data is not None and {KEY}.animation_data.action is not None", 20)
    assert blender.alive and blender.until_session("session.on")


def test_undo_again_and_again_while_streaming_does_no_harm(blender):
    blender.move(400, 450)
    for _ in range(4):
        blender.key("ctrl+z")
    blender.until_session("session.on")
    for _ in range(4):
        blender.key("ctrl+shift+z")
    blender.until_session("session.preview is not None and session.preview.shown")
    assert blender.ask(f"result = {KEY}.animation_data.action.name") == "take_001"


def test_a_second_window_and_its_end_do_no_harm(blender):
    blender.ask("with here(): bpy.ops.wm.window_new()")
    time.sleep(2)
    blender.ask(
        "w = bpy.context.window_manager.windows[-1]\n"
        "with bpy.context.temp_override(window=w): bpy.ops.wm.window_close()"
    )
    blender.until_session("session.on and session.preview.shown")


def test_a_render_while_streaming_does_no_harm(blender):
    blender.ask(f"""
s = bpy.context.scene
c = bpy.data.objects.new('camera', bpy.data.cameras.new('camera'))
s.collection.objects.link(c)
s.camera, s.render.engine, s.render.resolution_x, s.render.resolution_y = c, 'BLENDER_WORKBENCH', 64, 64
s.frame_start, s.frame_end, s.render.filepath = 1, 5, {str(blender.folder / "render")!r}
with here(): bpy.ops.render.render('INVOKE_DEFAULT', animation=True)""")
    blender.until(f"len(list(Path({str(blender.folder)!r}).glob('render*.png'))) == 5", 90)
    blender.until_session("session.paused == ''")
    blender.until_session("session.preview.shown")
    blender.ask("""
for other in list(bpy.context.window_manager.windows)[1:]:  # Blender's own for the render: it would keep the keyboard
    with bpy.context.temp_override(window=other): bpy.ops.wm.window_close()""")
    blender.until("len(bpy.context.window_manager.windows) == 1")


def test_autosave_never_stores_the_preview(blender):
    blender.ask(f"""
files = bpy.context.preferences.filepaths
files.temporary_directory, files.use_auto_save_temporary_files, files.auto_save_time = {str(blender.folder)!r}, True, 1
{KEY}.key_blocks['tongueOut'].value = 0.125""")
    known = set(blender.folder.glob("**/*autosave*.blend"))
    deadline = time.monotonic() + 150
    while not (new := set(blender.folder.glob("**/*autosave*.blend")) - known) and time.monotonic() < deadline:
        time.sleep(1)
    assert new, "there was no autosave within two of its intervals"
    time.sleep(1)
    (path,) = new
    result = blender.ask(f"""
with bpy.data.libraries.load({str(path)!r}) as (source, target):
    target.objects = ['Innerface Head']
key = target.objects[0].data.shape_keys
curves = key.animation_data.action.layers[0].strips[0].channelbags[0].fcurves
result = ['innerface_preview' in key, [c.mute for c in curves].count(True)]
bpy.data.objects.remove(target.objects[0])""")
    assert result == [False, 0]
    blender.until_session("session.preview.shown")  # and the preview goes on


def test_disconnect_leaves_the_face_as_it_was(blender):
    blender.press_until("innerface.disconnect", "not session.on")
    blender.until(f"'innerface_preview' not in {KEY}")
    assert (
        blender.ask(
            f"curves = {KEY}.animation_data.action.layers[0].strips[0].channelbags[0].fcurves\n"
            "result = [c.mute for c in curves].count(True)"
        )
        == 0
    )


def test_a_take_is_imported_changed_and_undone_step_by_step(blender):
    path = blender.folder / "song.csv"
    blender.move(400, 450)
    blender.ask(f"""
from bl_ext.user_default.innerface.core import formats, performance
take = performance.demo_performance(1)
take.weights().values[:, :52] += 0.1
formats.write_take(take, Path({str(path)!r}))
bpy.context.scene.frame_set(10)
with here(): bpy.ops.ed.undo_push(message='before the import')
with here(): bpy.ops.innerface.key_takes('INVOKE_DEFAULT', filepath={str(path)!r})""")
    playing = f"{KEY}.animation_data.action"
    for _ in range(5):  # the dialog takes its time to be drawn
        time.sleep(3)
        blender.key("Return")
        if blender.ask(
            f"result = {KEY}.animation_data is not None and {playing} is not None and {playing}.name == 'song'"
        ):
            break
    blender.until(f"{playing} is not None and {playing}.name == 'song'", 60)
    jaw = f"sum(p.co.y for p in {playing}.layers[0].strips[0].channelbags[0].fcurves[20].keyframe_points)"
    before = blender.ask(f"result = {jaw}")
    blender.press("innerface.neutral_here")
    blender.until(f"{playing}.innerface.neutral_to > 0", 20)
    assert blender.ask(f"result = {jaw}") < before
    blender.move(400, 450)
    blender.key("ctrl+z")
    blender.until(f"{playing}.name == 'song' and {playing}.innerface.neutral_to == 0", 20)
    assert abs(blender.ask(f"result = {jaw}") - before) < 1e-3
    blender.key("ctrl+z")
    blender.until(f"{KEY}.animation_data is None or {playing} is None or {playing}.name != 'song'", 20)
    blender.key("ctrl+shift+z")
    blender.until(f"{KEY}.animation_data is not None and {playing}.name == 'song'", 20)


def test_an_occluded_range_is_dragged_accepted_rejected_and_deleted_on_the_timeline(blender):
    blender.taller_timeline()
    blender.ask("""
from bl_ext.user_default.innerface.blender_addon.animation import hybrid_take
from bl_ext.user_default.innerface.blender_addon.ui import occlusion_bars as bars
from bl_ext.user_default.innerface.blender_addon.character import face as faces
low = next(a for a in window().screen.areas if a.type == 'DOPESHEET_EDITOR')
strip = next(r for r in low.regions if r.type == 'WINDOW')
bpy.context.scene.frame_end = 240
with here(): bpy.ops.innerface.range_set(what='CLEAR')
bpy.context.scene.frame_set(60)
with here(): bpy.ops.innerface.range_add(group='mouth')
with bpy.context.temp_override(window=window(), area=low, region=strip): bpy.ops.action.view_all()
def camera(): return hybrid_take.camera_action(faces.active_face(bpy.context))
def place(second):
    with bpy.context.temp_override(window=window(), area=low, region=strip):
        (bar,) = bars.region_bars(bpy.context).bars
    x = strip.view2d.view_to_region(hybrid_take.frame_at(camera(), second, bpy.context.scene), 0, clip=False)[0]
    return [strip.x + x, window().height - (strip.y + (bar.bottom + bar.top) / 2)]
""")
    ranges = "[[r.start, r.end, r.state] for r in camera().innerface_hybrid.ranges]"
    ((start, end, state),) = blender.ask(f"result = {ranges}")
    assert state == "OPEN" and abs(end - start - 1.0) < 1e-3
    (x, y), (to, _) = blender.ask(f"result = [place({(start + end) / 2}), place({(start + end) / 2} + 1.5)]")
    blender.move(x, y)
    time.sleep(1)
    blender.xdotool("mousedown", 1)
    time.sleep(1)
    for k in range(1, 5):
        blender.move(x + (to - x) * k / 4, y)
        time.sleep(0.5)
    blender.xdotool("mouseup", 1)
    blender.until(f"abs({ranges}[0][0] - {start} - 1.5) < 0.1", 20)
    assert abs(blender.ask(f"result = {ranges}[0][1] - {ranges}[0][0]") - 1.0) < 1e-3
    blender.move(to, y - 1)
    time.sleep(1)
    blender.key("a")
    blender.until(f"{ranges}[0][2] == 'ACCEPTED'", 20)
    blender.key("r")
    blender.until(f"{ranges}[0][2] == 'REJECTED'", 20)
    blender.key("x")
    blender.until(f"{ranges} == []", 20)
    blender.key("ctrl+z")
    blender.until(f"len({ranges}) == 1", 20)
    blender.ask("with here(): bpy.ops.innerface.range_set(what='CLEAR')")


def test_an_export_leaves_the_window_as_it_was(blender):
    blender.ask("bpy.context.scene.frame_end = 60")
    view = "area().spaces.active.region_3d.view_perspective"
    state = (
        f"result = [window().scene.name, window().view_layer.name, {view}, sorted(o.name for o in bpy.data.objects)]"
    )
    before = blender.ask(state)
    for kind, preset in (("fbx", "UNREAL"), ("glb", "GODOT")):
        path = blender.folder / f"out.{kind}"
        blender.ask(f"with here(): bpy.ops.innerface.export(filepath={str(path)!r}, preset={preset!r})", 120)
        assert path.stat().st_size > 500_000 and (blender.folder / f"out.{kind}.txt").exists()
    assert blender.ask(state) == before


def test_disabling_the_addon_while_streaming_disconnects_cleanly(blender):
    blender.press_until("innerface.connect", "session.on")
    blender.until_session("bool(session.status.streams)")
    blender.ask("bpy.ops.preferences.addon_disable(module='bl_ext.user_default.innerface')", 60)
    assert blender.ask(
        "result = not hasattr(bpy.types, 'INNERFACE_PT_face') and not hasattr(bpy.types.Scene, 'innerface')"
    )
    blender.ask("bpy.ops.preferences.addon_enable(module='bl_ext.user_default.innerface')", 60)
    assert blender.ask("result = hasattr(bpy.types, 'INNERFACE_PT_face')")
    log = Path(blender.folder / "blender.log").read_text()
    assert "Traceback" not in log, log[-3000:]
