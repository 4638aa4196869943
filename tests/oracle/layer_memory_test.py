#!/usr/bin/env python3
"""The memory that lockstep has while it makes layers: at most 64 MiB in each of its processes, however large the wheel, and with few open files however many there
are. Wheels of 500 MB that nothing packs, of 2 GB that pack well, of 60,000 files; a layer of 1,000 wheels. The release build, as the sanitizers take their own."""
import base64, hashlib, os, struct, subprocess, sys, zlib

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import cases

MAKE = os.path.join(ROOT, "build/release/tests/oracle/layer_loop")
MIB_MAX = 64
# In a small process of its own: what is seen of a child begins with the memory of who starts it. Children of the child count, too.
MEASURE = """import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)"""


class Wheel:
    """Written piece by piece, so that a piece that was packed once can stand in it many times."""

    def __init__(self, folder, name):
        os.makedirs(folder, exist_ok=True)
        self.name, self.path = name, os.path.join(folder, f"{name}-1.0-py3-none-any.whl")
        self.file, self.directory, self.count, self.record = open(self.path, "wb"), [], 0, []

    def add(self, path, piece, times=1, packed=None):
        """`piece`, so many times; `packed`: it, deflated, so that it can be joined with itself."""
        crc, sha256 = 0, hashlib.sha256()
        for _ in range(times):
            crc = zlib.crc32(piece, crc)
            sha256.update(piece)
        end = b"" if packed is None else b"\x03\x00"
        sizes = len(packed if packed is not None else piece) * times + len(end), len(piece) * times
        fields = struct.pack("<HHHIIIHH", 0 if packed is None else 8, 0, 0x21, crc, *sizes, len(path), 0)
        at = self.file.tell()
        self.directory.append(b"PK\x01\x02\x14\x03\x14\x00\x00\x00" + fields[:-2] + struct.pack("<HHHHII", 0, 0, 0, 0, 0o100644 << 16, at) + path.encode())
        self.file.write(b"PK\x03\x04\x14\x00\x00\x00" + fields + path.encode())
        for _ in range(times):
            self.file.write(piece if packed is None else packed)
        self.file.write(end)
        self.count += 1
        self.record.append(f"{path},sha256={base64.urlsafe_b64encode(sha256.digest()).rstrip(b'=').decode()},{sizes[1]}\n")

    def end(self):
        info = f"{self.name}-1.0.dist-info"
        self.add(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {self.name}\nVersion: 1.0\n".encode())
        self.add(f"{info}/WHEEL", b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        self.add(f"{info}/RECORD", ("".join(self.record) + f"{info}/RECORD,,\n").encode())
        at, directory = self.file.tell(), b"".join(self.directory)
        self.file.write(directory + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, self.count, self.count, len(directory), at, 0))
        self.file.close()
        return self.path


def pack(piece):
    """Flushed: the stream goes on, and does not look back."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)


def expect(wheels, *options):
    done = subprocess.run([sys.executable, "-c", MEASURE, MAKE, *options, "-" if "--apart" in options else "layer.tar.gz", "/opt/venv", *wheels],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout) / 1024
    print(f"  {' '.join(options) or 'one layer'}: {peak:.1f} MiB", flush=True)
    assert peak <= MIB_MAX, f"{peak:.1f} MiB"


def case_large():
    noise = os.urandom(20 << 20)
    wheel = Wheel("large", "large")
    wheel.add("large/stored.bin", noise, 20)
    wheel.add("large/noise.bin", noise, 5, pack(noise))
    text = b"".join(b"line %d of a text that repeats itself\n" % number for number in range(1 << 18))
    wheel.add("large/text.bin", text, 2_000_000_000 // len(text), pack(text))
    wheel.end()
    expect([wheel.path])
    expect([wheel.path], "--apart", "1")
    os.unlink(wheel.path)


def case_many_files():
    wheel = Wheel("many_files", "many_files")
    for number in range(60000):
        text = b"x = %d\n" % number
        wheel.add(f"many_files/part_{number // 100}/some_module_name_{number}.py", text, 1, pack(text))
    wheel.end()
    expect([wheel.path])
    expect([wheel.path], "--apart", "1")


def case_many_wheels():
    paths = []
    for number in range(1000):
        wheel = Wheel("many_wheels", f"p{number}")
        for member in range(10):
            wheel.add(f"p{number}/module_{member}.py", b"x = 1\n" * 50, 1, pack(b"x = 1\n" * 50))
        paths.append(wheel.end())
    expect(paths)
    expect(paths, "--zstd")


if __name__ == "__main__":
    cases.run(globals())
