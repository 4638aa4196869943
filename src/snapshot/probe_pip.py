"""Runs inside an image, with the virtual environment's Python: pip's own runner, for one command after the other in one process, which reads all of pip once only.

argv: the runner, a descriptor for what inspect says, the options of pip. What freeze says goes to stdout. Ends with 0 when both went well.
"""
import sys

runner, second, options = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
if not getattr(sys.flags, "safe_path", False):
    # As when Python is started with the runner itself; first of all, as modules are looked for there.
    sys.path[0] = runner.rpartition("/")[0]

import copy
import email
import gc
import json
import os
import runpy

gc.disable()
path, finders = list(sys.path), list(sys.meta_path)
parse, parsed = email.message_from_string, {}


def message_from_string(text, *args, **named):
    # pip has the same METADATA parsed several times.
    if args or named:
        return parse(text, *args, **named)
    if text not in parsed:
        parsed[text] = parse(text)
    return copy.copy(parsed[text])


def pip(*words):
    sys.argv, sys.path[:], sys.meta_path[:] = [runner] + options + list(words), path, finders
    try:
        runpy.run_path(runner, run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
    sys.stdout.flush()


def print_json(json_text=None, *, data=None, **ignored):
    # Without the colours that nobody sees, which take longer than all the rest.
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


email.message_from_string = message_from_string
pip("freeze", "--all", "--local")
os.dup2(second, 1)
sys.modules["pip._vendor.rich"].print_json = print_json
pip("inspect", "--local")
os._exit(0)
