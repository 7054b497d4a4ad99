// Logic, shifts and bit fields.
#include "lane.h"

template <class T> INLINE T left(T a, u32 n) { return n > 8 * sizeof(T) - 1 ? 0 : a << n; }
template <class T> INLINE T right(T a, u32 n) {
	u32 most = 8 * sizeof(T) - 1;
	return n > most ? (a < 0 ? (T)-1 : 0) : a >> n;
}
INLINE u32 extract(u32 a, u32 from, u32 n) {
	from &= 255, n &= 255;
	u32 v = from > 31 ? 0 : a >> from;
	return n > 31 ? v : v & ((1u << n) - 1);
}
// The sign is that of the field's top bit, or of the whole number if the field is longer.
INLINE u32 extractSigned(u32 a, u32 from, u32 n) {
	from &= 255, n &= 255;
	u32 top = from + n - 1 > 31 ? 31 : from + n - 1;
	if (n == 0) return 0;
	u32 sign = a >> top & 1 ? ~0u : 0;
	u32 v = from > 31 ? sign : a >> from;
	u32 have = top >= from ? top - from + 1 : 0; // bits of the number in v
	return have > 31 ? v : (v & ((1u << have) - 1)) | (sign & ~((1u << have) - 1));
}
INLINE u32 insert(u32 a, u32 into, u32 at, u32 n) {
	at &= 255, n &= 255;
	u32 mask = n > 31 ? ~0u : (1u << n) - 1;
	return at > 31 ? into : (into & ~(mask << at)) | (a & mask) << at;
}
INLINE u64 insertLong(u64 a, u64 into, u32 at, u32 n) {
	at &= 255, n &= 255;
	u64 mask = n > 63 ? ~0ull : (1ull << n) - 1;
	return at > 63 ? into : (into & ~(mask << at)) | (a & mask) << at;
}
INLINE u64 extractLong(u64 a, u32 from, u32 n) {
	from &= 255, n &= 255;
	u64 v = from > 63 ? 0 : a >> from;
	return n > 63 ? v : v & ((1ull << n) - 1);
}
INLINE u32 permute(u32 a, u32 b, u32 selector) {
	u64 v = a | (u64)b << 32;
	u32 r = 0;
	for (int j = 0; j < 4; j++) {
		u32 s = selector >> 4 * j & 15, x = (u32)(v >> 8 * (s & 7)) & 255;
		if (s & 8) x = x & 128 ? 255 : 0; // its sign alone
		r |= x << 8 * j;
	}
	return r;
}
// The middle of two registers, moved by n; past 32 it stays as at 32.
INLINE u32 funnelLeft(u32 lo, u32 hi, u32 n) { return n > 31 ? lo : (u32)((lo | (u64)hi << 32) << n >> 32); }
INLINE u32 funnelRight(u32 lo, u32 hi, u32 n) { return n > 31 ? hi : (u32)((lo | (u64)hi << 32) >> n); }
// The highest bit that is not the sign.
INLINE u32 bfindSigned(i32 a) {
	u32 v = (u32)(a < 0 ? ~a : a);
	return v ? 31 - (u32)__builtin_clz(v) : ~0u;
}
INLINE u32 reversed(u32 a) {
	a = (a >> 1 & 0x55555555) | (a & 0x55555555) << 1;
	a = (a >> 2 & 0x33333333) | (a & 0x33333333) << 2;
	a = (a >> 4 & 0x0f0f0f0f) | (a & 0x0f0f0f0f) << 4;
	return __builtin_bswap32(a);
}

static void logic3(Warp& w, const Ins& i) {
	u32 table = *R<u32>(w, i.e);
	three<u32, u32, u32, u32>(w, i, [table](u32 a, u32 b, u32 c) {
		u32 r = 0;
		for (int j = 0; j < 8; j++)
			if (table >> j & 1) r |= (j & 4 ? a : ~a) & (j & 2 ? b : ~b) & (j & 1 ? c : ~c);
		return r;
	});
}
static void bitInsert(Warp& w, const Ins& i) {
	const u32 *a = R<u32>(w, i.a), *b = R<u32>(w, i.b), *c = R<u32>(w, i.c), *e = R<u32>(w, i.e);
	put(w, R<u32>(w, i.d), [=](int l) { return insert(a[l], b[l], c[l], e[l]); });
}
static void bitInsertLong(Warp& w, const Ins& i) {
	const u64 *a = R<u64>(w, i.a), *b = R<u64>(w, i.b);
	const u32 *c = R<u32>(w, i.c), *e = R<u32>(w, i.e);
	put(w, R<u64>(w, i.d), [=](int l) { return insertLong(a[l], b[l], c[l], e[l]); });
}

// Predicates are masks of lanes.
#define MASKS(E) [](Warp& w, const Ins& i) { u32 a = *R<u32>(w, i.a), b = i.b ? *R<u32>(w, i.b) : 0; (void)b; setMask(w, i.d, E); }
#define LOGIC(name, E) \
	{name ".pred", "000", MASKS(E)}, {name ".b16", "222", TWO(u16, u16, u16, (u16)(E))}, {name ".b32", "444", TWO(u32, u32, u32, E)}, \
	{name ".b64", "888", TWO(u64, u64, u64, E)}

static const Form forms[] = {
	LOGIC("and", a & b), LOGIC("or", a | b), LOGIC("xor", a ^ b),
	{"not.pred", "00", MASKS(~a)}, {"not.b16", "22", ONE(u16, u16, (u16)~a)}, {"not.b32", "44", ONE(u32, u32, ~a)}, {"not.b64", "88", ONE(u64, u64, ~a)},
	{"shl.b16", "224", TWO(u16, u16, u32, left(a, b))}, {"shl.b32", "444", TWO(u32, u32, u32, left(a, b))}, {"shl.b64", "884", TWO(u64, u64, u32, left(a, b))},
	{"shr.b16", "224", TWO(u16, u16, u32, right(a, b))}, {"shr.b32", "444", TWO(u32, u32, u32, right(a, b))}, {"shr.b64", "884", TWO(u64, u64, u32, right(a, b))},
	{"shr.u16", "224", TWO(u16, u16, u32, right(a, b))}, {"shr.u32", "444", TWO(u32, u32, u32, right(a, b))}, {"shr.u64", "884", TWO(u64, u64, u32, right(a, b))},
	{"shr.s16", "224", TWO(i16, i16, u32, right(a, b))}, {"shr.s32", "444", TWO(i32, i32, u32, right(a, b))}, {"shr.s64", "884", TWO(i64, i64, u32, right(a, b))},
	{"shf.l.wrap.b32", "4444", THREE(u32, u32, u32, u32, funnelLeft(a, b, c & 31))},
	{"shf.r.wrap.b32", "4444", THREE(u32, u32, u32, u32, funnelRight(a, b, c & 31))},
	{"shf.l.clamp.b32", "4444", THREE(u32, u32, u32, u32, funnelLeft(a, b, c))},
	{"shf.r.clamp.b32", "4444", THREE(u32, u32, u32, u32, funnelRight(a, b, c))},
	{"bfe.u32", "4444", THREE(u32, u32, u32, u32, extract(a, b, c))}, {"bfe.s32", "4444", THREE(u32, u32, u32, u32, extractSigned(a, b, c))},
	{"bfi.b32", "44444", bitInsert}, {"bfi.b64", "88844", bitInsertLong}, {"bfe.u64", "8844", THREE(u64, u64, u32, u32, extractLong(a, b, c))}, {"lop3.b32", "44444", logic3}, {"prmt.b32", "4444", THREE(u32, u32, u32, u32, permute(a, b, c))},
	{"popc.b32", "44", ONE(u32, u32, (u32)__builtin_popcount(a))}, {"popc.b64", "48", ONE(u32, u64, (u32)__builtin_popcountll(a))},
	{"clz.b32", "44", ONE(u32, u32, a ? (u32)__builtin_clz(a) : 32)}, {"clz.b64", "48", ONE(u32, u64, a ? (u32)__builtin_clzll(a) : 64)},
	{"brev.b32", "44", ONE(u32, u32, reversed(a))},
	{"bfind.u32", "44", ONE(u32, u32, a ? 31 - (u32)__builtin_clz(a) : ~0u)},
	{"bfind.s32", "44", ONE(u32, i32, bfindSigned(a))},
	{"bfind.shiftamt.u32", "44", ONE(u32, u32, a ? (u32)__builtin_clz(a) : ~0u)},
	{"cnot.b32", "44", ONE(u32, u32, a == 0 ? 1u : 0u)},
};

Forms bitForms() { return {forms, sizeof forms / sizeof *forms}; }
