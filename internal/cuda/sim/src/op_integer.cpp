// Integer arithmetic.
#include "lane.h"

// Division by zero gives all ones, quotient and remainder, as on an H100; the one overflow wraps.
template <class T> INLINE T quotient(T a, T b) { return b == 0 ? (T)-1 : b == (T)-1 && (T)-1 < 0 ? (T)(0 - (std::make_unsigned_t<T>)a) : a / b; }
template <class T> INLINE T remainder(T a, T b) { return b == 0 ? (T)-1 : b == (T)-1 && (T)-1 < 0 ? 0 : a % b; }
typedef unsigned __int128 u128;
typedef __int128 i128;

#define SAME(T, E) TWO(T, T, T, (T)(E))
#define WRAPPING(name, E) \
	{name ".u16", "222", SAME(u16, E)}, {name ".s16", "222", SAME(u16, E)}, {name ".u32", "444", SAME(u32, E)}, {name ".s32", "444", SAME(u32, E)}, \
	{name ".u64", "888", SAME(u64, E)}, {name ".s64", "888", SAME(u64, E)}
#define SIGNED(name, E) \
	{name ".u16", "222", SAME(u16, E)}, {name ".s16", "222", SAME(i16, E)}, {name ".u32", "444", SAME(u32, E)}, {name ".s32", "444", SAME(i32, E)}, \
	{name ".u64", "888", SAME(u64, E)}, {name ".s64", "888", SAME(i64, E)}

static const Form forms[] = {
	WRAPPING("add", a + b), WRAPPING("sub", a - b), WRAPPING("mul.lo", a * b),
	SIGNED("min", a < b ? a : b), SIGNED("max", a > b ? a : b),
	SIGNED("div", quotient(a, b)), SIGNED("rem", remainder(a, b)),

	{"mul.hi.u16", "222", SAME(u16, (u32)a * b >> 16)}, {"mul.hi.s16", "222", SAME(i16, (i32)a * b >> 16)},
	{"mul.hi.u32", "444", SAME(u32, (u64)a * b >> 32)}, {"mul.hi.s32", "444", SAME(i32, (i64)a * b >> 32)},
	{"mul.hi.u64", "888", SAME(u64, (u128)a * b >> 64)}, {"mul.hi.s64", "888", SAME(i64, (i128)a * b >> 64)},
	{"mul.wide.u16", "422", TWO(u32, u16, u16, (u32)a * b)}, {"mul.wide.s16", "422", TWO(i32, i16, i16, (i32)a * b)},
	{"mul.wide.u32", "844", TWO(u64, u32, u32, (u64)a * b)}, {"mul.wide.s32", "844", TWO(i64, i32, i32, (i64)a * b)},

	{"mad.lo.u16", "2222", THREE(u16, u16, u16, u16, (u16)(a * b + c))}, {"mad.lo.s16", "2222", THREE(u16, u16, u16, u16, (u16)(a * b + c))},
	{"mad.lo.u32", "4444", THREE(u32, u32, u32, u32, a * b + c)}, {"mad.lo.s32", "4444", THREE(u32, u32, u32, u32, a * b + c)},
	{"mad.lo.u64", "8888", THREE(u64, u64, u64, u64, a * b + c)}, {"mad.lo.s64", "8888", THREE(u64, u64, u64, u64, a * b + c)},
	{"mad.hi.u32", "4444", THREE(u32, u32, u32, u32, (u32)((u64)a * b >> 32) + c)},
	{"mad.hi.s32", "4444", THREE(u32, i32, i32, u32, (u32)((i64)a * b >> 32) + c)},
	{"mad.wide.u16", "4224", THREE(u32, u16, u16, u32, (u32)a * b + c)}, {"mad.wide.s16", "4224", THREE(u32, i16, i16, u32, (u32)((i32)a * b) + c)},
	{"mad.wide.u32", "8448", THREE(u64, u32, u32, u64, (u64)a * b + c)}, {"mad.wide.s32", "8448", THREE(u64, i32, i32, u64, (u64)((i64)a * b) + c)},

	{"neg.s16", "22", ONE(u16, u16, (u16)(0 - a))}, {"neg.s32", "44", ONE(u32, u32, 0 - a)}, {"neg.s64", "88", ONE(u64, u64, 0 - a)},
	{"abs.s16", "22", ONE(u16, i16, (u16)(a < 0 ? 0 - a : a))}, {"abs.s32", "44", ONE(u32, i32, a < 0 ? 0 - (u32)a : (u32)a)},
	{"abs.s64", "88", ONE(u64, i64, a < 0 ? 0 - (u64)a : (u64)a)},
};

Forms integerForms() { return {forms, sizeof forms / sizeof *forms}; }
