#include "python/page.h"

#include <stdlib.h>

#include "unit.h"

static void collect(void *context, const struct page_file *file)
{
	strbuf_printf(context, "%s %s %s%s%s%s%s%s%s%s\n", file->name, file->link, file->sha256 ? "sha256" : "-", file->requires_python ? " " : "",
		      file->requires_python ? file->requires_python : "", file->uploaded ? " " : "", file->uploaded ? file->uploaded : "",
		      file->is_yanked ? " yanked" : "", file->yanked ? ": " : "", file->yanked ? file->yanked : "");
}

/* Reads a page in pieces of every size, which must not matter, and gives what it names; "broken" when it is no page. */
static char *read_page(const char *text, bool is_json)
{
	char *first = NULL;

	for (size_t piece = 1; piece <= strlen(text) + 1; piece = piece < 9 ? piece + 1 : piece * 2) {
		struct strbuf seen = {0};
		struct page p = {.on_file = collect, .context = &seen, .is_json = is_json};

		for (size_t at = 0; at < strlen(text); at += piece)
			page_add(&p, text + at, strlen(text) - at < piece ? strlen(text) - at : piece);
		if (!page_end(&p)) {
			strbuf_clear(&seen);
			strbuf_add(&seen, "broken");
		}
		page_release(&p);
		char *now = strbuf_detach(&seen);

		if (first)
			assert_string_equal(now, first);
		if (first)
			free(now);
		else
			first = now;
	}
	return first;
}

static void expect(const char *text, bool is_json, const char *wanted)
{
	char *seen = read_page(text, is_json);

	assert_string_equal(seen, wanted);
	free(seen);
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

TEST(json_names_files)
{
	expect("{\"meta\": {\"api-version\": \"1.1\"}, \"name\": \"a\", \"files\": [{\"filename\": \"a-1.whl\", \"url\": \"x/a-1.whl\", \"hashes\": "
	       "{\"sha256\": "
	       "\"" HEX
	       "\", \"md5\": \"1\"}, \"size\": 12, \"yanked\": false}, {\"url\": \"b\", \"hashes\": {}, \"filename\": \"b\"}], \"versions\": [\"1\"]}\n",
	       true, "a-1.whl x/a-1.whl sha256\nb b -\n");
}

TEST(json_says_what_a_file_needs_and_whether_it_was_taken_back)
{
	expect("{\"files\": [{\"filename\": \"a\", \"url\": \"b\", \"requires-python\": \">=3.9\", \"yanked\": false, \"upload-time\": \"2024-01-01T00:00:00Z\"},"
	       "{\"filename\": \"c\", \"url\": \"d\", \"yanked\": true, \"x\": {\"requires-python\": \"no\", \"yanked\": true}},"
	       "{\"filename\": \"e\", \"url\": \"f\", \"yanked\": \"broken\", \"requires-python\": null},"
	       "{\"filename\": \"g\", \"url\": \"h\", \"x\": {\"yanked\": \"no\"}, \"y\": true},"
	       "{\"filename\": \"i\", \"url\": \"j\", \"yanked\": \"\"}]}",
	       true, "a b - >=3.9 2024-01-01T00:00:00Z\nc d - yanked\ne f - yanked: broken\ng h -\ni j -\n");
}

TEST(html_says_what_a_file_needs_and_whether_it_was_taken_back)
{
	expect("<a data-requires-python='&gt;=3.9,&lt;4' href=x/a-1.whl>a</a><a href='b' data-yanked>b</a><a data-yanked=\"why\" href='c'>c</a><a href='d'>d</a>",
	       false, "a-1.whl x/a-1.whl - >=3.9,<4\nb b - yanked\nc c - yanked: why\nd d -\n");
}

TEST(of_a_newer_api_nothing_is_read)
{
	const char *files = "\"files\": [{\"filename\": \"a\", \"url\": \"b\"}]";
	static const struct {
		const char *version;
		bool is_read;
	} rows[] = {{"1.0", true}, {"1.99", true}, {"1", true}, {"", true}, {"2.0", false}, {"2", false}, {"10.1", false}, {"99999999999999999999", false}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct strbuf page = {0};

		strbuf_printf(&page, "{\"meta\": {\"x\": 1, \"api-version\": \"%s\"}, %s}", rows[i].version, files);
		expect(page.text, true, rows[i].is_read ? "a b -\n" : "broken");
		strbuf_clear(&page);
		strbuf_printf(&page, "{%s, \"meta\": {\"api-version\": \"%s\"}}", files, rows[i].version);
		expect(page.text, true, rows[i].is_read ? "a b -\n" : "broken");
		strbuf_clear(&page);
		strbuf_printf(&page, "<html><head><meta name='pypi:repository-version' content=\"%s\"></head><a href='b'>b</a>", rows[i].version);
		expect(page.text, false, rows[i].is_read ? "b b -\n" : "broken");
		strbuf_release(&page);
	}
	/* Elsewhere it says nothing of the page. */
	expect("{\"api-version\": \"2.0\", \"files\": [{\"filename\": \"a\", \"url\": \"b\", \"meta\": {\"api-version\": \"2.0\"}}]}", true, "a b -\n");
	expect("<meta content='2.0' name=generator><a href='b'>b</a>", false, "b b -\n");
}

TEST(json_looks_only_where_files_stand)
{
	expect("{\"other\": [{\"filename\": \"a\", \"url\": \"b\"}], \"files\": [{\"deep\": {\"filename\": \"c\", \"url\": \"d\", \"hashes\": {\"sha256\": "
	       "\"" HEX "\"}}, \"filename\": \"e\", \"url\": \"f\"}, {\"filename\": \"g\"}, [{\"filename\": \"h\", \"url\": \"i\"}]]}",
	       true, "e f -\n");
	expect("{\"files\": {\"files\": [{\"filename\": \"a\", \"url\": \"b\"}]}}", true, "");
}

TEST(json_unescapes)
{
	expect("{\"files\": [{\"filename\": \"a\\u002d\\ud83d\\ude00\\/\\u00e9\", \"\\u0075rl\": \"b\\\\c\\\"\"}]}", true,
	       "a-\xf0\x9f\x98\x80/\xc3\xa9 b\\c\" -\n");
	expect("{\"files\": [{\"filename\": \"a\\ud800x\", \"url\": \"b\"}]}", true, "a\xef\xbf\xbdx b -\n");
	expect("{\"files\": [{\"filename\": \"a\\ud800\", \"url\": \"b\\udc00\\ud800\\ud83d\\ude00\"}]}", true,
	       "a\xef\xbf\xbd b\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80 -\n");
}

TEST(json_takes_the_fragment_for_a_digest)
{
	expect("{\"files\": [{\"filename\": \"a\", \"url\": \"b#sha256=" HEX "\"}]}", true, "a b sha256\n");
}

TEST(json_that_is_broken)
{
	static const char *const broken[] = {"",           "[]", "{\"files\": [", "{}x", "{]", "{\"a\\x\": 1}", "{\"\\u00g0\": 1}",
					     "{\"a\": ?}", "}",  "\"files\"",     "{\"a"};
	char deep[200];

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		expect(broken[i], true, "broken");
	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"a\":", 5);
	deep[sizeof(deep) - 1] = '\0';
	expect(deep, true, "broken");
}

TEST(html_names_files)
{
	expect("<!DOCTYPE html><html><body>\n<a href=\"../../p/a-1.whl#sha256=" HEX "\" data-requires-python=\"&gt;=3\">a-1.whl</a><br>"
	       "<A\nHREF='b%2D1.whl?x=1#md5=1'>b</A><a name=x>no</a><a href=c.whl/>c</a><abbr href=\"no\"></abbr></body></html>",
	       false, "a-1.whl ../../p/a-1.whl sha256 >=3\nb-1.whl b%2D1.whl?x=1 -\n");
}

TEST(html_passes_over_comments_and_quotes)
{
	expect("<!-- <a href=\"no\">no</a> -- > --><a title=\"<a href='no'>\" href=\"yes\">yes</a><!----><a href=\"too\">", false, "yes yes -\ntoo too -\n");
}

TEST(html_resolves_character_references)
{
	expect("<a href=\"a&amp;b&#61;c&#x2B;&quot;&unknown;&#;&amp\">", false, "a&b=c+\"&unknown;& a&b=c+\"&unknown;& -\n");
	expect("<a href=\"x&#0;y&#1114112;\">", false, "x\xef\xbf\xbdy\xef\xbf\xbd x\xef\xbf\xbdy\xef\xbf\xbd -\n");
}

TEST(html_base)
{
	struct strbuf seen = {0};
	struct page p = {.on_file = collect, .context = &seen};
	const char *text = "<base target=x><base href=\"http://h/d/\"><base href=\"no\"><a href=a>";

	page_add(&p, text, strlen(text));
	assert_true(page_end(&p));
	assert_string_equal(strbuf_text(&p.base), "http://h/d/");
	assert_string_equal(strbuf_text(&seen), "a a -\n");
	page_release(&p);
	strbuf_release(&seen);
}

TEST(texts_have_a_limit)
{
	size_t length = PAGE_TEXT_LIMIT_BYTES * 2;
	char *text = malloc(length);
	struct strbuf seen = {0};
	struct page html = {.on_file = collect, .context = &seen}, json = {.on_file = collect, .context = &seen, .is_json = true};

	memset(text, 'a', length);
	page_add(&html, "<a href=\"", 9);
	page_add(&html, text, length);
	assert_false(page_end(&html));
	page_add(&json, "{\"a\":\"", 6);
	page_add(&json, text, length);
	assert_true(json.text.length <= PAGE_TEXT_LIMIT_BYTES);
	page_add(&json, "\"}", 2);
	assert_true(page_end(&json));
	page_release(&html);
	page_release(&json);
	free(text);
	assert_string_equal(strbuf_text(&seen), "");
	strbuf_release(&seen);
}
