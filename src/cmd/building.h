/* How images are to be built, as build and bump are told. */
#pragma once

#include "build/build.h"
#include "cmd/command.h"

/* The rows of the options table that the functions below read, and --engine, which engine_find() is given. */
#define BUILDING_OPTIONS                                                                                                                                       \
	{"engine", 'e', "NAME", false, "build with this engine: buildah, docker or buildkit; the first that works when not given"},                            \
		{"jobs", 'j', "N", false, "build so many stages at once; 2 when not given"},                                                                   \
	{                                                                                                                                                      \
		"fresh-bases", 0, NULL, false, "make the Debian trees of bases again, of what is locked"                                                       \
	}

/* EXIT_DONE, or EXIT_USAGE after saying what is wrong with --jobs. */
int building_check_use(const struct command_call *call);
/* Fills in what the options say; after building_check_use(). */
void building_request(const struct command_call *call, struct build_request *ret);
