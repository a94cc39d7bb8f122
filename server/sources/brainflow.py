"""Any board that BrainFlow supports."""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.errors import InnerfaceError
from ...core.files import open_file
from ..addresses import is_loopback
from ..arguments import PanelField, argument
from ..messages import BioSample
from ..specs import LOCAL_NETWORK, MenuEntry, SourceGroup, SourceSpec
from .board_inputs import BoardInputs, channels_argument, names_argument, parse_inputs
from .polled_source import PolledSource
from .serial_source import ELECTRODES_PORT_FIELD

_MAX_LINE_BYTES = 8192  # BrainFlow reads no longer ones
# Boards that BrainFlow finds or receives by network, by name and number.
_NETWORK_BOARDS = {
    **{"streaming": -2, "galea": 3, "ganglion_wifi": 4, "cyton_wifi": 5, "cyton_daisy_wifi": 6, "notion_1": 13},
    **{"notion_2": 14, "crown": 23, "emotibit": 47, "ntl_wifi": 50, "biolistener": 64},
}


class BrainFlowSource(PolledSource):
    """Receives a board through BrainFlow.

    Parameters
    ----------
    board
        BrainFlow's name or ID; -1 is its synthetic board.
    parameters
        Fields of BrainFlowInputParams, such as serial_port.
    inputs
        Which inputs are used.
    """

    name = "brainflow"

    def __init__(self, board: str, parameters: dict[str, str] | None = None, inputs: BoardInputs | None = None) -> None:
        super().__init__()
        self.board_name, self.parameters, self.inputs = board, parameters or {}, inputs or BoardInputs()
        self.count = 0

    def connect(self) -> None:
        """Prepare a session and start streaming. Raises InnerfaceError."""
        try:
            from brainflow.board_shim import BoardIds, BoardShim, BrainFlowError, BrainFlowInputParams

            BoardShim.disable_board_logger()  # loads the native library, which may be missing
        except (ImportError, OSError) as error:
            raise InnerfaceError(f"brainflow does not load ({error}); pip install 'innerface[boards]'") from None
        number = _board_number(self.board_name)
        params = BrainFlowInputParams()
        for key, value in self.parameters.items():
            if not hasattr(params, key):
                raise InnerfaceError(f"brainflow: '{key}' is none of its parameters: {', '.join(sorted(vars(params)))}")
            try:
                number_or_text = _board_number(value) if key == "master_board" else type(getattr(params, key))(value)
            except ValueError:
                raise InnerfaceError(f"brainflow: {key}={value[:32]} is not a number; give one") from None
            setattr(params, key, number_or_text)
        described = number
        if number in (BoardIds.PLAYBACK_FILE_BOARD.value, BoardIds.STREAMING_BOARD.value):
            described = int(params.master_board)  # it plays or forwards what another board has sent
            if described == BoardIds.NO_BOARD.value:
                raise InnerfaceError(
                    f"brainflow board {self.board_name}: give the board whose data it plays, master_board=NUMBER"
                )
        try:
            self.rows = BoardShim.get_exg_channels(described)
            self.rate = float(BoardShim.get_sampling_rate(described))
        except BrainFlowError:
            raise InnerfaceError(
                f"brainflow board {described}: BrainFlow knows no electrodes (EXG) of it; give another board"
            ) from None
        self.inputs.check(len(self.rows))
        if number == BoardIds.PLAYBACK_FILE_BOARD.value:
            _check_played_file(params.file, described, BoardShim.get_num_rows(described))
        try:
            self.board: Any = BoardShim(number, params)
            self.board.prepare_session()
            self.board.start_stream()
        except BrainFlowError as error:
            raise InnerfaceError(
                f"brainflow board {self.board_name}: does not connect ({error}); {_remedy(number, params)}"
            ) from None
        self.number = number

    def disconnect(self) -> None:
        """Release the session."""
        from brainflow.board_shim import BrainFlowError

        try:
            self.board.stop_stream()
            self.board.release_session()
        except BrainFlowError:
            pass

    def poll(self) -> BioSample | None:
        """Return the samples since the last call, µV."""
        data = self.board.get_board_data()
        if not data.shape[1]:
            return None
        values = data[self.rows].T
        self.count += len(values)
        columns = tuple(f"exg{k + 1}" for k in range(len(self.rows)))
        return self.inputs.select(
            BioSample(f"board {self.number}", columns, np.ascontiguousarray(values), self.rate, self.count / self.rate)
        )

    def describe(self) -> str:
        """Return the board and its problem, if any."""
        return self.with_problem(f"BrainFlow board {self.board_name}")


def _board_number(text: str) -> int:
    """Return a board's number from that or its name. Raises InnerfaceError."""
    from brainflow.board_shim import BoardIds

    try:
        return int(text)
    except ValueError:
        names = {b.name.removesuffix("_BOARD").lower(): b.value for b in BoardIds}
        if text.lower() not in names:
            raise InnerfaceError(
                f"brainflow board '{text}': give its number, or one of {', '.join(sorted(names))}"
            ) from None
        return names[text.lower()]


def _check_played_file(path: str, board: int, rows: int) -> None:
    """Raise InnerfaceError for a file that a board did not record: BrainFlow plays nothing of it, and says nothing."""
    try:
        with open_file(path) as file:
            line = file.readline(_MAX_LINE_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InnerfaceError(f"brainflow: file={path} cannot be read ({reason}); give the file to play") from None
    columns = len(line.replace(b",", b"\t").split(b"\t"))
    if columns != rows:
        raise InnerfaceError(
            f"brainflow: {path} has {columns} columns, and board {board} records {rows}; give the board that recorded "
            "it, master_board=NUMBER"
        )


def _remedy(number: int, params: Any) -> str:
    """Return what to do about a board that does not connect."""
    from brainflow.board_shim import BoardIds

    if number == BoardIds.PLAYBACK_FILE_BOARD.value:
        return f"check that file={params.file} exists and was recorded by board {params.master_board}"
    if number == BoardIds.STREAMING_BOARD.value:
        return "check that the other program streams, and its ip_address and ip_port"
    return "check its power, port and radio"


@dataclass(frozen=True)
class BrainFlowOptions:
    """Arguments of `brainflow`."""

    board: str = argument(
        "-1",
        positional=True,
        metavar="BOARD",
        help="BrainFlow's name or number of the board, such as ganglion or 1; -1 is its synthetic one",
        field=PanelField(
            "electrodes_board",
            "Board",
            "Name or ID of the board in BrainFlow, such as ganglion or 1; synthetic is a simulated board",
            default="",
            missing="no board is named; give BrainFlow's name or number of it under Connect, such as ganglion",
        ),
    )
    serial_port: str = argument(
        "",
        name="serial_port",
        metavar="PORT",
        help="port of the board or its dongle",
        field=ELECTRODES_PORT_FIELD,
    )
    channels: str = channels_argument()
    names: str = names_argument()
    parameters: tuple[tuple[str, str], ...] = argument(
        (), remainder=True, metavar="NAME=VALUE", help="any other of BrainFlow's input parameters"
    )


def _create(options: BrainFlowOptions) -> BrainFlowSource:
    parameters = dict(options.parameters)
    if options.serial_port:
        parameters["serial_port"] = options.serial_port
    return BrainFlowSource(options.board, parameters, parse_inputs(options.channels, options.names))


def _peer(options: BrainFlowOptions) -> str:
    hosts = [value for key, value in options.parameters if key.startswith("ip_address") and not is_loopback(value)]
    board = options.board.strip().lower()
    if board in _NETWORK_BOARDS or board in map(str, _NETWORK_BOARDS.values()):
        hosts.append(LOCAL_NETWORK)
    return hosts[0] if hosts else ""


SPEC = SourceSpec(
    kind="brainflow",
    summary="any BrainFlow board",
    options=BrainFlowOptions,
    peer=_peer,
    create=lambda options, _: _create(options),
    group=SourceGroup.ELECTRODES,
    hints=("the board is off or at another port",),
    extra="boards",
    library="brainflow",
    menu=MenuEntry("BRAINFLOW", 3, "BrainFlow Board", "Any board that BrainFlow supports", "PLUGIN"),
)
