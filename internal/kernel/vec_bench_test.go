package kernel

import (
	"fmt"
	"testing"
	"time"
)

// benchBytes reports the rate at which one core reads and writes, from the
// fastest run of each task: on a machine with other work the mean says little.
func benchBytes(b *testing.B, elements int, phases ...Phase) {
	benchEveryISA(b, func(b *testing.B) {
		best := make([][]time.Duration, len(phases))
		for b.Loop() {
			for i, p := range phases {
				if best[i] == nil {
					best[i] = make([]time.Duration, p.Tasks)
				}
				scratch := make([]float32, p.Scratch)
				for task := range p.Tasks {
					start := time.Now()
					p.Run(task, scratch)
					if took := time.Since(start); best[i][task] == 0 || took < best[i][task] {
						best[i][task] = took
					}
				}
			}
		}
		var sum time.Duration
		tasks := 0
		for _, times := range best {
			for _, t := range times {
				sum += t
			}
			tasks += len(times)
		}
		b.ReportMetric(4*float64(elements)/sum.Seconds()/1e9, "GB/s/core")
		b.ReportMetric(sum.Seconds()*1e3/float64(tasks), "ms/task")
	})
}

// benchEveryISA includes the plain code.
func benchEveryISA(b *testing.B, run func(b *testing.B)) {
	for s := range bestISA() + 1 {
		b.Run(s.String(), func(b *testing.B) { withISA(s, func() { run(b) }) })
	}
}

var benchNorms = []NormShape{
	{N: 2, Pixels: 4096, C: 320, Groups: 32},
	{N: 2, Pixels: 1024, C: 640, Groups: 32},
	{N: 1, Pixels: 262144, C: 128, Groups: 32}, // the decoder's last block
}

func (s NormShape) String() string { return fmt.Sprintf("%dx%dx%d", s.N, s.Pixels, s.C) }

// BenchmarkNorm counts two reads and a write for a group norm.
func BenchmarkNorm(b *testing.B) {
	for _, s := range benchNorms {
		n := s.N * s.Pixels * s.C
		x, out := randoms(benchRNG, n), make([]float32, n)
		gamma, beta, work := randoms(benchRNG, s.C), randoms(benchRNG, s.C), make([]float32, GroupNormWork(s))
		norm := func(act Activation) []Phase { return GroupNorm(out, x, s, gamma, beta, 1e-5, act, work) }
		b.Run(fmt.Sprintf("group/%v", s), func(b *testing.B) { benchBytes(b, 3*n, norm(None)...) })
		b.Run(fmt.Sprintf("group+silu/%v", s), func(b *testing.B) { benchBytes(b, 3*n, norm(SiLU)...) })
		b.Run(fmt.Sprintf("layer/%v", s), func(b *testing.B) {
			benchBytes(b, 2*n, LayerNorm(out, x, s.N*s.Pixels, s.C, gamma, beta, 1e-5))
		})
	}
}

func BenchmarkElementwise(b *testing.B) {
	for _, s := range benchNorms {
		n := s.N * s.Pixels * s.C
		x, y, out := randoms(benchRNG, n), randoms(benchRNG, n), make([]float32, n)
		for _, bb := range []struct {
			name   string
			floats int // read and written
			phase  Phase
		}{
			{"silu", 2 * n, Apply(out, x, SiLU)},
			{"gelu", 2 * n, Apply(out, x, GELU)},
			{"quickgelu", 2 * n, Apply(out, x, QuickGELU)},
			{"geglu", 3 * n / 2, GEGLU(out, x, s.N*s.Pixels, s.C/2)},
			{"add", 3 * n, Add(out, x, y)},
			{"addperchannel", 2 * n, AddPerChannel(out, x, y, s.N, s.Pixels, s.C)},
			{"concat", 2 * n, Concat(out, s.N*s.Pixels, x, s.C/2, y, s.C/2)},
		} {
			b.Run(fmt.Sprintf("%s/%v", bb.name, s), func(b *testing.B) { benchBytes(b, bb.floats, bb.phase) })
		}
	}
}

// BenchmarkSoftmaxColumns is the softmax of attention, on scores in the cache.
func BenchmarkSoftmaxColumns(b *testing.B) {
	for _, keys := range []int{77, keyTile} {
		scores := make([]float32, keys*panel)
		most, sum, rescale := make([]float32, panel), make([]float32, panel), make([]float32, panel)
		run := func(b *testing.B, softmax func(s []float32, keys int, most, sum, rescale []float32)) {
			for b.Loop() {
				softmax(scores, keys, most, sum, rescale)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*keys*panel/lanes), "ns/vector")
		}
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			benchEveryISA(b, func(b *testing.B) { run(b, softmaxColumns) })
		})
	}
}
