package diffusion

import (
	"context"
	"fmt"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/unet"
)

// probe is what is done with a model of Stable Diffusion 2 of which nothing says what it
// predicts: it is asked.
type probe struct {
	file  string // for warnings
	sized bool   // a file beside the model says how large its pictures are
}

// What the U-Net is asked, and below which mean it predicts v: as A1111's web UI and
// stable-diffusion.cpp do. At the highest noise level all that is given passes for noise,
// so that a prediction of the noise is near to it; v is near to the picture's negative.
//
// https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/master/modules/sd_models_config.py
const (
	probeValue  = 0.5
	probeTokens = 2
	probeCells  = 8
	probeTime   = 999
	probeLimit  = -1
)

// probeLater is what decides before the U-Net is loaded.
const probeLater = "a probe of the U-Net, when it is loaded"

// probePrediction asks the U-Net what it predicts, and sets the scheduler by that.
func (p *Pipeline) probePrediction(ctx context.Context, how *probe) error {
	mean, err := probeMean(ctx, p.UNet)
	if err != nil {
		return fmt.Errorf("diffusion: load: asking the U-Net what it predicts: %w", err)
	}
	kind := epsilon
	if mean < probeLimit {
		kind = vPrediction
	} else if !how.sized {
		p.UNet.Config.SampleSize = float64(cellsOfEpsilon)
	}
	p.Scheduler.PredictionType = kind
	p.Identity.Prediction = kind
	p.Identity.DecidedBy = fmt.Sprintf("a probe of the U-Net, whose mean was %.2f (below %d it is v)", mean, probeLimit)
	p.Warnings = append(p.Warnings, fmt.Sprintf("%s: %s was decided by %s (LoadOptions.Prediction)", how.file+untold, kind, p.Identity.DecidedBy))
	return nil
}

const untold = ": nothing says whether this model of Stable Diffusion 2 predicts v, as that of 768 pixels, or the noise, as that of 512"

// unasked is the warning of a model that is not loaded, so that it cannot be asked.
func (how *probe) unasked() string {
	return how.file + untold + ": v was taken (LoadOptions.Prediction)"
}

// cellsOfEpsilon are the latents' cells of the models of Stable Diffusion 2 that predict
// the noise, on each side.
const cellsOfEpsilon = 64

// probeMean is the mean of what the U-Net predicts, less that of what it is given.
func probeMean(ctx context.Context, u *unet.UNet) (float64, error) {
	constant := func(shape ...int) *tensor.Dense {
		x := make([]float32, tensor.Shape(shape).TotalSize())
		for i := range x {
			x[i] = probeValue
		}
		return engine.Tensor(x, shape...)
	}
	out, err := u.Predict(ctx, unet.Input{
		Latents:   constant(1, u.Config.InChannels, probeCells, probeCells),
		Timesteps: []float64{probeTime},
		Cond:      unet.Text(constant(1, probeTokens, u.Config.CrossAttentionDim.At(0))),
	})
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, v := range out.Float32s() {
		sum += float64(v)
	}
	return sum/float64(out.DataSize()) - probeValue, nil
}
