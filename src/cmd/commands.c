#include "cmd/command.h"

extern const struct command command_check, command_doctor;
extern const struct command command_lock, command_fetch, command_render, command_build, command_snapshot, command_verify, command_bump;
extern const struct command command_records, command_prune;
extern const struct command command_publish, command_promote, command_pull_image;
extern const struct command command_list, command_show, command_diff, command_why, command_tree, command_layers;

/* One line for each, in the order of the overview. */
/* clang-format off */
const struct command *const commands[] = {
	&command_doctor,
	&command_check,
	&command_lock,
	&command_fetch,
	&command_render,
	&command_build,
	&command_snapshot,
	&command_verify,
	&command_bump,
	&command_publish,
	&command_promote,
	&command_records,
	&command_prune,
	&command_pull_image,
	&command_list,
	&command_show,
	&command_diff,
	&command_why,
	&command_tree,
	&command_layers,
	NULL,
};
/* clang-format on */
