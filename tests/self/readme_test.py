#!/usr/bin/env python3
"""README.md lists exactly the commands that the program has, with the same words (`readme_test.py -u` rewrites the list), and all of its own sections."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MARKED = re.compile(r"(<!-- commands:[^\n]*-->\n)(.*?)(<!-- end of commands -->)", re.S)

overview = subprocess.run([os.path.join(ROOT, "build/release/lockstep"), "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
rows, section = [], ""
for line in overview.split("\n"):
    if line.startswith("for "):
        section = line[4:]
    match = re.match(r"  ([a-z-]+) +(\S.*)", line)
    if match and section != "every command":
        rows.append(f"| {section} | `{match.group(1)}` | {match.group(2)} |\n")
wanted = "| for | command | what it does |\n|---|---|---|\n" + "".join(rows)
path = os.path.join(ROOT, "README.md")
with open(path, encoding="utf-8") as file:
    text = file.read()
seen = MARKED.search(text)
if "-u" in sys.argv:
    with open(path, "w", encoding="utf-8") as file:
        file.write(MARKED.sub(lambda m: m.group(1) + wanted + m.group(3), text))
elif not seen or seen.group(2) != wanted or not rows:
    print("README.md's list of commands is not what lockstep --help prints; run tests/self/readme_test.py -u")
    print(wanted)
    sys.exit(1)

sections = [(title, re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")) for title in re.findall(r"^## (.*)$", text, re.M)]
listed = re.findall(r"\[([^]]*)\]\(#([^)]*)\)", text.split("\n## ")[0])
if listed != sections:
    print(f"README.md lists its sections as {listed}, but they are {sections}")
    sys.exit(1)
