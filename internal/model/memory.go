package model

import (
	"context"
	"fmt"

	"sdgo/internal/engine"
)

// Claim claims memory for a call that makes runs and holds more beside them.
func (m *Model) Claim(ctx context.Context, need engine.Need) (*engine.Claim, error) {
	if ctx == nil {
		return nil, fmt.Errorf("%s: have a nil context", m.name)
	}
	c, err := m.eng.Claim(ctx, need)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	return c, nil
}

// Spare returns how many bytes in small pieces a call could take beside its need if it
// ran alone.
func (m *Model) Spare(need engine.Need) int64 { return m.eng.Spare(need) }

// Memory is the account of what the model and those that share it take.
func (m *Model) Memory() *engine.Memory { return &m.eng.Memory }

// Claimed says whether ctx carries a claim on the model's memory.
func (m *Model) Claimed(ctx context.Context) bool { return m.eng.Claimed(ctx) }

// Threads is the number of goroutines of a run.
func (m *Model) Threads() int { return m.eng.Threads() }

// Limited says whether the caller limited the memory.
func (m *Model) Limited() bool { return m.eng.Limited() }

// Values returns the bytes of intermediate values of a run with the key.
func (m *Model) Values(key any, build Build) (int64, error) {
	leave, err := m.enter(context.Background())
	if err != nil {
		return 0, err
	}
	defer leave()
	plan, err := m.plan(key, build)
	return plan.Bytes(), err
}

// Check reports as an error that a run with the key, and extra bytes that the
// caller needs beside it, would not fit in memory.
func (m *Model) Check(key any, build Build, extra int64, what string) error {
	leave, err := m.enter(context.Background())
	if err != nil {
		return err
	}
	defer leave()
	plan, err := m.plan(key, build)
	if err != nil {
		return err
	}
	if err := m.eng.Check(plan, extra, what); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	return nil
}
