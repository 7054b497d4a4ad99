// What is counted: the traffic of kernels, and of the whole device.
#pragma once
#include "base.h"
#include <algorithm>
#include <map>

struct Warp;

// Stats is what a kernel did. Sectors have 32 bytes; a pass over the banks of shared
// memory moves one 4-byte word a bank.
struct Stats {
	u64 launches = 0, blocks = 0, instructions = 0, mma = 0, divergences = 0;
	u64 sectors = 0, sectorBytes = 0; // fetched or written, and the bytes of them that were asked for
	u64 passes = 0, idealPasses = 0;
	u64 nanoseconds = 0; // of processor time
	void add(const Stats& s);
};

extern std::map<std::string, Stats> kernelStats;

struct Counters {
	u64 toDevice = 0, toHost = 0, onDevice = 0; // bytes
	u64 launches = 0, copies = 0, calls = 0, loads = 0, replays = 0;
	u64 peakBytes = 0;
};
extern Counters counters;

// countGlobal counts the sectors that the active lanes touch with size bytes each.
void countGlobal(Warp& w, const u64* address, int size);
// countShared counts the passes; rows is how many lanes go in one pass at best.
void countShared(Warp& w, const u64* address, int size, int rows);
