/* Texts of layer recipes: ${option} stands for the option's value, ${env:NAME} (in values of `env`) for what the variable was before, $${ for a literal ${. */
#pragma once

#include "recipe/database.h"
#include "recipe/schema.h"

/* A layer being read: its options are known, and `sample` has a possible value for each, so that texts can be tried. */
struct layer_reader {
	struct reader *r;
	struct layer *layer;
	struct layer_use sample;
};

/* A line of a layer recipe; NULL when something is wrong with it. `form` is asked about the text with sample values in it; it may be NULL. */
const char *layer_line(struct layer_reader *l, const struct value *v, const char *what, const struct word_form *form, bool is_env);
/* As layer_line for a text of any number of lines, also an empty one. */
const char *layer_text(struct layer_reader *l, const struct value *v, const char *what);
/* A list of texts, an argv: at least one, the first not empty. Ends with NULL. */
const char **layer_argv(struct layer_reader *l, const struct value *v, const char *what, size_t *ret_count);
/* A table of options and the values they must have; `v` may be NULL. */
void layer_conditions(struct layer_reader *l, const struct value *v, struct layer_condition **ret, size_t *ret_count);
/* The value of an option, or NULL with the problem reported. */
const char *layer_option_value(struct reader *r, const struct layer *layer, const struct layer_option *option, const struct value *v);

void layer_steps(struct layer_reader *l, const struct value *v);
void layer_probes(struct layer_reader *l, const struct value *v, const char *what, struct layer_probe **ret, size_t *ret_count);
