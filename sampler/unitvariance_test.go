package sampler_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
	"sdgo/scheduler"
)

// unitModel is the closed-form model on latents z of unit variance.
func unitModel(z []float64, timestep float64) []float64 {
	out := make([]float64, len(z))
	for i, v := range z {
		out[i] = v*0.3*math.Cos(timestep/1000*3) + 0.1*math.Sin(v)
	}
	return out
}

// unitTable is ᾱ with the level past its end.
type unitTable struct {
	alphaBar []float64
	final    float64
}

func (t unitTable) at(timestep int) float64 {
	if timestep < 0 {
		return t.final
	}
	return t.alphaBar[timestep]
}

// ddimUnit is DDIM as it is published, Song et al. (2020), equation 12, and as
// diffusers runs it: each step a fixed stride down in time.
func ddimUnit(z []float64, timesteps []float64, stride int, t unitTable, prediction string, eta float64, noise sampler.Noise) {
	fresh := make([]float32, len(z))
	for _, timestep := range timesteps {
		a, b := t.at(int(timestep)), t.at(int(timestep)-stride)
		out := unitModel(z, timestep)
		deviation := eta * math.Sqrt((1-b)/(1-a)*(1-a/b))
		if eta > 0 {
			noise(fresh)
		}
		for i := range z {
			clean, eps := (z[i]-math.Sqrt(1-a)*out[i])/math.Sqrt(a), out[i]
			if prediction == "v_prediction" {
				clean, eps = math.Sqrt(a)*z[i]-math.Sqrt(1-a)*out[i], math.Sqrt(a)*out[i]+math.Sqrt(1-a)*z[i]
			}
			z[i] = math.Sqrt(b)*clean + math.Sqrt(1-b-deviation*deviation)*eps + deviation*float64(fresh[i])
		}
	}
}

// plmsUnit is PNDM without Runge-Kutta as diffusers runs it, by the number of
// calls: the second call repeats the first step.
func plmsUnit(z []float64, timesteps []float64, stride int, t unitTable, prediction string) {
	var outputs [][]float64
	var start []float64
	for call, timestep := range timesteps {
		from, to := int(timestep), int(timestep)-stride
		out := unitModel(z, timestep)
		switch call {
		case 0:
			start = append([]float64(nil), z...)
			outputs = append(outputs, out)
		case 1:
			from, to = int(timestep)+stride, int(timestep)
			for i := range out {
				out[i] = (out[i] + outputs[0][i]) / 2
			}
			copy(z, start)
		default:
			outputs = append(outputs, out)
			if len(outputs) > 4 {
				outputs = outputs[1:]
			}
			mean := make([]float64, len(z))
			coefficients := map[int][]float64{2: {3. / 2, -1. / 2}, 3: {23. / 12, -16. / 12, 5. / 12}, 4: {55. / 24, -59. / 24, 37. / 24, -9. / 24}}[len(outputs)]
			for k, c := range coefficients {
				for i := range mean {
					mean[i] += c * outputs[len(outputs)-1-k][i]
				}
			}
			out = mean
		}
		a, b := t.at(from), t.at(to)
		for i := range z {
			eps := out[i]
			if prediction == "v_prediction" {
				eps = math.Sqrt(a)*out[i] + math.Sqrt(1-a)*z[i]
			}
			z[i] = math.Sqrt(b/a)*z[i] - (b-a)*eps/(a*math.Sqrt(1-b)+math.Sqrt(a*(1-a)*b))
		}
	}
}

// The samplers agree with the formulas at unit variance, for spacings whose steps
// do not join as for those whose steps do, whole and in part.
func TestUnitVarianceForm(t *testing.T) {
	for _, class := range []string{"DDIMScheduler", "PNDMScheduler"} {
		for _, spacing := range []string{"leading", "trailing", "linspace"} {
			for _, prediction := range []string{"epsilon", "v_prediction"} {
				for _, steps := range []int{1, 2, 3, 6, 7, 10, 13} {
					for _, strength := range []float64{1, 0.7} {
						t.Run(fmt.Sprintf("%s/%s/%s/%d/%g", class, spacing, prediction, steps, strength), func(t *testing.T) {
							config := fmt.Appendf(nil, `{"_class_name": %q, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
								"skip_prk_steps": true, "clip_sample": false, "set_alpha_to_one": false, "timestep_spacing": %q, "prediction_type": %q}`, class, spacing, prediction)
							c, err := scheduler.ParseConfig(config)
							require.NoError(t, err)
							s, err := c.Schedule(steps)
							require.NoError(t, err)
							s, err = s.Tail(strength)
							if steps == 1 && strength < 1 {
								require.ErrorContains(t, err, "leaves no step to run")
								return
							}
							require.NoError(t, err)
							eta := 0.0
							if class == "DDIMScheduler" && steps%2 == 1 {
								eta = 0.6
							}
							s.Solver.Eta = eta

							const largestStart = 2.
							z := []float64{1.3, -0.4, 0.05, -largestStart}
							x := make([]float32, len(z))
							for i, v := range z {
								x[i] = float32(v * math.Sqrt(1+s.Sigmas[0]*s.Sigmas[0]))
							}
							table := unitTable{alphaBar: c.AlphaBar()}
							table.final = table.alphaBar[0]
							stride := 1000 / steps
							if class == "DDIMScheduler" {
								ddimUnit(z, s.Timesteps, stride, table, prediction, eta, sampler.NewTorch(1).Normal)
							} else {
								plmsUnit(z, s.Timesteps, stride, table, prediction)
							}

							run, err := sampler.FromSolver(sampler.Solver(s.Solver))
							require.NoError(t, err)
							require.NoError(t, run.Sample(context.Background(), closedFormModel(s), x, s.Sigmas, sampler.NewTorch(1).Normal))
							for i, want := range z {
								assert.InDelta(t, want, float64(x[i])*s.FinalScale, trajectoryTolerance*math.Max(largest(z), largestStart))
							}
						})
					}
				}
			}
		}
	}
}

// pndmUnit is PNDM with its Runge-Kutta steps, as diffusers runs it, for noise
// predictions.
func pndmUnit(z []float64, timesteps []float64, stride int, t unitTable) {
	step := func(z, eps []float64, from, to int) []float64 {
		a, b := t.at(from), t.at(to)
		next := make([]float64, len(z))
		for i := range z {
			next[i] = math.Sqrt(b/a)*z[i] - (b-a)*eps[i]/(a*math.Sqrt(1-b)+math.Sqrt(a*(1-a)*b))
		}
		return next
	}
	weighted := func(outputs [][]float64, c ...float64) []float64 {
		sum := make([]float64, len(z))
		for k, w := range c {
			for i := range sum {
				sum[i] += w * outputs[k][i]
			}
		}
		return sum
	}
	var starts, four [][]float64 // outputs at the start of each step; of the step's four calls
	var start []float64
	for call, time := range timesteps {
		timestep := int(time)
		out := unitModel(z, time)
		if call >= 12 {
			starts = append(starts, out)
			n := len(starts)
			mean := weighted([][]float64{starts[n-1], starts[n-2], starts[n-3], starts[n-4]}, 55./24, -59./24, 37./24, -9./24)
			copy(z, step(z, mean, timestep, timestep-stride))
			continue
		}
		first := int(timesteps[call/4*4])
		four = append(four, out)
		switch call % 4 {
		case 0:
			four, start = [][]float64{out}, append([]float64(nil), z...)
			starts = append(starts, out)
			copy(z, step(start, out, first, timestep-stride/2))
		case 1:
			copy(z, step(start, out, first, timestep))
		case 2:
			copy(z, step(start, out, first, timestep-stride/2))
		case 3:
			copy(z, step(start, weighted(four, 1./6, 1./3, 1./3, 1./6), first, timestep))
		}
	}
}

// The same for the Runge-Kutta steps, for levels half a stride apart that the spacing has
// and for those that it misses.
func TestUnitVarianceRungeKutta(t *testing.T) {
	for _, spacing := range []string{"leading", "linspace", "trailing"} {
		for _, steps := range []int{4, 5, 9, 10, 30, 330} {
			config := fmt.Appendf(nil, `{"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "timestep_spacing": %q}`, spacing)
			c, err := scheduler.ParseConfig(config)
			require.NoError(t, err)
			s, err := c.Schedule(steps)
			require.NoError(t, err, "%s %d", spacing, steps)
			const largestStart = 2.
			z := []float64{1.3, -0.4, 0.05, -largestStart}
			x := make([]float32, len(z))
			for i, v := range z {
				x[i] = float32(v * math.Sqrt(1+s.Sigmas[0]*s.Sigmas[0]))
			}
			table := unitTable{alphaBar: c.AlphaBar()}
			table.final = table.alphaBar[0]
			pndmUnit(z, s.Timesteps, 1000/steps, table)
			run, err := sampler.FromSolver(sampler.Solver(s.Solver))
			require.NoError(t, err)
			require.NoError(t, run.Sample(context.Background(), closedFormModel(s), x, s.Sigmas, nil), "%s %d", spacing, steps)
			for i, want := range z {
				assert.InDelta(t, want, float64(x[i])*s.FinalScale, trajectoryTolerance*math.Max(largest(z), largestStart), "%s %d", spacing, steps)
			}
		}
	}
}
