// Modules, variables and the frame of kernels.
#include "parser.h"
#include "memory.h"

static const u64 MOST_REGISTERS = 1 << 20, MOST_BYTES = 1 << 28;

void Parser::bad(const std::string& what) { fault(E_PTX, "PTX line %d: %s", line, what.c_str()); }

void Parser::need(int sm, int version, const char* what) {
	if (module.sm < sm) bad(format("%s needs sm_%d, the target is sm_%d", what, sm, module.sm));
	if (module.version < version) bad(format("%s needs PTX %d.%d, the version is %d.%d", what, version / 10, version % 10, module.version / 10, module.version % 10));
}

int bytesOf(const std::string& t) {
	if (t == "pred") return 0;
	if (t == "f16x2" || t == "bf16x2") return 4;
	size_t digits = t.find_first_of("0123456789");
	int bits = digits == std::string::npos ? 32 : atoi(t.c_str() + digits);
	return bits / 8;
}

void Parser::parse() {
	if (!in.peek().is(".version")) fault(E_IMAGE, "this is no PTX: it begins with %.20s", in.peek().text.c_str());
	try {
		for (Token t = in.peek(); !t.text.empty(); t = in.peek()) {
			line = t.line;
			if (t.is(".version") || t.is(".target") || t.is(".address_size")) version(in.next().text);
			else header();
		}
	} catch (std::logic_error&) { // of a string or vector that is shorter than it should be
		bad("the text is cut off, or makes no sense here");
	}
	if (!module.sm || !module.version) bad("no .version and .target");
}

void Parser::version(const std::string& directive) {
	std::string v = in.next().text;
	if (directive == ".version") module.version = (int)(atof(v.c_str()) * 10 + .5);
	if (directive == ".target" && v.compare(0, 3, "sm_") == 0) module.sm = atoi(v.c_str() + 3);
	while (in.peek().is(",")) in.next(), in.next(); // .target sm_80, debug
}

// header reads a variable or a kernel with what is said of its linkage.
void Parser::header() {
	Token t = in.peek();
	if (t.is(".visible") || t.is(".weak") || t.is(".extern")) {
		in.next();
		if (t.is(".extern") && !in.peek().is(".shared")) bad("external symbols are not known");
		t = in.peek();
	}
	if (t.is(".entry")) in.next(), entry();
	else if (t.is(".shared") || t.is(".global") || t.is(".const")) variable(true);
	else if (t.is(".func")) bad("functions are not known, only kernels");
	else bad("not known at the top: " + t.text);
}

// variable reads .shared .align 16 .b8 name[64] = {…};
void Parser::variable(bool top) {
	std::string space = in.next().text, type;
	u64 align = 1, count = 1;
	Token t = in.next();
	for (; t.text[0] == '.'; t = in.next()) {
		if (t.is(".align")) align = number(in.next().text);
		else type = t.text.substr(1);
	}
	std::string name = t.text;
	bool open = false;
	while (in.peek().is("[")) {
		in.next();
		if (in.peek().is("]")) open = true;
		else count *= number(in.next().text);
		in.next();
	}
	u64 size = bytesOf(type), bytes = size * count;
	if (count > MOST_BYTES || align > MOST_BYTES) bad("too large: " + name);
	align = std::max(align, size);
	std::vector<u64> values;
	if (in.peek().is("=")) {
		for (t = in.next(); !in.peek().is(";") && !t.text.empty();) {
			t = in.next();
			if (t.is("-")) values.push_back(-number(in.next().text));
			else if (!t.is("{") && !t.is("}") && !t.is(",")) values.push_back(number(t.text));
		}
	}
	if (!in.next().is(";")) bad("a variable that is not known: " + name);
	if (space == ".shared" || space == ".local") {
		if (top && space == ".shared" && !open && !kernel) bad("shared variables outside a kernel are not known, unless they are external");
		if (open) { symbols[name] = DYNAMIC; return; } // its place is known when the kernel is
		u32& end = space == ".shared" ? kernel->sharedBytes : kernel->localBytes;
		end = (end + align - 1) / align * align;
		symbols[name] = end + (space == ".shared" ? kernel->sharedBase : 0);
		end += bytes;
		return;
	}
	const Allocation* a = allocate(owner, bytes, true);
	if (!a) bad("no memory for " + name);
	memset((void*)a->address, 0, bytes);
	setWritten(a, a->address, bytes, true);
	for (size_t j = 0; j < values.size() && j < count; j++) memcpy((void*)(a->address + j * size), &values[j], size);
	module.variables[name] = {a->address, bytes};
}

void Parser::parameters() {
	if (!in.peek().is("(")) return;
	for (Token t = in.next(); !t.is(")") && !t.text.empty();) {
		u64 align = 1, count = 1;
		std::string type;
		for (t = in.next(); t.text[0] == '.'; t = in.next()) {
			if (t.is(".align")) align = number(in.next().text);
			else if (t.is(".ptr")) type = type.empty() ? "u64" : type;
			else if (t.text.find_first_of("0123456789") != std::string::npos) type = t.text.substr(1);
		}
		if (t.is(")")) return; // none
		std::string name = t.text;
		for (t = in.next(); t.is("["); t = in.next()) count *= number(in.next().text), in.next();
		int size = bytesOf(type) * (int)count, at = kernel->paramBytes;
		align = std::max<u64>(align, bytesOf(type));
		at = (at + align - 1) / align * align;
		kernel->params.push_back({name, at, size});
		symbols[name] = at;
		kernel->paramBytes = at + size;
	}
}

void Parser::entry() {
	auto made = std::make_shared<Kernel>();
	kernel = made.get();
	kernel->name = in.next().text;
	kernel->sharedBase = options.sm >= 80 ? RESERVED_SHARED : 0;
	auto outer = symbols; // external shared memory
	registers.clear(), jumps.clear(), immediates.clear(), body.clear(), labels.clear();
	parameters();
	for (Token t = in.next(); !t.is("{"); t = in.next()) {
		if (t.text.empty()) bad("a kernel without a body");
		if (!t.is(".maxntid") && !t.is(".reqntid")) continue;
		kernel->maxThreads = (int)number(in.next().text);
		while (in.peek().is(",")) in.next(), kernel->maxThreads *= (int)number(in.next().text);
	}
	scope();
	finish();
	module.kernels[kernel->name] = made;
	kernel = nullptr;
	symbols = outer;
}

// scope reads what is between braces, the first of which has been read.
void Parser::scope() {
	for (;;) {
		Token t = in.peek();
		line = t.line;
		if (t.text.empty()) bad("a kernel without an end");
		if (t.is(".reg")) in.next(), registersOf();
		else if (t.is(".shared") || t.is(".local")) variable(false);
		else if (t.is(".pragma")) pragma();
		else if (t.text[0] == '.') bad("directive " + t.text);
		else if (in.next().is("{")) scope();
		else if (t.is("}")) return;
		else if (t.is(";")) bad("an instruction is missing before ;");
		else statement(t);
	}
}

void Parser::pragma() {
	in.next(), in.next();
	if (!in.next().is(";")) bad("a pragma that is not known");
}

void Parser::registersOf() {
	int width = bytesOf(in.next().text.substr(1));
	if (width == 1) width = 2;
	auto add = [&](const std::string& name) {
		auto was = registers.find(name);
		if (was != registers.end() && was->second.width != width) bad("register " + name + " is declared with two sizes");
		registers[name].width = (u8)width;
	};
	Token t;
	do {
		std::string name = in.next().text;
		t = in.next();
		if (t.is("<")) {
			u64 n = number(in.next().text);
			if (n > MOST_REGISTERS) bad("too many registers");
			for (u64 j = 0; j < n; j++) add(name + std::to_string(j));
			in.next(), t = in.next();
		} else
			add(name);
	} while (t.is(","));
	if (!t.is(";")) bad("registers that are not known");
}

void Parser::statement(Token t) {
	Statement s;
	s.line = line = t.line;
	if (in.peek().is(":")) {
		in.next();
		s.label = t.text;
		body.push_back(s);
		return;
	}
	if (t.text[0] == '@') {
		s.negated = t.text[1] == '!';
		s.guard = t.text.substr(s.negated ? 2 : 1);
		s.text = t.text + " ";
		t = in.next();
	}
	s.opcode = t.text;
	s.text += t.text;
	int depth = 0;
	std::string arg;
	for (t = in.next(); !t.is(";"); t = in.next()) {
		if (t.text.empty()) bad("an instruction without an end");
		if (s.args.empty() && arg.empty()) s.text += " ";
		s.text += t.text + (t.is(",") ? " " : "");
		depth += (t.is("{") || t.is("[") || t.is("(")) - (t.is("}") || t.is("]") || t.is(")"));
		if (t.is(",") && !depth) s.args.push_back(arg), arg.clear();
		else arg += t.text;
	}
	if (!arg.empty()) s.args.push_back(arg);
	body.push_back(s);
}
