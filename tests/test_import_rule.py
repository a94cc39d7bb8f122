"""The layers of docs/design.md: who may import whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = {
    "core": {"core"},
    "models": {"core", "models"},
    "server": {"core", "server"},
    "blender_addon": {"core", "server", "blender_addon"},
    "cli": {"core", "models", "server", "blender_addon", "cli"},
}
FORBIDDEN = {
    "core": {"bpy", "mathutils", "socket", "torch", "asyncio", "websockets", "serial"},
    "models": {"bpy", "mathutils"},
    "server": {"bpy", "mathutils", "torch"},
    "blender_addon": {"torch"},
    "cli": {"torch"},
}


def imports(path: Path):
    """(layer or absolute module, whether relative) of every import in a file."""
    inside = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                yield (node.module or "").split(".")[0], False
            else:
                base = inside[: len(inside) - node.level + 1]
                if base:
                    yield base[0], True
                else:
                    yield from (
                        (name, True)
                        for name in ([node.module.split(".")[0]] if node.module else [a.name for a in node.names])
                    )


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_that_imports_what_it_must_not_breaks_the_house(layer):
    for path in (ROOT / layer).rglob("*.py"):
        for name, relative in imports(path):
            if relative:
                assert name in LAYERS[layer], f"{path} imports {name}"
            else:
                assert name != "innerface", f"{path} imports absolutely; Blender knows the package by another name"
                assert name not in FORBIDDEN[layer], f"{path} imports {name}"
                assert name != "bpy" or layer in ("blender_addon", "cli"), f"{path} imports bpy"


def test_only_the_cli_loader_touches_bpy_outside_the_addon():
    users = {p.name for p in (ROOT / "cli").rglob("*.py") for name, _ in imports(p) if name == "bpy"}
    assert users <= {"blender.py", "renders.py"}


def test_the_root_package_imports_the_addon_only_inside_register():
    tree = ast.parse((ROOT / "__init__.py").read_text())
    assert not [n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module != "__future__"]
