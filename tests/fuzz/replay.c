/* Runs a fuzz target on files, so that what was once found is tried by every compiler: NAME_fuzz FILE ... */
#include "fuzz.h"

#include <stdio.h>

#include "base/file.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		autostrbuf struct strbuf bytes = {0};
		autoerror struct error err = {0};

		fprintf(stderr, "%s\n", argv[i]);
		if (file_read(argv[i], 64 * 1024 * 1024, &bytes, &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			return 1;
		}
		LLVMFuzzerTestOneInput((const uint8_t *)strbuf_text(&bytes), bytes.length);
	}
	return argc > 1 ? 0 : 1;
}
