/* Takes apart what pip freeze writes, for freeze_test.py; and says whether it came back byte for byte. */
#include "question.h"

#include "python/freeze.h"

static void add(struct question *q, const char *key, const char *text)
{
	if (text)
		json_add_text(&q->w, key, text);
}

static void add_entry(struct question *q, const struct freeze_entry *e)
{
	static const char *const kinds[] = {"version", "direct", "editable", "option", "comment", "blank", "other"};
	static const char *const reasons[] = {NULL, "no vcs", "no remote", "bad remote", "unknown"};

	json_begin_object(&q->w, NULL);
	add(q, "kind", kinds[e->kind]);
	json_add_integer(&q->w, "line", e->line);
	add(q, "name", e->name);
	add(q, "version", e->version);
	if (e->is_arbitrary)
		json_add_boolean(&q->w, "arbitrary", true);
	add(q, "vcs", e->vcs);
	add(q, "url", e->url);
	add(q, "revision", e->revision);
	add(q, "algorithm", e->algorithm);
	add(q, "digest", e->digest);
	add(q, "subdirectory", e->subdirectory);
	add(q, "reason", reasons[e->reason]);
	add(q, "repository", e->repository);
	add(q, "remote", e->remote);
	add(q, "path", e->path);
	add(q, "text", e->text);
	json_end_object(&q->w);
}

static void ask_freeze(struct question *q)
{
	autostrbuf struct strbuf again = {0};
	struct freeze f = freeze_read(&q->arena, q->fields[1], q->lengths[1]);

	freeze_write(&again, &f);
	json_begin_object(&q->w, NULL);
	json_add_boolean(&q->w, "same", again.length == q->lengths[1] && !memcmp(strbuf_text(&again), q->fields[1], again.length));
	json_begin_array(&q->w, "entries");
	for (size_t i = 0; i < f.count; i++)
		add_entry(q, &f.entries[i]);
	json_end_array(&q->w);
	json_end_object(&q->w);
}

int main(void)
{
	static const struct question_kind kinds[] = {{"freeze", 2, ask_freeze}, {"noise", 2, ask_freeze}};

	return question_main(kinds, ARRAY_LEN(kinds));
}
