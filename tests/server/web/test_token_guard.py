"""Who is let in, and who is slowed."""

import os
import socket
import sys

import pytest
from innerface.server.web.peer_user import comes_from_this_user
from innerface.server.web.token_guard import TokenGuard, Verdict

from ..conftest import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


def test_after_ten_wrong_tokens_an_address_is_not_even_compared_for_a_while(clock):
    guard = TokenGuard("right", clock)
    assert [guard.check("192.0.2.1", f"wrong {k}") for k in range(10)] == [Verdict.WRONG] * 10
    assert guard.check("192.0.2.1", "right") is Verdict.THROTTLED
    assert guard.check("192.0.2.2", "right") is Verdict.RIGHT, "another address is locked out"
    clock.time = 11.0
    assert guard.check("192.0.2.1", "wrong again") is Verdict.WRONG
    assert guard.check("192.0.2.1", "right") is Verdict.THROTTLED
    clock.time = 22.0
    assert guard.check("192.0.2.1", "right") is Verdict.RIGHT


def test_a_program_that_repeats_an_old_token_does_not_lock_its_address_out(clock):
    guard = TokenGuard("right", clock)
    assert guard.check("192.0.2.1", "old") is Verdict.WRONG
    assert {guard.check("192.0.2.1", "old") for _ in range(100)} == {Verdict.REPEATED}
    assert guard.check("192.0.2.1", "right") is Verdict.RIGHT


def test_an_ipv6_network_counts_as_one_guesser_and_a_mapped_address_as_its_own(clock):
    guard = TokenGuard("right", clock)
    for k in range(10):
        guard.check(f"2001:db8::{k:x}", f"wrong {k}")
        guard.check("::ffff:192.0.2.1", f"wrong {k}")
    assert guard.check("2001:db8::ffff", "right") is Verdict.THROTTLED
    assert guard.check("2001:db8:0:1::1", "right") is Verdict.RIGHT
    assert guard.check("192.0.2.1", "right") is Verdict.THROTTLED


def test_memory_for_guessers_is_bounded(clock):
    guard = TokenGuard("right", clock)
    for k in range(3000):
        guard.check(f"10.0.{k >> 8}.{k & 255}", "wrong")
    assert len(guard._guessers) == 1024


def test_tokens_of_any_text_are_compared(clock):
    guard = TokenGuard("Zürich ☃", clock)
    for text in ("", "\ud800", "\0", "x" * 100_000):
        assert guard.check("no address", text) in (Verdict.WRONG, Verdict.REPEATED)
    assert guard.check("other", "Zürich ☃") is Verdict.RIGHT


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells the user of a connection")
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_this_users_connections_are_known(family, host):
    with socket.socket(family) as server:
        try:
            server.bind((host, 0))
        except OSError:
            pytest.skip(f"{host} does not exist here")
        server.listen()
        with socket.create_connection(server.getsockname()[:2]) as client:
            accepted, peer = server.accept()
            assert comes_from_this_user(peer, accepted.getsockname()) is True
            client.close()
            assert comes_from_this_user(peer, accepted.getsockname()) is False, "a closed socket belongs to nobody"
            accepted.close()
    assert comes_from_this_user(("192.0.2.1", 9), (host, 9)) in (False, None)
    assert comes_from_this_user(("", 0), ("", 0)) is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_another_users_connections_are_known():
    with socket.create_server(("127.0.0.1", 0)) as server:
        child = os.fork()
        if child == 0:
            os.setuid(65534)
            client = socket.create_connection(server.getsockname())
            client.recv(1)  # until the parent is done
            os._exit(0)
        accepted, peer = server.accept()
        try:
            assert comes_from_this_user(peer, accepted.getsockname()) is False
        finally:
            accepted.close()
            os.waitpid(child, 0)
