"""Kinds of sources and sinks: that each is complete, and that the documentation has them all."""

import subprocess
import sys

import pytest
from innerface.cli.dev import source_reference
from innerface.server import registry
from innerface.server.arguments import Address, arguments_of, parse_options
from innerface.server.specs import LOCAL_NETWORK


def test_the_reference_is_up_to_date():
    text = source_reference.PATH.read_text(encoding="utf-8")
    assert text == source_reference.source_reference(), "run python -m innerface.cli.dev.source_reference"


@pytest.mark.parametrize("spec", [*registry.sources().values(), *registry.sinks().values()], ids=lambda s: s.kind)
def test_every_kind_has_what_help_texts_and_panels_need(spec):
    assert spec.summary and spec.usage.startswith(spec.kind)
    names = [a.name for a in spec.arguments]
    assert len(set(names)) == len(names) and all(a.help for a in spec.arguments)
    assert all(a.attribute in spec.options.__dataclass_fields__ for a in arguments_of(spec.options))


OUTSIDE = "203.0.113.7"  # an address for examples


def _peer(spec, text):
    return spec.outside_peer(parse_options(spec.options, f"{spec.kind}:{text}"))


@pytest.mark.parametrize("spec", registry.sinks().values(), ids=lambda s: s.kind)
def test_a_sink_with_an_address_names_it_as_its_peer(spec):
    if any(isinstance(a.default, Address) for a in spec.arguments):
        assert _peer(spec, f"{OUTSIDE}:4000") == OUTSIDE and _peer(spec, "[2001:db8::7]:4000") == "2001:db8::7"
        assert not any(_peer(spec, text) for text in ("", "4000", "127.0.0.1:4000", "[::1]:4000", "localhost"))
    else:
        assert _peer(spec, "file.csv") == ""


@pytest.mark.parametrize("spec", registry.sources().values(), ids=lambda s: s.kind)
def test_a_source_that_reaches_other_computers_has_a_peer(spec):
    texts = [a.attribute for a in spec.arguments if isinstance(a.default, str) and a.name not in ("preset", "ear")]
    options = dict.fromkeys(texts, f"ws://{OUTSIDE}:4000")
    options |= {a.attribute: (("ip_address", OUTSIDE),) for a in spec.arguments if a.remainder}
    expected = {"bridge": OUTSIDE, "serial": OUTSIDE, "cyton": OUTSIDE, "brainflow": OUTSIDE, "lsl": LOCAL_NETWORK}
    # and these listen on loopback unless told otherwise
    alone = ("virtual", "virtual-bio", "file", "video", "webcam", "vmc", "osc")
    assert spec.needs_lan or spec.kind in {*expected, *alone}, "does it reach other computers? Add it to this test"
    peer = spec.outside_peer(spec.options(**options))
    assert peer == (LOCAL_NETWORK if spec.needs_lan else expected.get(spec.kind, ""))


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("bridge:ws://127.0.0.1:7646", ""),
        ("bridge:localhost:7646", ""),
        ("bridge:wss://bridge.example:7646", "bridge.example"),
        ("bridge:ws://[", ""),  # refused when it is made
        ("serial:/dev/ttyUSB0", ""),
        ("serial:COM3", ""),
        ("serial:socket://127.0.0.1:7000", ""),
        ("serial:rfc2217://bridge.example:7000", "bridge.example"),
        ("brainflow:ganglion,serial_port=/dev/ttyUSB0", ""),
        ("brainflow:cyton_wifi", LOCAL_NETWORK),
        ("brainflow:3", LOCAL_NETWORK),
    ],
)
def test_the_peer_of_a_source_is_what_its_address_says(text, peer):
    spec = registry.sources()[text.partition(":")[0]]
    assert spec.outside_peer(parse_options(spec.options, text)) == peer


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
