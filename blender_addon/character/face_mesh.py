"""Meshes of a face, and what they hang on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...core.errors import InnerfaceError
from ...core.face.naming.matching import Match


@dataclass
class FaceMesh:
    """One mesh of a face: its object, and how the names of its shape keys match channels."""

    object: Any
    match: Match

    @property
    def key(self) -> Any:
        """The Key datablock that carries the shape keys' values."""
        return self.object.data.shape_keys

    @property
    def key_names(self) -> list[str]:
        """The names of its shape keys, without the basis."""
        return [block.name for block in self.key.key_blocks[1:]]


def check_editable(mesh: FaceMesh) -> None:
    """Raises InnerfaceError for a mesh whose shape keys another file owns."""
    library = mesh.key.library or mesh.object.data.library
    if library is None:
        return
    if mesh.object.override_library is not None:
        raise InnerfaceError(
            f"object '{mesh.object.name}' is an override, but its mesh is linked from {library.filepath}; "
            "make an override of the mesh, too, or make it local"
        )
    raise InnerfaceError(
        f"object '{mesh.object.name}' is linked from {library.filepath}; make it local or a library override"
    )


def rig_of(obj: Any) -> Any:
    """Return the armature that deforms or carries `obj`, or None."""
    for modifier in obj.modifiers:
        if modifier.type == "ARMATURE" and modifier.object is not None:
            return modifier.object
    return next((parent for parent in parents(obj) if parent.type == "ARMATURE"), None)


def parents(obj: Any) -> Iterator[Any]:
    """Yield the parents of an object, the nearest first."""
    while obj.parent is not None:
        obj = obj.parent
        yield obj


def root_object_of(obj: Any) -> Any:
    """Return what holds the face of `obj` together: the rig, else the parent, else the object itself."""
    return rig_of(obj) or obj.parent or obj
