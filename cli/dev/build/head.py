"""Rebuild the bundled head, core/face/head/head.npz, by its generator."""

from __future__ import annotations

import argparse

from ..head_generator import generate


def main(arguments: list[str]) -> None:
    """`build.py head`."""
    argparse.ArgumentParser(prog="build.py head", description=__doc__).parse_args(arguments)
    generate.write()
