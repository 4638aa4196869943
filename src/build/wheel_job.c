#include "build/wheel_job.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "fetch/store.h"
#include "io/digest.h"
#include "io/json.h"
#include "python/direct_url.h"
#include "python/name.h"
#include "python/version.h"
#include "python/wheel.h"
#include "recipe/database.h"

/* Another number when the same inputs are built in another way. */
#define WHEEL_VERSION "lockstep wheel 1"
/* SOURCE_DATE_EPOCH of builds, 2024-01-01: not before 1980, as zip files cannot say so. */
enum { WHEEL_EPOCH_UNIX = 1704067200, ANSWER_LIMIT_BYTES = 1 << 20, PIECE_BYTES = 32 << 20 };

/* The script stands in its own file, where linters read it, and is linked in as it is. */
__asm__(".section .rodata\n"
	"build_wheel_script:\n"
	".incbin \"src/build/build_wheel.py\"\n"
	".byte 0\n"
	".previous\n");
extern const char build_wheel_script[];

static const char *root_of(const struct wheel_job *job)
{
	return job->building->request->db->root;
}

/* ---- keys ---- */

/* What a stage is made of; with `here` also what this machine made of its base. */
static void add_stage(struct digest *d, const struct build_job *stage, bool here)
{
	if (stage->parent)
		add_stage(d, stage->parent, here);
	else
		digest_add_part(d, stage->stage->from);
	digest_add_part(d, stage->text);
	for (size_t i = 0; i < stage->input_count; i++) {
		digest_add_part(d, stage->inputs[i].file);
		if (stage->inputs[i].kind != INPUT_TREE || here)
			digest_add_part(d, stage->inputs[i].sha256);
	}
}

static int compare_inputs(const void *a, const void *b)
{
	return strcmp(((const struct build_input *)a)->file, ((const struct build_input *)b)->file);
}

int wheel_job_inputs(struct arena *a, const struct lock *lock, const struct wheel_job *job, struct build_input **ret, size_t *ret_count, struct error *err)
{
	const char *use = pin_build_name(a, job->pin, job->environment);
	struct build_input *list = NULL;
	size_t count = 0;

	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];
		const struct lock_file *file = pin_in_layer(pin, use) ? pin_file(pin, job->environment) : NULL;

		if (!pin_in_layer(pin, use))
			continue;
		if (!file)
			return error_set(err, ERR_NOT_FOUND, "the lock has no file of '%s' %s, which builds '%s', for %s; run 'lockstep lock'", pin->name,
					 pin->version, job->pin->name, job->environment->name);
		*arena_push(a, &list, &count) = (struct build_input){.name = pin->name,
								     .version = pin->version,
								     .file = arena_printf(a, "wheels/%s", file->name),
								     .sha256 = file->sha256,
								     .kind = INPUT_WHEEL};
	}
	if (count)
		qsort(list, count, sizeof(*list), compare_inputs);
	*ret = list;
	*ret_count = count;
	return 0;
}

void wheel_job_keys(struct arena *a, const struct lock *lock, struct wheel_job *job)
{
	autoerror struct error ignored = {0};
	struct build_input *inputs = NULL;
	size_t count = 0;

	wheel_job_inputs(a, lock, job, &inputs, &count, &ignored);
	for (int here = 0; here < 2; here++) {
		char hex[DIGEST_HEX_LENGTH + 1];
		struct digest d;

		digest_begin(&d);
		digest_add_part(&d, WHEEL_VERSION);
		digest_add_part(&d, pin_source(job->pin)->sha256);
		digest_add_part(&d, job->pin->reference);
		digest_add_part(&d, job->environment->name);
		digest_add_part(&d, job->container->base->python_executable);
		for (size_t i = 0; i < count; i++) {
			digest_add_part(&d, inputs[i].file);
			digest_add_part(&d, inputs[i].sha256);
		}
		add_stage(&d, job->stage, here);
		digest_end(&d, hex);
		*(here ? &job->actual_key : &job->declared_key) = arena_strdup(a, hex);
	}
}

/* ---- what it is built from ---- */

/* "x" of "git+https://host/repo@<commit>#subdirectory=x", or NULL. */
static const char *subdirectory_of(const struct pin *pin)
{
	const char *fragment = pin->reference ? strstr(pin->reference, "#subdirectory=") : NULL;

	return fragment ? fragment + strlen("#subdirectory=") : NULL;
}

int wheel_job_open(struct arena *a, struct wheel_job *job, struct error *err)
{
	const struct lock_file *source = pin_source(job->pin);
	const char *path = store_path(a, source->sha256), *commit;
	bool git = job->pin->reference && lock_reference_is_git(a, job->pin->reference, &commit);

	if (!store_has(source->sha256, -1))
		return error_set(err, ERR_NOT_FOUND, "'%s' is not in the store of fetched files; run 'lockstep fetch'", source->name);
	const char *version = strcmp(job->pin->version, PIN_VERSION_UNKNOWN) != 0 && !git ? job->pin->version : NULL;

	if (sdist_read(a, path, source->name, subdirectory_of(job->pin), job->pin->name, version, &job->sdist, err) < 0)
		return error_wrap(err, "cannot build '%s' %s from %s", job->pin->name, job->pin->version, source->name);
	return 0;
}

static void add_texts(struct json_writer *w, const char *key, const char *const *texts, size_t count)
{
	json_begin_array(w, key);
	for (size_t i = 0; i < count; i++)
		json_add_text(w, NULL, texts[i]);
	json_end_array(w);
}

/* What an installer would write of where it comes from; empty for what comes from an index, or from the project. */
static void add_direct_url(const struct wheel_job *job, struct strbuf *out)
{
	autoarena struct arena a = {0};
	const char *reference = job->pin->reference, *commit;
	struct direct_url_hash hash = {"sha256", pin_source(job->pin)->sha256};
	struct direct_url u = {.kind = DIRECT_URL_ARCHIVE, .url = reference, .has_hashes = true, .hashes = &hash, .hash_count = 1};

	if (!reference || !strstr(reference, "://"))
		return;
	if (lock_reference_is_git(&a, reference, &commit))
		u = (struct direct_url){.kind = DIRECT_URL_VCS,
					.url = arena_strndup(&a, reference + strlen("git+"), (size_t)(strrchr(reference, '@') - reference) - strlen("git+")),
					.subdirectory = subdirectory_of(job->pin),
					.vcs = "git",
					.commit_id = commit,
					.requested_revision = commit};
	direct_url_write(out, &u);
}

static void write_request(const struct wheel_job *job, bool has_requirements, struct strbuf *out)
{
	autostrbuf struct strbuf direct_url = {0};
	struct json_writer w = {.out = out};

	json_begin_object(&w, NULL);
	json_add_text(&w, "archive", pin_source(job->pin)->name);
	json_add_text(&w, "subdirectory", subdirectory_of(job->pin));
	json_add_text(&w, "requirements", has_requirements ? "requirements.txt" : NULL);
	json_add_text(&w, "wheels", "wheels");
	add_texts(&w, "known", job->pin->build_requires, job->pin->build_require_count);
	json_add_integer(&w, "epoch", WHEEL_EPOCH_UNIX);
	json_add_text(&w, "backend", job->sdist.build_backend);
	add_texts(&w, "backend_path", job->sdist.backend_path, job->sdist.backend_path_count);
	add_direct_url(job, &direct_url);
	json_add_text(&w, "direct_url", direct_url.length ? strbuf_text(&direct_url) : NULL);
	/* An engine that remembers what it ran must run it again. */
	json_begin_array(&w, "run");
	json_add_integer(&w, NULL, getpid());
	json_add_integer(&w, NULL, clock_now_unix());
	json_add_integer(&w, NULL, job->attempt);
	json_end_array(&w);
	json_end_object(&w);
}

static int place(struct arena *a, const char *folder, const char *name, const char *sha256, struct error *err)
{
	if (!store_has(sha256, -1))
		return error_set(err, ERR_NOT_FOUND, "'%s' is not in the store of fetched files; run 'lockstep fetch'", path_base(name));
	return file_link_or_copy(store_path(a, sha256), path_join(a, folder, name), err);
}

static int make_context(struct arena *a, const struct wheel_job *job, const struct lock *lock, const char *folder, struct error *err)
{
	const struct lock_file *source = pin_source(job->pin);
	autostrbuf struct strbuf requirements = {0}, request = {0};
	struct build_input *inputs;
	size_t count;

	if (wheel_job_inputs(a, lock, job, &inputs, &count, err) < 0 || file_make_dirs(path_join(a, folder, "wheels"), err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		strbuf_printf(&requirements, "%s==%s --hash=sha256:%s\n", inputs[i].name, inputs[i].version, inputs[i].sha256);
		if (place(a, folder, inputs[i].file, inputs[i].sha256, err) < 0)
			return -1;
	}
	write_request(job, count > 0, &request);
	if (place(a, folder, source->name, source->sha256, err) < 0 ||
	    file_write_derived(path_join(a, folder, "requirements.txt"), strbuf_text(&requirements), requirements.length, err) < 0 ||
	    file_write_derived(path_join(a, folder, "request.json"), strbuf_text(&request), request.length, err) < 0)
		return -1;
	return file_write_derived(path_join(a, folder, "build_wheel.py"), build_wheel_script, strlen(build_wheel_script), err);
}

/* ---- the job ---- */

/* What a job's functions get. */
struct wheel_work {
	struct wheel_job *job;
	const struct lock *lock;
};

static int prepare(struct work_job *work, struct arena *a, struct process_spec *ret, struct error *err)
{
	const struct wheel_work *x = work->subject;
	struct wheel_job *job = x->job;
	struct engine *e = spread_engine(work, job->building->request->engine);
	autostrbuf struct strbuf text = {0};

	/* Made by its name alone, so that what a killed run left is replaced. */
	job->folder = arena_printf(a, "%s/.lockstep/wheels/%.*s", root_of(job), BUILDING_SHORT_KEY, job->actual_key);
	job->tag = arena_printf(a, "localhost/lockstep/%s/wheel:%s", job->building->request->db->project.name, job->actual_key);
	const char *context = arena_printf(a, "%s/context", job->folder), *dockerfile = path_join(a, job->folder, "Dockerfile");

	if (file_remove_tree(context, err) < 0 || make_context(a, job, x->lock, path_join(a, context, "wheel"), err) < 0)
		return -1;
	strbuf_printf(&text, "FROM %s\nRUN --mount=type=bind,source=wheel,target=/run/lockstep/wheel \\\n    ", job->stage->tag);
	text_shell_quote(&text, job->container->base->python_executable);
	strbuf_add(&text, " -I /run/lockstep/wheel/build_wheel.py /run/lockstep/wheel/request.json\n");
	if (file_write_derived(dockerfile, strbuf_text(&text), text.length, err) < 0)
		return -1;
	struct engine_build build = {.dockerfile = dockerfile, .context = context, .tag = job->tag, .temporary = job->building->temporary};

	return e->driver->build_argv(e, &build, &ret->argv, &ret->environment, err);
}

/* A piece of a file of the image. */
static int read_piece(const struct wheel_job *job, const char *path, uint64_t at, size_t length, struct process_result *ret, struct error *err)
{
	static const char reads[] = "import sys; f = open(sys.argv[1], 'rb'); f.seek(int(sys.argv[2])); sys.stdout.buffer.write(f.read(int(sys.argv[3])))";
	struct engine *e = job->building->request->engine;
	autoarena struct arena a = {0};
	const char *const argv[] = {job->container->base->python_executable, "-I", "-c", reads, path, arena_printf(&a, "%llu", (unsigned long long)at),
				    arena_printf(&a, "%zu", length),         NULL};

	if (e->driver->run(e, job->tag, argv, NULL, 0, ret, err) < 0)
		return -1;
	if (ret->exit_status == 0)
		return 0;
	return error_set(err, ERR_ENGINE, "'%s' cannot be taken out of the image it was built in: %.300s", path_base(path), strbuf_text(&ret->err_out));
}

static int take_wheel(struct wheel_job *job, struct error *err)
{
	autostrbuf struct strbuf all = {0};
	const char *inner = arena_printf(job->building->arena, "/lockstep-wheel/%s", job->made.name);

	while (all.length < job->made.size_bytes) {
		autoresult struct process_result piece = {0};

		if (read_piece(job, inner, all.length, PIECE_BYTES, &piece, err) < 0)
			return -1;
		if (!piece.out.length)
			break;
		strbuf_add_bytes(&all, strbuf_text(&piece.out), piece.out.length);
	}
	char hex[DIGEST_HEX_LENGTH + 1];

	digest_bytes(strbuf_text(&all), all.length, hex);
	if (all.length != job->made.size_bytes || strcmp(hex, job->made.sha256) != 0)
		return error_set(err, ERR_DIGEST, "'%s' did not come out of its image as it was built", job->made.name);
	job->made_path = arena_printf(job->building->arena, "%s/made-%u.whl", job->folder, job->attempt);
	return file_write_derived(job->made_path, strbuf_text(&all), all.length, err);
}

static int wrong_wheel(const struct wheel_job *job, const char *why, struct error *err)
{
	return error_set(err, ERR_INPUT, "%s, built from %s, is no wheel of %s %s for %s: %s", job->made.name, pin_source(job->pin)->name, job->pin->name,
			 job->pin->version, job->environment->name, why);
}

/* Its name and what it says of itself are what was asked for. */
static int check_wheel(const struct wheel_job *job, struct error *err)
{
	autoarena struct arena a = {0};
	autoerror struct error broken = {0};
	struct wheel_name name;
	struct wheel_metadata m;
	const char *const *tags;
	char digest[DIGEST_HEX_LENGTH + 1];
	size_t tag_count;

	if (!wheel_name_parse(&a, job->made.name, &name))
		return wrong_wheel(job, "its name is none of a wheel", err);
	const char *version = strcmp(job->pin->version, PIN_VERSION_UNKNOWN) != 0 ? job->pin->version : name.version;

	if (strcmp(name.name, job->pin->name) != 0 || version_compare_texts(name.version, version) != 0)
		return wrong_wheel(job, "its name says otherwise", err);
	lock_environment_tags(&a, job->environment, &tags, &tag_count);
	if (wheel_rank(&name, tags, tag_count) < 0)
		return wrong_wheel(job, "its tags do not fit there", err);
	if (wheel_metadata_read(&a, job->made_path, &m, &broken) < 0 || wheel_record_digest(job->made_path, digest, &broken) < 0)
		return wrong_wheel(job, broken.text, err);
	if (strcmp(name_canonical(&a, m.name), job->pin->name) != 0 || version_compare_texts(m.version, version) != 0)
		return wrong_wheel(job, arena_printf(&a, "its METADATA is of %s %s", m.name, m.version), err);
	return 0;
}

static int read_answer(struct wheel_job *job, const struct value *answer, struct error *err)
{
	struct arena *a = job->building->arena;
	const struct value *requires = value_get(answer, "requires");
	const char *name = value_get_text(answer, "wheel"), *sha256 = value_get_text(answer, "sha256");
	int64_t size;

	job->require_count = 0;
	for (size_t i = 0; requires && requires->kind == VALUE_ARRAY && i < requires->item_count; i++) {
		if (requires->items[i]->kind == VALUE_TEXT)
			*arena_push(a, &job->requires, &job->require_count) = arena_strdup(a, requires->items[i]->text);
	}
	if (job->require_count)
		return 0;
	if (!name || !path_is_plain_name(name) || !sha256 || !digest_is_hex(sha256) || !value_get_integer(answer, "size", &size) || size <= 0)
		return error_set(err, ERR_ENGINE, "the build of '%s' gave an answer that cannot be read", job->pin->name);
	job->made = (struct lock_file){.name = arena_strdup(a, name), .size_bytes = (uint64_t)size, .sha256 = arena_strdup(a, sha256)};
	return take_wheel(job, err) < 0 ? -1 : check_wheel(job, err);
}

static int complete(struct work_job *work, struct arena *a, struct error *err)
{
	struct wheel_job *job = ((const struct wheel_work *)work->subject)->job;
	struct engine *e = job->building->request->engine;
	autoresult struct process_result result = {0};
	autoerror struct error ignored = {0};
	struct value *answer = NULL;
	int failed = engine_keep(e, job->tag, err);

	if (!failed)
		failed = read_piece(job, "/lockstep-wheel/answer.json", 0, ANSWER_LIMIT_BYTES, &result, err);
	if (!failed)
		failed = json_parse(a, "the answer of a build", strbuf_text(&result.out), result.out.length, &answer, err);
	if (!failed)
		failed = read_answer(job, answer, err);
	e->driver->untag(e, job->tag, &ignored);
	if (!failed)
		job->building->built_count++;
	return failed;
}

static void drop(struct work_job *work)
{
	const struct wheel_job *job = ((const struct wheel_work *)work->subject)->job;
	autoerror struct error ignored = {0};

	if (job->folder)
		file_remove_tree(arena_printf(job->building->arena, "%s/context", job->folder), &ignored);
}

const struct work_kind wheel_kind = {.prepare = prepare, .complete = complete, .drop = drop};

struct work_job *wheel_job_work(struct wheel_job *job, const struct lock *lock)
{
	struct building *b = job->building;
	struct work_job *work = arena_new(b->arena, struct work_job);
	struct wheel_work *x = arena_new(b->arena, struct wheel_work);
	struct work_kind *kind = arena_new(b->arena, struct work_kind);

	*x = (struct wheel_work){job, lock};
	*kind = wheel_kind;
	kind->read_line = b->request->engine->driver->read_line;
	job->name = arena_printf(b->arena, "wheel-%s-%s", job->pin->name, job->pin->version);
	job->attempt++;
	job->made = (struct lock_file){0};
	*work = (struct work_job){
		.kind = kind, .subject = x, .name = job->name, .serves = job->container->name, .log = building_log_path(b, job->name, job->actual_key)};
	return work;
}
