"""For test programs of many small cases: runs the functions of a module whose names begin with case_."""
import contextlib, sys, time, traceback


def run(module, around=contextlib.nullcontext, finish=None):
    """Runs the cases of `module`, its globals(), in the order they stand there; those alone whose names (without case_) the command line has. around() is entered
    anew for each case, which gets what it gives, if that is not None. Says of each how it went, calls finish() at the end, and exits: with 1 when one failed or
    none was run."""
    wanted = {name.removeprefix("case_") for name in sys.argv[1:]}
    passed = failed = 0
    try:
        for name, case in list(module.items()):
            if not name.startswith("case_") or (wanted and name[5:] not in wanted):
                continue
            began = time.monotonic()
            try:
                with around() as given:
                    case(*([] if given is None else [given]))
                passed += 1
                print(f"ok {name[5:]} ({time.monotonic() - began:.1f} s)", flush=True)
            except Exception:
                failed += 1
                print("FAILED", name[5:], flush=True)
                traceback.print_exc(file=sys.stdout)
    finally:
        if finish:
            finish()
    sys.exit(1 if failed or not passed else 0)
