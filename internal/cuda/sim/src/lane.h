// Instructions of one to three operands, done on all lanes; those that are not active
// keep what they have.
#pragma once
#include "warp.h"

template <class D, class F> INLINE void put(Warp& w, D* d, F value) {
	if (w.m == ~0u) {
		LANES d[l] = value(l);
		return;
	}
	D t[32];
	LANES t[l] = value(l);
	u32 m = w.m;
	LANES d[l] = m >> l & 1 ? t[l] : d[l];
}
template <class D, class A, class F> INLINE void one(Warp& w, const Ins& i, F f) {
	const A* a = R<A>(w, i.a);
	put(w, R<D>(w, i.d), [=](int l) -> D { return f(a[l]); });
}
template <class D, class A, class B, class F> INLINE void two(Warp& w, const Ins& i, F f) {
	const A* a = R<A>(w, i.a);
	const B* b = R<B>(w, i.b);
	put(w, R<D>(w, i.d), [=](int l) -> D { return f(a[l], b[l]); });
}
template <class D, class A, class B, class C, class F> INLINE void three(Warp& w, const Ins& i, F f) {
	const A* a = R<A>(w, i.a);
	const B* b = R<B>(w, i.b);
	const C* c = R<C>(w, i.c);
	put(w, R<D>(w, i.d), [=](int l) -> D { return f(a[l], b[l], c[l]); });
}
INLINE void setMask(Warp& w, u32 slot, u32 mask) {
	u32* d = R<u32>(w, slot);
	*d = (mask & w.m) | (*d & ~w.m);
}
INLINE u32 maskOf(const u8 (&t)[32]) {
	u32 m = 0;
	for (int k = 0; k < 4; k++) { // eight bytes of 0 or 1 to eight bits
		u64 v;
		memcpy(&v, t + 8 * k, 8);
		m |= (u32)(v * 0x0102040810204080ull >> 56) << 8 * k;
	}
	return m;
}

// A Form is an opcode with all types: its handler, the widths in bytes of its operands
// (a digit each, the result first, 0 for a predicate) and what is watched.
struct Form {
	const char* name;
	const char* widths;
	Handler run;
	u8 watch = 0;
};

#define ONE(D, A, E) [](Warp& w, const Ins& i) { one<D, A>(w, i, [](A a) -> D { return E; }); }
#define TWO(D, A, B, E) [](Warp& w, const Ins& i) { two<D, A, B>(w, i, [](A a, B b) -> D { return E; }); }
#define THREE(D, A, B, C, E) [](Warp& w, const Ins& i) { three<D, A, B, C>(w, i, [](A a, B b, C c) -> D { return E; }); }

// The families of forms, each in a file of its own.
struct Forms {
	const Form* first;
	size_t n;
};
Forms integerForms();
Forms bitForms();
Forms floatForms();
Forms halfForms();
Forms moveForms();
