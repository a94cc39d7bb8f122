"""Where objects are that the scene lacks: in other scenes, in instances of collections, in no scene at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy

from .. import remedies


def objects_elsewhere(objects: Sequence[Any]) -> list[Any]:
    """Return the objects of the open file that are not among `objects`, those of other scenes first."""
    present = set(objects)
    others = [o for o in bpy.data.objects if o not in present]
    return sorted(others, key=lambda o: not o.users_scene)


def describe_place(obj: Any, objects: Sequence[Any]) -> str:
    """Return where an object is that is not among a scene's `objects`, and how to get it there."""
    if obj.users_scene:
        scene = obj.users_scene[0]
        return f"scene '{scene.name}' holds {obj.name}; {remedies.open_scene(scene.name)}"
    instance = next((o for o in objects if _shows_instance_of(o, obj)), None)
    if instance is not None:
        collection = instance.instance_collection
        if collection.library is not None:
            return (
                f"'{instance.name}' shows {obj.name} as an instance of the collection '{collection.name}', which is "
                f"linked from {collection.library.filepath}; "
                "make it a library override (Object > Library Override > Make), with its mesh"
            )
        return (
            f"'{instance.name}' shows {obj.name} as an instance of the collection '{collection.name}', which cannot be "
            "keyed; link that collection to the scene in the Outliner"
        )
    if obj.library is not None:
        return (
            f"{obj.name} is linked from {obj.library.filepath} and in no scene; "
            "add it to the scene and make it a library override, with its mesh"
        )
    collection = next(iter(obj.users_collection), None)
    if collection is not None:
        return (
            f"{obj.name} is in the collection '{collection.name}', which is in no scene; "
            "link that collection to the scene in the Outliner"
        )
    return f"{obj.name} is in no collection of any scene; link it to the scene in the Outliner"


def _shows_instance_of(instance: Any, obj: Any) -> bool:
    collection = instance.instance_collection if instance.instance_type == "COLLECTION" else None
    return collection is not None and obj in set(collection.all_objects)
