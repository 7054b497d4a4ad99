// What lanes do together: shuffles, votes, reductions and barriers.
#include "lane.h"
#include "parser.h"

// partners returns the mask of an instruction, which must be the lanes that are there.
static u32 partners(Warp& w, u32 slot) {
	const u32* masks = R<u32>(w, slot);
	u32 mask = masks[__builtin_ctz(w.m)];
	ACTIVE(w.m) if (masks[l] != mask) fault(E_INSTRUCTION, "diverged: lanes name different masks, %08x and %08x, by %s", mask, masks[l], where(w, l).c_str());
	converged(w, mask);
	return mask;
}

enum { UP, DOWN, BUTTERFLY, INDEX };

static void shuffle(Warp& w, const Ins& i) {
	u32 mask = partners(w, i.e), from[32], inside = 0;
	memcpy(from, R<u32>(w, i.a), 128);
	const u32 *b = R<u32>(w, i.b), *c = R<u32>(w, i.c);
	u32* d = R<u32>(w, i.d);
	ACTIVE(w.m) {
		int segment = c[l] >> 8 & 31, clamp = c[l] & 31, by = b[l] & 31;
		int most = (l & segment) | (clamp & ~segment), least = l & segment, source;
		if (i.mode == UP) source = l - by;
		else if (i.mode == DOWN) source = l + by;
		else if (i.mode == BUTTERFLY) source = l ^ by;
		else source = least | (by & ~segment & 31);
		bool ok = i.mode == UP ? source >= most : source <= most;
		if (!ok) source = l;
		if (!(mask >> source & 1)) fault(E_INSTRUCTION, "diverged: shfl reads lane %d, which takes no part, by %s", source, where(w, l).c_str());
		d[l] = from[source];
		inside |= ok ? 1u << l : 0;
	}
	if (i.x[0]) setMask(w, i.x[0], inside);
}

static void decodeShuffle(Parser& p, Ins& i, const Statement& s) {
	static const std::map<std::string, int> modes = {{"shfl.sync.up.b32", UP}, {"shfl.sync.down.b32", DOWN}, {"shfl.sync.bfly.b32", BUTTERFLY}, {"shfl.sync.idx.b32", INDEX}};
	auto mode = modes.find(s.name());
	if (mode == modes.end()) p.bad("unknown shuffle: " + s.text);
	std::string to = s.args.at(0);
	size_t bar = to.find('|');
	i.d = p.result(to.substr(0, bar), 4);
	if (bar != std::string::npos) i.x[0] = p.result(to.substr(bar + 1), 0);
	i.a = p.slot(s.args.at(1), 4), i.b = p.slot(s.args.at(2), 4), i.c = p.slot(s.args.at(3), 4), i.e = p.slot(s.args.at(4), 4);
	i.mode = mode->second, i.run = shuffle;
}

enum { BALLOT, ANY, ALL };

static void vote(Warp& w, const Ins& i) {
	u32 mask = partners(w, i.e), yes = *R<u32>(w, i.a) & mask;
	if (i.mode == BALLOT) put(w, R<u32>(w, i.d), [=](int) { return yes; });
	else setMask(w, i.d, (i.mode == ANY ? yes != 0 : yes == mask) ? ~0u : 0);
}

static void decodeVote(Parser& p, Ins& i, const Statement& s) {
	static const std::map<std::string, int> modes = {{"vote.sync.ballot.b32", BALLOT}, {"vote.sync.any.pred", ANY}, {"vote.sync.all.pred", ALL}};
	auto mode = modes.find(s.name());
	if (mode == modes.end() || s.args.at(1)[0] == '!') p.bad("unknown vote: " + s.text);
	i.mode = mode->second, i.d = p.result(s.args.at(0), i.mode == BALLOT ? 4 : 0);
	i.a = p.slot(s.args.at(1), 0), i.e = p.slot(s.args.at(2), 4), i.run = vote;
}

template <class T, class F> static void reduce(Warp& w, const Ins& i, F f) {
	partners(w, i.e);
	const T* a = R<T>(w, i.a);
	T r = a[__builtin_ctz(w.m)];
	ACTIVE(w.m & (w.m - 1)) r = f(r, a[l]);
	put(w, R<T>(w, i.d), [=](int) { return r; });
}
#define REDUCE(T, E) [](Warp& w, const Ins& i) { reduce<T>(w, i, [](T a, T b) { return E; }); }

static void decodeReduce(Parser& p, Ins& i, const Statement& s) {
	static const std::map<std::string, Handler> known = {
		{"redux.sync.add.u32", REDUCE(u32, a + b)}, {"redux.sync.add.s32", REDUCE(u32, a + b)}, {"redux.sync.and.b32", REDUCE(u32, a & b)},
		{"redux.sync.or.b32", REDUCE(u32, a | b)}, {"redux.sync.xor.b32", REDUCE(u32, a ^ b)}, {"redux.sync.min.u32", REDUCE(u32, a < b ? a : b)},
		{"redux.sync.max.u32", REDUCE(u32, a > b ? a : b)}, {"redux.sync.min.s32", REDUCE(i32, a < b ? a : b)}, {"redux.sync.max.s32", REDUCE(i32, a > b ? a : b)},
	};
	auto f = known.find(s.name());
	if (f == known.end()) p.bad("unknown reduction: " + s.text);
	i.d = p.result(s.args.at(0), 4), i.a = p.slot(s.args.at(1), 4), i.e = p.slot(s.args.at(2), 4), i.run = f->second;
}

static void decodeActive(Parser& p, Ins& i, const Statement& s) {
	i.d = p.result(s.args.at(0), 4);
	i.run = [](Warp& w, const Ins& i) { u32 m = w.m; put(w, R<u32>(w, i.d), [=](int) { return m; }); };
}

static void decodeBarrier(Parser& p, Ins& i, const Statement& s) {
	std::string name = s.name();
	if (name == "bar.warp.sync") {
		i.e = p.slot(s.args.at(0), 4);
		i.run = [](Warp& w, const Ins& i) { syncLanes(w, partners(w, i.e)); };
		return;
	}
	bool known = name == "bar.sync" || name == "barrier.sync" || name == "barrier.sync.aligned" || name == "bar.cta.sync" || name == "barrier.cta.sync.aligned";
	if (!known || s.args.size() != 1 || s.args[0] != "0") p.bad("of barriers only number 0 of the whole block is known: " + s.text);
	i.kind = BARRIER;
}

// A fence orders the memory of one thread, which is ordered here anyway; it makes no other
// thread wait and so orders none for the checks.
static void decodeFence(Parser&, Ins& i, const Statement&) {
	i.run = [](Warp&, const Ins&) {};
}
static void decodeTrap(Parser&, Ins& i, const Statement&) {
	i.run = [](Warp& w, const Ins&) { fault(E_FAILED, "trap, by %s", where(w, __builtin_ctz(w.m)).c_str()); };
}

Decoder warpDecoder(const std::string& base) {
	static const std::map<std::string, Decoder> known = {
		{"shfl", decodeShuffle}, {"vote", decodeVote}, {"redux", decodeReduce}, {"activemask", decodeActive},
		{"bar", decodeBarrier}, {"barrier", decodeBarrier}, {"membar", decodeFence}, {"fence", decodeFence}, {"trap", decodeTrap},
	};
	auto d = known.find(base);
	return d == known.end() ? nullptr : d->second;
}
