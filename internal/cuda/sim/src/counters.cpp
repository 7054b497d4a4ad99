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
		u64 words[32], more[128]; // the first word of each bank, and all others
		u8 bank[32] = {};
		int n = 0, extra = 0, most = 0;
		for (int l = first; l < first + rows; l++) {
			if (!(w.m >> l & 1)) continue;
			for (u64 word = address[l] / 4, end = word + (size + 3) / 4; word < end; word++) {
				int b = word & 31;
				if (bank[b] && words[b] == word) continue; // one word serves all who ask for it
				if (!bank[b]) words[b] = word;
				else if (std::find(more, more + extra, word) != more + extra) continue;
				else more[extra++] = word;
				n++, most = std::max<int>(most, ++bank[b]);
			}
		}
		s.passes += most;
		s.idealPasses += (n + 31) / 32;
	}
}
