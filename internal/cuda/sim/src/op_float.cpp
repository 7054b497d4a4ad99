// Arithmetic of float32 and float64, and the approximations.
#include "approx.h"
#include "lane.h"

// A NaN is no number: the other operand is the least and the largest. -0 is below +0.
template <class T> INLINE T least(T a, T b) { return a != a ? (b != b ? (T)fromBits(NAN32) : b) : b != b ? a : a == b ? (std::signbit(a) ? a : b) : a < b ? a : b; }
template <class T> INLINE T largest(T a, T b) { return a != a ? (b != b ? (T)fromBits(NAN32) : b) : b != b ? a : a == b ? (std::signbit(a) ? b : a) : a > b ? a : b; }
INLINE f32 orNan(f32 a, f32 b, f32 r) { return a != a || b != b ? fromBits(NAN32) : r; }
// quiet gives every NaN the one pattern that a GPU's arithmetic returns.
INLINE f32 quiet(f32 f) { return f != f ? fromBits(NAN32) : f; }
INLINE f32 clamped(f32 f) { return f > 0 ? (f < 1 ? f : 1) : 0; } // .sat: NaN becomes 0

// directed is a·b + c rounded down, up or to zero: the sum is split into what float64
// holds and what it loses (Knuth's two-sum; the product is exact).
enum { DOWN, UP, ZERO };
template <int TO> INLINE f32 directed(f32 a, f32 b, f32 c) {
	f64 p = (f64)a * b, sum = p + c, part = sum - p, lost = (p - (sum - part)) + (c - part);
	f32 f = (f32)sum;
	if (!std::isfinite(sum) || !std::isfinite(f)) return quiet(f);
	f64 over = (f64)f - sum; // exact; by how much f is above the sum, less what was lost
	bool above = over > 0 || (over == 0 && lost < 0), below = over < 0 || (over == 0 && lost > 0);
	if (above && (TO == DOWN || (TO == ZERO && f > 0))) return std::nextafterf(f, -INFINITY);
	if (below && (TO == UP || (TO == ZERO && f < 0))) return std::nextafterf(f, INFINITY);
	return f;
}

#define F1(E) ONE(f32, f32, E)
#define F2(E) TWO(f32, f32, f32, E)
#define F3(E) THREE(f32, f32, f32, f32, E)
// An operation with and without .ftz, which flushes operands and result.
#define FLUSHED1(name, E) {name ".f32", "44", F1(quiet(E)), WATCH_NAN32}, \
	{name ".ftz.f32", "44", [](Warp& w, const Ins& i) { one<f32, f32>(w, i, [](f32 x) { f32 a = flush(x); return flush(quiet(E)); }); }, WATCH_NAN32}
#define FLUSHED2(name, E) {name ".f32", "444", F2(quiet(E)), WATCH_NAN32}, \
	{name ".ftz.f32", "444", [](Warp& w, const Ins& i) { two<f32, f32, f32>(w, i, [](f32 x, f32 y) { f32 a = flush(x), b = flush(y); return flush(quiet(E)); }); }, WATCH_NAN32}
#define FLUSHED3(name, E) {name ".f32", "4444", F3(quiet(E)), WATCH_NAN32}, \
	{name ".ftz.f32", "4444", [](Warp& w, const Ins& i) { three<f32, f32, f32, f32>(w, i, [](f32 x, f32 y, f32 z) { f32 a = flush(x), b = flush(y), c = flush(z); return flush(quiet(E)); }); }, WATCH_NAN32}
#define APPROX(name, error, E) FLUSHED1(name, perturbed(E, error, bitsOf(a)))
#define DIRECTED(name, TO) {"fma." name ".f32", "4444", F3(directed<TO>(a, b, c)), WATCH_NAN32}, {"add." name ".f32", "444", F2(directed<TO>(a, 1, b)), WATCH_NAN32}, \
	{"mul." name ".f32", "444", F2(directed<TO>(a, b, 0)), WATCH_NAN32}
#define D2(name, E) {name ".f64", "888", TWO(f64, f64, f64, E), WATCH_NAN64}

static const Form forms[] = {
	FLUSHED2("add", a + b), FLUSHED2("sub", a - b), FLUSHED2("mul", a * b), FLUSHED3("fma.rn", __builtin_fmaf(a, b, c)),
	DIRECTED("rm", DOWN), DIRECTED("rp", UP), DIRECTED("rz", ZERO),
	FLUSHED2("min", least(a, b)), FLUSHED2("max", largest(a, b)),
	{"min.NaN.f32", "444", F2(orNan(a, b, least(a, b))), WATCH_NAN32}, {"max.NaN.f32", "444", F2(orNan(a, b, largest(a, b))), WATCH_NAN32},
	{"add.sat.f32", "444", F2(clamped(a + b))}, {"mul.sat.f32", "444", F2(clamped(a * b))}, {"fma.rn.sat.f32", "4444", F3(clamped(__builtin_fmaf(a, b, c)))},
	FLUSHED2("div.rn", a / b), FLUSHED1("rcp.rn", 1 / a), FLUSHED1("sqrt.rn", __builtin_sqrtf(a)),
	{"neg.f32", "44", F1(quiet(-a))}, {"abs.f32", "44", F1(quiet(__builtin_fabsf(a)))},
	{"neg.ftz.f32", "44", F1(flush(quiet(-a)))}, {"abs.ftz.f32", "44", F1(flush(quiet(__builtin_fabsf(a))))},
	{"copysign.f32", "444", TWO(u32, u32, u32, (a & 0x80000000) | (b & NAN32))},

	FLUSHED2("div.full", perturbed(a / b, DIV, bitsOf(a) ^ bitsOf(b) * 3)), FLUSHED2("div.approx", perturbed(a / b, DIV, bitsOf(a) ^ bitsOf(b) * 3)),
	APPROX("rcp.approx", RCP, 1 / a), APPROX("rsqrt.approx", RSQRT, 1 / __builtin_sqrtf(a)), APPROX("sqrt.approx", SQRT, __builtin_sqrtf(a)),
	APPROX("ex2.approx", EX2, exp2Near(a)), FLUSHED1("lg2.approx", perturbed((f32)std::log2((f64)a), LG2, bitsOf(a), a > .5f && a < 2 ? 1 : (f32)std::log2((f64)a))),
	FLUSHED1("sin.approx", perturbed((f32)std::sin((f64)a), SIN, bitsOf(a), 1)), FLUSHED1("cos.approx", perturbed((f32)std::cos((f64)a), SIN, bitsOf(a), 1)),
	{"tanh.approx.f32", "44", F1(perturbed((f32)std::tanh((f64)a), TANH, bitsOf(a))), WATCH_NAN32},

	D2("add", a + b), D2("sub", a - b), D2("mul", a * b), D2("div.rn", a / b), D2("min", least(a, b)), D2("max", largest(a, b)),
	{"fma.rn.f64", "8888", THREE(f64, f64, f64, f64, __builtin_fma(a, b, c)), WATCH_NAN64},
	{"neg.f64", "88", ONE(f64, f64, -a)}, {"abs.f64", "88", ONE(f64, f64, __builtin_fabs(a))},
	{"sqrt.rn.f64", "88", ONE(f64, f64, __builtin_sqrt(a)), WATCH_NAN64}, {"rcp.rn.f64", "88", ONE(f64, f64, 1 / a), WATCH_NAN64},
};

Forms floatForms() { return {forms, sizeof forms / sizeof *forms}; }
