package scheduler_test

import (
	"fmt"

	"sdgo/scheduler"
)

// A model's file gives the levels of a run, and with another class those of
// another sampler.
func ExampleConfig_Schedule() {
	config, err := scheduler.ParseConfig([]byte(`{
		"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
		"beta_schedule": "scaled_linear", "skip_prk_steps": true, "steps_offset": 1}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	config, err = config.As("EulerDiscreteScheduler")
	if err != nil {
		fmt.Println(err)
		return
	}
	schedule, err := config.Schedule(4)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("timesteps", schedule.Timesteps)
	fmt.Printf("sigmas    %.4g\n", schedule.Sigmas)
	// Output:
	// timesteps [999 666 333 0]
	// sigmas    [14.61 2.918 0.9324 0.02917 0]
}
