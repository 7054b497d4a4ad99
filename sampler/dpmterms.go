package sampler

import "math"

// dpmTerms are those of one step of the DPM-Solver family: x' = cx·x + a0·m + a1·D1 + a2·D2 + up·noise,
// a Taylor expansion in the estimate m and its derivatives D1 and D2, in units of
// the step.
type dpmTerms struct{ cx, a0, a1, a2, up float64 }

// dpmIntegrals integrates the terms exactly over a step of h in λ = −log σ, with
// r = σ'/σ = e^{−h}.
func dpmIntegrals(sigma, next float64, epsilon, sde bool) dpmTerms {
	r := next / sigma
	h := -math.Log(r)
	switch {
	case !epsilon && !sde:
		return dpmTerms{cx: r, a0: 1 - r, a1: 1 - (1-r)/h, a2: 0.5 - (r-1+h)/(h*h)}
	case !epsilon:
		g := (1 - r) * (1 + r)
		return dpmTerms{cx: r * r, a0: g, a1: 1 - g/(2*h), a2: (g-2*h)/(4*h*h) - 0.5, up: next * math.Sqrt(g)}
	}
	terms := dpmTerms{cx: 1, a0: next - sigma, a1: next - (sigma-next)/h, a2: 0.5*next - (sigma-next-next*h)/(h*h)}
	if sde {
		terms.a0, terms.a1, terms.up = 2*terms.a0, 2*terms.a1, math.Sqrt((sigma-next)*(sigma+next))
	}
	return terms
}
