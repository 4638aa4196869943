/* What stdout and stderr can show: is it a terminal, how wide, colours or not (NO_COLOR, TERM=dumb). And a block of lines at the bottom of stderr that
   is redrawn in place (live display), with lines printed above it; elsewhere than on a terminal there is no block and lines are plain. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum terminal_color { COLOR_NONE, COLOR_BOLD, COLOR_DIM, COLOR_RED, COLOR_GREEN, COLOR_YELLOW, COLOR_CYAN };

/* Descriptors 0, 1 and 2 that the caller closed become /dev/null, before any file is opened as one of them and gets what is printed. Writing to a closed stdout
   stays an error. main() calls it first. */
void terminal_fill_standard(void);

bool terminal_is_live(FILE *stream);                                 /* a terminal that can move its cursor */
unsigned terminal_width(FILE *stream);                               /* columns; 100 when unknown */
const char *terminal_begin(FILE *stream, enum terminal_color color); /* "" without colours */
const char *terminal_end(FILE *stream);

/* Replaces the live block by these lines (cut to the width); count 0 removes it. No-op when stderr is not live. */
void terminal_block(const char *const *lines, size_t count);
/* Prints a whole line to stderr above the live block. The text must be safe already (text_escape). */
void terminal_line(const char *text);
