package ldm

import "strings"

// Why tensors say nothing of a model that runs.
const (
	averages = "averages over training"
	schedule = "a schedule of noise, which the scheduler makes"
	training = "of training alone"
	numbers  = "numbers that are computed"
	marks    = "a mark that is read with the others, or a number of training"
)

// trained are names that say nothing of a model that runs, by what they begin with, and
// by what they end with.
var (
	trained = []struct{ begin, why string }{
		{"model_ema.", averages}, {"model.diffusion_model_ema.", averages},
		{"betas", schedule}, {"alphas_cumprod", schedule}, {"sqrt_", schedule}, {"log_one_minus_", schedule},
		{"posterior_", schedule}, {"denoiser.", schedule}, {"low_scale_model.", schedule}, {"lvlb_weights", training}, {"logvar", training},
		{"embedding_manager", training}, {"loss.", training}, {vaePrefix + "loss.", training},
		{"v_pred", marks}, {edmMean, marks}, {edmStd, marks}, {"edm_vpred.", marks}, {"ztsnr", marks}, {"global_step", marks}, {"scale_factor", marks},
		{"cond_stage_model.logit_scale", training},
	}
	trainedEnds = []struct{ end, why string }{
		{".position_ids", numbers}, {".logit_scale", training}, {".attn_mask", numbers}, {".num_batches_tracked", training},
	}
)

// ignored says whether a tensor says nothing of a model that runs.
func ignored(name string) bool { return Why(name) != "" }

// Why says why a tensor says nothing of a model that runs, or is "".
func Why(name string) string {
	for _, t := range trained {
		if strings.HasPrefix(name, t.begin) {
			return t.why
		}
	}
	for _, t := range trainedEnds {
		if strings.HasSuffix(name, t.end) || name == t.end[1:] {
			return t.why
		}
	}
	return ""
}

// unused are the tensors that no part has, though they may matter.
func (f *file) unused() (names []string) {
	for _, name := range f.names {
		if !f.used[name] && !ignored(name) {
			names = append(names, f.original(name))
		}
	}
	return names
}

// Fate is what becomes of a tensor of a file.
type Fate struct {
	Name string   // in the file
	Part string   // "" if none has it
	As   []string // what it is called in the part; several if it is split
	Left string   // why it is left out; "" if a part has it, or nobody knows it
}

// Fates are what becomes of each tensor, in the file's order.
func (m *Model) Fates() []Fate { return m.file.fates(m.Parts) }

func (f *file) fates(parts map[string]*Part) []Fate {
	found := make(map[string]*Fate)
	for part, p := range parts {
		for _, to := range p.names {
			from := p.pieces[to].name
			if found[from] == nil {
				found[from] = &Fate{Part: part}
			}
			found[from].As = append(found[from].As, to)
		}
	}
	fates := make([]Fate, 0, len(f.names))
	for _, name := range f.names {
		fate := Fate{Left: f.left[name]}
		switch {
		case found[name] != nil:
			fate = *found[name]
		case fate.Left == "":
			fate.Left = Why(name)
		}
		if fate.Left == averages && f.view != nil && f.view.ema {
			fate.Left = "replaced by its average over training"
		}
		fate.Name = f.original(name)
		fates = append(fates, fate)
	}
	return fates
}
