// A kernel as it is executed: decoded instructions whose operands are offsets into the
// registers of a warp.
#pragma once
#include "base.h"
#include <map>
#include <memory>
#include <vector>

struct Warp;
struct Ins;
struct Context;
typedef void (*Handler)(Warp&, const Ins&);

enum Kind : u8 { OP, LABEL, BRANCH, EXIT, BARRIER };
enum Space : u8 { PARAM = 1, GLOBAL, SHARED, LOCAL, CONST, GENERIC };

// What is looked at around an instruction while checks are on.
enum Watch : u8 { WATCH_NAN32 = 1, WATCH_NAN64 = 2, WATCH_HALF = 4, WATCH_BFLOAT = 8, WATCH_TRACKED = 16, WATCH_NARROWED = 32 };

// An Ins is one instruction. A slot is the offset of a register: 32 numbers for general
// registers, one mask for predicates. Slot 0 is none.
struct Ins {
	Handler run = nullptr;
	u32 d = 0, a = 0, b = 0, c = 0, e = 0; // slots of the result and of the operands
	u32 x[14] = {};                         // slots of lists
	u32 guard = 0;                          // slot of the predicate
	bool negated = false, sign = false;
	Kind kind = OP;
	u8 n = 1;              // elements of a list
	u8 size = 4, width = 4; // bytes of an element in memory, in a register
	u8 mode = 0, space = 0, watch = 0;
	i64 imm = 0;
	u64 (*change)(u64 old, u64 a, u64 b) = nullptr; // of an atomic operation
	int target = -1;                                // of a branch
	int line = 0;    // of the PTX
	int tracked = -1;
};

// A Tracked says which registers that may be unset an instruction reads and sets.
struct Tracked {
	std::vector<int> reads, sets; // indices of masks of lanes
	int guard = -1;
	bool copies = false;  // the result is as unset as the operands
	bool selects = false; // as unset as the operand that is taken; reads are these two and the predicate, -1 for none
};

struct Param {
	std::string name;
	int offset, size;
};

// A Constant is a slot that is filled before a warp runs.
struct Constant {
	u32 slot;
	int width;
	u64 value;
};

// Bytes of shared memory that the system keeps of each block, from 8.0 on.
const u32 RESERVED_SHARED = 1024;

struct Kernel {
	std::string name;
	std::vector<Ins> code;
	std::vector<std::string> text; // of each instruction
	std::vector<Tracked> tracked;
	std::vector<std::string> trackedNames;
	u32 regBytes = 64;
	std::vector<Constant> constants;
	std::map<std::string, u32> specials; // %tid.x and the like
	std::vector<Param> params;
	int paramBytes = 0, maxThreads = 1024;
	u32 sharedBytes = 0, localBytes = 0, dynamicBytes = 48 << 10; // dynamicBytes is the most that a launch may ask for
	u32 sharedBase = 0; // its first address: a device of 8.0 or later keeps what is before it
	bool dynamic = false;
	// The least access to shared and global memory, as a power of two: shadows are as fine.
	int sharedShift = 4, globalShift = 4;
};

struct Variable {
	u64 address, bytes;
};

struct Module {
	std::map<std::string, std::shared_ptr<Kernel>> kernels;
	std::map<std::string, Variable> variables;
	int sm = 0, version = 0; // 81 for PTX 8.1
};

// Where the spaces lie among generic addresses.
const u64 SHARED_WINDOW = 0x7f00000000000000ull, LOCAL_WINDOW = 0x7f10000000000000ull, PARAM_WINDOW = 0x7f20000000000000ull;
