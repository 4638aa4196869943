#include "io/http_url.h"

#include <stdlib.h>

#include "io/http.h"
#include "io/http_rules.h"
#include "unit.h"

static void expect(char *seen, const char *wanted)
{
	if (wanted)
		assert_string_equal(seen, wanted);
	else
		assert_null(seen);
	free(seen);
}

TEST(redacted_addresses_hold_no_secret)
{
	expect(http_redacted("https://user:pass@host/path"), "https://host/path");
	expect(http_redacted("https://user:p@ss@host/path"), "https://host/path");
	expect(http_redacted("https://token@host:8443/p?sig=secret#f"), "https://host:8443/p?...");
	expect(http_redacted("https://host/a@b"), "https://host/a@b");
	expect(http_redacted("user:pass@host"), "host");
	expect(http_redacted(""), "");
	expect(http_redacted("https://user:pa/ss@host/"), "https://user:pa/ss@host/"); /* no address a client would read otherwise */
}

TEST(links_are_joined)
{
	expect(http_url_join("http://h/simple/a/", "../../f/a.whl#sha256=1"), "http://h/f/a.whl");
	expect(http_url_join("http://h/simple/a/", "a.whl"), "http://h/simple/a/a.whl");
	expect(http_url_join("http://h/simple/a/", "/x y"), "http://h/x%20y");
	expect(http_url_join("http://h/simple/a/", "//other/x"), "http://other/x");
	expect(http_url_join("https://h/", "http://h/x"), "http://h/x");
	expect(http_url_join("http://h/a/", "file:///etc/passwd"), NULL);
	expect(http_url_join("http://h/a/", "ftp://h/x"), NULL);
	expect(http_url_join("file:///a/", "b"), NULL);
	expect(http_url_join("nothing", "b"), NULL);
}

TEST(user_information_is_inherited_by_the_same_host_only)
{
	expect(http_url_join("http://me:s%40c@h/a/", "b"), "http://me:s%40c@h/a/b");
	expect(http_url_join("http://me:s@h/a/", "http://h/b"), "http://me:s@h/b");
	expect(http_url_join("http://me:s@h/a/", "http://you:t@h/b"), "http://you:t@h/b");
	expect(http_url_join("http://me:s@h/a/", "http://other/b"), "http://other/b");
	expect(http_url_join("http://me:s@h/a/", "http://h:81/b"), "http://h:81/b");
	expect(http_url_join("http://me:s@h/a/", "https://h/b"), "https://h/b");
	expect(http_url_join("http://me:s@h/a/", "http://H:80/b"), "http://me:s@H:80/b");
}

static bool in_hosts(const char *url, const char *host)
{
	const char *hosts[] = {"elsewhere", host, NULL};
	struct http_url u;
	bool found;

	assert_true(http_url_parse(url, &u));
	found = http_url_in_hosts(&u, hosts);
	http_url_release(&u);
	return found;
}

TEST(trusted_hosts)
{
	assert_true(in_hosts("https://Host/x", "host"));
	assert_true(in_hosts("https://host:8443/x", "host"));
	assert_true(in_hosts("https://host:8443/x", "host:8443"));
	assert_true(in_hosts("https://host/x", "host:443"));
	assert_true(in_hosts("https://host/x", "https://host"));
	assert_true(in_hosts("https://[::1]:1/x", "[::1]"));
	assert_false(in_hosts("https://host/x", "host:8443"));
	assert_false(in_hosts("https://host.example/x", "host"));
	assert_false(in_hosts("https://a.host/x", "host"));
	assert_false(in_hosts("https://host/x", ""));
}

TEST(content_ranges)
{
	static const struct {
		const char *value;
		int64_t from, total;
	} cases[] = {
		{"bytes 5-9/10", 5, 10},  {"bytes 5-9/*", 5, -1}, {"Bytes 0-0/1", 0, 1},   {"bytes */10", -1, -1}, {"bytes 9-5/10", -1, -1},
		{"items 5-9/10", -1, -1}, {"bytes 5-", -1, -1},   {"bytes -5/10", -1, -1}, {"", -1, -1},           {"bytes 99999999999999999999-1/2", -1, -1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t from = -1, total = -1;

		http_content_range(cases[i].value, &from, &total);
		assert_int_equal(from, cases[i].from);
		assert_int_equal(total, cases[i].total);
	}
}
