"""What users can do about a message, in words for where it is read: the add-on's panels, or the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_on_command_line: ContextVar[bool] = ContextVar("on_command_line", default=False)


@contextmanager
def on_command_line() -> Iterator[None]:
    """Word remedies for the command line meanwhile."""
    token = _on_command_line.set(True)
    try:
        yield
    finally:
        _on_command_line.reset(token)


@dataclass(frozen=True)
class Remedy:
    """A remedy that panels and the command line offer under different names; as text it is worded for the reader."""

    panel: str
    command: str

    def __str__(self) -> str:
        return self.command if _on_command_line.get() else self.panel


WIDEN_SLIDERS = Remedy("Extend Slider Ranges prevents that", "--widen prevents that")
KEY_CONTROLS = Remedy(
    "Map to Rig Controls in the Face panel keys that control instead", "--controls keys that control instead"
)
OMIT_MODIFIERS = Remedy("export with Modifiers: None", "add --modifiers none")
ADD_FLAME_FACE = Remedy("add one with Add > Mesh > FLAME Face from File", "give --flame MODEL instead of --character")
NAME_FACE = Remedy("select one of them", "name the meshes of one with --object")
NAME_MESH = Remedy("add shape keys, or select the face", "add shape keys, or name the mesh with --object")


def open_scene(name: str) -> Remedy:
    """Return how to use another scene."""
    return Remedy("make it the active scene", f"make it the active scene with --scene '{name}'")


SET_RANGE = Remedy("import a take, or set the scene's range", "key a take first, or set the scene's range in the file")
