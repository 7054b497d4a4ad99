// Where registers lie: those that are never live together share a slot, which keeps a
// warp in the processor's cache. And which of them may be read before they are set.
#include "parser.h"

// Use is what a statement does to registers, by their numbers.
struct Use {
	std::vector<int> sets, reads;
	int guard = -1, jump = -1;
	bool falls = true; // to the next statement
};

struct Liveness {
	Parser& p;
	std::unordered_map<std::string, int> ids;
	std::vector<std::string> names;
	std::vector<Use> uses;
	std::vector<std::vector<u64>> live; // before each statement
	size_t words = 0;

	explicit Liveness(Parser& p) : p(p) {
		std::unordered_map<std::string, int> at;
		for (size_t j = 0; j < p.body.size(); j++)
			if (!p.body[j].label.empty()) at[p.body[j].label] = (int)j;
		for (auto& s : p.body) uses.push_back(use(s, at));
		flow();
	}

	int id(const std::string& name) {
		auto added = ids.insert({name, (int)names.size()});
		if (added.second) names.push_back(name);
		return added.first->second;
	}

	void scan(const std::string& s, std::vector<int>& out) {
		auto in = [](char c) { return isalnum((u8)c) || c == '_' || c == '$' || c == '%' || c == '.'; };
		for (size_t j = 0; j < s.size(); j++) {
			size_t end = j;
			while (end < s.size() && in(s[end])) end++;
			if (end == j) continue;
			std::string word = s.substr(j, end - j);
			if (p.registers.count(word)) out.push_back(id(word));
			j = end;
		}
	}

	Use use(const Statement& s, std::unordered_map<std::string, int>& at) {
		Use u;
		if (!s.label.empty()) return u;
		p.line = s.line;
		if (!s.guard.empty()) {
			std::vector<int> g;
			scan(s.guard, g);
			if (g.empty()) p.bad("unknown predicate " + s.guard);
			u.guard = g[0];
		}
		if (s.parts[0] == "bra") {
			auto to = s.args.empty() ? at.end() : at.find(s.args[0]);
			if (to == at.end()) p.bad("no such label: " + s.text);
			u.jump = to->second, u.falls = u.guard >= 0;
			return u;
		}
		if (s.parts[0] == "ret" || s.parts[0] == "exit") u.falls = u.guard >= 0;
		for (size_t j = 0; j < s.args.size(); j++) {
			bool sets = isResult(s, j) && s.args[j][0] != '[';
			scan(s.args[j], sets ? u.sets : u.reads);
		}
		return u;
	}

	void flow() {
		int n = (int)uses.size();
		words = (names.size() + 63) / 64;
		live.assign(n + 1, std::vector<u64>(words));
		std::vector<u64> v(words);
		for (bool again = true; again;) {
			again = false;
			for (int j = n - 1; j >= 0; j--) {
				const Use& u = uses[j];
				if (u.falls) v = live[j + 1];
				else std::fill(v.begin(), v.end(), 0);
				if (u.jump >= 0)
					for (size_t q = 0; q < words; q++) v[q] |= live[u.jump][q];
				if (u.guard < 0)
					for (int r : u.sets) v[r / 64] &= ~(1ull << r % 64);
				for (int r : u.reads) v[r / 64] |= 1ull << r % 64;
				if (u.guard >= 0) v[u.guard / 64] |= 1ull << u.guard % 64;
				if (v != live[j]) live[j] = v, again = true;
			}
		}
	}

	// spans returns the first and last statement at which each register is live.
	std::vector<std::pair<int, int>> spans() const {
		std::vector<std::pair<int, int>> s(names.size(), {INT32_MAX, -1});
		auto cover = [&](int r, int j) { s[r] = {std::min(s[r].first, j), std::max(s[r].second, j)}; };
		for (int j = 0; j < (int)uses.size(); j++) {
			for (size_t q = 0; q < words; q++)
				for (u64 b = live[j][q]; b; b &= b - 1) cover((int)q * 64 + __builtin_ctzll(b), j);
			for (int r : uses[j].sets) cover(r, j);
			if (uses[j].sets.size() < 2) continue;
			// Several results: none may lie where another result or an operand does that is read
			// after the first is written.
			for (int r : uses[j].sets) cover(r, j + 1);
			for (int r : uses[j].reads) cover(r, j + 1);
		}
		return s;
	}
};

void Parser::place() {
	Liveness l(*this);
	auto spans = l.spans();
	std::vector<int> order;
	for (int r = 0; r < (int)l.names.size(); r++) order.push_back(r);
	std::sort(order.begin(), order.end(), [&](int a, int b) { return spans[a] < spans[b]; });
	std::map<int, std::vector<u32>> free; // by width
	std::multimap<int, Register> taken;   // by the end of the span
	for (int r : order) {
		while (options.sharing && !taken.empty() && taken.begin()->first <= spans[r].first) {
			free[taken.begin()->second.width].push_back(taken.begin()->second.slot);
			taken.erase(taken.begin());
		}
		Register& reg = registers[l.names[r]];
		auto& f = free[reg.width];
		if (f.empty()) reg.slot = room(reg.width);
		else reg.slot = f.back(), f.pop_back();
		taken.insert({spans[r].second, reg});
	}
	tracks(l);
}

static bool copies(const Statement& s) { return s.label.empty() && (s.parts[0] == "mov" || s.parts[0] == "selp"); }

// tracks finds the registers that are live where the kernel begins, which are those that
// some path leaves unset, and what is copied from them; all others are set before use.
void Parser::tracks(Liveness& l) {
	std::unordered_map<int, int> tracked; // register to index
	auto add = [&](int r) {
		if (!tracked.insert({r, (int)kernel->trackedNames.size()}).second) return false;
		kernel->trackedNames.push_back(l.names[r]);
		return true;
	};
	for (int r = 0; r < (int)l.names.size(); r++)
		if (l.live[0][r / 64] >> r % 64 & 1) add(r);
	for (bool again = !tracked.empty(); again;) {
		again = false;
		for (size_t j = 0; j < body.size(); j++)
			if (copies(body[j]))
				for (int r : l.uses[j].reads)
					if (tracked.count(r))
						for (int d : l.uses[j].sets) again |= add(d);
	}
	instructionTracks.assign(body.size(), -1);
	auto index = [&](const std::string& arg) {
		auto it = l.ids.find(arg);
		return it == l.ids.end() || !tracked.count(it->second) ? -1 : tracked[it->second];
	};
	for (size_t j = 0; j < body.size() && !tracked.empty(); j++) {
		Tracked t;
		const Use& u = l.uses[j];
		for (int r : u.reads) if (tracked.count(r)) t.reads.push_back(tracked[r]);
		for (int r : u.sets) if (tracked.count(r)) t.sets.push_back(tracked[r]);
		if (tracked.count(u.guard)) t.guard = tracked[u.guard];
		if (t.reads.empty() && t.sets.empty() && t.guard < 0) continue;
		t.copies = copies(body[j]);
		t.selects = t.copies && body[j].parts[0] == "selp";
		if (t.selects) t.reads = {index(body[j].args.at(1)), index(body[j].args.at(2)), index(body[j].args.at(3))};
		instructionTracks[j] = (int)kernel->tracked.size();
		kernel->tracked.push_back(t);
	}
}
