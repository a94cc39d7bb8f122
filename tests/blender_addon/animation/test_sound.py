"""A take's sound in the sequencer, and its place in a song."""

import wave

import innerface.blender_addon.animation.bake
import innerface.blender_addon.animation.curves
import innerface.blender_addon.animation.playback
import innerface.blender_addon.character.face
import innerface.blender_addon.character.lanes
import innerface.blender_addon.compat
import innerface.core.formats
import innerface.core.performance
import numpy as np
import pytest


def write_wav(path, sound, rate):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(sound / np.abs(sound).max(), -1, 1) * 30000).astype("<i2").tobytes())


@pytest.fixture(autouse=True)
def audaspace():
    """Blender's wheel of 4.2 is built without sound; Blender itself never is."""
    pytest.importorskip("aud", reason="this Blender library is built without sound")
    import aud

    if not hasattr(aud, "Sound"):
        pytest.skip("this Blender library is built without sound")


@pytest.fixture(scope="module")
def song():
    """Half a minute of notes and noises."""
    rng = np.random.default_rng(0)
    rate, out, at = 16000, np.zeros(30 * 16000), 0.0
    while at < 29:
        begin, t = int(at * rate), np.arange(rate // 4) / rate
        out[begin : begin + len(t)] += (
            np.sin(2 * np.pi * rng.uniform(100, 400) * t) + rng.normal(0, 0.5, len(t))
        ) * np.exp(-8 * t)
        at += rng.uniform(0.2, 0.7)
    return out


@pytest.fixture
def folder(song, tmp_path):
    """A take with its own sound, which is 9.3 s into the song, and the song."""
    place = tmp_path / "shoot"
    place.mkdir()
    innerface.core.formats.write_take(innerface.core.performance.demo_performance(1), place / "song_1.csv")
    rng, rate = np.random.default_rng(1), 16000
    length = int(innerface.core.performance.demo_performance(1).weights().duration * rate)
    piece = song[int(9.3 * rate) : int(9.3 * rate) + length]
    write_wav(place / "song_1.wav", piece + rng.normal(0, 0.1 * piece.std(), len(piece)), rate)
    write_wav(tmp_path / "song.wav", song, rate)
    return place


def strips(scene):
    return [s for s in innerface.blender_addon.compat.sequencer_strips(scene.sequence_editor) if s.type == "SOUND"]


def test_a_takes_sound_lies_where_the_take_begins(addon, scene, folder):
    addon.ops.innerface.add_head()
    addon.ops.innerface.key_takes(filepath=str(folder / "song_1.csv"), placed="FRAME", frame=-12)
    (strip,) = strips(scene)
    assert strip.frame_start == -12 and strip.sound.filepath.endswith("song_1.wav") and strip.frame_final_duration > 24
    addon.ops.innerface.key_takes(filepath=str(folder / "song_1.csv"), placed="FRAME", frame=40)
    (strip,) = strips(scene)
    assert strip.frame_start == 40  # moved, not doubled


def test_a_take_moves_to_where_its_sound_is_heard_in_the_song(addon, scene, folder):
    addon.ops.innerface.add_head()
    addon.ops.innerface.key_takes(filepath=str(folder / "song_1.csv"), fewer=False)
    editor = scene.sequence_editor
    innerface.blender_addon.compat.sequencer_strips(editor).new_sound("master", str(folder.parent / "song.wav"), 5, 100)
    assert addon.ops.innerface.align_sound() == {"FINISHED"}
    face = innerface.blender_addon.character.face.active_face(addon.context)
    action = innerface.blender_addon.animation.playback.playing_action(face)
    assert abs(action["innerface_start"] - (100 + 9.3 * 24)) < 24 * 0.005
    keys = (
        innerface.blender_addon.compat.playing_fcurves(face.meshes[0].key)
        .find(innerface.blender_addon.character.lanes.shape_key_path("jawOpen"))
        .keyframe_points
    )
    assert keys[0].co.x == np.ceil(100 + 9.3 * 24)


def test_no_song_or_two_songs_or_no_sound_are_told_in_one_line(addon, scene, folder, tmp_path):
    innerface.core.formats.write_take(innerface.core.performance.demo_performance(2), tmp_path / "mute.csv")
    addon.ops.innerface.add_head()
    addon.ops.innerface.key_takes(filepath=str(tmp_path / "mute.csv"))
    with pytest.raises(RuntimeError, match="no sound of its own"):
        addon.ops.innerface.align_sound()
    addon.ops.innerface.key_takes(filepath=str(folder / "song_1.csv"))
    with pytest.raises(RuntimeError, match="no song in the sequencer"):
        addon.ops.innerface.align_sound()


def test_a_broken_sound_file_costs_the_take_nothing(addon, scene, folder):
    (folder / "song_1.wav").write_bytes(b"no sound at all")
    addon.ops.innerface.add_head()
    assert addon.ops.innerface.key_takes(filepath=str(folder / "song_1.csv")) == {"FINISHED"}
    assert scene.sequence_editor is None or not strips(scene)
