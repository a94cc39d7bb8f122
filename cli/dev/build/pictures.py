"""Render the pictures of docs/images, or those that are named."""

from __future__ import annotations

from .processes import run_module


def main(arguments: list[str]) -> None:
    """`build.py pictures`."""
    for name in ("renders", "figures", "control_page"):
        run_module(f"innerface.cli.dev.pictures.{name}", *(arguments if name == "renders" else ()))
