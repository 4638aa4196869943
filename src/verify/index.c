/* What is locked beside what its indexes offer today. */
#include "verify/verify.h"

#include "fetch/offers.h"

static bool wants(const void *context, const struct pin *pin)
{
	const struct verification *v = context;

	for (size_t i = 0; i < v->container_count; i++) {
		if (pin_is_toolchain(pin) || pin_in_container(pin, v->containers[i]->name))
			return true;
	}
	return false;
}

static void report(const struct verification *v, const struct offer *f, struct findings *ret)
{
	static const char *const kinds[] = {[OFFER_YANKED] = "yanked", [OFFER_REPLACED] = "replaced", [OFFER_GONE] = "vanished"};
	autoarena struct arena a = {0};
	const struct package *declared = database_package(v->db, f->pin->name);
	struct finding item = {.kind = kinds[f->state], .subject = f->pin->name, .is_package = true, .expected = f->file->name};

	switch (f->state) {
	case OFFER_AS_LOCKED:
		return;
	case OFFER_YANKED:
		item.found = f->reason ? f->reason : "yanked";
		item.text = arena_printf(&a, "%s was yanked from index '%s'%s%s ('%s')", f->pin->version, f->pin->index, f->reason ? ": " : ", no reason given",
					 f->reason ? f->reason : "", f->file->name);
		break;
	case OFFER_REPLACED:
		item.expected = f->file->sha256;
		item.found = f->sha256;
		item.text = arena_printf(&a, "%s: index '%s' has other bytes under the name '%s' (sha256 %.12s..., locked %.12s...)", f->pin->version,
					 f->pin->index, f->file->name, f->sha256, f->file->sha256);
		break;
	case OFFER_GONE:
		item.text = arena_printf(&a, "%s: index '%s' no longer has '%s'", f->pin->version, f->pin->index, f->file->name);
		break;
	}
	if (declared)
		item.pos = declared->pos;
	findings_add(ret, &item);
}

int verify_index(const struct verification *v, struct findings *ret, struct error *err)
{
	const struct fetch_options options = {.project = &v->db->project};
	struct offers offers = {0};
	int failed = offers_ask(&offers, v->lock, wants, v, v->settings, v->db->root, &options, err);

	for (size_t i = 0; !failed && i < offers.count; i++)
		report(v, &offers.files[i], ret);
	if (offers.left_out)
		findings_checked(ret, "%zu locked files; %zu others are from indexes without an address here", offers.count, offers.left_out);
	else
		findings_checked(ret, "%zu locked file%s", offers.count, offers.count == 1 ? "" : "s");
	offers_release(&offers);
	return failed;
}
