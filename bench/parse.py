#!/usr/bin/env python3
"""Versions and requirements of real metadata (bench/parse.txt): lockstep's readers beside those of `packaging`, each in a loop of its own process. Every text is
read anew each time: packaging's own memory of texts it has seen is emptied between rounds, as a list of texts that differ would have it.

usage: bench/parse.py [ROUNDS]      (after tools/setup test, make tests)"""
import os, subprocess, sys, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = os.path.join(ROOT, ".tools/venv/bin/python")
LOOP = os.path.join(ROOT, "build/release/tests/oracle/parse_loop")

if os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(ROOT, ".tools/venv")):
    os.execv(PYTHON, [PYTHON, *sys.argv])

import packaging
from packaging import _tokenizer, markers, requirements, specifiers, version


def forget():
    for module in (version, specifiers, markers, requirements, _tokenizer):
        for thing in vars(module).values():
            if hasattr(thing, "cache_clear"):
                thing.cache_clear()


def packaging_ns(read, texts, rounds):
    valid, spent = 0, 0
    for _ in range(rounds):
        forget()
        began = time.perf_counter_ns()
        for text in texts:
            try:
                read(text)
                valid += 1
            except ValueError:
                pass
        spent += time.perf_counter_ns() - began
    return valid, spent


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    with open(os.path.join(ROOT, "bench/parse.txt"), encoding="utf-8") as f:
        lines = f.read().splitlines()
    print(f"packaging {packaging.__version__}, Python {sys.version.split()[0]}; best of 5 runs of {rounds} rounds")
    print(f"{'':14}{'texts':>7}{'packaging':>16}{'lockstep':>16}{'times as fast':>16}")
    low = False
    for kind, read in (("version", version.Version), ("requirement", requirements.Requirement)):
        texts = [line[len(kind) + 1:] for line in lines if line.startswith(kind + " ")]
        theirs, ours = [], []
        for _ in range(5):
            valid, spent = packaging_ns(read, texts, rounds)
            theirs.append(spent / rounds / len(texts))
            done = subprocess.run([LOOP, kind, str(rounds * 20)], input="\n".join(texts) + "\n", capture_output=True, text=True, check=True)
            seen, spent = done.stdout.split()
            assert int(seen) == valid * 20, "they do not read the same"
            ours.append(float(spent) / rounds / 20 / len(texts))
        ratio = min(theirs) / min(ours)
        low = low or ratio < 20
        print(f"{kind:14}{len(texts):7}{min(theirs):13.0f} ns{min(ours):13.0f} ns{ratio:16.1f}")
    sys.exit("less than 20 times" if low else 0)


if __name__ == "__main__":
    main()
