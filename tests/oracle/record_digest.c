/* wheel_record_digest() by hand, for tests beside pip and the probe: record_digest FILE.whl ... prints a line for each: the digest, or "error N: why". */
#include <stdio.h>

#include "python/wheel.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		autoerror struct error err = {0};
		char hex[65];

		if (wheel_record_digest(argv[i], hex, &err) == 0)
			printf("%s\n", hex);
		else
			printf("error %d: %s\n", err.code, err.text);
	}
	return 0;
}
