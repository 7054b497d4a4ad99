#include "memory.h"
#include <sys/mman.h>

static const u64 PAGE = 4096, GUARD = 4096, FILL_MOST = 64 << 20;
static char* base;
static u64 range = 1ull << 40, top = GUARD, used;
static std::map<u64, Allocation> live;
static std::map<u64, u64> dead; // address to bytes

static char* reserve(u64 bytes) {
	void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? nullptr : (char*)p;
}

const Allocation* allocate(Context* owner, u64 bytes, bool module) {
	while (!base && range > 1ull << 32)
		if (!(base = reserve(range))) range /= 2;
	if (!base || used + bytes > (u64)options.memory || top + bytes + 2 * GUARD > range) return nullptr;
	Allocation a{(u64)base + top, bytes, (u8*)reserve(bytes), (Race*)reserve(bytes * sizeof(Race)), owner, module};
	if (!a.written || !a.races) return nullptr;
	if (bytes <= FILL_MOST) memset((void*)a.address, 0xff, bytes); // not a number, for those who run unchecked
	top += (bytes + GUARD + PAGE - 1) / PAGE * PAGE;
	used += bytes;
	counters.peakBytes = std::max(counters.peakBytes, used);
	return &(live[a.address] = a);
}

static void drop(std::map<u64, Allocation>::iterator it) {
	Allocation& a = it->second;
	munmap(a.written, a.bytes);
	munmap(a.races, a.bytes * sizeof(Race));
	madvise((void*)(a.address & ~(PAGE - 1)), a.bytes + PAGE - 1, MADV_DONTNEED);
	used -= a.bytes;
	dead[a.address] = a.bytes;
	live.erase(it);
}

bool release(Context* owner, u64 address) {
	auto it = live.find(address);
	if (it == live.end() || it->second.owner != owner) return false;
	drop(it);
	return true;
}

void releaseAll(Context* owner) {
	for (auto it = live.begin(); it != live.end();) {
		auto next = std::next(it);
		if (it->second.owner == owner) drop(it);
		it = next;
	}
}

const Allocation* find(const Context* owner, u64 address) {
	auto it = live.upper_bound(address);
	if (it == live.begin()) return nullptr;
	const Allocation& a = (--it)->second;
	return address < a.address + a.bytes && a.owner == owner ? &a : nullptr;
}

u64 liveBytes() { return used; }

u64 liveAllocations() {
	u64 n = 0;
	for (auto& a : live) n += !a.second.module;
	return n;
}

u32 freshBlocks(u64 n) {
	static u64 next = 1;
	if (next + n >= SEVERAL_BLOCKS) { // start again, with clear shadows
		for (auto& a : live) madvise(a.second.races, a.second.bytes * sizeof(Race), MADV_DONTNEED);
		next = 1;
	}
	u32 first = (u32)next;
	next += n;
	return first;
}

void setWritten(const Allocation* a, u64 address, u64 bytes, bool yes) { memset(a->written + (address - a->address), yes, bytes); }

[[noreturn]] static void outside(Warp& w, int lane, u64 address, int size, const char* what) {
	std::string near = " (no allocation is there)";
	auto gone = dead.upper_bound(address);
	if (gone != dead.begin() && address < std::prev(gone)->first + std::prev(gone)->second) near = " (freed memory)";
	auto next = live.upper_bound(address);
	if (next != live.begin()) {
		const Allocation& a = std::prev(next)->second;
		u64 end = a.address + a.bytes;
		if (address + size > end && address < end + GUARD)
			near = format(" (%lu bytes past an allocation of %lu)", (unsigned long)(address + size - end), (unsigned long)a.bytes);
	}
	if (next != live.end() && next->first - address < GUARD)
		near = format(" (%lu bytes before an allocation of %lu)", (unsigned long)(next->first - address), (unsigned long)next->second.bytes);
	fault(E_ADDRESS, "out of bounds: %s %d bytes of global memory at 0x%lx%s, by %s", what, size, (unsigned long)address, near.c_str(), where(w, lane).c_str());
}

// checkRace reports what two blocks of a launch do to the same bytes, if one writes.
static void checkRace(Warp& w, int lane, const Allocation* a, u64 address, int size, bool write, const char* what) {
	const Block& b = *w.block;
	u64 at = address - a->address;
	auto race = [&](u32 other, const char* did) {
		std::string who = other & SEVERAL_BLOCKS ? "other blocks" : format("block %u", other - b.launchBase);
		fault(E_FAILED, "race between blocks: %s global memory at 0x%lx that %s of the same launch %s, by %s", what, (unsigned long)address, who.c_str(), did, where(w, lane).c_str());
	};
	for (u64 i = at >> b.kernel->globalShift; i <= (at + size - 1) >> b.kernel->globalShift; i++) {
		Race& r = a->races[i];
		u32 writer = __atomic_load_n(&r.writer, __ATOMIC_RELAXED), reader = __atomic_load_n(&r.reader, __ATOMIC_RELAXED);
		u32 first = reader & ~SEVERAL_BLOCKS;
		if (writer >= b.launchBase && writer != b.serial) race(writer, "wrote");
		if (write) {
			if (first >= b.launchBase && reader != b.serial) race(reader, "read");
			if (writer != b.serial) __atomic_store_n(&r.writer, b.serial, __ATOMIC_RELAXED);
		} else if (first < b.launchBase)
			__atomic_store_n(&r.reader, b.serial, __ATOMIC_RELAXED);
		else if (reader != b.serial && first == reader)
			__atomic_store_n(&r.reader, b.serial | SEVERAL_BLOCKS, __ATOMIC_RELAXED);
	}
}

static void checkGlobal(Warp& w, int lane, const Allocation* a, u64 address, int size, bool write, const char* what) {
	u8* s = a->written + (address - a->address);
	if (write) memset(s, 1, size);
	else if (const u8* none = (const u8*)memchr(s, 0, size))
		fault(E_FAILED, "uninitialised: %s global memory at 0x%lx, by %s", what, (unsigned long)(address + (none - s)), where(w, lane).c_str());
	if (options.blocks) checkRace(w, lane, a, address, size, write, what);
}

char* globalAt(Warp& w, int lane, u64 address, int size, bool write, const char* what) {
	const Allocation* a = w.near;
	if (!a || address < a->address || address + size > a->address + a->bytes) {
		a = w.near = find(w.block->context, address);
		if (!a || address + size > a->address + a->bytes) outside(w, lane, address, size, what);
	}
	if (address & (size - 1))
		fault(E_MISALIGNED, "misaligned: %s %d bytes of global memory at 0x%lx, by %s", what, size, (unsigned long)address, where(w, lane).c_str());
	if (w.block->check) checkGlobal(w, lane, a, address, size, write, what);
	return (char*)address;
}
