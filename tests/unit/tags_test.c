#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "release/tags.h"

static struct container containers[] = {{.name = "ci-cpu", .tag_name = "ci_cpu"}, {.name = "ci-gpu", .tag_name = "ci_gpu"}};
static const char *tag_files[] = {"Jenkinsfile", "images.yaml"};
static struct pos tag_file_pos[] = {{"recipes/project.yaml", 4, 3}, {"recipes/project.yaml", 5, 3}};

static struct database database(size_t container_count, size_t file_count)
{
	return (struct database){
		.root = ".",
		.project = {.repository = "reg.example:5000/lockstep",
			    .first_release = "v0.1",
			    .tag_files = tag_files,
			    .tag_file_pos = tag_file_pos,
			    .tag_file_count = file_count},
		.containers = containers,
		.container_count = container_count,
	};
}

static void put(const char *path, const char *text, size_t length)
{
	FILE *file = fopen(path, "wb"); /* file_write() waits for the disk */

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

/* What tags_read says of a Jenkinsfile: "ok TAG LINE:COLUMN" per place or the problems with their places, one line each. */
static char *read_tags(const char *text, size_t container_count)
{
	autotags struct tags t = {0};
	autodiag struct diag d = {0};
	autoerror struct error err = {0};
	struct database db = database(container_count, 1);
	struct strbuf out = {0};

	put("Jenkinsfile", text, strlen(text));
	int result = tags_read(&t, &db, &d, &err);

	assert_int_equal(result<0, d.error_count> 0);
	for (size_t i = 0; result == 0 && i < t.place_count; i++)
		strbuf_printf(&out, "%s %s %u:%u\n", t.places[i].container->name, t.places[i].tag, t.places[i].pos.line, t.places[i].pos.column);
	diag_sort(&d);
	for (size_t i = 0; i < d.problem_count; i++)
		strbuf_printf(&out, "%u:%u %s\n", d.problems[i].pos.line, d.problems[i].pos.column, d.problems[i].text);
	strbuf_add(&out, "");
	return strbuf_detach(&out);
}

static void expect(const char *text, const char *expected)
{
	autofree char *seen = read_tags(text, 1);

	assert_string_equal(seen, expected);
}

#define REPO "reg.example:5000/lockstep"

TEST(the_ways_to_set_a_tag)
{
	static const char *const good[] = {
		"ci_cpu = '" REPO "/ci-cpu:v1'",
		"ci_cpu='" REPO "/ci-cpu:v1'\n",
		"\tdef   ci_cpu\t=\t\"" REPO "/ci-cpu:v1\";",
		"String ci_cpu = '''" REPO "/ci-cpu:v1'''",
		"@Field final String ci_cpu = \"\"\"" REPO "/ci-cpu:v1\"\"\" // why",
		"env.ci_cpu = '" REPO "/ci-cpu:v1'",
		"env?.ci_cpu = '" REPO "/ci-cpu:v1'",
		"pipeline { environment { ci_cpu = '" REPO "/ci-cpu:v1' } }",
		"ci_cpu /* a */ = // b\n  '" REPO "/ci-cpu:v1' /* c */\n",
		"ci_cpu = ''\nci_cpu = '" REPO "/ci-cpu:v1'",
		"def f(ci_cpu = '" REPO "/ci-cpu:v1', x = 1) {}",
		"#!/usr/bin/env groovy '\nci_cpu = '" REPO "/ci-cpu:v1'",
		"\xef\xbb\xbf"
		"ci_cpu = '" REPO "/ci-cpu:v1'",
		"ci_cpu_old = 'x/ci-cpu:v0'\nparams.ci_cpu = 'x/ci-cpu:v0'\nx = \"${ci_cpu} ci_cpu = 'x/ci-cpu:v0'\"\nci_cpu = '" REPO "/ci-cpu:v1'",
		"ci_cpu = params.p ?: ci_cpu\nci_cpu == 'x/ci-cpu:v0'\nci_cpu = '" REPO "/ci-cpu:v1'",
		"x = a / b // '\ny = /it's ci_cpu = 'x\\/ci-cpu:v0'/\nz = $/ it's '''/$\nci_cpu = '" REPO "/ci-cpu:v1'",
		"sh \"echo ${[a: \"}'\", b: '\"'].collect { \"${it}'\" }} it's\"\nci_cpu = '" REPO "/ci-cpu:v1'",
		"sh 'a\\'b\\\\'\nci_cpu = '" REPO "/ci-cpu:v1'\n",
		"if (x =~ /'$/) { y = 4 / 2 / 1 }\nci_cpu = '" REPO "/ci-cpu:v1'\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		autofree char *seen = read_tags(good[i], 1);

		if (strncmp(seen, "ci-cpu v1 ", 10) != 0)
			fail_msg("%s\n%s", good[i], seen);
	}
	expect("\n  ci_cpu = '" REPO "/ci-cpu:v0.1'", "ci-cpu v0.1 2:46\n");
}

TEST(what_is_wrong_is_said_with_its_place)
{
	expect("pipeline {}\n", "0:0 the tag of container 'ci-cpu' cannot be found: nothing sets 'ci_cpu'\n");
	expect("x\n// ci_cpu = '" REPO "/ci-cpu:v1'\n",
	       "2:4 the tag of container 'ci-cpu' cannot be found: nothing sets 'ci_cpu'; it stands only in a comment\n");
	expect("withEnv(['ci_cpu=" REPO "/ci-cpu:v1']) {}",
	       "1:11 the tag of container 'ci-cpu' cannot be found: nothing sets 'ci_cpu'; it stands only inside a text\n");
	expect("ci_cpu = '" REPO "/ci-cpu:v1'\n\n  ci_cpu = '" REPO "/ci-cpu:v2'\n",
	       "3:3 the tag of container 'ci-cpu' is ambiguous: 'ci_cpu' is set here and on line 1\n");
	expect("if (a) { ci_cpu = '" REPO "/ci-cpu:v1' } else { ci_cpu = 'mirror/ci-cpu:v1' }",
	       "1:66 the tag of container 'ci-cpu' is ambiguous: 'ci_cpu' is set here and on line 1\n");
	expect("ci_cpu = '" REPO "/ci-cpu'", "1:11 the image of 'ci_cpu' has no ':tag'\n");
	expect("ci_cpu = \"" REPO "/ci-cpu:${v}\"", "1:11 the text of 'ci_cpu' is put together from parts when it is used; lockstep moves plain texts only\n");
	expect("ci_cpu = '" REPO "/ci-cpu:' + v", "1:11 the text of 'ci_cpu' is only a part of what is assigned; lockstep moves plain texts only\n");
	expect("ci_cpu = '" REPO "/ci-cpu:v1'\n  .trim()", "1:11 the text of 'ci_cpu' is only a part of what is assigned; lockstep moves plain texts only\n");
	expect("ci_cpu = '" REPO "/ci-cpu\\:v1'", "1:11 the text of 'ci_cpu' has a backslash escape; lockstep moves plain texts only\n");
	expect("ci_cpu = /x\\/ci-cpu:v1/", "1:11 the text of 'ci_cpu' stands between slashes; lockstep moves plain texts only\n");
	expect("ci_cpu = '" REPO "/ci-cpu:v1@sha256:00'", "1:11 'ci_cpu' names an image by digest; lockstep moves tags only\n");
	expect("ci_cpu = '" REPO "/ci-gpu:v1'", "1:11 'ci_cpu' holds the tag of container 'ci-cpu', but this names image 'ci-gpu'\n");
	expect("ci_cpu = 'tlcpack/ci-cpu:v1'", "1:11 'ci_cpu' names repository 'tlcpack', but recipes/project.yaml says '" REPO "'\n");
	expect("ci_cpu = 'ci-cpu:v1'", "1:11 'ci_cpu' names repository '', but recipes/project.yaml says '" REPO "'\n");
	expect("ci_cpu = '" REPO "/ci-cpu:v 1'", "1:11 'ci_cpu' has no valid tag: 'v 1'\n");
	expect("ci_cpu = ''", "1:11 'ci_cpu' holds the tag of container 'ci-cpu', but this names image ''\n");
	expect("x = 1\ny = 'open\nci_cpu = 'a'", "2:5 this text has no end, so the tags in this file cannot be told from other text\n");
	expect("/* ", "1:1 this comment has no end, so the tags in this file cannot be told from other text\n");
	expect("x = \"${a {\"", "1:11 this text has no end, so the tags in this file cannot be told from other text\n");
	expect("x = '\\u0027'",
	       "1:6 this Unicode escape stands for a sign that can begin or end a text; write the sign itself, so the tags in this file cannot be told "
	       "from other text\n");
}

TEST(every_container_must_have_its_tag)
{
	autofree char *both = read_tags("ci_cpu = '" REPO "/ci-cpu:v1'\nci_gpu = '" REPO "/ci-gpu:v2'", 2);
	autofree char *one = read_tags("ci_cpu = '" REPO "/ci-cpu:v1'\n// ci_gpu", 2);

	assert_string_equal(both, "ci-cpu v1 1:44\nci-gpu v2 2:44\n");
	assert_string_equal(one, "2:4 the tag of container 'ci-gpu' cannot be found: nothing sets 'ci_gpu'; it stands only in a comment\n");
}

TEST(a_missing_file_is_reported_where_it_is_named)
{
	autotags struct tags t = {0};
	autodiag struct diag d = {0};
	autoerror struct error err = {0};
	struct database db = database(1, 2);

	put("Jenkinsfile", "", 0);
	remove("images.yaml");
	assert_int_equal(tags_read(&t, &db, &d, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_int_equal(d.problem_count, 1);
	assert_string_equal(d.problems[0].text, "there is no file 'images.yaml' to hold the tags");
	assert_int_equal(d.problems[0].pos.line, 5);
}

/* Moves the tags of both files and gives the new text of the one asked for. */
static char *moved(const char *jenkinsfile, size_t length, const char *lines, const char *path)
{
	autotags struct tags t = {0};
	autodiag struct diag d = {0};
	autoerror struct error err = {0};
	autoarena struct arena a = {0};
	struct database db = database(2, 2);
	struct tag_change *changes;
	size_t count;

	put("Jenkinsfile", jenkinsfile, length);
	put("images.yaml", lines, strlen(lines));
	if (tags_read(&t, &db, &d, &err) < 0)
		fail_msg("%u:%u %s", d.problems[0].pos.line, d.problems[0].pos.column, d.problems[0].text);
	tags_plan(&t, &a, "v0.62", &changes, &count);
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(changes[i].path, path))
			return mem_strdup(changes[i].text);
	}
	return NULL;
}

/* Texts with every "<>" replaced by a tag. */
static char *with_tag(const char *text, const char *tag)
{
	struct strbuf out = {0};

	for (; *text; text++) {
		if (text[0] == '<' && text[1] == '>') {
			strbuf_add(&out, tag);
			text++;
		} else {
			strbuf_add_char(&out, *text);
		}
	}
	return strbuf_detach(&out);
}

TEST(lines_of_names_and_values)
{
	static const char *const lines[] = {
		"ci_cpu=" REPO "/ci-cpu:<>",
		"export ci_cpu=\"" REPO "/ci-cpu:<>\" # why\n",
		"images:\n  ci_cpu: '" REPO "/ci-cpu:<>'\r\n  - ci_gpu: " REPO "/ci-gpu:<>",
		"{\n\"ci_cpu\": \"" REPO "/ci-cpu:<>\",\n \"ci_other\": 3}",
		"# ci_cpu=" REPO "/ci-cpu:v9\nCI_CPU := " REPO "/ci-cpu:v9\nci_cpu := " REPO "/ci-cpu:<>\n",
		"\xef\xbb\xbf"
		"ci_cpu = " REPO "/ci-cpu:<>;\r\n\xff\xfe",
	};
	const char *jenkinsfile = "ci_cpu = '" REPO "/ci-cpu:v0'; ci_gpu = '" REPO "/ci-gpu:v0'";

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		autofree char *old = with_tag(lines[i], "v0.9"), *new = with_tag(lines[i], "v0.62");
		autofree char *seen = moved(jenkinsfile, strlen(jenkinsfile), old, "images.yaml");

		assert_non_null(seen);
		assert_string_equal(seen, new);
	}
}

TEST(nothing_to_move_plans_nothing)
{
	const char *jenkinsfile = "ci_cpu = '" REPO "/ci-cpu:v0.62'; ci_gpu = '" REPO "/ci-gpu:v0.62'";

	assert_null(moved(jenkinsfile, strlen(jenkinsfile), "", "Jenkinsfile"));
}

static unsigned random_state;

static unsigned random_below(unsigned limit)
{
	random_state = random_state * 1103515245u + 12345u;
	return (random_state >> 16) % limit;
}

/* Pieces of Groovy that say nothing to lockstep, many of them made to look as if they did. */
static const char *const pieces[] = {
	"stage('a') { sh 'make -j2' }",
	"// ci_cpu = '" REPO "/ci-cpu:v9'",
	"/* ci_gpu = '" REPO "/ci-gpu:v9'\n */",
	"x = \"ci_cpu = '" REPO "/ci-cpu:v9'\"",
	"y = '''\nci_cpu = \"" REPO "/ci-cpu:v9\"\n'''",
	"z = \"\"\"\nci_gpu = '${ci_gpu}' it's\n\"\"\"",
	"w = a / b / c",
	"re = /[\"'\\/]+\\\\w/",
	"d = $/ $$ $/ ' \" /$",
	"other.ci_cpu = '" REPO "/ci-cpu:v9'",
	"ci_cpu_2 = '" REPO "/ci-cpu:v9'",
	"if (ci_cpu == '" REPO "/ci-cpu:v9') { }",
	"echo \"${x.collect { \"'${it}\" }.join('\"')}\"",
	"docker.image(ci_cpu).inside('-v \"/x:/x\"') { }",
	"m = [ci_cpu: '" REPO "/ci-cpu:v9']",
	"\t \t",
	"q = '\\'\\\\'",
	"n = (1\n/ 2)",
	"caf\xc3\xa9 = '\xff\xfe\x80'",
	"e = ''; f = \"\"; g = ''''''",
	"i++ / 2",
	"ci_gpu += 'x'",
	"def ci_cpu",
};
static const char *const ways[] = {
	"%s = '%s'", "%s='%s'", "def %s   =   \"%s\"", "env.%s = '''%s'''", "environment {\n\t%s = '%s'\n}", "String %s = \"\"\"%s\"\"\";"};

static void add_tag(struct strbuf *old, struct strbuf *new, const char *name, const char *container)
{
	const char *way = ways[random_below(ARRAY_LEN(ways))];
	unsigned number = random_below(1000);
	struct strbuf *texts[] = {old, new};

	for (size_t i = 0; i < 2; i++) {
		autofree char *image = i ? mem_printf(REPO "/%s:v0.62", container) : mem_printf(REPO "/%s:v0.%u", container, number);
		bool second = false;

		for (const char *p = way; *p; p++) {
			if (p[0] == '%') {
				strbuf_add(texts[i], second ? image : name);
				second = true;
				p++;
			} else {
				strbuf_add_char(texts[i], *p);
			}
		}
	}
}

/* The same bytes but for the tags, whatever stands around them. */
TEST(nothing_else_changes_by_a_byte)
{
	for (unsigned seed = 1; seed <= 400; seed++) {
		autostrbuf struct strbuf old = {0}, new = {0};
		unsigned count = 2 + random_below(20), cpu, gpu;

		random_state = seed;
		cpu = random_below(count);
		gpu = random_below(count);
		const char *newline = random_below(3) ? "\n" : "\r\n";

		if (!random_below(4)) {
			strbuf_add(&old, "\xef\xbb\xbf");
			strbuf_add(&new, "\xef\xbb\xbf");
		}
		for (unsigned i = 0; i < count; i++) {
			const char *piece = pieces[random_below(ARRAY_LEN(pieces))];

			strbuf_add(&old, piece);
			strbuf_add(&new, piece);
			strbuf_add(&old, newline);
			strbuf_add(&new, newline);
			if (i == cpu)
				add_tag(&old, &new, "ci_cpu", "ci-cpu");
			if (i == cpu && i == gpu) {
				strbuf_add(&old, newline);
				strbuf_add(&new, newline);
			}
			if (i == gpu)
				add_tag(&old, &new, "ci_gpu", "ci-gpu");
			if (i + 1 < count || random_below(2)) {
				strbuf_add(&old, newline);
				strbuf_add(&new, newline);
			}
		}
		autofree char *seen = moved(strbuf_text(&old), old.length, "", "Jenkinsfile");

		if (!seen || strcmp(seen, strbuf_text(&new)) != 0)
			fail_msg("seed %u\n%s", seed, strbuf_text(&old));
	}
}
