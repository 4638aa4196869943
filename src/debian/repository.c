#include "debian/repository.h"

#include <string.h>

#include "base/file.h"
#include "fetch/store.h"
#include "io/archive.h"
#include "io/digest.h"

int repository_add_stanza(struct strbuf *out, const char *path, const char *sha256, struct error *err)
{
	autoarena struct arena a = {0};
	const char *stored = store_path(&a, sha256);
	size_t before = out->length;

	if (archive_read_control(stored, out, err) < 0)
		return error_wrap(err, "'%s'", path_base(path));
	/* One stanza, whatever it ends with. */
	char *text = out->text + before, *empty = strstr(text, "\n\n");

	out->length = empty ? (size_t)(empty - out->text) : out->length;
	while (out->length > before && out->text[out->length - 1] == '\n')
		out->length--;
	strbuf_printf(out, "\nFilename: %s\nSize: %lld\nSHA256: %s\n\n", path, (long long)file_size(stored), sha256);
	return 0;
}

void repository_add_release(struct strbuf *out, const char *fields, const struct repository_index *indexes, size_t count)
{
	strbuf_printf(out, "%sSHA256:\n", fields);
	for (size_t i = 0; i < count; i++) {
		char hex[DIGEST_HEX_LENGTH + 1];

		digest_bytes(indexes[i].text, indexes[i].length, hex);
		strbuf_printf(out, " %s %zu %s\n", hex, indexes[i].length, indexes[i].path);
	}
}

static int write_into(const char *folder, const char *name, const struct strbuf *text, struct error *err)
{
	autoarena struct arena a = {0};

	return file_write_derived(path_join(&a, folder, name), strbuf_text(text), text->length, err);
}

int repository_write(const char *folder, const char *suite, const char *seen_at, const struct repository_deb *debs, size_t count, struct error *err)
{
	autostrbuf struct strbuf packages = {0}, release = {0}, sources = {0}, conf = {0};
	autoarena struct arena a = {0};
	const char *fields = suite ? arena_printf(&a, "Origin: lockstep\nSuite: %s\nCodename: %s\n", suite, suite) : "Origin: lockstep\n";

	for (size_t i = 0; i < count; i++) {
		if (repository_add_stanza(&packages, arena_printf(&a, "./%s", debs[i].file), debs[i].sha256, err) < 0)
			return -1;
	}
	repository_add_release(&release, fields, &(struct repository_index){"Packages", strbuf_text(&packages), packages.length}, 1);
	strbuf_printf(&sources, "deb [trusted=yes] %s ./\n", seen_at);
	strbuf_printf(&conf,
		      "Dir::Etc::SourceList \"%s/sources.list\";\nDir::Etc::SourceParts \"/dev/null\";\n"
		      "Dir::Etc::Preferences \"/dev/null\";\nDir::Etc::PreferencesParts \"/dev/null\";\n",
		      strchr(seen_at, ':') + 1);
	if (write_into(folder, "apt.conf", &conf, err) < 0 || write_into(folder, "Packages", &packages, err) < 0 ||
	    write_into(folder, "Release", &release, err) < 0)
		return -1;
	return write_into(folder, "sources.list", &sources, err);
}
