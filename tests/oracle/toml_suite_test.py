#!/usr/bin/env python3
"""The TOML reader against the official conformance cases (the program toml-test; $TOML_TEST, .tools/bin or PATH)."""
import os, shutil, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    program = os.environ.get("TOML_TEST") or os.path.join(ROOT, ".tools/bin/toml-test")
    if not os.path.exists(program):
        program = shutil.which("toml-test")
    if not program:
        print("toml-test is not installed: go install github.com/toml-lang/toml-test/v2/cmd/toml-test@v2.2.0")
        return 77
    decoder = os.path.join(ROOT, "build/debug/tests/oracle/toml_decoder")
    done = subprocess.run([program, "test", "-toml=1.0", "-color=never", "-decoder=" + decoder], capture_output=True, text=True)
    print(done.stdout + done.stderr)
    passed = "valid tests: " in done.stdout and "invalid tests: " in done.stdout
    return 0 if done.returncode == 0 and passed else 1


sys.exit(main())
