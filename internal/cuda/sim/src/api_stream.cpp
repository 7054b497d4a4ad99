// Entry points: streams, events, capture and graphs.
#include "context.h"
#include <chrono>

static f64 seconds() { return std::chrono::duration<f64>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// waits makes a call that waits for a stream, which a capture forbids.
static CUresult waits(CUstream s) {
	if (!s) return CUDA_ERROR_INVALID_HANDLE;
	if (!s->capture) return CUDA_SUCCESS;
	s->spoiled = true;
	return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

static CUresult record(CUevent e, CUstream s) {
	e->recorded = true, e->done = false, e->captured = s->capture != nullptr;
	e->stream = s;
	if (s->capture) return CUDA_SUCCESS; // it marks a place among the captured tasks
	CUcontext c = s->context;
	CUresult r = enqueue(s, [=] {
		if (c->events.count(e)) e->at = seconds(), e->done = true;
	});
	e->ticket = s->queued;
	return r;
}

static bool alive(CUevent e) { return current()->events.count(e); }
static void await(CUevent e) {
	CUcontext c = current();
	if (e->done || !e->recorded) return;
	if (e->stream == &c->ordinary || c->streams.count(e->stream)) runTo(e->stream, e->ticket);
}

extern "C" {
CUresult cuStreamCreate(CUstream* s, unsigned flags) {
	return call(CONTEXT, [&] {
		*s = new CUstream_st;
		(*s)->context = current(), (*s)->flags = flags;
		current()->streams.insert(*s);
		return CUDA_SUCCESS;
	});
}
CUresult cuStreamCreateWithPriority(CUstream* s, unsigned flags, int) { return cuStreamCreate(s, flags); }
CUresult cuStreamDestroy(CUstream s) {
	return call(CONTEXT, [&] {
		if (!current()->streams.count(s)) return CUDA_ERROR_INVALID_HANDLE;
		drain(s);
		current()->streams.erase(s);
		delete s;
		return CUDA_SUCCESS;
	});
}
CUresult cuStreamGetFlags(CUstream s, unsigned* flags) {
	return call(CONTEXT, [&] {
		if (!(s = streamOf(s))) return CUDA_ERROR_INVALID_HANDLE;
		*flags = s->flags;
		return CUDA_SUCCESS;
	});
}
CUresult cuStreamSynchronize(CUstream s) {
	return call(CONTEXT | SYNC, [&] {
		CUresult r = waits(s = streamOf(s));
		if (r) return r;
		if (s == &current()->ordinary) drainBlocking(current());
		drain(s);
		return CUDA_SUCCESS;
	});
}
// A query lets one task run, so that who asks again and again is served.
CUresult cuStreamQuery(CUstream s) {
	return call(CONTEXT, [&] {
		CUresult r = waits(s = streamOf(s));
		if (r || s->queue.empty()) return r;
		runOne(s);
		return CUDA_ERROR_NOT_READY;
	});
}
CUresult cuStreamWaitEvent(CUstream s, CUevent e, unsigned) {
	return call(CONTEXT, [&] {
		if (!(s = streamOf(s)) || !alive(e)) return CUDA_ERROR_INVALID_HANDLE;
		if (e->captured || s->capture) return e->captured && s == e->stream ? CUDA_SUCCESS : waits(s);
		if (!e->recorded) return CUDA_SUCCESS;
		CUcontext c = current();
		CUstream other = e->stream;
		u64 ticket = e->ticket;
		return enqueue(s, [=] {
			if (other == &c->ordinary || c->streams.count(other)) runTo(other, ticket);
		});
	});
}
CUresult cuEventCreate(CUevent* e, unsigned flags) {
	return call(CONTEXT, [&] {
		*e = new CUevent_st;
		(*e)->timed = !(flags & CU_EVENT_DISABLE_TIMING);
		current()->events.insert(*e);
		return CUDA_SUCCESS;
	});
}
CUresult cuEventDestroy(CUevent e) {
	return call(CONTEXT, [&] {
		if (!current()->events.erase(e)) return CUDA_ERROR_INVALID_HANDLE;
		delete e;
		return CUDA_SUCCESS;
	});
}
CUresult cuEventRecord(CUevent e, CUstream s) {
	return call(CONTEXT, [&] {
		s = streamOf(s);
		return s && alive(e) ? record(e, s) : CUDA_ERROR_INVALID_HANDLE;
	});
}
CUresult cuEventSynchronize(CUevent e) {
	return call(CONTEXT | SYNC, [&] {
		if (!alive(e)) return CUDA_ERROR_INVALID_HANDLE;
		if (e->captured) return CUDA_ERROR_CAPTURED_EVENT;
		await(e);
		return CUDA_SUCCESS;
	});
}
CUresult cuEventQuery(CUevent e) {
	return call(CONTEXT, [&] {
		if (!alive(e)) return CUDA_ERROR_INVALID_HANDLE;
		if (e->captured) return CUDA_ERROR_INVALID_VALUE;
		if (e->done || !e->recorded) return CUDA_SUCCESS;
		if (!e->stream->queue.empty()) runOne(e->stream);
		return CUDA_ERROR_NOT_READY;
	});
}
CUresult cuEventElapsedTime(float* ms, CUevent a, CUevent b) {
	return call(CONTEXT, [&] {
		if (!alive(a) || !alive(b) || !a->timed || !b->timed || !a->recorded || !b->recorded) return CUDA_ERROR_INVALID_HANDLE;
		if (!a->done || !b->done) return CUDA_ERROR_NOT_READY;
		*ms = (f32)((b->at - a->at) * 1e3);
		return CUDA_SUCCESS;
	});
}

CUresult cuStreamBeginCapture(CUstream s, CUstreamCaptureMode mode) {
	return call(CONTEXT, [&] {
		if (!(s = streamOf(s))) return CUDA_ERROR_INVALID_HANDLE;
		if (s == &current()->ordinary) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
		if (s->capture) return CUDA_ERROR_ILLEGAL_STATE;
		s->capture = new CUgraph_st;
		s->mode = mode, s->capturer = std::this_thread::get_id(), s->spoiled = false;
		current()->graphs.insert(s->capture);
		return CUDA_SUCCESS;
	});
}
CUresult cuStreamEndCapture(CUstream s, CUgraph* g) {
	return call(CONTEXT, [&] {
		if (!(s = streamOf(s))) return CUDA_ERROR_INVALID_HANDLE;
		*g = nullptr;
		if (!s->capture) return CUDA_ERROR_ILLEGAL_STATE;
		if (s->mode != CU_STREAM_CAPTURE_MODE_RELAXED && s->capturer != std::this_thread::get_id()) return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
		CUgraph made = s->capture;
		s->capture = nullptr;
		if (!s->spoiled) return *g = made, CUDA_SUCCESS;
		current()->graphs.erase(made);
		delete made;
		return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
	});
}
CUresult cuStreamIsCapturing(CUstream s, CUstreamCaptureStatus* status) {
	return call(CONTEXT, [&] {
		if (!(s = streamOf(s))) return CUDA_ERROR_INVALID_HANDLE;
		*status = !s->capture ? CU_STREAM_CAPTURE_STATUS_NONE : s->spoiled ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
		return CUDA_SUCCESS;
	});
}
CUresult cuGraphInstantiateWithFlags(CUgraphExec* e, CUgraph g, unsigned long long) {
	return call(CONTEXT | LOAD, [&] {
		if (!current()->graphs.count(g)) return CUDA_ERROR_INVALID_VALUE;
		*e = new CUgraphExec_st{g->tasks};
		current()->executables.insert(*e);
		return CUDA_SUCCESS;
	});
}
CUresult cuGraphLaunch(CUgraphExec e, CUstream s) {
	return call(CONTEXT | LAUNCH, [&] {
		if (!(s = streamOf(s))) return CUDA_ERROR_INVALID_HANDLE;
		if (!current()->executables.count(e)) return CUDA_ERROR_INVALID_VALUE;
		counters.replays++;
		for (auto& t : e->tasks)
			if (CUresult r = enqueue(s, t)) return r;
		return CUDA_SUCCESS;
	});
}
CUresult cuGraphExecDestroy(CUgraphExec e) {
	return call(CONTEXT, [&] {
		if (!current()->executables.erase(e)) return CUDA_ERROR_INVALID_VALUE;
		delete e;
		return CUDA_SUCCESS;
	});
}
CUresult cuGraphDestroy(CUgraph g) {
	return call(CONTEXT, [&] {
		if (!current()->graphs.erase(g)) return CUDA_ERROR_INVALID_VALUE;
		delete g;
		return CUDA_SUCCESS;
	});
}
CUresult cuGraphGetNodes(CUgraph g, CUgraphNode*, size_t* n) {
	return call(CONTEXT, [&] {
		if (!current()->graphs.count(g)) return CUDA_ERROR_INVALID_VALUE;
		*n = g->tasks.size();
		return CUDA_SUCCESS;
	});
}
}
