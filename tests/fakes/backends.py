"""A build backend (PEP 517) for sdists of the fake index: the package `tinybuild`, and sdists that are built by it.

What a project's build does is told by files of its own: `requires.txt` (further build requirements, one a line), `evil.py` (run before the wheel is made; what it
calls `file` is said to be what was made),
`wheel.json` ({"name", "version", "tag", "requires", "metadata_name", "metadata_version"} instead of what PKG-INFO says). `module.py` is what is packed.
"""

TINYBUILD = r'''
import base64, hashlib, json, os, re, sys, zipfile


def read(name):
    try:
        with open(name, encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def get_requires_for_build_wheel(config_settings=None):
    return read("requires.txt").split("\n")[:-1]


def build_wheel(folder, config_settings=None, metadata_directory=None):
    info = read("PKG-INFO")
    said = json.loads(read("wheel.json") or "{}")
    name = said.get("name") or re.search("^Name: (.*)$", info, re.M).group(1)
    version = said.get("version") or re.search("^Version: (.*)$", info, re.M).group(1)
    requires = said.get("requires", re.findall("^Requires-Dist: (.*)$", info, re.M))
    tag = said.get("tag", "py3-none-any")
    print("tinybuild builds", name, version)
    sys.stdout.flush()
    module = re.sub("[-_.]+", "_", name)
    space = {"module": module, "members": {}}
    space["folder"] = folder
    exec(compile(read("evil.py"), "evil.py", "exec"), space)
    if "file" in space:
        return space["file"]
    members = {module + "/__init__.py": read("module.py").encode(), **space["members"]}
    top = "%s-%s.dist-info/" % (module, version)
    meta = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (said.get("metadata_name", name), said.get("metadata_version", version))
    members[top + "METADATA"] = (meta + "".join("Requires-Dist: %s\n" % r for r in requires)).encode()
    members[top + "WHEEL"] = ("Wheel-Version: 1.0\nGenerator: tinybuild\nRoot-Is-Purelib: %s\nTag: %s\n" % (str(tag.endswith("any")).lower(), tag)).encode()
    record = "".join("%s,sha256=%s,%d\n" % (p, base64.urlsafe_b64encode(hashlib.sha256(c).digest()).rstrip(b"=").decode(), len(c)) for p, c in members.items())
    members[top + "RECORD"] = (record + top + "RECORD,,\n").encode()
    file = "%s-%s-%s.whl" % (module, version, tag)
    with zipfile.ZipFile(os.path.join(folder, file), "w") as z:
        for path, content in members.items():
            z.writestr(path, content)
    return file
'''

# In an index: {"tinybuild": {"1.0": BACKEND}}.
BACKEND = {"files": {"tinybuild/api.py": TINYBUILD}}
PYPROJECT = "[build-system]\nrequires = ['tinybuild']\nbuild-backend = 'tinybuild.api'\n"


def sdist_only(requires=(), files=None, **more):
    """A release that has no wheel; its sdist is built by tinybuild."""
    return {"tags": [], "requires": list(requires), "sdist": {"pyproject": PYPROJECT, "files": {"module.py": "WORD = 'built'\n", **(files or {})}, **more}}
