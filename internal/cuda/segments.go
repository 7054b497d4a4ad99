//go:build gpu && cgo && linux

package cuda

import (
	"context"
	"time"

	"gorgonia.org/cu"

	"sdgo/internal/cuda/driver"
	"sdgo/internal/device"
)

// A sequence is replayed in segments of at most segmentTime and segmentLaunches. Two of
// them are on their way at a time, so that the device does not wait for the host, and a
// run that is cancelled ends soon.
const (
	segmentTime     = 20 * time.Millisecond
	segmentLaunches = 64
)

// A device is taken to need paceAtFirst times as long as on paper, until it was seen to
// need longer.
const paceAtFirst = 2

// slowRuns is in how many runs in a row a segment takes too long before the launches are
// cut anew: once may have been by chance.
const slowRuns = 2

// segments are a sequence's launches, captured.
type segments struct {
	d        *Device
	launches []device.Launch
	list     []segment
	pace     float64     // they were cut for
	needed   float64     // the pace that segments were seen to need that took too long
	slow     int         // runs in a row with such ones
	passed   [3]cu.Event // at the begin of a run and the ends of segments, by turns
}

// segment is one of them.
type segment struct {
	graph *driver.Graph
	paper time.Duration // what it takes on paper
	many  bool          // it has several launches
}

// prepare captures the launches.
func (s *segments) prepare() (err error) {
	for i := range s.passed {
		if s.passed[i], err = cu.MakeEvent(cu.DefaultEvent); err != nil {
			return driver.Wrap("cuEventCreate", err)
		}
	}
	return s.capture(s.d.pace)
}

// replace captures other launches, and keeps those that it has if that fails.
func (s *segments) replace(launches []device.Launch) error {
	had := s.launches
	s.launches = launches
	if err := s.capture(max(s.pace, s.d.pace)); err != nil {
		s.launches = had
		return err
	}
	s.slow = 0
	return nil
}

// capture cuts and captures the launches for a pace.
func (s *segments) capture(pace float64) error {
	var made segments
	target := s.d.Target(device.F16)
	for _, part := range device.Segments(s.launches, target, pace, s.d.segmentTime, segmentLaunches) {
		g, err := driver.Capture(s.d.stream, func() error {
			for _, l := range part {
				if err := s.d.launch(l); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			made.destroy()
			return err
		}
		made.list = append(made.list, segment{g, device.Time(part, target), len(part) > 1})
	}
	s.destroy()
	s.list, s.pace = made.list, pace
	return nil
}

// run queues the segments, but no more than two at a time.
func (s *segments) run(ctx context.Context) error {
	if s.slow >= slowRuns {
		s.slow = 0
		if err := s.capture(s.needed); err != nil {
			return err
		}
	}
	s.needed = s.pace
	if err := s.mark(0); err != nil {
		return err
	}
	for i, part := range s.list {
		if i >= 2 {
			if err := s.passed[(i-1)%len(s.passed)].Synchronize(); err != nil {
				return driver.Wrap("cuEventSynchronize", err)
			}
			if err := s.measure(i - 2); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := part.graph.Launch(s.d.stream); err != nil {
			return err
		}
		if err := s.mark(i + 1); err != nil {
			return err
		}
	}
	return nil
}

// mark records that so many segments are done.
func (s *segments) mark(done int) error {
	return driver.Wrap("cuEventRecord", s.passed[done%len(s.passed)].Record(s.d.stream))
}

// measure looks how long a segment took, whose end has passed.
func (s *segments) measure(i int) error {
	ms, err := s.passed[i%len(s.passed)].Elapsed(s.passed[(i+1)%len(s.passed)])
	if err != nil {
		return driver.Wrap("cuEventElapsedTime", err)
	}
	if took := time.Duration(ms * 1e6); took > s.d.segmentTime && s.list[i].many {
		s.needed = max(s.needed, float64(took)/float64(s.list[i].paper))
	}
	return nil
}

// ended takes note of a run that is complete.
func (s *segments) ended() error {
	for i := max(0, len(s.list)-2); i < len(s.list); i++ {
		if err := s.measure(i); err != nil {
			return err
		}
	}
	if s.needed <= s.pace {
		s.slow = 0
		return nil
	}
	if s.slow++; s.slow == slowRuns {
		s.d.pace = max(s.d.pace, s.needed)
	}
	return nil
}

// destroy gives the graphs back.
func (s *segments) destroy() {
	for _, part := range s.list {
		part.graph.Destroy()
	}
	s.list = nil
}

// close gives all back.
func (s *segments) close() {
	s.destroy()
	for _, e := range s.passed {
		if (e != cu.Event{}) {
			cu.DestroyEvent(&e)
		}
	}
}
