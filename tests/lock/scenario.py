"""Reads a scenario, strictly: every scalar is text (a 3.10 stays 3.10), no key stands twice, and no key is there that nobody looks at. What belongs to the
database is left as it was written, line by line."""
import glob, os, re, sys

ROOT = os.environ.get("ROOT", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path[:0] = glob.glob(glob.escape(ROOT) + "/.tools/venv/lib/python3*/site-packages")
import yaml

# recipes/python.yaml is these, exactly as they stand in the scenario.
DATABASE = ("groups", "packages", "conflicts", "differences", "waivers", "build_constraints")
KEYS = {"about", "index", "indexes", "serve", *DATABASE, "layers", "bases", "containers", "project", "settings", "wheels", "alone", "chain", "pip", "steps"}
CHANGES = {"index", "indexes", "serve", *DATABASE, "layers", "bases", "containers", "project", "settings"}
EXPECTATIONS = {"lock", "clash", "problems", "exit", "unchanged", "stdout", "stderr", "not_stderr", "json", "edges", "files", "from", "environments"}
STEP = EXPECTATIONS | {"args", "change", "secret", "faults", "moves"}
RELEASE = {"requires", "requires_python", "yanked", "uploaded", "tags", "sdist", "extras", "files", "padding", "metadata_requires", "metadata_requires_python"}
SERVE = {"format", "auth", "hashes", "sizes", "upload_times", "core_metadata"}
FAULT = {"path", "kind", "times", "status", "exact"}


class Wrong(Exception):
    pass


class Loader(yaml.BaseLoader):
    def construct_mapping(self, node, deep=False):
        keys = [k.value for k, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise Wrong(f"line {node.start_mark.line + 1}: '{key}' stands twice")
        return super().construct_mapping(node, deep)


def parse(text):
    return yaml.load(text, Loader)


def only(what, found, known):
    if not isinstance(found, dict):
        raise Wrong(f"{what} is no table")
    if set(found) - set(known):
        raise Wrong(f"{what}: nobody knows {sorted(set(found) - set(known))}")


def typed(value):
    """What a test's own keys mean; the database's are text and stay text."""
    if isinstance(value, dict):
        return {k: typed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [typed(v) for v in value]
    return {"true": True, "false": False, "~": None}.get(value, int(value) if re.fullmatch(r"\d+", value) else value)


def index_packages(packages):
    """{name: {version: release}}, where a release may be its list of requirements; ~ in a step takes away."""
    made = {}
    for name, versions in packages.items():
        only(f"package {name}", versions, versions) if versions != "~" else None
        made[name] = None if versions == "~" else {v: release(f"{name} {v}", r) for v, r in versions.items()}
    return made


def release(what, value):
    if value == "~":
        return None
    if isinstance(value, list):
        return {"requires": value}
    only(what, value, RELEASE)
    return {k: typed(v) if k in ("yanked", "sdist", "padding") else v for k, v in value.items()}


def sections(text):
    """The lines of every top-level key, as they were written."""
    found = {}
    for key, _ in yaml.compose(text, Loader).value:
        found[key.value] = key.start_mark.line
    lines, starts = text.split("\n"), sorted(found.values()) + [None]
    return {key: re.sub(r"\n(#.*\n|\n)*$", "\n", "\n".join(lines[at:starts[starts.index(at) + 1]]) + "\n") for key, at in found.items()}


def check_step(number, step):
    only(f"step {number}", step, STEP)
    if not EXPECTATIONS & set(step):
        raise Wrong(f"step {number} expects nothing")
    only(f"step {number}, change", step.get("change", {}), CHANGES)
    for fault in step.get("faults", []):
        only(f"step {number}, fault", fault, FAULT)


def read(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    s = parse(text)
    only("scenario", s, KEYS)
    for key in ("about", "index", "packages", "containers", "steps"):
        if not s.get(key):
            raise Wrong(f"'{key}' is missing")
    for number, step in enumerate(s["steps"], 1):
        check_step(number, step)
    for key, known in (("alone", ("drifts", "fails")), ("chain", ("drifts", "fails"))):
        if s.get(key, known[0]) not in known:
            raise Wrong(f"{key}: {s[key]} is none of {known}")
    only("serve", s.get("serve", {}), SERVE)
    s["index"] = index_packages(s["index"])
    s["indexes"] = {name: index_packages(p) for name, p in s.get("indexes", {}).items()}
    s["wheels"] = index_packages(s.get("wheels", {}))
    s["text"] = {k: v for k, v in sections(text).items() if k in DATABASE}
    return s


def merge_packages(index, changed):
    for name, versions in changed.items():
        if versions is None:
            index.pop(name)
            continue
        for version, value in versions.items():
            if value is None:
                index[name].pop(version)
            else:
                index.setdefault(name, {})[version] = value


def apply(s, change):
    """Tables are merged by name, at their first level; ~ takes an entry away; everything else is replaced."""
    for key, value in change.items():
        if key == "index":
            merge_packages(s["index"], index_packages(value))
        elif key == "indexes":
            for name, packages in value.items():
                merge_packages(s["indexes"].setdefault(name, {}), index_packages(packages))
        elif isinstance(value, dict):
            table = s.setdefault(key, {})
            for name, entry in value.items():
                if entry == "~":
                    table.pop(name)
                else:
                    table[name] = entry
        else:
            s[key] = value
        s["text"].pop(key, None)


def place(text, where):
    """The line of "z", "z.range" or "conflicts.0" in the text of recipes/python.yaml: names are those of packages, unless they are a key of the file."""
    node, line = yaml.compose(text, Loader), None
    words = where.split(".")
    if words[0] not in DATABASE:
        words.insert(0, "packages")
    # A version or a name may hold dots itself; keys of the database do not.
    for word in words:
        if isinstance(node, yaml.SequenceNode):
            node = node.value[int(word)]
            line = node.start_mark.line + 1
            continue
        found = [(k, v) for k, v in node.value if k.value == word]
        if not found:
            raise Wrong(f"recipes/python.yaml has no {where}")
        line, node = found[0][0].start_mark.line + 1, found[0][1]
    return f"recipes/python.yaml:{line}"
