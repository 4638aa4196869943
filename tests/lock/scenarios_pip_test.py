#!/usr/bin/env python3
"""The scenarios with pip as resolver: each passes, or says why pip gives something else."""
import sys

import scenarios_test

if __name__ == "__main__":
    sys.exit(scenarios_test.main(["--pip", *sys.argv[1:]]))
