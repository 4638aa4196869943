/* What uv prints when it finds no answer, read: a refusal (there is no answer) or an error (it could not look). */
#pragma once

#include "io/process.h"
#include "resolve/search.h"

/* 0 with a refusal, or -1 with an error in which indexes go by their alias. */
int uv_said(struct search *search, const struct question *q, const struct process_result *result, struct search_refusal *refusal, struct error *err);
/* The errors that other resolvers tell in the same words. `status` is HTTP's ("404 Not Found"). All return -1. */
int uv_index_answered(const struct uv_index *index, const char *status, struct error *err);
int uv_index_unreachable(const struct uv_index *index, const char *why, struct error *err); /* why: or NULL */
int uv_place_unreachable(const char *url, const char *why, struct error *err);              /* what is told of the address is no secret */
int uv_no_upload_times(const struct search *search, struct error *err);
