/* How images are to be built, as build and bump are told. */
#pragma once

#include "build/build.h"
#include "cmd/command.h"
#include "cmd/engines.h"
#include "recipe/database.h"
#include "release/release.h"

/* For every command that builds images or finds those that were built. */
#define BUILDING_LAYERS_OPTION                                                                                                                                 \
	{                                                                                                                                                      \
		"layers", 0, "WHO", false, "who makes the layers of Python packages: engine, or lockstep; else what recipes/project.yaml says, else engine"    \
	}

/* The rows of the options table that the functions below read, and --engine, which engine_find() is given. */
#define BUILDING_OPTIONS                                                                                                                                       \
	{"engine", 'e', "NAME", false, "build with this engine: buildah, docker, podman or buildkit; the first that works when not given"},                    \
		{"jobs", 'j', "N", false, "build so many stages at once, at each worker that does not say it itself; 2 when not given"},                       \
		ENGINES_WORKERS_OPTION, BUILDING_LAYERS_OPTION,                                                                                                \
	{                                                                                                                                                      \
		"fresh-bases", 0, NULL, false, "make the Debian trees of bases again, of what is locked"                                                       \
	}

/* EXIT_DONE, or EXIT_USAGE after saying what is wrong with --jobs or --layers. */
int building_check_use(const struct command_call *call);
/* Fills in what the options say; after building_check_use(). */
void building_request(const struct command_call *call, struct build_request *ret);
/* EXIT_DONE, or EXIT_USAGE after saying what is wrong with --layers. */
int building_check_layers(const struct command_call *call);
/* Who makes the layers, into request->layers, and what releases say of them, into request->history; `newest` is the newest release where the caller has it, else NULL.
   In the call's arena. */
int building_layers(struct command_call *call, const struct database *db, const struct release *newest, struct build_request *ret, struct error *err);
/* Notes in the snapshot of an image which layers it was put together of, where lockstep did it. */
void building_note_layers(const struct built_image *image, struct snapshot *s);
