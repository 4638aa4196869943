#!/usr/bin/env python3
"""Writes a valid project with N containers, the same bytes for the same arguments.

usage: generate_project.py FOLDER N [--packages P] [--groups G] [--jenkinsfile]

`lockstep check` finds no problem in it, and no warning. Packages have made-up names (pkg-0001), so it is for checking, rendering and measuring, not for locking.
"""
import argparse
import os


def write(folder, path, text):
    target = os.path.join(folder, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w", encoding="utf-8") as f:
        f.write(text)


def python_file(packages, groups):
    out = ["groups:"]
    for g in range(groups):
        include = f", include: [group-{g // 2:03}]" if g % 4 == 3 else ""
        out.append(f"  group-{g:03}: {{description: the packages of purpose {g}{include}}}")
    out.append("packages:")
    for p in range(packages):
        name = f"pkg-{p:04}"
        if p % 10 == 3:
            out += [f"  {name}:", f"    groups: [group-{p % groups:03}]", f'    range: ">=1.{p % 7},<3"',
                    "    why: the next major release moves a module that is used", "    link: https://tracker.example/issues/%d" % p]
        elif p % 25 == 7:
            out.append(f'  {name}: {{groups: [group-{p % groups:03}], exact: "2.{p}.1", why: later ones lay files out differently}}')
        else:
            second = f", group-{(p + 1) % groups:03}" if groups > 1 and p % 6 == 0 else ""
            out.append(f"  {name}: {{groups: [group-{p % groups:03}{second}]}}")
    out.append("  pkg-swapped: {}")
    return "\n".join(out) + "\n"


BASE = """description: a Debian tree
from:
  mmdebstrap: {suite: bookworm, variant: minbase, components: [main], include: [ca-certificates, python3, python3-pip, python3-venv]}
python: /usr/bin/python3
environment: {python: "3.11", machine: x86_64, libc_version: "2.36"}
"""

LAYERS = {
    "gcc": """description: compilers
steps:
  - apt: [gcc, g++, libc6-dev, make]
    why: what everything else is built with
verify:
  - name: compiles
    files: {a.c: "int main(void) { return 0; }\\n"}
    run: [[gcc, a.c], [./a.out]]
snapshot:
  - {name: gcc, run: [[gcc, -dumpfullversion]]}
""",
    "llvm": """description: LLVM
requires: [gcc]
options:
  version: {description: major release, choices: ["14", "15", "16", "19"], default: "16"}
steps:
  - apt: ["llvm-${version}-dev", "clang-${version}"]
  - link: {path: /usr/local/bin/clang, target: "/usr/bin/clang-${version}"}
  - env: {LLVM_CONFIG: "/usr/bin/llvm-config-${version}", PATH: "/usr/lib/llvm-${version}/bin:${env:PATH}"}
snapshot:
  - {name: llvm-config, run: [["llvm-config-${version}", --version]]}
""",
    "tools": """description: small tools
options:
  folder: {description: where they go, pattern: path, default: /opt/tools}
steps:
  - apt: [git, ninja-build]
  - file: {path: "${folder}/settings", content: "generated\\n"}
  - run: [chmod, "0755", "${folder}"]
""",
}


def container_file(c, groups):
    # The first has every group, so that none is unused however few containers there are.
    chosen = range(groups) if c == 0 else sorted({(c * 7 + i * 3) % groups for i in range(1 + c % 6)} | {0, c % groups})
    llvm = ["14", "15", "16", "19"][c % 4]
    out = [f"description: container {c} of a generated project", "base: debian", "layers:", "  - gcc"]
    if c % 3:
        out.append(f"  - llvm: {{version: {llvm}}}")
    if c % 5 == 0:
        out.append(f"  - tools: {{folder: /opt/tools-{c % 10}}}")
    out += ["python:", "  groups: [" + ", ".join(f"group-{g:03}" for g in chosen) + "]"]
    if c == 0:
        out += ["  swaps:", "    pkg-0000: {with: pkg-swapped, why: there is another build for this machine}"]
    out += ["apt: [curl, jq]" if c % 2 else "apt: [curl]", f'env: {{LANG: C.UTF-8, CONTAINER: "{c}"}}', "workdir: /workspace"]
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("containers", type=int)
    parser.add_argument("--packages", type=int, default=100)
    parser.add_argument("--groups", type=int, default=12)
    parser.add_argument("--jenkinsfile", action="store_true", help="also write a Jenkinsfile with all tags")
    args = parser.parse_args()
    names = [f"ci-{c:05}" for c in range(args.containers)]
    tags = "tags: [Jenkinsfile]\n" if args.jenkinsfile else ""
    write(args.folder, "recipes/project.yaml", f"name: generated\nrepository: registry.example:5000/generated\nfirst_release: v0.1\nvenv: /opt/venv\n{tags}")
    write(args.folder, "recipes/python.yaml", python_file(args.packages, args.groups))
    write(args.folder, "recipes/bases/debian.yaml", BASE)
    for name, text in LAYERS.items():
        write(args.folder, f"recipes/layers/{name}.yaml", text)
    for c, name in enumerate(names):
        write(args.folder, f"containers/{name}/container.yaml", container_file(c, args.groups))
    if args.jenkinsfile:
        lines = [f"{n.replace('-', '_')} = 'registry.example:5000/generated/{n}:v0.0'" for n in names]
        write(args.folder, "Jenkinsfile", "\n".join(lines) + "\n\nnode { echo ci_00000 }\n")


main()
