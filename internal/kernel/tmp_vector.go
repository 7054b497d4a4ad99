package kernel

import "math"

func one(f func()) Phase { return Phase{Tasks: 1, Run: func(int, []float32) { f() }} }

func Apply(out, x []float32, act Activation) Phase {
	return one(func() { activate(out, x, act) })
}
func Add(out, a, b []float32) Phase {
	return one(func() {
		for i := range out {
			out[i] = a[i] + b[i]
		}
	})
}
func AddPerChannel(out, x, bias []float32, samples, pixels, c int) Phase {
	return one(func() {
		for i := range out {
			out[i] = x[i] + bias[i/(pixels*c)*c+i%c]
		}
	})
}
func GEGLU(out, x []float32, rows, inner int) Phase {
	return one(func() {
		for r := range rows {
			g := make([]float32, inner)
			activate(g, x[r*2*inner+inner:(r+1)*2*inner], GELU)
			for i := range inner {
				out[r*inner+i] = x[r*2*inner+i] * g[i]
			}
		}
	})
}

type NormShape struct{ N, Pixels, C, Groups int }

func GroupNormWork(s NormShape) int { return 0 }
func GroupNorm(out, x []float32, s NormShape, gamma, beta []float32, eps float64, act Activation, work []float32) []Phase {
	return []Phase{one(func() {
		gs := s.C / s.Groups
		for n := range s.N {
			for g := range s.Groups {
				var sum, sq float64
				for p := range s.Pixels {
					for c := range gs {
						v := float64(x[(n*s.Pixels+p)*s.C+g*gs+c])
						sum += v
					}
				}
				m := sum / float64(s.Pixels*gs)
				for p := range s.Pixels {
					for c := range gs {
						v := float64(x[(n*s.Pixels+p)*s.C+g*gs+c]) - m
						sq += v * v
					}
				}
				r := 1 / math.Sqrt(sq/float64(s.Pixels*gs)+eps)
				for p := range s.Pixels {
					for c := range gs {
						i := (n*s.Pixels+p)*s.C + g*gs + c
						out[i] = float32((float64(x[i])-m)*r)*gamma[g*gs+c] + beta[g*gs+c]
					}
				}
			}
		}
		activate(out, out, act)
	})}
}
func LayerNorm(out, x []float32, rows, d int, gamma, beta []float32, eps float64) Phase {
	return one(func() {
		for r := range rows {
			var sum, sq float64
			for _, v := range x[r*d : (r+1)*d] {
				sum += float64(v)
			}
			m := sum / float64(d)
			for _, v := range x[r*d : (r+1)*d] {
				sq += (float64(v) - m) * (float64(v) - m)
			}
			rs := 1 / math.Sqrt(sq/float64(d)+eps)
			for i := range d {
				out[r*d+i] = float32((float64(x[r*d+i])-m)*rs)*gamma[i] + beta[i]
			}
		}
	})
}
func Concat(out []float32, rows int, a []float32, ca int, b []float32, cb int) Phase {
	return one(func() {
		for r := range rows {
			copy(out[r*(ca+cb):], a[r*ca:(r+1)*ca])
			copy(out[r*(ca+cb)+ca:], b[r*cb:(r+1)*cb])
		}
	})
}
func ToChannelsLast(out, x []float32, n, c, pixels int) Phase {
	return one(func() {
		for i := range n {
			for ch := range c {
				for p := range pixels {
					out[(i*pixels+p)*c+ch] = x[(i*c+ch)*pixels+p]
				}
			}
		}
	})
}
func ToChannelsFirst(out, x []float32, n, c, pixels int) Phase {
	return one(func() {
		for i := range n {
			for ch := range c {
				for p := range pixels {
					out[(i*c+ch)*pixels+p] = x[(i*pixels+p)*c+ch]
				}
			}
		}
	})
}
func Upsample(out, x []float32, n, h, w, c, outH, outW int) Phase {
	return one(func() {
		for i := range n {
			for y := range outH {
				for xx := range outW {
					copy(out[((i*outH+y)*outW+xx)*c:][:c], x[((i*h+y*h/outH)*w+xx*w/outW)*c:][:c])
				}
			}
		}
	})
}
func Embed(out []float32, ids []float32, table []float32, rows, vocab, d int, pos []float32, tokens int) Phase {
	return one(func() {
		for r := range rows {
			for i := range d {
				out[r*d+i] = table[int(ids[r])*d+i]
				if pos != nil {
					out[r*d+i] += pos[r%tokens*d+i]
				}
			}
		}
	})
}
func Timesteps(out, t []float32, n, dim int, flip bool, shift float64, maxPeriod float64) Phase {
	return one(func() {
		half := dim / 2
		for i := range n {
			for j := range half {
				f := float32(math.Exp(float64(float32(-math.Log(maxPeriod)) * float32(j) / float32(float64(half)-shift))))
				s, c := math.Sincos(float64(t[i] * f))
				if flip {
					s, c = c, s
				}
				out[i*dim+j], out[i*dim+half+j] = float32(s), float32(c)
			}
		}
	})
}
func Gather(out, x []float32, rows []float32, n, tokens, d int) Phase {
	return one(func() {
		for i := range n {
			copy(out[i*d:(i+1)*d], x[(i*tokens+int(rows[i]))*d:])
		}
	})
}
