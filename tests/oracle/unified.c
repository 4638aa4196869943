/* unified OLD NEW: prints the unified difference of two files, as base/unified.h makes it. */
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/unified.h"

int main(int argc, char **argv)
{
	autostrbuf struct strbuf before = {0}, after = {0}, out = {0};
	autoerror struct error err = {0};

	if (argc != 3 || file_read(argv[1], 1 << 26, &before, &err) < 0 || file_read(argv[2], 1 << 26, &after, &err) < 0)
		return 2;
	bool differ = unified_diff(&out, (struct unified_text){"a/x", strbuf_text(&before), before.length},
				   (struct unified_text){"b/x", strbuf_text(&after), after.length});

	fwrite(strbuf_text(&out), 1, out.length, stdout);
	return differ;
}
