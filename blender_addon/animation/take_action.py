"""The ID properties that bakes keep in actions: one definition of each, typed, and validated when read."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

from .baked_keys import CurveKeys, decode_keys, encode_keys


class Part(StrEnum):
    """Which part of a take an action holds."""

    OBSERVED = "observed"
    UNOBSERVED = "unobserved"  # channels that no sensor sees


class KeyLayer(StrEnum):
    """Whose keys are remembered: ID properties that hold `baked_keys.encode_keys`."""

    BASE = "innerface_baked"  # of the take that the action is of
    OVERLAY = "innerface_overlay"  # of stretches of other takes over it


MARK = "innerface_take"  # on every action that was made here
TAKE_PATH = "innerface_take_path"
PART = "innerface_part"
NAME = "innerface_name"
START_FRAME = "innerface_start"
START_TIME = "innerface_clock"
CLOCK_SLOPE = "innerface_slope"
FIRST_FRAME = "innerface_first"

_OLD_NAMES: dict[str, str] = {KeyLayer.OVERLAY: "innerface_over"}
_OLD_PARTS = {"seen": Part.OBSERVED, "invented": Part.UNOBSERVED}
_MAX_CLOCK_SLOPE = 2.0  # two clocks of recorders differ by far less


class TakeAction:
    """An action, seen as the animation of a take.

    Reading never raises: a value that is damaged gives its default, and a sentence in `problems`.

    Attributes
    ----------
    action : bpy.types.Action
    problems : list of str
        What could not be read so far, for the user.
    """

    def __init__(self, action: Any) -> None:
        self.action = action
        self.problems: list[str] = []

    @property
    def is_baked(self) -> bool:
        """Whether keys of the action were written here, by a bake or by `innerface key`."""
        return bool(self.action.get(MARK))

    @property
    def is_take(self) -> bool:
        """Whether a bake made the action of a take's file, so that it can be baked again."""
        return bool(self.take_path)

    @property
    def take_path(self) -> str:
        """The take's file; "" where there is none."""
        return self._text(TAKE_PATH, "")

    @take_path.setter
    def take_path(self, path: str) -> None:
        self.action[TAKE_PATH] = path

    @property
    def part(self) -> Part:
        """Which part of the take the action holds."""
        text = self._text(PART, Part.OBSERVED)
        try:
            return _OLD_PARTS.get(text) or Part(text)
        except ValueError:
            self._reject(PART, "it counts as observed")
            return Part.OBSERVED

    @part.setter
    def part(self, part: Part) -> None:
        self.action[PART] = part.value

    @property
    def take_name(self) -> str:
        """What the take is called; the action's name where that is unknown."""
        return self._text(NAME, self.action.name)

    @take_name.setter
    def take_name(self, name: str) -> None:
        self.action[NAME] = name

    @property
    def start_frame(self) -> float:
        """The frame of the take's first row, which may lie between frames; the first key's where that is unknown."""
        value = self._number(START_FRAME, "its first key's frame is used")
        return float(self.action.frame_range[0]) if value is None else value

    @start_frame.setter
    def start_frame(self, frame: float) -> None:
        self.action[START_FRAME] = float(frame)

    @property
    def start_time(self) -> float | None:
        """The take's own time (s) at its first row; None where that is unknown."""
        return self._number(START_TIME, "the take's clock is unknown")

    @start_time.setter
    def start_time(self, seconds: float) -> None:
        self.action[START_TIME] = float(seconds)

    @property
    def clock_slope(self) -> float:
        """Seconds of the take that pass in one second of the timeline."""
        value = self._number(CLOCK_SLOPE, "1 is used")
        if value is not None and not 1 / _MAX_CLOCK_SLOPE <= value <= _MAX_CLOCK_SLOPE:
            self._reject(CLOCK_SLOPE, "1 is used")
            return 1.0
        return 1.0 if value is None else value

    @clock_slope.setter
    def clock_slope(self, slope: float) -> None:
        self.action[CLOCK_SLOPE] = float(slope)

    @property
    def first_frame(self) -> int | None:
        """The first frame that is keyed; None where the take's first row decides."""
        value = self._number(FIRST_FRAME, "the take's first row decides")
        return None if value is None else round(value)

    @first_frame.setter
    def first_frame(self, frame: int) -> None:
        self.action[FIRST_FRAME] = int(frame)

    def mark(self) -> None:
        """Mark the action as made here."""
        self.action[MARK] = True

    def stored_keys(self, layer: KeyLayer = KeyLayer.BASE) -> CurveKeys:
        """Return the keys that bakes wrote; empty where none did, or where they cannot be read."""
        data = self._value(layer)
        if data is None:
            return {}
        keys = decode_keys(data) if isinstance(data, bytes) else None
        if keys is None:
            self._reject(layer, "all of its keys count as the animator's")
            return {}
        return keys

    def store_keys(self, keys: CurveKeys, layer: KeyLayer = KeyLayer.BASE) -> None:
        """Remember the keys that a bake wrote."""
        for name in (layer.value, _OLD_NAMES.get(layer, layer.value)):
            if name in self.action:
                del self.action[name]  # overwritten bytes would be cut at their first zero
        self.action[layer.value] = encode_keys(keys)

    def migrate(self) -> bool:
        """Rename what earlier versions wrote. Returns whether anything was."""
        changed = False
        for name, old_name in _OLD_NAMES.items():
            if old_name in self.action:
                if name not in self.action:
                    self.action[str(name)] = self.action[old_name]
                del self.action[old_name]
                changed = True
        part = self.action.get(PART)
        if isinstance(part, str) and part in _OLD_PARTS:
            self.part = _OLD_PARTS[part]
            changed = True
        return changed

    def _value(self, name: str) -> Any:
        value = self.action.get(str(name))
        return self.action.get(_OLD_NAMES[name]) if value is None and name in _OLD_NAMES else value

    def _text(self, name: str, default: str) -> str:
        value = self._value(name)
        if value is None:
            return default
        if not isinstance(value, str):
            self._reject(name, "it is ignored")
            return default
        return value

    def _number(self, name: str, consequence: str) -> float | None:
        value = self._value(name)
        if value is None:
            return None
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            self._reject(name, consequence)
            return None
        return float(value)

    def _reject(self, name: str, consequence: str) -> None:
        problem = f"the property {name} of the action '{self.action.name}' cannot be read; {consequence}"
        if problem not in self.problems:
            self.problems.append(problem)
