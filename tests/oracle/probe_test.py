#!/usr/bin/env python3
"""The script that asks images (src/snapshot/probe.py) on virtual environments made here, with every Python there is from 3.6 on; and wheel_record_digest() beside
it: what lockstep reads in a wheel must be what the probe reads of the package that pip installed from it."""
import base64, csv, glob, hashlib, importlib.util, io, json, os, re, shutil, subprocess, sys

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import cases, index as fake

PROBE = os.path.join(ROOT, "src/snapshot/probe.py")
with open(os.path.join(ROOT, "src/snapshot/probe_pip.py"), encoding="utf-8") as script:
    PROBE_PIP = script.read()
WORK = os.getcwd()
spec = importlib.util.spec_from_file_location("probe", PROBE)
probe = importlib.util.module_from_spec(spec)
spec.loader.exec_module(probe)


def find_pip():
    """A Python whose pip looks into other environments (22.3 and later)."""
    for program in (os.path.join(ROOT, ".tools/venv/bin/python"), "/usr/bin/python3"):
        done = subprocess.run([program, "-m", "pip", "--version"], capture_output=True, text=True) if os.path.exists(program) else None
        version = re.match(r"pip (\d+)\.(\d+)", done.stdout) if done else None
        if version and (int(version.group(1)), int(version.group(2))) >= (22, 3):
            return program
    print("there is no pip 22.3 or newer; tools/setup test installs one")
    sys.exit(77)


PIP = find_pip()


def hash_of(content):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def record_of(members, info, ending="\n", hashes=None):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=ending)
    for path, content in members:
        writer.writerow([path, (hashes or hash_of)(content), len(content)])
    writer.writerow([info + "/RECORD", "", ""])
    return out.getvalue().encode()


def write_wheel(name, files, record=None, version="1.0", extra=(), scripts="", **options):
    """A wheel with `files` {path: content}; `record` replaces RECORD, or changes it when it is a function."""
    info = f"{name}-{version}.dist-info"
    members = [(path, content if isinstance(content, bytes) else content.encode()) for path, content in files.items()]
    members += [(info + "/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()),
                (info + "/WHEEL", b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"), *extra]
    if scripts:
        members.append((info + "/entry_points.txt", scripts.encode()))
    text = record_of(members, info, **options)
    if record is not None:
        text = record(text) if callable(record) else record
    path = f"{WORK}/wheels/{name}-{version}-py3-none-any.whl"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(fake.zip_bytes(members + ([(info + "/RECORD", text)] if text is not False else [])))
    return path


def digests(*paths):
    done = subprocess.run([os.path.join(ROOT, "build", os.environ.get("LOCKSTEP_ORACLE_BUILD", "debug"), "tests/oracle/record_digest"), *paths], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done
    return done.stdout.splitlines()


class Venv:
    count = 0

    def __init__(self, python=None):
        Venv.count += 1
        self.folder = f"{WORK}/venv {Venv.count}"
        subprocess.run([python or "/usr/bin/python3", "-m", "venv", "--without-pip", self.folder], check=True, stdout=subprocess.DEVNULL)
        self.site = glob.glob(glob.escape(self.folder) + "/lib/python3*/site-packages")[0]

    def install(self, *wheels):
        done = subprocess.run([PIP, "-m", "pip", "--python", self.folder + "/bin/python", "install", "--isolated", "--no-index", "--no-deps", "--no-cache-dir",
                               "--disable-pip-version-check", "--root-user-action=ignore", *wheels], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return self

    def ask(self, tools=(), verify=None, python=None, **env):
        request = {"snapshot": {"python": PIP, "venv": self.folder, "tools": list(tools)}}
        if verify is not None:
            request["verify"] = verify
        return ask(request, python, **env)

    def packages(self):
        answer = self.ask()
        assert "error" not in answer, answer
        return {p["name"]: p for p in answer["snapshot"]["packages"]}

    def strays(self):
        return [s["path"] for s in self.ask()["snapshot"]["strays"] if s["path"].startswith(os.path.realpath(self.folder)) or s["path"].startswith(self.folder)]

    def path(self, name):
        return os.path.join(self.site, name)

    def write(self, name, content, mode="w"):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), mode) as f:
            f.write(content)


def ask(request, python=None, together=True, **env):
    done = subprocess.run([python or sys.executable, "-I", "-c", open(PROBE, encoding="utf-8").read(), *([PROBE_PIP] if together else [])], input=json.dumps(request, ensure_ascii=False).encode(),
                          capture_output=True, env={"PATH": "/usr/bin:/bin", **env}, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.decode("ascii"))


ODD_FILES = {"odd/__init__.py": "x = 1\n", "odd/d\u00e4ta.txt": "a\n", "odd/comma, and \"quote\".txt": "b\n", "odd/\u65e5\u672c.py": "y = 2\n", "odd/empty.txt": ""}
WHEELS = {
    "plain": dict(files={"plain/__init__.py": "x = 1\n", "plain/sub/m.py": "y = 1\n"}),
    "odd": dict(files=ODD_FILES),
    "crlf": dict(files={"crlf/__init__.py": ""}, ending="\r\n"),
    "noend": dict(files={"noend.py": "x = 1\n"}, record=lambda text: text.rstrip(b"\n")),
    "data": dict(files={"data-1.0.data/purelib/data_pure.py": "x = 1\n", "data-1.0.data/platlib/data_plat/__init__.py": "y = 1\n",
                        "data-1.0.data/scripts/data-script": "#!python\nprint(1)\n", "data-1.0.data/data/share/data.txt": "z\n",
                        "data-1.0.data/headers/data.h": "int x;\n", "data_main.py": "w = 1\n"}),
    "entry": dict(files={"entry.py": "def main(): pass\n"}, scripts="[console_scripts]\nentry-script = entry:main\n"),
    "bytecode": dict(files={"bytecode/__init__.py": "x = 1\n", "bytecode/old.pyc": b"\0\1\2"}),
    "licenses": dict(files={"licenses.py": ""}, extra=[("licenses-1.0.dist-info/licenses/LICENSE", b"free\n"), ("licenses-1.0.dist-info/RECORD.jws", b"{}")]),
    "otherhash": dict(files={"otherhash.py": "x = 1\n"}, hashes=lambda content: "sha512=" + base64.urlsafe_b64encode(hashlib.sha512(content).digest()).rstrip(b"=").decode()),
    "nohash": dict(files={"nohash.py": "x = 1\n"}, hashes=lambda content: ""),
    "quotes": dict(files={"quotes/a\"b.py": "x = 1\n"}, record=lambda text: text.replace(b'"quotes/a""b.py"', b'quotes/a"b.py')),
}


def case_wheels_beside_pip():
    paths = [write_wheel(name, **options) for name, options in WHEELS.items()]
    venv = Venv().install(*paths)
    seen = venv.packages()
    for name, digest in zip(WHEELS, digests(*paths)):
        assert seen[name]["record_sha256"] == digest, (name, digest, seen[name])
        assert seen[name]["altered"] is None and seen[name]["installer"] == "pip" and seen[name]["direct_url"], (name, seen[name])
    assert venv.strays() == [], venv.strays()


def case_wheels_of_the_fake_index():
    """Those that other tests install."""
    for tag in ("py3-none-any",):
        name, content = fake.wheel("Some.Package", "2.0", {"requires": ["x"], "files": {"some_package/\u00e9.txt": "e"}}, tag)
        with open(name, "wb") as f:
            f.write(content)
        seen = Venv().install(WORK + "/" + name).packages()
        assert seen["Some.Package"]["record_sha256"] == digests(name)[0], seen


def case_hostile_records():
    """None crashes or hangs; each has an answer."""
    big = b"".join(b"f%d.py,sha256=%s,1\n" % (n, b"A" * 43) for n in range(100000))
    records = {
        "empty": b"", "newlines": b"\n\r\n\r\r\n", "nul": b"a\0b.py,sha256=x,1\n", "latin1": b"\xe4.py,sha256=x,1\n", "open": b'"never closed,sha256=x\nb.py,sha256=y,1\n',
        "up": b"../../../../etc/passwd,sha256=x,1\n", "root": b"/etc/passwd,sha256=x,1\n", "commas": b"," * 100000 + b"\n", "quotes": b'"' * 100001, "big": big,
        "same": b"a.py,sha256=x,1\n" * 1000, "one": b"a.py", "spaces": b" a.py , sha256=x , 1\n",
    }
    paths = []
    for name, text in records.items():
        paths.append(write_wheel(f"hostile_{name}", {"a.py": ""}, record=text))
    for (name, text), digest in zip(records.items(), digests(*paths)):
        assert re.fullmatch("[0-9a-f]{64}", digest), (name, digest)
        info = f"{WORK}/hostile/{name}/x-1.0.dist-info"
        os.makedirs(info)
        with open(info + "/RECORD", "wb") as f:
            f.write(text)
        record, altered = probe.inspect_record(info, "x", {}, [], False)
        if name in ("nul", "quotes", "commas"):
            continue  # the csv module of one Python refuses what another takes
        assert record == digest, (name, record, digest, altered)
        assert altered or name in ("empty", "newlines", "one", "spaces", "open"), (name, altered)
    no_record = write_wheel("norecord", {"a.py": ""}, record=False)
    nested = write_wheel("nested", {"a.py": "", "deep/nested-1.0.dist-info/RECORD": "a.py,sha256=x,1\n"}, record=False)
    with open("text.whl", "w") as f:
        f.write("no zip at all")
    for path, text in ((no_record, "has no RECORD"), (nested, "has no RECORD"), ("text.whl", ""), ("none.whl", "")):
        answer = digests(path)[0]
        assert answer.startswith("error ") and text in answer, (path, answer)


def case_hashed_before():
    """Files that were hashed for a release are only looked for; all others are hashed."""
    info = f"{WORK}/before/x-1.0.dist-info"
    os.makedirs(info)
    with open(f"{WORK}/before/a.py", "w") as f:
        f.write("altered\n")
    with open(info + "/RECORD", "w") as f:
        f.write("a.py,sha256=x,1\n")
    assert probe.inspect_record(info, "x", {}, [], False)[1] == "a.py"
    assert probe.inspect_record(info, "x", {}, [], True)[1] is None
    with open(info + "/RECORD", "a") as f:
        f.write("gone.py,sha256=x,1\n")
    assert probe.inspect_record(info, "x", {}, [], True)[1] == "gone.py (missing)"


def case_random_records():
    """The same digest as Python's csv module gives, over generated RECORDs."""
    import random
    chance, pieces = random.Random(7), ['a', 'b/', '"', '""', ',', '\n', '\r\n', '\r', 'sha256=', 'x.dist-info/', 'RECORD', 'INSTALLER', '.pyc', '../', '\u00e9', ' ', 'direct_url.json']
    paths, expected = [], []
    for n in range(300):
        text = "".join(chance.choice(pieces) for _ in range(chance.randrange(40))).encode()
        # Of .data it is pip that knows where it goes; the probe reads what pip wrote.
        paths.append(write_wheel(f"random_{n}", {}, record=text))
        info = f"{WORK}/random/{n}/x-1.0.dist-info"
        os.makedirs(info)
        with open(info + "/RECORD", "wb") as f:
            f.write(text)
        expected.append((text, probe.inspect_record(info, "x", {}, [], False)[0]))
    for (text, wanted), seen in zip(expected, digests(*paths)):
        assert wanted == seen, (text, wanted, seen)


def case_tampered_packages():
    venv = Venv().install(*[write_wheel(n, **WHEELS[n]) for n in ("plain", "odd", "entry", "data")])
    before = venv.packages()
    venv.write("plain/__init__.py", "import os\n")
    os.unlink(venv.path("odd/d\u00e4ta.txt"))
    with open(venv.folder + "/bin/entry-script", "a") as f:
        f.write("# more\n")
    os.unlink(venv.path("data_main.py"))
    os.mkdir(venv.path("data_main.py"))
    seen = venv.packages()
    assert seen["plain"]["altered"] == "plain/__init__.py" and seen["odd"]["altered"] == "odd/d\u00e4ta.txt (missing)", seen
    assert seen["entry"]["altered"].endswith("bin/entry-script") and seen["data"]["altered"] == "data_main.py (missing)", seen
    assert all(seen[n]["record_sha256"] == before[n]["record_sha256"] for n in seen)
    # A pipe in place of a file is not waited for.
    os.unlink(venv.path("plain/__init__.py"))
    os.mkfifo(venv.path("plain/__init__.py"))
    assert venv.packages()["plain"]["altered"] == "plain/__init__.py (missing)"
    # A RECORD that was made to agree has another digest.
    os.unlink(venv.path("plain/__init__.py"))
    venv.write("plain/__init__.py", "import os\n")
    with open(venv.path("plain-1.0.dist-info/RECORD")) as f:
        text = f.read()
    venv.write("plain-1.0.dist-info/RECORD", re.sub("(plain/__init__.py,)[^,]*", lambda m: m.group(1) + hash_of(b"import os\n"), text))
    seen = venv.packages()["plain"]
    assert seen["altered"] is None and seen["record_sha256"] != before["plain"]["record_sha256"], seen


def case_files_of_no_package():
    venv = Venv().install(write_wheel("plain", **WHEELS["plain"]))
    subprocess.run([venv.folder + "/bin/python", "-c", "import plain.sub.m"], check=True)
    assert venv.strays() == [], venv.strays()
    for name in ("plain/more.py", "start.pth", "sitecustomize.py", "whole/__init__.py", "whole/a/b.py", "plain/__pycache__/ghost.cpython-311.pyc", "plain/legacy.pyc", "space name.txt"):
        venv.write(name, "import os\n")
    os.symlink("/etc", venv.path("link"))
    with open(os.fsencode(venv.path("latin-")) + b"\xe4.py", "w"):
        pass
    top = os.path.realpath(venv.site)
    assert venv.strays() == sorted(f"{top}/{n}" for n in ("plain/more.py", "start.pth", "sitecustomize.py", "whole", "plain/__pycache__/ghost.cpython-311.pyc", "plain/legacy.pyc",
                                                          "space name.txt", "link", "latin-\\xe4.py")), venv.strays()
    with open(venv.folder + "/pyvenv.cfg", "a") as f:
        f.write("Include-System-Site-Packages=TRUE\n")
    assert venv.folder + "/pyvenv.cfg" in venv.strays()


def case_files_of_two_packages():
    """What two packages say is theirs; with which hash; bytecode is nobody's concern."""
    venv = Venv().install(write_wheel("one", {"pkg/__init__.py": "", "pkg/a.py": "1", "one.py": ""}, scripts="[console_scripts]\ntool = one:main\n"))
    assert venv.ask()["snapshot"]["shadows"] == []
    venv.install(write_wheel("Two", {"pkg/__init__.py": "", "pkg/a.py": "2", "two.py": ""}, scripts="[console_scripts]\ntool = two:main\n"))
    shadows = {s["path"]: (s["first"], s["second"], s["same"]) for s in venv.ask()["snapshot"]["shadows"]}
    names = shadows["pkg/a.py"][:2]
    assert sorted(names) == ["Two", "one"], shadows
    assert shadows == {"pkg/__init__.py": (*names, True), "pkg/a.py": (*names, False), "../../../bin/tool": (*names, False)}, shadows


def case_libraries_of_cuda():
    folder = WORK + "/libraries"
    os.makedirs(folder)
    for name in ("libcudart.so.13", "libnvrtc.so", "libnccl.so.2", "libother.so.6", "libcudart.a", "note"):
        open(f"{folder}/{name}", "w").close()
    seen = Venv().ask(LD_LIBRARY_PATH=folder + "::/nowhere")["snapshot"]["libraries"]
    assert {"libcudart.so.13", "libnvrtc.so", "libnccl.so.2"} <= set(seen) and seen == sorted(set(seen)), seen
    assert not {"libother.so.6", "libcudart.a", "note"} & set(seen), seen


def case_packages_without_record():
    venv = Venv().install(write_wheel("plain", **WHEELS["plain"]), write_wheel("odd", **WHEELS["odd"]))
    os.unlink(venv.path("plain-1.0.dist-info/RECORD"))
    os.unlink(venv.path("odd-1.0.dist-info/INSTALLER"))
    venv.write("old-1.0.egg-info/PKG-INFO", "Metadata-Version: 1.0\nName: old\nVersion: 1.0\n")
    venv.write("single-2.0.egg-info", "Metadata-Version: 1.0\nName: single\nVersion: 2.0\n")
    seen = venv.packages()
    assert seen["plain"]["record_sha256"] is None and seen["plain"]["altered"] is None and seen["odd"]["installer"] is None, seen
    assert seen["old"]["version"] == "1.0" and seen["old"]["record_sha256"] is None and seen["single"]["version"] == "2.0", seen
    venv.write("odd-1.0.dist-info/RECORD", b"\"\xff,", "wb")
    assert venv.ask()["snapshot"]["packages"]


def case_packages_that_pip_hides():
    venv = Venv().install(write_wheel("plain", **WHEELS["plain"]))
    shutil.copytree(venv.path("plain-1.0.dist-info"), venv.path("plain-0.9.dist-info"))
    venv.write("plain-0.9.dist-info/METADATA", "Metadata-Version: 2.1\nName: Plain\nVersion: 0.9\n")
    versions = [p["version"] for p in venv.ask()["snapshot"]["packages"] if p["name"].lower() == "plain"]
    assert sorted(versions) == ["0.9", "1.0"], versions


def case_origins():
    venv = Venv().install(write_wheel("plain", **WHEELS["plain"]), write_wheel("odd", **WHEELS["odd"]))
    venv.write("plain-1.0.dist-info/direct_url.json", json.dumps({"url": "https://example.org/plain.whl", "archive_info": {}}))
    venv.write("odd-1.0.dist-info/direct_url.json", json.dumps({"url": "file:///src", "dir_info": {"editable": True}}))
    seen = venv.packages()
    assert (seen["plain"]["direct_url"], seen["plain"]["editable"]) == ("https://example.org/plain.whl", False)
    assert (seen["odd"]["direct_url"], seen["odd"]["editable"]) == ("file:///src", True)


def case_one_pip_for_both():
    """What pip says is the same when it is started once for both questions, and it is asked again when that does not go well."""
    venv = Venv().install(*[write_wheel(name, **WHEELS[name]) for name in ("plain", "odd", "entry", "data")])
    venv.write("odd-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: odd\nVersion: 1.0\nSummary: \u65e5\u2028\u0085 [red] \x07\n\n\td\u00e4ta\u00a0\n")
    venv.write("plain-1.0.dist-info/direct_url.json", json.dumps({"url": "file:///src", "dir_info": {"editable": True}}))
    venv.write("entry-1.0.dist-info/direct_url.json", json.dumps({"url": "https://example.org/x", "vcs_info": {"vcs": "git", "commit_id": "f" * 40}}))
    request = {"snapshot": {"python": PIP, "venv": venv.folder, "tools": []}}
    apart = ask(request, PIP, together=False)
    assert ask(request, PIP) == apart and len(apart["snapshot"]["freeze"]) == 5, apart["snapshot"]["freeze"]
    begun = subprocess.run([PIP, "-c", PROBE_PIP, "/no/runner", "1"], capture_output=True)
    assert begun.returncode, begun
    starts = []

    def fails(*given, **options):
        starts.append(1)
        return subprocess.Popen(["false"]), ()
    probe.begin_both, kept = fails, probe.begin_both
    try:
        assert probe.snapshot(request["snapshot"]) == apart["snapshot"] and starts
    finally:
        probe.begin_both = kept
    # A package without METADATA is no reason for another answer either.
    os.unlink(venv.path("data-1.0.dist-info/METADATA"))
    assert ask(request, PIP) == ask(request, PIP, together=False)


def case_targets():
    """What a RECORD may name, found as normpath and join find it."""
    import itertools
    pieces = ["", ".", "..", "a", "b c", "...", "\u00e9", "\n", "\udcff", "x\0y"]
    for site in ("/", "/site", "/a/b/site-packages"):
        find = probe.target_finder(site)
        for words in itertools.chain.from_iterable(itertools.product(pieces, repeat=n) for n in (1, 2, 3)):
            assert find("/".join(words)) == os.path.normpath(os.path.join(site, "/".join(words))), (site, words)


def case_old_pip():
    """Debian 11's pip can neither look into another environment nor tell what is there as JSON; what is told is the same."""
    venv = Venv().install(write_wheel("plain", **WHEELS["plain"]), write_wheel("odd", **WHEELS["odd"]), write_wheel("data", **WHEELS["data"]))
    venv.write("plain-1.0.dist-info/direct_url.json", json.dumps({"url": "https://example.org/plain.whl", "archive_info": {}}))
    request = {"python": PIP, "venv": venv.folder, "tools": []}
    place = subprocess.run([PIP, "-c", "import os, pip; print(os.path.dirname(os.path.dirname(pip.__file__)))"], capture_output=True, text=True, check=True).stdout.strip()
    modern = probe.snapshot(request)
    probe.old_pip, kept = lambda: place, probe.old_pip
    try:
        old = probe.snapshot(request)
    finally:
        probe.old_pip = kept
    by_name = lambda answer: sorted(answer["packages"], key=lambda p: p["name"])
    assert [p["name"] for p in by_name(old)] == ["data", "odd", "plain"] and by_name(old) == by_name(modern), (old, modern)
    assert old["strays"] == modern["strays"] and old["freeze"] == modern["freeze"], (old, modern)
    assert set(old["markers"]) == set(modern["markers"]), (old["markers"], modern["markers"])


def case_every_python():
    """The probe runs with the base's Python, whichever that is."""
    tried = []
    for minor in range(6, 15):
        python = shutil.which(f"python3.{minor}", path=os.environ.get("LOCKSTEP_TEST_PYTHONS", "") + ":" + os.environ["PATH"])
        if not python or subprocess.run([python, "--version"], capture_output=True).returncode:
            continue
        tried.append(minor)
        answer = ask({"snapshot": {"python": python, "venv": None, "tools": [{"name": "v", "commands": [["echo", "release 4.5.6-x"]]}]},
                      "verify": [{"name": "\u00e4", "files": {"a.txt": "d\u00e4ta\n"}, "commands": [["grep", "-q", "d\u00e4ta", "a.txt"]]}]}, python, LC_ALL="C")
        assert answer["snapshot"]["tools"]["v"] == "4.5.6" and answer["snapshot"]["packages"] == [], answer
        assert [r["status"] for r in answer["verify"]] == [0] and answer["verify"][0]["name"] == "\u00e4", answer
    assert tried
    print("with Python 3." + ", 3.".join(map(str, tried)))


def case_verify_commands():
    answer = ask({"verify": [
        {"name": "ok", "files": {}, "commands": [["true"], ["sh", "-c", "echo fine"]]},
        {"name": "fails", "files": {"x": "1"}, "commands": [["cat", "x"], ["sh", "-c", "echo out; echo err >&2; exit 7"], ["touch", "never"]]},
        {"name": "missing", "files": {}, "commands": [["no-such-program"]]},
        {"name": "no program", "files": {"x": "1"}, "commands": [["./x"]]},
        {"name": "signal", "files": {}, "commands": [["sh", "-c", "kill -9 $$"]]},
        {"name": "bytes", "files": {}, "commands": [["sh", "-c", "printf '\\377\\000'; exit 1"]]},
        {"name": "long", "files": {}, "commands": [["sh", "-c", "seq 100000; exit 1"]]},
        # What is left running neither holds the probe up nor lives on.
        {"name": "daemon", "files": {}, "commands": [["sh", "-c", "sleep 93.75 & echo started"]]},
    ]})["verify"]
    got = {r["name"]: r for r in answer}
    assert [got[n]["status"] for n in ("ok", "fails", "missing", "no program", "signal", "bytes", "long", "daemon")] == [0, 7, 127, 126, -9, 1, 1, 0], got
    assert got["fails"]["output"] == "out\nerr\n" and got["fails"]["command"][0] == "sh" and got["missing"]["output"] == "no-such-program: not found", got
    assert got["long"]["output"].endswith("100000\n") and len(got["long"]["output"]) == 4000
    assert not subprocess.run(["pgrep", "-f", "^sleep 93.75"], capture_output=True).stdout


def case_what_goes_wrong():
    answer = Venv().ask(tools=[{"name": "t", "commands": [["sh", "-c", "echo broken; exit 4"]]}])
    assert answer["error"] == "snapshot command of 't' failed with 4: broken", answer
    answer = ask({"snapshot": {"python": PIP, "venv": WORK + "/no-venv", "tools": []}})
    assert "pip inspect" in answer["error"] or "no-venv" in answer["error"], answer
    answer = ask({"snapshot": {"python": "/no/python", "venv": WORK, "tools": []}})
    assert WORK + "/bin/python" in answer["error"] or "/no/python" in answer["error"], answer


cases.run(globals())
