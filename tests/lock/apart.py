"""What happens where containers are not locked together: each alone, or one after another. uv is asked by itself, for what a lock says that each container asks
for, so that a scenario shows what its joint lock is worth."""
import os, subprocess


def compile_one(uv, environment, work, python, requirements, known, hard):
    """{name: version}, or None when there is no answer. What is known is a constraint, or what is kept where it can be."""
    files = {"in": requirements, "known": [f"{n}=={v}" for n, v in sorted(known.items())]}
    for name, lines in files.items():
        with open(os.path.join(work, name + ".txt"), "w") as f:
            f.write("".join(line + "\n" for line in lines))
    out = os.path.join(work, "known.txt") if not hard else os.path.join(work, "out.txt")
    command = [uv, "pip", "compile", work + "/in.txt", "-o", out, "--python-version", python["python"], "--python-platform",
               f"{python['machine']}-manylinux_{python['libc-version'].replace('.', '_')}", "--no-header", "--no-annotate", "--no-build", "-q"]
    done = subprocess.run(command + (["-c", work + "/known.txt"] if hard else []), env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode:
        return None
    with open(out) as f:
        return dict(line.split(" ")[0].strip().split("==") for line in f if "==" in line)


def outcome(uv, environment, work, lock, names, chained, hard):
    """"agrees", "drifts" or "fails"."""
    environments = {e["name"]: e for e in lock["environment"]}
    containers = {c["name"]: c for c in lock["container"]}
    seen, result = {}, "agrees"
    for name in names:
        c = containers[name]
        pins = compile_one(uv, environment, work, environments[c["environment"]], c.get("direct", []), seen if chained else {}, hard)
        if pins is None:
            return "fails"
        if any(seen.get(n, v) != v for n, v in pins.items()):
            result = "drifts"
        seen = {**pins, **seen}
    return result


def check(uv, environment, work, lock, names, s):
    problems = []
    for key, chained in (("alone", False), ("chain", True)):
        if key in s:
            was = outcome(uv, environment, work, lock, names, chained, hard=chained and s[key] == "fails")
            if was != s[key]:
                problems.append(f"{key}: it {was}, expected: {s[key]}")
    return problems
