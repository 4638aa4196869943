#include "unit.h"

#include "image/image.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define D3 "sha256:3333333333333333333333333333333333333333333333333333333333333333"
#define CONFIG(rest) "{\"architecture\":\"amd64\",\"os\":\"linux\"," rest "}"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\"]}"
#define CONFIG_ENTRY(digest) "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" digest "\",\"size\":2}"

static void expect_config_refused(const char *text, const char *why)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct image image = {0};

	assert_int_equal(image_read_config(&a, "it", text, strlen(text), &image, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_string_equal(err.text, why);
	assert_null(image.config);
}

TEST(configurations_that_are_none)
{
	expect_config_refused("[]", "it: is a list, not a table");
	expect_config_refused("{\"os\":\"linux\",\"architecture\":\"amd64\"", "it: line 1, column 36: not valid JSON: '}' expected near end of file");
	expect_config_refused("{\"os\":\"linux\",\"os\":\"windows\"}", "it: line 1, column 18: not valid JSON: duplicate object key near '\"os\"'");
	expect_config_refused("{\"os\":\"linux\"}", "it: has no 'architecture'");
	expect_config_refused(CONFIG("\"x\":1"), "it: has no 'rootfs'");
	expect_config_refused(CONFIG("\"RootFS\":{}," ROOTFS), "it: has 'RootFS', which some programs read as 'rootfs'");
	expect_config_refused(CONFIG("\"rootfs\":{\"type\":\"tree\",\"diff_ids\":[]}"), "it: 'rootfs' is of type 'tree', not 'layers'");
	expect_config_refused(CONFIG("\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}"), "it: has no 'diff_ids'");
	expect_config_refused(CONFIG("\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\",\"sha256:../../x\"]}"),
			      "it: entry 2 of 'diff_ids', 'sha256:../../x', is not 'sha256:' and 64 hexadecimal digits");
	expect_config_refused(CONFIG("\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[7]}"),
			      "it: entry 1 of 'diff_ids', 'a whole number', is not 'sha256:' and 64 hexadecimal digits");
	expect_config_refused(CONFIG(ROOTFS ",\"history\":[{},{\"empty_layer\":true},{}]"), "it: 'history' tells of 2 layers, there are 1");
	expect_config_refused(CONFIG(ROOTFS ",\"history\":[5]"), "it: entry 1 of 'history' is a whole number, not a table");
	expect_config_refused(CONFIG(ROOTFS ",\"config\":{\"Labels\":{\"a\":1}}"), "it: label 'a' is a whole number, not text");
	expect_config_refused(CONFIG(ROOTFS ",\"config\":{\"Labels\":{\"a\":\"b\\u0000\"}}"), "it: label 'a' has a NUL in it");
}

static int read_manifest(struct arena *a, struct image *image, const char *text, struct error *err)
{
	return image_read_manifest(a, "it", text, strlen(text), image, err);
}

static void expect_manifest_refused(const char *text, const char *why)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct image image = {0};

	assert_int_equal(read_manifest(&a, &image, text, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_string_equal(err.text, why);
	assert_null(image.manifest);
}

#define LAYER(type, digest, size) "{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":" size "}"

TEST(manifests_that_are_none)
{
	expect_manifest_refused("{\"schemaVersion\":1}", "it: is no manifest of schema version 2");
	expect_manifest_refused("{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", "it: is an index of images, not a manifest");
	expect_manifest_refused("{\"schemaVersion\":2,\"mediaType\":\"text/plain\"}", "it: is of type 'text/plain', not an image's manifest");
	expect_manifest_refused("{\"schemaVersion\":2,\"layers\":[]}", "it: has no 'config'");
	expect_manifest_refused("{\"schemaVersion\":2," CONFIG_ENTRY("md5:1") ",\"layers\":[]}",
				"it: 'config': digest 'md5:1' is not 'sha256:' and 64 hexadecimal digits");
	expect_manifest_refused("{\"schemaVersion\":2," CONFIG_ENTRY(D1) ",\"layers\":[" LAYER("image/png", D2, "1") "]}",
				"it: layer 1: is of type 'image/png', which is not known here");
	expect_manifest_refused("{\"schemaVersion\":2," CONFIG_ENTRY(D1) ",\"layers\":[" LAYER(IMAGE_LAYER_TAR, D2, "-1") "]}",
				"it: layer 1: has a size of -1 bytes");
	expect_manifest_refused("{\"schemaVersion\":2," CONFIG_ENTRY(D1) ",\"layers\":[" LAYER(IMAGE_LAYER_TAR, D2, "1.5") "]}",
				"it: layer 1: 'size' is a number, not a whole number");
}

TEST(a_manifest_alone_says_what_to_fetch)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct image image = {0};

	assert_int_equal(read_manifest(&a, &image,
				       "{\"schemaVersion\":2,\"mediaType\":\"" IMAGE_DOCKER_MANIFEST_TYPE
				       "\"," CONFIG_ENTRY(D1) ",\"layers\":[" LAYER("application/vnd.docker.image.rootfs.diff.tar.gzip", D2, "9") "]}",
				       &err),
			 0);
	assert_string_equal(image.config_digest, D1);
	assert_int_equal(image.config_length, 2);
	assert_string_equal(image.media_type, IMAGE_DOCKER_MANIFEST_TYPE);
	assert_int_equal(image.layer_count, 1);
	assert_string_equal(image.layers[0].digest, D2);
	assert_string_equal(image.layers[0].media_type, IMAGE_LAYER_GZIP);
	assert_int_equal(image.layers[0].size_bytes, 9);
	assert_null(image.layers[0].diff_id);
}

static void make(struct arena *a, const char *config, const struct image_top *top, const struct image_layer *below_layer, struct image *ret)
{
	autoerror struct error err = {0};
	struct image below;

	if (image_read_config(a, "it", config, strlen(config), &below, &err) < 0)
		fail_msg("%s", err.text);
	if (below_layer) {
		const char *diff_id = below.layers[0].diff_id;

		below.layers[0] = *below_layer;
		below.layers[0].diff_id = diff_id;
	}
	if (image_make(a, &below, top, ret, &err) < 0)
		fail_msg("%s", err.text);
}

TEST(what_is_put_on_top)
{
	static const struct image_layer layers[] = {{D2, D3, IMAGE_LAYER_GZIP, 12, NULL, "lockstep: numpy \"1\""},
						    {D3, D2, IMAGE_LAYER_ZSTD, 13, "/a/file", NULL}};
	static const struct image_layer below = {D1, NULL, IMAGE_LAYER_TAR, 11, NULL, NULL};
	static const char *const labels[] = {"z=1=2", "a=new", NULL};
	struct image_top top = {layers, 2, labels, 1700000000};
	autoarena struct arena a = {0};
	struct image image;

	make(&a,
	     "{ \"history\":[ {\"empty_layer\":true}, {\"author\":\"\\u0041\"} ],\"os\" :\"linux\",\"x\":[1.50 ,1e3],\"config\":{\"User\":\"u\",\"Labels\":{\"m\":\"\\u00e4\",\"a\":\"old\"}},"
	     "\"architecture\":\"amd64\"," ROOTFS "}",
	     &top, &below, &image);
	assert_string_equal(image.config,
			    "{\"history\":[ {\"empty_layer\":true}, {\"author\":\"\\u0041\"} "
			    ",{\"created\":\"2023-11-14T22:13:20Z\",\"created_by\":\"lockstep: numpy \\\"1\\\"\"},"
			    "{\"created\":\"2023-11-14T22:13:20Z\",\"created_by\":\"lockstep\"}],"
			    "\"os\":\"linux\",\"x\":[1.50 ,1e3],\"config\":{\"User\":\"u\",\"Labels\":{\"a\":\"new\",\"m\":\"\xc3\xa4\",\"z\":\"1=2\"}},"
			    "\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\",\"" D3 "\",\"" D2 "\"]},"
			    "\"created\":\"2023-11-14T22:13:20Z\"}");
	assert_string_equal(image.media_type, IMAGE_MANIFEST_TYPE);
	assert_int_equal(image.layer_count, 3);
	assert_string_equal(image.layers[2].path, "/a/file");
	assert_string_equal(image.layers[0].diff_id, D1);
	assert_non_null(strstr(image.manifest, ",\"layers\":[{\"mediaType\":\"" IMAGE_LAYER_TAR "\",\"digest\":\"" D1 "\",\"size\":11},{"));
	assert_non_null(strstr(image.manifest, image.config_digest));
}

/* Where a layer below is only known to an engine there is no manifest yet; a history that says less than it should is filled up. */
TEST(layers_that_have_no_file)
{
	static const struct image_layer layer = {D2, D3, IMAGE_LAYER_GZIP, 12, NULL, "it"};
	struct image_top top = {&layer, 1, NULL, 0};
	autoarena struct arena a = {0};
	struct image image;

	make(&a, CONFIG(ROOTFS ",\"config\":null"), &top, NULL, &image);
	assert_string_equal(
		image.config,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\",\"" D3 "\"]},\"config\":{\"Labels\":{}},"
		"\"created\":\"1970-01-01T00:00:00Z\",\"history\":[{\"created\":\"1970-01-01T00:00:00Z\",\"created_by\":\"\"},{\"created\":\"1970-01-01T00:00:00Z\","
		"\"created_by\":\"it\"}]}");
	assert_null(image.manifest);
	assert_null(image.digest);
	assert_int_equal(image.layer_count, 2);
}

TEST(a_manifest_is_of_its_configuration)
{
	static const struct image_layer layer = {D2, D3, IMAGE_LAYER_GZIP, 12, NULL, "it"}, below = {D1, NULL, IMAGE_LAYER_TAR, 11, NULL, NULL};
	struct image_top top = {&layer, 1, NULL, 0}, other = {&layer, 1, NULL, 1};
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct image one, two;

	make(&a, CONFIG(ROOTFS), &top, &below, &one);
	make(&a, CONFIG(ROOTFS), &other, &below, &two);
	assert_int_equal(read_manifest(&a, &one, two.manifest, &err), -1);
	assert_non_null(strstr(err.text, "it: its configuration is 'sha256:"));
	assert_int_equal(read_manifest(&a, &two, two.manifest, &err), 0);
	assert_string_equal(two.layers[1].diff_id, D3);
}
