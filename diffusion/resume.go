package diffusion

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"sdgo/internal/identity"
	"sdgo/sampler"
	"sdgo/unet"
)

// resume makes steps the run that Options.Resume holds, if that was one of a call
// like this.
func (r *run) resume(steps *sampler.Run) error {
	start := steps.X
	saved, err := r.guide.restore(r.Resume)
	if err == nil {
		saved, err = r.keeper.restore(saved)
	}
	if err == nil {
		err = steps.Restore(saved)
	}
	if err == nil && !slices.Equal(steps.X, start) {
		err = &sampler.StateError{Msg: "have a run that began with other noise, latents or another image"}
	}
	if err != nil {
		return wrong("Resume", fmt.Errorf("diffusion: resume: %w", err))
	}
	r.progress.steps, r.progress.calls = steps.Done()
	return nil
}

// note keeps the digest of something that decides the picture, for a run that may be
// saved.
func (r *run) note(name string, data any) {
	if r.OnStep == nil && r.Resume == nil {
		return
	}
	if r.noted == nil {
		r.noted = map[string]string{}
	}
	r.noted[name] = digest(data)
}

// facts are what decides the latents of a run, beside its levels, its sampler and
// where it starts. A Wrap of the caller's cannot be told from another.
func (r *run) facts() map[string]string {
	s := r.schedule
	f := map[string]string{
		"task":         r.task.about().name,
		"size":         fmt.Sprintf("%d×%d", r.Width, r.Height),
		"images":       fmt.Sprint(r.Images),
		"seed":         fmt.Sprint(r.Seed),
		"clip skip":    fmt.Sprint(r.ClipSkip),
		"text encoder": digestOf(r.said[Cond], (*reads).numbers),
		"U-Net":        r.UNet.Fingerprint(),
		"schedule":     digest([]byte(fmt.Sprint(s.Prediction, s.InitNoiseSigma, s.FinalScale, s.Timesteps))),
		"guidance":     "off",
	}
	if r.guided() || r.distilled() {
		f["guidance"] = fmt.Sprint(r.Guidance)
	}
	if r.ImageGuidance != 0 {
		f["image guidance"] = fmt.Sprint(r.ImageGuidance)
	}
	if r.Guider != nil {
		f["guider"] = nameOf(r.Guider)
	}
	if r.guided() {
		f["guidance rescale"] = fmt.Sprint(r.GuidanceRescale)
		f["guidance interval"] = fmt.Sprint(r.GuidanceInterval)
	}
	if r.xl() {
		for _, c := range r.conditions {
			f["pooled text of "+string(c)] = digestOf(r.said[c], func(x *reads) []float32 { return x.pooled })
			f["framing of "+string(c)] = fmt.Sprint(r.timeIDs(c))
		}
	}
	if len(r.Adapters) > 0 {
		f["adapters"] = r.adapters.identity()
	}
	if r.TokenMerging.Ratio != 0 {
		f["token merging"] = fmt.Sprint(r.TokenMerging)
	}
	if r.FreeU != (unet.FreeU{}) {
		f["FreeU"] = fmt.Sprint(r.FreeU)
	}
	if r.Seamless != (unet.Seamless{}) {
		f["seamless"] = fmt.Sprint(r.Seamless)
	}
	if r.Windows.on() {
		f["windows"] = fmt.Sprint(r.Windows)
	}
	if r.BaseWeight != 0 {
		f["base weight"] = fmt.Sprint(r.BaseWeight)
	}
	if r.task.about().strength > 0 {
		f["strength"] = fmt.Sprint(r.Strength)
	}
	if r.DenoisingStart != 0 || r.DenoisingEnd != 0 {
		f["part of the run"] = fmt.Sprintf("%v to %v", r.DenoisingStart, r.DenoisingEnd)
	}
	maps.Copy(f, r.noted)
	return f
}

// nameOf tells a Guider from others.
func nameOf(g Guider) string {
	if s, ok := g.(fmt.Stringer); ok {
		return fmt.Sprintf("%T %s", g, s)
	}
	return identity.Of(g)
}

// digest is short for numbers or bytes.
func digest(data any) string {
	b, err := binary.Append(nil, binary.LittleEndian, data)
	if err != nil {
		panic(err) // a type without a size
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
