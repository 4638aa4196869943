#include "cmd/command.h"
#include "io/signals.h"
#include "io/terminal.h"

int main(int argc, char **argv)
{
	terminal_fill_standard();
	signals_install();
	return command_main(argc, argv);
}
