package diffusion

import (
	"context"
	"fmt"

	"sdgo/internal/engine"
	"sdgo/internal/model"
	"sdgo/sampler"
	"sdgo/vae"
)

// What comes and goes in Go's heap counts twice: the collector lets the heap grow to
// double of what is in use.
const collected = 2

// latentArrays is how many arrays of the latents' size count: a run has up to eight of
// its own at once, for noise, the state, what network, guidance and denoiser return, and
// what samplers of several steps keep.
const latentArrays = 8 * collected

// claimMemory waits until the memory of the whole call is its own; see
// [LoadOptions].MaxMemory. Images are those that the call reads.
func (r *run) claimMemory(ctx context.Context, images ...*source) error {
	need, err := r.need(images)
	if err != nil {
		return fmt.Errorf("diffusion: %w", err)
	}
	if r.claim, err = model.Of(r.UNet).Claim(ctx, need); err != nil {
		return fmt.Errorf("diffusion: %w", err)
	}
	return r.keeper.alloc()
}

// in returns a ctx whose model runs belong to the call.
func (r *run) in(ctx context.Context) context.Context { return r.claim.With(ctx) }

// need is what the call takes of the memory.
func (r *run) need(images []*source) (n engine.Need, err error) {
	n.Caller = r.goroutine
	n.What = fmt.Sprintf("a picture of %d×%d pixels", r.Width, r.Height)
	if r.Images > 1 {
		n.What = fmt.Sprintf("%d pictures of %d×%d pixels", r.Images, r.Width, r.Height)
	}
	pixels := int64(r.Width) * int64(r.Height)
	n.Small = latentArrays*r.latentBytes() + int64(len(r.Resume)) + collected*r.own + r.regionBytes()
	if r.Output == OutputImage {
		n.Small += int64(r.Images) * 4 * pixels
	}
	if r.Output == OutputImage && r.decodeTile == 0 { // by tiles it is part of the turn
		n.Small += 4 * int64(r.VAE.Config.OutChannels) * int64(r.Height) * int64(r.decodedWidth())
	}
	for _, img := range images {
		// 8-bit pixels, the tensor, and that of a masked image or a mask.
		n.Small += collected * ((3+4*3+4*3+1)*pixels + img.resizing(r.Width, r.Height))
	}
	if r.Guider != nil { // what it keeps
		n.Small += collected * r.latentBytes()
	}
	n.Small += collected * r.scriptBytes()
	for _, c := range r.textConditions() {
		if given := r.wording(c, "").given; given != nil { // copied, and once more side by side
			n.Small += collected * 2 * 4 * int64(given.DataSize())
		}
		if pooled := r.wording(c, "").pooled; pooled != nil {
			n.Small += collected * 2 * 4 * int64(pooled.DataSize())
		}
	}
	n.Small += r.controls.small()
	n.Held = r.keeper.held() + r.controls.held()
	if n.Turn, err = r.largestTurn(len(images) > 0); err != nil {
		return n, err
	}
	small, turn, err := r.previewNeed()
	if err != nil {
		return n, err
	}
	n.Small, n.Turn = n.Small+small, max(n.Turn, turn)
	r.record = r.recordRoom(n)
	n.Small += r.record
	return n, nil
}

// latentBytes is the size of the latents of all images.
func (r *run) latentBytes() int64 {
	return 4 * int64(r.Images) * int64(r.VAE.Config.LatentChannels) * int64(r.h) * int64(r.w)
}

// largestTurn is the most bytes that a model takes while it runs. Models that were
// loaded alone have memory of their own, of which the U-Net's is claimed here; the others
// wait for theirs whenever they run.
func (r *run) largestTurn(encode bool) (most int64, err error) {
	add := func(n int64, e error) {
		most = max(most, n)
		if err == nil {
			err = e
		}
	}
	if r.keeper != nil {
		add(r.keeper.values())
	} else {
		for _, s := range r.shapes() {
			add(r.controls.on(s.on(r.net)).Values(s.texts, s.h, s.w, s.tokens))
		}
	}
	add(r.controls.turn())
	add(r.shown.turn())
	if r.ImageEncoder != nil && model.Of(r.ImageEncoder).Memory() == model.Of(r.UNet).Memory() {
		add(r.ImageEncoder.Values(1, 0))
	}
	add(r.Safety.turn(model.Of(r.UNet)))
	memory := model.Of(r.UNet).Memory()
	for _, text := range r.textStages() {
		if r.worded() && model.Of(text.encoder).Memory() == memory {
			add(text.values(r.ClipSkip))
		}
	}
	if model.Of(r.VAE).Memory() == memory {
		if r.Output == OutputImage {
			add(r.VAE.Values(vae.Work{Height: r.Height, Width: r.decodedWidth(), Tile: r.decodeTile, Exact: r.TileExact, Seamless: r.seams()}))
		}
		if encode {
			add(r.VAE.Values(vae.Work{Encode: true, Height: r.Height, Width: r.Width, Tile: r.encodeTile, Exact: r.TileExact, Seamless: r.seams()}))
		}
	}
	return most, err
}

// recordRoom is how many bytes the record may take from which a Step saves the run: as
// many as two calls of the model a step need, or else as the limit allows beside n, if
// it allows one call a step. Otherwise, and without OnStep, it is 0. It does not depend
// on other calls.
func (r *run) recordRoom(n engine.Need) int64 {
	if r.OnStep == nil {
		return 0
	}
	perCall := collected * 2 * r.latentBytes() // the estimate, and the state that inpainting changes
	if sampler.NeedsUncond(r.sampler) {
		perCall += collected * r.latentBytes()
	}
	once := perCall * int64(len(r.schedule.Sigmas))
	room := min(2*once, model.Of(r.UNet).Spare(n))
	if room < once {
		return 0
	}
	return room
}
