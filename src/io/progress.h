/* Progress of long work in bytes or items: a bar with amount, rate and time left on a terminal; a plain line every few seconds elsewhere. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress;

/* `label` is what is done ("fetching 120 files"); total 0: unknown. */
struct progress *progress_new(const char *label, uint64_t total, bool in_bytes);
void progress_set(struct progress *p, uint64_t done, uint64_t total);
void progress_note(struct progress *p, const char *text); /* the item in work, shown beside the bar; escaped here */
void progress_tick(struct progress *p);                   /* redraws when enough time has passed */
/* Removes the bar and prints one closing line, "label: 1.4 GB in 12 s, 117 MB/s". */
void progress_end(struct progress *p);
