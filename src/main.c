#include "cmd/command.h"
#include "io/signals.h"

int main(int argc, char **argv)
{
	signals_install();
	return command_main(argc, argv);
}
