"""Who may send as which device, and for how many there is room."""

import json

import pytest
from innerface.core.errors import InnerfaceError
from innerface.server.protocols import device
from innerface.server.sources.udp_device import DeviceSource

from .conftest import sample


def test_a_second_sender_of_a_devices_name_is_named_and_left_out_until_a_person_decides(bridge, clock):
    async def work(hub):
        def send(k, address, force):
            message = sample(k)
            message.acceleration[:] = force
            hub.receive("device", message, address=address)
            return hub.streams["device", "7a3f", "imu"]

        for k in range(20):
            clock.time += 0.01
            send(k, "192.0.2.1:7645", 1.0)
            stream = send(9000 + k, "192.0.2.2:7645", 2.0)
        status = hub.status()
        kept = float(stream.last_message.acceleration[0, 0])
        hub.commands.allow("7a3f", "192.0.2.2:7645")
        clock.time += 0.01
        stream = send(9100, "192.0.2.2:7645", 2.0)
        send(21, "192.0.2.1:7645", 1.0)
        return status, kept, float(stream.last_message.acceleration[0, 0]), list(hub.notes)

    status, kept, chosen, notes = bridge(work, clock=clock)
    (stream,) = status["streams"]
    assert stream["received"] == 20 and stream["restarts"] == 0 and stream["address"] == "192.0.2.1:7645"
    assert stream["rival"] == "192.0.2.2:7645", "the page has no button to use the other sender"
    assert "192.0.2.2:7645" in stream["problem"] and stream["state"] == "poor"
    assert status["dropped"] == {"other_sender": 20} and (kept, chosen) == (1.0, 2.0)
    assert sum("sends from 192.0.2.2" in note for note in notes) == 1


def test_a_device_that_sends_from_another_port_after_a_restart_is_followed(bridge, clock):
    async def work(hub):
        for k, address in enumerate(["192.0.2.1:1"] * 10 + ["192.0.2.1:2"] * 10):
            clock.time += 2.0 if k == 10 else 0.01
            hub.receive("device", sample(k), address=address)
        return hub.status()

    status = bridge(work, clock=clock)
    assert status["streams"][0]["received"] == 20 and not status["dropped"]


def test_a_full_table_says_so_and_makes_room_for_a_device_with_more_sensors(bridge, clock):
    async def work(hub):
        for k in range(30):
            for number in range(64):
                clock.time += 0.001
                hub.receive("device", sample(k, sites=1, device_name=f"{number:04x}"))
            if k > 12:
                hub.receive("device", sample(k, sites=11, device_name="51ce"))
        return hub.status(), list(hub.notes)

    status, notes = bridge(work, clock=clock)
    heard = {s["device"]: s for s in status["streams"]}
    assert len(heard) == 64 and heard["51ce"]["received"] == 17
    assert sum("64 streams" in note for note in notes) == 1
    assert sum(site["sensor"].startswith("51ce/") for site in status["sites"].values() if "sensor" in site) >= 10


def test_a_device_of_the_network_that_was_never_here_waits_until_it_is_allowed_once(bridge, clock, tmp_path):
    options = {"allow_new": False, "devices": tmp_path / "devices.json"}

    def send(hub, address="192.0.2.1:7645", device="7a3f"):
        clock.time += 0.01
        hub.receive("device", sample(round(clock.time * 100), device_name=device), address=address)

    async def first(hub):
        for _ in range(5):
            send(hub)
            send(hub, "127.0.0.1:4000", "beef")
        waiting = hub.status()
        with pytest.raises(InnerfaceError, match="those that wait: 7a3f"):
            hub.commands.allow("abcd")
        hub.commands.allow("7a3f")
        send(hub)
        return waiting, hub.status(), list(hub.notes)

    async def later(hub):
        send(hub)
        return hub.status()

    waiting, allowed, notes = bridge(first, clock=clock, **options)
    assert [s["device"] for s in waiting["streams"]] == ["beef"] and waiting["dropped"] == {"not_allowed": 5}
    assert waiting["waiting"] == [{"source": "device", "device": "7a3f", "address": "192.0.2.1:7645", "packets": 5}]
    assert allowed["waiting"] == [] and {s["device"] for s in allowed["streams"]} == {"7a3f", "beef"}
    assert sum("never here" in note for note in notes) == 1
    assert [s["device"] for s in bridge(later, clock=clock, **options)["streams"]] == ["7a3f"]


def test_a_device_can_be_allowed_although_others_change_their_name_with_every_packet(bridge, clock):
    async def work(hub):
        for k in range(200):
            clock.time += 0.01
            for n in range(3):
                hub.receive("device", sample(k, device_name=f"{3 * k + n:04x}"), address="192.0.2.9:1")
            hub.receive("device", sample(k, device_name="beef"), address="192.0.2.1:1")
        status, notes = hub.status(), list(hub.notes)
        hub.commands.allow("beef")
        return status, notes

    status, notes = bridge(work, clock=clock, allow_new=False)
    assert "beef" in [w["device"] for w in status["waiting"]] and len(status["waiting"]) <= 16
    assert sum("never here" in note for note in notes) == 1, "notes of use are pushed out"


def test_what_clients_are_told_of_the_options_is_json_whatever_files_are_given(bridge, tmp_path):
    async def work(hub):
        return json.dumps(hub.settings())

    assert str(tmp_path) not in bridge(work, sites=tmp_path / "s.json", devices=tmp_path / "d.json", folder=tmp_path)


def test_sensors_without_a_place_on_the_face_are_no_green_light(bridge, clock):
    source = DeviceSource(port=0)

    async def work(hub):
        for k in range(60):
            clock.time += 0.01
            message = sample(k)
            message.keys = ("100", "101", "102")
            hub.receive("device", message)
        return hub.status()["sources"][0]

    told = bridge(work, [source], clock=clock)
    assert told["state"] == "poor" and "7a3f/100" in told["problem"] and "assign" in told["problem"]


@pytest.mark.parametrize("moves", [True, False])
def test_a_device_that_counts_neither_packets_nor_time_is_shown_unless_it_repeats_itself(bridge, clock, moves):
    async def work(hub):
        for k in range(200):
            clock.time += 0.01
            message = sample(k if moves else 0, time=1.0)
            message.sequence = 7
            hub.receive("device", message, address="192.0.2.1:1")
        return hub.status()["streams"][0], list(hub.notes)

    stream, notes = bridge(work, clock=clock)
    assert stream["received"] == 200 == stream["shown"] + sum(stream["dropped"].values())
    assert stream["dropped"]["repeated"] < 30 if moves else stream["dropped"]["repeated"] == 199
    assert not any("is back" in note for note in notes)


def test_a_device_that_opens_a_socket_for_each_packet_is_heard(bridge, clock):
    source = DeviceSource(port=0)

    async def work(hub):
        for k in range(100):
            clock.time += 0.01
            source._receive(device.encode(sample(k)), ("192.0.2.1", 20_000 + k))
        return hub.status()

    status = bridge(work, [source], clock=clock)
    assert status["streams"][0]["received"] >= 90
