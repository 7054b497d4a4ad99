package scheduler

import "math"

// The curves below are n sigmas from high down to low, without a final zero.

// karras is the schedule of Karras et al. (2022), equation 5: evenly spaced in
// σ^(1/ρ).
//
// https://arxiv.org/abs/2206.00364
func karras(low, high, rho float64, n int) []float64 {
	a, b := math.Pow(high, 1/rho), math.Pow(low, 1/rho)
	sigmas := make([]float64, n)
	for i := range sigmas {
		sigmas[i] = math.Pow(a+evenly(0, 1, i, n)*(b-a), rho)
	}
	return sigmas
}

// karrasRho is the exponent that the paper and everyone since uses.
const karrasRho = 7

// exponential is evenly spaced in log σ.
func exponential(low, high float64, n int) []float64 {
	a, b := math.Log(high), math.Log(low)
	sigmas := make([]float64, n)
	for i := range sigmas {
		sigmas[i] = math.Exp(evenly(a, b, i, n))
	}
	return sigmas
}

// polyexponential is evenly spaced in (log σ)^(1/ρ), measured from low: with ρ = 1
// it is exponential.
func polyexponential(low, high, rho float64, n int) []float64 {
	a, b := math.Log(high), math.Log(low)
	sigmas := make([]float64, n)
	for i := range sigmas {
		sigmas[i] = math.Exp(b + math.Pow(evenly(1, 0, i, n), rho)*(a-b))
	}
	return sigmas
}

// betaSigmas puts the quantiles of a Beta(0.6, 0.6) distribution between low and
// high, which crowds the levels at both ends. It is Stable Diffusion WebUI's and
// diffusers' reading of Lee et al. (2024); ComfyUI's spaces timesteps instead
// (see beta in [Config.ScheduleNamed]).
//
// https://arxiv.org/abs/2407.12173
func betaSigmas(low, high float64, n int) []float64 {
	sigmas := make([]float64, n)
	for i := range sigmas {
		q := betaQuantile(1-evenly(0, 1, i, n), betaShape)
		sigmas[i] = low + float64(q*(high-low))
	}
	return sigmas
}

// betaShape is both parameters of the Beta distribution.
const betaShape = 0.6
