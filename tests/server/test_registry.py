"""Kinds of sources and sinks: that each is complete, and that the documentation has them all."""

import subprocess
import sys

import pytest
from innerface.cli.dev import source_reference
from innerface.server import registry
from innerface.server.arguments import arguments_of


def test_the_reference_is_up_to_date():
    text = source_reference.PATH.read_text(encoding="utf-8")
    assert text == source_reference.source_reference(), "run python -m innerface.cli.dev.source_reference"


@pytest.mark.parametrize("spec", [*registry.sources().values(), *registry.sinks().values()], ids=lambda s: s.kind)
def test_every_kind_has_what_help_texts_and_panels_need(spec):
    assert spec.summary and spec.usage.startswith(spec.kind)
    names = [a.name for a in spec.arguments]
    assert len(set(names)) == len(names) and all(a.help for a in spec.arguments)
    assert all(a.attribute in spec.options.__dataclass_fields__ for a in arguments_of(spec.options))


def test_menus_have_one_entry_for_a_number_and_an_identifier():
    specs = [s for s in registry.sources().values() if s.menu is not None]
    assert len({(s.group, s.menu.number) for s in specs}) == len(specs)
    assert len({(s.group, s.menu.identifier) for s in specs}) == len(specs)


def test_kinds_are_known_without_the_libraries_that_they_need():
    code = """
import sys
for name in ("scipy", "websockets", "serial", "pythonosc", "onnxruntime", "mcap", "brainflow", "pylsl"):
    sys.modules[name] = None
from innerface.server import registry
assert len(registry.sources()) > 10 and len(registry.sinks()) > 3 and registry.usage()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
