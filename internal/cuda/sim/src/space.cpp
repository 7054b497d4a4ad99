// The spaces of PTX: which memory an address means.
#include "shared.h"
#include "memory.h"

static char* paramAt(Warp& w, int lane, u64 address, int size, const char* what) {
	if (address >= PARAM_WINDOW) address -= PARAM_WINDOW;
	if (address + size > (u64)w.block->kernel->paramBytes) fault(E_ADDRESS, "out of bounds: %s parameters, by %s", what, where(w, lane).c_str());
	return (char*)w.block->params + address;
}

static char* localAt(Warp& w, int lane, u64 address, int size, bool write, const char* what) {
	u32 per = w.block->kernel->localBytes;
	if (w.local.empty()) w.local.assign(32 * (size_t)per, (char)0xff), w.localWritten.assign(32 * (size_t)per, 0);
	if (address >= LOCAL_WINDOW) address -= LOCAL_WINDOW;
	if (address + size > per) fault(E_ADDRESS, "out of bounds: %s %d bytes of local memory at 0x%lx of 0x%x, by %s", what, size, (unsigned long)address, per, where(w, lane).c_str());
	if (address & (size - 1)) fault(E_MISALIGNED, "misaligned: %s local memory at 0x%lx, by %s", what, (unsigned long)address, where(w, lane).c_str());
	size_t at = (size_t)lane * per + address;
	if (write) memset(&w.localWritten[at], 1, size);
	else if (w.block->check && memchr(&w.localWritten[at], 0, size))
		fault(E_FAILED, "uninitialised: %s local memory at 0x%lx, by %s", what, (unsigned long)address, where(w, lane).c_str());
	return w.local.data() + at;
}

char* placeAt(Warp& w, int lane, int space, u64 address, int size, bool write, const char* what) {
	if (space == GENERIC) {
		u64 window = address >> 32 << 32;
		space = window == SHARED_WINDOW ? SHARED : window == LOCAL_WINDOW ? LOCAL : window == PARAM_WINDOW ? PARAM : GLOBAL;
	}
	switch (space) {
	case SHARED: return sharedAt(w, lane, address & 0xffffffff, size, write, what);
	case PARAM: return paramAt(w, lane, address, size, what);
	case LOCAL: return localAt(w, lane, address, size, write, what);
	default: return globalAt(w, lane, address, size, write, what);
	}
}
