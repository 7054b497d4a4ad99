package unet

import "fmt"

// Branches is the number of skip connections, and of layers that each way has:
// conv_in, and the residual blocks and downsamplers below it.
func (u *UNet) Branches() int {
	if u == nil {
		return 0
	}
	return len(u.downs)
}

// LevelBranch returns the skip branch below which nothing of the given level is
// cut off, counted from 1 at the top: the last that this level's up block takes.
func (u *UNet) LevelBranch(level int) (int, error) {
	if err := u.loaded(); err != nil {
		return 0, err
	}
	if levels := len(u.Config.BlockOutChannels); level < 1 || level >= levels {
		return 0, fmt.Errorf("unet: have level %d, want 1 to %d", level, levels-1)
	}
	branch := 0
	for i := range level {
		branch += u.Config.LayersPerBlock.At(i) + 1
	}
	return branch, nil
}

// checkBranch wants a place where the network can be cut.
func (u *UNet) checkBranch(branch int) error {
	if err := u.loaded(); err != nil {
		return err
	}
	if most := len(u.downs) - 1; branch < 1 || branch > most {
		return fmt.Errorf("unet: have skip branch %d, want 1 to %d", branch, most)
	}
	return nil
}
