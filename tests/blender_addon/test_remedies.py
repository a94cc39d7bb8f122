"""Messages that the command line can print name its own options, never a button or field of a panel."""

import ast
import re
from pathlib import Path

import pytest
from innerface.blender_addon import remedies

ROOT = Path(__file__).resolve().parent.parent.parent
REACHABLE = ("core", "cli", "blender_addon/animation", "blender_addon/character", "blender_addon/export")
OF_PANELS = ("blender_addon/operators", "blender_addon/ui", "blender_addon/properties")


def modules(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "cli/dev" not in path.as_posix():
                yield path, ast.parse(path.read_text(encoding="utf-8"))


def panel_labels():
    """What operators, panels and properties are called where they are shown, if in two words or more."""
    labels = set()
    for _, tree in modules(*OF_PANELS):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "bl_label" for t in node.targets):
                labels.add(getattr(node.value, "value", ""))
            if isinstance(node, ast.keyword) and node.arg in ("name", "text") and isinstance(node.value, ast.Constant):
                labels.add(node.value.value)
            if isinstance(node, ast.Dict):
                labels |= {
                    v.value
                    for k, v in zip(node.keys, node.values)
                    if isinstance(k, ast.Constant) and k.value == "name" and isinstance(v, ast.Constant)
                }
    texts = {str(label).removesuffix("...") for label in labels}
    return {text for text in texts if re.fullmatch(r"[A-Z]\w*( [A-Za-z]\w*)+", text)}


def texts_of(tree):
    """The texts of a module that are no docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_no_message_of_the_command_line_names_a_button_of_a_panel():
    labels = panel_labels()
    assert {"Map to Rig Controls", "Extend Slider Ranges", "Bake Again"} <= labels, "labels are found"
    named = {
        (path.relative_to(ROOT).as_posix(), label, text)
        for path, tree in modules(*REACHABLE)
        for text in texts_of(tree)
        for label in labels
        if re.search(rf"\b{re.escape(label)}\b", text)
    }
    assert not named


def all_remedies():
    return {name: value for name, value in vars(remedies).items() if isinstance(value, remedies.Remedy)}


def test_remedies_are_worded_for_where_they_are_read():
    assert str(remedies.WIDEN_SLIDERS) == remedies.WIDEN_SLIDERS.panel
    with remedies.on_command_line():
        assert str(remedies.WIDEN_SLIDERS) == remedies.WIDEN_SLIDERS.command
    assert str(remedies.WIDEN_SLIDERS) == remedies.WIDEN_SLIDERS.panel


@pytest.mark.parametrize("name", all_remedies())
def test_options_that_remedies_name_exist_and_panels_are_told_of_no_option(name):
    from innerface.cli import build_parser

    remedy = all_remedies()[name]
    commands = build_parser()._subparsers._group_actions[0].choices
    options = set(commands["key"]._option_string_actions)
    assert set(re.findall(r"--[a-z-]+", remedy.command)) <= options
    assert "--" not in remedy.panel
    assert not any(re.search(rf"\b{re.escape(label)}\b", remedy.command) for label in panel_labels())
