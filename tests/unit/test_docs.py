"""The documentation is true: its commands exist with these options, its links lead somewhere."""

import re

import pytest
from typer.main import get_command

from app import cli
from tests.support.documentation import FENCE, ROOT, commands, words_of

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")


ALL = [(page.relative_to(ROOT).as_posix(), line) for page in PAGES for line in commands(page)]


CASES = [pytest.param(page, line, id=f"{page}: {line}") for page, line in ALL]


def test_there_are_commands_to_check():
    assert len(ALL) > 40


@pytest.mark.parametrize(("page", "line"), CASES)
def test_a_command_of_the_documentation_is_understood(page, line):
    words = [word.strip("[]") for word in words_of(line) if not re.fullmatch(r"[A-Z]+", word)]
    command, name = get_command(cli._app), "posestream"
    context = command.context_class(command, info_name=name)
    while hasattr(command, "get_command") and words and not words[0].startswith("-"):
        name = words.pop(0)
        if "|" in name:  # `weights list | fetch`: a list of commands, not a call
            return
        command = command.get_command(context, name)
        assert command is not None, f"{page}: there is no command {name!r}"
        context = command.context_class(command, info_name=name)
    options = {text for p in command.params for text in (*p.opts, *p.secondary_opts)}
    for word in words:
        if re.match(r"--?[a-z]", word):
            assert word.partition("=")[0] in {*options, "--help"}, f"{page}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_within_the_repository_lead_somewhere(page):
    targets = LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    assert [t for t in targets if not (page.parent / t).exists()] == []


def test_the_site_asks_no_other_server():
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "font: false" in site
    assert "\nrepo_url:" not in site  # Material asks GitHub for stars and releases with it
