"""Runs one of lockstep's oracle programs beside a reference on generated questions; shared by the oracles of the newer standards. The program is as
tests/oracle/question.h says.

LOCKSTEP_ORACLE_CASES: how many cases; LOCKSTEP_ORACLE_SEED: other ones; LOCKSTEP_ORACLE_BUILD=debug: with sanitizers."""
import concurrent.futures, json, os, random, re, subprocess, sys, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = os.path.join(ROOT, ".tools/venv/bin/python")
BUILD = os.path.join(ROOT, "build", os.environ.get("LOCKSTEP_ORACLE_BUILD", "release"), "tests/oracle")
SEED = int(os.environ.get("LOCKSTEP_ORACLE_SEED", "1"))
BATCH = 1000


def enter_venv():
    """Goes on in the Python that tools/setup made, which has the references; once."""
    try:
        import packaging
        import pip
        if (packaging.__version__, pip.__version__) == ("26.3", "26.3"):
            return
    except ImportError:
        pass
    if os.path.exists(PYTHON) and not os.environ.get("LOCKSTEP_ORACLE_INSIDE"):
        os.execve(PYTHON, [PYTHON, *sys.argv], os.environ | {"LOCKSTEP_ORACLE_INSIDE": "1"})
    print("packaging 26.3 and pip 26.3 are not there: run tools/setup")
    sys.exit(77)


def encode(fields):
    return b"".join((f if isinstance(f, bytes) else f.encode("utf-8", "surrogatepass")).hex().encode() + b" " for f in fields)


def shown(text):
    """How a marker's text with NUL or half surrogate pairs, which are no UTF-8, comes back in JSON: each byte as U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd" * 3, text.replace("\0", "\ufffd" * 2)) if text else text


def ask(program, questions):
    """The answers, parsed; a text where the program stopped."""
    done = subprocess.run([os.path.join(BUILD, program)], input=b"\n".join(map(encode, questions)) + b"\n", capture_output=True)
    lines = done.stdout.split(b"\n")[:-1]
    if done.returncode or len(lines) != len(questions):
        at = min(len(lines), len(questions) - 1)
        return f"{program} stopped with {done.returncode} at {questions[at]!r}: {done.stderr.decode(errors='replace')[-3000:]}"
    return [json.loads(line) for line in lines]


def run_batch(program, kinds, same, number, count):
    r = random.Random(SEED * 1000003 + number)
    weighted = [kind for kind, weight in kinds for _ in range(weight)]
    cases = [r.choice(weighted)(r) for _ in range(count)]
    answers = ask(program, [question for question, _ in cases])
    if isinstance(answers, str):
        return [answers], {}
    problems, counts = [], {}
    for (question, expected), seen in zip(cases, answers):
        key = question[0] + (" refused" if expected is None else "")
        counts[key] = counts.get(key, 0) + 1
        if expected is None:
            # Refused, with a message that says why.
            fine = isinstance(seen, dict) and bool(seen.get("refused"))
        else:
            fine = same(seen, expected) if same else seen == expected
        if not fine:
            problems.append(f"{question!r}\n  lockstep  {json.dumps(seen)}\n  reference {json.dumps(expected, default=repr)}")
    return problems, counts


def main(program, kinds, default=10000, same=None):
    """kinds: [(function(random) -> (fields, expected answer; None: refused), weight)]; same(seen, expected): instead of equality."""
    if not os.path.exists(os.path.join(BUILD, program)):
        print(f"{program} is not built: make tests")
        return 1
    total = int(os.environ.get("LOCKSTEP_ORACLE_CASES", str(default)))
    began = time.monotonic()
    batches = [(i, min(BATCH, total - i * BATCH)) for i in range((total + BATCH - 1) // BATCH)]
    problems, counts = [], {}
    with concurrent.futures.ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for work in [pool.submit(run_batch, program, kinds, same, *batch) for batch in batches]:
            found, seen = work.result()
            problems += found
            for key, count in seen.items():
                counts[key] = counts.get(key, 0) + count
    print("\n".join(problems[:10]))
    print(", ".join(f"{key}: {count:,}" for key, count in sorted(counts.items())))
    print(f"{sum(counts.values()):,} cases, {len(problems)} differences, {time.monotonic() - began:.0f} s")
    return 1 if problems or not counts else 0
