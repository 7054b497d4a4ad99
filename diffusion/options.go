package diffusion

import (
	"gorgonia.org/tensor"

	"sdgo/diffusion/watermark"
	"sdgo/sampler"
	"sdgo/unet"
)

// Options say how a picture is made. Nil, and the zero value, mean the defaults. An
// option that is for another task than the call's, or for another sampler, is an
// error. What only tunes guidance (NegativePrompt, GuidanceRescale,
// GuidanceInterval), reuse or merging (Branch, Levels) has no effect while that is
// off, so that it can be switched on and off alone.
type Options struct {
	// NegativePrompt is what guidance leads away from.
	NegativePrompt string

	// Prompt2 and NegativePrompt2 are what the second text encoder of Stable Diffusion XL
	// reads. Empty means the prompt, and NegativePrompt. Where both negative prompts are
	// empty the negative embeddings are zeros if the model says so, as Stable Diffusion
	// XL does (force_zeros_for_empty_prompt). They are an error for other models.
	Prompt2, NegativePrompt2 string

	// Syntax is how the prompts are written: whether they have weights and edits, and may be
	// longer than the text encoder reads at once. Zero means plain words.
	Syntax Syntax

	// Cond and NegativeCond [1 T D] are embeddings in place of the prompt, which is then
	// empty, and of NegativePrompt: float32, of any number T of tokens, D being the width
	// that the U-Net reads (its cross_attention_dim). TextEncoder.Encode makes such. They
	// are read during the call and must not change. If the two have different lengths,
	// or one is a text of 77 tokens, the U-Net reads them one after the other instead of
	// side by side; diffusers wants equal lengths. They count towards
	// LoadOptions.MaxMemory. Of Stable Diffusion XL D is that of both text encoders side
	// by side, each TextEncoder.WithoutNorm and with clip skip 1.
	Cond, NegativeCond *tensor.Dense

	// PooledCond and NegativePooledCond [1 D] are the embeddings of the whole text that go
	// with Cond and NegativeCond in Stable Diffusion XL, which wants both: what
	// TextEncoder2.Encode returns as Pooled. They are an error for other models.
	PooledCond, NegativePooledCond *tensor.Dense

	// Framing is what Stable Diffusion XL is told of the picture beside the prompt, and
	// NegativeFraming beside the negative prompt, of which the zero value means Framing.
	// They are an error for other models.
	Framing, NegativeFraming Framing

	// Width and Height are the size of the picture in pixels, multiples of 8
	// (in general of the VAE's factor). Zero means the size the model was trained
	// on, or that of the given image, rounded down to a multiple.
	Width, Height int

	// Steps is the number of sampling steps, 1 to 1000. Zero means 50, or as many as the
	// model was trained for, see [Pipeline.Defaults]. Noise levels may allow fewer, which the
	// error then says: "leading" timesteps 998 or 999, LCM and TCD those of their original
	// steps.
	Steps int

	// Guidance is the guidance scale of Ho and Salimans (2022), at most 1000.
	// Zero means 7.5, or 5 in Stable Diffusion XL, or what a model for few steps was
	// trained for, see [Pipeline.Defaults]; one and less turn guidance off, which
	// halves the work. A sampler with CFG++ takes the same number as it is and wants it
	// small, about 0.5 to 2; one is then a scale like any other. A model that was distilled from guided ones
	// (LCM's, whose U-Net has a time_cond_proj_dim) reads the scale as an input: every
	// scale costs one half, and the negative prompt has no effect.
	//
	// https://arxiv.org/abs/2207.12598
	Guidance float64

	// GuidanceRescale, 0 to 1, brings the guided prediction's standard deviation
	// back towards the conditional one's (Lin et al. 2023, section 3.4).
	//
	// https://arxiv.org/abs/2305.08891
	GuidanceRescale float64

	// ImageGuidance is how much the image counts in Edit, at most 1000. Zero means 1.5;
	// below 1 all guidance is off. It is an error in other calls.
	ImageGuidance float64
	// NoiseLevel is how much noise the image of Upscale gets, 1 to the model's highest
	// level, mostly 350: zero means 20, and NoNoise 0. The embedding of UnCLIP's image gets
	// 0 to 999. It is an error in other calls.
	NoiseLevel int

	// GuidanceInterval is the range of noise levels, Low ≤ σ ≤ High, in which
	// guidance is applied (Kynkäänniemi et al. 2024); outside it the unconditional
	// half is not computed. High zero means no upper bound.
	//
	// https://arxiv.org/abs/2404.07724
	GuidanceInterval Interval

	// Guider is the guidance, in place of what Guidance and GuidanceRescale choose: these
	// are zero then (but Guidance may be set for a U-Net that reads it). GuidanceInterval
	// holds for it, too. The call takes the memory for both prompts side by side, whatever
	// the Guider needs of them. Nil means the guidance of the other options.
	Guider Guider

	// Class is the class to make a picture of, and NegativeClass what guidance leads away from,
	// with a model without text that has classes; see [Pipeline.Unconditional].
	Class, NegativeClass *int

	// AestheticScore and NegativeAestheticScore, 0 to 10, tell the refiner of Stable
	// Diffusion XL how good the picture is to look, and how the one that guidance leads
	// away from. Zero means 6 and 2.5. They are an error for other models.
	AestheticScore, NegativeAestheticScore float64

	// Boxes are at most 30 parts of the picture with what is to stand in them, for a model
	// that was taught layouts (GLIGEN). They count in the first share BoxShare of the run, 0
	// to 1, of which zero means 0.3, or 1 of a model that reads pictures in boxes, too.
	Boxes    []Box
	BoxShare float64

	// Reuse spares most of the U-Net in some of its calls, and TokenMerging makes its
	// self-attention cheaper. The zero values do not, and pictures are exact.
	Reuse        Reuse
	TokenMerging unet.TokenMerging

	// FreeU weighs what the U-Net joins on its way up. The zero value does not.
	FreeU unet.FreeU `json:"freeu"`

	// Seamless lets the picture go on with its other side, so that copies side by side
	// have no seam: in the U-Net, the VAE, its tiles and that of previews. The zero value
	// does not.
	Seamless unet.Seamless

	// Regions are parts of the picture with prompts of their own: see [Region]. Of regions
	// that overlap each counts by its weight. Nil means none.
	Regions []Region

	// BaseWeight is how much the prompt counts everywhere beside regions, up to 100: 1 is
	// how ComfyUI combines conditionings. Zero means that it fills what regions leave of a weight of 1.
	BaseWeight float64

	// Windows make pictures larger than those that the model was trained on, such as
	// panoramas: see [Windows]. The zero value has none.
	Windows Windows

	// Seed seeds the noise, as torch.Generator("cpu").manual_seed does. Image i of
	// a call has the seed Seed+i, and is the picture that this seed gives alone.
	Seed uint64

	// NewNoise starts the stream of normal noise of a seed, from which all that is
	// random in one image is drawn. Nil means sampler.NewTorch, torch's generator
	// on a CPU; sampler.NewPhilox draws as torch does on CUDA.
	NewNoise func(seed uint64) sampler.Noise

	// Images is the number of pictures, 1 to 1024. Zero means 1.
	Images int

	// Sampler steps between the noise levels. Nil means what the model's scheduler
	// config says. The levels are those that the config gives under the scheduler
	// class that suits the sampler, sampler.Info.Class for those with a name, with the
	// config's clipping and thresholding as far as the class has them. A sampler as
	// the name of its class gives it ("DPMSolverMultistepScheduler", "unipc_2") has the
	// config's algorithm, order and solver type too. On the caller's own see the package.
	Sampler sampler.Sampler

	// Schedule names the noise levels ("karras", "trailing", …; see ScheduleNamed of
	// package scheduler's Config). Empty means what the model's scheduler config says,
	// under the class that the Sampler, or what it wraps, has: sampler.SchedulerClass.
	// "karras", "exponential" and "beta_sigma" are diffusers' keys, whose levels in
	// some classes lie between those of the spacing; sampler.ParseLabel gives for
	// a label of WebUI's, such as "Euler Karras", the name of WebUI's levels.
	Schedule string

	// DiscardPenultimate takes the levels of one step more and leaves out the one
	// before the last, as other programs do for DPM2 and UniPC.
	DiscardPenultimate bool

	// Sigmas are noise levels of the caller's own, decreasing, the last possibly
	// zero, 2 to 10,001 of them; they take the place of Steps and Schedule, of which
	// only Steps may be set, to their number. Nil means none.
	Sigmas []float64

	// Eta is the share of fresh noise in DDIM's steps, or TCD's gamma, 0 to 1. It
	// is an error to set it for another sampler.
	Eta float64

	// Adapters change the model for this call, in their order: LoRA and its kin, see
	// [Pipeline.LoadAdapter] and [LoadedAdapter]. Each adds to what the model's own weights
	// give; several DoRA each start from those, too. Nil means none.
	Adapters []Adapter

	// Controls steer the picture by others, with ControlNets and T2I-Adapters: see
	// [Pipeline.LoadControl] and [Control]. They are for all tasks but those of other
	// networks. Without Width and Height, TextToImage makes a picture of the size of the
	// first one's. With Reuse a ControlNet is computed in every call all the same. Nil means
	// none.
	Controls []Control

	// ImagePrompts are pictures that lead the model beside the prompt, each through an
	// IP-Adapter, see [Pipeline.LoadIPAdapter]. Nil means none.
	ImagePrompts []ImagePrompt

	// Embeddings are textual inversions, whose words the prompts may have: see
	// [Pipeline.LoadEmbedding]. Nil means none.
	Embeddings []Embedding

	// ClipSkip is the number of last layers of the text encoder that the prompt
	// leaves out, of Stable Diffusion XL beside the one that it always does; as in
	// diffusers, the negative prompt goes through all, but in another Syntax than the plain
	// one it leaves them out, too.
	ClipSkip int

	// Latents is the noise to begin with [Images 4 H/8 W/8], of unit variance,
	// instead of that drawn from the seeds. Where there is an image it is the noise
	// added to it. With DenoisingStart it is what another run ended with.
	Latents *tensor.Dense

	// DenoisingEnd and DenoisingStart hand a run from one model to another, as from
	// Stable Diffusion XL's base to its refiner: shares of the training timesteps, in
	// [0, 1]. A run ends where the first part that DenoisingEnd says is done, and its
	// Result.Latents are what it has then; with Output OutputLatent nothing is decoded. One
	// begins where the part that DenoisingStart says is done, from the Latents of that
	// result; or in ImageToImage, and in Inpaint without Latents, from the image, to which
	// it adds no noise. Of the levels those that diffusers' denoising_end and
	// denoising_start take are run, so that both runs have the same Steps and Sampler.
	// A sampler of two calls a step may stop between them, as there, and the other run
	// begins with that step anew. Zero means the whole run.
	DenoisingEnd, DenoisingStart float64

	// Output is what the call makes. Zero means OutputImage.
	Output Output

	// Strength is how much of the image is replaced by noise, in (0, 1]; it is for
	// ImageToImage and DepthToImage, where zero means 0.8, and Inpaint, where zero means
	// 1, and an error in TextToImage. Of the steps it leaves that share, with LCM's scheduler too,
	// as diffusers' StableDiffusionImg2ImgPipeline does;
	// LatentConsistencyModelImg2ImgPipeline takes all steps from lower levels.
	Strength float64

	// HighRes makes TextToImage draw in two passes, the second one larger.
	HighRes HighRes

	// Wrap, if not nil, gets the Denoiser of the run, which has prediction and
	// guidance inside and inpainting outside of it, and returns the one to use
	// instead: the place for a method of one's own.
	Wrap func(sampler.Denoiser) sampler.Denoiser

	// Mask says which pixels of an inpainting mask are repainted. Zero means
	// MaskLuminance: the bright ones. Other than zero it is an error in calls without
	// a mask.
	Mask MaskMode

	// MaskCells says which cells of the latents an inpainting mask repaints. Zero
	// means MaskCellsAny: those with any pixel of the mask; MaskCellsSoft makes its value a
	// strength. Other than zero it is an
	// error in calls without a mask.
	MaskCells MaskCells

	// MaskBlur feathers an inpainting mask, before anything else is done with it, by a
	// Gaussian of this deviation in pixels of the picture, 0 to 1024.
	MaskBlur float64
	// MaskPadding above zero makes Inpaint draw only the part around the mask, with so many
	// pixels on each side, see [Pipeline.Inpaint].
	MaskPadding int

	// KeepOutside makes Inpaint lay the image, resized where the picture has another size,
	// over the result by the mask's value: black gives its pixels byte for byte, white the
	// result's, and gray mixes the two. It is apply_overlay of diffusers.
	KeepOutside bool

	// Checker looks at the finished pictures, and may flag or replace them, after that of
	// LoadOptions.SafetyChecker; latents and OnStep are not checked. Nil means none.
	Checker ImageChecker

	// Tile is the side in pixels of the overlapping tiles in which the VAE encodes
	// and decodes a larger picture, a multiple of 32 (in general of four times the
	// VAE's factor): it takes less memory, and the picture differs slightly from
	// that of the whole. diffusers' enable_vae_tiling is the vae config's
	// sample_size, mostly 512. Zero means whole pictures, and where
	// LoadOptions.MaxMemory has no room for that, the largest of sample_size, its
	// half and its quarter that fits. WholePicture means never by tiles.
	Tile int

	// TileExact makes tiles give the bytes of the whole, see Exact of vae.Options.
	TileExact bool

	// Watermark is hidden in the pictures, of 65,536 pixels and more, last of all, see package
	// watermark: that of the original scripts is watermark.StableDiffusionV1. Empty means none.
	Watermark watermark.Mark

	// OnStep is called after every step, on the goroutine of the call. An error
	// from it ends the run and is returned. For Step.Save the run keeps what the model
	// has computed, as many numbers as the latents have for each call of the model (or
	// up to three times as many), if LoadOptions.MaxMemory has room for that.
	OnStep func(Step) error

	// Resume takes up a run that Step.Save saved, after that step. The call and its other
	// options must be the same but for what Step.Save says; the result then is, too.
	Resume []byte
}
