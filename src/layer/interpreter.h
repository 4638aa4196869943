/* A container's own Python, asked where it installs to and who it is. One question per system image: the answer is a text that may be kept as long as the image. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "io/digest.h"
#include "layer/install.h"

/* Who runs programs of the system image, as engine_driver.run does: argv, NULL-terminated, in a throw-away container without a network, `input` on stdin. What it
   wrote to stdout is in `output`, which was empty. -1 when it could not run, or did not end with 0. */
struct layer_runner {
	int (*run)(void *context, const char *const *argv, const char *input, size_t length, struct strbuf *output, struct error *err);
	void *context;
};

struct interpreter {
	struct install_place place;
	char identity[DIGEST_HEX_LENGTH + 1]; /* another one where the same sources may be compiled to other bytes */
};

/* Asks the Python at `python` ("/opt/venv/bin/python"). The answer is for interpreter_parse(). */
int interpreter_ask(const struct layer_runner *runner, const char *python, struct strbuf *ret_answer, struct error *err);
/* ERR_ENGINE when it is no such answer, or its paths are not absolute and plain. Texts in `a`. */
int interpreter_parse(struct arena *a, const char *answer, size_t length, struct interpreter *ret, struct error *err);
