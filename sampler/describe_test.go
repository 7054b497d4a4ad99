package sampler_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// The ways in which a caller may pass a sampler on.
type (
	holds   struct{ inside sampler.Sampler } // and says what
	embeds  struct{ sampler.Sampler }
	embedsA struct{ sampler.PLMS }
	embedsB struct{ *sampler.DPMPP2M }
	says    struct{ sampler.Sampler } // another class
	deep    struct {
		counts
		*embeds
	}
	counts  struct{}
	another struct{}
)

func (w holds) Unwrap() sampler.Sampler { return w.inside }

func (w holds) Sample(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
	return w.inside.Sample(ctx, denoise, x, sigmas, noise)
}

func (says) SchedulerClass() string { return "LCMScheduler" }

func (another) Sample(context.Context, sampler.Denoiser, []float32, []float64, sampler.Noise) error {
	return nil
}

// pointer returns a pointer to a copy of a sampler.
func pointer(s sampler.Sampler) sampler.Sampler {
	p := reflect.New(reflect.TypeOf(s))
	p.Elem().Set(reflect.ValueOf(s))
	return p.Interface().(sampler.Sampler)
}

// ways are those in which a sampler may come.
func ways(s sampler.Sampler) map[string]sampler.Sampler {
	return map[string]sampler.Sampler{
		"value":           s,
		"pointer":         pointer(s),
		"held":            holds{s},
		"held by pointer": &holds{pointer(s)},
		"embedded":        embeds{s},
		"embedded deeper": &embeds{holds{embeds{pointer(s)}}},
		"bounded":         sampler.Bounded(embeds{s}, sampler.Solver{Clip: 1}),
	}
}

// Each named sampler knows its name and with it its class, however it comes.
func TestDescribe(t *testing.T) {
	for _, want := range append(sampler.Names(), sampler.Inverses()...) {
		s, err := sampler.ByName(want.Name)
		require.NoError(t, err)
		for way, s := range ways(s) {
			info, ok := sampler.Describe(s)
			require.True(t, ok, "%s %s", want.Name, way)
			assert.Equal(t, want.Name, info.Name, way)
			assert.Equal(t, want.Class, sampler.SchedulerClass(s), "%s %s", want.Name, way)
			assert.Equal(t, strings.Contains(want.Name, "cfg"), sampler.NeedsUncond(s), "%s %s", want.Name, way)
		}
	}
	for _, info := range sampler.Inverses() {
		assert.True(t, info.Inverse())
	}
	for _, info := range sampler.Names() {
		assert.False(t, info.Inverse())
	}
}

func TestDescribeOthers(t *testing.T) {
	for _, tt := range []struct {
		sampler     sampler.Sampler
		name, class string
	}{
		{nil, "", ""},
		{(*sampler.Euler)(nil), "", ""},
		{another{}, "", ""},
		{holds{}, "", ""},
		{embeds{}, "", ""},
		{embeds{(*sampler.Euler)(nil)}, "", ""},
		{holds{another{}}, "", ""},
		{sampler.EulerLateChurn{}, "", ""},
		{embedsA{}, "plms", "PNDMScheduler"},
		{&embedsA{sampler.PLMS{VPrediction: true}}, "plms", "PNDMScheduler"},
		{embedsB{&sampler.DPMPP2M{}}, "dpmpp_2m", "DPMSolverMultistepScheduler"},
		{deep{counts{}, &embeds{sampler.TCD{}}}, "tcd", "TCDScheduler"},
		{deep{}, "", ""},
		{says{sampler.PLMS{}}, "plms", "LCMScheduler"},
		{holds{&says{another{}}}, "", "LCMScheduler"},
		{sampler.DEIS{Order: 2}, "deis", "EulerDiscreteScheduler"},
		{sampler.UniPC{Order: 2, LowerOrderFinal: true}, "unipc_bh2", "EulerDiscreteScheduler"},
		{sampler.SASolver{}, "sa_solver", "EulerDiscreteScheduler"},
	} {
		info, ok := sampler.Describe(tt.sampler)
		assert.Equal(t, tt.name != "", ok, "%T", tt.sampler)
		assert.Equal(t, tt.name, info.Name, "%T", tt.sampler)
		assert.Equal(t, tt.class, sampler.SchedulerClass(tt.sampler), "%T", tt.sampler)
	}
	endless := &holds{}
	endless.inside = endless
	_, ok := sampler.Describe(endless)
	assert.False(t, ok)
}
