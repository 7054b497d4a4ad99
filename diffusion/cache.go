package diffusion

import (
	"fmt"

	"sdgo/internal/weights"
)

// openCache returns the cache of packed weights, or nil for none.
func (o *LoadOptions) openCache() (*weights.Cache, error) {
	if o.Cache == "" {
		return nil, nil
	}
	c, err := weights.NewCache(o.Cache)
	if err != nil {
		return nil, wrong("Cache", fmt.Errorf("diffusion: load: %w", err))
	}
	return c, nil
}
