/* Included before every file: functions that cannot be used safely, or that hide the clock and the shell, do not compile. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Macros where headers are fortified for clang; what is poisoned must be none. */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gmtime localtime asctime ctime atoi atol atof system popen mktemp tmpnam gets
