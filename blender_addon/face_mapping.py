"""The table of what drives what on a character: made from names, edited, mirrored, kept in presets.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..core import bones, mapping, matching
from ..core.errors import InnerfaceError
from ..core.files import file_name
from ..core.mapping import Mapping, Target
from . import drivers
from .connection import user_folder
from .curves import shape_key_path
from .face import Face, active_face, automatic, holder_of, rig_of
from .mended import Mended

ENDING = ".innerface.json"
_names: dict[str, list[tuple[str, str, str]]] = {}  # Blender needs the strings kept


def _holder(context: Any) -> Any:
    """What the active character's table is kept on. Raises InnerfaceError."""
    try:
        return active_face(context).holder
    except InnerfaceError:
        active = context.active_object
        if active is not None and active.type == "MESH" and active.data.shape_keys is not None:
            return holder_of(active)
        raise


def _fill(holder: Any, made: Mapping) -> None:
    rows = holder.innerface.targets
    rows.clear()
    for target in made.targets:
        rows.add().fill(target)
    holder.innerface.preset, holder.innerface.target = made.name, 0


def _table(context: Any) -> Any:
    """The character's own rows, begun from what its names yield where there are none. Raises InnerfaceError."""
    holder = _holder(context)
    if not holder.innerface.targets:
        with suppress(InnerfaceError):  # nothing matched: it begins empty
            _fill(holder, active_face(context).mapping)
    return holder.innerface


def candidates(holder: Any, kind: str) -> list[str]:
    """What a row of a kind can name on a character."""
    objects = list(bpy.context.scene.objects)
    if kind == "key":
        keys = [o.data.shape_keys for o in objects if o.type == "MESH" and o.data.shape_keys is not None and holder_of(o) == holder]
        return list(dict.fromkeys(block.name for key in keys for block in key.key_blocks[1:]))
    rig = holder if holder.type == "ARMATURE" else None
    if kind == "bone":
        return [b.name for b in rig.data.bones] if rig is not None else []
    quoted = bpy.utils.escape_identifier
    own = [(holder, "")] + [(b, f'pose.bones["{quoted(b.name)}"]') for b in (rig.pose.bones if rig is not None else ())]
    return [f'{path}["{quoted(k)}"]' for owner, path in own for k in owner.keys() if isinstance(owner[k], (int, float))]  # noqa: SIM118


class INNERFACE_OT_mapping_auto(Mended, bpy.types.Operator):
    """Match the names of the character's shape keys and bones to channels, and begin the table with that"""

    bl_idname = "innerface.mapping_auto"
    bl_label = "Match by Names"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        face = active_face(context)
        made = automatic(face.meshes, face.rig, list(context.scene.objects))
        if not made.targets:
            raise InnerfaceError(f"no name on {face.name} matches a channel; fill the table by hand")
        _fill(face.holder, made)
        answered = 52 - len(made.unmatched)
        self.report({"INFO"}, f"{made.name}: {answered} of 52 channels, {len(made.targets)} rows")
        return {"FINISHED"}


class INNERFACE_OT_mapping_clear(Mended, bpy.types.Operator):
    """Let names decide again; the table is forgotten"""

    bl_idname = "innerface.mapping_clear"
    bl_label = "Forget the Table"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        character = _holder(context).innerface
        character.targets.clear()
        character.preset = ""
        return {"FINISHED"}


class INNERFACE_OT_mapping_row(Mended, bpy.types.Operator):
    """Add, copy, mirror or remove a row of the table"""

    bl_idname = "innerface.mapping_row"
    bl_label = "Row"
    bl_options = {"REGISTER", "UNDO"}

    what: EnumProperty(items=[("ADD", "Add", ""), ("REMOVE", "Remove", ""), ("MIRROR", "Mirror", "")], options={"HIDDEN"})

    @classmethod
    def description(cls, _context: Any, properties: Any) -> str:
        return {
            "ADD": "Add a row, for the channel of the chosen one: a channel may drive several targets",
            "REMOVE": "Remove the chosen row",
            "MIRROR": "Give the chosen row's other side the same settings: Left and Right, _L and _R, .L and .R",
        }[properties.what]

    def work(self, context: Any) -> set[str]:
        table = _table(context)
        rows, k = table.targets, table.target
        chosen = rows[k].target() if 0 <= k < len(rows) else None
        if self.what == "ADD":
            rows.add().fill(Target(chosen.channel if chosen else "jawOpen", "key", ""))
            rows.move(len(rows) - 1, min(k + 1, len(rows) - 1))
            table.target = min(k + 1, len(rows) - 1)
            return {"FINISHED"}
        if chosen is None:
            raise InnerfaceError("no row is chosen; choose one in the table")
        if self.what == "REMOVE":
            rows.remove(k)
            table.target = max(min(k, len(rows) - 1), 0)
            return {"FINISHED"}
        other = chosen.mirror()
        if other == chosen:
            raise InnerfaceError(f"'{chosen.channel}' to '{chosen.name}' has no other side")
        same = [(row.channel, *row.target().destination) == (other.channel, *other.destination) for row in rows]
        at = same.index(True) if any(same) else None
        (rows[at] if at is not None else rows.add()).fill(other)
        table.target = at if at is not None else len(rows) - 1
        return {"FINISHED"}


def driven(face: Face) -> list[tuple[Any, str, str]]:
    """Shape keys of the mapping that something else drives: (mesh, key, by what)."""
    out = []
    for mesh in face.meshes:
        taken = drivers.of(mesh.key)
        out += [(mesh, name, taken[shape_key_path(name)]) for _, name in face.keys(mesh) if taken and shape_key_path(name) in taken]
    return out


class INNERFACE_OT_mapping_driven(Mended, bpy.types.Operator):
    """Map takes onto the properties and bones that drive shape keys, so that the rig's own controls are keyed. Drivers are tried out for it"""

    bl_idname = "innerface.mapping_driven"
    bl_label = "Key What Drives Them"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        face = active_face(context)
        found = {name: mesh for mesh, name, _ in driven(face)}
        if not found:
            raise InnerfaceError(f"nothing drives the shape keys of {face.name}; they are keyed themselves")
        rows, refused, seen = list(face.mapping.targets), [], set[tuple[str, str]]()
        for name, mesh in found.items():
            own = [t for t in rows if t.kind == "key" and t.name == name and not t.mute]
            behind = drivers.handle(mesh.key, shape_key_path(name))
            made = behind if isinstance(behind, str) else drivers.solved(mesh.key, name, behind, own)
            if not isinstance(made, str) and not isinstance(behind, str) and behind.owner != face.turns:
                made = f"it is driven by {behind.owner.name}, which is not the face's rig"
            if isinstance(made, str):
                refused.append(f"'{name}': {made}")
                continue
            at = rows.index(own[0])
            rows = [t for t in rows if t not in own]
            rows[at:at] = [t for t in made if (t.channel, t.name) not in seen]  # several keys may follow one control
            seen |= {(t.channel, t.name) for t in made}
        if not seen:
            raise InnerfaceError(f"no control could be found behind them: {'; '.join(refused[:3])}")
        _fill(face.holder, Mapping(face.mapping.name, tuple(rows)))
        for text in refused:
            self.report({"WARNING"}, f"{text}; it stays as it is")
        self.report({"INFO"}, f"{len({name for _, name in seen})} controls are keyed instead of {len(found) - len(refused)} driven shape keys")
        return {"FINISHED"}


def presets() -> dict[str, Path]:
    """The user's presets by name."""
    folder = user_folder() / "presets"
    return {p.name[: -len(ENDING)]: p for p in sorted(folder.glob(f"*{ENDING}"))} if folder.is_dir() else {}


def _listed(_self: Any, _context: Any) -> list[tuple[str, str, str]]:
    items = [(f"FILE:{name}", name, "A preset of yours") for name in presets()]
    items += [(f"SCHEME:{name}", name, "A naming scheme that Innerface knows") for name, rows in matching.schemes().items() if rows]
    _names["presets"] = items
    return items


class INNERFACE_OT_mapping_preset(Mended, bpy.types.Operator):
    """Fill the table from a preset: one of yours, or a naming scheme; Character Creator's hold jaw and eye bones as well"""

    bl_idname = "innerface.mapping_preset"
    bl_label = "Load Preset"
    bl_options = {"REGISTER", "UNDO"}
    bl_property = "preset"

    preset: EnumProperty(name="Preset", items=_listed)

    def invoke(self, context: Any, _event: Any) -> set[str]:
        context.window_manager.invoke_search_popup(self)
        return {"RUNNING_MODAL"}

    def work(self, context: Any) -> set[str]:
        kind, _, name = self.preset.partition(":")
        holder = _holder(context)
        made = mapping.load(presets()[name]) if kind == "FILE" else scheme(name, holder)
        _filled(self, holder, made)
        return {"FINISHED"}


def scheme(name: str, holder: Any) -> Mapping:
    """A naming scheme as a table, with jaw and eye bones for Character Creator, named as on the character's rig."""
    targets = tuple(Target(channel, "key", key, gain=weight) for channel, key, weight in matching.schemes()[name])
    if name.startswith("Reallusion C"):
        rig = holder if holder.type == "ARMATURE" else rig_of(holder)
        usual = {"jaw": "CC_Base_JawRoot", "eye_left": "CC_Base_L_Eye", "eye_right": "CC_Base_R_Eye"}
        there = bones.roles(b.name for b in rig.data.bones) if rig is not None else {}
        for role, bone in usual.items():
            targets += bones.targets(role, there.get(role, bone))
    return Mapping(name, targets)


def _filled(operator: Any, holder: Any, made: Mapping) -> None:
    """Into the table; rows that name nothing on the character are left out, and said."""
    there = {kind: set(candidates(holder, kind)) for kind in mapping.KINDS}
    fits = tuple(t for t in made.targets if t.name in there[t.kind] or (t.kind == "property"))
    if not fits:
        raise InnerfaceError(f"nothing that '{made.name}' names is on {holder.name}; choose another preset, or Match by Names")
    _fill(holder, Mapping(made.name, fits))
    left = len(made.targets) - len(fits)
    operator.report({"INFO"}, f"{made.name}: {len(fits)} rows" + (f"; {left} name what {holder.name} does not have, and were left out" if left else ""))


class INNERFACE_OT_mapping_save(Mended, bpy.types.Operator, ExportHelper):
    """Keep the table as a preset, for other characters and other computers"""

    bl_idname = "innerface.mapping_save"
    bl_label = "Save Preset"

    filename_ext = ENDING
    filter_glob: StringProperty(default=f"*{ENDING}", options={"HIDDEN"})

    def invoke(self, context: Any, _event: Any) -> set[str]:
        folder = user_folder() / "presets"
        folder.mkdir(parents=True, exist_ok=True)
        self.filepath = str(folder / ((file_name(_holder(context).name) or "preset") + ENDING))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _context: Any) -> bool:
        return False

    def work(self, context: Any) -> set[str]:
        path = Path(self.filepath if self.filepath.endswith(ENDING) else f"{self.filepath.removesuffix('.json')}{ENDING}")
        if not path.name.removesuffix(ENDING):
            raise InnerfaceError("no file was named; choose one to save to")
        made = Mapping(path.name.removesuffix(ENDING), active_face(context).mapping.targets)
        mapping.save(made, path)
        self.report({"INFO"}, f"Wrote {path}")
        return {"FINISHED"}


class INNERFACE_OT_mapping_load(Mended, bpy.types.Operator, ImportHelper):
    """Fill the table from a preset's file"""

    bl_idname = "innerface.mapping_load"
    bl_label = "Load Preset File"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def work(self, context: Any) -> set[str]:
        _filled(self, _holder(context), mapping.load(self.filepath))
        return {"FINISHED"}


class INNERFACE_UL_targets(bpy.types.UIList):
    """Rows of the table."""

    def draw_item(self, _context: Any, layout: Any, _data: Any, item: Any, _icon: Any, _active: Any, _property: Any) -> None:
        row = layout.row(align=True)
        row.active = not item.mute
        split = row.split(factor=0.45)
        split.label(text=item.channel or "-", translate=False)
        icon = {"key": "SHAPEKEY_DATA", "bone": "BONE_DATA", "property": "RNA"}[item.kind]
        words = f"{item.to} {item.axis}" if item.kind == "bone" else item.to
        split.label(text=words or "-", icon=icon if item.to else "ERROR", translate=False)
        row.prop(item, "mute", text="", icon="HIDE_ON" if item.mute else "HIDE_OFF", emboss=False)

    def filter_items(self, _context: Any, data: Any, name: str) -> tuple[list[int], list[int]]:
        """Search in channels and targets."""
        rows: Iterable[Any] = getattr(data, name)
        wanted = self.filter_name.lower()
        shown = [self.bitflag_filter_item if wanted in f"{r.channel} {r.to}".lower() else 0 for r in rows] if wanted else []
        return shown, []


CLASSES = (
    INNERFACE_OT_mapping_auto, INNERFACE_OT_mapping_clear, INNERFACE_OT_mapping_row, INNERFACE_OT_mapping_driven, INNERFACE_OT_mapping_preset,
    INNERFACE_OT_mapping_save, INNERFACE_OT_mapping_load, INNERFACE_UL_targets,
)  # fmt: skip


register, unregister = bpy.utils.register_classes_factory(CLASSES)
