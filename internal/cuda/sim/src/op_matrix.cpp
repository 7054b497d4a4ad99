// Matrices: mma.sync and ldmatrix.
#include "memory.h"
#include "parser.h"
#include "shared.h"
#include "tensor.h"

// An Ins of mma has in x the slots of d (4), a (4), b (2) and c (4).
enum { D = 0, A = 4, B = 8, C = 10 };

static bool anyNan(const void* slot, bool pairs, u32 top) {
	const u32* v = (const u32*)slot;
	u32 any = 0;
	if (pairs) LANES any |= ((v[l] & 0x7fff) > top) | ((v[l] >> 16 & 0x7fff) > top);
	else LANES any |= (v[l] & NAN32) > 0x7f800000;
	return any;
}

// noteNan notes a product with NaN of matrices without.
static void noteNan(Warp& w, const Ins& i, const f32 (&out)[4][32], int k, u32 top) {
	bool made = false, given = false;
	for (auto& d : out) made |= anyNan(d, false, 0);
	if (!made) return;
	for (int j = 0; j < 2 * k; j++) given |= anyNan(R<u32>(w, i.x[A + j]), true, top);
	for (int j = 0; j < k; j++) given |= anyNan(R<u32>(w, i.x[B + j]), true, top);
	for (int j = 0; j < 4; j++) given |= anyNan(R<u32>(w, i.x[C + j]), false, 0);
	if (!given) w.madeNan = &i;
}

template <class Pair, int K, u32 TOP> static void multiply(Warp& w, const Ins& i) {
	converged(w, ~0u);
	Product<Pair, K> p;
	const u32 *a[4], *b[2];
	for (int j = 0; j < 2 * K; j++) a[j] = R<u32>(w, i.x[A + j]);
	for (int j = 0; j < K; j++) b[j] = R<u32>(w, i.x[B + j]);
	p.load(a, b);
	alignas(64) f32 out[4][32];
	for (int h = 0; h < 2; h++) {
		const f32 *even = R<f32>(w, i.x[C + 2 * h]), *odd = R<f32>(w, i.x[C + 2 * h + 1]);
		if (options.truncate) p.truncated(options.sm >= 90, h, even, odd, out[2 * h], out[2 * h + 1]);
		else p.half(h, even, odd, out[2 * h], out[2 * h + 1]);
	}
	if (w.block->check && options.nan && !w.madeNan) noteNan(w, i, out, K, TOP);
	for (int j = 0; j < 4; j++) memcpy(R<f32>(w, i.x[D + j]), out[j], 128);
	w.block->stats.mma++;
}

static void decodeMultiply(Parser& p, Ins& i, const Statement& s) {
	static const std::map<std::string, Handler> known = {
		{"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", multiply<HalfPair, 2, 0x7c00>},
		{"mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", multiply<HalfPair, 1, 0x7c00>},
		{"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", multiply<BfloatPair, 2, 0x7f80>},
		{"mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32", multiply<BfloatPair, 1, 0x7f80>},
	};
	auto f = known.find(s.name());
	if (f == known.end()) p.bad("unknown product: " + s.text);
	bool small = s.parts[3] == "m16n8k8";
	size_t n[4] = {4, small ? 2u : 4u, small ? 1u : 2u, 4}, first[4] = {D, A, B, C};
	for (int j = 0; j < 4; j++) {
		auto r = p.list(s.args.at(j));
		if (r.size() != n[j]) p.bad("a matrix has too many or too few registers: " + s.text);
		for (size_t q = 0; q < r.size(); q++) i.x[first[j] + q] = j ? p.slot(r[q], 4) : p.result(r[q], 4);
	}
	i.run = f->second;
}

// ldmatrix: lanes 8k to 8k+7 have the addresses of the rows of matrix k.
template <bool TRANSPOSED> static void loadMatrices(Warp& w, const Ins& i) {
	converged(w, ~0u);
	u64 address[32];
	const u32* a = R<u32>(w, i.a);
	LANES address[l] = a[l] + (u32)i.imm;
	if (options.count) {
		w.m = (u32)((1ull << 8 * i.n) - 1);
		countShared(w, address, 16, 8);
		w.m = ~0u;
	}
	u16 rows[4][8][8];
	for (int l = 0; l < 8 * i.n; l++) memcpy(rows[l / 8][l % 8], sharedAt(w, l, address[l], 16, false, "reads"), 16);
	for (int k = 0; k < i.n; k++) {
		u32* d = R<u32>(w, i.x[k]);
		if (!TRANSPOSED) memcpy(d, rows[k], 128);
		else for (int l = 0; l < 32; l++) d[l] = rows[k][l % 4 * 2][l / 4] | (u32)rows[k][l % 4 * 2 + 1][l / 4] << 16;
	}
}

static void decodeLoadMatrices(Parser& p, Ins& i, const Statement& s) {
	if (s.parts.size() < 7) p.bad("unknown matrices: " + s.text);
	std::string name = s.name(), number = s.parts[4];
	bool transposed = s.parts.size() == 8 && s.parts[5] == "trans";
	std::string want = "ldmatrix.sync.aligned.m8n8." + number + (transposed ? ".trans" : "") + "." + s.parts[s.parts.size() - 2] + ".b16";
	if (name != want || (number != "x1" && number != "x2" && number != "x4") || s.parts[s.parts.size() - 2].compare(0, 6, "shared")) p.bad("unknown matrices: " + s.text);
	auto r = p.list(s.args.at(0));
	i.n = number[1] - '0', i.space = SHARED;
	if (r.size() != i.n) p.bad("a register for each matrix is wanted: " + s.text);
	for (size_t j = 0; j < r.size(); j++) i.x[j] = p.result(r[j], 4);
	p.address(s.args.at(1), i);
	if (!i.mode) p.bad("ldmatrix wants 32 bits of shared address: " + s.text);
	p.access(SHARED, 16);
	i.run = transposed ? loadMatrices<true> : loadMatrices<false>;
}

Decoder matrixDecoder(const std::string& base) { return base == "mma" ? decodeMultiply : base == "ldmatrix" ? decodeLoadMatrices : nullptr; }
