/* Makes one layer of wheels: layer_loop OUT SITE-PACKAGES WHEEL...; the venv's folder is three above. Prints its digests and sizes. For comparing with pip and tar. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "layer/layer.h"
#include "python/wheel.h"

int main(int argc, char **argv)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	struct layer layer;

	if (argc < 4)
		return 2;
	size_t count = (size_t)argc - 3;
	struct layer_wheel *wheels = arena_array(&a, count, sizeof(*wheels));
	const char *venv = argv[2];
	struct install_place place = {
		.purelib = arena_printf(&a, "%s/lib/python3.11/site-packages", venv),
		.platlib = arena_printf(&a, "%s/lib/python3.11/site-packages", venv),
		.scripts = arena_printf(&a, "%s/bin", venv),
		.data = venv,
		.headers = arena_printf(&a, "%s/include/site/python3.11", venv),
		.python = arena_printf(&a, "%s/bin/python", venv),
	};

	for (size_t i = 0; i < count; i++) {
		struct wheel_name name;

		if (!wheel_name_parse(&a, path_base(argv[3 + i]), &name))
			return 2;
		wheels[i] = (struct layer_wheel){argv[3 + i], {.file_name = path_base(argv[3 + i]), .name = name.name, .is_requested = true}};
	}
	struct layer_request request = {.wheels = wheels, .wheel_count = count, .place = &place, .modified_unix = 315532800};
	int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || layer_write(&request, fd, argv[1], &layer, &err) < 0) {
		fprintf(stderr, "error: %s\n", err.text ? err.text : "cannot open");
		return 1;
	}
	printf("%s %s %llu %llu %llu %zu\n", layer.digest, layer.diff_id, (unsigned long long)layer.packed_bytes, (unsigned long long)layer.plain_bytes,
	       (unsigned long long)layer.installed_bytes, layer.file_count);
	return close(fd);
}
