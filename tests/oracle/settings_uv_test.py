#!/usr/bin/env python3
"""lockstep beside uv on the same generated settings: uv.toml and pyproject.toml in all their places, UV_* variables. uv is asked with --show-settings."""
import json, os, random, re, shutil, subprocess, sys

root = os.environ["ROOT"]
dump = os.path.join(root, "build", os.environ.get("LOCKSTEP_ORACLE_BUILD", "debug"), "tests/oracle/settings_dump")
uv = shutil.which("uv")
if not uv:
    print("uv is not here; tools/setup installs it")
    sys.exit(77)
work = os.getcwd()


def of_uv(text):
    """The effective part of what uv shows: it prints Rust structs, of which only the indexes and a few switches matter here."""
    entries = []
    for block in re.split(r"\bIndex \{", text.split("index_locations: ", 1)[1].split("flat_index: ", 1)[0])[1:]:
        name = re.search(r'^\s*name: (?:None|Some\(\s*IndexName\(\s*"([^"]*)")', block)
        entries.append({"name": name.group(1), "url": re.search(r'given: Some\(\s*"([^"]*)"', block).group(1), "default": "default: true" in block,
                        "explicit": "explicit: true" in block, "flat": "format: Flat" in block})
    flat = re.search(r"flat_index: \[(.*?)\n {12}\]", text, re.S)
    links = re.findall(r'given: Some\(\s*"([^"]*)"', flat.group(1)) if flat else []
    first = next((e for e in entries if e["default"]), None)
    # Of one name the first counts; lockstep keeps each address once.
    names, urls, extras = {"default"}, {first["url"]} if first else set(), []
    for e in entries:
        if e["default"] or e["flat"] or e["name"] in names or e["url"] in urls:
            continue
        urls.add(e["url"])
        if e["name"]:
            names.add(e["name"])
        extras.append((e["name"], e["url"], e["explicit"]))
    return {"index": first["url"] if first else None, "extras": extras, "links": links + [e["url"] for e in entries if e["flat"]],
            "offline": "connectivity: Offline" in text, "no_index": "no_index: true" in text}


def of_lockstep(text):
    d = json.loads(text)
    extras = [(None if i["alias"].startswith("extra-") else i["alias"], i["url"], i["explicit"]) for i in d["indexes"][1:]]
    return {"index": d["indexes"][0]["url"], "extras": extras, "links": sorted(d["find_links"]), "offline": d["offline"] and (not d["no_index"]),
            "no_index": d["no_index"]}


def expect(name, files, env):
    e = {"HOME": work + "/home", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PIP_CONFIG_FILE": "/dev/null", "XDG_CONFIG_DIRS": f"{work}/xdg1:{work}/xdg2", **env}
    files = {"project/pyproject.toml": "", **files}
    files["project/pyproject.toml"] = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.9"\n' + files["project/pyproject.toml"]
    for path, text in files.items():
        os.makedirs(os.path.dirname(os.path.join(work, path)), exist_ok=True)
        with open(os.path.join(work, path), "w") as f:
            f.write(text)
    p = subprocess.run([uv, "lock", "--show-settings"], capture_output=True, text=True, env={**e, "NO_COLOR": "1"}, cwd=work + "/project")
    o = subprocess.run([dump, work + "/project"], capture_output=True, text=True, env=e)
    for path in files:
        os.unlink(os.path.join(work, path))
    if p.returncode or o.returncode:
        raise SystemExit(f"{name}: {p.stderr}{o.stderr}\n{files}\n{env}")
    theirs, ours = of_uv(p.stdout), of_lockstep(o.stdout)
    theirs["offline"] = theirs["offline"] and not theirs["no_index"]
    theirs["links"] = sorted(os.path.normpath(os.path.join(work, "project", link)) if "//" not in link else link for link in theirs["links"])
    ours["links"] = sorted(os.path.normpath(link) if "//" not in link else link for link in ours["links"])
    if theirs["no_index"]:
        theirs["index"] = theirs["extras"] = ours["index"] = ours["extras"] = None
    if theirs != ours:
        raise SystemExit(f"{name}:\nuv       {theirs}\nlockstep {ours}\n" + "\n".join(f"--- {k}\n{v}" for k, v in files.items()) + f"\n{env}")


PLACES = {"project/pyproject.toml": "tool.uv", "project/uv.toml": "", "home/.config/uv/uv.toml": "", "xdg1/uv/uv.toml": "", "xdg2/uv/uv.toml": ""}


def url(r):
    return f"http://i{r.randrange(8)}.example/simple"


def toml(r, table):
    top, tables, has_default = [], [], False
    for key in ("index-url", "extra-index-url", "find-links", "offline", "no-index"):
        if r.random() < (0.1 if key in ("offline", "no-index") else 0.3):
            value = {"index-url": json.dumps(url(r)), "extra-index-url": json.dumps([url(r) for _ in range(r.randrange(3))]),
                     "find-links": json.dumps(r.sample(["/w1", "http://l.example/x.html", "/w2"], r.randrange(3))), "offline": r.choice(["true", "false"]),
                     "no-index": r.choice(["true", "false"])}[key]
            top.append(f"{key} = {value}")
    names = r.sample(["a", "b", "c-d", "e.f"], 3)
    for n in range(r.randrange(0, 3)):
        row = [f"[[{table + '.' if table else ''}index]]", f'url = "{url(r)}"']
        if r.random() < 0.6:
            row.append(f'name = "{names[n]}"')
            if r.random() < 0.3:
                row.append("explicit = true")
        if r.random() < 0.3 and not has_default and "explicit = true" not in row:
            row.append("default = true")
            has_default = True
        tables.append("\n".join(row))
    return (f"[{table}]\n" if table else "") + "\n".join(top + tables) + "\n"


expect("nothing said", {}, {})
expect("no files", {"home/.config/uv/uv.toml": 'index-url = "http://a.example/s"\n'}, {"UV_NO_CONFIG": "1"})
expect("one file only", {"home/.config/uv/uv.toml": 'index-url = "http://a.example/s"\n', "own.toml": 'index-url = "http://b.example/s"\n'},
       {"UV_CONFIG_FILE": work + "/own.toml"})
expect("above the project", {"uv.toml": 'index-url = "http://a.example/s"\n', "project/pyproject.toml": ""}, {})
expect("relative places", {"project/uv.toml": 'find-links = ["./wheels", "../other"]\n'}, {})
expect("flat", {"project/uv.toml": '[[index]]\nname = "f"\nformat = "flat"\nurl = "http://f.example/x"\n'}, {})
r = random.Random(13)
for n in range(int(os.environ.get("LOCKSTEP_TEST_ROUNDS", "40"))):
    files = {p: toml(r, PLACES[p]) for p in r.sample(sorted(PLACES), r.randrange(0, 4))}
    env = {}
    for key, value in (("UV_INDEX", " ".join(r.choice(["", "a=", "z="]) + url(r) for _ in range(r.randrange(1, 3)))), ("UV_DEFAULT_INDEX", url(r)),
                       ("UV_INDEX_URL", url(r)), ("UV_EXTRA_INDEX_URL", url(r) + " " + url(r)), ("UV_FIND_LINKS", "/w3,http://l.example/y"), ("UV_OFFLINE", "1")):
        if r.random() < 0.25:
            env[key] = value
    if env.get("UV_INDEX", "").count("a=") > 1 or env.get("UV_INDEX", "").count("z=") > 1:
        del env["UV_INDEX"]
    expect(f"round {n}", files, env)
print("same as uv")
