package cli

import (
	"fmt"
	"strings"

	"sdgo/sampler"
	"sdgo/scheduler"
)

// near is the number of names that a message lists for one that is not known.
const near = 3

// UnknownSampler is the error for a sampler's name that is not known.
func UnknownSampler(name string) error {
	var names []string
	for _, info := range sampler.Nearest(name)[:near] {
		names = append(names, info.Name)
	}
	return fmt.Errorf("sampler: name: have %q, want one of %s", name, strings.Join(names, ", "))
}

// UnknownSchedule is the error for a schedule's name that is not known.
func UnknownSchedule(name string) error {
	var names []string
	for _, info := range scheduler.Nearest(name)[:near] {
		names = append(names, info.Name)
	}
	return fmt.Errorf("scheduler: schedule: have %q, want one of %s", name, strings.Join(names, ", "))
}
