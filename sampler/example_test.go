package sampler_test

import (
	"fmt"

	"sdgo/sampler"
)

// A name may be that of any program.
func ExampleByName() {
	for _, name := range []string{"DPM++ 2M", "k_euler_a"} {
		s, err := sampler.ByName(name)
		fmt.Printf("%T %v\n", s, err)
	}
	// Output:
	// sampler.DPMPP2M <nil>
	// sampler.EulerAncestral <nil>
}
