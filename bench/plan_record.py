#!/usr/bin/env python3
"""Records sequences of locks for bench/plan.py: what uv resolves as of one day after another, and what the releases of a program ask for one after another.

usage: plan_record.py [NAME...]

Needs an index that says when its files were uploaded, and uv in .tools/bin. Everything is resolved for CPython on x86_64 Linux, the sets from wheels only, everything
upgraded each time: what a `lockstep bump --upgrade` on that day would have locked. The size is that of the wheel that uv would install, or
of the sdist where a program has nothing else. The files of bench/plan/ hold
differences: "= DAY" begins a lock, "+ name version bytes" is new or has moved, "- name" is gone. The three containers of this repository are resolved by what they ask
for today, without the exact pin of black and the range of ml_dtypes, which are younger than the sequences."""
import datetime, json, os, re, subprocess, sys, tempfile, tomllib, urllib.request
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, next(os.path.join(ROOT, ".tools/venv/lib", name, "site-packages") for name in os.listdir(os.path.join(ROOT, ".tools/venv/lib"))))
from packaging import tags, utils

UV = os.path.join(ROOT, ".tools/bin/uv")
SETS = {
    "science": """jupyterlab pandas scikit-learn matplotlib seaborn statsmodels dask distributed pyarrow numba sqlalchemy plotly lightgbm polars bokeh streamlit duckdb
        h5py xarray netcdf4 geopandas shapely nltk spacy gensim networkx sympy opencv-python-headless scikit-image openpyxl xlsxwriter requests boto3 s3fs mlflow optuna
        ipywidgets papermill black pytest""",
    "web": """django djangorestframework celery redis boto3 gunicorn uvicorn[standard] fastapi sqlalchemy alembic pydantic httpx sentry-sdk opentelemetry-sdk
        opentelemetry-exporter-otlp opentelemetry-instrumentation-django psycopg2-binary pillow stripe requests aiohttp cryptography pyjwt jinja2 click rich lxml numpy
        pandas google-cloud-storage google-cloud-bigquery azure-storage-blob elasticsearch pymongo kafka-python prometheus-client structlog orjson pytest pytest-django
        pytest-cov mypy ruff black coverage faker""",
    "torch": """torch torchvision torchaudio transformers datasets accelerate diffusers peft sentence-transformers tokenizers safetensors huggingface-hub evaluate timm
        lightning tensorboard wandb pandas scikit-learn matplotlib scipy einops onnx onnxruntime opencv-python-headless pillow gradio jupyterlab pytest ruff""",
}
# Programs whose releases name exact versions of what they need: what their maintainers really moved, release by release.
PROGRAMS = {"homeassistant": "2024-01-01", "open-webui": "2024-06-01"}


def containers():
    with open(os.path.join(ROOT, "lockfiles/v0.3/lock.toml"), "rb") as file:
        lock = tomllib.load(file)
    return {c["name"]: [d if d.startswith("pytest>") else re.split(r"[<>=~!]", d)[0] for d in c["direct"]] for c in lock["container"]}


def supported(python):
    major, minor = map(int, python.split(".")[:2])
    platforms = [f"manylinux_2_{n}_x86_64" for n in range(36, 4, -1)] + ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    every = list(tags.cpython_tags((major, minor), platforms=platforms)) + list(tags.compatible_tags((major, minor), f"cp{major}{minor}", platforms))
    return {tag: rank for rank, tag in enumerate(every)}


def resolve(requirements, day, python, *options):
    """{name: (version, bytes)}, or None where there is no answer. What has no file that will do as of that day is not asked for yet."""
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "pylock.toml")
        done = subprocess.run([UV, "pip", "compile", "-q", "--no-config", *options, "--exclude-newer", day, "--python-version", python, "--python-platform",
                               "x86_64-manylinux_2_36", "--format", "pylock.toml", "-o", out, "-"], input="\n".join(requirements), text=True, capture_output=True)
        missing = re.search(r"(?:no versions of|Because only|Wheels are required for) `?([a-z0-9-]+)", done.stderr) if done.returncode else None
        missing = missing and missing[1]
        rest = [r for r in requirements if re.split(r"[<>=~!\[]", r)[0] != missing]
        if missing and len(requirements) > len(rest) > 0:
            return resolve(rest, day, python, *options)
        if done.returncode:
            print(day, python, done.stderr[:600], file=sys.stderr)
            return None
        with open(out, "rb") as file:
            lock = tomllib.load(file)
    ranks, found = supported(python), {}
    for package in lock["packages"]:
        fitting = []
        for wheel in package.get("wheels", []):
            name = wheel.get("name") or wheel["url"].rsplit("/", 1)[1]
            rank = min((ranks[tag] for tag in utils.parse_wheel_filename(name)[3] if tag in ranks), default=None)
            if rank is not None:
                fitting.append((rank, wheel["size"]))
        found[package["name"]] = (package["version"], min(fitting)[1] if fitting else package["sdist"]["size"])
    return found


def write(name, locks):
    before, lines = {}, []
    for day, lock in locks:
        if lock is None:
            continue
        lines.append(f"= {day}")
        lines += [f"- {package}" for package in sorted(set(before) - set(lock))]
        lines += [f"+ {package} {version} {size}" for package, (version, size) in sorted(lock.items()) if before.get(package) != (version, size)]
        before = lock
    with open(os.path.join(ROOT, "bench/plan", name + ".txt"), "w") as file:
        file.write("\n".join(lines) + "\n")
    print(name, sum(line[0] == "=" for line in lines), "locks,", len(before), "packages at the end", flush=True)


def months():
    return [f"{year}-{month:02}-01" for year in range(2023, 2027) for month in range(1, 13) if "2023-07" <= f"{year}-{month:02}" <= "2026-11"]


def weeks():
    last = datetime.date(2026, 11, 16)
    return [str(last - datetime.timedelta(weeks=n)) for n in range(104, -1, -1)]


def releases(program, since):
    """(upload time, version, lowest Python it runs with), in the order of their versions, without those before a final one."""
    index = os.environ.get("UV_DEFAULT_INDEX") or subprocess.run([sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True,
                                                                 text=True).stdout.strip()
    if not index:
        raise SystemExit("name the index in UV_DEFAULT_INDEX")
    request = urllib.request.Request(f"{index.rstrip('/')}/{program}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    found = {}
    for file in json.load(urllib.request.urlopen(request))["files"]:
        if file["filename"].endswith(".whl") and not file.get("yanked") and file["upload-time"] >= since:
            number = utils.parse_wheel_filename(file["filename"])[1]
            if not number.is_prerelease:
                found[number] = (file["upload-time"], re.search(r">=\s*(\d+\.\d+(?:\.\d+)?)", file.get("requires-python") or ">=3.11").group(1))
    return [(found[number][0], str(number), found[number][1]) for number in sorted(found)]


def record(name):
    with ThreadPoolExecutor(3) as pool:
        if name in PROGRAMS:
            known = releases(name, PROGRAMS[name])
            found = pool.map(lambda release: resolve([f"{name}=={release[1]}"], release[0][:19] + ".999999Z", release[2]), known)
            write(name, [(f"{when[:10]} {number}", lock and {n: v for n, v in lock.items() if n != name}) for (when, number, _), lock in zip(known, found)])
            return
        what, days = name.rsplit("-", 1)
        asked = containers()[what] if what.startswith("ci-") else SETS[what].split()
        days = months() if days == "monthly" else weeks()
        write(name, list(zip(days, pool.map(lambda day: resolve(asked, day, "3.11", "--no-build"), days))))


if __name__ == "__main__":
    for name in sys.argv[1:] or [f"{what}-{how}" for what in [*containers(), *SETS] for how in ("monthly", "weekly")] + list(PROGRAMS):
        record(name)
