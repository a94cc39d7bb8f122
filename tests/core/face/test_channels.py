import csv

from innerface.core.face import channels
from innerface.core.face.naming.scheme_tables import TABLES_FOLDER


def test_the_52_are_apples_and_in_the_order_of_the_apps_csv(data):
    header = (data / "arkit" / "alex_rom_3.csv").read_text().splitlines()[0].split(",")[2:]
    assert [channels.pascal_case(c) for c in channels.LIVE_LINK_FACE] == header
    assert len(channels.ARKIT) == 52
    assert len(channels.OUTPUT_CHANNELS) == 55
    with open(TABLES_FOLDER / "arkit52.csv") as table:
        assert {r["arkit"] for r in csv.DictReader(table)} == set(channels.ARKIT)


def test_groups_cover_every_channel_once():
    grouped = [c for g in channels.GROUPS.values() for c in g]
    assert sorted(grouped) == sorted(channels.ARKIT)


def test_mirroring_twice_gives_the_same_channel_back():
    for c in channels.LIVE_LINK_FACE:
        assert channels.mirrored(channels.mirrored(c)) == c
        assert channels.mirrored(c) in channels.LIVE_LINK_FACE
    assert channels.mirrored("jawLeft") == "jawRight"
    assert channels.mirrored("leftEyeYaw") == "rightEyeYaw"
    assert channels.mirrored("headYaw") == "headYaw"
