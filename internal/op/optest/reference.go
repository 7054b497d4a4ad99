package optest

import (
	"math"

	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// These are the operations in float64, as their definitions say.

func silu64(x float64) float64 { return x / (1 + math.Exp(-x)) }

func gelu64(x float64) float64 { return x * math.Erfc(-x/math.Sqrt2) / 2 }

func refLinear(in, out int) func([][]float64) []float64 {
	return func(a [][]float64) []float64 {
		x, w := a[0], a[1]
		var y []float64
		for r := 0; r < len(x); r += in {
			for o := range out {
				sum := 0.0
				if len(a) > 2 {
					sum = a[2][o]
				}
				for i := range in {
					sum += x[r+i] * w[o*in+i]
				}
				y = append(y, sum)
			}
		}
		return y
	}
}

func refConv(h, w, in, out, k, stride int, pad op.Padding) func([][]float64) []float64 {
	outH, outW := (h+pad.Top+pad.Bottom-k)/stride+1, (w+pad.Left+pad.Right-k)/stride+1
	return func(a [][]float64) []float64 {
		x, weight, bias := a[0], a[1], a[2]
		turned := make([]float64, len(weight)) // [tap in out]
		for i, v := range weight {
			o, c, tap := i/(in*k*k), i/(k*k)%in, i%(k*k)
			turned[(tap*in+c)*out+o] = v
		}
		n := len(x) / (h * w * in)
		y := make([]float64, n*outH*outW*out)
		for p := range n * outH * outW {
			s, oy, ox := p/(outH*outW), p/outW%outH, p%outW
			sum := y[p*out:][:out]
			copy(sum, bias)
			for tap := range k * k {
				iy, ix := oy*stride-pad.Top+tap/k, ox*stride-pad.Left+tap%k
				if pad.Wrap.Y {
					iy = (iy + h) % h
				}
				if pad.Wrap.X {
					ix = (ix + w) % w
				}
				outside := iy < 0 || iy >= h || ix < 0 || ix >= w
				for c := range in {
					v := 0.0
					if !outside {
						v = x[((s*h+iy)*w+ix)*in+c]
					}
					for o, weight := range turned[(tap*in+c)*out:][:out] {
						sum[o] += v * weight
					}
				}
			}
		}
		return y
	}
}

func refAttention(n, tq, tk, heads, dim int, causal bool) func([][]float64) []float64 {
	d := heads * dim
	return func(a [][]float64) []float64 {
		y := make([]float64, n*tq*d)
		for u := range n * heads * tq {
			s, h, i := u/(heads*tq), u/tq%heads, u%tq
			keys := tk
			if causal {
				keys = i + 1
			}
			p := make([]float64, keys)
			sum := 0.0
			for j := range p {
				for c := range dim {
					p[j] += a[0][(s*tq+i)*d+h*dim+c] * a[1][(s*tk+j)*d+h*dim+c]
				}
				p[j] = math.Exp(p[j] / math.Sqrt(float64(dim)))
				if len(a) > 3 { // a mask
					p[j] *= a[3][s*tk+j]
				}
				sum += p[j]
			}
			for j := range p {
				for c := range dim {
					y[(s*tq+i)*d+h*dim+c] += p[j] / sum * a[2][(s*tk+j)*d+h*dim+c]
				}
			}
		}
		return y
	}
}

func refNorm(s kernel.NormShape) func([][]float64) []float64 {
	const eps = 1e-5
	width := s.C / s.Groups
	return func(a [][]float64) []float64 {
		x := a[0]
		y := make([]float64, len(x))
		for g := range s.N * s.Groups {
			var at []int
			for p := range s.Pixels * width {
				at = append(at, (g/s.Groups*s.Pixels+p/width)*s.C+g%s.Groups*width+p%width)
			}
			var mean, variance float64
			for _, i := range at {
				mean += x[i] / float64(len(at))
			}
			for _, i := range at {
				variance += (x[i] - mean) * (x[i] - mean) / float64(len(at))
			}
			for _, i := range at {
				y[i] = (x[i]-mean)/math.Sqrt(variance+eps)*a[1][i%s.C] + a[2][i%s.C]
			}
		}
		return y
	}
}

func refGEGLU(rows, inner int) func([][]float64) []float64 {
	return func(a [][]float64) []float64 {
		var y []float64
		for r := range rows {
			for i := range inner {
				y = append(y, a[0][2*r*inner+i]*gelu64(a[0][(2*r+1)*inner+i]))
			}
		}
		return y
	}
}

// refTimesteps has the cosines first and a frequency shift of 1.
func refTimesteps(dim int) func([][]float64) []float64 {
	half := dim / 2
	return func(a [][]float64) []float64 {
		y := make([]float64, len(a[0])*dim)
		for r, t := range a[0] {
			for i := range half {
				f := math.Pow(10000, -float64(i)/float64(half-1))
				y[r*dim+i], y[r*dim+half+i] = math.Cos(t*f), math.Sin(t*f)
			}
		}
		return y
	}
}

// refEach computes each output from its index, as many as input 0 has.
func refEach(f func(in [][]float64, i int) float64) func([][]float64) []float64 {
	return func(in [][]float64) []float64 {
		y := make([]float64, len(in[0]))
		for i := range y {
			y[i] = f(in, i)
		}
		return y
	}
}

// refPick takes each of n outputs from a place of input 0, or is zero where that is
// negative.
func refPick(n int, from func(i int) int) func([][]float64) []float64 {
	return func(in [][]float64) []float64 {
		y := make([]float64, n)
		for i := range y {
			if at := from(i); at >= 0 {
				y[i] = in[0][at]
			}
		}
		return y
	}
}

func refConcat(a, b int) func([][]float64) []float64 {
	return func(in [][]float64) []float64 {
		var y []float64
		for r := range len(in[0]) / a {
			y = append(append(y, in[0][r*a:][:a]...), in[1][r*b:][:b]...)
		}
		return y
	}
}

func refEmbed(tokens, d int) func([][]float64) []float64 {
	return func(in [][]float64) []float64 {
		var y []float64
		for r, id := range in[0] {
			for i := range d {
				y = append(y, in[1][int(id)*d+i]+in[2][r%tokens*d+i])
			}
		}
		return y
	}
}

func refGather(tokens, d int) func([][]float64) []float64 {
	return func(in [][]float64) []float64 {
		var y []float64
		for s, row := range in[1] {
			y = append(y, in[0][(s*tokens+int(row))*d:][:d]...)
		}
		return y
	}
}

func refSum(pixels, c int) func([][]float64) []float64 {
	return func(in [][]float64) []float64 {
		y := make([]float64, len(in[0])/pixels)
		for i, v := range in[0] {
			y[i/(pixels*c)*c+i%c] += v
		}
		return y
	}
}

// refPool is the mean of windows of two by two pixels, as far as there are any.
func refPool(h, w, c int) func([][]float64) []float64 {
	return func(in [][]float64) []float64 {
		var y []float64
		for sample := range len(in[0]) / (h * w * c) {
			for oy := 0; oy < h; oy += 2 {
				for ox := 0; ox < w*c; ox++ {
					if x := ox / c; x%2 == 0 {
						sum, n := 0.0, 0.0
						for p := range 4 {
							if iy, ix := oy+p/2, x+p%2; iy < h && ix < w {
								sum += in[0][((sample*h+iy)*w+ix)*c+ox%c]
								n++
							}
						}
						y = append(y, sum/n)
					}
				}
			}
		}
		return y
	}
}
