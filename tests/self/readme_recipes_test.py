#!/usr/bin/env python3
"""What the README shows of recipes/python.yaml is one file that `lockstep check` finds nothing wrong in."""
import os, re, subprocess, sys

ROOT = os.environ.get("ROOT", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
FILES = {
    "recipes/project.yaml": "name: readme\nindexes: [{alias: default}, {alias: gpu-wheels}]\n",
    "recipes/bases/debian.yaml": 'from: {mmdebstrap: {suite: bookworm}}\nenvironment: {python: "3.11", machine: x86_64, libc_version: "2.36"}\n',
    "recipes/layers/cuda.yaml": 'options: {version: {choices: ["12.4"], default: "12.4"}, from: {choices: [wheels, debian], default: wheels}}\nsteps: [{env: {A: b}}]\n',
    "vendor/wheel2-1.0-py3-none-any.whl": "",
}


def main():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        section = f.read().split("\n## What recipes/python.yaml can say\n")[1].split("\n## ")[0]
    text = re.sub(r"^    ", "", "\n".join(line for line in section.split("\n") if line.startswith("    ")), flags=re.M) + "\n"
    further = re.search(r"`(further_environments: \[.*\])`", section).group(1)
    groups = sorted(set(re.findall(r"groups: \[([a-z, -]+)\]", text)))
    names = sorted({name for group in groups for name in group.split(", ")})
    files = {**FILES, "recipes/python.yaml": "groups: {" + ", ".join(f"{n}: " for n in names) + "}\n" + text}
    files["recipes/bases/debian.yaml"] += further + "\n"
    files["containers/ci-gpu/container.yaml"] = f"base: debian\npython: {{groups: [{', '.join(n for n in names if n != 'importer-torch')}]}}\n"
    files["containers/ci-torch/container.yaml"] = "base: debian\nlayers: [cuda]\npython: {groups: [importer-torch]}\n"
    for path, content in files.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(content)
    done = subprocess.run(["lockstep", "check", "--strict"], capture_output=True, text=True, env={**os.environ, "LOCKSTEP_NOW": "1767225600"})
    print(done.stdout, done.stderr)
    return done.returncode or not text.count("range:")


if __name__ == "__main__":
    sys.exit(main())
