// Queues. A stream does nothing until somebody waits for it, which is the worst timing
// that CUDA allows: a buffer of the host that is changed or read too early gives wrong
// bytes always, not once a month.
#include "context.h"

CUstream streamOf(CUstream s) {
	CUcontext c = current();
	if (!s || s == CU_STREAM_LEGACY) return &c->ordinary;
	return c->streams.count(s) ? s : nullptr;
}

CUresult enqueue(CUstream s, Task t) {
	if (s->capture) {
		s->capture->tasks.push_back(std::move(t));
		return CUDA_SUCCESS;
	}
	// The ordinary stream and those that are not CU_STREAM_NON_BLOCKING wait for each other.
	CUcontext c = current();
	if (s == &c->ordinary) {
		if (CUresult r = spoilBlocking(c)) return r;
		drainBlocking(c);
	} else if (s->flags == 0)
		drain(&c->ordinary);
	s->queue.push_back(std::move(t));
	s->queued++;
	return CUDA_SUCCESS;
}

void runOne(CUstream s) {
	Task t = std::move(s->queue.front());
	s->queue.pop_front();
	t();
	s->done++;
}

void runTo(CUstream s, u64 ticket) {
	while (s->done < ticket && !s->queue.empty()) runOne(s);
}

void drain(CUstream s) { runTo(s, s->queued); }

void drainBlocking(CUcontext c) {
	for (CUstream s : c->streams)
		if (s->flags == 0 && !s->capture) drain(s);
	drain(&c->ordinary);
}

void drainAll(CUcontext c) {
	drain(&c->ordinary);
	std::vector<CUstream> order(c->streams.begin(), c->streams.end());
	if (options.order) std::reverse(order.begin(), order.end());
	for (CUstream s : order) drain(s);
}

CUresult spoil(CUcontext c) {
	if (!c) return CUDA_SUCCESS;
	bool any = false;
	for (CUstream s : c->streams) {
		if (!s->capture) continue;
		bool mine = s->capturer == std::this_thread::get_id();
		if (s->mode == CU_STREAM_CAPTURE_MODE_RELAXED || (s->mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL && !mine)) continue;
		any = s->spoiled = true;
	}
	return any ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

CUresult spoilBlocking(CUcontext c) {
	for (CUstream s : c->streams)
		if (s->capture && s->flags == 0) return spoil(c);
	return CUDA_SUCCESS;
}

CUresult spoilAll(CUcontext c) {
	bool any = false;
	for (CUstream s : c->streams)
		if (s->capture) any = s->spoiled = true;
	return any ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}
