package sampler

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Info describes a sampler that has a name.
type Info struct {
	Name        string // canonical
	Description string // one line
	Class       string // the scheduler class of diffusers whose levels suit it
	Aliases     []string

	sampler Sampler
}

// Samplers are kept in the order in which they are listed to a user.
var named = []Info{
	{"euler", "first order, the plain method", "EulerDiscreteScheduler", []string{"k_euler"}, Euler{}},
	{"euler_ancestral", "Euler with fresh noise at every step", "EulerAncestralDiscreteScheduler", []string{"euler_a", "k_euler_a", "k_euler_ancestral"}, EulerAncestral{}},
	{"dpmpp_2m", "DPM-Solver++ of second order from the last two estimates", "DPMSolverMultistepScheduler", []string{"dpm++ 2m", "k_dpmpp_2m", "dpmsolver++"}, DPMPP2M{}},
	{"ddim", "Euler on the model's own timesteps, with noise by eta", "DDIMScheduler", nil, DDIM{}},
	{"plms", "Adams-Bashforth of fourth order, the first sampler of Stable Diffusion", "PNDMScheduler", []string{"pndm"}, PLMS{}},
}

// Names lists the samplers that ByName knows.
func Names() []Info { return slices.Clone(named) }

// ByName returns a sampler with its default options by its canonical name or by
// an alias, such as "DPM++ 2M" or "k_euler_a". Case and punctuation do not count,
// except that "++" reads as "pp".
func ByName(name string) (Sampler, error) {
	info, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	return info.sampler, nil
}

// Lookup returns the description of a named sampler.
func Lookup(name string) (Info, error) {
	key := plain(name)
	for _, info := range named {
		if key == plain(info.Name) || key == plain(info.Class) || slices.ContainsFunc(info.Aliases, func(a string) bool { return plain(a) == key }) {
			return info, nil
		}
	}
	var names []string
	for _, info := range named {
		names = append(names, info.Name)
	}
	slices.SortStableFunc(names, func(a, b string) int { return distance(plain(a), key) - distance(plain(b), key) })
	return Info{}, fmt.Errorf("sampler: name: have %q, want one of %s", name, strings.Join(names, ", "))
}

// plain reduces a name to its lower-case letters and digits.
func plain(name string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "++", "pp")
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, name)
}

// distance is the number of letters to insert, delete or replace between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
