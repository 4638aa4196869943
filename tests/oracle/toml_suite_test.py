#!/usr/bin/env python3
"""The TOML reader and writer against the official conformance cases (the program toml-test; $TOML_TEST, .tools/bin or PATH)."""
import os, re, shutil, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

NOT_ASKED = ["key/quoted-unicode"]  # a key with NUL, which the JSON reader has none of


def main():
    program = os.environ.get("TOML_TEST") or os.path.join(ROOT, ".tools/bin/toml-test")
    if not os.path.exists(program):
        program = shutil.which("toml-test")
    if not program:
        print("toml-test is not there: tools/setup test builds it, where the Go proxy can be reached (.tools/go.log)")
        return 77
    build = os.path.join(ROOT, "build", os.environ.get("LOCKSTEP_ORACLE_BUILD", "release"), "tests/oracle/toml_")
    skips = [f"-skip=encoder/{name}" for name in NOT_ASKED]
    done = subprocess.run([program, "test", "-toml=1.0", "-timeout=120s", "-color=never", "-decoder=" + build + "decoder", "-encoder=" + build + "encoder", *skips],
                          capture_output=True, text=True)
    print(done.stdout + done.stderr)
    # The numbers are those of the version that tools/go names.
    seen = re.findall(r"^ *(valid|encoder|invalid) tests: *(\d+) passed, +0 failed", done.stdout, re.M)
    passed = seen == [("valid", "205"), ("encoder", "204"), ("invalid", "474")] or "toml-test v2.2.0 " not in done.stdout
    return 0 if done.returncode == 0 and passed else 1


sys.exit(main())
