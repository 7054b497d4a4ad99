// Shared memory and its shadow.
#pragma once
#include "warp.h"

// A barrier orders all threads of a block, __syncwarp the lanes that take part in it,
// nothing else does: an access without such order to bytes that another thread writes
// is a race, even where lockstep makes the outcome certain.
void checkShared(Warp& w, int lane, u32 address, int size, bool write, const char* what);

// sharedAt returns the place of size bytes that a lane reads or writes.
INLINE char* sharedAt(Warp& w, int lane, u64 address, int size, bool write, const char* what) {
	Block& b = *w.block;
	u32 first = b.kernel->sharedBase;
	if (address < first || address + size > first + b.shared.size())
		fault(E_ADDRESS, "out of bounds: %s %d bytes of shared memory at 0x%lx of 0x%x to 0x%zx, by %s", what, size, (unsigned long)address, first, first + b.shared.size(), where(w, lane).c_str());
	if (address & (size - 1))
		fault(E_MISALIGNED, "misaligned: %s %d bytes of shared memory at 0x%lx, by %s", what, size, (unsigned long)address, where(w, lane).c_str());
	if (b.check) checkShared(w, lane, (u32)address, size, write, what);
	return b.shared.data() + (address - first);
}

// setInFlight marks the bytes of an asynchronous copy, which nobody may touch.
void setInFlight(Block& b, u32 address, int size, bool yes);
