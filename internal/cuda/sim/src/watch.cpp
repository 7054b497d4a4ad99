// Checks of registers: those that are unset, and numbers that are none.
#include "warp.h"
#include "memory.h"

// checkSet reports the reading of a register that some active lane has not set. A mere
// copy is no use of it: compilers make those freely.
static void checkSet(Warp& w, int r, u32 lanes) {
	if (u32 unset = lanes & ~w.set[r])
		fault(E_FAILED, "uninitialised: reads register %s, by %s", w.block->kernel->trackedNames[r].c_str(), where(w, __builtin_ctz(unset)).c_str());
}

static void track(Warp& w, const Ins& i, void (*run)(Warp&, const Ins&)) {
	const Tracked& t = w.block->kernel->tracked[i.tracked];
	u32 have = ~0u;
	if (options.registers && t.guard >= 0) checkSet(w, t.guard, w.group);
	if (t.selects) {
		if (options.registers && t.reads[2] >= 0) checkSet(w, t.reads[2], w.m);
		u32 p = *R<u32>(w, i.c), a = t.reads[0] < 0 ? ~0u : w.set[t.reads[0]], b = t.reads[1] < 0 ? ~0u : w.set[t.reads[1]];
		have = (p & a) | (~p & b);
	} else for (int r : t.reads) {
		if (options.registers && !t.copies) checkSet(w, r, w.m);
		else have &= w.set[r];
	}
	if (w.m && run) run(w, i);
	for (int r : t.sets) w.set[r] = (w.set[r] & ~w.m) | (have & w.m);
}

static bool isNan(const Ins& i, u64 v) {
	if (i.watch & WATCH_NAN64) return (v & ~(1ull << 63)) > 0x7ffull << 52;
	if (!(i.watch & (WATCH_HALF | WATCH_BFLOAT))) return (v & 0x7fffffff) > 0x7f800000;
	u32 top = i.watch & WATCH_HALF ? 0x7c00 : 0x7f80;
	return (v & 0x7fff) > top || (v >> 16 & 0x7fff) > top;
}

static u32 nanLanes(Warp& w, const Ins& i, u32 slot) {
	u32 m = 0;
	if (i.width == 4 && !(i.watch & (WATCH_HALF | WATCH_BFLOAT))) { // the usual case, in vectors
		u32 any = 0;
		const u32* v = R<u32>(w, slot);
		LANES any |= (v[l] & 0x7fffffff) > 0x7f800000;
		if (!any) return 0;
	}
	ACTIVE(w.m) m |= isNan(i, getRegister(w, slot, i.width, l)) ? 1u << l : 0;
	return m;
}

// narrowNan tells whether there is, in 16 or twice 16 bits, what conversions make of a NaN.
static bool narrowNan(u64 v) { return (v & 0x7fff) == 0x7fff || (v >> 16 & 0x7fff) == 0x7fff; }

// noteNan runs an instruction and notes the first NaN in a result where no operand has one.
static void noteNan(Warp& w, const Ins& i) {
	if (i.watch & WATCH_NARROWED) {
		i.run(w, i);
		if (!w.madeNan || w.narrowedNan) return;
		ACTIVE(w.m) w.narrowedNan |= narrowNan(getRegister(w, i.d, i.width, l));
		return;
	}
	if (w.madeNan) return i.run(w, i);
	bool inPlace = i.d == i.a || i.d == i.b || i.d == i.c;
	auto operands = [&] {
		u32 m = 0;
		for (u32 s : {i.a, i.b, i.c}) m |= s ? nanLanes(w, i, s) : 0;
		return m;
	};
	u32 from = inPlace ? operands() : 0;
	i.run(w, i);
	u32 made = nanLanes(w, i, i.d);
	if (made && !inPlace) from = operands();
	if (made & ~from) w.madeNan = &i;
}

void checkNan(Warp& w, int lane, u64 value, int bytes) {
	bool nan = w.narrowedNan && bytes <= 4 && narrowNan(value);
	if (bytes == 4) nan |= (value & 0x7fffffff) > 0x7f800000;
	if (bytes == 8) nan |= (value & ~(1ull << 63)) > 0x7ffull << 52;
	if (!nan) return;
	const Kernel& k = *w.block->kernel;
	fault(E_FAILED, "not a number: writes a NaN, which PTX line %d made of numbers: %s; by %s", w.madeNan->line, k.text[w.madeNan - k.code.data()].c_str(), where(w, lane).c_str());
}

void watched(Warp& w, const Ins& i) {
	auto run = i.watch & ~WATCH_TRACKED && options.nan ? noteNan : i.run;
	if (i.watch & WATCH_TRACKED) track(w, i, run);
	else if (w.m) run(w, i);
}
