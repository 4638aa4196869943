#!/usr/bin/env python3
"""lockstep beside pip on the same generated settings: pip.conf in all its places, PIP_* variables. pip is asked by its own option parser."""
import json, os, random, subprocess, sys

root = os.environ["ROOT"]
dump = os.path.join(root, "build", os.environ.get("LOCKSTEP_ORACLE_BUILD", "debug"), "tests/oracle/settings_dump")
ask = """
import sys, json
sys.argv = ["pip"]
from pip._internal.commands import create_command
o = create_command("install").parser.get_default_values()
print(json.dumps({"index": o.index_url, "extras": o.extra_index_urls, "find_links": o.find_links, "trusted": o.trusted_hosts, "cert": o.cert,
                  "client": o.client_cert, "proxy": o.proxy, "no_index": bool(o.no_index), "timeout": o.timeout}))
"""


def find_python():
    # A pip that stands in a virtual environment would read that environment's pip.conf; VIRTUAL_ENV tells lockstep the same.
    for python in ("/usr/bin/python3", os.path.join(root, ".tools/venv/bin/python")):
        if os.path.exists(python) and subprocess.run([python, "-c", "import pip._internal.commands"], capture_output=True).returncode == 0:
            return python
    print("no Python with pip here")
    sys.exit(77)


python = find_python()
prefix = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True).stdout.strip()
work = os.getcwd()
built_in = {}


def both(files, env):
    """The settings as each of the two reads them, or None for one that refuses."""
    e = {"HOME": work + "/home", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "XDG_CONFIG_DIRS": f"{work}/xdg1:{work}/xdg2", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if prefix != "/usr":
        e["VIRTUAL_ENV"] = prefix
    e.update(env)
    for path, text in files.items():
        os.makedirs(os.path.dirname(os.path.join(work, path)), exist_ok=True)
        with open(os.path.join(work, path), "w") as f:
            f.write(text)
    p = subprocess.run([python, "-c", ask], capture_output=True, text=True, env=e)
    o = subprocess.run([dump, work + "/project"], capture_output=True, text=True, env=e)
    for path in files:
        os.unlink(os.path.join(work, path))
    if o.returncode not in (0, 1) or "Sanitizer" in o.stderr:
        raise SystemExit(f"settings_dump ended with {o.returncode}\n{o.stderr}")
    return (json.loads(p.stdout.splitlines()[-1]) if p.returncode == 0 else None), (json.loads(o.stdout) if o.returncode == 0 else None), p, o


def strip(value):
    return value and value.strip() or None


def differences(pip, ours):
    first = ours["indexes"][0]
    # lockstep leaves the built-in address to the tools, keeps each extra index once, and not the default again.
    extras = []
    for url in pip["extras"]:
        if url not in extras and url != first["url"]:
            extras.append(url)
    pairs = {
        "index": (pip["index"].strip(), first["url"] or built_in["url"]),
        "extras": (extras, [i["url"] for i in ours["indexes"][1:]]),
        "find_links": ([os.path.expanduser(f.replace("~", work + "/home", 1) if f.startswith("~/") else f) for f in pip["find_links"]], ours["find_links"]),
        "trusted": (pip["trusted"], ours["trusted_hosts"]),
        "cert": (strip(pip["cert"]), ours["ca_file"]),
        "client": (strip(pip["client"]), ours["client_cert"]),
        "proxy": (strip(pip["proxy"]), ours["proxy"]),
        "no_index": (pip["no_index"], ours["no_index"]),
    }
    return {k: v for k, v in pairs.items() if v[0] != v[1]}


def expect(name, files, env):
    pip, ours, p, o = both(files, env)
    if (pip is None) != (ours is None):
        raise SystemExit(f"{name}: one refuses, the other does not\npip: {p.stdout}{p.stderr}\nlockstep: {o.stdout}{o.stderr}\n{files}\n{env}")
    wrong = differences(pip, ours) if pip else {}
    if wrong:
        raise SystemExit(f"{name}: (pip, lockstep) {wrong}\n" + "\n".join(f"--- {k}\n{v}" for k, v in files.items()) + f"\n{env}")


PLACES = ["xdg1/pip/pip.conf", "xdg2/pip/pip.conf", "home/.pip/pip.conf", "home/.config/pip/pip.conf", "own.conf"]
KEYS = {
    "index-url": lambda r: f"http://i{r.randrange(5)}.example/simple",
    "extra-index-url": lambda r: " ".join(f"http://x{r.randrange(4)}.example/simple" for _ in range(r.randrange(0, 3))),
    "find-links": lambda r: r.choice(["/wheels", "/a\n    /b", "https://links.example/page.html", "", "\n    /c\n\n    /d"]),
    "trusted-host": lambda r: r.choice(["h.example", "h.example:8443\n  other.example"]),
    "cert": lambda r: r.choice(["/ca.pem", "/other ca.pem"]),
    "client-cert": lambda r: "/client.pem",
    "proxy": lambda r: "http://proxy.example:3128",
    "no-index": lambda r: r.choice(["true", "0", "no", "off", "1"]),
    "timeout": lambda r: "7",
    "format": lambda r: "columns",
}


def conf(r):
    lines = r.choice([[], ["# a comment"], ["; another", ""]])
    for section in r.sample(["global", "install", "list", "DEFAULT"], r.randrange(1, 4)):
        lines.append(f"[{section}]" + r.choice(["", " # tail"]))
        for key in r.sample(sorted(KEYS), r.randrange(0, 5)):
            shown = r.choice([key, key.replace("-", "_"), key.upper(), key.title()])
            # A value that begins on the next line keeps its newline in pip, which then refuses it as a truth value; lockstep looks past white space.
            lines.append(shown + r.choice([" = ", "=", ": ", " :"] + ([" =\n    "] if key != "no-index" else [])) + KEYS[key](r))
            if r.random() < 0.15:
                lines.append(r.choice(["# between", "", "  ; indented comment"]))
    return "\n".join(lines) + r.choice(["\n", "", "\n\n"])


first = both({}, {})[0]
built_in["url"] = first["index"]
expect("nothing said", {}, {})
expect("no section", {"own.conf": "index-url = http://a/\n"}, {"PIP_CONFIG_FILE": work + "/own.conf"})
expect("no value", {"own.conf": "[global]\nindex-url\n"}, {"PIP_CONFIG_FILE": work + "/own.conf"})
expect("key twice", {"own.conf": "[global]\nindex-url = http://a/\nindex-url = http://b/\n"}, {"PIP_CONFIG_FILE": work + "/own.conf"})
expect("section twice", {"own.conf": "[global]\na=1\n[global]\nb=2\n"}, {"PIP_CONFIG_FILE": work + "/own.conf"})
expect("percent", {"own.conf": "[global]\nindex-url = http://u:p%40w%(x)s@a/simple\n"}, {"PIP_CONFIG_FILE": work + "/own.conf"})
expect("variables stay text", {"own.conf": "[global]\nindex-url = http://${USER}@a/simple\n"}, {"PIP_CONFIG_FILE": work + "/own.conf"})
expect("bad truth", {"own.conf": "[global]\nno-index = perhaps\n"}, {"PIP_CONFIG_FILE": work + "/own.conf"})
expect("no files at all", {p: "[global]\nindex-url = http://a/\n" for p in PLACES}, {"PIP_CONFIG_FILE": "/dev/null"})
expect("a file that is not there", {PLACES[3]: "[global]\nindex-url = http://a/\n"}, {"PIP_CONFIG_FILE": work + "/none.conf"})
expect("PIP_PYPI_URL", {}, {"PIP_PYPI_URL": "http://a/simple"})
r = random.Random(20)
for n in range(int(os.environ.get("LOCKSTEP_TEST_ROUNDS", "25"))):
    files = {p: conf(r) for p in r.sample(PLACES, r.randrange(1, len(PLACES) + 1))}
    env = {}
    if "own.conf" in files:
        env["PIP_CONFIG_FILE"] = work + "/own.conf"
    for key in r.sample(sorted(KEYS), r.randrange(0, 4)):
        if key != "format":
            env["PIP_" + key.upper().replace("-", "_")] = KEYS[key](r)
    expect(f"round {n}", files, env)
print("same as pip")
