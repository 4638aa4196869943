/* What uv prints when it finds no answer, read: a refusal (there is no answer) or an error (it could not look). */
#pragma once

#include "io/process.h"
#include "resolve/uv.h"

/* 0 with a refusal, or -1 with an error in which indexes go by their alias. */
int uv_said(struct uv *uv, const struct question *q, const struct process_result *result, struct uv_refusal *refusal, struct error *err);
