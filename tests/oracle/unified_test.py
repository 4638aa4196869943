#!/usr/bin/env python3
"""unified_diff() beside diff -d and patch: what it prints turns the old text into the new one, is as short, and has hunks as diff has them."""
import os
import random
import re
import shutil
import subprocess
import sys

PROGRAM = os.path.join(os.environ["ROOT"], "build/debug/tests/oracle/unified")
SEED = int(os.environ.get("LOCKSTEP_TEST_SEED", "1"))


def changes(text):
    return sum(1 for line in text.split(b"\n") if re.match(rb"[-+](?!--|\+\+ )", line) or line in (b"-", b"+"))


def hunk_count(text):
    return len(re.findall(rb"^@@ ", text, re.M))


def compare(before, after):
    with open("old", "wb") as f:
        f.write(before)
    with open("new", "wb") as f:
        f.write(after)
    ours = subprocess.run([PROGRAM, "old", "new"], capture_output=True, check=False)
    assert ours.returncode == (before != after), (ours.returncode, ours.stderr)
    if before == after:
        assert ours.stdout == b""
        return
    theirs = subprocess.run(["diff", "-d", "-u", "--label", "a/x", "--label", "b/x", "old", "new"], capture_output=True, check=False)
    assert changes(ours.stdout) == changes(theirs.stdout), "longer than diff -d"
    if shutil.which("patch"):
        shutil.copy("old", "patched")
        done = subprocess.run(["patch", "-s", "-F0", "patched"], input=ours.stdout, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout
        assert not os.path.exists("patched.orig"), "patch had to guess"
        with open("patched", "rb") as f:
            assert f.read() == after, "patch made something else"


def text_of(words):
    text = b"".join(w + b"\n" for w in words)
    return text[:-1] if text and random.random() < 0.2 else text


def edited(words):
    words = list(words)
    for _ in range(random.randrange(6)):
        at = random.randrange(len(words) + 1)
        kind = random.randrange(3)
        if kind == 0:
            words[at:at] = [random.choice(ALPHABET) for _ in range(random.randrange(1, 4))]
        elif kind == 1:
            del words[at:at + random.randrange(1, 4)]
        elif at < len(words):
            words[at] = random.choice(ALPHABET)
    return words


ALPHABET = [b"a", b"b", b"c", b"", b"  d", b"xy", b"\\ e", b"@@ f"]


def main():
    random.seed(SEED)
    fixed = [(b"", b"a\n"), (b"a\n", b""), (b"a", b"a\n"), (b"a\n", b"a"), (b"", b"\n"), (b"a\nb", b"c\nb"), (b"same\n", b"same\n"), (b"", b"")]
    for before, after in fixed:
        compare(before, after)
    for _ in range(120):
        words = [random.choice(ALPHABET) for _ in range(random.randrange(60))]
        compare(text_of(words), text_of(edited(words)))
    for _ in range(40):
        compare(text_of([random.choice(ALPHABET) for _ in range(random.randrange(40))]), text_of([random.choice(ALPHABET) for _ in range(random.randrange(40))]))
    # The same hunks as diff where the changes leave no choice: every line is another one, and changes stand at every distance.
    for gap in range(1, 12):
        before = [b"%d" % i for i in range(40)]
        after = list(before)
        after[10] = b"x"
        after[10 + gap] = b"y"
        a, b = text_of(before + [b""]), text_of(after + [b""])
        with open("old", "wb") as f:
            f.write(a)
        with open("new", "wb") as f:
            f.write(b)
        ours = subprocess.run([PROGRAM, "old", "new"], capture_output=True, check=False).stdout
        theirs = subprocess.run(["diff", "-d", "-u", "--label", "a/x", "--label", "b/x", "old", "new"], capture_output=True, check=False).stdout
        assert ours == theirs, (gap, ours, theirs)
    large = [b"%d" % (i % 977) for i in range(20000)]
    compare(text_of(large), text_of(large[:5000] + [b"new"] + large[5100:]))
    return 0


sys.exit(main())
