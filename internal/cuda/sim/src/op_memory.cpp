// Loads, stores and asynchronous copies.
#include "memory.h"
#include "parser.h"
#include "shared.h"

static void addresses(Warp& w, const Ins& i, u64 (&to)[32]) {
	const u64* a = R<u64>(w, i.a);
	const u32* b = R<u32>(w, i.a);
	u64 by = (u64)i.imm;
	if (i.mode) LANES to[l] = (u32)(b[l] + (u32)by);
	else LANES to[l] = a[l] + by;
}

static void count(Warp& w, const Ins& i, const u64* address, int bytes) {
	if (!options.count) return;
	if (i.space == GLOBAL) countGlobal(w, address, bytes);
	if (i.space == SHARED) countShared(w, address, bytes, bytes <= 4 ? 32 : 128 / bytes);
}

static u64 element(const Ins& i, const char* at) {
	u64 v = 0;
	memcpy(&v, at, i.size);
	int s = 64 - 8 * i.size;
	return i.sign ? (u64)((i64)(v << s) >> s) : v;
}

static void loadParam(Warp& w, const Ins& i) {
	int last = (int)i.imm + i.n * i.size;
	if (i.imm < 0 || last > w.block->kernel->paramBytes) fault(E_ADDRESS, "out of bounds: reads parameters, by %s", where(w, 0).c_str());
	for (int j = 0; j < i.n; j++) {
		u64 v = element(i, w.block->params + i.imm + j * i.size);
		ACTIVE(w.m) setRegister(w, i.x[j], i.width, l, v);
	}
}

static void load(Warp& w, const Ins& i) {
	u64 address[32];
	addresses(w, i, address);
	count(w, i, address, i.n * i.size);
	ACTIVE(w.m) {
		const char* p = placeAt(w, l, i.space, address[l], i.n * i.size, false, "reads");
		for (int j = 0; j < i.n; j++) {
			if (i.size == 4 && i.width == 4) memcpy(&R<u32>(w, i.x[j])[l], p + 4 * j, 4);
			else setRegister(w, i.x[j], i.width, l, element(i, p + j * i.size));
		}
	}
}

static void store(Warp& w, const Ins& i) {
	u64 address[32];
	addresses(w, i, address);
	count(w, i, address, i.n * i.size);
	w.storeTo = address;
	ACTIVE(w.m) {
		char* p = placeAt(w, l, i.space, address[l], i.n * i.size, true, "writes");
		for (int j = 0; j < i.n; j++) {
			u64 v = getRegister(w, i.x[j], i.width, l);
			if (w.madeNan) checkNan(w, l, v, i.size);
			memcpy(p + j * i.size, &v, i.size);
		}
	}
	w.storeTo = nullptr;
}

// modifiers finds space, vector and type of a load or store; what concerns caches means
// nothing here, and the weak order of memory is all there is.
static void modifiers(Parser& p, Ins& i, const Statement& s) {
	static const std::vector<std::string> none = {"weak", "volatile", "relaxed", "gpu", "cta", "sys", "nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt"};
	static const std::map<std::string, int> spaces = {{"param", PARAM}, {"global", GLOBAL}, {"shared", SHARED}, {"shared::cta", SHARED}, {"local", LOCAL}, {"const", CONST}};
	i.space = GENERIC;
	for (size_t j = 1; j + 1 < s.parts.size(); j++) {
		const std::string& m = s.parts[j];
		if (spaces.count(m)) i.space = spaces.at(m);
		else if (m == "v2" || m == "v4") i.n = m[1] - '0';
		else if (std::find(none.begin(), none.end(), m) == none.end() && m.compare(0, 4, "L1::") && m.compare(0, 4, "L2::")) p.bad("unknown access: " + s.text);
	}
	const std::string& type = s.parts.back();
	i.size = bytesOf(type), i.sign = type[0] == 's';
	if (i.space != PARAM && i.space != CONST && i.space != LOCAL) p.access(i.space, i.n * i.size);
}

static void values(Parser& p, Ins& i, const Statement& s, const std::string& operand) {
	auto r = p.list(operand);
	if (r.size() != i.n) p.bad("the list is not as long as the vector: " + s.text);
	i.width = std::max<int>(2, i.size);
	for (size_t j = 0; j < r.size(); j++) {
		if (p.widthOf(r[j]) >= 0) i.width = p.widthOf(r[j]);
		if (i.width < i.size) p.bad("a register is too small: " + s.text);
		i.x[j] = p.loose(r[j], i.width);
	}
}

static void decodeLoad(Parser& p, Ins& i, const Statement& s) {
	modifiers(p, i, s);
	values(p, i, s, s.args.at(0));
	p.address(s.args.at(1), i);
	i.run = i.space == PARAM && !i.a ? loadParam : load;
}
static void decodeStore(Parser& p, Ins& i, const Statement& s) {
	modifiers(p, i, s);
	values(p, i, s, s.args.at(1));
	p.address(s.args.at(0), i);
	i.run = store;
}

// cp.async: what is copied arrives when it is waited for, not before. Until then the
// place may be neither read nor written.
static void copyAsync(Warp& w, const Ins& i) {
	const u32 *to = R<u32>(w, i.d), *n = i.b ? R<u32>(w, i.b) : nullptr;
	const u64* from = R<u64>(w, i.a);
	u64 sources[32], places[32];
	LANES sources[l] = from[l] + (u64)i.imm, places[l] = to[l] + i.c;
	if (options.count) {
		countShared(w, places, i.size, 128 / i.size);
		u32 keep = w.m;
		if (n) ACTIVE(keep) if (!n[l]) w.m &= ~(1u << l);
		countGlobal(w, sources, i.size);
		w.m = keep;
	}
	ACTIVE(w.m) {
		u32 bytes = n ? n[l] : i.size;
		if (bytes > i.size) fault(E_INSTRUCTION, "cp.async of %u bytes into %d, by %s", bytes, i.size, where(w, l).c_str());
		if (sources[l] & (i.size - 1)) fault(E_MISALIGNED, "misaligned: copies asynchronously %d bytes from 0x%lx, by %s", i.size, (unsigned long)sources[l], where(w, l).c_str());
		if (bytes == i.size) globalAt(w, l, sources[l], i.size, false, "copies asynchronously from");
		else for (u32 j = 0; j < bytes; j++) globalAt(w, l, sources[l] + j, 1, false, "copies asynchronously from");
		sharedAt(w, l, places[l], i.size, true, "copies asynchronously to");
		if (w.block->check) setInFlight(*w.block, (u32)places[l], i.size, true);
		w.open.push_back({l, (u32)places[l], sources[l], (u8)bytes, i.size});
	}
}
static void commit(Warp& w, const Ins&) {
	converged(w, w.alive);
	w.groups.push_back(std::move(w.open));
	w.open.clear();
}
static void arrive(Warp& w, const Copy& c) {
	if (w.block->check) setInFlight(*w.block, c.to, c.size, false);
	char* to = sharedAt(w, c.lane, c.to, c.size, true, "copies to");
	memcpy(to, (const char*)c.from, c.bytes);
	memset(to + c.bytes, 0, c.size - c.bytes);
}
static void wait(Warp& w, const Ins& i) { // for all groups but the newest imm
	converged(w, w.alive);
	if (i.mode) commit(w, i);
	size_t n = w.groups.size() > (size_t)i.imm ? w.groups.size() - i.imm : 0;
	for (size_t j = 0; j < n; j++)
		for (const Copy& c : w.groups[j]) arrive(w, c);
	w.groups.erase(w.groups.begin(), w.groups.begin() + n);
}

static void decodeCopy(Parser& p, Ins& i, const Statement& s) {
	if (s.parts.size() < 3 || s.parts[1] != "async") p.bad("unknown instruction: " + s.text);
	const std::string& what = s.parts[2];
	if (what == "commit_group") { i.run = commit; return; }
	if (what == "wait_group") { i.imm = (i64)p.number(s.args.at(0)), i.run = wait; return; }
	if (what == "wait_all") { i.mode = 1, i.run = wait; return; }
	if (s.parts.size() < 5 || (what != "ca" && what != "cg")) p.bad("unknown instruction: " + s.text);
	Ins to, from;
	to.space = SHARED, from.space = GLOBAL;
	p.address(s.args.at(0), to), p.address(s.args.at(1), from);
	if (!to.mode || from.mode) p.bad("cp.async wants 32 bits of shared address and 64 of global: " + s.text);
	i.d = to.a, i.c = (u32)to.imm, i.a = from.a, i.imm = from.imm, i.size = (u8)p.number(s.args.at(2));
	if (s.args.size() > 3) i.b = p.slot(s.args[3], 4);
	if (i.size != 16 && (what == "cg" || (i.size != 4 && i.size != 8))) p.bad("cp.async of a size that does not exist: " + s.text);
	p.access(SHARED, i.size), p.access(GLOBAL, i.size);
	i.run = copyAsync;
}

Decoder memoryDecoder(const std::string& base) { return base == "ld" ? decodeLoad : base == "st" ? decodeStore : base == "cp" ? decodeCopy : nullptr; }
