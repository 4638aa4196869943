/* What the reviewer's commands share: finding releases and containers by name, and printing a report. */
#pragma once

#include "cmd/command.h"
#include "release/release.h"
#include "report/report.h"

/* ERR_NOT_FOUND, with the nearest name, when neither lock has the container; `b` may be NULL. */
int reading_check_container(const char *container, const struct release *a, const struct release *b, struct error *err);
/* The options a call asks for, coloured as stdout can show. */
struct report_options reading_options(const struct command_call *call);
