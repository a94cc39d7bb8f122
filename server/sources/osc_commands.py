"""Commands by OSC."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.errors import InnerfaceError
from ..addresses import LOOPBACK
from ..arguments import Address, argument
from ..protocols import osc
from ..specs import SourceGroup, SourceSpec, no_peer
from .udp_source import UdpSource

OSC_PORT = 39541


class OscControlSource(UdpSource):
    """Receives the commands recentre, calibrate, record, stop and mark, each as /innerface/COMMAND."""

    name, port, label = "osc", OSC_PORT, "OSC commands (/innerface/...)"

    def handle(self, data: bytes, addr: tuple[str, int]) -> bool:
        """Run the commands of a message or bundle."""
        handled = False
        for address, args in osc.parse_messages(data):
            text = next((a for a in args if isinstance(a, str)), "")
            handled |= self._run_command(address, text)
        return handled

    def _run_command(self, address: str, text: str) -> bool:
        hub = self.hub
        if hub is None:
            return False
        try:
            match address:
                case "/innerface/recentre":
                    hub.commands.recentre()
                case "/innerface/calibrate":
                    hub.commands.calibrate()
                case "/innerface/record":
                    hub.commands.record(text)
                case "/innerface/stop":
                    self.stop_task = hub.commands.schedule_stop()
                case "/innerface/mark":
                    hub.commands.mark(text)
                case _:
                    return False
        except InnerfaceError as error:
            hub.note(str(error))
        return True


@dataclass(frozen=True)
class OscOptions:
    """Arguments of `osc`."""

    address: Address = argument(
        Address(LOOPBACK, OSC_PORT),  # it asks for no token, so the network must be named
        positional=True,
        help="UDP port that commands are sent to; of this computer only unless an address is given",
    )


SPEC = SourceSpec(
    kind="osc",
    summary="commands: /innerface/recentre, calibrate, record [name], stop, mark [text]",
    options=OscOptions,
    peer=no_peer,
    create=lambda options, context: OscControlSource(options.address.host, options.address.port),
    group=SourceGroup.COMMANDS,
)
