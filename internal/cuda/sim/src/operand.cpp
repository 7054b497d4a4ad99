// Operands: registers, numbers, names and addresses, each to the slot where it lies.
#include "number.h"
#include "parser.h"

u32 Parser::room(int width) {
	u32 at = kernel->regBytes;
	kernel->regBytes += width == 0 ? 4 : 32 * width;
	if (width == 0 && kernel->regBytes % 64) kernel->regBytes += 64 - kernel->regBytes % 64;
	return at;
}

// immediate is a slot with a number in all lanes; equal numbers share one.
u32 Parser::immediate(int width, u64 value) {
	if (width == 1) width = 2;
	u32& at = immediates[{width, value}];
	if (!at) {
		at = room(width);
		kernel->constants.push_back({at, width, value});
	}
	return at;
}

u64 Parser::number(const std::string& s) {
	if (s.empty()) bad("a number is missing");
	if (s[0] == '-') return 0 - number(s.substr(1));
	bool bits = s[0] == '0' && s.size() > 2 && strchr("fFdD", s[1]);
	char* end = nullptr;
	u64 v = bits ? strtoull(s.c_str() + 2, &end, 16) : strtoull(s.c_str(), &end, 0);
	if (*end == 'U') end++;
	if (*end) bad("not a number: " + s);
	return v;
}

static bool isSpecial(const std::string& s) {
	size_t dot = s.find('.');
	if (dot == std::string::npos) return s == "%laneid" || s == "%warpid";
	std::string of = s.substr(0, dot), axis = s.substr(dot + 1);
	return (of == "%tid" || of == "%ntid" || of == "%ctaid" || of == "%nctaid") && (axis == "x" || axis == "y" || axis == "z");
}

int Parser::widthOf(const std::string& operand) {
	auto r = registers.find(operand);
	return r == registers.end() ? -1 : r->second.width;
}

u32 Parser::slot(const std::string& s, int width) {
	int have = widthOf(s);
	if (have >= 0 && have != std::max(width, width ? 2 : 0)) bad(format("%s has %d bits, the instruction wants %d", s.c_str(), 8 * have, 8 * width));
	return loose(s, width);
}

u32 Parser::loose(const std::string& s, int width) {
	auto r = registers.find(s);
	if (r != registers.end()) return r->second.slot;
	if (isSpecial(s)) {
		u32& at = kernel->specials[s];
		return at ? at : at = room(4);
	}
	auto sym = symbols.find(s);
	if (sym != symbols.end()) return immediate(width, sym->second);
	auto v = module.variables.find(s);
	if (v != module.variables.end()) return immediate(width, v->second.address);
	if (s == "WARP_SZ") return immediate(width, 32);
	if (s.empty() || (!isdigit((u8)s[0]) && s[0] != '-')) bad("unknown operand " + s);
	if (s.find('.') == std::string::npos) return immediate(width, number(s));
	f64 real = atof(s.c_str());
	return immediate(width, width == 8 ? bitsOf64(real) : bitsOf((f32)real));
}

u32 Parser::result(const std::string& s, int width) {
	if (widthOf(s) < 0) bad("not a register: " + s);
	return slot(s, width);
}

std::vector<std::string> Parser::list(const std::string& s) {
	if (s.empty() || s[0] != '{') return {s};
	std::vector<std::string> out(1);
	for (char c : s.substr(1, s.size() - 2)) {
		if (c == ',') out.emplace_back();
		else out.back() += c;
	}
	return out;
}

void Parser::address(const std::string& operand, Ins& i) {
	if (operand.size() < 3 || operand[0] != '[') bad("not an address: " + operand);
	std::string of = operand.substr(1, operand.size() - 2);
	size_t plus = of.find('+');
	if (plus != std::string::npos) i.imm = (i64)number(of.substr(plus + 1)), of = of.substr(0, plus);
	auto sym = symbols.find(of);
	if (i.space == PARAM && sym != symbols.end()) {
		i.imm += (i64)sym->second;
		return;
	}
	int width = widthOf(of);
	i.mode = width == 4;
	if (width >= 0 && width != 4 && width != 8) bad("not an address: " + operand);
	i.a = loose(of, 8);
}

void Parser::access(int space, int bytes) {
	int shift = bytes >= 16 ? 4 : bytes >= 8 ? 3 : bytes >= 4 ? 2 : bytes >= 2 ? 1 : 0;
	if (space == SHARED || space == GENERIC) kernel->sharedShift = std::min(kernel->sharedShift, shift);
	if (space == GLOBAL || space == GENERIC) kernel->globalShift = std::min(kernel->globalShift, shift);
}
