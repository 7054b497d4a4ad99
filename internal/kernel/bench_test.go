package kernel

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// parallel runs phases on GOMAXPROCS goroutines that live as long as the
// benchmark and spin between phases, as the engine's workers do.
type parallel struct {
	phase   *Phase
	scratch [][]float32
	best    [][]time.Duration // per phase, the fastest run of each task
	current int
	round   atomic.Int32 // counts phases; workers wait for it to change
	next    atomic.Int32 // the next task
	left    atomic.Int32 // workers still busy
	stop    bool
	done    sync.WaitGroup
}

func newParallel() *parallel {
	p := &parallel{scratch: make([][]float32, runtime.GOMAXPROCS(0))}
	for i := range len(p.scratch) - 1 {
		p.done.Go(func() {
			for seen := int32(0); ; {
				for p.round.Load() == seen {
				}
				seen++
				if p.stop {
					return
				}
				p.work(i + 1)
			}
		})
	}
	return p
}

func (p *parallel) work(i int) {
	for {
		task := int(p.next.Add(1)) - 1
		if task >= p.phase.Tasks {
			p.left.Add(-1)
			return
		}
		start := time.Now()
		p.phase.Run(task, p.scratch[i][:p.phase.Scratch])
		best := &p.best[p.current][task]
		*best = min(*best, time.Since(start))
	}
}

func (p *parallel) run(phases []Phase) {
	for i := range phases {
		p.phase, p.current = &phases[i], i
		if len(p.best) <= i {
			p.best = append(p.best, slices.Repeat([]time.Duration{time.Hour}, p.phase.Tasks))
		}
		for w := range p.scratch {
			if len(p.scratch[w]) < p.phase.Scratch {
				p.scratch[w] = make([]float32, p.phase.Scratch)
			}
		}
		p.next.Store(0)
		p.left.Store(int32(len(p.scratch)))
		p.round.Add(1)
		p.work(0)
		for p.left.Load() > 0 {
		}
	}
}

func (p *parallel) close() {
	p.stop = true
	p.round.Add(1)
	p.done.Wait()
}

// bench reports the rate of the fastest run, for on a machine with other work
// the mean says little, and the rate of one core without interruption: that of
// the fastest run of each task.
func bench(b *testing.B, flops float64, phases ...Phase) {
	p := newParallel()
	defer p.close()
	p.run(phases)
	best := time.Duration(1 << 62)
	for b.Loop() {
		start := time.Now()
		p.run(phases)
		best = min(best, time.Since(start))
	}
	tasks := time.Duration(0)
	for _, times := range p.best {
		for _, t := range times {
			tasks += t
		}
	}
	b.ReportMetric(flops/best.Seconds()/1e9, "GFLOP/s")
	b.ReportMetric(flops/tasks.Seconds()/1e9, "GFLOP/s/core")
	b.ReportMetric(best.Seconds()*1e3, "ms/best")
	b.ReportMetric(tasks.Seconds()*1e3/float64(p.tasks()), "ms/task")
}

func (p *parallel) tasks() (n int) {
	for _, times := range p.best {
		n += len(times)
	}
	return n
}

func benchEachISA(b *testing.B, run func(b *testing.B)) {
	for s := isaGeneric + 1; s <= bestISA(); s++ {
		b.Run(s.String(), func(b *testing.B) { withISA(s, func() { run(b) }) })
	}
}

var benchRNG = rand.New(rand.NewPCG(42, 43))

// BenchmarkTile is one core's peak: a tile whose operands stay in the
// first-level cache.
func BenchmarkTile(b *testing.B) {
	for _, k := range []int{40, 80, 160} {
		for _, rows := range []int{2, 4, 6, 8, 11, 12} {
			for _, narrow := range []bool{false, true} {
				b.Run(fmt.Sprintf("k=%d/rows=%d/narrow=%t", k, rows, narrow), func(b *testing.B) {
					benchEachISA(b, func(b *testing.B) {
						t := tile{a: randoms(benchRNG, tileRows*k), b: randoms(benchRNG, k*panel), c: make([]float32, tileRows*panel),
							offsets: make([]int32, tileRows), zero: make([]float32, k), taps: 1, k: k, ldc: panel, rows: rows, narrow: narrow}
						for i := range t.offsets {
							t.offsets[i] = int32(i * k)
						}
						const calls = 10000
						cols := panel
						if narrow {
							cols /= 2
						}
						best := time.Duration(1 << 62)
						for b.Loop() {
							start := time.Now()
							for range calls {
								multiply(&t)
							}
							best = min(best, time.Since(start))
						}
						b.ReportMetric(float64(2*rows*cols*k*calls)/best.Seconds()/1e9, "GFLOP/s")
					})
				})
			}
		}
	}
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range [][3]int{
		{8192, 320, 2560}, {2048, 640, 5120}, {512, 1280, 10240}, {4096, 320, 320}, {8192, 1280, 320},
		{512, 5120, 1280}, {128, 1280, 1280}, {154, 768, 320}, {154, 768, 3072}, {2, 320, 1280},
	} {
		m, k, n := s[0], s[1], s[2]
		a, out := randoms(benchRNG, m*k), make([]float32, m*n)
		ep := Epilogue{Bias: randoms(benchRNG, n)}
		weight := randoms(benchRNG, k*n)
		for _, format := range []Format{Float32, Float16, BFloat16, Int8} {
			b.Run(fmt.Sprintf("%dx%dx%d/%v", m, k, n, format), func(b *testing.B) {
				w := PackLinear(make([]float32, PackedLen(k, n, format)), weight, n, k, format)
				benchEachISA(b, func(b *testing.B) {
					bench(b, 2*float64(m)*float64(k)*float64(n), Gemm(out, a, m, w, ep))
				})
			})
		}
	}
}

// BenchmarkGated is the first linear layer of a feed-forward network.
func BenchmarkGated(b *testing.B) {
	for _, s := range [][3]int{{8192, 320, 2560}, {2048, 640, 5120}, {512, 1280, 10240}} {
		m, k, n := s[0], s[1], s[2]
		a, out := randoms(benchRNG, m*k), make([]float32, m*n/2)
		ep := Epilogue{Bias: randoms(benchRNG, n), Gated: true}
		weight := randoms(benchRNG, k*n)
		b.Run(fmt.Sprintf("%dx%dx%d", m, k, n), func(b *testing.B) {
			w := PackLinear(make([]float32, PackedLen(k, n, BFloat16)), weight, n, k, BFloat16)
			bench(b, 2*float64(m)*float64(k)*float64(n), Gemm(out, a, m, w, ep))
		})
	}
}

func BenchmarkConv2D(b *testing.B) {
	up := same(2, 32, 32, 640, 640, 3)
	up.H, up.W, up.UpH, up.UpW = 16, 16, 32, 32
	for _, s := range []ConvShape{
		same(2, 64, 64, 320, 320, 3), same(2, 32, 32, 640, 640, 3), same(2, 16, 16, 1280, 1280, 3), same(2, 8, 8, 1280, 1280, 3),
		{N: 2, H: 64, W: 64, InC: 320, OutC: 320, KH: 3, KW: 3, Stride: 2, PadTop: 1, PadLeft: 1, OutH: 32, OutW: 32}, up,
		same(2, 64, 64, 4, 320, 3), same(2, 64, 64, 320, 4, 3), same(1, 256, 256, 128, 128, 3), same(1, 256, 256, 128, 3, 3),
	} {
		b.Run(fmt.Sprintf("%d-%d@%d,stride=%d,up=%d", s.InC, s.OutC, s.H, s.Stride, s.UpH), func(b *testing.B) {
			x, weight := s.data(benchRNG)
			k := 9 * s.InC
			w := PackConv(make([]float32, PackedLen(k, s.OutC, Float32)), weight, s.OutC, s.InC, 3, 3, Float32)
			pixels := s.N * s.OutH * s.OutW
			out := make([]float32, pixels*s.OutC)
			ep := Epilogue{Bias: randoms(benchRNG, s.OutC), Residual: randoms(benchRNG, len(out))}
			benchEachISA(b, func(b *testing.B) {
				bench(b, 2*float64(pixels)*float64(k)*float64(s.OutC), Conv2D(out, x, s, w, ep)...)
			})
		})
	}
}

func BenchmarkAttention(b *testing.B) {
	for _, s := range []AttentionShape{
		dense(1, 8, 40, 4096, 4096, false), dense(1, 8, 80, 4096, 4096, false), dense(1, 8, 160, 4096, 4096, false),
		dense(1, 8, 80, 1024, 1024, false), dense(1, 8, 160, 256, 256, false),
		dense(2, 8, 40, 4096, 77, false), dense(2, 8, 80, 1024, 77, false), dense(2, 8, 160, 256, 77, false), dense(2, 8, 160, 64, 77, false),
		dense(2, 8, 40, 1024, 1024, false), dense(2, 8, 40, 1024, 77, false),
		dense(2, 10, 64, 4096, 4096, false), dense(2, 20, 64, 1024, 77, false), dense(2, 12, 64, 77, 77, true), dense(1, 1, 512, 1024, 1024, false),
	} {
		b.Run(s.String(), func(b *testing.B) {
			q, k, v := s.data(benchRNG)
			run := func(b *testing.B, s AttentionShape) {
				out, work := make([]float32, len(q)), make([]float32, AttentionWork(s))
				flops := 4 * float64(s.Batch) * float64(s.Heads) * float64(s.HeadDim) * float64(s.Queries) * float64(s.Keys)
				bench(b, flops, Attention(out, q, k, v, s, work)...)
			}
			benchEachISA(b, func(b *testing.B) { run(b, s) })
			if bestDots().bf16 {
				s.RoundOut, s.RoundedK, s.RoundedV = true, true, true
				k, v = narrow(k), narrow(v)
				b.Run("bf16", func(b *testing.B) { run(b, s.rounded()) })
			}
		})
	}
}

// BenchmarkWinograd counts the operations of the direct convolution.
func BenchmarkWinograd(b *testing.B) {
	for _, s := range []ConvShape{
		same(2, 64, 64, 320, 320, 3), same(2, 32, 32, 640, 640, 3), same(2, 16, 16, 1280, 1280, 3), same(2, 8, 8, 1280, 1280, 3), same(1, 256, 256, 128, 128, 3), same(1, 128, 128, 512, 512, 3),
	} {
		b.Run(fmt.Sprintf("%d-%d@%d", s.InC, s.OutC, s.H), func(b *testing.B) {
			x, weight := s.data(benchRNG)
			w := PackConv(make([]float32, PackedLen(9*s.InC, s.OutC, Float32)), weight, s.OutC, s.InC, 3, 3, Float32)
			pixels := s.N * s.OutH * s.OutW
			out, work := make([]float32, pixels*s.OutC), make([]float32, WinogradWork(s))
			ep := Epilogue{Bias: randoms(benchRNG, s.OutC), Residual: randoms(benchRNG, len(out))}
			benchEachISA(b, func(b *testing.B) {
				bench(b, 2*float64(pixels)*float64(9*s.InC)*float64(s.OutC), Winograd(out, x, s, w, ep, work)...)
			})
		})
	}
}

// BenchmarkPack reports the rate at which weights are read when a model loads.
func BenchmarkPack(b *testing.B) {
	const n = 1280
	w := randoms(benchRNG, n*n*9)
	dst := make([]float32, PackedLen(9*n, n, Float32))
	for _, p := range []struct {
		name string
		size int64
		run  func()
	}{
		{"linear", n * n, func() { PackLinear(dst, w, n, n, Float32) }},
		{"conv", n * n * 9, func() { PackConv(dst, w, n, n, 3, 3, Float32) }},
		{"conv, float16", n * n * 9, func() { PackConv(dst, w, n, n, 3, 3, Float16) }},
	} {
		b.Run(p.name, func(b *testing.B) {
			b.SetBytes(4 * p.size)
			for b.Loop() {
				p.run()
			}
		})
	}
}
