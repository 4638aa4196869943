#!/usr/bin/env python3
"""Carets beside poetry-core's parser: the same specifier, and the same versions taken. Specifiers that are said to exclude each other beside `packaging`: no version
is in both.

LOCKSTEP_ORACLE_CASES: how many of each (default 20,000); LOCKSTEP_ORACLE_SEED: other ones; LOCKSTEP_ORACLE_BUILD=debug: with sanitizers."""
import os, random, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = os.path.join(ROOT, ".tools/venv/bin/python")
ORACLE = os.path.join(ROOT, "build", os.environ.get("LOCKSTEP_ORACLE_BUILD", "release"), "tests/oracle/constraint")
CASES = int(os.environ.get("LOCKSTEP_ORACLE_CASES", "20000"))
SEED = int(os.environ.get("LOCKSTEP_ORACLE_SEED", "1"))

try:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version
    from poetry.core.constraints.version import Version as PoetryVersion
    from poetry.core.constraints.version.parser import parse_single_constraint
except ImportError:
    if os.path.exists(PYTHON) and not os.environ.get("LOCKSTEP_ORACLE_INSIDE"):
        os.execve(PYTHON, [PYTHON, *sys.argv], os.environ | {"LOCKSTEP_ORACLE_INSIDE": "1"})
    print("packaging and poetry-core are not there: run tools/setup test")
    sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import python_cases as make

FIXED_CARETS = ["^1.2.3", "^0.2.3", "^0.0.3", "^0.0", "^0", "^1", "^1.2", "^0.0.0", "^0.0.0.5", "^1.2.3.4", "^0.1.2.3", "^1!0.2", "^1.2.3a1", "^0.0.3rc1", "^0.2.dev3",
                "^1.0.post1", "^0.0.3.post2.dev1", "^ 1.2", "^v1.2", "^9.9", "^0.9", "^0.0.99", "^1.2.3-1", "^00.0.1", "^1.0.*", "^", "1.2", "^1.2,<1.5", "^1.2 || ^2",
                "^1.2+x", "^x", "^^1", "^99999999999999999999.1", "^0.99999999999999999999", "^1..2"]
FIXED_EXCLUDE = [(">=2", "<2", "1"), (">2", "<=2", "1"), (">=2", "<=2", "0"), ("==1.26.4", "<1.26", "1"), ("==1.26.4", "!=1.26.4", "1"), ("==1.0", "==1.0+cpu", "0"),
                 ("==1.0+a", "==1.0+b", "1"), ("==1.2.*", "==1.3.*", "1"), ("~=1.4", ">=2", "1"), ("~=1.4.2", ">=1.5", "1"), (">=1,<1", "", "1"), ("", "", "0"),
                 (">=2.0a1", "<2", "1"), ("===1.0", "==1.0.0", "0"), ("===1.1", "==1.0.0", "1"), (">1.0", "==1.0.post1", "1"), ("==1.0", "==1.0.*,!=1.0.*", "1"),
                 ("!=1.0", "!=1.1", "0"), ("<=1.0", "==1.0+cpu", "0"), ("===foo", "==1", "0"), ("==2", "==1", "1"), ("==1.0.0", "==1", "0"), (">=1!1", "<2", "1")]


def ask(questions):
    done = subprocess.run([ORACLE], input="".join("\t".join(q) + "\n" for q in questions), text=True, capture_output=True)
    answers = done.stdout.split("\n")[:-1]
    if done.returncode or len(answers) != len(questions):
        sys.exit(f"the oracle gave up: {done.returncode}, {len(answers)} answers of {len(questions)}\n{done.stderr}")
    return answers


def plain(text):
    return not re.search(r"[\t\n\r\x00\x0b\x0c\x1c-\x1f\x85]", text) and text.isprintable()


def version_text(r):
    if r.random() < .5:
        numbers = [r.choice(["0", "0", "0", "1", "2", "9", "10", "99", "007"]) for _ in range(r.randint(1, 5))]
        return r.choice(["", "", "", "1!", "0!", "v"]) + ".".join(numbers) + r.choice(["", "", "", "a1", "rc2", ".dev0", ".dev3", ".post1", ".post1.dev2", "b2.post3", "-4"])
    return make.version(r)


def caret_cases(r):
    texts = list(FIXED_CARETS)
    while len(texts) < CASES:
        text = r.choice(["^", "^", "^", "^", "^ ", "^  ", "", "^^", "~"]) + version_text(r) + r.choice([""] * 9 + [" ", ".*", ",<3"])
        if plain(text):
            texts.append(text)
    return texts


def without_earliest(v):
    """Poetry ends a range before the first development release of its bound; PEP 440's "<" means the same without saying so."""
    return str(v.without_devrelease()) if v.dev is not None and v.dev.number == 0 else str(v)


def expected_caret(text):
    """What poetry says of it, with the version in its normal form: poetry keeps the case of "Rc" and "REV" and then orders them otherwise than PEP 440."""
    try:
        parse_single_constraint(text.strip())
        return parse_single_constraint("^" + str(Version(text.strip().removeprefix("^")))) if text.strip().startswith("^") else None
    except ValueError:
        return None


def check_caret(r, text, answer):
    constraint = expected_caret(text)
    if constraint is None or constraint.min.is_local():
        return None if answer.startswith("no: ") else f"caret {text!r}: poetry refuses it, lockstep says {answer!r}"
    expected = f">={constraint.min.text},<{without_earliest(constraint.max)}"
    if answer != expected:
        return f"caret {text!r}: poetry says {expected!r}, lockstep {answer!r}"
    ours = SpecifierSet(answer)
    low, high = str(constraint.min), str(constraint.max)
    for v in [low, high, low + ".dev1" if ".dev" not in low else low, *(make.near(r, r.choice([low, high])) for _ in range(8))]:
        try:
            parsed = Version(v)
        except InvalidVersion:
            continue
        if ours.contains(parsed, prereleases=True) != constraint.allows(PoetryVersion.parse(str(parsed))):
            return f"caret {text!r}: {v!r} is {'in' if ours.contains(parsed, prereleases=True) else 'not in'} {answer!r}, and poetry says otherwise"
    return None


def exclude_cases(r):
    cases = [(a, b) for a, b, _ in FIXED_EXCLUDE]
    while len(cases) < CASES:
        numbers = [version_text(r).lstrip("v") for _ in range(2)]
        numbers += [make.near(r, numbers[0]), numbers[0] + "+x"]
        sets = [",".join(r.choice(["==", "==", "!=", ">=", "<=", "<", ">", "~=", "==="]) + r.choice(numbers) + r.choice(["", "", "", ".*"])
                         for _ in range(r.choice([1, 1, 2, 3]))) for _ in range(2)]
        if plain("".join(sets)):
            cases.append(tuple(sets))
    return cases


def parsed_set(text):
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


def check_exclude(r, pair, answer):
    a, b = (parsed_set(text) for text in pair)
    if a is None or b is None:
        return None if answer == "no" else f"exclude {pair}: one is no specifier, lockstep says {answer}"
    if answer != "1":
        return None if answer == "0" else f"exclude {pair}: {answer}"
    named = [s.version.removesuffix(".*") for s in [*a, *b]]
    for v in [*named, *(n + "+x" for n in named), *(make.near(r, r.choice(named)) for _ in range(20))] if named else ["1.0"]:
        if a.contains(v, prereleases=True) and b.contains(v, prereleases=True):
            return f"exclude {pair}: {v!r} is in both"
    return None


def main():
    r = random.Random(SEED)
    carets, pairs = caret_cases(r), exclude_cases(r)
    answers = ask([["caret", text] for text in carets] + [["exclude", *pair] for pair in pairs])
    problems = [p for text, answer in zip(carets, answers) if (p := check_caret(r, text, answer))]
    excludes = answers[len(carets):]
    problems += [p for pair, answer in zip(pairs, excludes) if (p := check_exclude(r, pair, answer))]
    problems += [f"exclude {a!r} {b!r}: {seen}, and must be {want}" for (a, b, want), seen in zip(FIXED_EXCLUDE, excludes) if seen != want]
    print("\n".join(problems[:20]))
    taken = sum(not a.startswith("no: ") for a in answers[:len(carets)])
    print(f"{len(carets):,} carets ({taken:,} valid), {len(pairs):,} pairs of specifiers ({excludes.count('1'):,} exclude each other), {len(problems)} differences")
    return 1 if problems or not taken else 0


if __name__ == "__main__":
    sys.exit(main())
