"""Turn relative links of a Markdown file into absolute ones: FILE REPOSITORY-URL TAG."""

import re
import sys
from pathlib import Path

_LINK = re.compile(r"\]\((?!https?://|#)([^)]+)\)")


def absolute(text: str, repository: str, tag: str) -> str:
    """The same text; pictures lead to the file itself, the rest to its page."""

    def one(match: re.Match[str]) -> str:
        target = match.group(1)
        kind = "raw" if target.endswith((".jpg", ".png", ".svg", ".mp4")) else "blob"
        return f"]({repository}/{kind}/{tag}/{target})"

    return _LINK.sub(one, text)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(absolute(file.read_text(encoding="utf-8"), *sys.argv[2:4]), encoding="utf-8")
