#!/usr/bin/env python3
"""Locks small projects against a package index made for each: every tests/lock/*.yaml is one scenario.

usage: scenarios_test.py [--pip] [-v] [NAME ...]      only those; -v prints what lockstep said; --pip lets pip resolve

A scenario:
    about       what it is to show
    index       what the default index has: {name: {version: release}}; a release is its list of requirements, or a table as tests/fakes/index.py takes it
    indexes     further indexes, {name: as index}
    serve       how the index is served: format (html), auth, hashes, sizes, upload_times, core_metadata
    groups, packages, conflicts, differences, waivers, build_constraints     recipes/python.yaml, word for word
    bases       {name: recipes/bases/NAME.yaml, on top of an ordinary one}; py39, py311, py313 and py311-arm are there already
    containers  {name: its container.yaml}, where the base is py311 unless it is said, or only its list of groups
    layers      {name: recipes/layers/NAME.yaml}
    project     further keys of recipes/project.yaml; "$ADDRESS" is the server's
    settings    environment variables for lockstep; "$INDEX" is the default index, "$ADDRESS" and "$HOST" its server
    wheels      packages of a folder beside the index, which PIP_FIND_LINKS names
    alone       drifts: each container locked by itself, by the same uv, gives versions that differ; fails: one cannot be locked at all
    chain       the containers locked one after another in the order of the file. fails: with what is locked as constraints, there comes one that cannot be
                locked; drifts: with what is locked as preferences, versions differ
    pip         why pip, as the other resolver, gives something else; it is seen that it does
    steps       what is run one after another, each with
        args         arguments of `lockstep lock`
        change       keys of the scenario that are other from here on; tables are merged by name, ~ takes an entry away
        lock         {container: {name: version}}: exactly what is locked; toolchains by their layer use
        clash        {place: text or list of texts}: exit 1, with an error at exactly these places and no others. A place is a package, "z.range" a line of it,
                     "conflicts.0" another part of recipes/python.yaml, or "file:line"
        problems     the same, but others may be there too
        exit, stdout, stderr, not_stderr     the last three are regular expressions that must (not) be found
        moves        [names]: exactly these packages changed their version in some container since the step before
        json         what the answer to --format json must hold (it may hold more)
        edges        {name: [required names]} of the union
        files        {name: [file names]}
        from         {name: alias of the index}
        environments {name: [environments]} of pins that are not in all of their containers'
        secret       text that nothing printed and no file of the project may hold afterwards
        faults       as tests/fakes/index.py takes them, added before the step
        unchanged    true: lock.toml has the bytes it had before the step
"""
import concurrent.futures, copy, glob, json, os, re, shutil, subprocess, sys, tempfile, tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.environ.get("ROOT", os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "fakes"))
import apart, index as fake, scenario

LOCKSTEP = os.path.join(ROOT, "build/debug/lockstep")
PROJECT = {"name": "test", "repository": "test", "first_release": "v0.1", "venv": "/opt/venv", "tags": ["Jenkinsfile"]}
BASES = {"py39": {"python": "3.9"}, "py311": {"python": "3.11"}, "py313": {"python": "3.13"}, "py311-arm": {"python": "3.11", "machine": "aarch64"}}


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


def container_of(value, bases):
    """container.yaml of a list of groups; of groups and an environment together, as programs write it; or of itself."""
    if isinstance(value, list):
        return {"base": "py311", "python": {"groups": value}}
    if "groups" not in value:
        return {"base": "py311", **value}
    environment = {k: value[k] for k in ("python", "machine", "libc_version") if k in value}
    base = "py311" + "".join("-" + re.sub("[._]", "-", v) for v in environment.values()) if environment else "py311"
    bases[base] = {"environment": {"python": "3.11", **environment}}
    return {"base": base, "layers": value.get("layers", []), "python": {k: value[k] for k in ("groups", "swaps") if k in value}}


def base_text(base):
    environment = {"python": "3.11", "implementation": "cpython", "os": "linux", "machine": "x86_64", "libc": "glibc", "libc_version": "2.36"}
    return json.dumps({"from": {"mmdebstrap": {"suite": "bookworm", "variant": "minbase", "components": ["main"], "include": ["python3"]}},
                       "python": "/usr/bin/python3", **base, "environment": {**environment, **base.get("environment", {})}}) + "\n"


def python_text(s):
    """recipes/python.yaml: as it was written, or made from what it is now."""
    groups, text = dict(s.get("groups") or {}), s.get("text", {})
    named = {g for p in s["packages"].values() for g in p.get("groups", []) if g not in groups}
    out = text.get("groups", yaml_lines("groups", groups)) + ("" if groups or not named else "groups:\n")
    out += "".join(f"  {g}: {{description: group {g}}}\n" for g in sorted(named))
    return out + "".join(text.get(key, yaml_lines(key, s.get(key))) for key in scenario.DATABASE[1:])


def write_project(root, s, url):
    for folder in ("recipes", "containers"):
        shutil.rmtree(os.path.join(root, folder), ignore_errors=True)
    project = {**PROJECT, "indexes": [{"alias": "default"}], **s.get("project", {}), "resolver": s.get("resolver", "uv")}
    write(root, "recipes/project.yaml", "".join(f"{k}: {json.dumps(v)}\n" for k, v in project.items()).replace("$ADDRESS", url))
    write(root, "Jenkinsfile", "".join(f"{n.replace('-', '_')} = 'test/{n}:v0.0'\n" for n in s["containers"]))
    write(root, "recipes/python.yaml", python_text(s))
    for name, recipe in s.get("layers", {}).items():
        write(root, f"recipes/layers/{name}.yaml", json.dumps(recipe) + "\n")
    bases = {**{name: {"environment": e} for name, e in BASES.items()}, **s.get("bases", {})}
    for name, value in s["containers"].items():
        c = container_of(value, bases)
        write(root, f"recipes/bases/{c['base']}.yaml", base_text(bases[c["base"]]))
        write(root, f"containers/{name}/container.yaml", json.dumps(c) + "\n")


def pins_of(lock):
    pins = {c["name"]: {} for c in lock["container"]}
    for p in lock.get("package", []) + lock.get("toolchain", []):
        for owner in p.get("containers", []) + p.get("layers", []):
            seen = pins.setdefault(owner, {})
            seen[p["name"]] = f"{seen[p['name']]} {p['version']}" if p["name"] in seen else p["version"]
    return pins


def holds(seen, expected):
    """The part of an answer that is expected is there; scalars as they are written."""
    if isinstance(expected, dict):
        return isinstance(seen, dict) and all(k in seen and holds(seen[k], v) for k, v in expected.items())
    if isinstance(expected, list):
        return isinstance(seen, list) and len(seen) == len(expected) and all(map(holds, seen, expected))
    return expected == (seen if isinstance(seen, str) else "~" if seen is None else json.dumps(seen))


class Run:
    """One step, as it ended."""
    def __init__(self, step, root, done, before):
        self.step, self.root, self.done, self.problems = step, root, done, []
        self.before, self.after = before, read_lock(root)
        self.lock = tomllib.loads(self.after.decode()) if self.after else None

    def wrong(self, text):
        self.problems.append(f"{text}\n--- stdout\n{self.done.stdout}--- stderr\n{self.done.stderr}")

    def check(self):
        step, code = self.step, self.step.get("exit", "1" if "clash" in self.step else "0")
        self.check_secret()
        if str(self.done.returncode) != str(code):
            return self.wrong(f"exit {self.done.returncode}, expected {code}")
        self.check_places()
        for key, stream, expected in (("stderr", self.done.stderr, True), ("stdout", self.done.stdout, True), ("not_stderr", self.done.stderr, False)):
            for pattern in step.get(key, []):
                if bool(re.search(pattern, stream)) != expected:
                    self.wrong(f"{key}: {pattern}")
        if "json" in step and not holds(json.loads(self.done.stdout), step["json"]):
            self.wrong(f"json: expected {json.dumps(step['json'])}")
        stays = step.get("unchanged", "true") == "true"
        if ("unchanged" in step or self.done.returncode) and (self.after == self.before) != stays:
            self.wrong("lock.toml did not change" if not stays else "lock.toml changed")
        self.check_folder()
        if self.done.returncode == 0 and self.lock:
            self.check_lock()

    def check_secret(self):
        secret = self.step.get("secret", "").encode()
        if secret and (secret in (self.done.stdout + self.done.stderr).encode() or
                       any(secret in open(os.path.join(folder, name), "rb").read() for folder, _, names in os.walk(self.root) for name in names)):
            self.wrong("the secret was told")

    def check_places(self):
        with open(os.path.join(self.root, "recipes/python.yaml"), encoding="utf-8") as f:
            text = f.read()
        lines, named = self.done.stderr.split("\n"), set()
        for where, texts in {**self.step.get("problems", {}), **self.step.get("clash", {})}.items():
            place = where if ":" in where else scenario.place(text, where)
            named.add(place)
            for wanted in texts if isinstance(texts, list) else [texts]:
                if not any(line.startswith(place + ":") and wanted in line for line in lines):
                    self.wrong(f"no problem at {place} ({where}) with: {wanted}")
        errors = {":".join(line.split(":")[:2]) for line in lines if re.match(r"[^: ]+:\d+:\d+: error: ", line)}
        if "clash" in self.step and errors != named:
            self.wrong(f"errors at {sorted(errors)}, expected {sorted(named)}")

    def check_folder(self):
        folder = os.path.join(self.root, ".lockstep")
        left = [n for n in os.listdir(folder) if n not in ("lock", "lock.toml", "urls.json")] if os.path.isdir(folder) else []
        if left:
            self.wrong(f"left in .lockstep: {left}")

    def check_lock(self):
        step, pins = self.step, pins_of(self.lock)
        if "lock" in step and pins != step["lock"]:
            self.wrong(f"locked is {json.dumps(pins)}\nexpected {json.dumps(step['lock'])}")
        entries = self.lock.get("package", []) + self.lock.get("toolchain", [])
        seen = {"edges": {}, "from": {}, "files": {}, "environments": {}}
        for p in entries:
            edges = seen["edges"].setdefault(p["name"], set())
            edges |= {e["name"] + (f"[{','.join(e['extras'])}]" if "extras" in e else "") for e in p.get("requires", [])}
            seen["from"][p["name"]] = p.get("index", p.get("reference"))
            seen["files"].setdefault(p["name"], set()).update(f["name"] for f in p["files"])
            if "environments" in p:
                seen["environments"].setdefault(p["name"] + " " + p["version"], set()).update(p["environments"])
        for key, found in seen.items():
            for name, expected in step.get(key, {}).items():
                was = found.get(name, set())
                if (sorted(was) if isinstance(was, set) else was) != (sorted(expected) if isinstance(expected, list) else expected):
                    self.wrong(f"{key} of {name}: {was}, expected {expected}")
        if "moves" in step:
            old = pins_of(tomllib.loads(self.before.decode()))
            moved = {n for c in pins for n in {*pins[c], *old.get(c, {})} if pins[c].get(n) != old.get(c, {}).get(n)}
            if sorted(moved) != sorted(step["moves"]):
                self.wrong(f"moved: {sorted(moved)}, expected {step['moves']}")


def read_lock(root):
    path = os.path.join(root, ".lockstep/lock.toml")
    return open(path, "rb").read() if os.path.exists(path) else b""


def write_wheels(root, packages):
    folder = os.path.join(root, "wheels")
    os.makedirs(folder, exist_ok=True)
    for name, versions in packages.items():
        for file in fake.make_files(name, versions):
            with open(os.path.join(folder, file.name), "wb") as f:
                f.write(file.content)
    return folder


def uv_program():
    own = os.path.join(ROOT, ".tools/bin/uv")
    return os.environ.get("LOCKSTEP_UV") or (own if os.path.exists(own) else "uv")


def environment(root, index, s):
    keep = {k: v for k, v in os.environ.items() if not re.match(r"(?i)(pip|uv)_|.*_proxy$|.*cert|netrc", k)}
    keep.update({"HOME": root + "/home", "UV_CACHE_DIR": root + "/cache", "UV_HTTP_RETRIES": "0", "UV_DEFAULT_INDEX": index.url, "LOCKSTEP_NOW": "1760000000", "LOCKSTEP_TEST_EXPLAIN_MS": "600000", "LOCKSTEP_SYSTEM_PACKAGES": "unlocked",
                 "LOCKSTEP_CACHE": root + "/lockstep-cache"})
    keep.setdefault("LOCKSTEP_SYSTEM_PACKAGES", "unlocked")  # what apt says has its own tests
    if s.get("wheels"):
        keep["PIP_FIND_LINKS"] = write_wheels(root, s["wheels"])
    for name, value in s.get("settings", {}).items():
        keep[name] = value.replace("$INDEX", index.url).replace("$ADDRESS", index.address).replace("$HOST", index.address[len("http://"):])
    if uv_program() != "uv":
        keep["LOCKSTEP_UV"] = uv_program()  # else lockstep looks in PATH
    pip = os.path.join(ROOT, ".tools/resolvers/bin/python")
    if os.path.exists(pip):
        keep["LOCKSTEP_PIP_PYTHON"] = pip
    return {k: v for k, v in keep.items() if v != ""}


def description_of(s):
    return copy.deepcopy({"packages": s["index"], "indexes": s["indexes"], **scenario.typed(s.get("serve", {}))})


def run_step(work, index, s, step):
    root = work + "/project"
    scenario.apply(s, step.get("change", {}))
    index.describe(description_of(s))
    for fault in scenario.typed(step.get("faults", [])):
        index.add_fault(**fault)
    write_project(root, s, index.address)
    before = read_lock(root)
    done = subprocess.run([LOCKSTEP, "lock", "-C", root, *step.get("args", [])], env=environment(work, index, s), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=900)
    run = Run(step, root, done, before)
    run.check()
    return run


def run_steps(work, s, verbose):
    with fake.Index(description_of(s)) as index:
        for number, step in enumerate(s["steps"], 1):
            run = run_step(work, index, s, step)
            if verbose:
                print(f"--- step {number}\n{run.done.stdout}{run.done.stderr}")
            if run.problems:
                return [f"step {number}: {p}" for p in run.problems]
            if number == 1 and {"alone", "chain"} & set(s) and s["resolver"] == "uv":
                found = apart.check(uv_program(), environment(work, index, s), work, run.lock, list(s["containers"]), s)
                if found:
                    return found
    return []


def run_scenario(path, verbose=False, resolver="uv"):
    work = tempfile.mkdtemp(prefix="lockstep-scenario-")
    try:
        os.makedirs(work + "/project/home")
        os.makedirs(work + "/home")
        s = {**scenario.read(path), "resolver": resolver}
        problems = run_steps(work, s, verbose)
        if resolver != "pip" or "pip" not in s:
            return problems
        print(f"# {os.path.basename(path)[:-5]}: pip gives something else: {s['pip']}")
        return [] if problems else ["pip gives the same, although 'pip' says why it does not"]
    except (scenario.Wrong, scenario.yaml.YAMLError) as e:
        return [str(e)]
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main(arguments):
    verbose = "-v" in arguments
    resolver = "pip" if "--pip" in arguments else "uv"
    names = [a for a in arguments if not a.startswith("-")]
    paths = sorted(p for p in glob.glob(HERE + "/*.yaml") if not names or os.path.basename(p)[:-5] in names)
    failed = 0
    with concurrent.futures.ProcessPoolExecutor(1 if verbose else 2) as pool:
        for path, problems in zip(paths, pool.map(run_scenario, paths, [verbose] * len(paths), [resolver] * len(paths))):
            name = os.path.basename(path)[:-5]
            failed += bool(problems)
            print(f"{'not ok' if problems else 'ok'} {name}" + "".join("\n    " + p.replace("\n", "\n    ") for p in problems), flush=True)
    print(f"{len(paths) - failed} of {len(paths)} scenarios pass")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
