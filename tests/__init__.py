"""The tests. A package, so that one of the same name that sleap-io installs is not taken for it."""
