#!/usr/bin/env python3
"""The pylock.toml that uv and pip write of real, small packages: lockstep reads each as packaging does, writes it so that it reads the same, and chooses the same
files. No index is asked: the packages are made here."""
import os, shutil, subprocess, sys, zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import beside
beside.enter_venv()

from packaging.tags import sys_tags
import pylock_test

WORK = os.getcwd()
ENVIRONMENT = pylock_test.make.ENVIRONMENTS[0]


def wheel(name, version, tag="py3-none-any", requires=(), extras=()):
    info = f"{name}-{version}.dist-info/"
    with zipfile.ZipFile(f"wheels/{name}-{version}-{tag}.whl", "w") as z:
        headers = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *[f"Provides-Extra: {e}" for e in extras], *[f"Requires-Dist: {q}" for q in requires]]
        z.writestr(info + "METADATA", "\n".join(headers) + "\n")
        z.writestr(info + "WHEEL", f"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: {tag}\n")
        z.writestr(info + "RECORD", "")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"UV_NO_CONFIG": "1", "UV_CACHE_DIR": WORK + "/cache", "UV_PYTHON_DOWNLOADS": "never"})
    if done.returncode:
        sys.exit(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")


def check(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    lock = pylock_test.read(text)
    [seen] = beside.ask("pylock_oracle", [["pylock", text]])
    problems = [] if pylock_test.same(seen, {"lock": pylock_test.texts(lock.to_dict())}) else [f"{path}: {seen}"]
    tags = list(sys_tags())
    for extras, groups in [([], None), (["web"], ["dev-x"]), (["Web"], ["lint"])]:
        chosen = [[p.name, type(x).__name__[len("Package"):].lower(), getattr(x, "filename", None)]
                  for p, x in lock.select(environment=ENVIRONMENT, tags=tags, extras=extras, dependency_groups=groups)]
        fields = ["select", text, ",".join(extras) or "-", "default" if groups is None else ",".join(groups), "-", ",".join(map(str, tags)), *ENVIRONMENT.values()]
        [seen] = beside.ask("pylock_oracle", [fields])
        if seen.get("chosen") != chosen:
            problems.append(f"{path}, extras {extras}, groups {groups}: {seen}, expected {chosen}")
        print(f"{path}: {len(lock.packages)} packages, {len(chosen)} chosen with {extras} and {groups}")
    return problems


def main():
    os.makedirs("wheels")
    for name in ("local", "of_git"):
        os.makedirs(name)
        with open(f"{name}/pyproject.toml", "w", encoding="utf-8") as f:
            f.write(f"[project]\nname = '{name}'\nversion = '1.0'\n")
    git = ["git", "-C", "of_git", "-c", "user.name=x", "-c", "user.email=x@x", "-c", "init.defaultBranch=main"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        run(*git, *words)
    wheel("alpha", "1.0", requires=["beta>=1", "gamma; python_version < '3.10'", "delta; extra == 'x'"], extras=["x"])
    wheel("beta", "1.5", "py3-none-any")
    wheel("beta", "1.5", "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64")
    wheel("gamma", "0.1")
    wheel("delta", "2.0")
    wheel("flask_like", "3.0", requires=["beta"])
    wheel("pytest_like", "8.0")
    wheel("apart", "1.0")
    os.rename("wheels/apart-1.0-py3-none-any.whl", "apart-1.0-py3-none-any.whl")
    with open("pyproject.toml", "w", encoding="utf-8") as f:
        f.write("[project]\nname = 'demo'\nversion = '1'\nrequires-python = '>=3.9'\ndependencies = ['alpha[x]', 'local', 'of-git', 'apart']\n[project.optional-dependencies]\nWeb = ['flask-like']\n"
                f"[tool.uv.sources]\nlocal = {{path = 'local', editable = true}}\nof-git = {{git = 'file://{WORK}/of_git', branch = 'main'}}\napart = {{path = 'apart-1.0-py3-none-any.whl'}}\n"
                "[dependency-groups]\nDev-x = ['pytest-like', {include-group = 'lint'}]\nlint = ['delta']\n")
    uv = os.path.join(beside.ROOT, ".tools/bin/uv")
    given = ["--offline", "--no-index", "--find-links", "wheels"]
    run(uv, "lock", *given)
    run(uv, "export", *given, "--frozen", "--format", "pylock.toml", "--all-extras", "--all-groups", "--no-emit-project", "-o", "pylock.uv.toml")
    run(uv, "pip", "compile", *given, "--universal", "--python-version", "3.9", "--format", "pylock.toml", "--extra", "Web", "pyproject.toml", "-o", "pylock.compiled.toml")
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", "lock", "--no-index", "--find-links", "wheels", "-o", "pylock.toml", "alpha[x]", "./wheels/gamma-0.1-py3-none-any.whl")
    with open("pylock.uv.toml", encoding="utf-8") as f:
        text = f.read()
    assert all(f"{kind} = " in text for kind in ("vcs", "directory", "archive")), text
    problems = [p for path in ["pylock.uv.toml", "pylock.compiled.toml", "pylock.toml"] for p in check(path)]
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    if not shutil.which("git"):
        print("git is not installed")
        sys.exit(77)
    sys.exit(main())
