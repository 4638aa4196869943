#!/usr/bin/env python3
"""Locks small projects against a package index made for each: every tests/lock/*.json is one scenario.

usage: scenarios_test.py [NAME ...]      only those; -v prints what lockstep said

A scenario:
    about       what it is to show
    index       the packages of the index, as tests/fakes/index.py takes them ({name: {version: ...}}, or a whole description with "packages")
    packages    {name: {groups, range|exact, why, ...}}: recipes/python.yaml, one line each; "groups", "conflicts", "differences" likewise
    containers  {name: {groups: [...], python: "3.11", libc_version: "2.36", machine: "x86_64", swaps: {...}, layers: [...]}} or a list of groups
    layers      {name: recipe}
    indexes     recipes/project.yaml's, where it is not just the default one; "$INDEX" is the fake's address
    settings    environment variables for lockstep; "$INDEX" is the default index, "$ADDRESS" and "$HOST" its server
    wheels      packages of a folder beside the index, which PIP_FIND_LINKS names
    steps       what is run one after another, each {args, exit, ...}:
        change       replaces keys of the scenario first ("index", "packages", "containers", ...); {"packages": {...}} is merged by name
        pins         {container: {name: version}}: exactly what the lock has for it; toolchains by their layer use
        problems     [[where, text], ...]: a problem at the line of package `where` in recipes/python.yaml (or at a "file:line") whose text holds `text`
        stderr, stdout, not_stderr     regular expressions that must (not) be found
        edges        {name: [required names]} of the union
        files        {name: [file names]}
        indexes      {name: alias}
        secret       text that nothing printed and no file of the project may hold afterwards
        faults       as tests/fakes/index.py takes them, added before the step
        unchanged    true: lock.toml has the bytes it had before the step
"""
import concurrent.futures, copy, glob, json, os, re, shutil, subprocess, sys, tempfile, tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.environ.get("ROOT", os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "fakes"))
import index as fake

LOCKSTEP = os.path.join(ROOT, "build/debug/lockstep")


def write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def yaml_lines(key, table):
    """One entry a line, so that places can be told by name."""
    if not table:
        return ""
    if isinstance(table, list):
        return f"{key}:\n" + "".join(f"  - {json.dumps(v)}\n" for v in table)
    return f"{key}:\n" + "".join(f"  {k}: {json.dumps(v)}\n" for k, v in table.items())


def container_of(value):
    return {"groups": value} if isinstance(value, list) else value


def base_name(c):
    return "py" + c.get("python", "3.11").replace(".", "") + "-" + c.get("machine", "x86_64").replace("_", "-") + "-" + c.get("libc_version", "2.36").replace(".", "")


def base_text(c):
    environment = {"python": c.get("python", "3.11"), "implementation": "cpython", "os": "linux", "machine": c.get("machine", "x86_64"), "libc": "glibc",
                   "libc_version": c.get("libc_version", "2.36")}
    return json.dumps({"from": {"mmdebstrap": {"suite": "bookworm", "variant": "minbase", "components": ["main"], "include": ["python3"]}},
                       "python": "/usr/bin/python3", "environment": environment}) + "\n"


def write_project(root, s, url):
    for folder in ("recipes", "containers"):
        shutil.rmtree(os.path.join(root, folder), ignore_errors=True)
    indexes = json.loads(json.dumps(s.get("indexes", [{"alias": "default"}])).replace("$INDEX", url))
    write(root, "recipes/project.yaml", f"name: test\nrepository: test\nfirst_release: v0.1\nvenv: /opt/venv\ntags: [Jenkinsfile]\n"
          f"indexes: {json.dumps(indexes)}\n")
    write(root, "Jenkinsfile", "".join(f"{n.replace('-', '_')} = 'test/{n}:v0.0'\n" for n in s["containers"]))
    groups = s.get("groups") or {}
    for p in s["packages"].values():
        for g in p.get("groups", []):
            groups.setdefault(g, {"description": f"group {g}"})
    write(root, "recipes/python.yaml", yaml_lines("groups", groups) + yaml_lines("packages", s["packages"]) + yaml_lines("conflicts", s.get("conflicts")) +
          yaml_lines("differences", s.get("differences")))
    for name, recipe in s.get("layers", {}).items():
        write(root, f"recipes/layers/{name}.yaml", json.dumps(recipe) + "\n")
    for name, value in s["containers"].items():
        c = container_of(value)
        write(root, f"recipes/bases/{base_name(c)}.yaml", base_text(c))
        python = {"groups": c["groups"], **({"swaps": c["swaps"]} if "swaps" in c else {})}
        write(root, f"containers/{name}/container.yaml", json.dumps({"base": base_name(c), "layers": c.get("layers", []), "python": python}) + "\n")


def line_of(root, where):
    if ":" in where:
        return where
    with open(os.path.join(root, "recipes/python.yaml")) as f:
        for number, line in enumerate(f, 1):
            if line.startswith(f"  {where}:"):
                return f"recipes/python.yaml:{number}"
    raise AssertionError(f"no package {where}")


def pins_of(lock):
    pins = {c["name"]: {} for c in lock["container"]}
    for p in lock.get("package", []) + lock.get("toolchain", []):
        for owner in p.get("containers", []) + p.get("layers", []):
            pins.setdefault(owner, {})[p["name"]] = p["version"]
    return pins


def check(step, root, done, before, problems):
    def wrong(text):
        problems.append(f"{text}\n--- stdout\n{done.stdout}--- stderr\n{done.stderr}")

    secret = step.get("secret", "").encode()
    if secret and (secret in (done.stdout + done.stderr).encode() or
                   any(secret in open(os.path.join(folder, name), "rb").read() for folder, _, names in os.walk(root) for name in names)):
        wrong("the secret was told")
    if done.returncode != step.get("exit", 0):
        return wrong(f"exit {done.returncode}, expected {step.get('exit', 0)}")
    for where, text in step.get("problems", []):
        place = line_of(root, where)
        if not any(line.startswith(place + ":") and text in line for line in done.stderr.split("\n")):
            wrong(f"no problem at {place} ({where}) with: {text}")
    for key, stream, expected in (("stderr", done.stderr, True), ("stdout", done.stdout, True), ("not_stderr", done.stderr, False)):
        for pattern in step.get(key, []):
            if bool(re.search(pattern, stream)) != expected:
                wrong(f"{key}: {pattern}")
    path = os.path.join(root, ".lockstep/lock.toml")
    after = open(path, "rb").read() if os.path.exists(path) else b""
    if ("unchanged" in step or done.returncode) and (after == before) != step.get("unchanged", True):
        wrong("lock.toml changed" if after != before else "lock.toml did not change")
    leftovers = [n for n in os.listdir(os.path.join(root, ".lockstep")) if n not in ("lock", "lock.toml", "urls.json")] if os.path.isdir(
        os.path.join(root, ".lockstep")) else []
    if leftovers:
        wrong(f"left in .lockstep: {leftovers}")
    if done.returncode or not after:
        return
    lock = tomllib.loads(after.decode())
    if "pins" in step and pins_of(lock) != step["pins"]:
        wrong(f"pins are {json.dumps(pins_of(lock))}\nexpected {json.dumps(step['pins'])}")
    entries = lock.get("package", []) + lock.get("toolchain", [])
    for name, names in step.get("edges", {}).items():
        seen = sorted({e["name"] + (f"[{','.join(e['extras'])}]" if "extras" in e else "") for p in entries if p["name"] == name for e in p.get("requires", [])})
        if seen != names:
            wrong(f"edges of {name}: {seen}, expected {names}")
    for name, alias in step.get("indexes", {}).items():
        if {p["index"] for p in entries if p["name"] == name} != {alias}:
            wrong(f"index of {name} is not {alias}")
    for name, names in step.get("files", {}).items():
        seen = sorted(f["name"] for p in entries if p["name"] == name for f in p["files"])
        if seen != sorted(names):
            wrong(f"files of {name}: {seen}, expected {names}")


def write_wheels(root, packages):
    folder = os.path.join(root, "wheels")
    os.makedirs(folder, exist_ok=True)
    for name, versions in packages.items():
        for file in fake.make_files(name, versions):
            with open(os.path.join(folder, file.name), "wb") as f:
                f.write(file.content)
    return folder


def environment(root, index, s):
    keep = {k: v for k, v in os.environ.items() if not re.match(r"(?i)(pip|uv)_|.*_proxy$|.*cert|netrc", k)}
    keep.update({"HOME": root + "/home", "UV_CACHE_DIR": root + "/cache", "UV_HTTP_RETRIES": "0", "UV_DEFAULT_INDEX": index.url, "LOCKSTEP_NOW": "1760000000",
                 "LOCKSTEP_CACHE": root + "/lockstep-cache"})
    if "wheels" in s:
        keep["PIP_FIND_LINKS"] = write_wheels(root, s["wheels"])
    for name, value in s.get("settings", {}).items():
        keep[name] = value.replace("$INDEX", index.url).replace("$ADDRESS", index.address).replace("$HOST", index.address[len("http://"):])
    own = os.path.join(ROOT, ".tools/bin/uv")
    if "LOCKSTEP_UV" not in keep and os.path.exists(own):
        keep["LOCKSTEP_UV"] = own  # else lockstep looks in PATH
    return {k: v for k, v in keep.items() if v != ""}


def merge(s, change):
    for key, value in change.items():
        if key in ("packages", "containers"):
            for name, entry in value.items():
                if entry is None:
                    s[key].pop(name, None)
                else:
                    s[key][name] = entry
        else:
            s[key] = value


def run_scenario(path, verbose=False):
    with open(path, encoding="utf-8") as f:
        s = json.load(f)
    problems, work = [], tempfile.mkdtemp(prefix="lockstep-scenario-")
    root = work + "/project"
    os.makedirs(root)
    os.makedirs(work + "/project/home")
    try:
        with fake.Index(copy.deepcopy(s["index"])) as index:
            for number, step in enumerate(s["steps"], 1):
                merge(s, step.get("change", {}))
                if "index" in step.get("change", {}):
                    index.set_packages(s["index"])
                for fault in step.get("faults", []):
                    index.add_fault(**fault)
                write_project(root, s, index.address)
                lock_path = root + "/.lockstep/lock.toml"
                before = open(lock_path, "rb").read() if os.path.exists(lock_path) else b""
                done = subprocess.run([LOCKSTEP, "lock", "-C", root, *step.get("args", [])], env=environment(work, index, s), capture_output=True, text=True,
                                      stdin=subprocess.DEVNULL, timeout=120)
                if verbose:
                    print(f"--- step {number}\n{done.stdout}{done.stderr}")
                found = []
                check(step, root, done, before, found)
                problems += [f"step {number}: {p}" for p in found]
                if found:
                    break
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return problems


def main(arguments):
    verbose = "-v" in arguments
    names = [a for a in arguments if a != "-v"]
    paths = sorted(p for p in glob.glob(HERE + "/*.json") if not names or os.path.basename(p)[:-5] in names)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(1 if verbose else 2) as pool:
        for path, problems in zip(paths, pool.map(lambda p: run_scenario(p, verbose), paths)):
            name = os.path.basename(path)[:-5]
            failed += bool(problems)
            print(f"{'not ok' if problems else 'ok'} {name}" + "".join("\n    " + p.replace("\n", "\n    ") for p in problems), flush=True)
    print(f"{len(paths) - failed} of {len(paths)} scenarios pass")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
