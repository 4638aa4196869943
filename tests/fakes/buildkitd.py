"""A real buildkitd of a test's own: storage, socket and log in a folder; on a unix socket, or on a port of loopback, with TLS where asked."""
import contextlib, os, shutil, signal, socket, subprocess, sys, tempfile, time

ROOT = os.environ.get("ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = os.path.join(ROOT, ".tools/bin")
PATH = os.pathsep.join([TOOLS, "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"])


def need():
    """Ends the test where there can be no buildkitd."""
    for name in ("buildkitd", "buildctl", "runc"):
        if not shutil.which(name, path=PATH):
            print(f"{name} is not there: tools/setup test brings it, where the Go proxy and Debian's mirrors can be reached (.tools/go.log)")
            sys.exit(77)
    if os.geteuid() != 0:
        print("buildkitd needs root here")
        sys.exit(77)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def make_certificates(folder):
    """An authority, and a certificate of it for 127.0.0.1 that serves both sides. The names of their files."""
    os.makedirs(folder, exist_ok=True)
    ca, cert, key, request = (os.path.join(folder, name) for name in ("ca.pem", "cert.pem", "key.pem", "request.pem"))
    extensions = os.path.join(folder, "extensions")
    with open(extensions, "w") as f:
        f.write("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n")
    for words in (["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority of a test", "-keyout", ca + ".key", "-out", ca],
                  ["req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", request],
                  ["x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca + ".key", "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", cert]):
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    return ca, cert, key


class Buildkitd:
    def __init__(self, folder, tcp=False, tls=None, port=None, slots=None):
        need()
        self.folder, self.tls = folder, tls
        os.makedirs(folder)
        # The path of a socket must be short.
        self.run_folder = tempfile.mkdtemp(prefix="lockstep-buildkitd.", dir="/tmp")
        self.port = port or (free_port() if tcp else None)
        self.address = f"tcp://127.0.0.1:{self.port}" if self.port else f"unix://{self.run_folder}/sock"
        self.log = folder + "/log"
        with open(folder + "/buildkitd.toml", "w") as f:
            f.write(f'root = "{folder}/root"\ninsecure-entitlements = ["network.host"]\n[grpc]\naddress = ["{self.address}"]\n')
            if tls:
                f.write(f'[grpc.tls]\nca = "{tls[0]}"\ncert = "{tls[1]}"\nkey = "{tls[2]}"\n')
            f.write("[worker.containerd]\nenabled = false\n[worker.oci]\nenabled = true\n")
            if slots:
                f.write(f'[worker.oci.labels]\n"org.mobyproject.buildkit.worker.max-parallelism" = "{slots}"\n')
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([shutil.which("buildkitd", path=PATH), "--config", self.folder + "/buildkitd.toml"], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True, env={**os.environ, "PATH": PATH, "TMPDIR": self.run_folder})
        end = time.monotonic() + 120
        while self.buildctl("debug", "workers", check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > end:
                with open(self.log) as f:
                    said = f.read().strip().split("\n")[-1]
                self.stop()
                print(f"buildkitd does not start here: {said}")
                sys.exit(77)
            time.sleep(0.1)

    def buildctl(self, *words, check=True):
        options = ["--tlscacert", self.tls[0], "--tlscert", self.tls[1], "--tlskey", self.tls[2]] if self.tls else []
        return subprocess.run([shutil.which("buildctl", path=PATH), "--addr", self.address, *options, *words], check=check, capture_output=True, text=True)

    def env(self):
        return {"BUILDKIT_HOST": self.address, "PATH": PATH}

    def kill(self):
        """As when its machine is switched off: at once, with all it runs."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError, ValueError):
                if os.readlink(f"/proc/{name}/root").startswith(self.folder + "/"):
                    os.kill(int(name), signal.SIGKILL)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        self.kill()

    def remove(self):
        self.stop()
        with open("/proc/mounts") as f:
            mounts = [line.split()[1] for line in f]
        for mount in sorted((m for m in mounts if m.startswith((self.folder + "/", self.run_folder + "/"))), reverse=True):
            subprocess.run(["umount", "-l", mount], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.run_folder, ignore_errors=True)
