/* The program's own version. */
#pragma once

#define LOCKSTEP_VERSION "0.1.0"
