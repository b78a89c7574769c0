"""A program for tests: starts another one and reads its window as a screen reader does, by AT-SPI.

screen_reader.py PROGRAM [ARGUMENT…], with the system's Python, in a D-Bus session. Each line of
standard input is a question as JSON, and is answered by a line `answer JSON`:

    {"ask": "all"}                                       every part of the window
    {"ask": "role", "role": …}                           those of this role that were there then
    {"ask": "press", "role": …, "name": …}               do what a part offers to do
    {"ask": "set", "role": …, "name": …, "value": …}     move a slider, change a number
"""

import json
import subprocess
import sys
import time
from contextlib import suppress

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402  need the version first

PATIENCE = 60.0  # s; a window takes long to appear where CPUs are busy
STATES = ("VISIBLE", "FOCUSABLE", "FOCUSED", "ENABLED", "CHECKABLE", "CHECKED")


def window_of(process):
    """The accessible application of a child process."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        desktop = Atspi.get_desktop(0)
        desktop.clear_cache()  # a program that came since is not in it
        places = range(desktop.get_child_count())
        there = filter(None, read(places, desktop.get_child_at_index))
        for application, number in read(there, lambda each: (each, each.get_process_id())):
            if number == process.pid:
                return application
        time.sleep(0.1)
    raise SystemExit(f"the program has no accessible window; its exit code: {process.poll()}")


def parts(node):
    """A part and all in it, with their roles; those that go meanwhile are left out."""
    for known in read([node], lambda n: (n, n.get_role_name(), n.get_child_count())):
        yield known[:2]
        for i in range(known[2]):
            for child in read([node], lambda n, i=i: n.get_child_at_index(i)):
                yield from parts(child) if child else ()


def read(nodes, what):
    """What `what` makes of each; without those that are there no more."""
    found = []
    for node in nodes:
        with suppress(GLib.GError):
            found.append(what(node))
    return found


def described(node):
    states = node.get_state_set()
    found = {
        "role": node.get_role_name(),
        "name": node.get_name(),
        "description": node.get_description(),
        "states": [s for s in STATES if states.contains(getattr(Atspi.StateType, s))],
        "label": " ".join(label.get_name() for label in labels(node)),
    }
    interfaces = node.get_interfaces()
    if "Value" in interfaces:
        found["value"] = Atspi.Value.get_current_value(node)
        found["range"] = [
            Atspi.Value.get_minimum_value(node),
            Atspi.Value.get_maximum_value(node),
        ]
    if "Text" in interfaces:
        found["text"] = Atspi.Text.get_text(node, 0, -1)
    return found


def labels(node):
    for relation in node.get_relation_set():
        if relation.get_relation_type() == Atspi.RelationType.LABELLED_BY:
            yield from (relation.get_target(i) for i in range(relation.get_n_targets()))


class Window:
    """Remembers which parts there are: to find all of them takes a second."""

    def __init__(self, application):
        self.application = application
        application.set_cache_mask(Atspi.Cache.NONE)  # what is asked is read anew
        self.known = list(parts(application))

    def answer(self, question):
        match question["ask"]:
            case "all":
                self.known = list(parts(self.application))
                return read([node for node, _ in self.known], described)
            case "role":
                return read(self.of(question["role"]), described)
            case "press":
                return Atspi.Action.do_action(self.the_one(question), 0)
            case "set":
                return Atspi.Value.set_current_value(self.the_one(question), question["value"])

    def of(self, role):
        return [node for node, its in self.known if its == role]

    def the_one(self, question):
        named = read(self.of(question["role"]), lambda node: (node, node.get_name()))
        found = [node for node, name in named if question["name"] in name]
        if len(found) != 1:
            raise SystemExit(f"{len(found)} parts are {question}")
        return found[0]


def main():
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr)
    try:
        window = Window(window_of(process))
        for line in sys.stdin:
            print("answer", json.dumps(window.answer(json.loads(line))), flush=True)
    finally:
        process.terminate()
        process.wait(30)


main()
