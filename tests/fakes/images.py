#!/usr/bin/env python3
"""An engine that has images and containers and nothing else: buildah, docker or podman, as the link to it is called. FAKE_IMAGES/<engine>.json is what it has:
{"images": [{id, names, size, created}], "containers": [{name, image, id}]}; FAKE_IMAGES/<engine>.fails makes it fail with what stands there. What was removed is a line of
FAKE_IMAGES/removed."""
import datetime, json, os, sys

engine, folder = os.path.basename(sys.argv[0]), os.environ["FAKE_IMAGES"]
# podman and buildah share a storage.
state = f"{folder}/{'docker' if engine == 'docker' else 'buildah'}.json"


def load():
    with open(state) as f:
        return json.load(f)


def find(has, name):
    return next((i for i in has["images"] if name in i["names"] or f"localhost/{name}" in i["names"] or i["id"] == name), None)


def no_image(name):
    sys.exit(f"Error: {name}: image not known" if engine != "docker" else f"Error: No such image: {name}")


def remove(name):
    has = load()
    image = find(has, name)
    if not image:
        no_image(name)
    if len(image["names"]) == 1 and any(c["id"] == image["id"] for c in has["containers"]):
        sys.exit(f"Error: image used by {has['containers'][0]['name']}")
    image["names"] = [n for n in image["names"] if n not in (name, f"localhost/{name}")]
    with open(state + ".new", "w") as f:
        json.dump({**has, "images": [i for i in has["images"] if i["names"]]}, f)
    os.rename(state + ".new", state)
    with open(folder + "/removed", "a") as f:
        f.write(f"{engine} {name}\n")


def buildah(args):
    if args[0] == "--version":
        return "buildah version 1.28.2 (fake)"
    if args[0] == "info":
        return f"overlay {folder}/storage"
    has = load()
    if args[0] == "images":
        return json.dumps([{"id": "sha256:" + i["id"], "names": i["names"], "size": f"{i['size'] / 1e6} MB", "created": i["created"]} for i in has["images"]] or None)
    if args[0] == "containers":
        return json.dumps([{"id": "1", "builder": True, "imageid": c["id"], "imagename": c["image"], "containername": c["name"]} for c in has["containers"]] or None)
    image = find(has, args[-1]) or no_image(args[-1])
    return json.dumps({"FromImageID": image["id"], "FromImageDigest": "sha256:" + "0" * 64, "Manifest": '{"layers": []}', "Config": '{"created": "2026-01-01T00:00:00Z"}'})


def podman(args):
    if args[0] == "--version":
        return "podman version 4.3.1"
    has = load()
    if args[0] == "images":
        return json.dumps([{"Id": i["id"], "Names": i["names"], "Size": i["size"], "Created": i["created"]} for i in has["images"]])
    if args[0] == "ps":
        return "[]"
    return no_image(args[-1]) if args[:2] == ["image", "inspect"] else f"overlay {folder}/storage"


def docker(args):
    if args[0] == "version":
        return "20.10.24 20.10.24"
    has = load()
    if args[0] == "images":
        return "\n".join("sha256:" + i["id"] for i in has["images"] for _ in i["names"])
    if args[0] == "ps":
        return "\n".join(c["name"] for c in has["containers"])
    if args[:2] == ["container", "inspect"]:
        return "\n".join(f"/{c['name']}\t{c['image']}\tsha256:{c['id']}" for c in has["containers"])
    if "--format" not in args:
        image = find(has, args[-1]) or no_image(args[-1])
        return json.dumps([{"Id": "sha256:" + image["id"], "Created": "", "Size": 1}])
    return "\n".join("\t".join(["sha256:" + i["id"], str(i["size"]), datetime.datetime.fromtimestamp(i["created"], datetime.timezone.utc).isoformat(), *i["names"]])
                     for i in has["images"])


if os.path.exists(f"{folder}/{engine}.fails"):
    sys.exit(open(f"{folder}/{engine}.fails").read())
if sys.argv[1] == "rmi":
    remove(sys.argv[2])
else:
    print({"buildah": buildah, "docker": docker, "podman": podman}[engine](sys.argv[1:]))
