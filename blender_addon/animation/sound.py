"""A take's sound in the sequencer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...core.errors import InnerfaceError
from .. import compat


def place_strip(scene: Any, path: Path, *, frame: float, name: str) -> tuple[Any, list[str]]:
    """Add a file's sound to a free channel of the sequencer at `frame`; a strip of the same file is moved instead.

    Returns the strip, None if the file has no sound, and notes.
    """
    editor = scene.sequence_editor or scene.sequence_editor_create()
    start_frame = round(frame)
    notes = []
    if abs(frame - start_frame) > 1e-3:
        delay_ms = (start_frame - frame) / (scene.render.fps / scene.render.fps_base) * 1000
        notes.append(
            f"The sound {path.name} starts on a whole frame, {abs(delay_ms):.0f} ms "
            f"{'after' if delay_ms > 0 else 'before'} its take"
        )
    strip = next(
        (
            s
            for s in compat.sequencer_strips(editor)
            if s.type == "SOUND" and _is_same_file(s, path) and s.name.startswith(name[:40])
        ),
        None,
    )
    if strip is not None:
        strip.frame_start = start_frame
        return strip, notes
    channel = 1 + max((s.channel for s in compat.sequencer_strips(editor)), default=0)
    try:
        strip = compat.sequencer_strips(editor).new_sound(name, str(path), min(channel, 128), start_frame)
    except RuntimeError:
        return None, [f"{path.name} holds no sound that Blender can read"]
    if strip.frame_final_duration <= 1 and strip.sound is not None and not _has_audio(strip.sound):
        compat.sequencer_strips(editor).remove(strip)
        return None, [f"{path.name} holds no sound that Blender can read"]
    return strip, notes


def _is_same_file(strip: Any, path: Path) -> bool:
    import bpy

    return strip.sound is not None and Path(bpy.path.abspath(strip.sound.filepath)) == path


def _has_audio(sound: Any) -> bool:
    return sound.samplerate > 0 and sound.channels != "INVALID"


def read_samples(path: str | Path, rate: int) -> Any:
    """Return a file's sound as mono samples (N,) at `rate` Hz. For any thread. Raises InnerfaceError."""
    import numpy as np

    try:
        import aud

        sound: Any = aud.Sound
        data = sound(str(path)).resample(rate, 1).rechannel(1).data()
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        raise InnerfaceError(
            f"{path}: its sound cannot be read ({reason}); give a WAV, M4A, MP3 or a video with sound"
        ) from None
    if len(data) < rate // 4:
        raise InnerfaceError(f"{path}: has no sound of a quarter of a second or more in it")
    return np.asarray(data, dtype=np.float64).reshape(len(data), -1).mean(axis=1)


def voice_features(take: Any) -> Any:
    """Return the band levels of the sound beside a camera take at its rows (`core.hybrid.voice`); None without sound.

    For any thread. Raises InnerfaceError.
    """
    if take.sound is None:
        return None
    from ...core.hybrid import voice
    from ...core.take import audio

    track = take.weights()
    return voice.band_levels(read_samples(take.sound, audio.RATE), track.time - track.time[0])
