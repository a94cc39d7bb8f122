"""Who a datagram is from where a program opens a socket for each."""

from innerface.server.messages import FaceSample
from innerface.server.protocols import live_link_face
from innerface.server.sources.live_link_face import LiveLinkFaceSource
from innerface.server.sources.steady_ports import SteadyPorts


def test_a_program_that_sends_each_packet_from_another_port_is_one_sender():
    ports = SteadyPorts()
    known = [ports.steady(("10.0.0.1", 20_000 + k)) for k in range(200)]
    assert set(known[7:]) == {("10.0.0.1", 20_000)}, (
        "its packets are those of so many rivals, and the face stands still"
    )


def test_two_programs_of_one_computer_stay_two_senders_also_beside_one_whose_ports_change():
    ports = SteadyPorts()
    for k in range(200):
        assert ports.steady(("127.0.0.1", 1)) == ("127.0.0.1", 1)
        assert ports.steady(("127.0.0.1", 2)) == ("127.0.0.1", 2)
        assert ports.steady(("127.0.0.1", 20_000 + k)) == ("127.0.0.1", 20_000 + k)


def test_hosts_are_bounded():
    ports = SteadyPorts()
    for k in range(1000):
        ports.steady((f"10.0.{k // 250}.{k % 250}", 1))
    assert len(ports._hosts) <= 64


def test_a_face_whose_sender_opens_a_socket_for_each_packet_is_shown(bridge, clock):
    source = LiveLinkFaceSource(port=0)

    async def work(hub):
        for k in range(120):
            clock.time += 1 / 60
            packet = live_link_face.Packet("PHONE", "face", k, 0.0, 60, 1, [0.5] * 61)
            source._receive(live_link_face.encode(packet), ("192.0.2.1", 20_000 + k))
        return hub.status()

    status = bridge(work, [source], clock=clock)
    assert status["streams"][0]["shown"] >= 110


def test_devices_that_change_their_name_with_every_packet_are_no_green_light(bridge, clock):
    async def work(hub):
        for k in range(60):
            clock.time += 1 / 60
            hub.receive("livelinkface", FaceSample(f"phone {k}", {"jawOpen": 0.5}, k / 60))
        return hub.status()

    (source,) = bridge(work, [LiveLinkFaceSource(port=0)], clock=clock)["sources"]
    assert source["state"] == "poor" and "name" in source["problem"]


def test_a_camera_that_goes_on_sending_takes_over_rather_than_one_that_was_heard_once(bridge, clock):
    async def work(hub):
        def send(device):
            clock.time += 1 / 60
            hub.receive("livelinkface", FaceSample(device, {"jawOpen": 0.5}, clock.time))

        send("first")
        clock.time += 5.0
        for k in range(60):
            send(f"stray {k}")
            send("phone")
        return hub.camera.active_stream.device

    assert bridge(work, clock=clock) == "phone"
