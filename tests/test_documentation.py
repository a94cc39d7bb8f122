"""What texts for readers promise: links that lead somewhere, lines that fit, standard words."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("blender_addon", "camera", "cli", "core", "docs", "models", "server", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
GENERATED = {ROOT / "docs" / name for name in ("results.md", "sources.md")}
FIRST_PERSON = re.compile(r"\b(we|our|ours|us|my|mine)\b", re.IGNORECASE)
PRIVATE_WORDS = re.compile(r"\b(mend(s|ed|ing)?|trembl(es?|ed|ing)|invented channels)\b", re.IGNORECASE)


def anchors(page):
    """The fragments by which the headings of a page are linked."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings_that_exist(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if fragment:
            assert fragment in anchors(file), target


@pytest.mark.parametrize("page", sorted({*PAGES} - GENERATED), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_lines_fit_a_screen(page):
    table_or_image = re.compile(r"^\||^!\[")
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        assert len(line) <= (240 if table_or_image.match(line) else 120), f"{page}:{number}"


def visible_texts():
    """Texts of the add-on and the command line that users may read: all but docstrings, in (place, text) pairs."""
    for folder in ("blender_addon", "cli", "server", "core"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
            docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
            texts = (node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
            for node in texts:
                if id(node) not in docstrings and " " in node.value:  # single words are names in files and messages
                    yield f"{path}:{node.lineno}", node.value


def test_texts_for_users_speak_in_standard_words():
    texts = [*visible_texts(), *((str(page), page.read_text(encoding="utf-8")) for page in PAGES)]
    for place, text in texts:
        for pattern in (FIRST_PERSON, PRIVATE_WORDS):
            match = pattern.search(text)
            assert match is None, f"{place}: {text[max(match.start() - 40, 0) : match.end() + 40]!r}"
