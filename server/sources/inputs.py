"""Which of a board's inputs sit at the ear: `channels=1+2,names=lower+front`. The others are open, hum, and are not wanted in takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...core.errors import InnerfaceError
from ..messages import Bio


@dataclass(frozen=True)
class Inputs:
    """`numbers`: of inputs, from 1, all where none are given; `names`: what they are called, by the board where none are given."""

    numbers: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    def check(self, count: int) -> None:
        """Raises InnerfaceError for what a board of `count` inputs has not."""
        wrong = [n for n in self.numbers if not 1 <= n <= count]
        if wrong:
            raise InnerfaceError(f"channels: there is no input {wrong[0]}; the board has 1 to {count}")
        chosen = len(self.numbers) or count
        if self.names and len(self.names) != chosen:
            raise InnerfaceError(f"names: {len(self.names)} for {chosen} inputs; give one each, such as channels=1+2,names=lower+front")

    def of(self, message: Bio) -> Bio:
        """The chosen inputs, under their names."""
        if not self.numbers and not self.names:
            return message
        index = [n - 1 for n in self.numbers] or list(range(len(message.columns)))
        return replace(message, columns=self.names or tuple(message.columns[k] for k in index), values=message.values[:, index])


def inputs(channels: str, names: str) -> Inputs:
    """From `1+2` and `lower+front`, each "" for all and as they are. Raises InnerfaceError."""
    numbers = [n.strip() for n in channels.split("+") if n.strip()]
    if not all(n.isdecimal() for n in numbers) or len(set(numbers)) != len(numbers):
        raise InnerfaceError(f"channels={channels}: give the numbers of inputs, such as channels=1+2")
    called = tuple(n.strip() for n in names.split("+") if n.strip())
    if len(set(called)) != len(called):
        raise InnerfaceError(f"names={names}: two are alike; give each input a name of its own")
    return Inputs(tuple(map(int, numbers)), called)
