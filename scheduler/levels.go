package scheduler

import (
	"fmt"
	"math"
)

// The functions below list the sigmas of a named schedule, without the final zero.

// betweenEnds is a curve between the ends of the training levels.
func betweenEnds(curve func(low, high float64, n int) []float64) func(*table, int) ([]float64, error) {
	return func(t *table, steps int) ([]float64, error) { return curve(t.min(), t.max(), steps), nil }
}

// normalLevels is k-diffusion's DiscreteSchedule.get_sigmas.
func normalLevels(t *table, steps int) ([]float64, error) {
	sigmas := make([]float64, steps)
	for i := range sigmas {
		sigmas[i] = t.logSigma(evenly(float64(len(t.sigmas)-1), 0, i, steps))
	}
	return sigmas, nil
}

func sgmUniformLevels(t *table, steps int) ([]float64, error) {
	sigmas, err := normalLevels(t, steps+1)
	return sigmas[:steps], err
}

func simpleLevels(t *table, steps int) ([]float64, error) {
	stride := float64(len(t.sigmas)) / float64(steps)
	sigmas := make([]float64, steps)
	for i := range sigmas {
		sigmas[i] = t.sigmas[len(t.sigmas)-1-int(float64(i)*stride)]
	}
	return sigmas, nil
}

func ddimUniformLevels(t *table, steps int) ([]float64, error) {
	stride := max(len(t.sigmas)/steps, 1)
	var sigmas []float64
	for i := 1 + (len(t.sigmas)-2)/stride*stride; i >= 1; i -= stride {
		sigmas = append(sigmas, t.sigmas[i])
	}
	if len(sigmas) == 0 {
		return nil, fmt.Errorf("scheduler: ddim_uniform: have one training level, want at least two")
	}
	return sigmas, nil
}

// betaTimeLevels is the beta schedule of Lee et al. (2024) as they have it, with
// timesteps at the quantiles of Beta(0.6, 0.6), rounded, and no timestep twice.
//
// https://arxiv.org/abs/2407.12173
func betaTimeLevels(t *table, steps int) ([]float64, error) {
	var sigmas []float64
	last := -1
	for i := range steps {
		q := betaQuantile(1-float64(i)/float64(steps), betaShape)
		timestep := int(math.RoundToEven(q * float64(len(t.sigmas)-1)))
		if timestep != last {
			sigmas = append(sigmas, t.sigmas[timestep])
		}
		last = timestep
	}
	return sigmas, nil
}

// klOptimal is the schedule that is optimal for Gaussian data: Sabour et al.
// (2024), equation 18.
//
// https://arxiv.org/abs/2404.14507
func klOptimal(low, high float64, n int) []float64 {
	sigmas := make([]float64, n)
	for i := range sigmas {
		sigmas[i] = math.Tan(evenly(math.Atan(high), math.Atan(low), i, n))
	}
	return sigmas
}

// klOptimalOpen goes on to the lowest level, and to no zero.
func klOptimalOpen(t *table, steps int) ([]float64, error) {
	return klOptimal(t.min(), t.max(), steps+1), nil
}

// The levels that Sabour et al. (2024) found for ten steps.
//
// https://research.nvidia.com/labs/toronto-ai/AlignYourSteps/
var (
	aysSD1  = []float64{14.6146412293, 6.4745760956, 3.8636745985, 2.6946151520, 1.8841921177, 1.3943805092, 0.9642583904, 0.6523686016, 0.3977456272, 0.1515232662, 0.0291671582}
	aysSDXL = []float64{14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769, 1.3405244945, 0.8620721141, 0.5550693289, 0.3798540708, 0.2332364134, 0.1114188177, 0.0291671582}
)

// alignYourSteps interpolates the levels in log σ to another number of steps. The
// last of them gives way to zero, so that ten steps are the published ones.
func alignYourSteps(levels []float64) func(*table, int) ([]float64, error) {
	return func(_ *table, steps int) ([]float64, error) { return logLinear(levels, steps+1)[:steps], nil }
}

// logLinear interpolates levels in log σ to another number of them.
func logLinear(levels []float64, n int) []float64 {
	sigmas := make([]float64, n)
	for i := range sigmas {
		at := evenly(0, float64(len(levels)-1), i, n)
		low := min(int(at), len(levels)-2)
		w := at - float64(low)
		sigmas[i] = math.Exp((1-w)*math.Log(levels[low]) + w*math.Log(levels[low+1]))
	}
	return sigmas
}

// thenZero interpolates levels in log σ to the number of steps: the lowest stays, and
// zero comes after it. Stable Diffusion WebUI's way with such tables.
func thenZero(levels []float64) func(*table, int) ([]float64, error) {
	return func(_ *table, steps int) ([]float64, error) { return logLinear(levels, steps), nil }
}

// lcmLevels are those of a latent consistency model that was distilled on 50
// levels.
func lcmLevels(t *table, steps int) ([]float64, error) {
	const original = 50
	if steps > original {
		return nil, fmt.Errorf("scheduler: lcm: steps: have %d, want at most %d", steps, original)
	}
	stride := len(t.sigmas) / original
	if stride < 1 {
		return nil, fmt.Errorf("scheduler: lcm: have %d training levels, want at least %d", len(t.sigmas), original)
	}
	sigmas := make([]float64, steps)
	for i := range sigmas {
		sigmas[i] = t.sigmas[(original-i*original/steps)*stride-1]
	}
	return sigmas, nil
}

// turboLevels are the first of SD-Turbo's ten.
func turboLevels(t *table, steps int) ([]float64, error) {
	const most = 10
	if steps > most {
		return nil, fmt.Errorf("scheduler: turbo: steps: have %d, want at most %d", steps, most)
	}
	stride := len(t.sigmas) / most
	if stride < 1 {
		return nil, fmt.Errorf("scheduler: turbo: have %d training levels, want at least %d", len(t.sigmas), most)
	}
	sigmas := make([]float64, steps)
	for i := range sigmas {
		sigmas[i] = t.sigmas[(most-i)*stride-1]
	}
	return sigmas, nil
}

// vpLevels is the continuous schedule of Song et al. (2021), with k-diffusion's
// constants.
//
// https://arxiv.org/abs/2011.13456
func vpLevels(_ *table, steps int) ([]float64, error) {
	const betaD, betaMin, epsilon = 19.9, 0.1, 1e-3
	sigmas := make([]float64, steps)
	for i := range sigmas {
		t := evenly(1, epsilon, i, steps)
		sigmas[i] = math.Sqrt(math.Expm1(betaD*t*t/2 + betaMin*t))
	}
	return sigmas, nil
}

// laplace has log σ at the quantiles of a Laplace distribution of mean 0 and scale
// 1/2, within the ends: Hang et al. (2024). ComfyUI's node repeats the ends where the
// distribution reaches beyond them, and ends at the lowest level.
//
// https://arxiv.org/abs/2407.03297
func laplace(low, high float64, n int) []float64 {
	const mean, width, epsilon = 0, 0.5, 1e-5 // epsilon keeps the ends finite
	var sigmas []float64
	for i := range n {
		x := 0.5 - evenly(0, 1, i, n)
		side := 0.0
		if x != 0 {
			side = math.Copysign(1, x)
		}
		sigma := math.Exp(mean - width*side*math.Log(1-2*math.Abs(x)+epsilon))
		sigma = math.Min(math.Max(sigma, low), high)
		if i == 0 || sigma < sigmas[len(sigmas)-1] { // many steps reach an end more than once
			sigmas = append(sigmas, sigma)
		}
	}
	return sigmas
}

// smoothstepLevels has its timesteps where a cubic without slope at its ends puts
// them, rounded.
func smoothstepLevels(t *table, steps int) ([]float64, error) {
	var sigmas []float64
	for i := range steps {
		u := 1 - float64(i)/float64(steps)
		sigma := t.sigmas[int(math.Round(u*u*(3-2*u)*float64(len(t.sigmas)-1)))]
		if i == 0 || sigma < sigmas[len(sigmas)-1] { // many steps round to one level
			sigmas = append(sigmas, sigma)
		}
	}
	return sigmas, nil
}

// bongTangent is RES4LYF's schedule: an arctangent from the highest level to the
// middle of both, and another one on to the lowest, each steepest at 3/5 of the steps.
// stable-diffusion.cpp, which is followed here, takes the ends of the model for its
// ends, and puts zero in the place of the last level.
//
// https://github.com/ClownsharkBatwing/RES4LYF
func bongTangent(low, high float64, n int) []float64 {
	points := n + 2
	first := points * 3 / 5 // points on the first curve, with the middle
	slope := 0.2 / (float64(points) / 40)
	middle := low + (high-low)/2
	sigmas := arctangent(high, middle, slope, float64(first), first)
	sigmas = append(sigmas[:len(sigmas)-1], arctangent(middle, low, slope, 0, points-first)...)
	return sigmas[:n]
}

// arctangent lists n values from start to end on an arctangent of the index, whose
// steepest point has the index pivot.
func arctangent(start, end, slope, pivot float64, n int) []float64 {
	values := make([]float64, n)
	at := func(i int) float64 { return math.Atan(slope * (pivot - float64(i))) }
	for i := range values {
		values[i] = start
		if n > 1 {
			values[i] = end + (start-end)*(at(i)-at(n-1))/(at(0)-at(n-1))
		}
	}
	return values
}

// karrasExponential is Stable Diffusion WebUI's: Karras levels from 1.1 times the
// highest level, with a share of exponential ones that falls from 0.3 to 0 on the way
// to the zero, which is then left out, so that there is one step less; levels below
// 1.5 times the lowest are lowered by a tenth.
func karrasExponential(t *table, steps int) ([]float64, error) {
	if steps < 2 {
		return nil, fmt.Errorf("scheduler: karras_exponential: steps: have %d, want at least 2, as it has one step less", steps)
	}
	low, high := t.min(), t.max()*1.1
	sigmas, straight := karras(low, high, karrasRho, steps), exponential(low, high, steps)
	for i := range sigmas {
		w := 0.3 * (1 - float64(i)/float64(steps))
		sigmas[i] = (1-w)*sigmas[i] + w*straight[i]
		if sigmas[i] < 1.5*low {
			sigmas[i] *= 0.9
		}
	}
	return sigmas, nil
}

// linearQuadraticLevels is ComfyUI's reading of the schedule of Genmo's Mochi: the
// first half of the steps takes σ down by 2.5 % of its largest value, evenly, the
// second half the rest, quadratically and without a kink.
func linearQuadraticLevels(t *table, steps int) ([]float64, error) {
	const threshold = 0.025
	if steps == 1 {
		return []float64{t.max()}, nil
	}
	linear := float64(steps / 2)
	quadratic := float64(steps) - linear
	rest := linear - threshold*float64(steps)
	a := rest / (linear * quadratic * quadratic)
	b := threshold/linear - 2*rest/(quadratic*quadratic)
	sigmas := make([]float64, steps)
	for i := range sigmas {
		done := float64(i) * threshold / linear
		if x := float64(i); x >= linear {
			done = a*x*x + b*x + a*linear*linear
		}
		sigmas[i] = t.max() * (1 - done)
	}
	return sigmas, nil
}
