"""`python -m posestream`: the program, as the command `posestream` starts it."""

from __future__ import annotations

from posestream._packages import import_ours


def main() -> None:
    """Run the command line."""
    import_ours()
    from app.cli import main as run

    run()


if __name__ == "__main__":
    main()
