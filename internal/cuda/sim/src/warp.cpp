// The execution of warps and blocks.
#include "warp.h"

std::string where(const Warp& w, int lane) {
	const Block& b = *w.block;
	const std::string& text = b.kernel->text[w.current - b.kernel->code.data()];
	return format("%s, block (%u,%u,%u), thread %d, PTX line %d: %s", b.kernel->name.c_str(), b.index[0], b.index[1], b.index[2], w.id * 32 + lane, w.current->line, text.c_str());
}

void converged(const Warp& w, u32 mask) {
	if (w.m != mask)
		fault(E_INSTRUCTION, "diverged: lanes %08x do what the lanes %08x must do together, by %s", w.m, mask, where(w, __builtin_ctz(w.m)).c_str());
}

void syncLanes(Warp& w, u32 mask) {
	u16 known[32] = {};
	ACTIVE(mask) for (int o = 0; o < 32; o++) known[o] = std::max(known[o], w.seen[l][o]);
	w.stamp++;
	ACTIVE(mask) known[l] = w.stamp;
	ACTIVE(mask) memcpy(w.seen[l], known, sizeof known);
	if (mask == w.alive) w.allSeen = w.stamp;
	if (w.stamp == 0xffff) fault(E_TIMEOUT, "more __syncwarp without a barrier than are counted, by %s", where(w, 0).c_str());
}

// pick chooses the lanes that run next.
static void pick(Warp& w) {
	int least = INT32_MAX;
	ACTIVE(w.alive) least = std::min(least, w.lanePc[l]);
	w.group = 0;
	ACTIVE(w.alive) w.group |= w.lanePc[l] == least ? 1u << l : 0;
	w.pc = least;
	w.diverged = w.group != w.alive;
}

static void park(Warp& w, u32 lanes, int pc) { ACTIVE(lanes) w.lanePc[l] = pc; }

// part sends some lanes to one place and the rest of the group to the next instruction.
static void part(Warp& w, u32 lanes, int target) {
	if (!w.diverged) park(w, w.alive, w.pc);
	park(w, w.group & ~lanes, w.pc + 1);
	park(w, lanes, target);
	w.block->stats.divergences++;
	pick(w);
}

// arrive follows a jump of the whole group.
static void arrive(Warp& w, int pc) {
	w.pc = pc;
	if (w.diverged) park(w, w.group, pc), pick(w);
}

static void branch(Warp& w, u32 m, const Ins& i) {
	if (m && m != w.group) part(w, m, i.target);
	else arrive(w, m ? i.target : w.pc + 1);
	if (w.executed > (u64)options.budget)
		fault(E_TIMEOUT, "endless: more than %ld instructions of one warp, by %s", (long)options.budget, where(w, __builtin_ctz(w.group)).c_str());
}

static void leave(Warp& w, u32 m) {
	u32 rest = w.group & ~m;
	if (!w.diverged) park(w, w.alive, w.pc + 1);
	else park(w, rest, w.pc + 1);
	w.alive &= ~m;
	if (w.alive) pick(w);
	else w.done = true;
}

static void runWarp(Warp& w) { // until a barrier or the end
	const Ins* code = w.block->kernel->code.data();
	bool check = w.block->check;
	for (;;) {
		const Ins& i = code[w.pc];
		w.current = &i;
		u32 m = w.group;
		if (i.guard) m &= i.negated ? ~*R<u32>(w, i.guard) : *R<u32>(w, i.guard);
		w.executed += i.kind != LABEL;
		switch (i.kind) {
		case OP:
			w.m = m;
			if (check && i.watch) watched(w, i);
			else if (m) i.run(w, i);
			w.pc++;
			break;
		case LABEL: arrive(w, w.pc + 1); break;
		case BRANCH:
			w.m = w.group;
			if (check && i.watch) watched(w, i);
			branch(w, m, i);
			break;
		case EXIT:
			if (m) leave(w, m);
			else w.pc++;
			if (w.done) return;
			break;
		case BARRIER:
			if (!m) { w.pc++; break; }
			if (m != w.alive)
				fault(E_INSTRUCTION, "divergent barrier: lanes %08x of %08x are at it, by %s", m, w.alive, where(w, __builtin_ctz(m)).c_str());
			w.pc++, w.atBarrier = true;
			return;
		}
	}
}

static void fill(char* slot, int width, u64 value) {
	if (width == 0) *(u32*)slot = value ? ~0u : 0;
	else if (width == 2) LANES ((u16*)slot)[l] = (u16)value;
	else if (width == 4) LANES ((u32*)slot)[l] = (u32)value;
	else LANES ((u64*)slot)[l] = value;
}

static u32 special(const Block& b, const std::string& name, u32 thread) {
	if (name == "%laneid") return thread % 32;
	if (name == "%warpid") return thread / 32;
	const u32* n = b.threads;
	int axis = name.back() - 'x';
	std::string of = name.substr(0, name.size() - 2);
	if (of == "%tid") return axis == 0 ? thread % n[0] : axis == 1 ? thread / n[0] % n[1] : thread / n[0] / n[1];
	return of == "%ntid" ? n[axis] : of == "%ctaid" ? b.index[axis] : b.grid[axis];
}

static void start(Warp& w, Block& b, int id, int threads, char* regs) {
	const Kernel& k = *b.kernel;
	w.regs = regs, w.block = &b, w.id = id;
	memset(regs, 0, 64);
	memset(w.seen, 0, sizeof w.seen);
	for (auto& c : k.constants) fill(regs + c.slot, c.width, c.value);
	for (auto& s : k.specials)
		for (int l = 0; l < 32; l++) R<u32>(w, s.second)[l] = special(b, s.first, id * 32 + l);
	int left = threads - id * 32;
	w.alive = w.group = left >= 32 ? ~0u : (1u << left) - 1;
	w.set.assign(k.trackedNames.size(), 0);
}

// ranked is a permutation of 0 … n-1: identity, reversal, or one of many.
u64 ranked(u64 i, u64 n, u64 order) {
	if (order == 0) return i;
	if (order == 1) return n - 1 - i;
	u64 step = 2 * order + 1;
	while (std::__gcd(step, n) != 1) step += 2;
	return (i * (step % n) + order) % n;
}

void runBlock(Block& b) {
	static thread_local std::vector<char> registers;
	int threads = b.threads[0] * b.threads[1] * b.threads[2], n = (threads + 31) / 32;
	size_t per = (b.kernel->regBytes + 127) / 64 * 64;
	if (registers.size() < per * n + 64) registers.resize(per * n + 64);
	char* regs = (char*)(((uintptr_t)registers.data() + 63) & ~(uintptr_t)63);
	std::vector<Warp> warps(n);
	for (int i = 0; i < n; i++) start(warps[i], b, i, threads, regs + per * i);
	for (int running = n; running; b.epoch++) {
		running = 0;
		for (int i = 0; i < n; i++) {
			Warp& w = warps[ranked(i, n, options.order)];
			if (w.done) continue;
			w.atBarrier = false;
			if (w.stamp > 1) w.stamp = w.allSeen = 1, memset(w.seen, 0, sizeof w.seen); // the barrier has ordered all
			runWarp(w);
			running += !w.done;
		}
	}
	for (auto& w : warps) {
		b.stats.instructions += w.executed;
		for (auto& g : w.groups)
			if (!g.empty()) fault(E_FAILED, "%s ends with an asynchronous copy that nothing waited for", b.kernel->name.c_str());
		if (!w.open.empty()) fault(E_FAILED, "%s ends with an asynchronous copy that is not committed", b.kernel->name.c_str());
	}
}
