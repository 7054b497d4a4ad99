// Warps and blocks while they run.
#pragma once
#include "counters.h"
#include "kernel.h"
#include "options.h"

struct Allocation;

// A Cell is the shadow of a few bytes of shared memory: who wrote and read them since
// when. Threads are numbered from 1.
struct Cell {
	u32 writeEpoch = 0;
	u16 writer = 0, writeStamp = 0;
	u32 readEpoch = 0, readLanes = 0; // lanes of readWarp
	u16 readStamp = 0;
	u8 readWarp = 0, inFlight = 0;
};

struct Block {
	const Kernel* kernel;
	u32 index[3], threads[3], grid[3]; // %ctaid, %ntid, %nctaid
	u32 serial = 0, launchBase = 0;    // of this block and of the launch's first, for races between blocks
	std::vector<char> shared;
	std::vector<Cell> cells;
	u32 epoch = 1; // barriers so far
	const char* params;
	Context* context;
	Stats stats;
	bool check;
};

// A Copy is a cp.async on its way.
struct Copy {
	int lane;
	u32 to;
	u64 from;
	u8 bytes, size; // bytes are copied, the rest of size is zero
};

// A Warp runs in lockstep as far as its lanes are at one place. Once they part, each has
// a place of its own, those furthest behind run, and lanes join where they meet.
struct Warp {
	char* regs;
	Block* block;
	int id;
	u32 m = ~0u;                       // lanes that execute the instruction
	u32 group = ~0u, alive = ~0u;      // lanes at pc, and those that have not ended
	int pc = 0, lanePc[32];
	bool diverged = false, atBarrier = false, done = false;
	const Ins* current = nullptr;
	u64 executed = 0;
	const Allocation* near = nullptr; // the last one used
	const u64* storeTo = nullptr;     // addresses of the store under way
	const Ins* madeNan = nullptr;     // the first that made a NaN of numbers
	bool narrowedNan = false;         // and whether one was converted to 16 bits since
	// The order of lanes: an access of lane a with a stamp below seen[b][a] is before what b does.
	u16 stamp = 1, allSeen = 1;
	u16 seen[32][32];
	std::vector<Copy> open;
	std::vector<std::vector<Copy>> groups;
	std::vector<char> local;
	std::vector<u8> localWritten;
	std::vector<u32> set; // masks of lanes that set the tracked registers
};

template <class T> INLINE T* R(Warp& w, u32 slot) { return (T*)(w.regs + slot); }

// where says which thread of which block is at which line.
std::string where(const Warp& w, int lane);
// converged checks that all lanes of mask execute the instruction.
void converged(const Warp& w, u32 mask);
// syncLanes orders what the lanes of mask did before what they do next.
void syncLanes(Warp& w, u32 mask);
// before tells whether what a lane did at a stamp is ordered before what lane does now.
INLINE bool before(const Warp& w, int other, u16 stamp, int lane) {
	return other == lane || stamp < w.allSeen || stamp < w.seen[lane][other];
}

void runBlock(Block& b);
// watched runs an instruction with its checks.
void watched(Warp& w, const Ins& i);
// checkNan reports a NaN that is written, if arithmetic of the warp has made one of
// numbers. Compilers compute ahead what is then not taken, so that one made is no fault.
void checkNan(Warp& w, int lane, u64 value, int bytes);
