#!/usr/bin/env python3
"""Pushes three images that a registry has already, with lockstep, crane and skopeo, one after the other in turns: how long each takes, and how many requests it makes.

usage: bench/registry.py [--runs N] [--layers N] [--size BYTES]      needs docker-registry, skopeo, and .tools/bin/crane (tools/setup test)

The images are three OCI layouts of random layers that share their lower half. lockstep's part is `push_loop`, which is its client without a project: as
`lockstep publish` does it, first the manifests are asked for, and what is there is not looked at any further; with --blobs every blob is asked for too, as
crane and skopeo do it."""
import argparse, gzip, hashlib, json, os, shutil, statistics, subprocess, sys, tarfile, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.environ.setdefault("ROOT", ROOT)
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import registries

LOCKSTEP = os.path.join(ROOT, "build/release/tests/oracle/push_loop")
CRANE = os.path.join(ROOT, ".tools/bin/crane")


def put(folder, content):
    digest = hashlib.sha256(content).hexdigest()
    with open(f"{folder}/blobs/sha256/{digest}", "wb") as file:
        file.write(content)
    return "sha256:" + digest, len(content)


def layer(name, size):
    plain = tempfile.TemporaryFile()
    with tarfile.open(fileobj=plain, mode="w") as archive, tempfile.TemporaryFile() as content:
        content.write(os.urandom(size))
        content.seek(0)
        info = tarfile.TarInfo(name)
        info.size = size
        archive.addfile(info, content)
    plain.seek(0)
    text = plain.read()
    return "sha256:" + hashlib.sha256(text).hexdigest(), gzip.compress(text, 1, mtime=0)


def layout(folder, layers):
    os.makedirs(f"{folder}/blobs/sha256")
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff for diff, _ in layers]}}).encode()
    digest, size = put(folder, config)
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": size}, "layers": []}
    for _, packed in layers:
        digest, size = put(folder, packed)
        manifest["layers"].append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": size})
    digest, size = put(folder, json.dumps(manifest).encode())
    index = {"schemaVersion": 2, "manifests": [{"mediaType": manifest["mediaType"], "digest": digest, "size": size, "annotations": {"org.opencontainers.image.ref.name": "v1"}}]}
    with open(f"{folder}/index.json", "w") as file:
        json.dump(index, file)
    with open(f"{folder}/oci-layout", "w") as file:
        file.write('{"imageLayoutVersion":"1.0.0"}')


def timed(commands):
    began = time.monotonic()
    running = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for c in commands]
    for process in running:
        _, said = process.communicate()
        assert process.returncode == 0, said
    return time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--layers", type=int, default=40)
    parser.add_argument("--size", type=int, default=200_000)
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="lockstep-bench-")
    registry = registries.Registry("2.8", f"{work}/registry")
    try:
        shared = [layer(f"shared-{n}", options.size) for n in range(options.layers // 2)]
        for number in range(3):
            layout(f"{work}/image-{number}", shared + [layer(f"own-{number}-{n}", options.size) for n in range(options.layers - len(shared))])
        host, numbers = registry.host, range(3)
        folders = [f"{work}/image-{n}" for n in numbers]

        def ways(to):
            return {
                "lockstep": [[LOCKSTEP, "layouts", to, "bench", "v1", *folders]],
                "lockstep, every blob asked for": [[LOCKSTEP, "layouts-blobs", to, "bench", "v1", *folders]],
                "crane": [[CRANE, "push", "--insecure", folder, f"{to}/bench/image-{n}:v1"] for n, folder in enumerate(folders)],
                "skopeo": [["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{folder}:v1", f"docker://{to}/bench/image-{n}:v1"] for n, folder in enumerate(folders)],
            }
        timed(ways(host)["lockstep"])
        seconds = {name: [] for name in ways(host)}
        for _ in range(options.runs):
            for name, commands in ways(host).items():
                seconds[name].append(timed(commands))
        print(f"three images of {options.layers} layers, half of them shared, all in the registry already; {options.runs} runs in turns, the three of crane and of skopeo at once")
        for name, commands in ways(host).items():
            with registries.Proxy(host) as proxy:
                timed(ways(proxy.host)[name])
                count = len(proxy.log)
            print(f"  {name:32} median {statistics.median(seconds[name]) * 1000:7.1f} ms   best {min(seconds[name]) * 1000:7.1f} ms   {count} requests")
    finally:
        registry.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
