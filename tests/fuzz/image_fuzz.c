/* A configuration, and the same bytes as a manifest: what is read holds what it must, and what is put on top changes nothing below. */
#include "fuzz.h"

#include <string.h>

#include "image/image.h"
#include "io/json.h"

#define SOME_DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static bool is_changed(const char *key)
{
	static const char *const keys[] = {"created", "config", "rootfs", "history"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (!strcmp(key, keys[i]))
			return true;
	}
	return false;
}

static bool are_equal(const struct value *x, const struct value *y)
{
	if (x->kind != y->kind || x->item_count != y->item_count || x->entry_count != y->entry_count || x->text_length != y->text_length ||
	    x->integer != y->integer || memcmp(&x->floating, &y->floating, sizeof(x->floating)) != 0 ||
	    (x->text && memcmp(x->text, y->text, x->text_length) != 0))
		return false;
	for (size_t i = 0; i < x->item_count; i++) {
		if (!are_equal(x->items[i], y->items[i]))
			return false;
	}
	for (size_t i = 0; i < x->entry_count; i++) {
		if (x->entries[i].key_length != y->entries[i].key_length || memcmp(x->entries[i].key, y->entries[i].key, x->entries[i].key_length) != 0 ||
		    !are_equal(x->entries[i].value, y->entries[i].value))
			return false;
	}
	return true;
}

static void check_unknown_fields(struct arena *a, const struct image *below, const struct image *above)
{
	autoerror struct error err = {0};
	struct value *x, *y;

	FUZZ_CHECK(!json_parse(a, "below", below->config, below->config_length, &x, &err) &&
		   !json_parse(a, "above", above->config, above->config_length, &y, &err));
	for (size_t i = 0; i < x->entry_count; i++) {
		if (!is_changed(x->entries[i].key))
			FUZZ_CHECK(are_equal(x->entries[i].value, y->entries[i].value));
	}
}

static void put_on_top(struct arena *a, const struct image *below)
{
	static const struct image_layer layer = {SOME_DIGEST, SOME_DIGEST, IMAGE_LAYER_GZIP, 5, NULL, "a \"layer\""};
	static const char *const labels[] = {"a=b=c", "\xc3\xa4", NULL};
	struct image_top top = {&layer, 1, labels, 1700000000}, same = {NULL, 0, labels, 1700000000};
	autoerror struct error err = {0};
	struct image above, again;

	if (image_make(a, below, &top, &above, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_INPUT); /* too long now */
		return;
	}
	FUZZ_CHECK(above.layer_count == below->layer_count + 1 && !strcmp(above.layers[below->layer_count].diff_id, SOME_DIGEST));
	for (size_t i = 0; i < below->layer_count; i++)
		FUZZ_CHECK(!strcmp(above.layers[i].diff_id, below->layers[i].diff_id));
	check_unknown_fields(a, below, &above);
	/* All is said now; nothing more on top changes nothing. */
	FUZZ_CHECK(!image_make(a, &above, &same, &again, &err));
	FUZZ_CHECK(!strcmp(above.config_digest, again.config_digest));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0}, why_not = {0};
	struct image image = {0}, manifest = {0};

	if (image_read_config(&a, "fuzz", (const char *)bytes, length, &image, &err) < 0) {
		FUZZ_CHECK(err.code == ERR_INPUT);
	} else {
		FUZZ_CHECK(image_is_digest(image.config_digest) && image.config_length == length);
		put_on_top(&a, &image);
	}
	if (image_read_manifest(&a, "fuzz", (const char *)bytes, length, &manifest, &why_not) < 0) {
		FUZZ_CHECK(why_not.code == ERR_INPUT && !manifest.layers);
		return 0;
	}
	FUZZ_CHECK(image_is_digest(manifest.digest) && image_is_digest(manifest.config_digest) && manifest.manifest_length == length);
	for (size_t i = 0; i < manifest.layer_count; i++)
		FUZZ_CHECK(image_is_digest(manifest.layers[i].digest) && manifest.layers[i].media_type && manifest.layers[i].size_bytes >= 0);
	return 0;
}
