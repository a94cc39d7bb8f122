"""The page that `innerface report` writes."""

from innerface.cli.dev import report


def test_sections_that_are_measured_again_replace_those_of_their_titles_and_keep_the_others(tmp_path):
    page = tmp_path / "results.md"
    page.write_text("# Results\n\nAbout.\n\n## One\n\nold\n\n### Part\n\nold\n\n## Two\n\nkept\n")
    report._replace_sections(page, ["\n## One", "\nnew", "\n## New", "\nmeasured"])
    assert page.read_text() == "# Results\n\nAbout.\n\n## One\n\nnew\n\n## New\n\nmeasured\n\n## Two\n\nkept\n"
    report._replace_sections(page, ["\n## Two", "\nagain"])
    assert page.read_text().endswith("## New\n\nmeasured\n\n## Two\n\nagain\n")


def test_a_page_that_is_not_there_begins_with_what_all_figures_are(tmp_path):
    report._replace_sections(tmp_path / "results.md", ["\n## One", "\nnew"])
    text = (tmp_path / "results.md").read_text()
    assert text.startswith("# Results") and "Sensors are simulated" in text and text.endswith("## One\n\nnew\n")
