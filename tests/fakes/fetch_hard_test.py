#!/usr/bin/env python3
"""Fetching on bad days of this machine's own: killed in the middle, two at once, a full disk, a cache that cannot be written; and little memory on good ones."""
import json, os, random, re, signal, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases, fetching
from fetching import Bench

BIG = {"packages": {"alpha": {"1.0": {"padding": 4000000}}, "beta": {"1.0": {"padding": 3000000}}, "gamma": {"1.0": {"padding": 500}}}}


def whole(bench):
    """Everything is in the store, nothing half is left."""
    code, out, err = bench.run()
    assert code == 0, f"exit {code}\n{err[:1500]}"
    wanted = {f.sha256 for n in bench.index.packages("default") for f in bench.index.files("default", n) if f.name.endswith(".whl")}
    assert set(bench.stored()) == wanted and bench.partials() == {}, (bench.stored().keys(), bench.partials())
    return out


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


def interrupted(number, check):
    with Bench(BIG) as b:
        b.index.add_fault("/files/default/alpha/", "trickle", times=1, chunk=100000, pause=0.03)
        p = b.start()
        alpha = b.file("alpha").sha256
        wait_for(lambda: b.partials().get(alpha, 0) > 300000)
        p.send_signal(number)
        out, err = p.communicate(timeout=20)
        check(p.returncode, err)
        kept = b.partials()[alpha]
        assert 300000 < kept < len(b.file("alpha").content), kept
        assert alpha not in b.stored()
        whole(b)
        asked = [r["range"] for r in b.requests("/files/default/alpha/") if r["range"]]
        assert asked == [f"bytes={kept}-"], (asked, kept)


def case_interrupted():
    def check(code, err):
        assert code == 1 and "stopped by Interrupt; run the same command again to go on" in err, (code, err)
    interrupted(signal.SIGINT, check)
    interrupted(signal.SIGTERM, lambda code, err: None)


def case_killed():
    def check(code, err):
        assert code == -signal.SIGKILL
    interrupted(signal.SIGKILL, check)


def case_killed_again_and_again():
    with Bench(BIG) as b:
        b.index.add_fault("/files/", "trickle", chunk=60000, pause=0.004)
        for n in range(12):
            p = b.start()
            time.sleep(0.06 + 0.03 * n)
            p.kill()
            p.communicate()
            b.stored()  # whatever is in the store is whole
        b.index.faults.clear()
        whole(b)


def case_second_interrupt_ends_at_once():
    with Bench(BIG) as b:
        b.index.add_fault("/files/", "mute", pause=3)
        p = b.start()
        wait_for(lambda: b.partials())
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=5)
        assert p.returncode in (1, 130), p.returncode


def case_two_at_once():
    with Bench(BIG) as b:
        b.index.add_fault("/files/", "trickle", chunk=200000, pause=0.01)
        both = [b.start(), b.start(), b.start()]
        for p in both:
            out, err = p.communicate(timeout=60)
            assert p.returncode == 0, err
        whole(b)
        # Each file came once: the others waited for it.
        assert len(b.requests()) == 3, b.requests()


def case_other_one_is_killed():
    with Bench(BIG) as b:
        b.index.add_fault("/files/default/alpha/", "trickle", times=1, chunk=100000, pause=0.03)
        first = b.start()
        wait_for(lambda: b.partials().get(b.file("alpha").sha256, 0) > 300000)
        second = b.start()
        time.sleep(0.3)
        first.kill()
        first.communicate()
        out, err = second.communicate(timeout=60)
        assert second.returncode == 0, err
        whole(b)
        asked = [r["range"] for r in b.requests("/files/default/alpha/")]
        assert len([a for a in asked if a and a.startswith("bytes=")]) == 1, asked


def mounted(path, options):
    os.makedirs(path, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", path], capture_output=True, text=True)
    if done.returncode:
        print("# cannot mount a tmpfs here:", done.stderr.strip())
        return False
    return True


def case_full_disk_is_seen_before():
    with Bench(BIG) as b:
        if not mounted(b.work + "/cache", "size=3m"):
            return
        try:
            code, out, err = b.run()
            assert code == 1 and re.search(r"need 7\.\d+ MB, and '.*cache' has room for 3\.\d+ MB; free some space, or set LOCKSTEP_CACHE", err), err
            assert b.stored() == {} and b.partials() == {} and b.requests("/") == []
        finally:
            subprocess.run(["umount", b.work + "/cache"], check=True)


def case_disk_fills_on_the_way():
    with Bench(BIG) as b:
        if not mounted(b.work + "/cache", "size=8m"):
            return
        try:
            b.index.add_fault("/files/", "trickle", chunk=200000, pause=0.02)
            p = b.start()
            wait_for(lambda: sum(b.partials().values()) > 600000)
            with open(b.work + "/cache/filler", "wb") as f:
                try:
                    while True:
                        f.write(b"\0" * 65536)
                        f.flush()
                except OSError:
                    pass
            out, err = p.communicate(timeout=60)
            assert p.returncode == 1 and "No space left on device; free some space and run the same command again" in err, (p.returncode, err)
            b.stored()
            assert b.partials() == {}, "pieces fill the disk"
            os.unlink(b.work + "/cache/filler")
            b.index.faults.clear()
            whole(b)
        finally:
            subprocess.run(["umount", b.work + "/cache"], check=True)


def case_read_only_cache():
    with Bench(BIG) as b:
        if not mounted(b.work + "/cache", "size=20m"):
            return
        try:
            subprocess.run(["mount", "-o", "remount,ro", b.work + "/cache"], check=True)
            code, out, err = b.run()
            assert code == 1 and re.search(r"cannot create folder '.*/cache/files': Read-only file system", err), err
            assert err.count("Read-only") == 1, "said more than once"
        finally:
            subprocess.run(["umount", b.work + "/cache"], check=True)


def case_cache_is_a_file():
    with Bench(BIG) as b:
        with open(b.work + "/cache", "w"):
            pass
        code, out, err = b.run()
        assert code == 1 and re.search(r"cannot create folder '.*/cache", err), err


# The kernel counts a child's memory from before its exec, so it is started by something small.
MEASURE = "import resource, subprocess, sys; c = subprocess.run(sys.argv[1:]).returncode; print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(c)"


def peak_memory_kb(bench, **env):
    """Of the release build."""
    bench.program = bench.program.replace("/debug/", "/release/")
    code, out, err = bench.run(sys.executable, "-I", "-S", "-c", MEASURE, **env)
    assert code == 0, err[:1500]
    return int(out.split("peak ")[1])


def case_memory_of_a_large_file():
    with Bench({"packages": {"alpha": {"1.0": []}}}) as b:
        content = random.Random(1).randbytes(1000 * 1000) * 300
        b.index.made["default", "alpha"] = [fetching.fake.File("alpha-1.0-py3-none-any.whl", content, {}, None)]
        b.write_lock()
        peak = peak_memory_kb(b)
        print(f"# a file of 300 MB: {peak} kB")
        assert peak < 40 * 1024, peak


def case_memory_of_many_and_large_pages():
    many = {f"p{i}": {"1.0": {"padding": 20000}} for i in range(120)}
    with Bench({"packages": many}) as b:
        filler = [{"filename": f"p1-0.{i}-py3-none-any.whl", "url": f"https://files.example/{'0123456789abcdef' * 6}/{i}", "hashes": {"sha256": f"{i:064x}"}, "size": i,
                   "upload-time": "2024-01-01T00:00:00Z"} for i in range(20000)]
        page = b.index.page

        def large(index, name, accept):
            code, headers, body = page(index, name, accept)
            d = json.loads(body)
            d["files"] = filler + d["files"]
            return code, headers, json.dumps(d).encode()
        b.index.page = large
        peak = peak_memory_kb(b)
        print(f"# 120 pages of 6 MB: {peak} kB")
        assert peak < 40 * 1024, peak


if __name__ == "__main__":
    cases.run(globals())
