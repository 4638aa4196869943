"""Generators of pylock.toml documents, valid and broken in every rule, as Python values and as TOML."""

import python_cases as make

NAMES = ["x", "numpy", "a-b", "d0", "zope-interface", "x-y-z"]
ODD_NAMES = ["X", "a_b", "a--b", "-a", "a-", "a.b", "", "ä", "a b"]
FORMS = {"a-b": ["a_b", "A.B", "a-b"], "zope-interface": ["zope.interface", "Zope_Interface"]}
VERSIONS = ["1.0", "1.0.0", "2.0a1", "1!1.0", "1.0+local.1", "1.0.post1", "v1.0", "01.0", "1.0-1"]
TAGS = ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-linux_x86_64", "cp311-abi3-manylinux2014_x86_64", "cp39-abi3-manylinux2014_x86_64", "py3-none-manylinux_2_5_x86_64", "cp311-none-any",
        "py3-none-any", "py2-none-any"]
WHEEL_TAGS = TAGS + ["py2.py3-none-any", "cp310-cp310-win_amd64", "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", "PY3-none-any", "cp313-cp313t-macosx_11_0_arm64", "py3.cp311-none.abi3-any"]
EXTRAS = ["a", "b", "Te_St", "te-st", "docs"]


class Verbatim(str):
    """TOML as it is."""


def key(text):
    return text if text and all(c.isascii() and (c.isalnum() or c in "-_") for c in text) else string(text)


def string(text):
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text) + '"'


def toml(v):
    if isinstance(v, Verbatim):
        return str(v)
    if isinstance(v, str):
        return string(v)
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, dict):
        return "{" + ", ".join(f"{key(k)} = {toml(x)}" for k, x in v.items()) + "}"
    if isinstance(v, list):
        return "[" + ", ".join(map(toml, v)) + "]"
    return repr(v)


def odd(r):
    return r.choice([True, False, 0, -1, 1.5, "", "x", "1.0", [], ["x"], {}, {"x": "y"}, [{}], [{"kind": "x"}], Verbatim("1979-05-27"), Verbatim("07:32:00"), Verbatim("1979-05-27T07:32:00Z"),
                     "a\0b", Verbatim("inf"), [1], [["x"]], [{"name": "x"}, 1]])


def shuffled(r, d):
    items = list(d.items())
    r.shuffle(items)
    return dict(items)


def bend(r, d, chance):
    """Drops a key, gives one another kind of value, or adds one, now and then."""
    if r.random() < chance and d:
        kind, k = r.random(), r.choice(list(d))
        if kind < .3:
            del d[k]
        elif kind < .8:
            d[k] = odd(r)
        else:
            d[r.choice(["unknown", "url", "path", "name", "editable", "size", "hashes", "Name", "x y"])] = odd(r)
    return shuffled(r, d) if r.random() < .3 else d


def time(r):
    date, clock = r.choice(["2025-01-31", "1979-05-27", "0001-01-01"]), r.choice(["07:32:00", "23:59:59.999999", "00:00:00.5", "12:00:00.1234567"])
    return Verbatim(r.choice([date + "T" + clock + r.choice(["", "Z", "z", "+02:00", "-11:30"]), date + " " + clock + "Z", date + "t" + clock]) if r.random() < .95 else r.choice([date, clock]))


def hashes(r):
    return {r.choice(["sha256", "sha512", "md5", "blake2b", "x y", "é"]): r.choice(["a" * 64, "", "0", "ZZ"]) for _ in range(r.choice([1, 1, 1, 2, 3]))} if r.random() < .98 else {}


def form(r, name):
    return r.choice(FORMS.get(name, [name]))


def place(r, d, file):
    """Puts the file's name where it may be."""
    kind = r.random()
    quoted = file.replace("+", r.choice(["+", "%2B", "%2b"]))
    if kind < .3:
        d["name"] = file
    if kind < .6:
        d["url"] = r.choice(["https://h/p/", "file:///p/", "", "https://u:p@h/", "https://[::1/", "x:", "https://h/;p/", "h;x/"]) + quoted + r.choice(["", "", "?q=/x", "#sha256=0/1", ";v=1", ";a/b"])
    if kind >= .55 or (kind < .3 and r.random() < .3):
        d["path"] = r.choice(["", "./", "p/q/", "/p/", "p\\q\\", "p/q\\", "C:\\"]) + file
    if r.random() < .06:
        d[r.choice(["name", "path", "url"])] = r.choice(["", "x", "x/", "p/" + file + "/", "https://h/", "https://h"])
    return d


def extension(r):
    return r.choice([".tar.gz"] * 6 + [".zip", ".tar.bz2", ".TAR.GZ", "", ".gz"])


def file_keys(r, d):
    if r.random() < .5:
        d["upload-time"] = time(r)
    if r.random() < .6:
        d["size"] = r.choice([0, 1, 1234567, 2**63 - 1, -1])
    d["hashes"] = bend(r, hashes(r), .03)
    return bend(r, d, .05)


def sdist(r, name, version):
    file = (form(r, name) if r.random() < .97 else r.choice(NAMES + ODD_NAMES)) + r.choice(["-"] * 30 + ["_", ""]) + (version if r.random() < .95 else make.version(r)) + extension(r)
    return file_keys(r, place(r, {}, file.replace("\0", "")))


def wheel(r, name, version):
    stem = form(r, name).replace("-", "_") if r.random() < .97 else r.choice(NAMES)
    file = f"{stem}-{version.replace('-', '_') if r.random() < .97 else r.choice(VERSIONS)}-{r.choice(['1-', '2b-', 'b-']) if r.random() < .1 else ''}{r.choice(WHEEL_TAGS)}{r.choice(['.whl'] * 30 + ['.WHL', '.zip'])}"
    return file_keys(r, place(r, {}, file))


def marker(r):
    kind = r.random()
    if kind < .35:
        return f"{r.choice(['', 'not '])}".join(["'%s' " % r.choice(EXTRAS), "in %s" % r.choice(["extras", "dependency_groups"])])
    if kind < .5:
        return r.choice(["python_version >= '3.9'", "sys_platform == 'linux'", "os_name == 'nt'", "python_full_version < '3.12' and 'a' in extras", "'b' in extras or 'docs' in dependency_groups"])
    if kind < .6:
        return set_marker(r)
    return make.marker(r)


def set_marker(r):
    left, right = (r.choice([f"'{r.choice(EXTRAS)}'", "extras", "dependency_groups", "extra", "os_name", "'extras'", "''"]) for _ in range(2))
    if r.random() < .6:
        right = r.choice(["extras", "dependency_groups", "'extras'", "'dependency_groups'", "extra"])
    return f"{left} {r.choice(['in', 'not in', '==', '!=', '<', '<=', '>', '>=', '~=', '==='])} {right}"


def anything(r, depth=0):
    kind = r.randint(0, 9)
    if kind < 2 and depth < 3:
        return {r.choice(["a", "b", "x y", "", "é", "a.b", "q\"", "n\0"]): anything(r, depth + 1) for _ in range(r.randint(0, 3))}
    if kind < 4 and depth < 3:
        return [anything(r, depth + 1) for _ in range(r.randint(0, 3))]
    return r.choice(["", "x", "é😀", "a\"b\\c\n\t\0\x7f", 0, -5, 2**63 - 1, -2**63, True, False, 1.5, 0.1, 0.30000000000000004, 1e300, -0.0, 5e-324, 1e16, 123456789.125, 3.0, Verbatim("inf"), Verbatim("-inf"),
                     Verbatim("1979-05-27"), Verbatim("07:32:00.25"), Verbatim("1979-05-27T07:32:00-07:00"), Verbatim("0xff"), Verbatim("1_000")])


def package(r, valid=False):
    wrong = 0 if valid else .04
    name = r.choice(NAMES) if r.random() >= wrong else r.choice(ODD_NAMES)
    version = r.choice(VERSIONS)
    p = {"name": name}
    if r.random() < .7:
        p["version"] = version if r.random() >= wrong else make.version(r)
    if r.random() < .4:
        p["marker"] = marker(r)
    if r.random() < .3:
        p["requires-python"] = make.specifier_set(r) if r.random() < .3 else r.choice([">=3.8", ">=3", "<3.12", "", "~=3.11", "!=3.10.*,>=3", "==3.11.2"])
    if r.random() < .3:
        p["dependencies"] = [anything_table(r) for _ in range(r.randint(0, 3))]
    kind = r.choice(["index"] * 5 + ["vcs", "directory", "archive"] + (["none", "mixed"] if r.random() < wrong * 5 else []))
    if kind in ("index", "mixed"):
        if r.random() < .6:
            p["sdist"] = sdist(r, name, version)
        if r.random() < .8 or "sdist" not in p:
            p["wheels"] = [wheel(r, name, version) for _ in range(r.choice([0, 1, 1, 2, 3, 4]) if "sdist" in p or r.random() < wrong else r.choice([1, 2, 3]))]
    if kind in ("vcs", "mixed") and r.random() < .8:
        p["vcs"] = bend(r, {k: v for k, v, chance in [("type", r.choice(["git", "hg", ""]), .98), ("url", "https://h/x.git", .8), ("path", r.choice(["p", "../x", ""]), .3),
                                                      ("requested-revision", "main", .5), ("commit-id", "0" * 40, .98), ("subdirectory", "s", .3)] if r.random() < chance}, .08)
    if kind == "directory" or (kind == "mixed" and r.random() < .3):
        p["directory"] = bend(r, {k: v for k, v, chance in [("path", r.choice([".", "p/q", ""]), .98), ("editable", r.random() < .5, .5), ("subdirectory", "s", .3)] if r.random() < chance}, .08)
    if kind == "archive":
        p["archive"] = file_keys(r, place(r, {}, "x.tar.gz"))
        p["archive"].pop("name", None)
        if r.random() < .9:
            p["archive"].setdefault("url", "https://h/x.tar.gz")
        if r.random() < .3:
            p["archive"]["subdirectory"] = "s"
    if r.random() < .3:
        p["index"] = r.choice(["https://h/simple", ""])
    if r.random() < .15:
        p["attestation-identities"] = [{"kind": "x", **anything_table(r)} if r.random() < .9 else anything_table(r) for _ in range(r.randint(0, 2))]
    if r.random() < .15:
        p["tool"] = anything_table(r)
    return bend(r, p, 0 if valid else .05)


def anything_table(r):
    return {r.choice(["name", "version", "x", "é", "vcs", "a b"]): anything(r, 1) for _ in range(r.randint(0, 3))}


def document(r, valid=False):
    wrong = 0 if valid else .05
    d = {"lock-version": "1.0" if r.random() >= wrong else r.choice(["1", "1.1", "2.0", "1.0a1", "0.9", "1.0+x", "1.999", "2a1", "1!1.0", "x", "2.dev0", "1.0.post1"])}
    if r.random() < .3:
        d["environments"] = [make.marker(r) if r.random() < .3 else r.choice(["sys_platform == 'linux'", "python_version >= '3.8'", "'a' in extras", "os_name == 'posix'"])
                             for _ in range(r.choice([0, 1, 1, 2]))]
    if r.random() < .4:
        d["requires-python"] = r.choice([">=3.9", ">=3", "", "==3.*", "<3.13"]) if r.random() < .8 else make.specifier_set(r)
    if r.random() < .4:
        d["extras"] = [r.choice(EXTRAS[:2] + ["docs"]) if r.random() >= wrong else r.choice(EXTRAS + ODD_NAMES) for _ in range(r.randint(0, 3))]
    for name in ("dependency-groups", "default-groups"):
        if r.random() < .4:
            d[name] = [r.choice(EXTRAS + ODD_NAMES) for _ in range(r.randint(0, 3))]
    d["created-by"] = r.choice(["lockstep", "", "é \"q\"\n"])
    d["packages"] = [package(r, valid or r.random() < .6) for _ in range(r.choice([0, 1, 1, 2, 3, 5]))]
    if r.random() < .2:
        d["tool"] = anything_table(r)
    return bend(r, d, 0 if valid else .06)


def text(r, d):
    """Sometimes with [[packages]], [packages.vcs] and [tool.x] as headers, as people and tools write them."""
    lines, rest = [], []
    for k, v in d.items():
        if k == "packages" and isinstance(v, list) and v and all(isinstance(p, dict) for p in v) and r.random() < .8:
            for p in v:
                rest.append("[[packages]]")
                later = []
                for pk, pv in p.items():
                    if isinstance(pv, dict) and r.random() < .3:
                        later += [f"[packages.{key(pk)}]"] + [f"{key(a)} = {toml(b)}" for a, b in pv.items()]
                    elif isinstance(pv, list) and pv and all(isinstance(x, dict) for x in pv) and r.random() < .3:
                        for x in pv:
                            later += [f"[[packages.{key(pk)}]]"] + [f"{key(a)} = {toml(b)}" for a, b in x.items()]
                    else:
                        rest.append(f"{key(pk)} = {toml(pv)}")
                rest += later
        elif isinstance(v, dict) and r.random() < .5:
            rest += [f"[{key(k)}]"] + [f"{key(a)} = {toml(b)}" for a, b in v.items()]
        else:
            lines.append(f"{key(k)} = {toml(v)}")
    return "\n".join(lines + rest) + "\n"
