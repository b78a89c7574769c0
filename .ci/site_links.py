"""A hook of MkDocs: links that leave docs/ lead to the repository's pages on the site."""

import posixpath
import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"\]\(((?:\.\./)+[^)]+)\)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Make links such as ../assets/settings.toml absolute; a file that is not there is an error."""
    folder = posixpath.dirname(page.file.src_uri)
    root = Path(config.config_file_path).parent
    repository = config.extra["repository"]

    def one(match: re.Match[str]) -> str:
        target, _, anchor = match.group(1).partition("#")
        path = posixpath.normpath(posixpath.join("docs", folder, target))
        if path.startswith("docs/"):
            return match.group(0)
        if not (root / path).exists():
            raise FileNotFoundError(f"{page.file.src_uri} links to {path}, which is not there")
        return f"]({repository}/blob/main/{path}{'#' + anchor if anchor else ''})"

    return _LINK.sub(one, markdown)
