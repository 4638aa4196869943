#include "io/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/text.h"

static size_t block_lines; /* lines of the live block that stand on the terminal now */

void terminal_fill_standard(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		/* open() takes the lowest number that is free. */
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) != fd)
			abort();
	}
}

bool terminal_is_live(FILE *stream)
{
	const char *term = getenv("TERM");

	return isatty(fileno(stream)) && term && *term && strcmp(term, "dumb") != 0;
}

static bool has_color(FILE *stream)
{
	const char *no_color = getenv("NO_COLOR");

	return terminal_is_live(stream) && !(no_color && *no_color);
}

unsigned terminal_width(FILE *stream)
{
	struct winsize size;

	return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 100;
}

const char *terminal_begin(FILE *stream, enum terminal_color color)
{
	static const char *const codes[] = {"", "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[36m"};

	return has_color(stream) ? codes[color] : "";
}

const char *terminal_end(FILE *stream)
{
	return has_color(stream) ? "\033[0m" : "";
}

/* Bytes of `text` that fill at most `width` cells; colour sequences take none, every other character one. */
static size_t cut(const char *text, unsigned width)
{
	size_t i = 0, length = strlen(text);

	for (unsigned cells = 0; i < length;) {
		if (text[i] == '\033') {
			i += strcspn(text + i, "m");
			i += i < length;
			continue;
		}
		if (++cells > width)
			break;
		i += text_utf8_length(text + i, length - i);
	}
	return i;
}

void terminal_block(const char *const *lines, size_t count)
{
	autostrbuf struct strbuf out = {0};

	if (!terminal_is_live(stderr) || (!count && !block_lines))
		return;
	if (block_lines)
		strbuf_printf(&out, "\033[%zuA", block_lines);
	strbuf_add(&out, "\r\033[J");
	for (size_t i = 0; i < count; i++) {
		strbuf_add_bytes(&out, lines[i], cut(lines[i], terminal_width(stderr) - 1));
		strbuf_add(&out, "\033[0m\n");
	}
	block_lines = count;
	fwrite(out.text, 1, out.length, stderr);
	fflush(stderr);
}

void terminal_line(const char *text)
{
	/* The owner of the block draws it again on its next change; until then the line stands in its place. */
	terminal_block(NULL, 0);
	fprintf(stderr, "%s\n", text);
}
