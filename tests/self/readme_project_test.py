#!/usr/bin/env python3
"""The README's own small project is one that `lockstep check` finds nothing wrong in, and that renders."""
import os, re, subprocess, sys

ROOT = os.environ.get("ROOT", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def main():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        section = f.read().split("\n## A project of your own\n")[1].split("\n## ")[0]
    text = re.sub(r"^    ", "", "\n".join(line for line in section.split("\n") if line.startswith("    ")), flags=re.M) + "\n"
    parts = re.split(r"^# (\S+\.yaml)\n", text, flags=re.M)[1:]
    files = dict(zip(parts[::2], parts[1::2]))
    files["Jenkinsfile"] = re.search(r"`(ci_test = '[^`]*)`", section).group(1) + "\n"
    for path, content in files.items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(content)
    for command in ("check", "render"):
        done = subprocess.run(["lockstep", command], capture_output=True, text=True)
        print(done.stdout, done.stderr)
        if done.returncode:
            return 1
    return len(files) != 6 or not os.path.exists("containers/ci-test/Dockerfile")


if __name__ == "__main__":
    sys.exit(main())
