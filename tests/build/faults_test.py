#!/usr/bin/env python3
"""`lockstep build` with an engine that misbehaves, and `lockstep build` stopped and killed: one clear message, nothing left running, and the next run goes on."""
import glob, json, os, pty, re, shutil, signal, subprocess, sys, time

ROOT, WORK = os.environ["ROOT"], os.environ["WORK"]
LOCKSTEP = os.path.join(ROOT, "build/debug/lockstep")
STORE = os.path.join(WORK, "store")
SLEEP = f"7{os.getpid() % 1000:03}.25"  # no other test sleeps as long
env = dict(os.environ, FAKE_STORE=STORE, FAKE_SLEEP=SLEEP, TERM="xterm")
problems = []


def check(what, condition, seen=""):
    if not condition:
        problems.append(f"{what}\n{seen}")


def make_project():
    done = subprocess.run(["bash", "-ec", '. "$ROOT/tests/engine/project.sh"; make_project; layer two \'[sh, -c, "second"]\' "requires: [one]"; lock; echo "$PATH"'],
                          cwd=WORK, env=env, capture_output=True, text=True, check=True)
    env["PATH"] = os.path.join(ROOT, "tests/fakes/engine") + ":" + done.stdout.strip().split("\n")[-1]
    env["LOCKSTEP_APT_MIRROR"] = "http://mirror.example/debian"


def clear():
    for path in (STORE, os.path.join(WORK, "project/.lockstep/logs"), os.path.join(WORK, "project/.lockstep/stages")):
        shutil.rmtree(path, ignore_errors=True)


def arguments(*more):
    return [LOCKSTEP, "build", "-C", os.path.join(WORK, "project"), *more]


def build(*more, **fake):
    began = time.monotonic()
    done = subprocess.run(arguments(*more), env=dict(env, **fake), cwd=WORK, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode("utf-8", "backslashreplace"), time.monotonic() - began


def built():
    path = os.path.join(STORE, "built")
    return len(open(path).read().split()) if os.path.exists(path) else 0


def still_running():
    return subprocess.run(["pgrep", "-f", f"^sleep {SLEEP}"], capture_output=True, text=True).stdout


def goes_on(what):
    code, out, err, _ = build()
    check(f"{what}: the next run goes on", code == 0 and out.count("built") == 2, out + err)
    check(f"{what}: nothing was built twice", built() == 5, str(built()))


def test_fail():
    clear()
    code, out, err, _ = build("--jobs", "1", FAKE="fail", FAKE_AT="second")
    check("fail: exit 1", code == 1 and not out, out + err)
    check("fail: step, last lines, log, what to do",
          re.search(r"error: building 'layer-two' \(a\) failed at step 2 of 2, RUN make\nexit status 2; its last lines:\n  line 12 of make\n(.*\n)*  why it failed\n"
                    r"  Error: building at STEP .*\nthe whole log: (\S+)\nwhat was finished stays so; 'lockstep build' goes on from here\n", err), err)
    log = re.search(r"the whole log: (\S+)", err)
    check("fail: the log is whole", log and "line 0 of make" in open(log.group(1)).read(), err)
    check("fail: its Dockerfile stays", len(glob.glob(os.path.join(WORK, "project/.lockstep/stages/*.Dockerfile"))) >= 1)
    goes_on("fail")


def test_other_jobs_are_stopped():
    clear()
    code, out, err, _ = build("a", FAKE="", FAKE_AT="")
    check("set-up", code == 0, err)
    # Two independent jobs: b's last stage hangs while a's fails.
    os.remove(os.path.join(STORE, "built"))
    clear()
    code, out, err, seconds = build("--jobs", "4", FAKE="fail", FAKE_AT="second")
    check("stopped: fails", code == 1, err)
    check("stopped: quickly", seconds < 10, str(seconds))


def test_signal_of_the_engine():
    clear()
    code, _, err, _ = build(FAKE="signal", FAKE_AT="second")
    check("signal: said", code == 1 and "it was ended by signal 11 (Segmentation fault)" in err, err)
    goes_on("signal")


def test_loud():
    clear()
    code, _, err, _ = build("--verbose", FAKE="loud", FAKE_AT="second")
    check("10 MB of output: no failure", code == 0, err[-2000:])
    logs = [os.path.getsize(p) for p in glob.glob(os.path.join(WORK, "project/.lockstep/logs/*two*"))]
    check("10 MB of output: all of it in the log", logs and logs[0] > 10 * 1024 * 1024, str(logs))


def test_terminal_codes():
    clear()
    code, _, err, _ = build("--verbose", FAKE="codes", FAKE_AT="second")
    check("codes: escaped", code == 1 and "\\x1b[2J\\x1b]0;title\\x07 evil \\u{202e} text" in err and "\\xff\\xfe not text" in err, err)
    check("codes: none comes through", "\033" not in err and "\u202e" not in err and "\x9b" not in err, err)


def test_lies():
    clear()
    code, _, err, _ = build(FAKE="lies", FAKE_AT="second")
    check("lies: said", code == 1 and "buildah built 'layer-two' (a) and has no image of it: buildah has no image 'localhost/lockstep/tiny/stage:" in err.replace("\nthe whole log", ": the whole log") or
          "has no image of it" in err, err)
    goes_on("lies")


def test_broken_and_missing():
    clear()
    code, _, err, _ = build("--engine", "buildah", FAKE="broken")
    check("broken: said with what to do", code == 1 and "engine 'buildah' does not work here" in err and "mounting storage: permission denied" in err and "info' says more" in err, err)
    code, _, err, _ = build(FAKE="overlay")
    check("no overlay on an overlay: vfs, and told", code == 0 and "error" not in err and "note: buildah has no overlay here" in err, err)
    code, _, err, _ = build("--engine", "buildah", PATH=os.path.join(WORK, "fake"))
    check("missing: said with what to do", code == 1 and "'apt-get install buildah' mends that" in err, err)
    code, _, err, _ = build("--engine", "biuldah")
    check("unknown engine", code == 1 and "did you mean 'buildah'?" in err, err)
    code, _, err, _ = build("aa")
    check("unknown container", code == 1 and "error: there is no container 'aa'\n" in err, err)
    code, _, err, _ = build("--jobs", "none")
    check("bad number", code == 2 and "'--jobs none' is no number from 1 to 64" in err, err)
    build()
    code, _, err, _ = build(FAKE="unreadable")
    check("unreadable", code == 1 and "buildah gave an answer that cannot be read" in err, err)


def test_no_mmdebstrap():
    clear()
    shutil.rmtree(os.path.join(WORK, ".cache/bases"))
    fake = os.path.join(WORK, "fake/mmdebstrap")
    os.rename(fake, fake + ".away")
    only = os.path.join(WORK, "only")
    os.makedirs(only)
    for program in ("python3", "apt-config", "apt-get", "sh", "sleep"):
        os.symlink(shutil.which(program), os.path.join(only, program))
    code, _, err, _ = build(PATH=os.path.join(ROOT, "tests/fakes/engine") + ":" + only)
    check("no mmdebstrap", code == 1 and "base 'tiny' is made by 'mmdebstrap', which is not in PATH; 'apt-get install mmdebstrap' mends that" in err, err)
    with open(fake, "w") as f:
        f.write("#!/bin/sh\necho 'E: cannot reach the mirror' >&2; exit 9\n")
    os.chmod(fake, 0o755)
    code, _, err, _ = build()
    check("mmdebstrap fails", code == 1 and "building 'tree-tiny' (a, b) failed\nexit status 9; its last lines:\n  E: cannot reach the mirror" in err, err)
    check("mmdebstrap fails: no temporary folder stays", not glob.glob(os.path.join(WORK, ".cache/bases/lockstep-making-*")))
    os.rename(fake + ".away", fake)
    goes_on("mmdebstrap fails")


def stop(number, how, what, limit):
    clear()
    process = subprocess.Popen(arguments(), env=dict(env, FAKE=how, FAKE_AT="second"), cwd=WORK, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
    for _ in range(200):
        if os.path.exists(os.path.join(STORE, "hanging")):
            break
        time.sleep(0.05)
    check(f"{what}: the step runs", still_running())
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    if number == signal.SIGKILL:
        while still_running() and time.monotonic() - began < limit:
            time.sleep(0.1)
    else:
        check(f"{what}: exit 1 and one message", process.returncode == 1 and err.count("error: stopped by ") == 1 and "Sanitizer" not in err, f"{process.returncode} {err}")
    check(f"{what}: within {limit} s", time.monotonic() - began < limit, str(time.monotonic() - began))
    check(f"{what}: nothing runs on", not still_running(), still_running())
    goes_on(what)


def test_stopped_and_killed():
    stop(signal.SIGINT, "hang", "SIGINT", 5)
    stop(signal.SIGTERM, "hang", "SIGTERM", 5)
    stop(signal.SIGINT, "stubborn", "SIGINT with an engine that does not listen", 15)
    stop(signal.SIGKILL, "hang", "SIGKILL", 5)
    stop(signal.SIGKILL, "stubborn", "SIGKILL with an engine that does not listen", 15)


def wait_for(condition):
    for _ in range(1200):
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_what_a_killed_build_left():
    clear()
    folder = os.path.join(WORK, "project/.lockstep/tmp")
    process = subprocess.Popen(arguments(), env=dict(env, FAKE="hang", FAKE_AT="second"), cwd=WORK, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    check("killed build: the step runs", wait_for(lambda: os.path.exists(os.path.join(STORE, "hanging"))))
    process.kill()
    process.wait()
    check("killed build: the engine's copy is left", os.listdir(folder) == ["buildah-copy"], str(os.listdir(folder)))
    check("killed build: nothing runs on", wait_for(lambda: not still_running()))
    os.remove(os.path.join(STORE, "temporary"))
    goes_on("killed build")
    seen = open(os.path.join(STORE, "temporary")).read()
    check("killed build: the next one finds an empty folder", seen and set(seen.split("\n")) == {"seen:", ""}, seen)
    check("killed build: and leaves none", not os.path.exists(folder))


def test_leftovers():
    clear()
    os.makedirs(STORE)
    host = re.sub(r"[^A-Za-z0-9]", ".", os.uname().nodename)
    dead = subprocess.Popen(["true"])
    dead.wait()
    mark = os.path.join(env["LOCKSTEP_CACHE"], "no-mounts.conf")
    containers = [{"containername": name, "imagename": "x", "mounts": mounts} for name, mounts in (
        (f"lockstep-run-{host}-{dead.pid}-1", ""), (f"lockstep-run-{host}-{os.getpid()}-1", ""), (f"lockstep-run-elsewhere-{dead.pid}-1", ""),
        ("stage-working-container-3", mark), ("stage-working-container", ""), ("working-container", mark), ("debian-working-container", "/other" + mark),
        ("mine", mark))]
    with open(os.path.join(STORE, "containers"), "w") as f:
        json.dump(containers, f)
    code, _, err, _ = build()
    removed = open(os.path.join(STORE, "removed")).read().split() if os.path.exists(os.path.join(STORE, "removed")) else []
    check("leftovers: ours and only ours are removed", code == 0 and removed == [f"lockstep-run-{host}-{dead.pid}-1", "stage-working-container-3", "working-container"], str(removed) + err)


def test_live_display():
    clear()
    master, slave = pty.openpty()
    import fcntl, struct, termios
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    process = subprocess.Popen(arguments(), env=dict(env, FAKE="slow", FAKE_SLEEP="1", FAKE_AT="second"), cwd=WORK, stdin=slave, stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    seen = b""
    while True:
        try:
            got = os.read(master, 65536)
        except OSError:
            break
        if not got:
            break
        seen += got
    code = process.wait()
    text = seen.decode()
    check("live: done", code == 0, text)
    check("live: a line for what runs", re.search(r"  layer-two \(a\)  .*2/2  .*RUN make", text), text)
    check("live: a line for what is done", re.search(r"built\s*\033\[0m? *layer-two \(a\) in [1-9]\d*\.\d s", text), text)
    for line in re.split(r"\r?\n|\r", text):
        plain = re.sub(r"\033\[[0-9;]*[A-Za-z]", "", line)
        check("live: no line is wider than the terminal", len(plain) < 60 or "fetch" in plain, plain)


def build_on_a_full_disk(folder):
    """In a mount namespace of its own, where `folder` is a disk of 1 MiB."""
    os.makedirs(folder, exist_ok=True)
    script = 'mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"'
    return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", folder, *arguments()], env=env, cwd=WORK, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120)


def test_full_disk():
    clear()
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        return  # only root may mount
    shutil.rmtree(os.path.join(WORK, "project/.lockstep/contexts"))
    done = build_on_a_full_disk(os.path.join(WORK, "project/.lockstep/contexts"))
    check("full disk, contexts", done.returncode == 1 and "error: cannot prepare the build context of 'a': " in done.stderr and "No space left on device" in done.stderr, done.stderr)
    check("full disk, contexts: one line", done.stderr.count("error:") == 1 and "Sanitizer" not in done.stderr, done.stderr)
    shutil.rmtree(os.path.join(WORK, ".cache/bases"))
    done = build_on_a_full_disk(os.path.join(WORK, ".cache/bases"))
    check("full disk, bases", done.returncode == 1 and "building 'tree-tiny' (a, b) failed" in done.stderr and "No space left on device" in done.stderr, done.stderr)
    goes_on("full disk")


make_project()
for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
print("\n".join(problems))
sys.exit(1 if problems else 0)
