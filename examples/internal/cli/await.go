package cli

import "context"

// await returns what f returns, or ctx's error as soon as ctx is done. F is what cannot
// be interrupted, such as a read from a terminal or the decoding of a large photo; it
// then goes on alone, until the process ends.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	case r := <-done:
		return r.value, r.err
	}
}
