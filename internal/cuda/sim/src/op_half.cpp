// Arithmetic of float16 and bfloat16, one number or two in a register.
#include "approx.h"
#include "lane.h"

// Half and Bfloat say how a format is widened and narrowed. Sums and products are exact
// in float64, so that toOdd makes the narrowing the only rounding.
struct Half {
	INLINE f32 from(u32 x) { return fromHalf(x); }
	INLINE u32 to(f32 f) { return toHalf(f); }
};
struct Bfloat {
	INLINE f32 from(u32 x) { return fromBfloat(x); }
	INLINE u32 to(f32 f) { return toBfloat(f); }
};

template <class T, class F> INLINE u16 each(u16 x, u16 y, u16 z, F f) { return (u16)T::to(f(T::from(x), T::from(y), T::from(z))); }
template <class T, class F> INLINE u32 both(u32 x, u32 y, u32 z, F f) {
	return each<T>((u16)x, (u16)y, (u16)z, f) | (u32)each<T>(x >> 16, y >> 16, z >> 16, f) << 16;
}
INLINE f32 lesser(f32 a, f32 b) { return a != a ? b : b != b ? a : a < b || (a == b && std::signbit(a)) ? a : b; }
INLINE f32 larger(f32 a, f32 b) { return a != a ? b : b != b ? a : a > b || (a == b && !std::signbit(a)) ? a : b; }
// fused is a·b + c, exact up to the rounding to odd where float64 holds the sum, and as
// good as that where it does not: the bits lost are far below those of the result.
INLINE f32 fused(f32 a, f32 b, f32 c) { return toOdd(__builtin_fma((f64)a, (f64)b, (f64)c)); }

#define LAMBDA(E) [](f32 a, f32 b, f32 c) -> f32 { (void)b, (void)c; return E; }
#define HALVES1(T, type, name, W, E) \
	{name "." type, "22", ONE(u16, u16, each<T>(a, 0, 0, LAMBDA(E))), W}, {name "." type "x2", "44", ONE(u32, u32, both<T>(a, 0, 0, LAMBDA(E))), W}
#define HALVES2(T, type, name, W, E) \
	{name "." type, "222", TWO(u16, u16, u16, each<T>(a, b, 0, LAMBDA(E))), W}, {name "." type "x2", "444", TWO(u32, u32, u32, both<T>(a, b, 0, LAMBDA(E))), W}
#define HALVES3(T, type, name, W, E) \
	{name "." type, "2222", THREE(u16, u16, u16, u16, each<T>(a, b, c, LAMBDA(E))), W}, \
	{name "." type "x2", "4444", THREE(u32, u32, u32, u32, both<T>(a, b, c, LAMBDA(E))), W}
#define FORMAT(T, type, W) \
	HALVES2(T, type, "add", W, toOdd((f64)a + b)), HALVES2(T, type, "sub", W, toOdd((f64)a - b)), HALVES2(T, type, "mul", W, toOdd((f64)a * b)), \
	HALVES3(T, type, "fma.rn", W, fused(a, b, c)), HALVES2(T, type, "min", 0, lesser(a, b)), HALVES2(T, type, "max", 0, larger(a, b)), \
	HALVES1(T, type, "ex2.approx", W, perturbed(exp2Near(a), 0x1p-10f, bitsOf(a))), HALVES1(T, type, "tanh.approx", W, perturbed((f32)std::tanh((f64)a), 0x1p-11f, bitsOf(a))), \
	{"neg." type, "22", ONE(u16, u16, (u16)(a ^ 0x8000))}, {"neg." type "x2", "44", ONE(u32, u32, a ^ 0x80008000)}, \
	{"abs." type, "22", ONE(u16, u16, (u16)(a & 0x7fff))}, {"abs." type "x2", "44", ONE(u32, u32, a & 0x7fff7fff)}

static const Form forms[] = {FORMAT(Half, "f16", WATCH_HALF), FORMAT(Bfloat, "bf16", WATCH_BFLOAT)};

Forms halfForms() { return {forms, sizeof forms / sizeof *forms}; }
