#!/bin/sh
# usage: dockerd.sh start FOLDER | dockerd.sh stop FOLDER
# A docker daemon of its own for a test: storage, socket and log in FOLDER, no bridge, no firewall rules. `start` prints the DOCKER_HOST to use; exit 77 with the
# reason when there can be none here. The socket's path must be short (107 bytes), so it lies in a folder of its own under /tmp.
set -eu
folder=$2
case $1 in
start)
	command -v dockerd >/dev/null || { echo "dockerd is not installed"; exit 77; }
	[ "$(id -u)" = 0 ] || { echo "dockerd needs root"; exit 77; }
	mkdir -p "$folder"
	run=$(mktemp -d /tmp/lockstep-dockerd.XXXXXX)
	echo "$run" >"$folder/run"
	setsid dockerd --data-root "$folder/data" --exec-root "$run/exec" --pidfile "$run/pid" --host "unix://$run/sock" \
		--iptables=false --ip6tables=false --bridge=none </dev/null >"$folder/log" 2>&1 &
	pid=$!
	tries=0
	until DOCKER_HOST="unix://$run/sock" /usr/bin/docker version >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ "$tries" -gt 240 ] || ! kill -0 "$pid" 2>/dev/null; then
			kill "$pid" 2>/dev/null || true
			rm -rf "$run"
			echo "dockerd does not start here: $(tail -n 1 "$folder/log")"
			exit 77
		fi
		sleep 0.25
	done
	echo "unix://$run/sock"
	;;
stop)
	[ -f "$folder/run" ] || exit 0
	run=$(cat "$folder/run")
	pid=$(cat "$run/pid" 2>/dev/null || true)
	if [ -n "$pid" ]; then
		kill "$pid" 2>/dev/null || true
		tries=0
		while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 80 ]; do
			tries=$((tries + 1))
			sleep 0.25
		done
		kill -9 "$pid" 2>/dev/null || true
	fi
	grep -o " $folder/[^ ]*" /proc/mounts | sort -r | while read -r mount; do umount -l "$mount" 2>/dev/null || true; done
	rm -rf "$run" "$folder"
	;;
esac
