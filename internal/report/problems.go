// Package report says what is wrong with a checkpoint's tensors.
package report

import (
	"fmt"
	"strings"

	"sdgo/internal/quote"
)

// maxProblems is how many problems an error lists.
const maxProblems = 20

// Problems gathers what is wrong with a checkpoint: the first few, and how many there
// are in all.
type Problems struct {
	first []string
	total int
	lacks []Missing
}

// Missing is a tensor that a checkpoint lacks, or has in another shape.
type Missing struct {
	Key  string
	Want []int
	Have []int // nil if it is not there
}

// Lack adds a tensor that is missing or of another shape.
func (p *Problems) Lack(m Missing) {
	p.lacks = append(p.lacks, m)
	if m.Have == nil {
		p.Add("%s: missing, want %v", m.Key, m.Want)
		return
	}
	p.Add("%s: have shape %v, want %v", m.Key, m.Have, m.Want)
}

// Add adds a problem.
func (p *Problems) Add(format string, args ...any) {
	if p.total++; p.total <= maxProblems {
		p.first = append(p.first, quote.Cut(fmt.Sprintf(format, args...)))
	}
}

// Err returns them as a *WeightsError, or nil if there are none.
func (p *Problems) Err(model string) error {
	if p.total == 0 {
		return nil
	}
	return &WeightsError{model, p.first, p.total, p.lacks}
}

// WeightsError lists what is wrong with a checkpoint's tensors, in the checkpoint's
// names.
type WeightsError struct {
	Model    string
	Problems []string // the first 20
	Total    int      // of all problems
	Lacks    []Missing
}

func (e *WeightsError) Error() string {
	if e.Total == 1 {
		return e.Model + ": " + e.Problems[0]
	}
	which := ""
	if e.Total > len(e.Problems) {
		which = fmt.Sprintf(", the first %d", len(e.Problems))
	}
	return fmt.Sprintf("%s: %d problems with the weights%s:\n\t%s", e.Model, e.Total, which, strings.Join(e.Problems, "\n\t"))
}
