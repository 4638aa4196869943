# shellcheck shell=bash disable=SC2119,SC2120
# A small project for build tests, in ./project; sourced. mmdebstrap is replaced by one that gives a tiny tree within a second.
# Two containers: a stands on layers one and two, b on one.
make_project()
{
	mkdir -p fake project/recipes/bases project/recipes/layers project/containers/a project/containers/b
	"$ROOT/tests/engine/tiny_base.sh" "$WORK/tiny.tar"
	cat >fake/mmdebstrap <<-END
		#!/bin/sh
		# The output file is the argument after the suite.
		echo "I: running apt-get update..." >&2
		echo "\$@" >>"$WORK/mmdebstrap.calls"
		while [ "\$1" != bookworm ]; do shift; done
		cp "$WORK/tiny.tar" "\$2"
	END
	chmod +x fake/mmdebstrap
	export PATH="$WORK/fake:$PATH"
	export LOCKSTEP_APT_MIRROR=http://mirror.example/debian
	cat >project/recipes/project.yaml <<-END
		name: tiny
		repository: tiny
		first_release: v0.1
		venv: /opt/venv
		tags: [Jenkinsfile]
		indexes:
		  - alias: default
	END
	printf "ci_a = 'tiny/a:v0'\nci_b = 'tiny/b:v0'\n" >project/Jenkinsfile
	printf 'groups: {}\npackages: {}\n' >project/recipes/python.yaml
	cat >project/recipes/bases/tiny.yaml <<-END
		description: a tree for tests
		from:
		  mmdebstrap:
		    suite: bookworm
		    variant: minbase
		    components: [main]
		python: /usr/bin/python3
		environment: {python: "3.11", implementation: cpython, os: linux, machine: x86_64, libc: glibc, libc_version: "2.36"}
	END
	layer one '[sh, -c, "echo one is built; echo one > /one"]'
	layer two '[sh, -c, "echo two is built; cat /one > /two"]' 'requires: [one]'
	printf 'description: the first\nbase: tiny\nlayers: [one, two]\nenv: {WORD: a}\n' >project/containers/a/container.yaml
	printf 'description: the second\nbase: tiny\nlayers: [one]\nenv: {WORD: b}\n' >project/containers/b/container.yaml
	lock
}
# layer NAME COMMAND [MORE]: a layer recipe that runs one command, a YAML list.
layer() { printf 'description: layer %s\n%s\nsteps:\n  - run: %s\n' "$1" "${3-}" "$2" >"project/recipes/layers/$1.yaml"; }
lock() { "$ROOT/build/debug/tests/oracle/make_lock" "$PWD/project" "$@"; }
build() { lockstep build -C project "$@"; }
