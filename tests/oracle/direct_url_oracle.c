/* Answers questions about direct_url.json and addresses, for direct_url_test.py. */
#include "question.h"

#include "python/direct_url.h"
#include "python/url.h"

static void answer_text(struct question *q, const char *text)
{
	json_begin_object(&q->w, NULL);
	json_add_text(&q->w, text ? "text" : "refused", text ? text : "yes");
	json_end_object(&q->w);
}

static void ask_split(struct question *q)
{
	struct url_parts p;

	json_begin_object(&q->w, NULL);
	if (url_split(&q->arena, q->fields[1], &p)) {
		json_add_text(&q->w, "scheme", p.scheme);
		json_add_text(&q->w, "netloc", p.netloc);
		json_add_text(&q->w, "path", p.path);
		json_add_text(&q->w, "query", p.query);
		json_add_text(&q->w, "fragment", p.fragment);
		json_add_text(&q->w, "again", url_unsplit(&q->arena, &p));
	} else {
		json_add_text(&q->w, "refused", "yes");
	}
	json_end_object(&q->w);
}

static void ask_join(struct question *q)
{
	answer_text(q, url_join(&q->arena, q->fields[1], q->fields[2]));
}

static void ask_strip(struct question *q)
{
	answer_text(q, url_without_user(&q->arena, q->fields[1]));
}

static void ask_file_name(struct question *q)
{
	answer_text(q, url_file_name(&q->arena, q->fields[1]));
}

static void ask_direct_url(struct question *q)
{
	autoerror struct error err = {0};
	autostrbuf struct strbuf text = {0};
	struct direct_url u;

	json_begin_object(&q->w, NULL);
	if (direct_url_parse(&q->arena, "direct_url.json", q->fields[1], q->lengths[1], &u, &err)) {
		json_add_text(&q->w, "refused", err.text);
	} else {
		direct_url_write(&text, &u);
		json_add_text(&q->w, "written", strbuf_text(&text));
		json_add_text(&q->w, "freeze", direct_url_requirement(&q->arena, &u, "Name.x"));
	}
	json_end_object(&q->w);
}

int main(void)
{
	static const struct question_kind kinds[] = {
		{"split", 2, ask_split}, {"join", 3, ask_join}, {"strip", 2, ask_strip}, {"file-name", 2, ask_file_name}, {"direct-url", 2, ask_direct_url},
	};

	return question_main(kinds, ARRAY_LEN(kinds));
}
