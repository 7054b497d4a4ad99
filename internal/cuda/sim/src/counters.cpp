#include "counters.h"
#include "warp.h"

std::map<std::string, Stats> kernelStats;
Counters counters;

void Stats::add(const Stats& s) {
	launches += s.launches, blocks += s.blocks, instructions += s.instructions, mma += s.mma, divergences += s.divergences;
	sectors += s.sectors, sectorBytes += s.sectorBytes, passes += s.passes, idealPasses += s.idealPasses, nanoseconds += s.nanoseconds;
}

void countGlobal(Warp& w, const u64* address, int size) {
	struct Sector {
		u64 at;
		u32 used; // a bit a byte
	} sectors[64];
	int n = 0;
	ACTIVE(w.m) {
		u64 at = address[l] >> 5;
		u32 used = (u32)(((1ull << size) - 1) << (address[l] & 31));
		int j = n - 1;
		while (j >= 0 && sectors[j].at != at) j--;
		if (j < 0) sectors[j = n++] = {at, 0};
		sectors[j].used |= used;
	}
	Stats& s = w.block->stats;
	s.sectors += n;
	for (int j = 0; j < n; j++) s.sectorBytes += __builtin_popcount(sectors[j].used);
}

void countShared(Warp& w, const u64* address, int size, int rows) {
	Stats& s = w.block->stats;
	for (int first = 0; first < 32; first += rows) {
		u64 words[128];
		int n = 0, most = 0;
		u8 bank[32] = {};
		for (int l = first; l < first + rows; l++)
			if (w.m >> l & 1)
				for (int k = 0; k < (size + 3) / 4; k++) {
					u64 word = address[l] / 4 + k;
					int j = n - 1;
					while (j >= 0 && words[j] != word) j--;
					if (j >= 0) continue; // one word serves all who ask for it
					words[n++] = word;
					most = std::max<int>(most, ++bank[word & 31]);
				}
		s.passes += most;
		s.idealPasses += (n + 31) / 32;
	}
}
