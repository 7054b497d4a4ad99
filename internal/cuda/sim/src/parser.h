// From PTX text to kernels.
#pragma once
#include "lane.h"
#include "token.h"
#include <unordered_map>

// A Statement is an instruction or a label.
struct Statement {
	int line = 0;
	std::string label, guard, opcode, text;
	bool negated = false;
	std::vector<std::string> parts, args; // parts are the opcode's, without what means nothing here
	std::string name() const;             // the parts, joined
};

struct Register {
	u32 slot = 0;
	u8 width = 0; // bytes, 0 for a predicate
};

// DYNAMIC is the address of external shared memory until that of the rest is known.
const u64 DYNAMIC = ~0ull;

struct Liveness;

class Parser {
public:
	Parser(Module& module, Context* owner, const std::string& text) : module(module), owner(owner), in(text) {}
	void parse();

	// For the decoders, of which each makes one instruction of a statement.
	Kernel* kernel = nullptr;
	std::unordered_map<std::string, Register> registers;
	std::vector<std::pair<int, std::string>> jumps; // instruction and label
	[[noreturn]] void bad(const std::string& what);
	// slot is where an operand of a width in bytes lies.
	u32 slot(const std::string& operand, int width);
	// result is slot for a register that is written; loose allows other widths.
	u32 result(const std::string& operand, int width);
	u32 loose(const std::string& operand, int width);
	int widthOf(const std::string& operand); // of a register, else -1
	u64 number(const std::string& s);
	// address decodes [register+offset] into a, mode and imm. mode is whether the register has 32 bits.
	void address(const std::string& operand, Ins& i);
	void access(int space, int bytes); // notes the size of an access for the shadows
	std::vector<std::string> list(const std::string& operand);
	void need(int sm, int version, const char* what);

private:
	Module& module;
	Context* owner;
	Tokens in;
	int line = 0;
	std::unordered_map<std::string, u64> symbols; // shared, local and parameters, in their spaces
	std::map<std::pair<int, u64>, u32> immediates;
	std::vector<Statement> body;
	std::map<std::string, int> labels;
	std::vector<int> instructionTracks; // of each statement, or -1

	void header();
	void version(const std::string& directive);
	void variable(bool top);
	void entry();
	void parameters();
	void scope();
	void registersOf();
	void pragma();
	void statement(Token first);
	void instruction(const Statement& s);
	void decode(Ins& i, const Statement& s);
	bool simple(Ins& i, const Statement& s);
	void finish();
	void place();
	void tracks(Liveness& l);
	u32 room(int width);
	u32 immediate(int width, u64 value);
	friend struct Liveness;
};

// bytesOf is the size of a type: f32, b64, f16x2; 0 for pred.
int bytesOf(const std::string& type);
// isResult says which operands of a statement are written.
bool isResult(const Statement& s, size_t arg);

// The decoders of what is more than a form.
typedef void (*Decoder)(Parser& p, Ins& i, const Statement& s);
Decoder moveDecoder(const std::string& base);
Decoder convertDecoder(const std::string& base);
Decoder memoryDecoder(const std::string& base);
Decoder matrixDecoder(const std::string& base);
Decoder warpDecoder(const std::string& base);
Decoder atomicDecoder(const std::string& base);
