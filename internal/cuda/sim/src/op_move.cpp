// Moves, comparisons and selection.
#include "number.h"
#include "parser.h"

static void movePredicate(Warp& w, const Ins& i) { setMask(w, i.d, *R<u32>(w, i.a)); }

template <class T> static void select(Warp& w, const Ins& i) {
	u32 p = *R<u32>(w, i.c);
	const T *a = R<T>(w, i.a), *b = R<T>(w, i.b);
	put(w, R<T>(w, i.d), [=](int l) { return p >> l & 1 ? a[l] : b[l]; });
}

#define MOVE(T, type, n) {"mov." type, n n, ONE(T, T, a)}
#define SELECT(T, type, n) {"selp." type, n n n "0", select<T>}
static const Form table[] = {
	{"mov.pred", "00", movePredicate},
	MOVE(u16, "b16", "2"), MOVE(u16, "u16", "2"), MOVE(u16, "s16", "2"), MOVE(u16, "f16", "2"), MOVE(u16, "bf16", "2"),
	SELECT(u16, "b16", "2"), SELECT(u16, "u16", "2"), SELECT(u16, "s16", "2"), SELECT(u16, "f16", "2"),
	SELECT(u32, "b32", "4"), SELECT(u32, "u32", "4"), SELECT(u32, "s32", "4"), SELECT(u32, "f32", "4"),
	SELECT(u64, "b64", "8"), SELECT(u64, "u64", "8"), SELECT(u64, "s64", "8"), SELECT(u64, "f64", "8"),
};
Forms moveForms() { return {table, sizeof table / sizeof *table}; }

// A list of registers and one register that holds them all.
static void unpack(Warp& w, const Ins& i) {
	int part = i.width / i.n;
	ACTIVE(w.m) {
		u64 v = i.width == 4 ? R<u32>(w, i.a)[l] : R<u64>(w, i.a)[l];
		for (int j = 0; j < i.n; j++) {
			if (i.x[j] && part == 2) R<u16>(w, i.x[j])[l] = (u16)(v >> 16 * j);
			if (i.x[j] && part == 4) R<u32>(w, i.x[j])[l] = (u32)(v >> 32 * j);
		}
	}
}
static void pack(Warp& w, const Ins& i) {
	int part = i.width / i.n;
	u64 v[32] = {};
	for (int j = 0; j < i.n; j++) {
		if (part == 2) LANES v[l] |= (u64)R<u16>(w, i.x[j])[l] << 16 * j;
		else LANES v[l] |= (u64)R<u32>(w, i.x[j])[l] << 32 * j;
	}
	if (i.width == 4) put(w, R<u32>(w, i.d), [&](int l) { return (u32)v[l]; });
	else put(w, R<u64>(w, i.d), [&](int l) { return v[l]; });
}

static void move(Parser& p, Ins& i, const Statement& s) {
	int width = bytesOf(s.parts.at(1));
	std::string to = s.args.at(0), from = s.args.at(1);
	i.width = width;
	if (to[0] == '{' || from[0] == '{') {
		bool takesApart = to[0] == '{';
		auto r = p.list(takesApart ? to : from);
		i.n = (u8)r.size();
		if ((width != 4 && width != 8) || (i.n != 2 && i.n != 4) || width / i.n < 2) p.bad("unknown move: " + s.text);
		for (size_t j = 0; j < r.size(); j++) i.x[j] = r[j] == "_" ? 0 : p.slot(r[j], width / i.n);
		if (takesApart) i.a = p.slot(from, width), i.run = unpack;
		else i.d = p.result(to, width), i.run = pack;
		return;
	}
	i.d = p.result(to, width), i.a = p.slot(from, width);
	i.run = width == 8 ? (Handler)ONE(u64, u64, a) : width == 4 ? (Handler)ONE(u32, u32, a) : nullptr;
}

// Comparisons: the result, its contrary, and a predicate that is combined with both.
template <class T, class F> static void compare(Warp& w, const Ins& i, F f) {
	const T *a = R<T>(w, i.a), *b = R<T>(w, i.b);
	u8 t[32];
	LANES t[l] = f(a[l], b[l]);
	u32 is = maskOf(t), isNot = ~is;
	if (i.c) {
		u32 p = *R<u32>(w, i.c);
		is = i.mode == 1 ? is & p : i.mode == 2 ? is | p : is ^ p;
		isNot = i.mode == 1 ? isNot & p : i.mode == 2 ? isNot | p : isNot ^ p;
	}
	setMask(w, i.d, is);
	if (i.x[0]) setMask(w, i.x[0], isNot);
}
#define COMPARE(E) [](Warp& w, const Ins& i) { compare<T>(w, i, [](T a, T b) { return E; }); }

template <class T> static Handler ordered(const std::string& c) {
	if (c == "eq") return COMPARE(a == b);
	if (c == "ne") return COMPARE(a < b || a > b); // of a NaN it is false
	if (c == "lt" || c == "lo") return COMPARE(a < b);
	if (c == "le" || c == "ls") return COMPARE(a <= b);
	if (c == "gt" || c == "hi") return COMPARE(a > b);
	if (c == "ge" || c == "hs") return COMPARE(a >= b);
	return nullptr;
}
template <class T> static Handler unordered(const std::string& c) {
	if (c == "equ") return COMPARE(!(a < b || a > b));
	if (c == "neu") return COMPARE(!(a == b));
	if (c == "ltu") return COMPARE(!(a >= b));
	if (c == "leu") return COMPARE(!(a > b));
	if (c == "gtu") return COMPARE(!(a <= b));
	if (c == "geu") return COMPARE(!(a < b));
	if (c == "nan") return COMPARE(a != a || b != b);
	if (c == "num") return COMPARE(a == a && b == b);
	return ordered<T>(c);
}
// HalfOf compares 16-bit numbers as what they mean.
template <f32 (*from)(u32)> struct HalfOf {
	u16 bits;
	operator f32() const { return from(bits); }
};
static f32 half(u32 x) { return fromHalf(x); }
static f32 bfloat(u32 x) { return fromBfloat(x); }

static Handler comparison(const std::string& c, const std::string& type) {
	if (type == "u16" || type == "b16") return ordered<u16>(c);
	if (type == "u32" || type == "b32") return ordered<u32>(c);
	if (type == "u64" || type == "b64") return ordered<u64>(c);
	if (type == "s16") return ordered<i16>(c);
	if (type == "s32") return ordered<i32>(c);
	if (type == "s64") return ordered<i64>(c);
	if (type == "f32") return unordered<f32>(c);
	if (type == "f64") return unordered<f64>(c);
	if (type == "f16") return unordered<HalfOf<half>>(c);
	return type == "bf16" ? unordered<HalfOf<bfloat>>(c) : nullptr;
}

static void setPredicate(Parser& p, Ins& i, const Statement& s) {
	const std::string &type = s.parts.back(), how = s.parts.size() == 4 ? s.parts[2] : "";
	std::string to = s.args.at(0);
	size_t bar = to.find('|');
	i.d = p.result(to.substr(0, bar), 0);
	if (bar != std::string::npos) i.x[0] = p.result(to.substr(bar + 1), 0);
	i.a = p.slot(s.args.at(1), bytesOf(type)), i.b = p.slot(s.args.at(2), bytesOf(type));
	i.mode = how == "and" ? 1 : how == "or" ? 2 : how == "xor" ? 3 : 0;
	if ((i.mode != 0) != (s.args.size() == 4) || (!i.mode && s.parts.size() != 3)) p.bad("unknown comparison: " + s.text);
	if (i.mode) i.c = p.slot(s.args[3], 0);
	i.run = comparison(s.parts[1], type);
}

// cvta moves an address between its space and the generic one.
static void convertAddress(Parser& p, Ins& i, const Statement& s) {
	bool to = s.parts.at(1) == "to";
	const std::string& space = s.parts.at(to ? 2 : 1);
	u64 window = space == "shared" ? SHARED_WINDOW : space == "local" ? LOCAL_WINDOW : space == "param" ? PARAM_WINDOW : 0;
	if (s.parts.back() != "u64") p.bad("addresses have 64 bits: " + s.text);
	i.d = p.result(s.args.at(0), 8), i.a = p.slot(s.args.at(1), 8);
	i.imm = to ? (i64)(0 - window) : (i64)window;
	i.run = [](Warp& w, const Ins& i) {
		u64 by = (u64)i.imm;
		one<u64, u64>(w, i, [by](u64 a) { return a + by; });
	};
}

Decoder moveDecoder(const std::string& base) { return base == "mov" ? move : base == "setp" ? setPredicate : base == "cvta" ? convertAddress : nullptr; }
