package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestBar(t *testing.T) {
	for _, tt := range []struct {
		step, steps int
		left        time.Duration
		columns     int
		want        string
	}{
		{1, 4, 0, 80, "[##########..............................] 1/4"},
		{4, 4, 0, 80, "[########################################] 4/4"},
		{12, 25, 34 * time.Second, 40, "[########..........] 12/25, 0:34 left"},
		{12, 25, 34 * time.Second, 28, "[##....] 12/25, 0:34 left"},
		{12, 25, 34 * time.Second, 26, "12/25, 0:34 left"},
		{12, 25, 34 * time.Second, 18, "[###....] 12/25"},
		{12, 25, 34 * time.Second, 8, "12/25"},
		{12, 25, 34 * time.Second, 7, ""},
		{12, 25, 34 * time.Second, 0, ""},
		{1, 1000, 100 * time.Hour, 80, "[........................................] 1/1000, 100:00:00 left"},
		{1, 1000, time.Nanosecond, 10, "1/1000"},
	} {
		assert.Equal(t, tt.want, bar(tt.step, tt.steps, tt.left, tt.columns))
	}
	for columns := range 200 {
		for _, step := range []int{1, 999, 1000} {
			assert.LessOrEqual(t, len(bar(step, 1000, time.Hour, columns)), max(0, columns-margin))
		}
	}
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Millisecond: "0:01", time.Second: "0:01", 61 * time.Second: "1:01", time.Hour - time.Millisecond: "1:00:00", 3723 * time.Second: "1:02:03",
	} {
		assert.Equal(t, want, clock(d), d)
	}
}

// The first step has the text encoder's time before it, and does not count once
// there is a second one.
func TestTimeLeft(t *testing.T) {
	begin := time.Unix(1000, 0)
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	p := &progress{since: begin}
	assert.Equal(t, 90*time.Second, p.left(1, 10, at(10)))
	assert.Equal(t, 16*time.Second, p.left(2, 10, at(12)))
	assert.Equal(t, 15*time.Second, p.left(5, 10, at(22)))
	assert.Zero(t, p.left(10, 10, at(40)))
	assert.Zero(t, (&progress{}).left(1, 10, at(1)), "not known")
}
