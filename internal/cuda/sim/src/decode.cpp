// Statements to instructions.
#include "parser.h"

static const std::unordered_map<std::string, const Form*>& forms() {
	static const auto* all = [] {
		auto* m = new std::unordered_map<std::string, const Form*>;
		for (Forms f : {integerForms(), bitForms(), floatForms(), halfForms(), moveForms()})
			for (size_t j = 0; j < f.n; j++) (*m)[f.first[j].name] = f.first + j;
		return m;
	}();
	return *all;
}

static std::vector<std::string> partsOf(const std::string& opcode) {
	std::vector<std::string> parts(1);
	for (size_t j = 0; j < opcode.size(); j++) {
		if (opcode[j] == '.') parts.emplace_back();
		else parts.back() += opcode[j];
	}
	bool sum = parts[0] == "add" || parts[0] == "sub" || parts[0] == "mul", bfloat = parts.back().compare(0, 4, "bf16") == 0;
	for (size_t j = 1; j < parts.size();) // rounding to nearest is what sums do; bfloat16 has no other approximations than .ftz
		if ((sum && parts[j] == "rn") || (bfloat && parts[j] == "ftz")) parts.erase(parts.begin() + j);
		else j++;
	return parts;
}

std::string Statement::name() const {
	std::string s;
	for (auto& p : parts) s += (s.empty() ? "" : ".") + p;
	return s;
}

bool isResult(const Statement& s, size_t arg) {
	static const std::vector<std::string> without = {"st", "cp", "bar", "barrier", "bra", "ret", "exit", "membar", "fence", "red", "prefetch", "trap"};
	return arg == 0 && std::find(without.begin(), without.end(), s.parts[0]) == without.end();
}

static void needs(Parser& p, const Statement& s) {
	const std::string& base = s.parts[0];
	auto has = [&](const char* part) { return std::find(s.parts.begin(), s.parts.end(), part) != s.parts.end(); };
	bool two = has("bf16x2") || has("f16x2");
	if (base == "cp") p.need(80, 70, "cp.async");
	if (base == "ldmatrix") p.need(75, 65, "ldmatrix");
	if (base == "cvt" && (two || has("bf16"))) p.need(80, 70, "this conversion");
	if (base == "fma" && (has("bf16") || has("bf16x2"))) p.need(80, 70, "bfloat16 arithmetic");
	if ((base == "add" || base == "sub" || base == "mul") && (has("bf16") || has("bf16x2"))) p.need(90, 78, "bfloat16 arithmetic other than fma");
	if (base == "tanh") p.need(75, 70, "tanh");
	if (base == "mma" && (has("m16n8k16") || has("bf16"))) p.need(80, 70, "this mma");
	if (base == "redux") p.need(80, 70, "redux");
}

bool Parser::simple(Ins& i, const Statement& s) {
	auto found = forms().find(s.name());
	if (found == forms().end()) return false;
	const Form& f = *found->second;
	std::string widths = f.widths;
	if (s.args.size() != widths.size()) bad(format("%zu operands, %zu are wanted: ", s.args.size(), widths.size()) + s.text);
	u32* slots[] = {&i.d, &i.a, &i.b, &i.c, &i.e};
	for (size_t j = 0; j < widths.size(); j++) *slots[j] = j ? slot(s.args[j], widths[j] - '0') : result(s.args[0], widths[0] - '0');
	i.width = widths[0] - '0', i.run = f.run, i.watch = f.watch;
	return true;
}

void Parser::decode(Ins& i, const Statement& s) {
	const std::string& base = s.parts[0];
	needs(*this, s);
	if (base == "bra") {
		if (s.args.size() != 1) bad("a branch wants a label");
		i.kind = BRANCH;
		jumps.push_back({(int)kernel->code.size(), s.args[0]});
		return;
	}
	if (base == "ret" || base == "exit") {
		i.kind = EXIT;
		return;
	}
	if (simple(i, s)) return;
	for (auto family : {moveDecoder, convertDecoder, memoryDecoder, matrixDecoder, warpDecoder, atomicDecoder})
		if (Decoder d = family(base)) {
			try {
				d(*this, i, s);
			} catch (std::out_of_range&) {
				bad("operands are missing: " + s.text);
			}
			return;
		}
	bad("unknown instruction: " + s.text);
}

void Parser::instruction(const Statement& s) {
	Ins i;
	i.line = line = s.line;
	if (!s.guard.empty()) i.guard = slot(s.guard, 0), i.negated = s.negated;
	decode(i, s);
	if (i.kind == OP && !i.run) bad("unknown instruction: " + s.text);
	kernel->code.push_back(i);
	kernel->text.push_back(s.text);
}

// finish decodes the body of a kernel.
void Parser::finish() {
	u32 end = (kernel->sharedBytes + 127) / 128 * 128;
	for (auto& s : symbols)
		if (s.second == DYNAMIC) s.second = kernel->sharedBase + end, kernel->sharedBytes = end, kernel->dynamic = true;
	for (auto& s : body)
		if (s.label.empty()) s.parts = partsOf(s.opcode);
	Statement last;
	last.line = line, last.opcode = last.text = "ret", last.parts = {"ret"};
	body.push_back(last); // for those that fall off the end
	place();
	for (auto& s : body) {
		if (s.label.empty()) {
			instruction(s);
			continue;
		}
		labels[s.label] = (int)kernel->code.size();
		Ins i;
		i.kind = LABEL, i.line = s.line;
		kernel->code.push_back(i);
		kernel->text.push_back(s.label + ":");
	}
	for (auto& j : jumps) kernel->code[j.first].target = labels.at(j.second);
	for (size_t j = 0; j < body.size(); j++)
		if (instructionTracks[j] >= 0) kernel->code[j].tracked = instructionTracks[j], kernel->code[j].watch |= WATCH_TRACKED;
}
