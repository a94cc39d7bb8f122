"""Inputs of a board that are used, such as `channels=1+2,names=lower+front`; open inputs only pick up hum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...core.errors import InnerfaceError
from ..arguments import PanelField, argument
from ..messages import BioSample

_INPUTS_FIELD = PanelField(
    "electrodes_inputs",
    "Inputs",
    "Inputs of the board that are connected at the ear, such as 1+2; all inputs if empty",
)


def channels_argument() -> str:
    """Declare the argument `channels` of a board's options."""
    return argument("", metavar="1+2", help="inputs that are worn; all of them unless given", field=_INPUTS_FIELD)


def names_argument() -> str:
    """Declare the argument `names` of a board's options."""
    return argument("", metavar="A+B", help="what these inputs are called in takes")


@dataclass(frozen=True)
class BoardInputs:
    """Numbers of inputs, from 1 (empty: all), and their names (empty: the board's)."""

    numbers: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    def check(self, count: int) -> None:
        """Raise InnerfaceError if a board with `count` inputs lacks one, or if names do not match."""
        self.indices(range(count), count)

    def indices(self, default: Sequence[int], count: int) -> list[int]:
        """Indices of the inputs that are used, of `count`; `default` where none are chosen.

        Raises InnerfaceError if one does not exist, or if names do not match.
        """
        invalid = [n for n in self.numbers if not 1 <= n <= count]
        if invalid:
            raise InnerfaceError(f"channels: there is no input {invalid[0]}; the board has 1 to {count}")
        chosen = [n - 1 for n in self.numbers] or list(default)
        if self.names and len(self.names) != len(chosen):
            raise InnerfaceError(
                f"names: {len(self.names)} for {len(chosen)} inputs; give one for each, such as "
                "channels=1+2,names=lower+front"
            )
        return chosen

    def select(self, message: BioSample) -> BioSample:
        """Return a message with these inputs only, under their names."""
        if not self.numbers and not self.names:
            return message
        index = [n - 1 for n in self.numbers] or list(range(len(message.columns)))
        return replace(
            message, columns=self.names or tuple(message.columns[k] for k in index), values=message.values[:, index]
        )


def parse_inputs(channels: str, names: str) -> BoardInputs:
    """Parse `1+2` and `lower+front`, each "" for the board's own. Raises InnerfaceError."""
    numbers = [n.strip() for n in channels.split("+") if n.strip()]
    if not all(n.isdecimal() for n in numbers) or len(set(numbers)) != len(numbers):
        raise InnerfaceError(f"channels={channels}: give the numbers of inputs, such as channels=1+2")
    input_names = tuple(n.strip() for n in names.split("+") if n.strip())
    if len(set(input_names)) != len(input_names):
        raise InnerfaceError(f"names={names}: a name occurs twice; give each input its own")
    return BoardInputs(tuple(map(int, numbers)), input_names)
