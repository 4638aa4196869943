#!/usr/bin/env python3
"""`lock --at DATE` against the real package index that this machine's settings name: what uv itself picks with exclude-newer, whatever is locked already."""
import difflib, os, re, subprocess, sys, tempfile, tomllib

ROOT = os.environ.get("ROOT", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
LOCKSTEP, OWN_UV = os.path.join(ROOT, "build/release/lockstep"), os.path.join(ROOT, ".tools/bin/uv")
UV = os.environ.get("LOCKSTEP_UV") or (OWN_UV if os.path.exists(OWN_UV) else "uv")
WANTED = ["attrs", "flask>=2", "pytest", "requests<3", "rich"]
# As lockstep takes a day: to its end, in UTC.
DAYS = {"2023-06-30": "2023-07-01T00:00:00Z", "2024-03-15": "2024-03-16T00:00:00Z"}


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def make_project(root):
    write(root + "/recipes/project.yaml", "name: then\nrepository: then\nfirst_release: v0.1\nvenv: /opt/venv\ntags: [Jenkinsfile]\nindexes:\n  - alias: default\n")
    write(root + "/Jenkinsfile", "ci_a = 'then/ci-a:v0.0'\nci_b = 'then/ci-b:v0.0'\n")
    entries = [re.fullmatch(r"([a-z]+)(.*)", w).groups() for w in WANTED]
    write(root + "/recipes/python.yaml", "groups:\n  core: {description: what is asked for}\npackages:\n" +
          "".join(f"  {name}: {{groups: [core]{f', range: {chr(34)}{r}{chr(34)}, why: for this test' if r else ''}}}\n" for name, r in entries))
    write(root + "/recipes/bases/debian.yaml", "from:\n  mmdebstrap: {suite: bookworm, variant: minbase, components: [main], include: [python3, python3-venv]}\n"
          "python: /usr/bin/python3\nenvironment: {python: \"3.11\", machine: x86_64, libc_version: \"2.36\"}\n")
    for name in ("ci-a", "ci-b"):
        write(f"{root}/containers/{name}/container.yaml", "base: debian\npython: {groups: [core]}\n")


def lock(root, *arguments):
    done = subprocess.run([LOCKSTEP, "lock", "-C", root, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if "cannot reach index" in done.stderr:
        print(done.stderr[-400:] + "\nno package index can be reached from here")
        sys.exit(77)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(root + "/.lockstep/lock.toml", "rb") as f:
        text = f.read()
    return text, {p["name"]: p["version"] for p in tomllib.loads(text.decode())["package"]}


def by_uv(root, until):
    write(root + "/wanted.in", "".join(w + "\n" for w in WANTED))
    done = subprocess.run([UV, "pip", "compile", root + "/wanted.in", "--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_36", "--exclude-newer", until,
                           "--no-header", "--no-annotate", "--no-build", "-q"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(line.split("==") for line in done.stdout.splitlines() if "==" in line)


def main():
    with tempfile.TemporaryDirectory(prefix="lockstep-at-") as root:
        os.environ.update({"LOCKSTEP_CACHE": root + "/.cache-of-test", "LOCKSTEP_UV": UV, "LOCKSTEP_SYSTEM_PACKAGES": "unlocked"})
        make_project(root)
        first = {}
        for day, until in DAYS.items():
            first[day], pins = lock(root, "--at", day, "--upgrade")
            assert pins == by_uv(root, until), (day, pins, by_uv(root, until))
            assert f"cut-off = {until}" in first[day].decode(), first[day].decode()[:300]
            print(f"--at {day}: {len(pins)} packages, as uv with exclude-newer {until}: {' '.join(f'{n}-{v}' for n, v in sorted(pins.items()))}")
        # Over another lock: of the newest there is, and of an older day.
        _, newest = lock(root, "--upgrade")
        for day in reversed(DAYS):
            moved = sum(newest.get(n) != v for n, v in lock(root, "--at", day)[1].items())
            again, _ = lock(root, "--at", day)
            assert moved and again == first[day], "\n".join(difflib.unified_diff(first[day].decode().split("\n"), again.decode().split("\n"), lineterm="", n=3))
            print(f"--at {day} over another lock: the same bytes, {moved} packages other than the newest")
        again, _ = lock(root, "--at", max(DAYS), "--upgrade")
        assert again == first[max(DAYS)]
        print(f"--at {max(DAYS)} --upgrade over an older one: the same bytes")


main()
