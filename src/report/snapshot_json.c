#include "io/json.h"
#include "report/report.h"
#include "snapshot/snapshot.h"

static void add_system_packages(struct json_writer *w, const struct snapshot *s)
{
	json_begin_array(w, "system_packages");
	for (size_t i = 0; i < s->system_count; i++) {
		json_begin_object(w, NULL);
		json_add_text(w, "name", s->system_packages[i].name);
		json_add_text(w, "version", s->system_packages[i].version);
		json_add_text(w, "architecture", s->system_packages[i].architecture);
		json_end_object(w);
	}
	json_end_array(w);
}

void report_add_snapshot(struct json_writer *w, const struct snapshot *s)
{
	json_add_text(w, "engine", s->engine);
	json_add_text(w, "engine_version", s->engine_version);
	json_add_text(w, "image_id", s->image_id);
	json_add_text(w, "image_digest", s->image_digest);
	json_begin_object(w, "tools");
	for (size_t i = 0; i < s->tool_count; i++)
		json_add_text(w, s->tools[i].name, s->tools[i].version);
	json_end_object(w);
	json_begin_object(w, "markers");
	for (size_t i = 0; i < s->marker_count; i++)
		json_add_text(w, s->markers[i].name, s->markers[i].value);
	json_end_object(w);
	add_system_packages(w, s);
	json_begin_array(w, "freeze");
	for (size_t i = 0; i < s->freeze_count; i++)
		json_add_text(w, NULL, s->freeze[i]);
	json_end_array(w);
}
