#include "shared.h"
#include "memory.h"

static const u8 SEVERAL = 0xff; // warps have read it

// sameValue tells whether another lane of the store under way writes the same to the
// same place, which is no race.
static bool sameValue(Warp& w, int lane, int other) {
	const Ins& i = *w.current;
	if (!w.storeTo || !(w.m >> other & 1) || w.storeTo[other] != w.storeTo[lane]) return false;
	for (int j = 0; j < i.n; j++)
		if (getRegister(w, i.x[j], i.width, lane) != getRegister(w, i.x[j], i.width, other)) return false;
	return true;
}

static void checkWriter(Warp& w, int lane, const Cell& c, u32 address, bool write, const char* what) {
	if (!c.writer || c.writeEpoch != w.block->epoch) return;
	int other = c.writer - 1;
	if (other / 32 == w.id && (before(w, other % 32, c.writeStamp, lane) || (write && sameValue(w, lane, other % 32)))) return;
	fault(E_FAILED, "race: %s shared memory at 0x%x that thread %d wrote since the last barrier, by %s", what, address, other, where(w, lane).c_str());
}

static void checkReaders(Warp& w, int lane, const Cell& c, u32 address, const char* what) {
	if (!c.readLanes || c.readEpoch != w.block->epoch) return;
	int thread = 0;
	if (c.readWarp == w.id) {
		u32 others = c.readLanes & ~(1u << lane);
		while (others && before(w, __builtin_ctz(others), c.readStamp, lane)) others &= others - 1;
		if (!others) return;
		thread = w.id * 32 + __builtin_ctz(others);
	} else if (c.readWarp != SEVERAL)
		thread = c.readWarp * 32 + __builtin_ctz(c.readLanes);
	std::string who = c.readWarp == SEVERAL ? "threads of several warps" : format("thread %d", thread);
	fault(E_FAILED, "race: %s shared memory at 0x%x that %s read since the last barrier, by %s", what, address, who.c_str(), where(w, lane).c_str());
}

// addReader keeps the reads that are not ordered before this one: whoever comes after
// this one comes after the others too.
static void addReader(Warp& w, int lane, Cell& c) {
	u32 bit = 1u << lane;
	if (c.readEpoch != w.block->epoch || !c.readLanes) {
		c.readEpoch = w.block->epoch, c.readWarp = w.id, c.readLanes = bit, c.readStamp = w.stamp;
	} else if (c.readWarp != w.id) {
		c.readWarp = SEVERAL;
	} else {
		if (c.readStamp != w.stamp) {
			u32 keep = 0;
			ACTIVE(c.readLanes) keep |= before(w, l, c.readStamp, lane) ? 0 : 1u << l;
			c.readLanes = keep, c.readStamp = w.stamp;
		}
		c.readLanes |= bit;
	}
}

void checkShared(Warp& w, int lane, u32 address, int size, bool write, const char* what) {
	Block& b = *w.block;
	int shift = b.kernel->sharedShift;
	u32 at = address - b.kernel->sharedBase;
	for (u32 i = at >> shift, end = (at + size - 1) >> shift; i <= end; i++) {
		Cell& c = b.cells[i];
		if (c.inFlight)
			fault(E_FAILED, "under way: %s shared memory at 0x%x while an asynchronous copy to it is not waited for, by %s", what, address, where(w, lane).c_str());
		if (!write && !c.writer)
			fault(E_FAILED, "uninitialised: %s shared memory at 0x%x, by %s", what, address, where(w, lane).c_str());
		checkWriter(w, lane, c, address, write, what);
		if (write) {
			checkReaders(w, lane, c, address, what);
			c.writer = w.id * 32 + lane + 1, c.writeEpoch = b.epoch, c.writeStamp = w.stamp;
			c.readLanes = 0;
		} else
			addReader(w, lane, c);
	}
}

void setInFlight(Block& b, u32 address, int size, bool yes) {
	int shift = b.kernel->sharedShift;
	address -= b.kernel->sharedBase;
	for (u32 i = address >> shift; i <= (address + size - 1) >> shift; i++) b.cells[i].inFlight = yes;
}
