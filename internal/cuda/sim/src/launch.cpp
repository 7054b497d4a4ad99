// Grids: their blocks run on as many threads as there are cores. The result does not
// depend on how many, and of several faults the one in the first block is reported.
#include "context.h"
#include "memory.h"
#include <atomic>
#include <condition_variable>
#include <ctime>

u64 ranked(u64 i, u64 n, u64 order);

// A Crew is the threads that help. They live as long as the process.
class Crew {
public:
	// run calls work on this thread and on n - 1 others, and returns when all have ended.
	void run(int n, const std::function<void()>& work) {
		std::unique_lock<std::mutex> hold(mutex);
		while (members < n - 1) std::thread(&Crew::serve, this).detach(), members++;
		job = &work, wanted = n - 1, busy = n - 1;
		start.notify_all();
		hold.unlock();
		work();
		hold.lock();
		end.wait(hold, [&] { return busy == 0; });
	}

private:
	std::mutex mutex;
	std::condition_variable start, end;
	const std::function<void()>* job = nullptr;
	int members = 0, wanted = 0, busy = 0;

	void serve() {
		std::unique_lock<std::mutex> hold(mutex);
		for (;;) {
			start.wait(hold, [&] { return wanted > 0; });
			wanted--;
			hold.unlock();
			(*job)();
			hold.lock();
			if (--busy == 0) end.notify_one();
		}
	}
};

static u64 threadTime() {
	timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

// A Grid is a launch while it runs.
struct Grid {
	const Launch& launch;
	u64 total;
	u32 base;
	std::atomic<u64> next{0}, stop{~0ull}; // stop is the first block with a fault, in the order of running
	std::mutex mutex;
	std::unique_ptr<Fault> fault;
	Stats stats;

	explicit Grid(const Launch& l) : launch(l), total((u64)l.grid[0] * l.grid[1] * l.grid[2]), base(freshBlocks(total)) {}

	void work() {
		u64 from = threadTime();
		Block b;
		b.kernel = launch.kernel.get(), b.context = launch.context, b.params = launch.params.data(), b.check = options.check;
		memcpy(b.threads, launch.threads, sizeof b.threads), memcpy(b.grid, launch.grid, sizeof b.grid);
		b.launchBase = base;
		for (u64 i; (i = next++) < total && i < stop;) one(b, i);
		b.stats.nanoseconds = threadTime() - from;
		std::lock_guard<std::mutex> hold(mutex);
		stats.add(b.stats);
	}

	void one(Block& b, u64 i) {
		u64 at = ranked(i, total, options.order);
		b.index[0] = at % b.grid[0], b.index[1] = at / b.grid[0] % b.grid[1], b.index[2] = at / b.grid[0] / b.grid[1];
		b.serial = base + (u32)at, b.epoch = 1;
		u32 bytes = b.kernel->sharedBytes + launch.dynamic;
		b.shared.assign(bytes, (char)0xff);
		if (b.check) b.cells.assign((bytes >> b.kernel->sharedShift) + 1, Cell());
		b.stats.blocks++;
		try {
			runBlock(b);
		} catch (Fault& f) {
			std::lock_guard<std::mutex> hold(mutex);
			if (i < stop) stop = i, fault = std::make_unique<Fault>(f);
		}
	}
};

void runGrid(const Launch& l) {
	static Crew& crew = *new Crew; // its threads outlive the statics
	if (!l.function->kernel) fault(E_FAILED, "%s runs after its module was unloaded", l.kernel->name.c_str());
	Grid g(l);
	u64 threads = options.threads ? options.threads : std::max(1u, std::thread::hardware_concurrency());
	std::function<void()> work = [&] { g.work(); };
	crew.run((int)std::min<u64>(threads, g.total), work);
	g.stats.launches = 1;
	counters.launches++;
	kernelStats[l.kernel->name].add(g.stats);
	if (options.verbose) fprintf(stderr, "cuda sim: %s %u×%u×%u blocks, %.2f ms\n", l.kernel->name.c_str(), l.grid[0], l.grid[1], l.grid[2], g.stats.nanoseconds / 1e6);
	if (g.fault) throw *g.fault;
}
