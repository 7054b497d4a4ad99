package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"sdgo/sampler"
)

// point is the result of one run: what it cost and how far off it is.
type point struct {
	calls    int
	distance float64 // RMS over the latents
}

// curve is what one sampler reaches.
type curve struct {
	name   string
	points []point
}

// plot measures the samplers that add no noise against a reference and draws
// their errors.
func (l *lab) plot(ctx context.Context) (*canvas, error) {
	sigmas, err := l.positiveLevels(l.plotSteps[0])
	if err != nil {
		return nil, err
	}
	high, low := sigmas[0], sigmas[len(sigmas)-1]
	begin := time.Now()
	reference, err := l.run(ctx, "reference", sampler.DPMPP2M{}, karras(high, low, l.reference))
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(l.progress, "plot: reference of %d calls, %.1f s\n", reference.Timings.Calls, time.Since(begin).Seconds())

	var curves []curve
	for _, info := range l.samplers {
		if !deterministic(info) {
			continue
		}
		points, err := l.measure(ctx, info.Name, reference.Latents.Float32s())
		if err != nil {
			return nil, err
		}
		curves = append(curves, curve{info.Name, points})
		var b strings.Builder
		for _, p := range points {
			fmt.Fprintf(&b, ", %d calls %.2g", p.calls, p.distance)
		}
		fmt.Fprintf(l.progress, "plot: %s%s; order %.2f at the end\n", info.Name, b.String(), order(points))
	}
	return drawPlot(curves,
		"Distance to the exact solution: samplers that add no noise, on the demo model",
		fmt.Sprintf("%q, seed %d, guidance %g; %s levels from σ = %.4g to %.4g for all", l.prompt, l.seed, l.guidance, l.schedule, high, low),
		fmt.Sprintf("model calls (reference: DPM++ 2M, %d steps)", l.reference))
}

// measure runs a sampler with each number of steps.
func (l *lab) measure(ctx context.Context, name string, reference []float32) ([]point, error) {
	s, err := sampler.ByName(name)
	if err != nil {
		return nil, err
	}
	var points []point
	for _, steps := range l.plotSteps {
		sigmas, err := l.positiveLevels(steps)
		if err != nil {
			return nil, err
		}
		result, err := l.run(ctx, name, s, sigmas)
		if err != nil {
			return nil, err
		}
		p := point{result.Timings.Calls, distance(result.Latents.Float32s(), reference)}
		if len(points) > 0 && points[len(points)-1].calls == p.calls {
			continue // dpm_adaptive chooses its steps itself
		}
		points = append(points, p)
	}
	return points, nil
}

// distance is the root mean square of a − b.
func distance(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		d := float64(v) - float64(b[i])
		sum += d * d
	}
	return math.Sqrt(sum / float64(len(a)))
}

// karras lists levels evenly spaced in σ^(1/7), equation 5 of Karras et al. (2022).
//
// https://arxiv.org/abs/2206.00364
func karras(high, low float64, steps int) []float64 {
	sigmas := make([]float64, steps+1)
	for i := range sigmas {
		w := float64(i) / float64(steps)
		sigmas[i] = math.Pow((1-w)*math.Pow(high, 1./7)+w*math.Pow(low, 1./7), 7)
	}
	sigmas[0], sigmas[steps] = high, low
	return sigmas
}

// order is the negative slope of the line through the last two points, in logs.
func order(points []point) float64 {
	if len(points) < 2 {
		return math.NaN()
	}
	a, b := points[len(points)-2], points[len(points)-1]
	return -math.Log(b.distance/a.distance) / math.Log(float64(b.calls)/float64(a.calls))
}
