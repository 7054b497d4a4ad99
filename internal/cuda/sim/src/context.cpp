// Contexts, injected faults, and the state after an error.
#include "context.h"
#include "memory.h"

std::recursive_mutex lock;
std::string lastFault;
std::set<CUcontext> contexts;
bool lost, initialised;
CUresult broken;
static thread_local std::vector<CUcontext> stack;

CUcontext current() { return stack.empty() || !contexts.count(stack.back()) ? nullptr : stack.back(); }
void push(CUcontext c) { stack.push_back(c); }
CUcontext pop() {
	CUcontext c = current();
	if (!stack.empty()) stack.pop_back();
	return c;
}
void setCurrent(CUcontext c) {
	if (!stack.empty()) stack.pop_back();
	if (c) stack.push_back(c);
}

void destroyContext(CUcontext c) {
	if (!broken) try { drainAll(c); } catch (Fault& f) { broke(f); }
	for (CUstream s : c->streams) delete s;
	for (CUevent e : c->events) delete e;
	for (CUfunction f : c->functions) delete f;
	for (CUmodule m : c->modules) delete m;
	for (CUgraph g : c->graphs) delete g;
	for (CUgraphExec e : c->executables) delete e;
	for (auto& p : c->pinned) free((void*)p.first);
	releaseAll(c);
	contexts.erase(c);
	delete c;
}

// fails counts the calls of a kind and tells whether this is the one to fail.
static bool fails(i64& countdown) { return countdown >= 0 && countdown-- == 0; }

// kills tells whether an error leaves the process unable to use CUDA. (An H100 gave 700 for
// a new context, too, after one had been destroyed for it.)
static bool kills(int code) {
	static const std::set<int> codes = {214, 220, 700, 702, 710, 714, 715, 716, 717, 718, 719};
	return codes.count(code);
}

static CUresult injected(int code) {
	if (options.failCode) code = (int)options.failCode;
	lastFault = format("injected: %s", errorName(code));
	if (kills(code)) broken = (CUresult)code;
	return (CUresult)code;
}

CUresult admit(int needs) {
	counters.calls++;
	if (fails(options.loseAfter)) lost = true;
	if (lost) {
		lastFault = "injected: the device is lost";
		return (CUresult)options.loseCode;
	}
	if (needs & INIT && !initialised) return CUDA_ERROR_NOT_INITIALIZED;
	if (needs & CONTEXT) {
		if (!current()) return CUDA_ERROR_INVALID_CONTEXT;
		if (broken) return broken;
	}
	if (needs & CONTEXT && fails(options.failCall)) return injected(CUDA_ERROR_UNKNOWN);
	if (needs & ALLOC && fails(options.failAlloc)) return injected(CUDA_ERROR_OUT_OF_MEMORY);
	if (needs & PINNED && fails(options.failPinned)) return injected(CUDA_ERROR_OUT_OF_MEMORY);
	if (needs & COPY && fails(options.failCopy)) return injected(CUDA_ERROR_LAUNCH_FAILED);
	if (needs & LAUNCH && fails(options.failLaunch)) return injected(CUDA_ERROR_LAUNCH_FAILED);
	if (needs & LOAD && fails(options.failLoad)) return injected(CUDA_ERROR_OUT_OF_MEMORY);
	if (needs & SYNC && fails(options.failSync)) return injected(CUDA_ERROR_LAUNCH_FAILED);
	return needs & NO_CAPTURE ? spoil(current()) : CUDA_SUCCESS;
}

CUresult broke(const Fault& f) {
	lastFault = f.what();
	if (!options.quiet) fprintf(stderr, "cuda sim: %s\n", f.what());
	if (kills(f.code)) {
		broken = (CUresult)f.code;
		for (CUcontext c : contexts) {
			c->ordinary.queue.clear();
			for (CUstream s : c->streams) s->queue.clear();
		}
	}
	return (CUresult)f.code;
}
