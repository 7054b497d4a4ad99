// What tests alone call: options, counters, the text of the last fault.
#include "context.h"
#include "memory.h"

static u64 handles(size_t (*of)(CUcontext)) {
	u64 n = 0;
	for (CUcontext c : contexts) n += of(c);
	return n;
}

extern "C" {
// simSet sets an option; it returns 0 if there is none of that name.
int simSet(const char* name, i64 value) {
	std::lock_guard<std::recursive_mutex> hold(lock);
	return setOption(name, value);
}
// simReset sets all options back and clears the counters. Contexts and memory stay.
void simReset(void) {
	std::lock_guard<std::recursive_mutex> hold(lock);
	options = Options();
	counters = Counters();
	kernelStats.clear();
	lastFault.clear();
	lost = false;
	broken = CUDA_SUCCESS;
}
// simGet returns a counter, or -1 if there is none of that name.
i64 simGet(const char* name) {
	std::lock_guard<std::recursive_mutex> hold(lock);
	std::string s = name;
	if (s == "toDevice") return counters.toDevice;
	if (s == "toHost") return counters.toHost;
	if (s == "onDevice") return counters.onDevice;
	if (s == "launches") return counters.launches;
	if (s == "copies") return counters.copies;
	if (s == "calls") return counters.calls;
	if (s == "loads") return counters.loads;
	if (s == "replays") return counters.replays;
	if (s == "peakBytes") return counters.peakBytes;
	if (s == "liveBytes") return liveBytes();
	if (s == "liveAllocations") return liveAllocations();
	if (s == "livePinned") return handles([](CUcontext c) { return c->pinned.size(); });
	if (s == "liveContexts") return contexts.size();
	if (s == "liveStreams") return handles([](CUcontext c) { return c->streams.size(); });
	if (s == "liveEvents") return handles([](CUcontext c) { return c->events.size(); });
	if (s == "liveModules") return handles([](CUcontext c) { return c->modules.size(); });
	if (s == "liveGraphs") return handles([](CUcontext c) { return c->graphs.size() + c->executables.size(); });
	return -1;
}
// simKernel writes the name and the counters of kernel i, in the order of Stats. It returns 0 past the last.
int simKernel(int i, char* name, int size, u64* out) {
	std::lock_guard<std::recursive_mutex> hold(lock);
	if (i < 0 || (size_t)i >= kernelStats.size()) return 0;
	auto k = std::next(kernelStats.begin(), i);
	snprintf(name, size, "%s", k->first.c_str());
	memcpy(out, &k->second, sizeof k->second);
	return 1;
}
// simFault writes the text of the last fault.
void simFault(char* text, int size) {
	std::lock_guard<std::recursive_mutex> hold(lock);
	snprintf(text, size, "%s", lastFault.c_str());
}
// simForget says that bytes of the device have no value any more, for memory that a program hands on within one allocation.
int simForget(CUdeviceptr p, size_t n) {
	return call(CONTEXT, [&] {
		const Allocation* a = find(current(), p);
		if (!a || p + n > a->address + a->bytes) return CUDA_ERROR_INVALID_VALUE;
		CUcontext c = current();
		drainAll(c);
		memset((void*)p, 0xff, n);
		setWritten(a, p, n, false);
		return CUDA_SUCCESS;
	});
}
}
