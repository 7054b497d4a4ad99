package unet

import (
	"context"
	"fmt"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
)

// Check reports as an error that the parts, and n bytes that the caller keeps beside
// them, would not fit in the memory allowed.
func (s *Split) Check(n int64, what string) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, p := range []part{head, deep, tail} {
		if err := s.u.model.Check(s.key(p), s.build(p), s.Held()+n, what); err != nil {
			return err
		}
	}
	return nil
}

// what is what the Split's memory is for.
func (s *Split) what() string {
	return fmt.Sprintf("a part of a prediction for latents %v", s.shape.latents.shape())
}

// Held returns the bytes that the Split holds from the first Head to Close.
func (s *Split) Held() int64 {
	if s == nil {
		return 0
	}
	return 4 * int64(s.heldNumbers())
}

// heldNumbers are those of the skips, and of the residuals and features.
func (s *Split) heldNumbers() (n int) {
	for _, shape := range s.skipShapes {
		n += shape.TotalSize()
	}
	for _, f := range s.addedFields() {
		n += tensor.Shape(f.shape).TotalSize()
	}
	return n
}

// addedFields are the residuals and features of the Split's shape.
func (s *Split) addedFields() []field[dims] {
	if s.u == nil {
		return nil
	}
	return addFields(s.u, &Conditioning[dims]{}, s.shape)
}

// Values returns the bytes of intermediate values of the largest part.
func (s *Split) Values() (most int64, err error) {
	if err := s.begin(); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	return s.values()
}

func (s *Split) values() (most int64, err error) {
	for _, p := range []part{head, deep, tail} {
		n, err := s.u.model.Values(s.key(p), s.build(p))
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}

// take waits for the memory of the skips and takes it.
func (s *Split) take(ctx context.Context) error {
	if s.block != nil {
		return nil
	}
	if !s.u.model.Claimed(ctx) {
		values, err := s.values()
		if err != nil {
			return err
		}
		if s.claim, err = s.u.model.Claim(ctx, engine.Need{What: s.what(), Held: s.Held(), Turn: values, Caller: engine.Goroutine()}); err != nil {
			return err
		}
	}
	var err error
	if s.block, err = engine.Scratch(s.heldNumbers(), "the skips of a divided prediction"); err != nil {
		s.release()
		return fmt.Errorf("unet: %w", err)
	}
	rest := s.block.Data
	for _, shape := range s.skipShapes {
		n := shape.TotalSize()
		s.skips = append(s.skips, engine.Tensor(rest[:n:n], shape...))
		rest = rest[n:]
	}
	s.added = make(map[string][]float32)
	for _, f := range s.addedFields() {
		n := tensor.Shape(f.shape).TotalSize()
		s.added[f.name] = rest[:n:n]
		rest = rest[n:]
	}
	return nil
}

// release gives back what take took.
func (s *Split) release() {
	if s.block != nil {
		s.block.Free()
	}
	if s.claim != nil {
		s.claim.Close()
	}
	s.block, s.claim = nil, nil
}
