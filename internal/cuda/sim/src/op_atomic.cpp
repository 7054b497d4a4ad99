// Atomic operations, one lane after the other. For the checks they read: between each
// other they are no race, with a plain write they are.
#include "memory.h"
#include "number.h"
#include "parser.h"
#include <mutex>

typedef u64 (*Change)(u64 old, u64 a, u64 b);

template <class T, class F> static u64 with(u64 old, u64 a, F f) { return (u64)f((T)old, (T)a); }
#define CHANGE(T, E) [](u64 old, u64 operand, u64) { return with<T>(old, operand, [](T x, T y) { return (T)(E); }); }
#define WHOLE(T, type) \
	{"add." type, CHANGE(T, x + y)}, {"min." type, CHANGE(T, x < y ? x : y)}, {"max." type, CHANGE(T, x > y ? x : y)}
#define BITS(T, type) \
	{"and." type, CHANGE(T, x & y)}, {"or." type, CHANGE(T, x | y)}, {"xor." type, CHANGE(T, x ^ y)}, {"exch." type, [](u64, u64 a, u64) -> u64 { return a; }}, \
	{"cas." type, [](u64 old, u64 a, u64 b) -> u64 { return (T)old == (T)a ? (T)b : (T)old; }}

static const std::map<std::string, Change>& changes() {
	static const std::map<std::string, Change> all = {
		WHOLE(u32, "u32"), WHOLE(i32, "s32"), WHOLE(u64, "u64"), WHOLE(i64, "s64"), BITS(u32, "b32"), BITS(u64, "b64"),
		{"add.f32", [](u64 old, u64 a, u64) -> u64 { return bitsOf(fromBits((u32)old) + fromBits((u32)a)); }},
	};
	return all;
}

static void change(Warp& w, const Ins& i) {
	static std::mutex mutex;
	std::lock_guard<std::mutex> hold(mutex);
	u64 address[32];
	for (int l = 0; l < 32; l++) address[l] = (i.mode ? (u64)R<u32>(w, i.a)[l] : R<u64>(w, i.a)[l]) + (u64)i.imm;
	ACTIVE(w.m) {
		char* p = placeAt(w, l, i.space, address[l], i.size, false, "changes atomically");
		u64 old = 0, a = getRegister(w, i.b, i.size, l), b = i.c ? getRegister(w, i.c, i.size, l) : 0;
		memcpy(&old, p, i.size);
		u64 value = i.change(old, a, b);
		memcpy(p, &value, i.size);
		if (i.d) setRegister(w, i.d, i.size, l, old);
	}
}

static void decodeAtomic(Parser& p, Ins& i, const Statement& s) {
	static const std::vector<std::string> none = {"relaxed", "gpu", "cta", "sys", "acq_rel"};
	size_t n = s.parts.size(), first = s.parts[0] == "atom" ? 1 : 0;
	if (n < 3) p.bad("unknown atomic operation: " + s.text);
	i.space = GENERIC;
	for (size_t j = 1; j + 2 < n; j++) {
		if (s.parts[j] == "global") i.space = GLOBAL;
		else if (s.parts[j] == "shared" || s.parts[j] == "shared::cta") i.space = SHARED;
		else if (std::find(none.begin(), none.end(), s.parts[j]) == none.end()) p.bad("unknown atomic operation: " + s.text);
	}
	auto c = changes().find(s.parts[n - 2] + "." + s.parts[n - 1]);
	bool swap = s.parts[n - 2] == "cas";
	if (c == changes().end() || s.args.size() != first + 2 + swap) p.bad("unknown atomic operation: " + s.text);
	i.size = bytesOf(s.parts[n - 1]), i.change = c->second;
	p.address(s.args[first], i);
	i.b = p.slot(s.args[first + 1], i.size);
	if (swap) i.c = p.slot(s.args[first + 2], i.size);
	if (first) i.d = p.result(s.args[0], i.size);
	p.access(i.space, i.size);
	i.run = change;
}

Decoder atomicDecoder(const std::string& base) { return base == "atom" || base == "red" ? decodeAtomic : nullptr; }
