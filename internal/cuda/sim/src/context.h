// What the driver keeps for a program: contexts, streams, events, graphs, modules.
#pragma once
#include <cuda.h>
#include "warp.h"
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

// A Task is work that was queued. It runs when somebody waits for it.
typedef std::function<void()> Task;

struct CUmod_st {
	Module module;
	std::map<std::string, CUfunc_st*> functions;
};
struct CUfunc_st {
	std::shared_ptr<Kernel> kernel; // nullptr once the module is unloaded
};
struct CUevent_st {
	CUstream stream = nullptr; // where it was last recorded
	u64 ticket = 0;            // and as which task
	f64 at = 0;                // seconds
	bool recorded = false, done = false, captured = false, timed = true;
};
struct CUgraph_st {
	std::vector<Task> tasks;
};
struct CUgraphExec_st {
	std::vector<Task> tasks;
};
struct CUstream_st {
	CUcontext context = nullptr;
	std::deque<Task> queue;
	u64 done = 0, queued = 0; // tasks so far
	unsigned flags = 0;
	CUgraph capture = nullptr; // while it records instead
	CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
	std::thread::id capturer;
	bool spoiled = false; // by a call that a capture does not allow
};
struct Context {};
struct CUctx_st : Context {
	int device = 0;
	CUstream_st ordinary; // the stream that NULL means
	std::set<CUstream> streams;
	std::set<CUevent> events;
	std::set<CUmodule> modules;
	std::set<CUfunction> functions;
	std::set<CUgraph> graphs;
	std::set<CUgraphExec> executables;
	std::map<u64, u64> pinned; // address to bytes
};

extern std::recursive_mutex lock;
extern std::string lastFault; // text of the last Fault
extern std::set<CUcontext> contexts;
extern bool lost;        // the device is
extern CUresult broken; // an error after which the process can make no more calls: contexts can be destroyed, no new one can be made

CUcontext current(); // of this thread, or nullptr
void setCurrent(CUcontext c);
void push(CUcontext c);
CUcontext pop();
void destroyContext(CUcontext c);

// What an entry point needs and which faults may be injected into it.
enum Needs { NOTHING = 0, INIT = 1, CONTEXT = 2, ALLOC = 4, PINNED = 8, COPY = 16, LAUNCH = 32, LOAD = 64, SYNC = 128, NO_CAPTURE = 256 };

// admit decides whether a call may go ahead.
CUresult admit(int needs);
// broke keeps a Fault for the context, and returns its code.
CUresult broke(const Fault& f);

// call runs an entry point.
template <class F> CUresult call(int needs, F body) {
	std::lock_guard<std::recursive_mutex> hold(lock);
	try {
		CUresult r = admit(needs);
		return r == CUDA_SUCCESS ? body() : r;
	} catch (Fault& f) {
		return broke(f);
	}
}

// Streams.
CUstream streamOf(CUstream s); // checks the handle, and maps NULL; nullptr if it is none
CUresult enqueue(CUstream s, Task t);
void runOne(CUstream s);
void runTo(CUstream s, u64 ticket);
void drain(CUstream s);
void drainBlocking(CUcontext c); // those that wait for the ordinary stream
void drainAll(CUcontext c);
// spoil marks the captures that a call breaks which may not be captured. It returns the call's error.
CUresult spoil(CUcontext c);
// spoilBlocking does so for the ordinary stream, which captures of streams that wait for it do not allow.
CUresult spoilBlocking(CUcontext c);
// spoilAll does so whatever the mode.
CUresult spoilAll(CUcontext c);

// Launch is a grid that is ready to run.
struct Launch {
	CUcontext context;
	CUfunction function;
	std::shared_ptr<Kernel> kernel;
	u32 grid[3], threads[3], dynamic;
	std::vector<char> params;
};
void runGrid(const Launch& l);
const char* errorName(int code);
const char* errorText(int code);
