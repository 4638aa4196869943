#include "recipe/word.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/digest.h"
#include "python/name.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

enum { NAME_MAX_BYTES = 100 };

/* Runs of `inner` bytes with single separators between them. */
static bool is_separated(const char *word, size_t length, const char *inner, const char *separators)
{
	bool after_separator = true;

	for (size_t i = 0; i < length; i++) {
		bool is_separator = strchr(separators, word[i]) != NULL;

		if (!word[i] || (is_separator ? after_separator : !strchr(inner, word[i])))
			return false;
		after_separator = is_separator;
	}
	return length && !after_separator;
}

static bool is_name(const char *word)
{
	return strlen(word) <= NAME_MAX_BYTES && is_separated(word, strlen(word), LOWER DIGITS, "._-");
}

static bool is_option(const char *word)
{
	return strlen(word) <= NAME_MAX_BYTES && strchr(LOWER, *word) && is_separated(word, strlen(word), LOWER DIGITS, "_-");
}

static bool is_python_name(const char *word)
{
	return strlen(word) <= NAME_MAX_BYTES && name_is_valid(word);
}

static bool is_variable(const char *word)
{
	return *word && !strchr(DIGITS, *word) && strspn(word, LOWER UPPER DIGITS "_") == strlen(word);
}

static bool is_apt(const char *word)
{
	size_t name = strspn(word, LOWER DIGITS "+-.");

	if (name < 2 || !strchr(LOWER DIGITS, *word))
		return false;
	const char *version = word + name;

	return !*version ||
	       (*version == '=' && version[1] && strchr(DIGITS, version[1]) && strspn(version + 1, LOWER UPPER DIGITS ".+-~:") == strlen(version + 1));
}

static bool is_suite(const char *word)
{
	return is_separated(word, strlen(word), LOWER DIGITS, "-./");
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(word, words[i]))
			return true;
	}
	return false;
}

static bool is_mmdebstrap_variant(const char *word)
{
	static const char *const variants[] = {"extract", "custom", "essential", "apt",         "required",
					       "minbase", "buildd", "important", "debootstrap", "standard"};

	return is_one_of(word, variants, ARRAY_LEN(variants));
}

static bool is_path(const char *word)
{
	return word[0] == '/' && path_stays_inside(word + 1);
}

static bool is_link_target(const char *word)
{
	return is_path(word) || path_stays_inside(word);
}

static bool is_port(const char *word, size_t length)
{
	return length && length <= 5 && strspn(word, DIGITS) >= length;
}

/* The OCI distribution spec's path component; '__' and runs of '-' are left out, as nothing we name has them. */
static bool is_repository_part(const char *word, size_t length)
{
	return is_separated(word, length, LOWER DIGITS, "._-");
}

static bool is_registry(const char *word, size_t length)
{
	const char *colon = memchr(word, ':', length);
	size_t host = colon ? (size_t)(colon - word) : length;

	return is_separated(word, host, LOWER UPPER DIGITS, ".-") && (!colon || is_port(colon + 1, length - host - 1));
}

static bool is_repository_of(const char *word, size_t length)
{
	bool first = true;

	for (;; first = false) {
		const char *slash = memchr(word, '/', length);
		size_t part = slash ? (size_t)(slash - word) : length;
		bool may_be_registry = first && slash && (memchr(word, '.', part) || memchr(word, ':', part) || (part == 9 && !memcmp(word, "localhost", 9)));

		if (!(may_be_registry && is_registry(word, part)) && !is_repository_part(word, part))
			return false;
		if (!slash)
			return true;
		word = slash + 1;
		length -= part + 1;
	}
}

static bool is_host(const char *word)
{
	return strlen(word) <= NAME_MAX_BYTES && is_registry(word, strlen(word));
}
static bool is_repository(const char *word)
{
	return strlen(word) <= NAME_MAX_BYTES && is_repository_of(word, strlen(word));
}

static bool is_image_digest(const char *word)
{
	const char *at = strchr(word, '@');

	return at && is_repository_of(word, (size_t)(at - word)) && text_starts_with(at, "@sha256:") && digest_is_hex(at + strlen("@sha256:"));
}

static bool is_dotted(const char *word)
{
	return strlen(word) <= NAME_MAX_BYTES && is_separated(word, strlen(word), DIGITS, ".");
}

static size_t dot_count(const char *word)
{
	size_t count = 0;

	for (; *word; word++)
		count += *word == '.';
	return count;
}

static bool is_release(const char *word)
{
	return word[0] == 'v' && is_dotted(word + 1) && dot_count(word) == 1;
}

static bool is_date(const char *word)
{
	int64_t at_unix;

	return strlen(word) == strlen("2026-12-31") && clock_parse_rfc3339(word, &at_unix);
}

static bool is_commit(const char *word)
{
	size_t length = strlen(word);

	return (length == 40 || length == 64) && strspn(word, "abcdef" DIGITS) == length;
}

static bool is_python_minor(const char *word)
{
	return is_dotted(word) && dot_count(word) == 1;
}

/* "host", "host:port" or "[IPv6]:port"; no user. */
static bool is_authority(const char *word, size_t length)
{
	size_t host = strspn(word, LOWER UPPER DIGITS ".-_");

	if (*word == '[') {
		host = 1 + strspn(word + 1, "abcdefABCDEF" DIGITS ":.");
		host = word[host] == ']' ? host + 1 : 0;
	}
	return host && host <= length && (host == length || (word[host] == ':' && is_port(word + host + 1, length - host - 1)));
}

static bool is_url(const char *word)
{
	const char *rest = text_starts_with(word, "https://") ? word + 8 : text_starts_with(word, "http://") ? word + 7 : "";

	for (const char *p = word; *p; p++) {
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || strchr("\"<>\\^`{|}", *p))
			return false;
	}
	return *rest && is_authority(rest, strcspn(rest, "/?#"));
}

/* What tar reads, by its last part, which names the file from then on. */
static bool is_archive_url(const char *word)
{
	static const char *const ends[] = {".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tar.zst"};
	const char *slash = strrchr(word, '/');
	bool ends_well = false;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		ends_well |= text_ends_with(word, ends[i]);
	return ends_well && is_url(word) && !strpbrk(word, "?#%") && path_is_plain_name(slash + 1) && slash > strstr(word, "://") + 3;
}

static bool is_digit(const char *word)
{
	return *word >= '0' && *word <= '9' && !word[1];
}

static bool is_account(const char *word, size_t length)
{
	if (!length || length > 32)
		return false;
	if (strchr(DIGITS, *word))
		return strspn(word, DIGITS) >= length;
	return strchr(LOWER "_", *word) && strspn(word, LOWER DIGITS "_-") >= length;
}

static bool is_user(const char *word)
{
	size_t user = strcspn(word, ":");

	return is_account(word, user) && (!word[user] || is_account(word + user + 1, strlen(word + user + 1)));
}

static bool is_mode(const char *word)
{
	return !strcmp(word, "0644") || !strcmp(word, "0755");
}

static bool is_implementation(const char *word)
{
	return !strcmp(word, "cpython") || !strcmp(word, "pypy");
}

static bool is_os(const char *word)
{
	return !strcmp(word, "linux");
}

static bool is_machine(const char *word)
{
	static const char *const machines[] = {"x86_64", "aarch64", "armv7l", "i686", "ppc64le", "s390x", "riscv64"};

	return is_one_of(word, machines, ARRAY_LEN(machines));
}

static bool is_libc(const char *word)
{
	return !strcmp(word, "glibc") || !strcmp(word, "musl");
}

static bool is_resolver(const char *word)
{
	return !strcmp(word, "uv") || !strcmp(word, "pip");
}

static bool is_layers(const char *word)
{
	return !strcmp(word, "engine") || !strcmp(word, "lockstep");
}

static bool is_packing(const char *word)
{
	return !strcmp(word, "gzip") || !strcmp(word, "zstd");
}

static bool is_bytecode(const char *word)
{
	return !strcmp(word, "pip") || !strcmp(word, "hash") || !strcmp(word, "none");
}

static bool is_in_word(const char *word)
{
	return strlen(word) <= NAME_MAX_BYTES && *word && strchr(LOWER UPPER DIGITS, *word) && strspn(word, LOWER UPPER DIGITS "._+-") == strlen(word);
}

static bool is_choice(const char *word)
{
	return is_in_word(word) || is_path(word);
}

static const struct word_form patterns[] = {
	{"version", is_dotted, "numbers with dots between them, as 13.0"},
	{"word", is_in_word, "letters, digits and '.', '_', '+', '-', the first a letter or digit"},
	{"path", is_path, "a path that begins with '/' and has no '..'"},
};

const struct word_form *word_pattern_form(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		if (!strcmp(patterns[i].name, name))
			return &patterns[i];
	}
	return NULL;
}

static bool is_pattern(const char *word)
{
	return word_pattern_form(word) != NULL;
}

#define NAME_RULE "lower-case letters and digits, with single '.', '_' or '-' between them"
const struct word_form word_name = {"name", is_name, NAME_RULE};
const struct word_form word_project = {"project name", is_name, NAME_RULE};
const struct word_form word_python_name = {"Python name (PEP 508)", is_python_name,
					   "letters, digits, '.', '_' and '-', the first and the last a letter or digit"};
const struct word_form word_option = {"option name", is_option, "lower-case letters and digits, with single '_' or '-' between them"};
const struct word_form word_variable = {"variable name", is_variable, "letters, digits and '_', the first no digit"};
const struct word_form word_apt = {"Debian package", is_apt, "lower-case letters, digits, '+', '-' and '.', at least two, then '=version' or nothing"};
const struct word_form word_suite = {"suite", is_suite, "the code name of a distribution's release, as bookworm"};
const struct word_form word_mmdebstrap = {"variant of mmdebstrap", is_mmdebstrap_variant,
					  "one of: extract, custom, essential, apt, required, minbase, buildd, important, debootstrap, standard"};
const struct word_form word_path = {"absolute path", is_path, "begins with '/', has no '..', no empty part and does not end with '/'"};
const struct word_form word_inner_path = {"path that stays in its folder", path_stays_inside, "a relative path without '..'"};
const struct word_form word_link_target = {"target of a link", is_link_target, "a path without '..'"};
const struct word_form word_repository = {"image repository", is_repository, "as lockstep, or registry.example:5000/ci; no tag"};
const struct word_form word_host = {"registry", is_host, "as registry.example or localhost:5000"};
const struct word_form word_image_digest = {"image with a digest", is_image_digest,
					    "repository@sha256:<64 hex digits>, without a tag: a tag can be moved to other bytes, a digest cannot"};
const struct word_form word_date = {"date", is_date, "a day that exists, as 2026-12-31"};
const struct word_form word_commit = {"whole name of a commit", is_commit,
				      "the 40 lower-case hex digits that 'git rev-parse' prints; a branch, a tag or a short name can come to mean other code"};
const struct word_form word_sha256 = {"SHA-256", digest_is_hex, "the 64 lower-case hex digits that 'sha256sum' prints"};
const struct word_form word_release = {"release", is_release, "as v0.1"};
const struct word_form word_url = {"address", is_url, "begins with http:// or https://, and holds no user and password (they belong into netrc)"};
const struct word_form word_git_url = {"address of a repository", is_url,
				       "begins with https://, http://, ssh:// or file:///; a password is no part of it, but belongs into netrc"};
const struct word_form word_archive_url = {
	"address of an archive", is_archive_url,
	"begins with http:// or https://, and ends with .tar, .tar.gz, .tgz, .tar.xz, .txz, .tar.bz2 or .tar.zst; no '?', '#' and '%'"};
const struct word_form word_strip = {"number", is_digit, "one digit"};
const struct word_form word_user = {"user", is_user, "a user's name or number, then ':group' or nothing"};
const struct word_form word_mode = {"file mode", is_mode, "\"0644\", or \"0755\" for what can be run"};
const struct word_form word_python_minor = {"Python version", is_python_minor, "as 3.11"};
const struct word_form word_dotted = {"version", is_dotted, "numbers with dots between them, as 2.36"};
const struct word_form word_implementation = {"Python implementation", is_implementation, "one of: cpython, pypy"};
const struct word_form word_os = {"operating system", is_os, "linux"};
const struct word_form word_machine = {"machine", is_machine, "one of: x86_64, aarch64, armv7l, i686, ppc64le, s390x, riscv64"};
const struct word_form word_resolver = {"resolver", is_resolver, "one of: uv, pip"};
const struct word_form word_layers = {"maker of layers", is_layers, "one of: engine, lockstep"};
const struct word_form word_packing = {"way to pack layers", is_packing, "one of: gzip, zstd"};
const struct word_form word_bytecode = {"way to compile", is_bytecode, "one of: pip, hash, none"};
const struct word_form word_libc = {"C library", is_libc, "one of: glibc, musl"};
const struct word_form word_pattern = {"pattern", is_pattern, "one of: version, word, path"};
const struct word_form word_choice = {"value of an option", is_choice, "letters, digits and '.', '_', '+', '-', or an absolute path"};
const struct word_form word_file = {"file name", path_is_plain_name, "without '/', and not '.' or '..'"};
