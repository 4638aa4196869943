/* Prints, as JSON, what lockstep reads out of this machine's settings for the project in argv[1]; for comparison with pip and uv. */
#include <stdio.h>

#include "io/json.h"
#include "python/settings.h"

static void add_texts(struct json_writer *w, const char *key, const char *const *list, size_t count)
{
	json_begin_array(w, key);
	for (size_t i = 0; i < count; i++)
		json_add_text(w, NULL, list[i]);
	json_end_array(w);
}

static void add_indexes(struct json_writer *w, const struct settings *s)
{
	json_begin_array(w, "indexes");
	for (size_t i = 0; i < s->index_count; i++) {
		json_begin_object(w, NULL);
		json_add_text(w, "alias", s->indexes[i].alias);
		json_add_text(w, "url", s->indexes[i].url);
		json_add_text(w, "from", s->indexes[i].from);
		json_add_boolean(w, "explicit", s->indexes[i].explicit_only);
		json_end_object(w);
	}
	json_end_array(w);
}

int main(int argc, char **argv)
{
	autostrbuf struct strbuf out = {0};
	autoerror struct error err = {0};
	struct json_writer w = {.out = &out};
	struct settings s;
	size_t hosts = 0;

	if (settings_read(&s, argc > 1 ? argv[1] : ".", &err) < 0) {
		fprintf(stderr, "error: %s\n", err.text);
		return 1;
	}
	while (s.trusted_hosts && s.trusted_hosts[hosts])
		hosts++;
	json_begin_object(&w, NULL);
	add_indexes(&w, &s);
	add_texts(&w, "find_links", s.find_links, s.find_links_count);
	add_texts(&w, "trusted_hosts", s.trusted_hosts, hosts);
	json_add_text(&w, "ca_file", s.ca_file);
	json_add_text(&w, "client_cert", s.client_cert);
	json_add_text(&w, "proxy", s.proxy);
	json_add_text(&w, "netrc", s.netrc);
	json_add_integer(&w, "timeout_ms", s.timeout_ms);
	json_add_boolean(&w, "offline", s.offline);
	json_add_boolean(&w, "no_index", s.no_index);
	json_end_object(&w);
	puts(strbuf_text(&out));
	settings_release(&s);
	return 0;
}
