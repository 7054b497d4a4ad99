// What a test may set, by name (sim.go has the same list with its meaning).
#pragma once
#include "base.h"

struct Options {
	// checks
	i64 check = 1, nan = 1, registers = 1, blocks = 1;
	// ways to run that must give the same bytes
	i64 threads = 0, order = 0, sharing = 1;
	// ways to run that must stay within the tolerances
	i64 perturb = 0, truncate = 0;
	// the device
	i64 devices = 1, sm = 80, driver = 12090, memory = 16ll << 30, budget = 1ll << 32;
	// faults: the call of that kind, from 0, that fails, and the code it fails with
	i64 failAlloc = -1, failPinned = -1, failCopy = -1, failLaunch = -1, failLoad = -1, failSync = -1, failCall = -1, failCode = 0;
	i64 loseAfter = -1, loseCode = 719;
	// counters and noise
	i64 count = 1, quiet = 0, verbose = 0;
};
extern Options options;

// setOption returns whether there is such an option.
bool setOption(const std::string& name, i64 value);
