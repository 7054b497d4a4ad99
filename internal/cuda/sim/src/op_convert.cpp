// Conversions between types.
#include "memory.h"
#include "number.h"
#include "parser.h"

// Codes of types: the width in bytes and what it is.
enum { WIDTH = 15, SIGNED = 16, FLOAT = 32, BRAIN = 64 };

static int codeOf(const std::string& t) {
	if (t == "bf16") return 2 | FLOAT | BRAIN;
	return bytesOf(t) | (t[0] == 's' ? SIGNED : 0) | (t[0] == 'f' ? FLOAT : 0);
}

static f64 realOf(u64 raw, int code) {
	if ((code & WIDTH) == 8) return fromBits64(raw);
	if ((code & WIDTH) == 4) return fromBits((u32)raw);
	return code & BRAIN ? fromBfloat((u16)raw) : fromHalf((u16)raw);
}

static u64 bitsOfReal(f64 f, int code) {
	if ((code & WIDTH) == 8) return bitsOf64(f);
	if (f != f && (code & WIDTH) == 4) return NAN32;
	if ((code & WIDTH) == 4) return bitsOf((f32)f);
	return code & BRAIN ? toBfloat(toOdd(f)) : toHalf(toOdd(f));
}

static i64 extended(u64 raw, int code) {
	int s = 64 - 8 * (code & WIDTH);
	return code & SIGNED ? (i64)(raw << s) >> s : (i64)(raw << s >> s);
}

// wholeOf rounds and keeps to the range of the type; a NaN becomes 0.
static u64 wholeOf(f64 f, int code, char mode) {
	int bits = 8 * (code & WIDTH);
	f = mode == 'n' ? nearbyint(f) : mode == 'm' ? floor(f) : mode == 'p' ? ceil(f) : trunc(f);
	f64 low = code & SIGNED ? -ldexp(1, bits - 1) : 0, high = ldexp(1, code & SIGNED ? bits - 1 : bits);
	if (f != f) return 0;
	if (f >= high) return code & SIGNED ? (1ull << (bits - 1)) - 1 : ~0ull >> (64 - bits);
	if (f <= low) return code & SIGNED ? ~0ull << (bits - 1) : 0;
	return code & SIGNED ? (u64)(i64)f : (u64)f;
}

static u64 saturated(i64 n, int from, int to) {
	int bits = 8 * (to & WIDTH);
	if (bits == 64) return !(to & SIGNED) && (from & SIGNED) && n < 0 ? 0 : (u64)n;
	i64 low = to & SIGNED ? -(1ll << (bits - 1)) : 0, high = (1ll << (to & SIGNED ? bits - 1 : bits)) - 1;
	if (!(from & SIGNED) && n < 0) return (u64)high; // above 2^63
	return (u64)std::min(std::max(n, low), high);
}

// An Ins of a conversion has the types in x[0] and x[1], the rounding in mode, .sat in
// sign, .ftz in n, and the widths of the registers in size and width.
static u64 converted(const Ins& i, u64 raw) {
	int from = i.x[0], to = i.x[1];
	if (from & FLOAT) {
		f64 f = realOf(raw, from);
		if (i.n && (from & WIDTH) == 4) f = flush((f32)f);
		if (!(to & FLOAT)) return wholeOf(f, to, i.mode);
		if (i.mode) f = i.mode == 'n' ? nearbyint(f) : i.mode == 'm' ? floor(f) : i.mode == 'p' ? ceil(f) : trunc(f);
		if (i.sign) f = f > 0 ? f < 1 ? f : 1 : 0;
		u64 bits = bitsOfReal(f, to);
		return i.n && (to & WIDTH) == 4 ? bitsOf(flush(fromBits((u32)bits))) : bits;
	}
	i64 n = extended(raw, from);
	if (!(to & FLOAT)) return (u64)extended(i.sign ? saturated(n, from, to) : (u64)n, to);
	if ((to & WIDTH) == 4) return bitsOf(from & SIGNED ? (f32)n : (f32)(u64)n);
	return bitsOfReal(from & SIGNED ? (f64)n : (f64)(u64)n, to);
}

static void convertEach(Warp& w, const Ins& i) {
	ACTIVE(w.m) setRegister(w, i.d, i.width, l, converted(i, getRegister(w, i.a, i.size, l)));
}

// The conversions that kernels are full of, in vectors.
static Handler fast(const std::string& name) {
	static const std::map<std::string, Handler> table = {
		{"cvt.s64.s32", ONE(i64, i32, a)}, {"cvt.u64.u32", ONE(u64, u32, a)}, {"cvt.s64.u32", ONE(u64, u32, a)}, {"cvt.u32.u64", ONE(u32, u64, (u32)a)},
		{"cvt.u16.u32", ONE(u16, u32, (u16)a)}, {"cvt.u32.u16", ONE(u32, u16, a)}, {"cvt.s32.s16", ONE(i32, i16, a)},
		{"cvt.f32.f16", ONE(f32, u16, fromHalf(a) == fromHalf(a) ? fromHalf(a) : fromBits(NAN32))}, {"cvt.f32.bf16", ONE(f32, u16, fromBfloat(a) == fromBfloat(a) ? fromBfloat(a) : fromBits(NAN32))},
		{"cvt.rn.f16.f32", ONE(u16, f32, (u16)toHalf(a))}, {"cvt.rn.bf16.f32", ONE(u16, f32, (u16)toBfloat(a))},
		{"cvt.rn.f32.s32", ONE(f32, i32, (f32)a)}, {"cvt.rn.f32.u32", ONE(f32, u32, (f32)a)},
	};
	auto f = table.find(name);
	return f == table.end() ? nullptr : f->second;
}

static void convertPair(Parser& p, Ins& i, const Statement& s) {
	i.d = p.result(s.args.at(0), 4), i.a = p.slot(s.args.at(1), 4), i.b = p.slot(s.args.at(2), 4);
	i.watch = WATCH_NARROWED;
	if (s.parts.size() != 4 || s.parts[1] != "rn" || s.parts[3] != "f32") p.bad("unknown conversion: " + s.text);
	if (s.parts[2] == "f16x2") i.run = TWO(u32, f32, f32, toHalf(a) << 16 | toHalf(b)); // the first operand is the upper half
	else i.run = TWO(u32, f32, f32, toBfloat(a) << 16 | toBfloat(b));
}

static void convert(Parser& p, Ins& i, const Statement& s) {
	size_t n = s.parts.size();
	if (n < 3) p.bad("unknown conversion: " + s.text);
	if (s.parts[n - 2] == "f16x2" || s.parts[n - 2] == "bf16x2") return convertPair(p, i, s);
	i.x[0] = codeOf(s.parts[n - 1]), i.x[1] = codeOf(s.parts[n - 2]);
	i.n = i.mode = 0;
	for (size_t j = 1; j < n - 2; j++) {
		const std::string& m = s.parts[j];
		if (m == "rni" || m == "rzi" || m == "rmi" || m == "rpi") i.mode = m[1];
		else if (m == "ftz") i.n = 1;
		else if (m == "sat") i.sign = true;
		else if (m != "rn") p.bad("unknown conversion: " + s.text);
	}
	int to = p.widthOf(s.args.at(0)), from = p.widthOf(s.args.at(1));
	i.width = to, i.size = from >= 0 ? from : std::max(2, bytesOf(s.parts[n - 1]));
	if (to < bytesOf(s.parts[n - 2]) || i.size < bytesOf(s.parts[n - 1])) p.bad("a register is too small: " + s.text);
	i.d = p.loose(s.args[0], i.width), i.a = p.loose(s.args[1], i.size);
	if ((i.x[1] & FLOAT) && (i.x[1] & WIDTH) == 2) i.watch = WATCH_NARROWED;
	bool exact = i.width == std::max(2, bytesOf(s.parts[n - 2])) && i.size == std::max(2, bytesOf(s.parts[n - 1]));
	i.run = exact && !i.n && !i.sign ? fast(s.name()) : nullptr;
	if (!i.run) i.run = convertEach;
}

Decoder convertDecoder(const std::string& base) { return base == "cvt" ? convert : nullptr; }
